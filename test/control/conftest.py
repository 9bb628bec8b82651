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


@pytest.fixture(scope='session')
def policies(tmp_path_factory):
    """Policies that push against the limits: with IMU, without, and one whose output is NaN."""
    root = tmp_path_factory.mktemp('policies')
    return (
        Policy.load(make_tiny_bundle(root / 'a', gain=5.0)),
        Policy.load(make_tiny_bundle(root / 'b', gain=50.0, imu=False)),
        Policy.load(make_tiny_bundle(root / 'c', not_finite='command')),
    )
