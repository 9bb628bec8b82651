"""How fast a robot may go so that it comes to rest within a way."""

import math

__all__ = ['most_speed']


def most_speed(left_m: float, reaction_s: float, deceleration: float) -> float:
    """
    Return the speed from which the robot comes to rest just in time.

    :param left_m: the way to where it must stand, m
    :param reaction_s: from zeros on cmd_vel until it brakes, s
    :param deceleration: how hard it brakes, m/s², > 0
    :returns: speed, m/s, ≥ 0; ``inf`` where the way has no end
    """
    left_m = max(left_m, 0.0)
    # The root of left = speed · reaction + speed² / (2 · deceleration), free of cancellation.
    root = math.sqrt(reaction_s**2 + 2.0 * left_m / deceleration)
    return 2.0 * left_m / (reaction_s + root) if 0.0 < left_m < math.inf else left_m
