"""The IMU between two control ticks: what arrived, as one mean."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.policy.imu import is_plausible

__all__ = ['ImuMean']


class ImuMean:
    """
    The mean of the IMU samples since it was last taken; held where none came since.

    The IMU is several times faster than control; a mean over the tick keeps what a single sample would alias.
    """

    def __init__(self) -> None:
        self._sum = np.zeros(6)
        self._sample = np.empty(6)
        self._count = 0
        self._held = np.zeros(6, np.float32)

    @property
    def newest(self) -> bytes:
        """The sample that was given last, as it is kept."""
        return self._sample.tobytes()

    def add(self, gyro: ArrayLike, accel: ArrayLike) -> bool:
        """
        Take a sample, if it is plausible.

        :param gyro: angular velocity xyz, rad/s, (3,)
        :param accel: linear acceleration xyz with gravity, m/s², (3,)
        :returns: whether it was taken
        :raises ValueError: if gyro or accel cannot be read as three numbers
        """
        sample = self._sample
        sample[:3] = gyro
        sample[3:] = accel
        if not is_plausible(sample[:3], sample[3:]):
            return False
        self._sum += sample
        self._count += 1
        return True

    def take(self) -> NDArray[np.float32]:
        """
        Return the mean and begin the next one.

        :returns: gyro (rad/s) then accelerometer (m/s²), (6,) float32; the last mean again where no sample came
        """
        if self._count:
            self._held = (self._sum / self._count).astype(np.float32)
            self._sum[:] = 0.0
            self._count = 0
        return self._held
