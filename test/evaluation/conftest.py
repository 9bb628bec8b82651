import pytest
from bundles import make_tiny_bundle
from drives import POLICY

from lnn_controller.policy import Policy


@pytest.fixture(scope='session')
def policy(tmp_path_factory):
    """A tiny car policy with IMU that moves, and leaves its lane now and then."""
    return Policy.load(make_tiny_bundle(tmp_path_factory.mktemp('policy') / 'swerver', **POLICY))
