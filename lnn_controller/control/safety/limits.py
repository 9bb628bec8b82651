"""
The safety chain: what may happen to a command between the network and the robot.

Pure functions, in the order they are applied: finite? → (override, guard) → speed limits → acceleration limits →
deadband. A stop goes past them: it is zeros at once.
"""

import math
from collections.abc import Sequence

from lnn_controller.control.settings.control import Limits

__all__ = ['all_finite', 'apply_deadband', 'limit', 'limit_acceleration', 'limit_speed']


def all_finite(command: Sequence[float]) -> bool:
    """
    Return whether a command may be looked at further; one bad channel spoils the whole command.

    :param command: any numbers, (C,)
    :returns: ``False`` if any is NaN or infinite
    """
    return all(map(math.isfinite, command))


def limit_speed(command: Sequence[float], limits: Limits) -> tuple[list[float], tuple[str, ...]]:
    """
    Hold each channel within its range.

    :param command: finite, (C,)
    :param limits: the limits
    :returns: the command, (C,); the active limits, such as ``linear_x_maximum``
    """
    result, active = [], []
    for channel, value, low, high in zip(limits.channels, command, limits.minimum, limits.maximum, strict=True):
        if value > high:
            active.append(f'{channel}_maximum')
            value = high
        elif value < low:
            active.append(f'{channel}_minimum')
            value = low
        result.append(value)
    return result, tuple(active)


def limit_acceleration(
    command: Sequence[float], previous: Sequence[float], dt_s: float, limits: Limits
) -> tuple[list[float], tuple[str, ...]]:
    """
    Hold each channel's change: ``max_acceleration · dt_s`` away from zero, ``max_deceleration · dt_s`` towards it.

    A change of sign decelerates to zero and accelerates with what is left of the time.

    :param command: finite, (C,)
    :param previous: the command of the last tick, before its deadband, (C,)
    :param dt_s: time since then, s, > 0
    :param limits: the limits
    :returns: the command, (C,); the active limits, such as ``linear_x_acceleration``
    """
    result, active = [], []
    rows = zip(limits.channels, command, previous, limits.max_acceleration, limits.max_deceleration, strict=True)
    for channel, value, before, acceleration, deceleration in rows:
        # Mirrored so that the robot moves forwards or stands.
        sign = -1.0 if before < 0.0 or (before == 0.0 and value < 0.0) else 1.0
        reached, slowing = _ramp(sign * value, sign * before, dt_s, acceleration, deceleration)
        reached *= sign
        if reached != value:
            active.append(f'{channel}_{"deceleration" if slowing else "acceleration"}')
        result.append(reached)
    return result, tuple(active)


def _ramp(value: float, before: float, dt_s: float, acceleration: float, deceleration: float) -> tuple[float, bool]:
    """From ``before`` ≥ 0 towards ``value``; and whether it was deceleration that held it back."""
    if value >= before:
        return min(value, before + acceleration * dt_s), False
    slowed = before - deceleration * dt_s
    if value >= 0.0 or slowed > 0.0:
        return max(value, slowed), True
    left_s = dt_s - before / deceleration
    return max(value, -acceleration * left_s) if left_s > 0.0 else 0.0, False


def apply_deadband(command: Sequence[float], limits: Limits) -> list[float]:
    """
    Send what is too small to move the robot as zero.

    Only what is sent: the ramp goes on from the command before it, so a small acceleration climbs out of the deadband.

    :param command: (C,)
    :param limits: the limits
    :returns: what to send, (C,)
    """
    return [0.0 if abs(value) < least else value for value, least in zip(command, limits.deadband, strict=True)]


def limit(
    command: Sequence[float], previous: Sequence[float], dt_s: float, limits: Limits
) -> tuple[list[float], tuple[str, ...]]:
    """
    Apply the speed limits, then the acceleration limits.

    The range always holds: where it was narrowed since the previous command, the command moves into it at once and
    the acceleration counts from its edge.

    :param command: finite, (C,), in the channels' units
    :param previous: the command of the last tick, before its deadband, (C,)
    :param dt_s: time since then, s, > 0
    :param limits: the limits
    :returns: the command to publish, (C,); the active limits, in the order they were applied
    :raises ValueError: if a number is not finite, ``dt_s`` is not positive, or a length is not C
    """
    count = len(limits.channels)
    if len(command) != count or len(previous) != count:
        raise ValueError(f'limit needs {count} channels. Got {len(command)} and {len(previous)} before')
    if not all_finite(command) or not all_finite(previous) or not (math.isfinite(dt_s) and dt_s > 0):
        raise ValueError(f'limit needs finite commands and dt_s > 0. Got {command}, {previous} before, dt_s {dt_s}')
    slowed, too_fast = limit_speed(command, limits)
    start, _ = limit_speed(previous, limits)
    ramped, too_sudden = limit_acceleration(slowed, start, dt_s, limits)
    return ramped, too_fast + too_sudden
