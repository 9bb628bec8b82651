"""Faults from outside, and the table of what came of them."""

import os
from pathlib import Path

import pytest
from faults import FAULTS, Outcome, write_page
from rclpy.node import Node
from rig import Rig
from ros_fixtures import domain_id, graph, probe, real_graph

__all__ = ['domain_id', 'graph', 'make_rig', 'outcome', 'page', 'probe', 'real_graph', 'rig']

OUTCOMES = []


@pytest.fixture(scope='session', autouse=True)
def page(request):
    """Write the page when all is over, where it was asked for."""
    yield
    if (path := os.environ.get('FAULT_PAGE')) and not request.session.testsfailed:
        write_page(Path(path), OUTCOMES)


@pytest.fixture
def outcome(request):
    """What comes of the fault that the test is marked with, for the page; of a test that fails nothing is kept."""
    name = request.node.get_closest_marker('fault').args[0]
    assert name in FAULTS
    outcome = Outcome(name)
    failed = request.session.testsfailed
    yield outcome
    if request.session.testsfailed == failed:
        OUTCOMES.append(outcome)


@pytest.fixture
def make_rig(graph, probe, tmp_path, tiny_bundle):
    """Makes a rig of the test's own, its controller not started yet."""
    return lambda policy=tiny_bundle, **options: Rig(graph, probe, tmp_path / 'logs', policy, **options)


@pytest.fixture
def rig(make_rig):
    """A controller that drives."""
    rig = make_rig()
    rig.start()
    return rig


@pytest.fixture
def another(rig):
    """Another node than the rig has."""
    node = Node('another', context=rig.probe.context)
    yield node
    node.destroy_node()
