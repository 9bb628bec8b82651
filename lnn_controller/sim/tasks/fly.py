"""Fly to a target: in plain sight, or with an obstacle in the way."""

import math

import numpy as np

from lnn_controller.sim.tasks.targets import (
    CLEAR_M,
    TARGET_HEIGHT_M,
    TARGET_RADIUS_M,
    TargetTask,
    path_clearance_m,
    wrap,
)

__all__ = ['Fly', 'Tight']

WIDEST_M = 0.5  # radius of an obstacle that is chosen to stand in the way: a target shows behind it
PAST_M = 0.45  # the line of sight passes an obstacle's surface at most so far away
SHOWS_M = 0.15  # of a target's radius so much must show, seen where the obstacle stands


class Fly(TargetTask):
    """Fly to a target 5 to 15 m away, in plain sight, and stay before it."""


class Tight(TargetTask):
    """
    Fly to a target just past an obstacle that stands across or close beside the line of sight.

    A drone that does not see the obstacle hits it about every other time.
    """

    def _start(self, spread_rad: float) -> bool:
        x, y, _, yaw = self.world.pose()
        rng = self._rng
        for k in rng.permutation(len(self.world.obstacles)):
            ox, oy, radius = self.world.obstacles[k].tolist()
            away = math.hypot(ox - x, oy - y)
            if radius > WIDEST_M or not 2.0 < away < 8.0:
                continue
            distance_m = rng.uniform(max(5.0, away + 2.2), min(15.0, away + 5.0))
            shown = TARGET_RADIUS_M * away / distance_m - SHOWS_M
            aside = rng.uniform(max(0.0, radius - shown), radius + PAST_M) * rng.choice((-1.0, 1.0))
            heading = math.atan2(oy - y, ox - x) + math.asin(aside / away)
            place = x + distance_m * math.cos(heading), y + distance_m * math.sin(heading)
            others = np.delete(self.world.obstacles, k, axis=0)
            if (
                abs(wrap(heading - yaw)) < spread_rad
                and self._is_free(*place)
                and path_clearance_m(others, (x, y), place) > CLEAR_M
            ):
                self._show(*place, rng.uniform(*TARGET_HEIGHT_M))
                return True
        return False
