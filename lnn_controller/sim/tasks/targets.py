"""What the tasks with a target have in common: where it is put, when it is reached, how a flight is judged."""

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.metrics.success import flight_figures
from lnn_controller.sim.interface import Map, Verdict, World

__all__ = ['TARGET_RADIUS_M', 'FlightWorld', 'TargetTask', 'clearance_m', 'path_clearance_m', 'wrap']

Floats = NDArray[np.float64]

TARGET_RADIUS_M = 0.4  # of the ball that is the target
REACH_M = 2.5  # a target is reached from here…
FACING_RAD = math.radians(15.0)  # …with the nose towards it…
HOLD_S = 2.0  # …for so long
START_FIELD_M = 8.0  # half of the square in which flights begin
START_HEIGHT_M, TARGET_HEIGHT_M = (1.0, 2.0), (1.1, 1.8)
NEAREST_M, FARTHEST_M = 5.0, 15.0  # a target where a flight begins
START_ROOM_M, TARGET_ROOM_M = 1.3, 1.2  # to the nearest obstacle's surface
IN_VIEW_RAD = math.radians(34.0)  # a target that is placed in view lies so far from the nose at most
SPREAD_RAD = math.pi  # of a target that is placed anywhere about
UNSEEN = 0.5  # share of demonstrations that begin with the target anywhere about
CLEAR_M = 0.15  # plain sight: the line to the target passes every obstacle's surface so wide
EDGE_RAD = 0.03  # closer to the picture's edge a target counts as out of view
SIDE_M = 0.3  # aside of its middle, a target is looked for at its sides: well within its radius
ASPECT = 9 / 16  # of pictures
TRIES = 400
TRIAL = 4  # of the world's seed: the source of a trial's start, beside those of places (1) and wind (3)


class FlightWorld(World, Protocol):
    """A world through which a robot flies to a target, among obstacles that are upright cylinders."""

    @property
    def seed(self) -> int:
        """From which it is made."""

    @property
    def field_m(self) -> float:
        """Half of the side of the square in which things stand, m."""

    @property
    def half_field_of_view_rad(self) -> float:
        """Of the camera, to either side."""

    @property
    def obstacles(self) -> Floats:
        """x, y and radius of each, (M, 3), m."""

    @property
    def target(self) -> Floats:
        """Where the target's centre is, (3,), m."""

    @property
    def contact(self) -> bool:
        """Whether the robot has touched anything since it was put where it began."""

    def set_target(self, x: float, y: float, z: float) -> None:
        """
        Put the target's centre somewhere.

        :param x: m
        :param y: m
        :param z: m
        """

    def pose(self) -> tuple[float, float, float, float]:
        """
        Return where the robot is.

        :returns: x, y, z (m) and yaw (rad)
        """

    def set_pose(self, x: float, y: float, z: float, yaw: float) -> None:
        """
        Put the robot somewhere, hovering at rest.

        :param x: m
        :param y: m
        :param z: m
        :param yaw: rad
        """

    def sight(self, point: Floats) -> bool:
        """
        Look whether the line from the camera to a point is free.

        :param point: (3,), m
        :returns: whether nothing hides it
        """


