import math

import numpy as np
import pytest

from lnn_controller.control.imu import ImuMean
from lnn_controller.policy.imu import MAX_ACCEL_M_S2, MAX_GYRO_RAD_S


def test_the_mean_since_the_last_tick_then_held():
    imu = ImuMean()
    assert imu.add((1, 2, 3), (4, 5, 6))
    assert imu.add((3, 4, 5), (6, 7, 8))
    first = imu.take()
    np.testing.assert_array_equal(first, np.array([2, 3, 4, 5, 6, 7], np.float32))
    assert first.dtype == np.float32
    np.testing.assert_array_equal(imu.take(), first)
    imu.add(np.zeros(3), np.ones(3))
    np.testing.assert_array_equal(imu.take(), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(first, [2, 3, 4, 5, 6, 7])


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf, 1e9, -1e300])
@pytest.mark.parametrize('place', range(6))
@pytest.mark.filterwarnings('error')
def test_a_sample_that_is_not_plausible_leaves_no_trace(bad, place):
    imu = ImuMean()
    imu.add((1, 1, 1), (1, 1, 1))
    sample = np.zeros(6)
    sample[place] = bad
    assert not imu.add(sample[:3], sample[3:])
    np.testing.assert_array_equal(imu.take(), np.ones(6))


def test_what_the_fastest_robots_measure_is_plausible():
    fast = (MAX_GYRO_RAD_S, -70.0, 0.0), (-MAX_ACCEL_M_S2, 0.0, 160.0)
    assert ImuMean().add(*fast)
    assert not ImuMean().add((0.0, 0.0, 1.001 * MAX_GYRO_RAD_S), (0.0, 0.0, 9.81))
    assert not ImuMean().add((0.0, 0.0, 0.0), (0.0, 0.0, 1.001 * MAX_ACCEL_M_S2))


def test_samples_that_are_no_three_numbers():
    with pytest.raises(ValueError, match=r'three numbers each. Got 2 and 3'):
        ImuMean().add((1, 2), (1, 2, 3))
