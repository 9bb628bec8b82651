"""The driver that demonstrations are taken from: pure pursuit along the right lane; and what disturbs it meanwhile."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.interface import Disturbance
from lnn_controller.sim.tasks.lane import Lane
from lnn_controller.sim.tasks.track import Track

__all__ = ['CurvatureBursts', 'LaneDriver', 'PurePursuit', 'disturb']


class PurePursuit:
    """
    Steer for a point of the lane's centre a fixed distance ahead (Coulter 1992, *Implementation of the Pure
    Pursuit Path Tracking Algorithm*): the curvature of the arc through it is 2·y / d².

    A learner sees one picture, not a map: so both commands are smooth functions of what lies before the car. The
    distance to the point does not depend on the measured speed, and the speed depends on the curvature within view.

    :param track: the road
    :param speed_m_s: on a straight road
    :param lateral_acceleration_m_s2: what the speed tends to in ever tighter bends, v² · κ
    :param lookahead_m: distance to the point, from the rear axle along the lane
    :param preview_m: how far ahead curvature slows the car
    :param max_curvature: the tightest arc that it asks for, 1/m; the car's steering reaches 0.91
    :param aside_m: distance of the line that it follows from the lane's centre, m, positive left
    """

    def __init__(
        self,
        track: Track,
        *,
        speed_m_s: float = 2.0,
        lateral_acceleration_m_s2: float = 1.2,
        lookahead_m: float = 1.1,
        preview_m: float = 4.0,
        max_curvature: float = 0.9,
        aside_m: float = 0.0,
    ) -> None:
        self.track = track
        self.speed_m_s = speed_m_s
        self.lateral_acceleration_m_s2 = lateral_acceleration_m_s2
        self.lookahead_m = lookahead_m
        self.preview_m = preview_m
        self.max_curvature = max_curvature
        self.aside_m = aside_m

    def command(self, x: float, y: float, yaw: float) -> tuple[float, float]:
        """
        Decide from a pose.

        :param x: of the rear axle, m
        :param y: m
        :param yaw: rad
        :returns: linear_x, m/s; angular_z, rad/s: the speed times the curvature to drive
        """
        s, _ = self.track.project(x, y)
        goal_x, goal_y = self.track.lane_ahead(s, self.lookahead_m)
        if self.aside_m:
            heading = self.track.at(s + self.lookahead_m)[2]
            goal_x -= self.aside_m * math.sin(heading)
            goal_y += self.aside_m * math.cos(heading)
        dx, dy = goal_x - x, goal_y - y
        left = dy * math.cos(yaw) - dx * math.sin(yaw)
        curvature = min(max(2 * left / (dx * dx + dy * dy), -self.max_curvature), self.max_curvature)
        speed = self._speed(s)
        return speed, speed * curvature

    def _speed(self, s: float) -> float:
        """Blend the straight's speed and the bend's (a/κ)^½ smoothly: the fourth powers' reciprocals add."""
        ahead = self.track.curvature_ahead(s, self.preview_m)
        nearer = np.linspace(1.0, 0.25, ahead.size)
        bend_squared = float(np.average(ahead * ahead, weights=nearer))
        return float((self.speed_m_s**-4 + bend_squared / self.lateral_acceleration_m_s2**2) ** -0.25)


class LaneDriver:
    """
    The expert of the lane: pure pursuit from where the car is.

    :param task: the lane to keep
    """

    def __init__(self, task: Lane) -> None:
        self._world = task.world
        self._pursuit = PurePursuit(task.world.track)

    def command(self) -> NDArray[np.float64]:
        """
        Decide from the pose.

        :returns: forward speed, m/s; yaw rate, rad/s; (2,)
        """
        return np.array(self._pursuit.command(*self._world.pose()))


@dataclass
class CurvatureBursts:
    """
    Bursts of a curvature bias, at the expert's rate.

    :param rng: source of when, how long and how much
    :param period_s: between two of the expert's commands, s
    :param rate_hz: bursts a second, when none is running
    :param deviation: standard deviation of the bias, 1/m
    :param shortest: of a burst, commands
    :param longest: of a burst, commands
    """

    rng: np.random.Generator
    period_s: float
    rate_hz: float = 0.5
    deviation: float = 0.5
    shortest: int = 10
    longest: int = 30
    _remaining: int = field(default=0, init=False)
    _bias: float = field(default=0.0, init=False)

    def bias(self, cross_track_error_m: float) -> float:
        """
        Draw the bias of the next command.

        :param cross_track_error_m: a burst ends once it has driven the car so far aside that more would teach nothing
        :returns: curvature to add to the driven command, 1/m
        """
        if self._remaining > 0:
            self._remaining -= 1
            if self._bias * cross_track_error_m > 0 and abs(cross_track_error_m) > 0.4:
                self._remaining = 0
        elif self.rng.random() < self.rate_hz * self.period_s:
            self._remaining = int(self.rng.integers(self.shortest, self.longest))
            self._bias = float(np.clip(self.rng.normal(0.0, self.deviation), -1.0, 1.0))
        return self._bias if self._remaining > 0 else 0.0


def disturb(task: Lane, rng: np.random.Generator) -> Disturbance:
    """
    Make what disturbs the expert of the lane.

    :param task: the lane to keep
    :param rng: source of the disturbances
    :returns: what is driven instead of the expert's command: the same speed along another curve
    """
    clock = task.world.clock
    bursts = CurvatureBursts(rng, clock.odometry / clock.steps_per_second)

    def disturbed(command: NDArray[np.float64]) -> NDArray[np.float64]:
        speed, turn = command
        return np.array([speed, turn + speed * bursts.bias(task.cross_track_error_m)])

    return disturbed
