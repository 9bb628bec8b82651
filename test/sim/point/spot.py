"""Reach the spot, and who knows the way."""

import numpy as np

from lnn_controller.sim.interface import Map, Verdict


class Spot:
    time_limit_s = 10.0

    def __init__(self, world):
        self.world = world

    def begin(self, rng=None):
        self._updates = 0
        self.world.put(np.zeros(2) if rng is None else rng.uniform(-1.0, 1.0, 2))

    @property
    def distance_m(self):
        return float(np.linalg.norm(self.world.spot - self.world.position))

    def update(self):
        self._updates += 1
        if self.distance_m < 0.2:
            return Verdict('reached')
        return Verdict('timeout' if self._updates == self.time_limit_s * 25 else '')

    def status(self):
        return {'distance': self.distance_m, 'reached': int(self.distance_m < 0.2)}

    def figures(self, poses):
        nearest_m = float(np.linalg.norm(poses[:, :2] - self.world.spot, axis=1).min())
        success = nearest_m < 0.2
        time_s = (self._updates - 1) / 25 if success else np.nan
        return {'success': int(success), 'time_s': time_s, 'collisions': 0, 'nearest_m': nearest_m}

    def map(self):
        return Map(targets=self.world.spot[None])


class Homing:
    def __init__(self, task):
        self._world = task.world

    def command(self):
        return np.clip(self._world.spot - self._world.position, -1.0, 1.0)
