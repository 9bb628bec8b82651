"""The wind: a steady part whose direction is the seed's, and gusts."""

import math

import numpy as np

__all__ = ['Wind']

GUST_S = 2.0  # how long a gust lasts: the time constant of the gusts' correlation
VERTICAL = 0.4  # of the gusts, beside the horizontal ones: near the ground there is little of them


class Wind:
    """
    Air that moves: a mean wind of one direction and, about it, gusts as a first-order Gauss-Markov process.

    :param seed: of the direction and of the gusts
    :param period_s: between two calls of :meth:`blow`, s
    """

    def __init__(self, seed: int, period_s: float) -> None:
        self._rng = np.random.default_rng([seed, 3])
        angle = self._rng.uniform(-math.pi, math.pi)
        self._towards = (math.cos(angle), math.sin(angle))
        self._kept = math.exp(-period_s / GUST_S)
        self._drawn = math.sqrt(1 - self._kept**2)
        self._gust = [0.0, 0.0, 0.0]  # in units of their standard deviation

    def mean(self, speed_m_s: float) -> tuple[float, float, float]:
        """
        Return the wind without gusts.

        :param speed_m_s: of the mean wind, m/s
        :returns: velocity of the air in the world, m/s, (3,)
        """
        return speed_m_s * self._towards[0], speed_m_s * self._towards[1], 0.0

    def blow(self, speed_m_s: float, gusts: float) -> tuple[float, float, float]:
        """
        Let the gusts go on for a period.

        :param speed_m_s: of the mean wind, m/s
        :param gusts: standard deviation of the gusts as a share of the mean wind
        :returns: velocity of the air in the world, m/s, (3,)
        """
        drawn = self._rng.standard_normal(3).tolist()
        self._gust = [self._kept * was + self._drawn * new for was, new in zip(self._gust, drawn, strict=True)]
        x, y, z = self._gust
        mean_x, mean_y, _ = self.mean(speed_m_s)
        deviation = gusts * speed_m_s
        return mean_x + deviation * x, mean_y + deviation * y, VERTICAL * deviation * z
