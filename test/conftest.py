"""Shared by every room's tests; being here, it also lets them import test/bundles.py."""

import os
import signal
from pathlib import Path

import pytest
from bundles import make_tiny_bundle
from hypothesis import settings

# A shell that runs the suite in the background has it ignore Ctrl-C, which the processes that tests interrupt inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


# The rooms whose tests start nodes; `-m ros` looks into no other, for the libraries of all take ten seconds to load.
ROOMS_WITH_NODES = ('doctor', 'faults', 'launch', 'live', 'nodes')

# `make test` itself is no parent of the makes that tests run: its flags and its level would change what they print.
for name in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL'):
    os.environ.pop(name, None)

# No test asserts how long anything takes: a busy machine is no fault.
settings.register_profile('lnn_controller', deadline=None)
settings.load_profile('lnn_controller')
settings.register_profile('thorough', max_examples=2000)  # for `make soak`

# With a process for each core (pytest-xdist), threads of their own would only get into each other's way.
if 'PYTEST_XDIST_WORKER' in os.environ:
    os.environ['OMP_NUM_THREADS'] = '1'


def pytest_ignore_collect(collection_path, config):
    away = collection_path.parent == Path(__file__).parent and collection_path.name not in ROOMS_WITH_NODES
    return True if away and config.option.markexpr.startswith('ros') else None


def pytest_collection_modifyitems(items):
    """
    Mark what starts nodes of its own: these tests have their own rooms, and one that fails is repeated, at most twice.

    Discovery and delivery depend on what else the machine does. A repeated test is counted in the summary as a rerun,
    with its name, so that nothing which fails now and then stays hidden.
    """
    for item in items:
        if 'domain_id' in item.fixturenames:
            item.add_marker(pytest.mark.ros)
        if item.get_closest_marker('ros'):
            if item.path.parent.name not in ROOMS_WITH_NODES:
                raise pytest.UsageError(f'{item.nodeid} starts nodes: its folder must be one of {ROOMS_WITH_NODES}')
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=10))


@pytest.fixture(scope='session')
def tiny_bundle(tmp_path_factory):
    """Folder of a tiny car policy with IMU; read only."""
    return make_tiny_bundle(tmp_path_factory.mktemp('bundles') / 'tiny')


@pytest.fixture(scope='session')
def tiny_bundle_without_imu(tmp_path_factory):
    """Folder of a tiny car policy without IMU; read only."""
    return make_tiny_bundle(tmp_path_factory.mktemp('bundles') / 'tiny_camera', imu=False)


@pytest.fixture(scope='session')
def policy(tmp_path_factory):
    """A tiny car policy with IMU that moves, and leaves its lane now and then."""
    from trials import POLICY

    from lnn_controller.policy import Policy

    return Policy.load(make_tiny_bundle(tmp_path_factory.mktemp('policy') / 'swerver', **POLICY))
