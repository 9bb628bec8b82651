"""What an IMU can have measured."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ['MAX_ACCEL_M_S2', 'MAX_GYRO_RAD_S', 'are_plausible', 'is_plausible']

# No IMU that robots carry measures more (the widest: 4000 °/s and 200 g): such a value is a fault, and would throw
# the network's state far from all that it was trained on.
MAX_GYRO_RAD_S = 100.0
MAX_ACCEL_M_S2 = 2000.0


def is_plausible(gyro: Iterable[float], accel: Iterable[float]) -> bool:
    """
    Return whether an IMU can have measured this.

    :param gyro: angular velocity xyz, rad/s, (3,)
    :param accel: linear acceleration xyz with gravity, m/s², (3,)
    :returns: whether all of it is finite and within ±100 rad/s and ±2000 m/s²
    """
    # Number by number: for three of them numpy takes ten times as long, at each of 200 samples a second.
    fits = all(-MAX_GYRO_RAD_S <= value <= MAX_GYRO_RAD_S for value in gyro)
    return fits and all(-MAX_ACCEL_M_S2 <= value <= MAX_ACCEL_M_S2 for value in accel)


def are_plausible(samples: NDArray[np.float64]) -> bool:
    """
    Return whether an IMU can have measured all of these.

    :param samples: gyro, then accelerometer, (N, 6)
    :returns: as :func:`is_plausible`
    """
    return bool((np.abs(samples) <= np.repeat((MAX_GYRO_RAD_S, MAX_ACCEL_M_S2), 3)).all())
