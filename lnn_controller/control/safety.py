"""
The safety chain: what may happen to a command between the network and the robot.

Pure functions, in the order they are applied: finite? → speed limits → acceleration limits. A stop goes past them:
it is zeros at once.
"""

import math
from collections.abc import Sequence

from lnn_controller.control.settings import Limits

__all__ = ['all_finite', 'limit', 'limit_acceleration', 'limit_speed']


def all_finite(command: Sequence[float]) -> bool:
    """
    Tell whether a command may be looked at further; one bad channel spoils the whole command.

    :param command: any numbers, (C,)
    :returns: ``False`` if any is NaN or infinite
    """
    return all(math.isfinite(value) for value in command)


def limit_speed(command: Sequence[float], limits: Limits) -> tuple[list[float], tuple[str, ...]]:
    """
    Hold each channel within its range.

    :param command: finite, (C,)
    :param limits: the limits
    :returns: the command, (C,); which limits bit, such as ``linear_x_maximum``
    """
    result, bitten = [], []
    for channel, value, low, high in zip(limits.channels, command, limits.minimum, limits.maximum, strict=True):
        if value > high:
            bitten.append(f'{channel}_maximum')
            value = high
        elif value < low:
            bitten.append(f'{channel}_minimum')
            value = low
        result.append(value)
    return result, tuple(bitten)


def limit_acceleration(
    command: Sequence[float], previous: Sequence[float], dt_s: float, limits: Limits
) -> tuple[list[float], tuple[str, ...]]:
    """
    Hold each channel's change within ``max_acceleration · dt_s``.

    There is no deadband: the smallest step towards the wanted command is taken and remembered, so that a small
    acceleration cannot freeze the robot.

    :param command: finite, (C,)
    :param previous: the command published last, (C,)
    :param dt_s: time since then, s, > 0
    :param limits: the limits
    :returns: the command, (C,); which limits bit, such as ``linear_x_acceleration``
    """
    result, bitten = [], []
    rows = zip(limits.channels, command, previous, limits.max_acceleration, strict=True)
    for channel, value, before, acceleration in rows:
        change = acceleration * dt_s
        reached = min(max(value, before - change), before + change)
        if reached != value:
            bitten.append(f'{channel}_acceleration')
        result.append(reached)
    return result, tuple(bitten)


def limit(
    command: Sequence[float], previous: Sequence[float], dt_s: float, limits: Limits
) -> tuple[list[float], tuple[str, ...]]:
    """
    Apply the speed limits, then the acceleration limits.

    The range always holds: where it was narrowed since the previous command, the command moves into it at once and
    the acceleration counts from its edge.

    :param command: finite, (C,), in the channels' units
    :param previous: the command published last, (C,)
    :param dt_s: time since then, s, > 0
    :param limits: the limits
    :returns: the command to publish, (C,); which limits bit, in the order they were applied
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
