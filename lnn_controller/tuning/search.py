"""A search from its begin to its result: processes that run trials, those that were killed replaced."""

import math
import multiprocessing
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from lnn_controller.errors import InputError, NotWrittenError, printable
from lnn_controller.parallel import end_with_parent, for_spawning
from lnn_controller.policy.files import write_whole
from lnn_controller.tuning.space import Parameter
from lnn_controller.tuning.store import BASELINE, ERROR, OVER, RUN_AGAIN, Store
from lnn_controller.tuning.trial import Search, run_trials

__all__ = ['Result', 'Tried', 'read_result', 'run_search']

# More deaths of processes in a row than this without a trial between them are no accidents.
MOST_KILLED = 8
# Complete trials; what mattered among fewer is chance.
ENOUGH = 8
STATES = {TrialState.COMPLETE: 'complete', TrialState.PRUNED: 'stopped early', TrialState.RUNNING: 'unfinished'}


@dataclass(frozen=True)
class Tried:
    """
    A trial.

    :param number: from 0
    :param state: 'complete', 'stopped early', 'budget over', 'killed', 'failed' or 'unfinished'
    :param value: its figure, the less the better; ``None`` where it is not complete
    :param values: what was drawn, by parameter
    :param validations: the best score by then, by the number of the validation
    :param metrics: errors of each part and channel, as of a training; empty where it is not complete
    :param seconds: how long it took
    :param baseline: whether it has the config as it is
    :param error: why it failed
    :param again: number of a trial whose process was killed, which this one repeats
    """

    number: int
    state: str
    value: float | None
    values: Mapping[str, Any]
    validations: Mapping[int, float]
    metrics: Mapping[str, Any]
    seconds: float | None
    baseline: bool
    error: str
    again: int | None


@dataclass(frozen=True)
class Result:
    """
    What a search found.

    :param parameters: what was searched
    :param trials: all of them
    :param baseline: the config as it is
    :param best: the complete one with the least figure; it may be the baseline
    :param importance: share of each parameter in what made trials good (PED-ANOVA: Watanabe, Bansal and Hutter, 2023),
        the largest first; empty where there are too few trials
    :param config: of the best, keys of a training's config
    :param driven: whether the figure is one of drives; else it is the loss in validation
    """

    parameters: tuple[Parameter, ...]
    trials: tuple[Tried, ...]
    baseline: Tried
    best: Tried
    importance: Mapping[str, float]
    config: Mapping[str, Any]
    driven: bool


def run_search(search: Search, folder: Path, *, jobs: int, budget_s: float, resume: bool = False) -> Result:
    """
    Search until there are enough trials or the time is up, and write the best config, ``train.yaml``.

    Killed, it goes on with ``resume``: a trial that was under way is run again. So can other machines join in, where
    the folder is one that they share.

    :param search: what is asked
    :param folder: for the trials; it must not hold a search unless that is resumed
    :param jobs: trials at once
    :param budget_s: no trial goes on for longer than to its next validation after so many seconds, but for the first,
        which has the config as it is
    :param resume: go on with the search in the folder
    :returns: what was found by all who took part
    :raises InputError: if there is a search already or none, another was begun there, the config as it is cannot be
        trained, or the time was too short for it
    """
    if Store.exists(folder) != resume:
        if resume:
            raise InputError(f'--resume needs a search in {folder}, and there is none. Begin it without --resume')
        raise InputError(f'{folder} holds a search already. Add --resume to go on with it, or choose another --out')
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f'--out must be a folder that can be written. Got {folder}: {error.strerror}') from None
    settings = search.settings()
    Store(folder).settle(settings, search.space)
    _run_processes(search, folder, jobs, time.monotonic() + budget_s)
    result = read_result(search, folder)
    head = f'# Trial {result.best.number} of {len(result.trials)}: {result.best.value:.4g}, against '
    head += f'{result.baseline.value:.4g} of the config as it was (lnn tune).\n'
    write_whole(folder / 'train.yaml', (head + yaml.safe_dump(dict(result.config), sort_keys=False)).encode())
    return result


def _run_processes(search: Search, folder: Path, jobs: int, until_s: float) -> None:
    """Processes of their own, so that one that is killed takes one trial with it; another takes its place."""
    spawn = multiprocessing.get_context('spawn')
    killed, processes = 0, []

    def start() -> None:
        with for_spawning():
            process = spawn.Process(target=_work, args=(search, folder, until_s))
            process.start()
        processes.append(process)

    try:
        for _ in range(min(jobs, search.trials)):
            start()
        while processes:
            wait([each.sentinel for each in processes])
            for process, code in [(each, each.exitcode) for each in processes if each.exitcode is not None]:
                processes.remove(process)
                if code > 0:
                    raise InputError('a trial ended with the error above. Go on with the same command and --resume')
                if code < 0:
                    killed += 1
                    if killed > MOST_KILLED:
                        raise InputError(f'{killed} processes were killed, memory may be short: try fewer --jobs')
                    start()
    finally:
        for process in processes:
            process.kill()
            process.join()


def _work(search: Search, folder: Path, until_s: float) -> None:
    end_with_parent()
    try:
        run_trials(search, folder, until_s)
    except (NotWrittenError, OSError) as error:
        print(printable(f'lnn: {error}'), file=sys.stderr)
        sys.exit(1)


def read_result(search: Search, folder: Path) -> Result:
    """
    Read what was found so far.

    :param search: what was asked
    :param folder: of the search
    :returns: what was found
    :raises InputError: if the config as it is was not trained to its end
    """
    study = Store(folder).study
    trials = tuple(_tried(each) for each in study.get_trials(deepcopy=False) if each.state != TrialState.WAITING)
    baselines = [each for each in trials if each.baseline]
    baseline = next((each for each in baselines if each.state == 'complete'), None)
    if baseline is None:
        why = next((each.error for each in baselines if each.error), '')
        raise InputError(
            why or 'the first trial, with the config as it is, was not finished: go on with --resume and more --budget'
        )
    complete = [each for each in trials if each.value is not None]
    best = min(complete, key=lambda each: (each.value, not each.baseline))
    return Result(
        parameters=search.space.parameters,
        trials=trials,
        baseline=baseline,
        best=best,
        importance=_importance(study) if len(complete) >= ENOUGH else {},
        config=search.space.config({} if best.baseline else best.values),
        driven=bool(search.drives),
    )


def _tried(trial: FrozenTrial) -> Tried:
    noted = trial.user_attrs
    state = STATES.get(trial.state, 'failed' if ERROR in noted else 'killed')
    return Tried(
        number=trial.number,
        state='budget over' if noted.get(OVER) else state,
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        values=dict(trial.params),
        validations=dict(trial.intermediate_values),
        metrics=noted.get('metrics', {}),
        seconds=None if trial.duration is None else trial.duration.total_seconds(),
        baseline=bool(noted.get(BASELINE)),
        error=noted.get(ERROR, ''),
        again=noted.get(RUN_AGAIN),
    )


def _importance(study: optuna.Study) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of few trials: the page says so
        try:
            found = optuna.importance.get_param_importances(study)
        except (RuntimeError, ValueError):  # no two trials differ
            return {}
    return {name: share for name, share in found.items() if math.isfinite(share)}
