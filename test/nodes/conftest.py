"""Real nodes in processes of their own over DDS."""

import subprocess
import sys

import pytest
from ros_fixtures import domain_id, graph, probe
from ros_probe import DEADLINE_S

from lnn_controller.nodes import dds_environment

__all__ = ['domain_id', 'graph', 'probe', 'run_node']


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
