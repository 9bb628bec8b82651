"""The IMU between two control ticks: what arrived, as one mean."""

from collections.abc import Iterable
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from lnn_controller.policy.imu import is_plausible

__all__ = ['ImuMean']

SAMPLE = Struct('6d')


class ImuMean:
    """
    The mean of the IMU samples since it was last taken; held where none came since.

    The IMU is several times faster than control; a mean over the tick keeps what a single sample would alias.
    """

    def __init__(self) -> None:
        self._sum = [0.0] * 6
        self._sample = (0.0,) * 6
        self._count = 0
        self._held = np.zeros(6, np.float32)

    @property
    def newest(self) -> bytes:
        """The sample that was given last, as it is kept."""
        return SAMPLE.pack(*self._sample)

    def add(self, gyro: Iterable[float], accel: Iterable[float]) -> bool:
        """
        Take a sample, if it is plausible.

        :param gyro: angular velocity xyz, rad/s, (3,)
        :param accel: linear acceleration xyz with gravity, m/s², (3,)
        :returns: whether it was taken
        :raises ValueError: if gyro or accel are not three numbers
        """
        rates, forces = tuple(map(float, gyro)), tuple(map(float, accel))
        if len(rates) != 3 or len(forces) != 3:
            raise ValueError(f'gyro and accel must be three numbers each. Got {len(rates)} and {len(forces)}')
        if not is_plausible(rates, forces):
            return False
        self._sample = rates + forces
        self._sum = [total + value for total, value in zip(self._sum, self._sample, strict=True)]
        self._count += 1
        return True

    def take(self) -> NDArray[np.float32]:
        """
        Return the mean and begin the next one.

        :returns: gyro (rad/s) then accelerometer (m/s²), (6,) float32; the last mean again where no sample came
        """
        if self._count:
            self._held = np.array([total / self._count for total in self._sum], np.float32)
            self._sum = [0.0] * 6
            self._count = 0
        return self._held
