"""The SROS2 policy of the graph, out of the table of topics: what each process may publish, hear, answer and ask."""

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from lnn_controller.data.topic_names import CLOCK, EMERGENCY_STOP, OVERRIDE, resolve
from lnn_controller.nodes.common.endpoint import Endpoint
from lnn_controller.nodes.common.topics import CONTROLLER, RECORDER, SIMULATOR, STANDARD

__all__ = ['ENCLAVES', 'security_policy']

# Enclave by node: launch/drive.launch.py starts the nodes with these.
ENCLAVES = {
    'controller': '/lnn_controller/controller',
    'sim': '/lnn_controller/sim',
    'recorder': '/lnn_controller/recorder',
}
TABLES = {'controller': CONTROLLER, 'sim': SIMULATOR, 'recorder': RECORDER}
# What only the operator may say: an enclave that drives must not release its own emergency stop.
OPERATOR = (OVERRIDE, EMERGENCY_STOP)
# The operator's tools are nodes too. The services that each answers; ros2 and launch add a process id to their names.
DESCRIBED = '~/get_type_description'
TOOLS = {
    'top': (DESCRIBED,),
    '_ros2cli_*': (DESCRIBED,),
    'launch_ros_*': tuple(name for name in STANDARD if name.startswith('~/')),
}
NOTE = '<!-- Written by `python -m lnn_controller.nodes.pages.reference`; docs/security.md says how to use it. -->'


def security_policy() -> str:
    """
    Write the policy.

    :returns: XML after SROS2's policy schema 0.2.0
    """
    enclaves = [_enclave(path, node, TABLES[node]) for node, path in ENCLAVES.items()]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', NOTE, '<policy version="0.2.0">', '  <enclaves>']
    return '\n'.join([*lines, *enclaves, _operator(), '  </enclaves>', '</policy>']) + '\n'


def _enclave(path: str, node: str, table: Sequence[Endpoint]) -> str:
    named = {
        way: {resolve(row.name, node) for row in table if row.direction == way} for way in ('in', 'out', 'service')
    }
    topics, services = _standard(node)
    rules = [
        _rule('topic', 'publish', named['out'] | topics),
        # Every node takes use_sim_time; without it the clock is not subscribed to.
        _rule('topic', 'subscribe', named['in'] | {CLOCK} - named['out']),
        _rule('service', 'reply', named['service'] | services),
    ]
    return _profile(path, node, rules)


def _operator() -> str:
    """The enclave of the tools: ros2 and launch use / unless another is named, and so does lnn top."""
    heard, asked = {'/rosout', CLOCK}, set()
    for node, table in TABLES.items():
        services = _standard(node)[1]
        heard |= {resolve(row.name, node) for row in table if row.direction == 'out'}
        asked |= services | {resolve(row.name, node) for row in table if row.direction == 'service'}
    rules = [
        _rule('topic', 'publish', {f'/{name}' for name in OPERATOR} | {'/rosout', '/parameter_events'}),
        _rule('topic', 'subscribe', heard),
        _rule('service', 'request', asked),
        _rule('service', 'reply', {resolve(name, tool) for tool, names in TOOLS.items() for name in names}),
    ]
    return _profile('/', 'operator', rules)


def _standard(node: str) -> tuple[set[str], set[str]]:
    """Topics and services that every node has."""
    services = {resolve(name, node) for name in STANDARD if name.startswith('~/')}
    return {name for name in STANDARD if name.startswith('/')}, services


def _profile(path: str, node: str, rules: Iterable[str]) -> str:
    head = f'    <enclave path="{path}">\n      <profiles>\n        <profile ns="/" node="{node}">'
    return '\n'.join([head, *rules, '        </profile>\n      </profiles>\n    </enclave>'])


def _rule(kind: str, verb: str, names: Iterable[str]) -> str:
    entries = [f'            <{kind}>{escape(name)}</{kind}>' for name in sorted(names)]
    return '\n'.join([f'          <{kind}s {verb}="ALLOW">', *entries, f'          </{kind}s>'])
