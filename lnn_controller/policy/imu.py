"""What an IMU can have measured."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['MAX_ACCEL_M_S2', 'MAX_GYRO_RAD_S', 'is_plausible']

# No IMU that robots carry measures more (the widest: 4000 °/s and 200 g): such a value is a fault, and would throw
# the network's state far from all that it was trained on.
MAX_GYRO_RAD_S = 100.0
MAX_ACCEL_M_S2 = 2000.0


def is_plausible(gyro: ArrayLike, accel: ArrayLike) -> bool:
    """
    Return whether an IMU can have measured this.

    :param gyro: angular velocity xyz, rad/s, (3,)
    :param accel: linear acceleration xyz with gravity, m/s², (3,)
    :returns: whether all of it is finite and within ±100 rad/s and ±2000 m/s²
    """
    # The largest of all is NaN where any is.
    return bool(np.abs(gyro).max() <= MAX_GYRO_RAD_S and np.abs(accel).max() <= MAX_ACCEL_M_S2)
