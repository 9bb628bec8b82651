"""Every command in README.md and docs/ is one that there is: flags, parameters, topics, services, launch arguments."""

import argparse
import ast
import re
from importlib import import_module

import pytest
import yaml
from documented import ROOT, commands, split
from rclpy.parameter import get_parameter_value, parameter_value_to_python

from lnn_controller import cli
from lnn_controller.data.topic_names import resolve
from lnn_controller.errors import InputError
from lnn_controller.nodes.common import bag_settings
from lnn_controller.nodes.common.message_types import message_class
from lnn_controller.nodes.pages.reference import NODES
from lnn_controller.sim import ROBOTS

# Of others, as our pages name them.
TOPICS_OF_OTHERS = {'/joy'}
SHELL = {'cd', 'source', 'export', 'touch', 'for', 'do', 'done', 'ps', 'grep', 'git', 'groupadd', 'usermod'}
SHELL |= {'systemctl', 'journalctl', 'rosdep', 'colcon', 'pre-commit'}
# What `ros2 param`, `topic`, … can do, and the options that we use.
VERBS = {
    'param': {'set', 'get', 'describe', 'list', 'dump', 'load'},
    'topic': {'echo', 'hz', 'info', 'pub', 'list'},
    'service': {'call', 'list'},
    'lifecycle': {'set', 'get', 'nodes', 'list'},
    'node': {'info', 'list'},
    'bag': {'record', 'play', 'info'},
    'pkg': {'prefix'},
    'security': {'create_keystore', 'create_enclave', 'create_permission', 'generate_policy'},
}
OPTIONS = {
    'pub': {'--once': 0, '--rate': 1, '--qos-durability': 1, '--qos-reliability': 1},
    'info': {'-v': 0},
    'prefix': {'--share': 0},
}
TRANSITIONS = {'configure', 'activate', 'deactivate', 'cleanup', 'shutdown'}
SETTINGS = {node: {setting.name: setting for setting in settings} for _, node, _, settings, _ in NODES}
EXECUTABLES = {executable: node for executable, node, *_ in NODES}
TARGETS = re.findall(r'^([a-z]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
VARIABLES = re.findall(r'\$[({]([A-Z_]+)[)}]', (ROOT / 'Makefile').read_text())
LATER = '…'  # what a page leaves to the reader


def topics(directions):
    """Type by full name, in the namespace /."""
    rows = [(node, row) for _, node, _, _, rows in NODES for row in rows if row.direction in directions]
    return {resolve(row.name, node): row.type_text for node, row in rows}


def node_of(name):
    """The node that a command names, perhaps in a robot's namespace."""
    assert name.startswith('/'), f'{name} must begin with /'
    assert name.rpartition('/')[2] in SETTINGS, f'there is no node {name}'
    return name.rpartition('/')[2]


def setting_of(node, name):
    assert name in SETTINGS[node], f'{node} has no parameter {name}'
    return SETTINGS[node][name]


def check_value(setting, text):
    """As the ROS tools send it: by YAML, and to nodes that take a whole number for a number alone."""
    if text not in (LATER, ''):
        setting.check(parameter_value_to_python(get_parameter_value(text)))


def fits(value, message):
    """A mapping has a message's fields, and theirs."""
    for name, each in value.items():
        assert hasattr(message, name), f'{type(message).__name__} has no field {name}'
        if isinstance(each, dict):
            fits(each, getattr(message, name))


def check_lnn(words, block):
    # `lnn COMMAND` in a sentence names it; the real parser takes what is complete.
    parser = cli._parser(list(words))
    commands_ = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    if not words:
        return
    if not words[0].startswith('-'):
        assert words[0] in commands_.choices, f'there is no lnn {words[0]}'
        parser = commands_.choices[words[0]]
    flags = {flag for action in parser._actions for flag in action.option_strings}
    assert {word for word in words if word.startswith('--')} <= flags
    if LATER in words:
        return
    try:
        parser.parse_args(words[1:] if words[0] in commands_.choices else words)
    except InputError as error:
        assert not block, error
        assert re.search('are required|expected one argument', str(error))
    except SystemExit as end:  # of --help
        assert end.code == 0


def check_make(words, block):
    for word in words:
        name, is_variable, _ = word.partition('=')
        assert name in (VARIABLES if is_variable else TARGETS), f'Makefile has no {name}'


def check_python(words, block):
    if words[:1] == ('-m',):
        assert words[1] == 'venv' or import_module(words[1])
    elif words:
        assert (ROOT / words[0]).is_file()


def check_pip(words, block):
    extras = ast.unparse(ast.parse((ROOT / 'setup.py').read_text()))
    for name in re.findall(r'\[(\w+)]', ' '.join(words)):
        assert f"'{name}': [" in extras, f'setup.py has no extra {name}'
    assert words[:1] in ((), ('install',))


def check_param(verb, words, block):
    if not words:
        return
    node = node_of(words[0])
    if verb in ('dump', 'load', 'list'):
        return
    setting = setting_of(node, words[1])
    if verb == 'set':
        assert setting.change != 'fixed', f'{setting.name} cannot be set while the node runs'
        assert len(words) == 3
        check_value(setting, words[2])


def check_topic(verb, words, block):
    if not words:
        return
    there = topics(('in', 'out'))
    name = f'/{words[0].lstrip("/")}'
    assert name in {*there, *TOPICS_OF_OTHERS}, f'there is no topic {name}'
    if verb == 'pub':
        assert words[1] == there[name]
        fits(yaml.safe_load(words[2]), message_class(words[1])())


def check_service(verb, words, block):
    if not words:
        return
    name, kind, *request = words
    there = topics(('service',)) | {
        f'/{node}/set_parameters_atomically': 'rcl_interfaces/srv/SetParametersAtomically' for node in SETTINGS
    }
    assert there.get(name) == kind, f'there is no service {name} of {kind}'
    package, _, name = kind.split('/')
    asked = getattr(import_module(f'{package}.srv'), name).Request()
    value = yaml.safe_load(request[0]) if request else {}
    fits(value, asked)
    for each in value.get('parameters', ()):
        kinds = {3: 'double_value', 2: 'integer_value', 1: 'bool_value', 4: 'string_value'}
        setting_of('controller', each['name']).check(each['value'][kinds[each['value']['type']]])


def check_lifecycle(verb, words, block):
    if words:
        assert node_of(words[0]) == 'controller'
        assert verb != 'set' or words[1] in TRANSITIONS, f'there is no transition {words[1]}'


def launch_arguments(file):
    """Choices by name, and the names of those that must be given."""

    def called(tree, name):
        calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call)]
        return [call for call in calls if getattr(call.func, 'id', '') == name]

    tree = ast.parse((ROOT / 'launch' / file).read_text())
    common = ast.parse((ROOT / 'lnn_controller' / 'nodes' / 'common' / 'launching.py').read_text())
    shared = {each.targets[0].id: each for each in common.body if isinstance(each, ast.Assign)}
    used = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)} & shared.keys()
    calls = [
        call for part in (tree, *(shared[name] for name in used)) for call in called(part, 'DeclareLaunchArgument')
    ]
    given = {call.args[0].value: {each.arg: each.value for each in call.keywords} for call in calls}
    choices = {name: ast.literal_eval(options.get('choices', ast.List([]))) for name, options in given.items()}
    required = {name for name, options in given.items() if 'default_value' not in options}
    for call in called(tree, 'declared'):  # a node's table of parameters
        table = getattr(bag_settings, call.args[0].id)
        choices |= {each.name: ['true', 'false'] if each.default is False else each.choices for each in table}
        required |= {option.value.value for option in call.keywords if option.arg == 'required'}
    return choices, required


