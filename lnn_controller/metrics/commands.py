"""How far a policy's commands are from a recording's. Pure functions of arrays."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.data.stamps import goes_on
from lnn_controller.metrics.statistics import rms

__all__ = ['command_errors', 'jerk_rms', 'lag']

Floats = NDArray[np.float64]

LONGEST_LAG_S = 1.0


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
    furthest = min(round(longest_s / dt_s), a.size // 2)
    if furthest < 1:
        return float('nan')
    shifts = range(-furthest, furthest + 1)
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
        median: what the best constant would furthest), ``lag_s``, ``jerk_rms``, ``recorded_jerk_rms``
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
