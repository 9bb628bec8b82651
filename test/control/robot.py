"""A robot for the controller's tests: sensors and a clock that can be made to fail."""

import numpy as np

from lnn_controller.control import Controller, Footprint, GuardSettings

MS = 1_000_000
PERIOD = 20 * MS
GRAVITY = (0.0, 0.0, 9.81)
BOX = GuardSettings(Footprint(0.3, 0.3, 0.25, 0.25), slow_distance_m=1.0, stop_distance_m=0.2)


def frame(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)


class Robot:
    """A controller with a camera, an IMU and a clock that can be made to fail."""

    def __init__(self, policy, settings=None, start_ns=1_000 * MS):
        self.controller = Controller(policy, settings)
        self.now_ns = start_ns
        self.camera = self.imu = True
        self.stopped_outside = ''

    def tick(self, count=1, *, period_ns=PERIOD):
        """Sensors, then a step, ``count`` times; the last decision."""
        for _ in range(count):
            self.now_ns += period_ns
            if self.camera:
                self.controller.on_image(self.now_ns, frame(self.now_ns // PERIOD))
            if self.imu:
                self.controller.on_imu(self.now_ns, (0.0, 0.0, 0.1), GRAVITY)
            outside, controller = self.stopped_outside, self.controller
            decision = controller.stop(self.now_ns, outside) if outside else controller.step(self.now_ns)
        return decision
