"""Meet a target where it went while it was out of view: a task for a memory."""

import math

import numpy as np

from lnn_controller.sim.tasks.targets import TARGET_HEIGHT_M, TRIES, TargetTask, path_clearance_m, wrap

__all__ = ['Hidden']

CROSS_S, CROSS_M = 3.0, (2.0, 3.0)  # it crosses the view for so long, so far…
AWAY_M, ASIDE_RAD = (5.0, 7.0), 0.2  # …to so far from the drone, so far from its nose at most…
SIGHT_M, CROSS_ROOM_M = 0.3, 0.9  # lines of sight and its way across keep so far from obstacles' surfaces
STAND_S = (1.5, 2.5)  # …stands before the drone, until nothing tells any more whence it came…
GONE_S = (2.0, 3.5)  # …and is out of view for so long
RISE_S = 0.3  # of that time it takes to rise out of view, and as long to come down
RISE = math.tan(math.radians(50.0))  # how high above the drone it is then, by its distance: pictures end at 25°
ROUND_RAD_S = 0.7, 0.8  # how fast it goes round the drone meanwhile
DOWN_M = (3.0, 5.0)  # how far from the drone it comes down
MEET_S = 8.0  # from then on it must be reached within this time
LOST_RAD = math.radians(60.0)  # who turns so far to the other side has lost it


class Hidden(TargetTask):
    """
    Meet a target where it went.

    It crosses the view to one side and stands still before the drone. Then it rises out of view, goes on round the
    drone to that same side for 2 to 3.5 s, and comes down there. When it goes, neither picture nor motion tell any more
    on which side it will be: who does not remember has to guess. A drone that turns by 60° to the other side has lost
    it, and so has one that has not reached it 8 s after it came down. Where there is no free place for it on its way
    round, it comes down all the same, close to an obstacle or behind one, and the verdict says so as it goes.
    """

    def _start(self, spread_rad: float) -> bool:
        rng, obstacles = self._rng, self.world.obstacles
        x, y, _, yaw = self.world.pose()
        self._side = float(rng.choice((-1.0, 1.0)))
        self._goes_s = CROSS_S + rng.uniform(*STAND_S)
        self._down_s = self._goes_s + rng.uniform(*GONE_S)
        self._yaw, self._turned_rad, self._found = yaw, 0.0, False
        heading, away = yaw + rng.uniform(-ASIDE_RAD, ASIDE_RAD), rng.uniform(*AWAY_M)
        self._middle = np.array([x + away * math.cos(heading), y + away * math.sin(heading)])
        left = np.array([-math.sin(heading), math.cos(heading)])
        self._first = self._middle - rng.uniform(*CROSS_M) * self._side * left
        ends = [(float(end[0]), float(end[1])) for end in (self._first, self._middle)]
        if not (
            all(self._is_free(*end) and path_clearance_m(obstacles, (x, y), end) > SIGHT_M for end in ends)
            and path_clearance_m(obstacles, ends[0], ends[1]) > CROSS_ROOM_M
        ):
            return False
        self._show(ends[0][0], ends[0][1], rng.uniform(*TARGET_HEIGHT_M))
        return True

    def _judge(self) -> str:
        if self.elapsed_s < self._goes_s:
            self._cross()
            return ''
        event = self._go() if self.elapsed_s - self._period_s < self._goes_s else ''
        before, self._yaw = self._yaw, self.world.pose()[3]
        self._turned_rad += wrap(self._yaw - before)
        if not self._found and self._side * self._turned_rad < -LOST_RAD:
            self.outcome = 'lost'
            return 'turned away from where the target went'
        self._go_round()
        if self.elapsed_s < self._down_s:
            return event
        self._found = self._found or self.in_view
        if self.elapsed_s > self._down_s + MEET_S:
            self.outcome = 'lost'
            return 'the target was not met where it went'
        return super()._judge()

    def _cross(self) -> None:
        x, y = self._first + min(self.elapsed_s / CROSS_S, 1.0) * (self._middle - self._first)
        self.world.set_target(x, y, self.world.target[2])

    def _go(self) -> str:
        """Plan the way round the drone from where both are now; return what has happened."""
        x, y, z, self._yaw = self.world.pose()
        ground_m, bearing, _ = self.to_target()
        self._from = self._yaw + bearing, ground_m
        self._height_m = float(self.world.target[2])
        self._centre = x, y
        gone_s = self._down_s - self._goes_s
        # Where there is room depends on how it was flown, so that no seed can be refused: the last place must do then.
        for _ in range(TRIES):
            heading = self._from[0] + self._side * gone_s * self._rng.uniform(*ROUND_RAD_S)
            self._to = heading, self._rng.uniform(*DOWN_M)
            place = x + self._to[1] * math.cos(heading), y + self._to[1] * math.sin(heading)
            if self._is_free(*place) and path_clearance_m(self.world.obstacles, (x, y), place) > SIGHT_M:
                event = ''
                break
        else:
            event = 'the target comes down where there is no free place'
        self._top_m = z + RISE * max(ground_m, self._to[1])
        self._targets.append(np.array(place))
        return event

    def _go_round(self) -> None:
        since_s, until_s = self.elapsed_s - self._goes_s, max(self._down_s - self.elapsed_s, 0.0)
        risen = min(since_s / RISE_S, until_s / RISE_S, 1.0)
        gone = min(max((since_s - RISE_S) / (self._down_s - self._goes_s - 2 * RISE_S), 0.0), 1.0)
        heading, ground_m = np.add(self._from, gone * np.subtract(self._to, self._from))
        x, y = self._centre
        self.world.set_target(
            x + ground_m * math.cos(heading),
            y + ground_m * math.sin(heading),
            self._height_m + risen * (self._top_m - self._height_m),
        )
