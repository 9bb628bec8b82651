"""The heading frame against rotation matrices written out, and what of it is exact."""

import math

import numpy as np
import pytest

from lnn_controller.control.attitude import heading_frame


def matrix(quaternion):
    """Of a unit quaternion x, y, z, w: from the body to the world."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def about(axis, angle):
    return np.array([*(math.sin(angle / 2) * np.asarray(axis)), math.cos(angle / 2)])


def heading(rotation):
    return math.atan2(rotation[1, 0], rotation[0, 0])


@pytest.mark.parametrize('seed', range(50))
def test_velocities_are_those_of_the_world_turned_by_the_heading(seed):
    rng = np.random.default_rng(seed)
    quaternion = rng.normal(size=4)
    rotation = matrix(quaternion / np.linalg.norm(quaternion))
    frame = heading_frame(quaternion)  # of any length
    linear, angular, yaw = rng.normal(size=3), rng.normal(size=3), heading(rotation)
    cos, sin = math.cos(yaw), math.sin(yaw)
    wanted = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]]) @ rotation @ linear
    # A little later, by the body's own turning.
    little = 1e-6
    size = np.linalg.norm(angular)
    later = heading(rotation @ matrix(about(angular / size, size * little)))
    turning = (later - yaw + math.pi) % (2 * math.pi) - math.pi
    np.testing.assert_allclose(frame.velocity(linear, angular)[:3], wanted, atol=1e-12)
    assert frame.velocity(linear, angular)[3] == pytest.approx(turning / little, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize('quaternion', [(0.0, 0.0, math.sin(0.7), math.cos(0.7)), (0.0, 0.0, 0.0, 0.0)])
def test_of_a_level_body_nothing_is_turned_not_even_a_bit(quaternion):
    linear, angular = (0.1, -0.2, 0.3), (0.4, 0.5, 0.6)
    assert heading_frame(quaternion).velocity(linear, angular) == (0.1, -0.2, 0.3, 0.6)


def test_of_what_points_straight_up_there_is_no_heading():
    assert heading_frame(about((0.0, 1.0, 0.0), -math.pi / 2)) is None
    for value in (math.nan, math.inf, 1e200):
        assert heading_frame((value, 0.0, 0.0, 1.0)) is None