def check_launch(words, block):
    if not words or words[0] != 'lnn_controller':
        return
    assert (ROOT / 'launch' / words[1]).is_file(), f'there is no {words[1]}'
    choices, required = launch_arguments(words[1])
    given = dict(word.split(':=', 1) for word in words[2:] if word != '--show-args')
    for name, value in given.items():
        assert name in choices, f'{words[1]} has no argument {name}'
        assert not choices[name] or value in choices[name]
    assert not block or required <= given.keys()


def check_run(words, block):
    if words[:1] != ('lnn_controller',):
        return None
    if words[1] == 'lnn':
        return check_lnn(words[2:], block)
    assert words[1] in EXECUTABLES, f'there is no executable {words[1]}'
    node = EXECUTABLES[words[1]]
    assert words[2:3] in ((), ('--ros-args',))
    for flag, value in zip(words[3::2], words[4::2], strict=True):
        if flag == '-p':
            name, text = value.split(':=', 1)
            if name == 'use_sim_time':  # of every node, by rclpy
                assert text in ('true', 'false')
            else:
                check_value(setting_of(node, name), text)
        elif flag == '-r':
            assert f'/{value.split(":=")[0].lstrip("/")}' in topics(('in', 'out', 'service'))
        else:
            assert flag == '--params-file'
    return None


def check_ros2(words, block):
    if not words:
        return None
    if words[0] in ('launch', 'run'):
        return {'launch': check_launch, 'run': check_run}[words[0]](words[1:], block)
    group, *rest = words
    assert group in VERBS, f'there is no ros2 {group}'
    if not rest:
        return None
    verb, *rest = rest
    assert verb in VERBS[group], f'there is no ros2 {group} {verb}'
    left = []
    while rest and rest[0] != '>':
        word = rest.pop(0)
        if word.startswith('-'):
            assert word in OPTIONS.get(verb, {}), f'there is no option {word} of ros2 {group} {verb}'
            rest = rest[OPTIONS[verb][word] :]
        else:
            left.append(word)
    check = {'param': check_param, 'topic': check_topic, 'service': check_service, 'lifecycle': check_lifecycle}
    if group == 'node' and left:
        node_of(left[0])
    return check[group](verb, tuple(left), block) if group in check else None


