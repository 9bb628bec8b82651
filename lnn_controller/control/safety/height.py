"""Floor and ceiling: what of a climb or descent may be sent at the height that was measured last."""

import math
from typing import NamedTuple

from lnn_controller.control.settings.height import HeightSettings
from lnn_controller.control.settings.stopping import most_speed

__all__ = ['Height', 'limit_climb']


class Height(NamedTuple):
    """
    Where the robot is, up and down.

    :param measured_m: above the origin of the odometry, m; NaN: not known, and no way up or down is free
    :param risen_m: how far it may have gone up since then, m
    :param sunk_m: how far it may have gone down since then, m
    """

    measured_m: float
    risen_m: float = 0.0
    sunk_m: float = 0.0


def limit_climb(linear_z: float, height: Height, settings: HeightSettings) -> tuple[float, tuple[str, ...]]:
    """
    Hold a command that leads to the floor or the ceiling to what comes to rest there.

    :param linear_z: climb, m/s; negative: descent
    :param height: where the robot is
    :param settings: floor and ceiling, and how the robot slows
    :returns: the climb that may be sent, m/s, of the same sign or zero; the limit if it was active
    """
    if not linear_z:
        return linear_z, ()
    if math.isnan(height.measured_m):
        return 0.0, ('floor' if linear_z < 0.0 else 'ceiling',)
    if linear_z > 0.0:
        left_m = settings.ceiling_m - height.measured_m - height.risen_m
        most = most_speed(left_m, settings.reaction_s, settings.deceleration)
        return (most, ('ceiling',)) if linear_z > most else (linear_z, ())
    left_m = height.measured_m - settings.floor_m - height.sunk_m
    most = most_speed(left_m, settings.reaction_s, settings.deceleration)
    return (-most, ('floor',)) if -linear_z > most else (linear_z, ())
