"""One trial after another: train, measure, and stop early what does worse than others did by then."""

import dataclasses
import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optuna import TrialPruned
from optuna.trial import Trial, TrialState

from lnn_controller.data.bags.reader import Bag, find_bags
from lnn_controller.data.bags.topics import Topics
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.errors import InputError, NotWrittenError
from lnn_controller.evaluation.many import Setup, run_setup
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.train import train
from lnn_controller.tuning.space import Space
from lnn_controller.tuning.store import BASELINE, ERROR, OVER, Store

__all__ = ['Search', 'run_trials']


@dataclasses.dataclass(frozen=True)
class Search:
    """
    What is asked of a search; it travels to other processes.

    :param bags: of demonstrations
    :param space: what is searched
    :param trials: at most so many, the config as it is among them
    :param drives: that a policy is judged by; empty: by its loss in validation
    :param topics: names of the topics where they cannot be found by type
    :param cache_gb: frames of the bags that are kept for the next trial, GB
    """

    bags: tuple[Path, ...]
    space: Space
    trials: int
    drives: tuple[Setup, ...] = ()
    topics: Topics = dataclasses.field(default_factory=Topics)
    cache_gb: float = 0.0

    def settings(self) -> dict[str, Any]:
        """Return all that makes the figures of two trials comparable, plain values."""
        return {
            'bags': [_sha256(bag) for path in self.bags for bag in find_bags(path)],
            'topics': [*vars(self.topics).values()],
            'config': {name: list(v) if isinstance(v, tuple) else v for name, v in self.space.base.items()},
            'space': [
                {name: list(v) if isinstance(v, tuple) else v for name, v in vars(each).items()}
                for each in self.space.parameters
            ],
            'drives': [[each.robot, each.task, each.scene, each.seed, each.seconds] for each in self.drives],
        }


def run_trials(search: Search, folder: Path, until_s: float) -> None:
    """
    Run trials until there are enough or the time is up: the work of one process.

    :param search: what is asked
    :param folder: of the search, which has begun
    :param until_s: when the budget is used up, in time.monotonic's seconds
    :raises NotWrittenError: if the disk takes no more; the trial counts as killed
    """
    store = Store(folder)
    cache = FrameCache(search.cache_gb) if search.cache_gb else None
    while time.monotonic() < until_s and (trial := store.begin(search.space, search.trials)):
        began = time.monotonic()
        path = folder / f'trial_{trial.number}'
        shutil.rmtree(path, ignore_errors=True)
        try:
            value = _figure(search, trial, path / 'policy', cache, until_s)
            store.end(trial, value, TrialState.COMPLETE)
            outcome = f'{value:.4g}'
        except TrialPruned:
            store.end(trial, None, TrialState.PRUNED)
            outcome = 'stopped early'
        except NotWrittenError:
            raise  # no fault of the trial's values: with more room it is run again
        except InputError as error:
            trial.set_user_attr(ERROR, str(error))
            store.end(trial, None, TrialState.FAIL)
            outcome = str(error)
        finally:
            shutil.rmtree(path, ignore_errors=True)
        values = ', '.join(
            f'{name} {each:.3g}' if isinstance(each, float) else f'{name} {each}' for name, each in trial.params.items()
        )
        which = 'the config as it is' if trial.user_attrs.get(BASELINE) else values
        print(f'trial {trial.number}: {outcome} ({which}; {time.monotonic() - began:.0f} s)', flush=True)
        if trial.user_attrs.get(BASELINE) and ERROR in trial.user_attrs:
            return


def _figure(search: Search, trial: Trial, out: Path, cache: FrameCache | None, until_s: float) -> float:
    """Train and measure; the less the better."""
    baseline, best = bool(trial.user_attrs.get(BASELINE)), math.inf

    def on_validation(number: int, score: float) -> None:
        nonlocal best
        best = min(best, score)
        trial.report(best, number)
        if baseline:
            return
        if time.monotonic() > until_s:
            trial.set_user_attr(OVER, True)
            raise TrialPruned
        if trial.should_prune():
            raise TrialPruned

    drawn = {} if baseline else trial.params
    result = train(
        search.bags,
        out,
        TrainConfig(**search.space.config(drawn)),
        topics=search.topics,
        cache=cache,
        progress=False,
        report=lambda _: None,
        on_validation=on_validation,
    )
    if not math.isfinite(result.score):
        raise InputError('the training diverged: its validation gave no number')
    trial.set_user_attr('metrics', result.metrics)
    return _driven(search.drives, result.policy) if search.drives else result.score


def _driven(drives: Sequence[Setup], policy: Path) -> float:
    """The rms distance from the lane's centre over all drives, m; of other tasks the share without success."""
    figures = [run_setup(dataclasses.replace(each, policy=str(policy))).figures for each in drives]
    if 'cross_track_error_rms_m' in figures[0]:
        return math.sqrt(sum(each['cross_track_error_rms_m'] ** 2 for each in figures) / len(figures))
    return sum(1.0 - each['success'] for each in figures) / len(figures)


def _sha256(path: Path) -> str:
    with Bag(path) as bag:
        return bag.sha256()
