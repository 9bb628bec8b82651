"""What all experiments on the road share: one drive with wear, an operator and learning, and figures of its error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control import AdaptationSettings, Controller, ControlSettings, Decision
from lnn_controller.evaluation.closed_loop import Operator, run_trial
from lnn_controller.metrics.lane import DEPARTURE_M
from lnn_controller.metrics.statistics import rms
from lnn_controller.policy import Policy
from lnn_controller.sim import Scenario, Track
from lnn_controller.sim.tasks.lane import cross_track_errors

__all__ = ['FROZEN', 'Run', 'drive', 'pooled', 'recovery', 'road_of']

Floats = NDArray[np.float64]

FROZEN = AdaptationSettings(mode='frozen')
FIRST_ROAD, ROADS_APART = 21, 12  # roads 1 to 12 are those that policies are trained on
SMOOTH_S = 5.0


def road_of(seed: int) -> int:
    """
    Give an experiment's road.

    :param seed: of the experiment
    :returns: seed of a road that no shipped policy has been trained on
    """
    return FIRST_ROAD + ROADS_APART * seed


@dataclass(frozen=True)
class Run:
    """
    One drive of an experiment.

    :param at_s: moments of the truth, (K,), s
    :param error_m: distance from the line that should be driven, positive left, (K,)
    :param departures_s: when the car left its lane, and was put back on it
    :param log: what the controller reported of its learning at each tick, by name, (T,); its times under ``at_s``
    :param rollbacks_s: when something that was learnt was rolled back
    """

    at_s: Floats
    error_m: Floats
    departures_s: tuple[float, ...]
    log: Mapping[str, Floats] = field(default_factory=dict)
    rollbacks_s: tuple[float, ...] = ()

    def rms(self, from_s: float, to_s: float = np.inf) -> float:
        """
        Sum the error up.

        :param from_s: from here on, s
        :param to_s: before this, s
        :returns: root of its mean square, m
        """
        return rms(self.error_m[(self.at_s >= from_s) & (self.at_s < to_s)])

    def departures(self, from_s: float = 0.0) -> int:
        """
        Count how often the lane was left.

        :param from_s: from here on, s
        :returns: how often
        """
        return sum(at_s >= from_s for at_s in self.departures_s)


def drive(
    policy: Policy,
    seed: int,
    seconds: float,
    adaptation: AdaptationSettings,
    *,
    scenario: Scenario | None = None,
    operator: Operator | None = None,
    line_m: float = 0.0,
    settings: ControlSettings | None = None,
) -> Run:
    """
    Drive once.

    :param policy: the policy
    :param seed: of the experiment
    :param seconds: how long, s
    :param adaptation: how it learns
    :param scenario: perturbations of the car
    :param operator: who overrides
    :param line_m: the line that should be driven, from the lane's centre, m, positive left
    :param settings: how else the controller drives
    :returns: the drive
    """
    rows: list[dict[str, float]] = []
    rollbacks: list[float] = []
    seen = 0

    def watch(controller: Controller, decision: Decision, at_s: float) -> None:
        nonlocal seen
        figures = controller.adaptation.figures()
        # How far the network's command was moved at this tick, as a share of what the bound lets it.
        correction = controller.adaptation.imitation.correction(decision.neurons)
        rows.append(
            {'at_s': at_s, **figures, 'correction': float(np.abs(correction / policy.spec.command_range).max())}
        )
        if figures['rollbacks'] > seen:
            seen = int(figures['rollbacks'])
            rollbacks.append(at_s)

    driven = run_trial(
        policy,
        seed=road_of(seed),
        seconds=seconds,
        # At even ticks: all runs of a study, whatever they learn, learn at the same moments.
        settings=replace(settings or ControlSettings(), adaptation=adaptation, tick_on_frame=False),
        scenario=scenario,
        operator=operator,
        watch=watch,
    )
    at_s = (driven.stamp_ns - driven.stamp_ns[0]) * 1e-9
    error_m = cross_track_errors(Track(driven.seed), driven.pose)
    outside = np.abs(error_m) > DEPARTURE_M
    return Run(
        at_s=at_s,
        error_m=error_m - line_m,
        departures_s=tuple(float(each) for each in at_s[outside]),
        log={name: np.array([row[name] for row in rows]) for name in rows[0]},
        rollbacks_s=tuple(rollbacks),
    )


def pooled(runs: Sequence[Run], from_s: float, recoveries: Sequence[float | None] = ()) -> dict[str, Any]:
    """
    Sum several seeds' drives up.

    :param runs: one a seed
    :param from_s: from when on they count, s
    :param recoveries: time that each took to recover, s; ``None``: it did not
    :returns: ``cross_track_error_rms_m`` over all, ``cross_track_error_max_m``, ``departures``, ``rollbacks``, and
        ``recovery_s`` of the slowest; ``None`` where one did not recover or none was to
    """
    errors = np.concatenate([run.error_m[run.at_s >= from_s] for run in runs])
    recovered = bool(recoveries) and all(each is not None for each in recoveries)
    return {
        'cross_track_error_rms_m': rms(errors),
        'cross_track_error_max_m': float(np.abs(errors).max()),
        'departures': sum(run.departures(from_s) for run in runs),
        'rollbacks': sum(len(run.rollbacks_s) for run in runs),
        'recovery_s': max(each for each in recoveries if each is not None) if recovered else None,
    }


def recovery(run: Run, changed_s: float, allowed_m: float) -> float | None:
    """
    Return how long it took until the error was small again, for good.

    :param run: the drive
    :param changed_s: when something changed, s
    :param allowed_m: what counts as small: the rms over the 5 s that follow a moment, m
    :returns: s from the change on; ``None``: never
    """
    last = float(run.at_s[-1]) - SMOOTH_S
    starts = np.arange(changed_s, last + 1e-9, 0.1)
    small = [run.rms(start, start + SMOOTH_S) <= allowed_m for start in starts]
    for index in range(len(small)):
        if all(small[index:]):
            return float(starts[index] - changed_s)
    return None
