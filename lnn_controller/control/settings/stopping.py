"""How fast a robot may go so that it comes to rest within a way."""

import math

__all__ = ['most_speed']


def most_speed(left_m: float, reaction_s: float, deceleration: float) -> float:
    """
    Return the speed from which the robot comes to rest just in time.

    :param left_m: the way to where it must stand, m
    :param reaction_s: from zeros on cmd_vel until it brakes, s
    :param deceleration: how hard it brakes, m/s², > 0
    :returns: speed, m/s, ≥ 0, never NaN: 0 where the way is not a number; ``inf`` where it has no end
    """
    if not left_m > 0.0:
        return 0.0
    if left_m == math.inf:
        return left_m
    # The root of left = speed · reaction + speed² / (2 · deceleration), free of cancellation; and of inf / inf.
    root = math.sqrt(reaction_s**2 + left_m / (0.5 * deceleration))
    return left_m / (0.5 * (reaction_s + root))
