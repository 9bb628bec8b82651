"""A recording's commands and a policy's, side by side: what is compared, and the figures of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.stamps import COMMAND_HOLD_S, is_bridged, recorded_time_s
from lnn_controller.errors import InputError
from lnn_controller.metrics.commands import command_errors
from lnn_controller.metrics.statistics import percentiles

__all__ = ['Comparison', 'combine', 'commands_at', 'summarise_comparison', 'usual_period_s']

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
    :param given: the policy's command at each, (T, C); NaN where it did not drive
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
    given: NDArray[np.float64]
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
        return np.asarray(np.isfinite(self.recorded).all(axis=1) & np.isfinite(self.given).all(axis=1))

    def counted_from_s(self, last: float) -> float:
        """
        Tell where the part of the recording begins that counts.

        :param last: share at its end that counts
        :returns: recorded time since the first tick, s
        """
        return (1.0 - last) * float(self.at_s[-1])


def summarise_comparison(result: Comparison, *, last: float = 1.0) -> dict[str, Any]:
    """
    Sum a comparison up, as a whole and by segments of ten seconds.

    :param result: the comparison
    :param last: share at the end that counts, 0 < ``last`` ≤ 1, of what can be used of the recording; the rest only
        warms the state up
    :returns: ``policy``, ``bag``, ``seconds``, ``ticks`` (of which ``compared`` counted), figures by channel under
        ``channels`` (see :class:`~lnn_controller.metrics.commands.CommandErrors`), ``segments`` (``start_s``,
        ``end_s``, ``compared``, ``channels``), latency and ``stops``
    :raises InputError: if ``last`` is out of range, or no tick in that part has both commands
    """
    if not 0.0 < last <= 1.0:
        msg = f'--last must be a share above 0 and at most 1. Got {last:g}'
        raise InputError(msg)
    at_s = result.at_s
    counted = at_s >= result.counted_from_s(last)
    both = counted & result.both
    if not both.any():
        stops = ', '.join(result.stops) or 'none'
        msg = f"{result.recording}: no tick has both commands, the recording's and the policy's. Stops: {stops}"
        raise InputError(msg)
    p50, p99 = percentiles(result.latency_us[counted & np.isfinite(result.given).all(axis=1)])
    return {
        'policy': result.policy,
        'bag': result.recording,
        'seconds': round(float(at_s[-1]), 3),
        'last': last,
        'ticks': len(result.stamp_ns),
        'compared': int(np.count_nonzero(both)),
        'channels': _channels(result, both),
        'segments': _segments(result, both),
        'control_rate_hz': result.rate_hz,
        'step_latency_p50_us': p50,
        'step_latency_p99_us': p99,
        'stops': dict(result.stops),
    }


def combine(summaries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """
    Make one result of the summaries of several policies.

    :param summaries: at least one
    :returns: that of one policy as it is; of several ``{'policies': [...]}``
    """
    return summaries[0] if len(summaries) == 1 else {'policies': list(summaries)}


def commands_at(
    stamp_ns: NDArray[np.int64],
    known_ns: NDArray[np.int64],
    commands: NDArray[np.floating],
    hold_s: float = COMMAND_HOLD_S,
) -> NDArray[np.float64]:
    """
    Read a recording's commands at control ticks as training does: linear between neighbours; where the next is long in
    coming, held.

    :param stamp_ns: of the ticks, (T,), ns
    :param known_ns: of the recording's commands, (K,), ns
    :param commands: the recording's, (K, C)
    :param hold_s: how long a command holds where no new one comes, s
    :returns: (T, C); NaN before the first command to move and after the last, and where none holds any more: nobody
        drove there
    """
    # Relative to the first tick: a float holds wall time in ns only to a quarter of a microsecond.
    at, known = stamp_ns - stamp_ns[0], known_ns - stamp_ns[0]
    columns = [np.interp(at, known, column) for column in commands.T.astype(np.float64)]
    recorded = np.stack(columns, axis=1)
    newest = np.maximum(np.searchsorted(known, at, side='right') - 1, 0)
    held = ~is_bridged(known_ns, newest, hold_s)
    recorded[held] = commands[newest[held]]
    recorded[held & (at - known[newest] > hold_s * 1e9)] = np.nan
    moving = np.flatnonzero(np.any(commands != 0.0, axis=1))
    driven = (at >= known[moving[0]]) & (at <= known[moving[-1]]) if moving.size else np.zeros(at.size, bool)
    recorded[~driven] = np.nan
    return recorded


def usual_period_s(stamp_ns: NDArray[np.int64]) -> float:
    """
    Tell the usual time between two samples.

    :param stamp_ns: of the samples, (K,), ns
    :returns: the median, s; 0 of fewer than two
    """
    gaps_ns = np.diff(stamp_ns)
    return float(np.median(gaps_ns)) * 1e-9 if gaps_ns.size else 0.0


def _channels(result: Comparison, which: NDArray[np.bool_]) -> dict[str, Any]:
    # A grid finer than either signal would show an interpolation's corners alone.
    period_s = max(1.0 / result.rate_hz, result.recorded_period_s)
    stamps = result.stamp_ns[which]
    constants = result.training_mean or (math.nan,) * len(result.channels)
    figures = {}
    for index, (name, constant) in enumerate(zip(result.channels, constants, strict=True)):
        signals = result.recorded[which, index], result.given[which, index]
        figures[name] = asdict(command_errors(stamps, *signals, period_s=period_s, constant=constant))
    return figures


def _segments(result: Comparison, both: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """By the recording's clock alone, so that those of two policies are the same."""
    number = (result.at_s // SEGMENT_S).astype(int)
    segments = []
    for index in np.unique(number[both]).tolist():
        which = both & (number == index)
        if np.count_nonzero(which) < FEWEST_TICKS:
            continue
        end_s = min((index + 1) * SEGMENT_S, float(result.at_s[-1]))
        segments.append(
            {
                'start_s': index * SEGMENT_S,
                'end_s': round(end_s, 3),
                'compared': int(np.count_nonzero(which)),
                'channels': _channels(result, which),
            }
        )
    return segments
