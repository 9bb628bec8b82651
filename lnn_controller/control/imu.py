"""The IMU between two control ticks: what arrived, as one mean."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['ImuMean', 'Refusal']

MOST = float(np.finfo(np.float32).max)
Refusal = Literal['', 'not_finite', 'not_newer']


class ImuMean:
    """
    The mean of the IMU samples since it was last taken; held where none came since.

    The IMU is several times faster than control; a mean over the tick keeps what a single sample would alias.
    """

    def __init__(self) -> None:
        self.stamp_ns: int | None = None
        self._sum = np.zeros(6)
        self._sample = np.empty(6)
        self._count = 0
        self._held = np.zeros(6, np.float32)

    def add(self, stamp_ns: int, gyro: ArrayLike, accel: ArrayLike) -> Refusal:
        """
        Take a sample, or say why not.

        :param stamp_ns: when it was measured, ns
        :param gyro: angular velocity xyz, rad/s, (3,)
        :param accel: linear acceleration xyz with gravity, m/s², (3,)
        :returns: '' where it was taken; 'not_newer' than the newest sample; or 'not_finite'
        :raises ValueError: if gyro or accel cannot be read as three numbers
        """
        if self.stamp_ns is not None and stamp_ns <= self.stamp_ns:
            return 'not_newer'
        sample = self._sample
        sample[:3] = gyro
        sample[3:] = accel
        # The largest of all is NaN where any is; what float32 cannot hold would reach the network as infinity.
        if not float(np.abs(sample).max()) < MOST:
            return 'not_finite'
        self._sum += sample
        self._count += 1
        self.stamp_ns = stamp_ns
        return ''

    def take(self) -> NDArray[np.float32]:
        """
        Give the mean and begin the next one.

        :returns: gyro (rad/s) then accelerometer (m/s²), (6,) float32; the last mean again where no sample came
        """
        if self._count:
            self._held = (self._sum / self._count).astype(np.float32)
            self._sum[:] = 0.0
            self._count = 0
        return self._held

    def forget(self) -> None:
        """Be as new: no sample, no newest stamp."""
        self.__init__()  # type: ignore[misc]
