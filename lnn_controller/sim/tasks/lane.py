"""Keep the right lane of a road."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lnn_controller.metrics.lane import DEPARTURE_M, lane_figures
from lnn_controller.sim.interface import Map, Verdict, World
from lnn_controller.sim.tasks.track import Track

__all__ = ['Lane', 'RoadWorld', 'cross_track_errors']

Floats = NDArray[np.float64]

OFF_ROAD_M = 1.1  # cross-track error that ends a demonstration: there is nothing to learn from the meadow


class RoadWorld(World, Protocol):
    """A world with a road."""

    @property
    def track(self) -> Track:
        """The road."""

    def pose(self) -> tuple[float, float, float]:
        """
        Return where the robot is.

        :returns: x (m), y (m), yaw (rad) of its reference point
        """

    def set_pose(self, x: float, y: float, yaw: float) -> None:
        """
        Put the robot somewhere, at rest.

        :param x: m
        :param y: m
        :param yaw: rad
        """


class Lane:
    """
    Keep the right lane: a robot whose reference point leaves it is counted and put back on its centre, at rest.

    A demonstration begins anywhere on the road, somewhat aside and askew, and ends where the road does.

    :param world: with a road
    """

    time_limit_s = 60.0

    def __init__(self, world: RoadWorld) -> None:
        self.world = world
        self.departures = 0
        self._demonstration = False

    def begin(self, rng: np.random.Generator | None = None) -> None:
        """
        Put the robot on the lane, at rest.

        :param rng: source of a demonstration's start; without it the start is the road's
        """
        self.departures = 0
        self._demonstration = rng is not None
        if rng is None:
            self._put(0.0)
            return
        aside, turned = np.clip(rng.normal(0.0, (0.15, 0.08)), (-0.4, -0.25), (0.4, 0.25))
        self._put(rng.uniform(0.0, self.world.track.length_m), float(aside), float(turned))

    def update(self) -> Verdict:
        """
        Judge where the robot is; put it back if it has left its lane.

        :returns: the outcome ``off_road`` of a demonstration; a departure of a trial
        """
        s_m, lateral_m = self._place()
        error_m = lateral_m - self.world.track.lane_offset_m
        if self._demonstration:
            return Verdict('off_road' if abs(error_m) > OFF_ROAD_M else '')
        if abs(error_m) <= DEPARTURE_M:
            return Verdict()
        self.departures += 1
        self._put(s_m)
        return Verdict(event=f'lane departure {self.departures} ({error_m:+.2f} m): the car is put back', moved=True)

    def status(self) -> Mapping[str, float | int]:
        """
        Return how the lane is kept.

        :returns: ``cross_track_error`` (m, positive left of the lane's centre) and ``departures``
        """
        return {'cross_track_error': self.cross_track_error_m, 'departures': self.departures}

    def figures(self, poses: Floats) -> Mapping[str, float | int]:
        """
        Sum up how the lane was kept.

        :param poses: where the robot was at each update, (K, 7)
        :returns: as :func:`~lnn_controller.metrics.lane.lane_figures` does
        """
        return lane_figures(cross_track_errors(self.world.track, poses), self.departures)

    def map(self) -> Map:
        """
        Return the road.

        :returns: closed lines: its edges and the right lane's centre
        """
        track = self.world.track
        lines = (('left edge', track.left_edge), ('right edge', track.right_edge), ('lane centre', track.lane_centre))
        return Map(tuple((name, np.vstack([line, line[:1]])) for name, line in lines))

    @property
    def cross_track_error_m(self) -> float:
        """Signed distance from the right lane's centre, m, positive left of it."""
        return self._place()[1] - self.world.track.lane_offset_m

    def _place(self) -> tuple[float, float]:
        x, y, _ = self.world.pose()
        return self.world.track.project(x, y)

    def _put(self, s_m: float, aside_m: float = 0.0, turned_rad: float = 0.0) -> None:
        x, y, yaw = self.world.track.at(s_m, self.world.track.lane_offset_m + aside_m)
        self.world.set_pose(x, y, yaw + turned_rad)


def cross_track_errors(track: Track, poses: Floats) -> Floats:
    """
    Measure how far from the right lane's centre a path lies.

    :param track: the road
    :param poses: of which x and y (m) come first, (K, ≥ 2)
    :returns: signed distances, positive left, (K,), m
    """
    return np.array([track.project(x, y)[1] - track.lane_offset_m for x, y in poses[:, :2].tolist()], np.float64)
