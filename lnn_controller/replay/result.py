"""What a replay gives: both commands at each tick, and how exactly a recorded controller's ticks came back."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control import Decision
from lnn_controller.data import Episode
from lnn_controller.data.usable import counting_spans, usable_at_ns
from lnn_controller.policy import Policy, PolicySpec
from lnn_controller.replay.comparison import Comparison, ComparisonSummary, summarise_comparison, usual_period_s

__all__ = ['Exactness', 'Replay', 'ReplaySummary', 'make_replay', 'summarise_replay']


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """
    How exactly a recorded controller's ticks came back.

    :param same_policy: whether the policy is the one that was recorded
    :param ticks: in the recording
    :param compared: those of which the recording holds everything: the frame, and what had been learnt before
    :param max_abs_difference: between the commands of the compared ticks, m/s or rad/s; ``None`` where none is
    :param frames_missing: frames that the recorded controller used and the recording lacks
    :param recorded_runtime: what computed the policy then (:data:`~lnn_controller.policy.RUNTIMES`)
    :param runtime: what computed it in the replay: another one rounds differently
    """

    same_policy: bool
    ticks: int
    compared: int
    max_abs_difference: float | None
    frames_missing: int
    recorded_runtime: str = 'onnx'
    runtime: str = 'onnx'


@dataclass(frozen=True, kw_only=True)
class Replay(Comparison):
    """
    A comparison that a replay made; the policy gave no command where the controller stopped or the operator drove.

    :param episode: the recording
    :param decisions: the controller's, T of them
    :param wall_s: how long it took, reading the bag left out, s
    :param known: what the recording was to the policy's training, in words; empty: nothing
    :param exact: how exactly its ticks came back, of a recording of a running controller
    """

    episode: Episode
    decisions: list[Decision]
    wall_s: float
    known: str = ''
    exact: Exactness | None = None

    def counted_from_s(self, last: float) -> float:
        """
        Return where the part of the recording begins that counts: the share that training would keep for its test.

        :param last: share at the end of what has a fresh frame, IMU and command
        :returns: recorded time since the first tick, s
        """
        spans = counting_spans(self.episode)
        first, end = spans[0]
        if last == 1.0 or (first <= self.stamp_ns.min() and self.stamp_ns.max() <= end):
            return super().counted_from_s(last)
        after = np.flatnonzero(self.stamp_ns >= usable_at_ns(spans, 1.0 - last))
        return float(self.at_s[after[0] if after.size else -1])


def make_replay(
    policy: Policy,
    episode: Episode,
    decisions: list[Decision],
    *,
    recorded: NDArray[np.float64],
    rate_hz: float,
    counters: Mapping[str, int],
    wall_s: float,
    exact: Exactness | None = None,
) -> Replay:
    """
    Lay out what a replay gave.

    :param policy: the policy
    :param episode: the recording
    :param decisions: the controller's, T of them
    :param recorded: the recording's command at each, (T, C)
    :param rate_hz: control rate, Hz
    :param counters: the controller's
    :param wall_s: how long it took, s
    :param exact: how exactly its ticks came back
    :returns: the replay
    """
    nothing = np.full(len(policy.spec.outputs), np.nan)
    return Replay(
        policy=policy.spec.name,
        recording=episode.name,
        channels=episode.channels,
        rate_hz=rate_hz,
        recorded_period_s=usual_period_s(episode.command_stamps_ns),
        stamp_ns=np.array([each.stamp_ns for each in decisions], np.int64),
        recorded=recorded,
        policy_command=np.array([each.command if each.mode == 'policy' else nothing for each in decisions]),
        latency_us=np.array([each.encode_us + each.step_us for each in decisions]),
        stops={name.removeprefix('stop_'): n for name, n in counters.items() if name.startswith('stop_')},
        training_mean=_training_mean(policy.spec),
        episode=episode,
        decisions=decisions,
        wall_s=wall_s,
        exact=exact,
    )


@dataclass(frozen=True, kw_only=True)
class ReplaySummary(ComparisonSummary):
    """
    The figures of a replay.

    :param realtime_factor: recorded time by the time that replaying it took
    :param drops: samples that were left out in reading, by reason
    :param max_abs_difference: that of ``exact``
    :param known: what the recording was to the policy's training, in words; empty: nothing
    :param exact: how exactly a recorded controller's ticks came back; ``None``: none were recorded
    """

    realtime_factor: float
    drops: dict[str, int]
    max_abs_difference: float | None
    exact: Exactness | None
    known: str = ''


def summarise_replay(replay: Replay, *, last: float = 1.0) -> ReplaySummary:
    """
    Sum a replay up.

    :param replay: the replay
    :param last: share of the recording at its end that counts, 0 < ``last`` ≤ 1; the rest only warms the state up
    :returns: the figures
    :raises InputError: if ``last`` is out of range, or no tick in that part has both commands
    """
    summary = summarise_comparison(replay, last=last)
    return ReplaySummary(
        **vars(summary),
        realtime_factor=summary.seconds / replay.wall_s if replay.wall_s > 0 else float('nan'),
        drops=dict(replay.episode.drops),
        max_abs_difference=None if replay.exact is None else replay.exact.max_abs_difference,
        exact=replay.exact,
        known=replay.known,
    )


def _training_mean(spec: PolicySpec) -> tuple[float, ...] | None:
    """The mean command that the policy was trained on, where its provenance, which may hold anything, has it."""
    means = spec.provenance.get('command_mean')
    values = [means.get(name) for name in spec.channels] if isinstance(means, dict) else []
    known = [float(value) for value in values if isinstance(value, int | float)]
    return tuple(known) if len(known) == len(spec.channels) else None