class TargetTask:
    """
    Base of the tasks with a target: reached is one that is within 2.5 m and 15° of the nose for two seconds.

    A flight ends with ``success``, ``crash`` (it touched something), ``timeout`` or ``lost``. Its time counts from the
    first update. Trials begin with the target in view; of demonstrations (but of *hidden*) half with it anywhere about.

    :param world: to fly in
    """

    time_limit_s = 25.0

    def __init__(self, world: FlightWorld) -> None:
        self.world = world
        self._period_s = world.clock.odometry / world.clock.steps_per_second
        self._rng = np.random.default_rng(0)
        self._restart()

    def _restart(self) -> None:
        self.reached = 0
        self.outcome = ''
        self._updates = self._held = 0
        self._targets: list[Floats] = []

    def begin(self, rng: np.random.Generator | None = None) -> None:
        """
        Put robot and target where the flight begins.

        :param rng: source of a demonstration's start; without it the start is that of the world's seed
        :raises InputError: if the world of that seed has no free place for robot or target
        """
        self._rng = np.random.default_rng([self.world.seed, TRIAL]) if rng is None else rng.spawn(1)[0]
        self._restart()
        unseen = rng is not None and self._rng.random() < UNSEEN
        for _ in range(TRIES):
            self._put_robot()
            if self._start(SPREAD_RAD if unseen else IN_VIEW_RAD):
                return
        raise self._no_room('the target where a flight begins')

    def _put_robot(self) -> None:
        for _ in range(TRIES):
            x, y = self._rng.uniform(-START_FIELD_M, START_FIELD_M, 2)
            if clearance_m(self.world.obstacles, x, y) > START_ROOM_M:
                self.world.set_pose(x, y, self._rng.uniform(*START_HEIGHT_M), self._rng.uniform(-math.pi, math.pi))
                return
        raise self._no_room('the drone')

    def _no_room(self, what: str) -> InputError:
        return InputError(
            f'the world must have a free place for {what}. Seed {self.world.seed} has none in {TRIES} tries: '
            'choose another seed'
        )

    def _start(self, spread_rad: float) -> bool:
        """Put the target where the flight begins, up to an angle from the nose; whether there was a place for it."""
        return self._place(NEAREST_M, FARTHEST_M, spread_rad)

    def _place(self, nearest_m: float, farthest_m: float, spread_rad: float) -> bool:
        """Put the target in free sight of the robot, or else leave it where it is."""
        x, y, _, yaw = self.world.pose()
        for _ in range(TRIES):
            distance_m = self._rng.uniform(nearest_m, farthest_m)
            heading = yaw + self._rng.uniform(-spread_rad, spread_rad)
            place = x + distance_m * math.cos(heading), y + distance_m * math.sin(heading)
            if self._is_free(*place) and path_clearance_m(self.world.obstacles, (x, y), place) > CLEAR_M:
                self._show(*place, self._rng.uniform(*TARGET_HEIGHT_M))
                return True
        return False

    def _is_free(self, x: float, y: float) -> bool:
        return max(abs(x), abs(y)) < self.world.field_m and clearance_m(self.world.obstacles, x, y) > TARGET_ROOM_M

    def _show(self, x: float, y: float, z: float) -> None:
        """Put a new target somewhere."""
        self.world.set_target(x, y, z)
        self._targets.append(np.array([x, y]))

    def to_target(self) -> tuple[float, float, float]:
        """
        Return where the target is from the robot.

        :returns: distance along the ground, m; bearing from the nose, rad, positive left; how much higher it is, m
        """
        x, y, z, yaw = self.world.pose()
        dx, dy, dz = (self.world.target - (x, y, z)).tolist()
        return math.hypot(dx, dy), wrap(math.atan2(dy, dx) - yaw), dz

    @property
    def distance_m(self) -> float:
        """From the robot to the target's centre, m."""
        ground_m, _, up_m = self.to_target()
        return math.hypot(ground_m, up_m)

    @property
    def in_view(self) -> bool:
        """Whether the whole target lies within the picture, be it hidden or not."""
        ground_m, bearing, up_m = self.to_target()
        half = self.world.half_field_of_view_rad
        return abs(bearing) < half - EDGE_RAD and abs(up_m) < ASPECT * math.tan(half) * ground_m

    def is_visible(self) -> bool:
        """
        Look whether anything hides the target.

        :returns: whether its middle or one of its sides is in free sight, wherever the camera looks
        """
        x, y, _, _ = self.world.pose()
        target = self.world.target
        dx, dy = (target[:2] - (x, y)) / max(math.dist(target[:2], (x, y)), 0.1)
        return any(self.world.sight(target + side * np.array([-dy, dx, 0.0])) for side in (0.0, SIDE_M, -SIDE_M))

    @property
    def elapsed_s(self) -> float:
        """Time that updates have covered, s."""
        return self._updates * self._period_s

    def update(self) -> Verdict:
        """
        Judge where the robot is, and let the target go on.

        :returns: how the flight has ended, and what has been reached
        """
        self._updates += 1
        if self.world.contact:
            self.outcome = 'crash'
            return Verdict('crash', 'the drone has touched something')
        event = self._judge()
        if not self.outcome and self.elapsed_s > self.time_limit_s - self._period_s / 2:
            self.outcome = self._time_is_up()
        return Verdict(self.outcome, event)

    def _judge(self) -> str:
        """Count a target that is reached; return what has happened."""
        if not self._holds():
            return ''
        self.reached += 1
        return self._next()

    def _holds(self) -> bool:
        """Whether the target has been before the robot for long enough."""
        near = self.distance_m < REACH_M and abs(self.to_target()[1]) < FACING_RAD
        self._held = self._held + 1 if near else 0
        if self._held * self._period_s < HOLD_S - self._period_s / 2:
            return False
        self._held = 0
        return True

    def _next(self) -> str:
        """Go on after a target was reached; return what has happened."""
        self.outcome = 'success'
        return 'target reached'

    def _time_is_up(self) -> str:
        return 'timeout'

    def status(self) -> Mapping[str, float | int]:
        """
        Return where the target is and how many were reached.

        :returns: ``distance_m``; ``bearing_rad`` from the nose, positive left; ``reached``
        """
        return {'distance_m': self.distance_m, 'bearing_rad': self.to_target()[1], 'reached': self.reached}

    def figures(self, poses: Floats) -> Mapping[str, float | int]:
        """
        Sum the flight up.

        :param poses: where the robot was at each update, (K, 7)
        :returns: as :func:`~lnn_controller.metrics.success.flight_figures` does
        """
        return flight_figures(self.outcome, self.elapsed_s, self.reached)

    def map(self) -> Map:
        """
        Return what the robot flies among.

        :returns: obstacles, and where targets were put
        """
        return Map(obstacles=self.world.obstacles, targets=np.array(self._targets).reshape(-1, 2))


def clearance_m(obstacles: Floats, x: float, y: float) -> float:
    """
    Measure how far the nearest obstacle is.

    :param obstacles: x, y and radius of each, (M, 3), m
    :param x: m
    :param y: m
    :returns: to its surface, m; negative within it
    """
    apart = np.hypot(*(obstacles[:, :2] - (x, y)).T) - obstacles[:, 2]
    return float(apart.min(initial=math.inf))


def path_clearance_m(obstacles: Floats, start: tuple[float, float], end: tuple[float, float]) -> float:
    """
    Measure how close a straight line passes to an obstacle.

    :param obstacles: x, y and radius of each, (M, 3), m
    :param start: x, y, m
    :param end: x, y, m
    :returns: to the surface of the nearest, m; negative through it
    """
    line, centres = np.subtract(end, start), obstacles[:, :2] - start
    along = np.clip(centres @ line / (line @ line), 0.0, 1.0)
    apart = np.hypot(*(centres - along[:, None] * line).T) - obstacles[:, 2]
    return float(apart.min(initial=math.inf))


def wrap(angle: float) -> float:
    """
    Bring an angle into −π…π.

    :param angle: rad
    :returns: rad
    """
    return math.remainder(angle, math.tau)
