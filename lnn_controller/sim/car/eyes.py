"""Worse eyes: a camera that goes dark in bends, or sees seldom and late. The IMU goes on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.tasks.track import Track

__all__ = ['DARK', 'GOOD', 'SLOW', 'Darkness', 'Eyes', 'dark_picture']

STREAM = 6  # of the world's seed: beside those of roads, trials and scenery
BEND = 0.07  # 1/m: from where on the road's centre line is a bend
ENTRY_M = 0.6  # a bend begins within so much of its mark
APART_M = 4.0  # who has gone so far from a mark may meet it anew
NOISE = 3.0  # grey levels: a camera that sees nothing is not one that has stopped


@dataclass(frozen=True)
class Eyes:
    """
    When the camera sees.

    :param period: steps of the physics from picture to picture
    :param late: how old a picture is when it comes, steps
    :param dark_s: shortest and longest time that it is dark in a bend, s; ``None``: it never is
    """

    period: int = 20
    late: int = 0
    dark_s: tuple[float, float] | None = None


GOOD = Eyes()
DARK = Eyes(dark_s=(1.5, 3.0))
SLOW = Eyes(period=120, late=90)  # 5 Hz, 150 ms


class Darkness:
    """
    Whether it is dark: from the beginning of each bend, for a time that the bend has.

    :param track: the road
    :param dark_s: shortest and longest time, s
    :param steps_per_second: of the physics
    """

    def __init__(self, track: Track, dark_s: tuple[float, float], steps_per_second: int) -> None:
        bent = np.abs(track.curvature) > BEND
        self.marks_m: NDArray[np.float64] = track.s[bent & ~np.roll(bent, 1)]
        rng = np.random.default_rng([track.seed, STREAM])
        self._steps = np.rint(rng.uniform(*dark_s, self.marks_m.size) * steps_per_second).astype(int)
        self._length_m = track.length_m
        self._until = 0
        self._met: float | None = None

    def __call__(self, step: int, s_m: float) -> bool:
        """
        Look whether it is dark.

        :param step: of the physics, now
        :param s_m: where the robot is, arc length of the road, m
        :returns: whether it is
        """
        if step < self._until:
            return True
        if self._met is not None and APART_M < (s_m - self._met) % self._length_m < self._length_m - APART_M:
            self._met = None
        entered = (s_m - self.marks_m) % self._length_m < ENTRY_M
        if entered.any() and self._met is None:
            k = int(np.argmax(entered))
            self._met, self._until = float(self.marks_m[k]), step + int(self._steps[k])
        return step < self._until


def dark_picture(height: int, width: int, seed: int, step: int) -> NDArray[np.uint8]:
    """
    Take a picture in the dark: black, but for the noise that every camera has.

    :param height: pixels
    :param width: pixels
    :param seed: of the noise
    :param step: of the physics, now: each has other noise
    :returns: rgb8, (height, width, 3)
    """
    noise = np.random.default_rng([seed, STREAM, step]).normal(0.0, NOISE, (height, width, 3))
    return np.abs(noise).astype(np.uint8)
