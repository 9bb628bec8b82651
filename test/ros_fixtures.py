"""Fixtures of every room whose tests run real nodes in processes of their own over DDS; its conftest imports them."""

import pytest
from ros_domains import own_domain
from ros_probe import Probe

from lnn_controller.nodes import Graph

__all__ = ['domain_id', 'graph', 'probe']


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
