"""Keep the lane for a while, at one go: what is asked where the eyes are worse."""

from collections.abc import Mapping

import numpy as np

from lnn_controller.metrics.lane import DEPARTURE_M
from lnn_controller.metrics.success import outcome_figures
from lnn_controller.sim.interface import Verdict
from lnn_controller.sim.tasks.lane import Floats, Lane, RoadWorld

__all__ = ['Stretch']


class Stretch(Lane):
    """
    Keep the lane to the end: a trial ends with the first ``departure``, or after 40 s with ``success``.

    A demonstration begins and ends as one of :class:`~lnn_controller.sim.tasks.lane.Lane` does.

    :param world: with a road
    """

    time_limit_s = 40.0

    def __init__(self, world: RoadWorld) -> None:
        super().__init__(world)
        self._period_s = world.clock.odometry / world.clock.steps_per_second
        self._restart()

    def _restart(self) -> None:
        self.outcome = ''
        self._updates = 0

    def begin(self, rng: np.random.Generator | None = None) -> None:
        """
        Put the robot on the lane, at rest.

        :param rng: source of a demonstration's start; without it the start is the road's
        """
        self._restart()
        super().begin(rng)

    def update(self) -> Verdict:
        """
        Judge where the robot is.

        :returns: how the trial has ended
        """
        self._updates += 1
        if self._demonstration:
            return super().update()
        self.outcome = self._judge()
        self.departures = int(self.outcome not in ('', 'success', 'timeout'))
        return Verdict(self.outcome)

    def _judge(self) -> str:
        if abs(self.cross_track_error_m) > DEPARTURE_M:
            return 'departure'
        return 'success' if self._time_is_up() else ''

    def _time_is_up(self) -> bool:
        return self._updates * self._period_s > self.time_limit_s - self._period_s / 2

    def figures(self, poses: Floats) -> Mapping[str, float | int]:
        """
        Sum the trial up.

        :param poses: where the robot was at each update, (K, 7)
        :returns: as :func:`~lnn_controller.metrics.success.outcome_figures` does, and what a lane has
        """
        return outcome_figures(self.outcome, self._updates * self._period_s) | dict(super().figures(poses))
