"""Shared by every room's tests; being here, it also lets them import test/bundles.py."""

import signal

import pytest
from bundles import make_tiny_bundle

# A shell that runs the suite in the background has it ignore Ctrl-C, which the processes that tests interrupt inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope='session')
def tiny_bundle(tmp_path_factory):
    """Folder of a tiny car policy with IMU; read only."""
    return make_tiny_bundle(tmp_path_factory.mktemp('bundles') / 'tiny')


@pytest.fixture(scope='session')
def tiny_bundle_without_imu(tmp_path_factory):
    """Folder of a tiny car policy without IMU; read only."""
    return make_tiny_bundle(tmp_path_factory.mktemp('bundles') / 'tiny_camera', imu=False)
