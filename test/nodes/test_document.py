import re
from collections import defaultdict
from itertools import pairwise

import pytest

from lnn_controller.data.topic_names import resolve
from lnn_controller.nodes.common.topics import (
    ACKERMANN,
    CONTROLLER,
    EVALUATOR,
    PLAYER,
    RECORDER,
    SIMULATOR,
    STANDARD,
)
from lnn_controller.nodes.pages.reference import NODES, ROOT, documents, main

TABLES = {
    'controller': CONTROLLER,
    'sim': SIMULATOR,
    'recorder': RECORDER,
    'player': PLAYER,
    'evaluator': EVALUATOR,
    'ackermann': ACKERMANN,
}
PARAMETERS = {node: {setting.name: setting.default for setting in settings} for _, node, _, settings, _ in NODES}


@pytest.mark.parametrize('name', documents())
def test_the_pages_are_what_the_nodes_say(name):
    run = 'run python -m lnn_controller.nodes.pages.reference'
    assert (ROOT / name).read_text(encoding='utf-8') == documents()[name], run


def test_every_table_of_the_pages_is_whole():
    for text in documents().values():
        lines = text.splitlines()
        for before, line in pairwise(lines):
            if before.startswith('|') and line.startswith('|'):
                assert len(re.split(r'(?<!\\)\|', before)) == len(re.split(r'(?<!\\)\|', line)), line


def test_check_tells_a_stale_page(tmp_path, capsys):
    for folder in ('docs', 'config'):
        (tmp_path / folder).mkdir()
    assert main(['--check', '--root', str(tmp_path)]) == 1
    assert main(['--root', str(tmp_path)]) == 0
    assert main(['--check', '--root', str(tmp_path)]) == 0
    page = tmp_path / 'docs' / 'topics.md'
    page.write_text(page.read_text() + 'by hand\n')
    capsys.readouterr()
    assert main(['--check', '--root', str(tmp_path)]) == 1
    assert f'{page} must be up to date with the nodes' in capsys.readouterr().err
    assert main(['--root', str(tmp_path / 'nowhere')]) == 1
    assert 'must be writable' in capsys.readouterr().err


@pytest.mark.parametrize(('node', 'row'), [(node, row) for node, rows in TABLES.items() for row in rows])
def test_every_topic_is_described(node, row):
    assert row.description.endswith('.')
    assert re.fullmatch(r'\w+/(msg|srv)/\w+( or \w+)?', row.type_text)
    assert ('srv' in row.type_text) is (row.direction == 'service')
    holds = row.when.holds(PARAMETERS[node] | {'use_sim_time': False})  # a KeyError: no parameter of the node
    assert holds is not None or ': ' not in row.when.text


@pytest.mark.parametrize(
    ('name', 'absolute'),
    [('cmd_vel', '/robot/cmd_vel'), ('~/reset', '/robot/controller/reset'), ('/diagnostics', '/diagnostics')],
)
def test_names_are_resolved_as_ros_does(name, absolute):
    assert resolve(name, 'controller', '/robot') == absolute
    assert resolve('~/reset', 'controller') == '/controller/reset'


class Reported:
    """What ROS reports about a node's topics and services, as the table words it."""

    def __init__(self, probe, node):
        self.probe, self.node = probe, node

    def names_and_types(self):
        node = self.probe.node
        ask = {
            'in': node.get_subscriber_names_and_types_by_node,
            'out': node.get_publisher_names_and_types_by_node,
            'service': node.get_service_names_and_types_by_node,
        }
        standard = {resolve(name, self.node) for name in STANDARD}
        return {
            (direction, name, kind)
            for direction, question in ask.items()
            for name, kinds in question(self.node, '/')
            for kind in kinds
            if name not in standard
        }

    def endpoints(self, direction, name):
        node = self.probe.node
        ask = node.get_subscriptions_info_by_topic if direction == 'in' else node.get_publishers_info_by_topic
        return [item.qos_profile for item in ask(name) if item.node_name == self.node]


def terms(qos):
    return qos.reliability, qos.durability


def compare(probe, node, values):
    """Wait until the graph reports exactly the table's rows for a node, then compare the QoS."""
    reported, rows = Reported(probe, node), TABLES[node]
    known = {row: row.when.holds(PARAMETERS[node] | {'use_sim_time': False} | values) for row in rows}
    must = {(row.direction, resolve(row.name, node), row.type_text) for row, yes in known.items() if yes}
    may = {(row.direction, resolve(row.name, node), row.type_text) for row, yes in known.items() if yes is None}
    last = set()

    def complete():
        nonlocal last
        try:
            last = reported.names_and_types()
        except Exception:  # the node is not known yet
            return False
        return must <= last

    try:
        probe.until(complete, f'{node} has all of its topics')
    except BaseException:
        print('missing:', sorted(must - last))
        raise
    assert last - must - may == set(), 'every topic is in the table'
    wanted = defaultdict(set)
    for row, yes in known.items():
        if row.direction != 'service' and yes:
            wanted[row.direction, resolve(row.name, node)].add(terms(row.qos))
    for (direction, name), qos in wanted.items():
        profiles = probe.until(lambda d=direction, n=name: reported.endpoints(d, n), f'{name} tells its QoS')
        assert {terms(profile) for profile in profiles} == qos, name


@pytest.mark.parametrize(
    'values',
    [
        {},
        {
            'image_transport': 'compressed',
            'enable_stamped_cmd_vel': False,
            'guard.source': 'scan',
            'use_sim_time': True,
        },
    ],
    ids=['defaults', 'others'],
)
def test_the_controller_has_the_topics_of_the_table(graph, probe, tiny_bundle, values):
    parameters = {'policy': str(tiny_bundle), 'autostart': True} | values
    graph.start('controller', 'lnn_controller.nodes.controller_node', parameters=parameters)
    compare(probe, 'controller', values)


@pytest.mark.parametrize(
    'values', [{}, {'enable_stamped_cmd_vel': False}, {'robot': 'drone'}], ids=['stamped', 'plain', 'drone']
)
def test_the_simulator_has_the_topics_of_the_table(graph, probe, values):
    graph.start('sim', 'lnn_controller.nodes.sim_node', parameters={'track': 3} | values)
    compare(probe, 'sim', values)
