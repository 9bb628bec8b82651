"""Follow a target that wanders."""

import math

from lnn_controller.sim.tasks.targets import TargetTask, clearance_m

__all__ = ['Follow']

NEAR_M = 4.5  # the target is followed within this distance, in view…
SETTLED_S = 10.0  # …after so long…
SHARE = 0.9  # …for this share of the time
SPEED_M_S = (0.3, 0.8)
ROOM_M, EDGE_M = 0.9, 2.0  # it keeps so far from obstacles' surfaces and from the field's edge…
AHEAD_M = 0.6  # …looking so far ahead…
DODGE_RAD, DODGES = 0.5, 12  # …and else tries these steps aside, left and right in turn, all around
SHY_M = 1.2  # nearer than this it does not come to the drone
SWERVE_RAD = 0.42  # standard deviation of how far it swerves in a second


class Follow(TargetTask):
    """
    Keep close to a target that wanders among the trees at 0.3 to 0.8 m/s, for 30 s.

    From the tenth second on it must be within 4.5 m and in view for nine tenths of the time; ``lost`` otherwise.
    """

    time_limit_s = 30.0

    def _start(self, spread_rad: float) -> bool:
        self._heading = self._rng.uniform(-math.pi, math.pi)
        self._speed_m_s = self._rng.uniform(*SPEED_M_S)
        self._near = self._counted = 0
        return self._place(5.0, 10.0, spread_rad)

    def _judge(self) -> str:
        if self.elapsed_s > SETTLED_S:
            distance_m, bearing, _ = self.to_target()
            self._counted += 1
            self._near += distance_m < NEAR_M and abs(bearing) < self.world.half_field_of_view_rad
        self._wander()
        return ''

    def _time_is_up(self) -> str:
        if self._near < SHARE * self._counted:
            return 'lost'
        self.reached = 1
        return 'success'

    def _wander(self) -> None:
        """Take a step where it is free: on, or as little aside as need be; else stay."""
        x, y, z = self.world.target.tolist()
        self._heading += self._rng.normal(0.0, SWERVE_RAD * math.sqrt(self._period_s))
        step_m = self._speed_m_s * self._period_s
        for k in range(DODGES):
            heading = self._heading + (k + 1) // 2 * DODGE_RAD * (-1) ** k
            place = x + step_m * math.cos(heading), y + step_m * math.sin(heading)
            ahead = x + AHEAD_M * math.cos(heading), y + AHEAD_M * math.sin(heading)
            apart_m = math.dist(place, self.world.pose()[:2])
            if (
                clearance_m(self.world.obstacles, *ahead) > ROOM_M
                and max(map(abs, ahead)) < self.world.field_m - EDGE_M
                and (apart_m > SHY_M or apart_m > math.dist((x, y), self.world.pose()[:2]))
            ):
                self._heading = heading
                self.world.set_target(*place, z)
                return
