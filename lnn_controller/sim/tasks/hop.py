"""Fly to three targets in turn, each of which has to be sought."""

import math

from lnn_controller.sim.tasks.targets import TargetTask

__all__ = ['Hop']

TARGETS = 3
NEXT_RAD = math.radians(150.0)  # the next target lies up to so far from the nose


class Hop(TargetTask):
    """Fly to a target in sight, and then to two more, each 5 to 10 m away to any side but straight behind."""

    time_limit_s = 75.0

    def _next(self) -> str:
        if self.reached == TARGETS:
            self.outcome = 'success'
        else:
            self._place(5.0, 10.0, NEXT_RAD)
        return f'target {self.reached} of {TARGETS} reached'
