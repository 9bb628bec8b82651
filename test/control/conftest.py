"""Policies that the tests of control share; read only."""

import pytest

from lnn_controller.policy import Policy


@pytest.fixture(scope='session')
def policy(tiny_bundle):
    """A tiny car policy with IMU."""
    return Policy.load(tiny_bundle)


@pytest.fixture(scope='session')
def camera_policy(tiny_bundle_without_imu):
    """A tiny car policy without IMU."""
    return Policy.load(tiny_bundle_without_imu)
