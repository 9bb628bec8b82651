"""The SROS2 policy against the graph that it is for: what real nodes do is allowed, and nothing that none does."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lnn_controller.data.topic_names import resolve
from lnn_controller.nodes.common.topics import SIMULATOR
from lnn_controller.nodes.pages.security_policy import ENCLAVES, OPERATOR
from lnn_controller.share import find_share

POLICY = ET.parse(find_share('config/security_policy.xml')).getroot()
LAUNCH = Path(__file__).parents[2] / 'launch'
START = {
    'controller': ('controller_node', {'autostart': True, 'use_sim_time': True, 'guard.source': 'scan'}),
    'sim': ('sim_node', {'track': 3}),
    'recorder': ('record_node', {'keep_last_s': 1.0}),
}


def allowed(enclave, kind, verb):
    rules = POLICY.findall(f"enclaves/enclave[@path='{enclave}']/profiles/profile/{kind}s[@{verb}='ALLOW']")
    return {entry.text for rule in rules for entry in rule}


def test_the_policy_has_an_enclave_for_each_node_and_the_tools():
    assert POLICY.get('version') == '0.2.0'
    assert {each.get('path') for each in POLICY.iter('enclave')} == {*ENCLAVES.values(), '/'}


def test_what_the_operator_says_nobody_else_may_say():
    for enclave in ENCLAVES.values():
        assert not allowed(enclave, 'topic', 'publish') & {f'/{name}' for name in OPERATOR}
        assert not allowed(enclave, 'service', 'request')
    assert allowed('/', 'topic', 'publish') >= {f'/{name}' for name in OPERATOR}
    assert '/cmd_vel' not in allowed('/', 'topic', 'publish')


def test_the_launch_files_name_the_enclaves():
    text = ''.join(file.read_text() for file in LAUNCH.glob('*.launch.py'))
    for node, enclave in ENCLAVES.items():
        assert f"ros_arguments('{enclave.rpartition('/')[2]}')" in text, node


@pytest.mark.parametrize('node', ENCLAVES)
def test_what_a_node_does_is_allowed(graph, probe, tmp_path, node):
    executable, parameters = START[node]
    # The shipped policy has all that a policy may have, attention too.
    parameters |= {'controller': {'policy': 'car_lane'}, 'recorder': {'bag': str(tmp_path / 'bag')}}.get(node, {})
    enclave = ENCLAVES[node]
    images, commands = probe.camera_out(), probe.commands()  # so that the recorder has something to record
    graph.start(node, f'lnn_controller.nodes.{executable}', parameters=parameters, arguments=('--enclave', enclave))
    ros = probe.node
    seen = lambda: (node, '/', enclave) in ros.get_node_names_and_namespaces_with_enclaves()  # noqa: E731
    probe.until(seen, 'the node is in its enclave')
    listens = {'controller': '/scan', 'sim': '/cmd_vel', 'recorder': '/image_raw'}[node]
    heard = lambda: {name for name, _ in ros.get_subscriber_names_and_types_by_node(node, '/')}  # noqa: E731
    probe.until(lambda: listens in heard(), 'it listens')
    answered = lambda: {name for name, _ in ros.get_service_names_and_types_by_node(node, '/')}  # noqa: E731
    said = lambda: {name for name, _ in ros.get_publisher_names_and_types_by_node(node, '/')}  # noqa: E731
    # Of what it says and answers only the simulated robot's own depends on parameters: else the policy must not allow
    # more, either.
    outs = [row for row in SIMULATOR if row.direction == 'out' and node == 'sim']
    others = {resolve(row.name, node) for row in outs if not row.when.holds({'robot': 'car'})}
    may_say, may_answer = allowed(enclave, 'topic', 'publish') - others, allowed(enclave, 'service', 'reply')
    probe.until(lambda: said() >= may_say and answered() >= may_answer, 'it says and answers all that it may')
    assert (said(), answered()) == (may_say, may_answer)
    assert heard() <= allowed(enclave, 'topic', 'subscribe')
    assert not ros.get_client_names_and_types_by_node(node, '/')
    assert not commands or node == 'controller'
    assert images.topic_name == '/image_raw'
