"""Fixtures of every room whose tests run real nodes in processes of their own over DDS; its conftest imports them."""

import forked_nodes
import pytest
from forked_nodes import ForkedGraph
from ros_domains import own_domain
from ros_probe import DEADLINE_S, Probe

from lnn_controller.live.graph import Graph
from lnn_controller.nodes.common.environment import dds_environment

__all__ = ['domain_id', 'graph', 'probe', 'real_graph', 'run_node']


@pytest.fixture
def domain_id():
    """A ROS domain for this test alone."""
    with own_domain() as number:
        yield number


@pytest.fixture
def graph(domain_id, tmp_path):
    """Node processes in the test's domain; their output is in ``tmp_path/logs``."""
    with ForkedGraph(log_folder=tmp_path / 'logs', environment={'ROS_DOMAIN_ID': str(domain_id)}) as graph:
        yield graph


@pytest.fixture
def real_graph(domain_id, tmp_path):
    """The same, each process started as users' are."""
    with Graph(log_folder=tmp_path / 'logs', environment={'ROS_DOMAIN_ID': str(domain_id)}) as graph:
        yield graph


@pytest.fixture
def probe(domain_id):
    """A node of the test's own in the same domain."""
    probe = Probe(domain_id)
    yield probe
    probe.close()


@pytest.fixture
def run_node(domain_id, tmp_path_factory):
    """Run a node until it ends by itself: for what it says of a mistake."""

    def run(name, *arguments):
        environment = dds_environment() | {'ROS_DOMAIN_ID': str(domain_id)}
        folder = tmp_path_factory.mktemp('output')
        return forked_nodes.run(f'lnn_controller.nodes.{name}', arguments, environment, folder, DEADLINE_S)

    return run
