"""What a picture that takes time makes of motion: blur by its exposure, rows that are read one after the other."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ['Motion']

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

STREAM = 8  # of the world's seed
SAMPLES = 6  # moments of an exposure
SHAKE_HZ = (9.0, 24.0)  # a rough road in the camera's mount
WAVES = 2  # of the shaking about each axis


class Motion:
    """
    A shutter, and a mount that shakes: of a picture of one moment, what moves in it is drawn where it was in time.

    Every pixel shows the ground, or something far away: the motion field of a plane and of a rotation (H. C.
    Longuet-Higgins and K. Prazdny, *The interpretation of a moving retinal image*, Proc. R. Soc. B 208, 1980,
    equations 2.5 and 2.6), to first order in time.

    :param x: pixels' centres right of the middle, (1, W)
    :param y: below it, (H, 1)
    :param focal: focal length, pixels
    :param ground_m: height of the camera above the ground, m
    :param seed: of the shaking, ≥ 0
    :param exposure_s: how long each row is exposed, s
    :param readout_s: how much later than the first row a row after the last would be, s
    :param shake_deg: amplitude of the shaking about each axis, °
    :param step_s: of the physics, s
    """

    def __init__(
        self,
        x: Array,
        y: Array,
        focal: float,
        *,
        ground_m: float,
        seed: int,
        exposure_s: float,
        readout_s: float,
        shake_deg: float,
        step_s: float,
    ) -> None:
        self._x, self._y, self._focal = x.astype(np.float64), y.astype(np.float64), focal
        self._ground_m, self._step_s = ground_m, step_s
        rng = np.random.default_rng([seed, STREAM])
        self._rate = 2 * math.pi * rng.uniform(*SHAKE_HZ, (3, WAVES))
        self._phase = rng.uniform(0.0, 2 * math.pi, (3, WAVES))
        self._amplitude = math.radians(shake_deg) / WAVES
        rows = readout_s * y.astype(np.float64) / y.size
        count = SAMPLES if exposure_s else 1
        # The moment of the picture itself is the middle of the middle row's exposure.
        self._moments = [rows + exposure_s * ((k + 0.5) / count - 0.5) for k in range(count)]

    def __call__(self, seen: Array, step: int, attitude: Floats, velocity: Floats, turning: Floats) -> Array:
        """
        Move a picture.

        :param seen: of one moment, (H, W, 3)
        :param step: of the physics, then
        :param attitude: columns are the camera's right, up and back in the world, (3, 3)
        :param velocity: of the camera in the world, m/s, (3,)
        :param turning: its angular velocity in the world, rad/s, (3,)
        :returns: (H, W, 3)
        """
        axes = attitude * (1.0, -1.0, -1.0)  # right, down, ahead
        ahead, turn = velocity @ axes, turning @ axes
        sink = -(self._x * axes[2, 0] + self._y * axes[2, 1] + self._focal * axes[2, 2]) / self._focal
        nearness = np.maximum(sink, 0.0) / self._ground_m  # 1 / depth
        flow_x = (self._x * ahead[2] - self._focal * ahead[0]) * nearness
        flow_y = (self._y * ahead[2] - self._focal * ahead[1]) * nearness
        total = np.zeros_like(seen)
        for moment in self._moments:
            angles = turn[:, None, None] * moment + self._shaken(step * self._step_s + moment)
            turned_x, turned_y = self._turned(angles)
            total += self._sample(seen, flow_x * moment + turned_x, flow_y * moment + turned_y)
        return total / np.float32(len(self._moments))

    def _shaken(self, time_s: Floats) -> Floats:
        """Angles about right, down and ahead at a time of each row, rad, (3, H, 1)."""
        waves = np.sin(self._rate[:, :, None, None] * time_s + self._phase[:, :, None, None])
        return np.asarray(self._amplitude * waves.sum(1))

    def _turned(self, angles: Floats) -> tuple[Floats, Floats]:
        """How far small turns about right, down and ahead move what each pixel shows."""
        x, y, focal = self._x, self._y, self._focal
        a, b, c = angles
        across = x * y / focal
        right = across * a - (focal + x * x / focal) * b + y * c
        down = (focal + y * y / focal) * a - across * b - x * c
        return right, down

    def _sample(self, seen: Array, moved_x: Floats, moved_y: Floats) -> Array:
        """What stood where it has moved from."""
        height, width = seen.shape[:2]
        columns = np.floor(self._x - moved_x + width / 2).clip(0, width - 1).astype(np.intp)
        rows = np.floor(self._y - moved_y + height / 2).clip(0, height - 1).astype(np.intp)
        moved: Array = seen[rows, columns]
        return moved
