"""How far a policy's commands are from a recording's. Pure functions of arrays."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.data.stamps import goes_on
from lnn_controller.metrics.statistics import rms

__all__ = ['LEAST_DEVIATION', 'CommandErrors', 'ErrorFigures', 'command_errors', 'error_figures', 'jerk_rms', 'lag']

Floats = NDArray[np.float64]

LONGEST_LAG_S = 1.0
# Standard deviation, m/s or rad/s, below which a command is a constant: errors that no robot would show are many times
# its variance. Training measures errors in units of at least as much.
LEAST_DEVIATION = 1e-2


@dataclass(frozen=True, kw_only=True)
class ErrorFigures:
    """
    How far one channel of a policy's commands is from a demonstrator's.

    Two constants are measured beside the policy, for an error alone means little for a command that hardly changes.

    :param mae: mean absolute error, m/s or rad/s
    :param rmse: root of the mean square error, m/s or rad/s
    :param r2: share of the variance that is explained, ≤ 1; NaN where the command is a constant
        (:data:`LEAST_DEVIATION`), and has none
    :param constant_mae: MAE of the mean command of the demonstrations that the policy was trained on: what a policy
        that learnt nothing else reaches; NaN where that mean is not known
    :param median_mae: MAE of the median of these very commands: no constant does better, and none is known before
    """

    mae: float
    rmse: float
    r2: float
    constant_mae: float
    median_mae: float


@dataclass(frozen=True, kw_only=True)
class CommandErrors(ErrorFigures):
    """
    The same, and what needs time.

    :param lag_s: how much later the policy commands what was recorded, s; NaN where that cannot be estimated
    :param jerk_rms: of the policy's command, m/s³ or rad/s³
    :param recorded_jerk_rms: of the recording's
    """

    lag_s: float
    jerk_rms: float
    recorded_jerk_rms: float


def lag(recorded: ArrayLike, policy_command: ArrayLike, dt_s: float, *, longest_s: float = LONGEST_LAG_S) -> float:
    """
    Measure how much later one signal does what the other did: where their normalised cross-correlation peaks.

    The peak is refined by a parabola through its neighbours, so that the answer is finer than a sample.

    :param recorded: equally spaced samples, (K,)
    :param policy_command: samples at the same times, (K,)
    :param dt_s: their spacing, s
    :param longest_s: the longest lag looked for, either way, s
    :returns: s, positive where ``policy_command`` comes later; NaN where one of them is constant, there is too
        little, or the correlation has no peak within ``longest_s``
    """
    a, b = np.asarray(recorded, np.float64), np.asarray(policy_command, np.float64)
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


def error_figures(recorded: ArrayLike, policy_command: ArrayLike, *, constant: float = math.nan) -> ErrorFigures:
    """
    Compare one channel of a policy's commands with a demonstrator's: in training, replay and reports alike.

    :param recorded: the demonstrator's command at each tick, (T,)
    :param policy_command: the policy's, (T,)
    :param constant: the mean command of the demonstrations that the policy was trained on; NaN: not known
    :returns: the figures, in the command's unit but for R²; NaN of no ticks
    """
    recorded, policy_command = np.asarray(recorded, np.float64), np.asarray(policy_command, np.float64)
    if not recorded.size:
        return ErrorFigures(mae=math.nan, rmse=math.nan, r2=math.nan, constant_mae=math.nan, median_mae=math.nan)
    error = policy_command - recorded
    spread = float(np.sum((recorded - recorded.mean()) ** 2))
    varies = spread > LEAST_DEVIATION**2 * recorded.size
    return ErrorFigures(
        mae=_mean_absolute(error),
        rmse=rms(error),
        r2=1.0 - float(np.sum(error**2)) / spread if varies else math.nan,
        constant_mae=_mean_absolute(recorded - constant),
        median_mae=_mean_absolute(recorded - np.median(recorded)),
    )


def command_errors(
    stamps_ns: ArrayLike,
    recorded: ArrayLike,
    policy_command: ArrayLike,
    *,
    period_s: float,
    constant: float = math.nan,
) -> CommandErrors:
    """
    Compare one channel of a policy's commands with a recording's, in time too.

    Errors are over the given ticks. Lag and jerk need equal spacing, so both signals are laid linearly on a grid of
    ``period_s``, the slower one's period: on a finer grid an interpolated signal would look rough at its corners only.
    Nothing is laid across a pause: lag is of the longest stretch, jerk of what lies within any.

    :param stamps_ns: of the ticks, increasing, (T,), ns
    :param recorded: the recording's command at each, (T,)
    :param policy_command: the policy's command at each, (T,)
    :param period_s: spacing for lag and jerk, s
    :param constant: the mean command of the demonstrations that the policy was trained on; NaN: not known
    :returns: the figures
    """
    stamps = np.asarray(stamps_ns, np.int64)
    recorded, policy_command = np.asarray(recorded, np.float64), np.asarray(policy_command, np.float64)
    on_grid = _on_grid(stamps, np.stack([recorded, policy_command]), period_s)
    longest = max(on_grid, key=lambda stretch: stretch.shape[1])
    return CommandErrors(
        **vars(error_figures(recorded, policy_command, constant=constant)),
        lag_s=lag(longest[0], longest[1], period_s),
        jerk_rms=rms(np.concatenate([_jerk(signal, period_s) for _, signal in on_grid])),
        recorded_jerk_rms=rms(np.concatenate([_jerk(signal, period_s) for signal, _ in on_grid])),
    )


def _mean_absolute(values: Floats) -> float:
    return float(np.mean(np.abs(values)))


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
