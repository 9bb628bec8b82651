"""A recording's commands and a policy's, side by side: what is compared, and the figures of it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.stamps import COMMAND_HOLD_S, is_bridged, recorded_time_s
from lnn_controller.errors import InputError
from lnn_controller.metrics.commands import CommandErrors, command_errors
from lnn_controller.metrics.statistics import percentiles

__all__ = [
    'Comparison',
    'ComparisonSummary',
    'Segment',
    'commands_at',
    'summarise_comparison',
    'usual_period_s',
]

SEGMENT_S = 10.0
FEWEST_TICKS = 3  # of a segment: fewer have no jerk


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """
    A recording's commands and a policy's, side by side at T control ticks.

    :param policy: name of the policy
    :param recording: name of the recording
    :param channels: names of the C channels
    :param rate_hz: control rate, Hz
    :param recorded_period_s: usual time between two commands of the recording, s; 0 where there is one alone
    :param stamp_ns: of the ticks, (T,), ns
    :param recorded: the recording's command at each, (T, C); NaN where nobody drove
    :param training_mean: the mean command of what the policy was trained on, (C,); ``None``: not known
    :param policy_command: the policy's command at each, (T, C); NaN where it did not drive
    :param latency_us: what the policy took at each tick, encoding a new frame and a step of its core, (T,), µs
    :param stops: how often the controller stopped the robot, by reason
    """

    policy: str
    recording: str
    channels: tuple[str, ...]
    rate_hz: float
    recorded_period_s: float
    stamp_ns: NDArray[np.int64]
    recorded: NDArray[np.float64]
    policy_command: NDArray[np.float64]
    latency_us: NDArray[np.float64]
    stops: dict[str, int]
    training_mean: tuple[float, ...] | None = None

    @property
    def at_s(self) -> NDArray[np.float64]:
        """Recorded time of each tick since the first, pauses left out, (T,), s."""
        return recorded_time_s(self.stamp_ns, 1.0 / self.rate_hz)

    @property
    def both(self) -> NDArray[np.bool_]:
        """Whether a tick has both commands, (T,)."""
        return np.asarray(np.isfinite(self.recorded).all(axis=1) & np.isfinite(self.policy_command).all(axis=1))

    def counted_from_s(self, last: float) -> float:
        """
        Return where the part of the recording begins that counts.

        :param last: share at its end that counts
        :returns: recorded time since the first tick, s
        """
        return (1.0 - last) * float(self.at_s[-1])


@dataclass(frozen=True, kw_only=True)
class Segment:
    """
    Ten seconds of a recording.

    :param start_s: recorded time since the first tick, s
    :param end_s: likewise, s
    :param compared: ticks of it that count
    :param channels: figures by channel
    """

    start_s: float
    end_s: float
    compared: int
    channels: dict[str, CommandErrors]


@dataclass(frozen=True, kw_only=True)
class ComparisonSummary:
    """
    The figures of a comparison.

    :param policy: name of the policy
    :param bag: name of the recording
    :param seconds: recorded, pauses left out, s
    :param last: share at the end that counts
    :param ticks: of the controller
    :param compared: those of them that count, and have both commands
    :param channels: figures by channel
    :param segments: of ten seconds each, those with too few ticks left out
    :param control_rate_hz: control rate, Hz
    :param step_latency_p50_us: median of what the policy took, µs
    :param step_latency_p99_us: what 99 in 100 ticks did not exceed, µs
    :param stops: how often the controller stopped the robot, by reason
    """

    policy: str
    bag: str
    seconds: float
    last: float
    ticks: int
    compared: int
    channels: dict[str, CommandErrors]
    segments: list[Segment]
    control_rate_hz: float
    step_latency_p50_us: float
    step_latency_p99_us: float
    stops: dict[str, int]


def summarise_comparison(comparison: Comparison, *, last: float = 1.0) -> ComparisonSummary:
    """
    Sum a comparison up, as a whole and by segments of ten seconds.

    :param comparison: the comparison
    :param last: share at the end that counts, 0 < ``last`` ≤ 1, of what can be used of the recording; the rest only
        warms the state up
    :returns: the figures
    :raises InputError: if ``last`` is out of range, or no tick in that part has both commands
    """
    if not 0.0 < last <= 1.0:
        raise InputError(f'--last must be a share above 0 and at most 1. Got {last:g}')
    at_s = comparison.at_s
    counted = at_s >= comparison.counted_from_s(last)
    both = counted & comparison.both
    if not both.any():
        stops = ', '.join(comparison.stops) or 'none'
        msg = f"{comparison.recording}: no tick has both commands, the recording's and the policy's. Stops: {stops}"
        raise InputError(msg)
    drove = counted & np.isfinite(comparison.policy_command).all(axis=1)
    p50, p99 = percentiles(comparison.latency_us[drove])
    return ComparisonSummary(
        policy=comparison.policy,
        bag=comparison.recording,
        seconds=round(float(at_s[-1]), 3),
        last=last,
        ticks=len(comparison.stamp_ns),
        compared=int(np.count_nonzero(both)),
        channels=_channels(comparison, both),
        segments=_segments(comparison, both),
        control_rate_hz=comparison.rate_hz,
        step_latency_p50_us=p50,
        step_latency_p99_us=p99,
        stops=dict(comparison.stops),
    )


def commands_at(
    stamp_ns: NDArray[np.int64],
    command_stamps_ns: NDArray[np.int64],
    commands: NDArray[np.floating],
    hold_s: float = COMMAND_HOLD_S,
) -> NDArray[np.float64]:
    """
    Read a recording's commands at control ticks as training does: linear between neighbours; where the next is long in
    coming, held.

    :param stamp_ns: of the ticks, (T,), ns
    :param command_stamps_ns: of the recording's commands, (K,), ns
    :param commands: the recording's, (K, C)
    :param hold_s: how long a command holds where no new one comes, s
    :returns: (T, C); NaN before the first command to move and after the last, and where none holds any more: nobody
        drove there
    """
    # Relative to the first tick: a float holds wall time in ns only to a quarter of a microsecond.
    at, known = stamp_ns - stamp_ns[0], command_stamps_ns - stamp_ns[0]
    columns = [np.interp(at, known, column) for column in commands.T.astype(np.float64)]
    recorded = np.stack(columns, axis=1)
    newest = np.maximum(np.searchsorted(known, at, side='right') - 1, 0)
    held = ~is_bridged(command_stamps_ns, newest, hold_s)
    recorded[held] = commands[newest[held]]
    recorded[held & (at - known[newest] > hold_s * 1e9)] = np.nan
    moving = np.flatnonzero(np.any(commands != 0.0, axis=1))
    driven = (at >= known[moving[0]]) & (at <= known[moving[-1]]) if moving.size else np.zeros(at.size, bool)
    recorded[~driven] = np.nan
    return recorded


def usual_period_s(stamp_ns: NDArray[np.int64]) -> float:
    """
    Return the usual time between two samples.

    :param stamp_ns: of the samples, (K,), ns
    :returns: the median, s; 0 of fewer than two
    """
    gaps_ns = np.diff(stamp_ns)
    return float(np.median(gaps_ns)) * 1e-9 if gaps_ns.size else 0.0


def _channels(comparison: Comparison, which: NDArray[Any]) -> dict[str, CommandErrors]:
    # A grid finer than either signal would show an interpolation's corners alone.
    period_s = max(1.0 / comparison.rate_hz, comparison.recorded_period_s)
    stamps = comparison.stamp_ns[which]
    constants = comparison.training_mean or (math.nan,) * len(comparison.channels)
    figures = {}
    for index, (name, constant) in enumerate(zip(comparison.channels, constants, strict=True)):
        signals = comparison.recorded[which, index], comparison.policy_command[which, index]
        figures[name] = command_errors(stamps, *signals, period_s=period_s, constant=constant)
    return figures


def _segments(comparison: Comparison, both: NDArray[np.bool_]) -> list[Segment]:
    """By the recording's clock alone, so that those of two policies are the same."""
    at_s, which = comparison.at_s, np.flatnonzero(both)
    number = (at_s[which] // SEGMENT_S).astype(int)
    segments = []
    # Recorded time only goes on: the ticks of a segment lie side by side.
    for ticks in np.split(which, np.flatnonzero(np.diff(number)) + 1):
        if len(ticks) >= FEWEST_TICKS:
            start_s = float(at_s[ticks[0]] // SEGMENT_S) * SEGMENT_S
            end_s = round(min(start_s + SEGMENT_S, float(at_s[-1])), 3)
            channels = _channels(comparison, ticks)
            segments.append(Segment(start_s=start_s, end_s=end_s, compared=len(ticks), channels=channels))
    return segments
