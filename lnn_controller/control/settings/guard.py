"""Settings of the obstacle guard: the robot's outline, and how far it stays away."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from lnn_controller.errors import InputError

__all__ = ['Footprint', 'GuardSettings']


@dataclass(frozen=True)
class Footprint:
    """
    The robot's outline: a rectangle, by the distances of its edges from base_link.

    :param front_m: distance of the front edge, m, ≥ 0
    :param rear_m: distance of the rear edge, m, ≥ 0
    :param left_m: distance of the left edge, m, ≥ 0
    :param right_m: distance of the right edge, m, ≥ 0
    :raises InputError: if a distance is negative or not finite, or the rectangle has no length or no width
    """

    front_m: float = 0.3
    rear_m: float = 0.3
    left_m: float = 0.25
    right_m: float = 0.25

    def __post_init__(self) -> None:
        for name in ('front_m', 'rear_m', 'left_m', 'right_m'):
            _check_distance(name, getattr(self, name))
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
    :param slow_distance_m: clearance from which on the command is left alone, m; no need to look farther
    :param stop_distance_m: clearance up to which the robot stops, m, ≥ 0, less than ``slow_distance_m``
    :param reaction_s: from a command to stop until the robot brakes, s, ≥ 0
    :param deceleration: with which it brakes then, m/s², > 0
    :param min_valid: share of the sensor's bearings along the way that must have measured, 0 … 1
    :raises InputError: if a value is out of its range, or the distances are not in this order
    """

    footprint: Footprint = field(default_factory=Footprint)
    slow_distance_m: float = 1.0
    stop_distance_m: float = 0.3
    reaction_s: float = 0.1
    deceleration: float = 2.0
    min_valid: float = 0.1

    def __post_init__(self) -> None:
        for name in ('slow_distance_m', 'stop_distance_m'):
            _check_distance(name, getattr(self, name))
        if not self.stop_distance_m < self.slow_distance_m:
            got = f'{self.stop_distance_m} and slow_distance_m {self.slow_distance_m}'
            raise InputError(f'stop_distance_m must be less than slow_distance_m. Got {got}')
        _check_distance('reaction_s', self.reaction_s, 'time in s')
        _check_distance('deceleration', self.deceleration, 'number of m/s² other than 0')
        if not self.deceleration:
            raise InputError('deceleration must be more than 0 m/s². Got 0: nothing stops such a robot')
        if not 0.0 <= self.min_valid <= 1.0:
            raise InputError(f'min_valid must be a share from 0 to 1. Got {self.min_valid!r}')

    def reach_m(self, pace: float) -> float:
        """
        Tell how far the guard must look.

        :param pace: of the command, m/s, as :meth:`Footprint.pace` returns it
        :returns: clearance from which on the command is left alone, m
        """
        stopping_m = pace * self.reaction_s + pace * pace / (2.0 * self.deceleration)
        return max(self.slow_distance_m, self.stop_distance_m + stopping_m)

    def most_pace(self, clearance_m: float) -> float:
        """
        Tell how fast the robot may go so that it comes to rest at the stop distance.

        :param clearance_m: from :func:`clearance`, m
        :returns: pace, m/s, ≥ 0; ``inf`` where nothing is in the way
        """
        left_m = max(clearance_m - self.stop_distance_m, 0.0)
        # The root of left = pace · reaction + pace² / (2 · deceleration), free of cancellation.
        root = math.sqrt(self.reaction_s**2 + 2.0 * left_m / self.deceleration)
        return 2.0 * left_m / (self.reaction_s + root) if 0.0 < left_m < math.inf else left_m


def _check_distance(name: str, value: object, what: str = 'distance in m') -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0.0 <= value <= sys.float_info.max:  # type: ignore[operator]
        raise InputError(f'{name} must be a finite {what}, at least 0. Got {value!r}')
