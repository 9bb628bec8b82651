"""Settings of the obstacle guard: the robot's outline, and how far it stays away."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from lnn_controller.control.settings.stopping import most_speed
from lnn_controller.errors import InputError
from lnn_controller.settings import check_settings, setting

__all__ = ['Footprint', 'GuardSettings']


@dataclass(frozen=True)
class Footprint:
    """
    The robot's outline: a rectangle, by the distances of its edges from base_link.

    :raises InputError: if a distance is negative or not finite, or the rectangle has no length or no width
    """

    front_m: float = setting(0.3, "Distance of the robot's front edge from base_link.", 'm', 0.0, 10.0)
    rear_m: float = setting(0.3, "Distance of the robot's rear edge from base_link.", 'm', 0.0, 10.0)
    left_m: float = setting(0.25, "Distance of the robot's left edge from base_link.", 'm', 0.0, 10.0)
    right_m: float = setting(0.25, "Distance of the robot's right edge from base_link.", 'm', 0.0, 10.0)

    def __post_init__(self) -> None:
        check_settings(self)
        for one, other in (('front_m', 'rear_m'), ('left_m', 'right_m')):
            if getattr(self, one) + getattr(self, other) <= 0.0:
                raise InputError(f'{one} + {other} must be more than 0. Got 0: measure from base_link to the edges')

    @property
    def circumradius_m(self) -> float:
        """Distance of the farthest corner from base_link, m."""
        return math.hypot(max(self.front_m, self.rear_m), max(self.left_m, self.right_m))

    def pace(self, velocity: Sequence[float]) -> float:
        """
        Return how fast a command goes along the way that the guard's clearance is measured on.

        :param velocity: linear x and y, m/s; angular z, rad/s; (3,)
        :returns: the larger of the speed and of what the turning gives the farthest corner, m/s
        """
        linear_x, linear_y, angular_z = velocity
        return max(math.hypot(linear_x, linear_y), abs(angular_z) * self.circumradius_m)


@dataclass(frozen=True)
class GuardSettings:
    """
    When the guard slows the robot down.

    :param footprint: the robot's outline
    :raises InputError: if a value is out of its range, or the distances are not in this order
    """

    footprint: Footprint = field(default_factory=Footprint)
    slow_distance_m: float = setting(1.0, 'The robot slows down with less free way than this ahead.', 'm', 0.0, 100.0)
    stop_distance_m: float = setting(0.3, 'The robot stops with less free way than this ahead.', 'm', 0.0, 100.0)
    reaction_s: float = setting(0.1, 'From zeros on cmd_vel until the robot brakes.', 's', 0.0, 5.0)
    deceleration: float = setting(
        2.0,
        'How hard the robot brakes: it goes no faster than it can stop before the stop distance.',
        'm/s²',
        0.05,
        100.0,
    )
    min_valid: float = setting(
        0.1,
        'The share of rays or points that must have measured, of all and along the way: else the robot stops.',
        '',
        0.001,
        1.0,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if not self.stop_distance_m < self.slow_distance_m:
            got = f'{self.stop_distance_m} and slow_distance_m {self.slow_distance_m}'
            raise InputError(f'stop_distance_m must be less than slow_distance_m. Got {got}')

    def reach_m(self, pace: float) -> float:
        """
        Return how far the guard must look.

        :param pace: of the command, m/s, as :meth:`Footprint.pace` returns it
        :returns: clearance from which on the command is left alone, m
        """
        stopping_m = pace * self.reaction_s + pace * pace / (2.0 * self.deceleration)
        return max(self.slow_distance_m, self.stop_distance_m + stopping_m)

    def most_pace(self, clearance_m: float) -> float:
        """
        Return how fast the robot may go so that it comes to rest at the stop distance.

        :param clearance_m: from :func:`clearance`, m
        :returns: pace, m/s, ≥ 0; ``inf`` where nothing is in the way
        """
        return most_speed(clearance_m - self.stop_distance_m, self.reaction_s, self.deceleration)
