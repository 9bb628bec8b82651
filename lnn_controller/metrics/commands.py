"""What is measured, as pure functions of arrays: of a drive, and of commands against a recording."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.data.stamps import goes_on

__all__ = [
    'DEPARTURE_M',
    'command_errors',
    'count_departures',
    'distance',
    'jerk_rms',
    'lag',
    'mean_rate',
    'percentiles',
    'rms',
]

Floats = NDArray[np.float64]

DEPARTURE_M = 0.6  # half a lane: the reference point is out of the lane; the simulator's own limit, as a test holds
LONGEST_LAG_S = 1.0


def rms(values: ArrayLike) -> float:
    """
    Root of the mean square.

    :param values: any shape
    :returns: in the values' unit; NaN of no values
    """
    values = np.asarray(values, np.float64)
    return float(np.sqrt(np.mean(values * values))) if values.size else float('nan')


def count_departures(cross_track_error_m: ArrayLike, *, limit_m: float = DEPARTURE_M) -> int:
    """
    Count how often a lane is left: once from leaving it until being back in it.

    :param cross_track_error_m: signed distance from the lane's centre, in order of time, (K,), m
    :param limit_m: distance beyond which the lane is left, m
    :returns: number of departures; starting outside is one
    """
    outside = np.abs(np.asarray(cross_track_error_m, np.float64)) > limit_m
    return int(np.count_nonzero(outside[1:] & ~outside[:-1]) + (outside.size > 0 and bool(outside[0])))


def distance(speed_m_s: ArrayLike, stamps_ns: ArrayLike) -> float:
    """
    Integrate speed over time by the trapezoidal rule: a car that is put back somewhere has not driven there.

    :param speed_m_s: speed, of either sign, (K,), m/s
    :param stamps_ns: its stamps, (K,), ns
    :returns: distance driven, m
    """
    speed = np.abs(np.asarray(speed_m_s, np.float64))
    dt_s = np.diff(np.asarray(stamps_ns, np.int64)) * 1e-9
    return float(np.sum((speed[1:] + speed[:-1]) / 2 * dt_s))


def mean_rate(stamps_ns: ArrayLike) -> float:
    """
    Events per second from the first to the last.

    :param stamps_ns: their stamps, (K,), ns
    :returns: rate, Hz; NaN of fewer than two, or of no time
    """
    stamps = np.asarray(stamps_ns, np.int64)
    span_s = float(stamps[-1] - stamps[0]) * 1e-9 if stamps.size else 0.0
    return (stamps.size - 1) / span_s if span_s > 0 else float('nan')


def percentiles(values: ArrayLike) -> tuple[float, float]:
    """
    The median and the value that 99 in 100 do not exceed.

    :param values: (K,)
    :returns: p50 and p99, interpolated linearly; NaN of no values
    """
    values = np.asarray(values, np.float64)
    if not values.size:
        return float('nan'), float('nan')
    p50, p99 = np.percentile(values, (50.0, 99.0))
    return float(p50), float(p99)


def lag(recorded: ArrayLike, given: ArrayLike, dt_s: float, *, longest_s: float = LONGEST_LAG_S) -> float:
    """
    How much later one signal says what the other said: where their normalised cross-correlation peaks.

    The peak is refined by a parabola through its neighbours, so that the answer is finer than a sample.

    :param recorded: equally spaced samples, (K,)
    :param given: samples at the same times, (K,)
    :param dt_s: their spacing, s
    :param longest_s: the longest lag looked for, either way, s
    :returns: s, positive where ``given`` comes later; NaN where one of them is constant, there is too
        little, or the correlation has no peak within ``longest_s``
    """
    a, b = np.asarray(recorded, np.float64), np.asarray(given, np.float64)
    reach = min(round(longest_s / dt_s), a.size // 2)
    if reach < 1:
        return float('nan')
    shifts = range(-reach, reach + 1)
    overlaps = [(a[max(0, -k) : a.size - max(0, k)], b[max(0, k) : b.size + min(0, k)]) for k in shifts]
    scores = np.array([_correlation(*overlap) for overlap in overlaps])
    if not np.isfinite(scores).any():
        return float('nan')
    peak = int(np.nanargmax(scores))
    if peak in (0, scores.size - 1):
        return float('nan')
    left, top, right = scores[peak - 1 : peak + 2]
    bend = left - 2 * top + right
    fraction = 0.5 * (left - right) / bend if np.isfinite(bend) and bend < 0 else 0.0
    return float((shifts[peak] + fraction) * dt_s)


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    # Below rounding error of the mean a signal is constant: its direction means nothing.
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 1e-12 else float('nan')


def jerk_rms(command: ArrayLike, dt_s: float) -> float:
    """
    How rough a velocity command is: the rms of its second difference per time squared.

    :param command: equally spaced samples of a velocity, (K,), m/s or rad/s
    :param dt_s: their spacing, s
    :returns: m/s³ or rad/s³; NaN of fewer than three samples
    """
    return rms(_jerk(command, dt_s))


def _jerk(command: ArrayLike, dt_s: float) -> Floats:
    return np.asarray(np.diff(np.asarray(command, np.float64), n=2) / dt_s**2)


def command_errors(
    stamps_ns: ArrayLike, recorded: ArrayLike, given: ArrayLike, *, period_s: float
) -> Mapping[str, float]:
    """
    Compare one channel of a policy's commands with the recording's.

    Errors are over the given ticks. Lag and jerk need equal spacing, so both signals are laid linearly on a grid of
    ``period_s``, the slower one's period: on a finer grid an interpolated signal would look rough at its corners only.
    Nothing is laid across a pause: lag is of the longest stretch, jerk of what lies within any.

    :param stamps_ns: of the ticks, increasing, (T,), ns
    :param recorded: the recording's command at each, (T,)
    :param given: the policy's command at each, (T,)
    :param period_s: spacing for lag and jerk, s
    :returns: ``mae``, ``rmse``, ``r2`` (NaN where the recording is constant), ``constant_mae`` (of the recording's
        median: what the best constant would reach), ``lag_s``, ``jerk_rms``, ``recorded_jerk_rms``
    """
    stamps = np.asarray(stamps_ns, np.int64)
    recorded, given = np.asarray(recorded, np.float64), np.asarray(given, np.float64)
    error = given - recorded
    spread = float(np.sum((recorded - recorded.mean()) ** 2)) if recorded.size else 0.0
    on_grid = _on_grid(stamps, np.stack([recorded, given]), period_s)
    longest = max(on_grid, key=lambda stretch: stretch.shape[1])
    return {
        'mae': float(np.mean(np.abs(error))) if error.size else float('nan'),
        'rmse': rms(error),
        'r2': 1.0 - float(np.sum(error**2)) / spread if spread > 1e-12 else float('nan'),
        'constant_mae': float(np.mean(np.abs(recorded - np.median(recorded)))) if recorded.size else float('nan'),
        'lag_s': lag(longest[0], longest[1], period_s),
        'jerk_rms': rms(np.concatenate([_jerk(signal, period_s) for _, signal in on_grid])),
        'recorded_jerk_rms': rms(np.concatenate([_jerk(signal, period_s) for signal, _ in on_grid])),
    }


def _on_grid(stamps_ns: NDArray[np.int64], signals: Floats, period_s: float) -> list[Floats]:
    """Signals (S, T) at equal spacing, (S, K), for each stretch of the recording."""
    if not stamps_ns.size:
        return [signals]
    stretches = []
    for inside in np.split(np.arange(stamps_ns.size), np.flatnonzero(~goes_on(stamps_ns))):
        at_s = (stamps_ns[inside] - stamps_ns[inside[0]]) * 1e-9
        grid_s = np.arange(0.0, float(at_s[-1]) + 1e-9, period_s)
        stretches.append(np.stack([np.interp(grid_s, at_s, signal[inside]) for signal in signals]))
    return stretches