def check_docker(words, block):
    assert words[0] in ('build', 'run')
    inside = words[words.index('lnn_controller') + 1 :] if words[0] == 'run' else ()
    if inside:
        check(inside, block)


TOOLS = {
    'docker': check_docker,
    'lnn': check_lnn,
    'ros2': check_ros2,
    'make': check_make,
    'python': check_python,
    'python3': check_python,
    'pip': check_pip,
}


def check(words, block=True):
    name = words[0].removeprefix('.venv/bin/')
    if name != words[0] and name in EXECUTABLES:  # of a clone; in a workspace `ros2 run` alone finds them
        check_run(('lnn_controller', name, *words[1:]), block)
        return
    assert words[0] in {*TOOLS, *SHELL}, f'there is no command {words[0]}'
    if words[0] in TOOLS:
        TOOLS[words[0]](tuple(words[1:]), block)


COMMANDS = commands()


@pytest.mark.parametrize('command', COMMANDS, ids=str)
def test_a_command_of_the_pages_is_one_that_there_is(command):
    check(command.words, command.block)


def test_the_commands_are_found():
    tools = {command.words[0] for command in COMMANDS}
    assert set(TOOLS) <= tools
    assert len(COMMANDS) > 100
    assert {' '.join(command.words[:2]) for command in COMMANDS if command.words[0] == 'ros2'} >= {
        *('ros2 launch', 'ros2 param', 'ros2 lifecycle', 'ros2 topic', 'ros2 service', 'ros2 run', 'ros2 pkg')
    }


def test_the_launch_file_has_every_robot_and_its_policy():
    tree = ast.parse((ROOT / 'launch' / 'drive.launch.py').read_text())
    (policies,) = [
        each.value for each in tree.body if isinstance(each, ast.Assign) and each.targets[0].id == 'POLICIES'
    ]
    assert ast.literal_eval(policies) == {name: robot.policy for name, robot in ROBOTS.items()}
    assert launch_arguments('drive.launch.py')[0]['robot'] == list(ROBOTS)


@pytest.mark.parametrize('name', cli.COMMANDS)
def test_the_examples_of_the_help_are_commands_that_there_are(name):
    text = f'{cli.EXAMPLES}\n{import_module(f"lnn_controller.cli.{cli.MODULES.get(name, name)}").EXAMPLE}'
    lines = re.findall(r'lnn (?:(?! {3}).)+', text.replace(';', '\n'))
    assert len(lines) > len(cli.COMMANDS)
    for line in lines:
        for words in split(line):
            check(words)


@pytest.mark.parametrize(
    'line',
    [
        'lnn replya BAG',
        'lnn train BAG --out x --stpes 5',
        'lnn train BAG',
        'lnn study adaptation --experiments worn-steerin',
        'lnn evaluate --track many',
        'lnn evaluate --trac 21',
        'make dmeo',
        'make demo DEM=--camera-fault',
        'python benchmarks/step_latenzy.py',
        "pip install '.[tarin]'",
        'rso2 param list',
        'ros2 parm set /controller speed_scale 0.5',
        'ros2 param sett /controller speed_scale 0.5',
        'ros2 param set /controler speed_scale 0.5',
        'ros2 param set /controller sped_scale 0.5',
        'ros2 param set /controller speed_scale fast',
        'ros2 param set /controller speed_scale 5.0',
        'ros2 param set /controller adaptation.mode on',
        'ros2 param set /sim track 5',
        'ros2 lifecycle set /controller deactivat',
        'ros2 topic echo /controller/neuron',
        "ros2 topic pub emergency_stop std_msgs/msg/Empty '{}'",
        "ros2 topic pub emergency_stop std_msgs/msg/Bool '{dat: true}'",
        "ros2 topic pub --qos-durable transient_local emergency_stop std_msgs/msg/Bool '{data: true}'",
        "ros2 service call /controller/emergency_stop std_srvs/srv/Trigger '{}'",
        "ros2 service call /controller/emergency_stp std_srvs/srv/SetBool '{data: true}'",
        "ros2 service call /controller/emergency_stop std_srvs/srv/SetBool '{dat: true}'",
        'ros2 launch lnn_controller driv.launch.py',
        'ros2 launch lnn_controller drive.launch.py polcy:=x',
        'ros2 launch lnn_controller drive.launch.py sim:=maybe',
        'ros2 launch lnn_controller record.launch.py',
        'ros2 run lnn_controller control_node',
        'ros2 run lnn_controller controller_node --ros-args -p polcy:=x',
        'ros2 run lnn_controller controller_node --ros-args -p speed_scale:=fast',
        'ros2 run lnn_controller controller_node --ros-args -r cmdvel:=x',
        'ros2 run lnn_controller controller_node -p speed_scale:=0.5',
        'controller_node --ros-args',
    ],
)
def test_a_misspelt_command_is_found(line):
    ((command),) = commands({'page.md': f'```bash\n{line}\n```\n'})
    with pytest.raises((AssertionError, InputError, ValueError)):
        check(command.words, command.block)
