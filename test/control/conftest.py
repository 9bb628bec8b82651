"""Policies that the tests of control share; read only."""

import pytest
from bundles import DRONE, make_tiny_bundle

from lnn_controller.policy import Policy


@pytest.fixture(scope='session')
def policy(tiny_bundle):
    """A tiny car policy with IMU."""
    return Policy.load(tiny_bundle)


@pytest.fixture(scope='session')
def drone_policy(tmp_path_factory):
    """A tiny drone policy with IMU."""
    return Policy.load(make_tiny_bundle(tmp_path_factory.mktemp('bundles') / 'tiny_drone', outputs=DRONE))


@pytest.fixture(scope='session')
def camera_policy(tiny_bundle_without_imu):
    """A tiny car policy without IMU."""
    return Policy.load(tiny_bundle_without_imu)
