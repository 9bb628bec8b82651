"""A point mass that follows velocity commands with a lag, seen from above."""

import numpy as np

from lnn_controller.sim.interface import Clock, Odometry, check_seed

LAG_S = 0.2
METRES_PER_PIXEL = 0.5


class PointWorld:
    channels = ('linear_x', 'linear_y')
    clock = Clock(100, camera=10, imu=2, odometry=4)

    def __init__(self, seed, scene='day', *, scenery_seed=0):
        self.rng = np.random.default_rng([check_seed(seed, 'a plane'), scenery_seed])
        self.light = {'day': 200, 'night': 60}[scene]
        self.spot = self.rng.uniform(2.0, 4.0, 2) * self.rng.choice((-1, 1), 2)
        self._steps = 0
        self.put(np.zeros(2))

    @property
    def time_ns(self):
        return 1_000_000_000 + self._steps * 10_000_000

    def put(self, position):
        self.position = position
        self._velocity = self._command = self._acceleration = np.zeros(2)

    def apply(self, command):
        command = np.asarray(command, np.float64)
        if not np.isfinite(command).all():
            raise ValueError(f'a velocity command must be finite. Got {command}')
        self._command = command

    def advance(self, steps):
        dt_s = 1 / self.clock.steps_per_second
        for _ in range(steps):
            self._acceleration = (self._command - self._velocity) / LAG_S
            self._velocity = self._velocity + self._acceleration * dt_s
            self.position = self.position + self._velocity * dt_s
        self._steps += steps

    def camera(self):
        """The spot, a bright square about its place relative to the point in the middle."""
        image = np.full((24, 32, 3), self.light // 4, np.uint8)
        dx, dy = np.round((self.spot - self.position) / METRES_PER_PIXEL).astype(int)
        image[max(0, 11 - dx) : max(0, 14 - dx), max(0, 15 - dy) : max(0, 18 - dy)] = self.light
        return image

    def imu(self):
        noise = self.rng.normal(0.0, 0.01, 6)
        return noise[:3], noise[3:] + (*self._acceleration, 9.81)

    def odometry(self):
        pose, twist = np.zeros(7), np.zeros(6)
        pose[:2], pose[6], twist[:2] = self.position, 1.0, self._velocity
        return Odometry(pose, twist)

    def show(self, pose, command):
        self.put(pose[:2].copy())

    def chase(self, width=640, height=360):
        return np.full((height, width, 3), self.light, np.uint8)

    def close(self):
        pass
