"""Take the branch of a fork that the colour of the road before it stands for: a task for a memory."""

from typing import Protocol

import numpy as np

from lnn_controller.metrics.lane import DEPARTURE_M
from lnn_controller.sim.interface import Map
from lnn_controller.sim.tasks.fork import Fork
from lnn_controller.sim.tasks.lane import RoadWorld
from lnn_controller.sim.tasks.stretch import Stretch

__all__ = ['Cue', 'ForkWorld']

START_M = 1.5  # demonstrations begin within so much of the road's start


class ForkWorld(RoadWorld, Protocol):
    """A world with a road that forks."""

    @property
    def track(self) -> Fork:
        """The road."""


class Cue(Stretch):
    """
    Take the branch that a colour stands for.

    The road forks; the colour of a stretch of it says which branch to take, and has been out of view for about 3 s when
    they part. A trial ends with ``success`` well into that branch, with ``wrong_branch`` on the other one, with
    ``off_road`` anywhere else out of the lane, or with ``timeout``. There is nothing in picture or motion at the fork
    that says which: who does not remember has to guess.

    :param world: with a road that forks
    """

    world: ForkWorld
    time_limit_s = 20.0

    def begin(self, rng: np.random.Generator | None = None) -> None:
        """
        Put the robot at the start of the road, at rest.

        :param rng: source of a demonstration's start, which is somewhat ahead, aside and askew; without it the start
            is the road's
        """
        super().begin()
        if rng is None:
            return
        aside, turned = np.clip(rng.normal(0.0, (0.12, 0.06)), (-0.3, -0.2), (0.3, 0.2))
        self._put(rng.uniform(0.0, START_M), float(aside), float(turned))

    def _judge(self) -> str:
        s_m, aside_m = self._place()
        if s_m >= self.world.track.goal_m:
            return 'success'
        if abs(aside_m) > DEPARTURE_M:
            x, y, _ = self.world.pose()
            return 'wrong_branch' if self.world.track.other_distance(x, y) <= DEPARTURE_M else 'off_road'
        return 'timeout' if self._time_is_up() else ''

    def map(self) -> Map:
        """
        Return the road.

        :returns: its edges, the coloured stretch, the middle of the branch to take, and where a trial ends
        """
        track = self.world.track
        edges = [edge for piece in track.pieces() if piece.lined for edge in (piece.left, piece.right)]
        painted = [np.vstack([piece.left, piece.right[::-1], piece.left[:1]]) for piece, _ in track.painted]
        goal = track.s <= track.goal_m
        return Map(
            (
                *(('edge', edge) for edge in edges),
                *(('coloured stretch', outline) for outline in painted),
                ('branch to take', track.lane_centre[goal]),
            ),
            targets=np.array([track.at(track.goal_m)[:2]]),
        )
