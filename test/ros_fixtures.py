"""Fixtures of every room whose tests run real nodes in processes of their own over DDS; its conftest imports them."""

import subprocess
import sys

import pytest
from ros_domains import own_domain
from ros_probe import DEADLINE_S, Probe

from lnn_controller.live.graph import Graph
from lnn_controller.nodes.common.environment import dds_environment

__all__ = ['domain_id', 'graph', 'probe', 'run_node']


@pytest.fixture
def domain_id():
    """A ROS domain for this test alone."""
    with own_domain() as number:
        yield number


@pytest.fixture
def graph(domain_id, tmp_path):
    """Node processes in the test's domain; their output is in ``tmp_path/logs``."""
    with Graph(log_folder=tmp_path / 'logs', environment={'ROS_DOMAIN_ID': str(domain_id)}) as graph:
        yield graph


@pytest.fixture
def probe(domain_id):
    """A node of the test's own in the same domain."""
    probe = Probe(domain_id)
    yield probe
    probe.close()


@pytest.fixture
def run_node(domain_id):
    """Run a node's module until it ends by itself: for what it says of a mistake."""

    def run(module, *arguments):
        return subprocess.run(
            [sys.executable, '-m', f'lnn_controller.nodes.{module}', *arguments],
            env=dds_environment() | {'ROS_DOMAIN_ID': str(domain_id)},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )

    return run
