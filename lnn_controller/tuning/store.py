"""
The trials of a search in a folder: Optuna's journal, and who runs which trial.

Whoever runs a trial holds a lock of its own, which the system lets go of when the process ends, however it ends. So no
clock is needed to see that a trial's process is gone, and processes of several machines can share the folder where
their file system has locks (NFS from version 4 on).
"""

import fcntl
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from lnn_controller.errors import InputError
from lnn_controller.tuning.space import Space

__all__ = ['BASELINE', 'ERROR', 'OVER', 'RUN_AGAIN', 'Store']

JOURNAL, NAME = 'study.journal', 'tune'
WRITING, NEXT = 'journal.lock', 'next.lock'
#: attributes of a trial: it has the config as it is; why it failed; it was ended with the budget; which it repeats
BASELINE, ERROR, OVER, RUN_AGAIN = 'baseline', 'error', 'over', 'run_again'
# Rungs of successive halving are the 2nd and the 6th validation of the usual 12; of three trials one goes on.
FIRST_RUNG, REDUCTION = 2, 3
# Trials that are drawn at random before TPE has something to go by.
DRAWN = 6
# A trial whose process was killed is run again; the config as it is always, another so often in all: it may be why.
ATTEMPTS, ATTEMPT = 3, 'attempt'


class _Lock:
    """Let go of by the system where a process is killed; Optuna's own would keep the others waiting half a minute."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def acquire(self) -> bool:
        self._file = self._path.open('w')
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        assert self._file is not None
        self._file.close()


class Store:
    """
    A search's folder.

    :param folder: it exists
    :raises InputError: if the journal in it is damaged
    """

    def __init__(self, folder: Path) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder = folder
        self._running: dict[int, TextIO] = {}
        with self._alone():
            self._mend()
            lock: Any = _Lock(folder / WRITING)  # Optuna exports no base of its locks
            backend = JournalFileBackend(str(folder / JOURNAL), lock)
            self.study = self._open(backend)

    def _open(self, backend: JournalFileBackend) -> optuna.Study:
        try:
            return optuna.create_study(
                study_name=NAME,
                storage=JournalStorage(backend),
                pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=FIRST_RUNG, reduction_factor=REDUCTION),
                load_if_exists=True,
            )
        except OSError:  # the disk
            raise
        except Exception:  # what is wrong with a line raises whatever the line makes of it
            journal = self.folder / JOURNAL
            raise InputError(
                f'{journal} must be the journal of a search. Got a damaged one: begin anew in another --out'
            ) from None

    @staticmethod
    def exists(folder: Path) -> bool:
        """
        Tell whether a search has begun in a folder.

        :param folder: it may be missing
        :returns: whether it has
        """
        return (folder / JOURNAL).exists()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process looks for its next trial meanwhile."""
        lock = _Lock(self.folder / NEXT)
        lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _mend(self) -> None:
        """Cut off half a line that a machine left behind that went down: Optuna refuses the whole journal for it."""
        path, lock = self.folder / JOURNAL, _Lock(self.folder / WRITING)
        lock.acquire()
        with suppress(FileNotFoundError):
            text = path.read_bytes()
            if text and not text.endswith(b'\n'):
                os.truncate(path, text.rfind(b'\n') + 1)
        lock.release()

    def settle(self, settings: Mapping[str, Any], space: Space) -> None:
        """
        Begin the search with the config as it is, or make sure that it is the one that began.

        :param settings: all that makes figures comparable, plain values
        :param space: what is searched
        :raises InputError: if another search began here
        """
        with self._alone():
            began_with = self.study.user_attrs.get('settings')
            if began_with is None:
                self.study.set_user_attr('settings', dict(settings))
            elif began_with != settings:
                other = [name for name in settings if began_with.get(name) != settings[name]]
                raise InputError(
                    f'--resume needs what the search in {self.folder} began with. Got other {", ".join(other)}: '
                    'choose another --out, or begin with these'
                )
            if not self.study.get_trials(deepcopy=False):
                self.study.enqueue_trial(space.of_base_within(), user_attrs={BASELINE: True})

    def begin(self, space: Space, trials: int) -> Trial | None:
        """
        Begin the next trial: one whose process was killed, or a new one.

        :param space: what is searched
        :param trials: at most so many in all
        :returns: the trial, with its values drawn; ``None``: there are enough
        """
        with self._alone():
            self._run_dead_again()
            found = self.study.get_trials(deepcopy=False)
            repeated = {each.user_attrs.get(RUN_AGAIN) for each in found}
            waiting = any(each.state == TrialState.WAITING for each in found)
            if not waiting and sum(each.number not in repeated for each in found) >= trials:
                return None
            # By the number of the trial: a search with one process gives the same again, resumed or not.
            self.study.sampler = optuna.samplers.TPESampler(seed=len(found), n_startup_trials=DRAWN, constant_liar=True)
            trial = self.study.ask()
            self._running[trial.number] = self._path(trial.number).open('w')
            fcntl.flock(self._running[trial.number], fcntl.LOCK_EX)
            trial.set_user_attr('process', f'{platform.node()} {os.getpid()}')
            within = space.of_base_within() if trial.user_attrs.get(BASELINE) else None
            for parameter in space.parameters:
                if within is None or parameter.name in within:
                    parameter.draw(trial)
            return trial

    def end(self, trial: Trial, value: float | None, state: TrialState) -> None:
        """
        End a trial of this process.

        :param trial: from :meth:`begin`
        :param value: its figure; ``None`` where it has none
        :param state: how it ended
        """
        self.study.tell(trial, value, state)
        self._running.pop(trial.number).close()
        self._path(trial.number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f'trial_{number}.lock'

    def _run_dead_again(self) -> None:
        for each in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if each.number not in self._running and self._is_dead(each):
                self.study.tell(each.number, state=TrialState.FAIL)
                self._path(each.number).unlink(missing_ok=True)
                noted: dict[str, Any] = {RUN_AGAIN: each.number, ATTEMPT: each.user_attrs.get(ATTEMPT, 1) + 1}
                if each.user_attrs.get(BASELINE):
                    self.study.enqueue_trial(each.params, user_attrs={BASELINE: True} | noted)
                elif noted[ATTEMPT] <= ATTEMPTS:
                    self.study.enqueue_trial(each.params, user_attrs=noted)

    def _is_dead(self, trial: FrozenTrial) -> bool:
        """Whether nobody holds its lock: with the turn of all, nobody can be about to take it."""
        try:
            with self._path(trial.number).open('r+') as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False
        return True
