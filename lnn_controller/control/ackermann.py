"""A twist as a speed and an angle of the wheels, for cars that take these (ackermann_msgs)."""

import math
from typing import NamedTuple

__all__ = ['Steering', 'steering']


class Steering(NamedTuple):
    """
    What a car with Ackermann steering is told.

    :param speed_m_s: of the rear axle's middle, m/s
    :param angle_rad: of the virtual wheel in the front axle's middle, rad, positive left
    """

    speed_m_s: float
    angle_rad: float


def steering(
    speed_m_s: float, yaw_rate: float, *, wheelbase_m: float, max_angle_rad: float, max_speed_m_s: float
) -> Steering:
    """
    Find the angle that makes the same curve, by the kinematic bicycle: yaw rate = speed · tan(angle) / wheelbase.

    A curve that is tighter than the wheels turn becomes the tightest there is, and a speed beyond the limit the limit,
    on the same curve. A car that stands does not turn: its wheels are straight.

    :param speed_m_s: forward, m/s
    :param yaw_rate: rad/s, positive left
    :param wheelbase_m: from axle to axle, m, above 0
    :param max_angle_rad: rad, of 0 to π/2
    :param max_speed_m_s: either way, m/s
    :returns: speed and angle; zeros where the twist is not finite
    """
    if not (math.isfinite(speed_m_s) and math.isfinite(yaw_rate)) or speed_m_s == 0.0:
        return Steering(0.0, 0.0)
    angle = math.atan2(wheelbase_m * yaw_rate * math.copysign(1.0, speed_m_s), abs(speed_m_s))
    limited = max(-max_speed_m_s, min(max_speed_m_s, speed_m_s))
    return Steering(limited, max(-max_angle_rad, min(max_angle_rad, angle)))
