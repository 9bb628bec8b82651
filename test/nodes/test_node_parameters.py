import math
import os
import re

import pytest
import rclpy
import yaml
from bundles import tiny_spec
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_dict_from_yaml_file
from ros_probe import one_line

from lnn_controller.control.settings.guard import Footprint, GuardSettings
from lnn_controller.errors import InputError
from lnn_controller.nodes import ackermann_node, evaluate_node, play_node, record_node, sim_node
from lnn_controller.nodes.common.parameters import check, declare, descriptor, on_change, usage
from lnn_controller.nodes.controller import parameters as controller_parameters
from lnn_controller.nodes.controller.parameters import check_parameters, control_settings
from lnn_controller.settings import CHANGES, Setting
from lnn_controller.share import find_share

TABLES = [
    *(controller_parameters.PARAMETERS, sim_node.PARAMETERS, record_node.PARAMETERS),
    *(evaluate_node.PARAMETERS, play_node.PARAMETERS, ackermann_node.PARAMETERS),
]
CONFIG = find_share('config/controller.yaml').parent
PARAMETER_FILES = [file for file in sorted(CONFIG.glob('*.yaml')) if 'ros__parameters' in file.read_text()]
RATE = Setting('rate', 50.0, 'How often.', 'Hz', 1.0, 500.0)
COUNT = Setting('count', 3, 'How many.', minimum=0)
KIND = Setting('kind', 'raw', 'Which.', choices=('raw', 'compressed'))
LOW = Setting('low', 0.0, 'How low.', 'm/s', maximum=0.0)
ON = Setting('on', True, 'Whether.')
NAMES = Setting('names', ['a'], 'Which ones.')


@pytest.mark.parametrize(
    'setting', [setting for table in TABLES for setting in table], ids=lambda setting: setting.name
)
def test_every_parameter_is_described_and_its_default_allowed(setting):
    assert check(setting, setting.default) == setting.default
    assert setting.help.endswith('.')
    assert setting.change in CHANGES
    assert descriptor(setting).read_only is (setting.change == 'fixed')


@pytest.mark.parametrize(
    ('setting', 'given', 'value'),
    [(RATE, 20, 20.0), (COUNT, 0, 0), (KIND, 'raw', 'raw'), (NAMES, ('x', 'y'), ['x', 'y'])],
)
def test_a_fitting_value_is_brought_to_the_type(setting, given, value):
    checked = check(setting, given)
    assert checked == value
    assert type(checked) is type(setting.default)


@pytest.mark.parametrize(
    ('setting', 'given', 'said'),
    [
        (RATE, 0, 'parameter rate must be a number from 1 to 500 Hz. Got 0.0'),
        (RATE, float('nan'), 'Got nan'),
        (RATE, float('inf'), 'Got inf'),
        (RATE, '50', "Got '50'"),
        (RATE, True, 'Got True'),
        (RATE, None, 'Got None'),
        (LOW, 1.0, 'parameter low must be a number of at most 0 m/s. Got 1.0'),
        (COUNT, -1, 'parameter count must be a whole number of at least 0. Got -1'),
        (COUNT, 1.5, 'Got 1.5'),
        (KIND, 'png', "parameter kind must be one of raw, compressed. Got 'png'"),
        (KIND, 3, 'Got 3'),
        (ON, 1, 'parameter on must be true or false. Got 1'),
        (NAMES, 'a', "parameter names must be a list of texts. Got 'a'"),
        (NAMES, [1], r'Got \[1\]'),
    ],
)
def test_other_values_are_refused_with_the_reason(setting, given, said):
    with pytest.raises(InputError, match=said):
        check(setting, given)


@pytest.mark.parametrize(
    'setting', [setting for table in TABLES for setting in table if setting.choices], ids=lambda setting: setting.name
)
def test_every_choice_is_a_text_to_yaml(setting):
    # ros2 param set, parameter files and launch all read values as YAML 1.1.
    assert [yaml.safe_load(choice) for choice in setting.choices] == list(setting.choices)


@pytest.mark.parametrize(
    ('given', 'today'), [('off', 'frozen'), (False, 'frozen'), ('on', 'live'), (True, 'live')], ids=repr
)
def test_the_words_of_an_earlier_version_are_refused_with_todays(given, today):
    mode = next(setting for setting in TABLES[0] if setting.name == 'adaptation.mode')
    with pytest.raises(InputError, match=f'one of frozen, shadow, live. Got {given!r}: {today} is what'):
        check(mode, given)


def test_help_is_made_of_the_table():
    live = Setting('scale', 1.0, 'Factor.', change='live')
    text = usage('some_node', 'Does something.', [RATE, NAMES, live])
    assert 'scale (default 1.0; a number; set it at any time)' in text
    assert 'usage: some_node --ros-args' in text.replace('[--ros-args', '--ros-args')
    assert 'rate (default 50.0; a number from 1 to 500 Hz)' in text
    assert 'names (default [a]; a list of texts)' in text


@pytest.mark.parametrize('file', PARAMETER_FILES, ids=lambda file: file.name)
def test_the_shipped_values_are_parameters_and_allowed(file):
    settings = {setting.name: setting for setting in {'controller': TABLES[0], 'sim': TABLES[1]}[file.stem]}
    given = parameter_dict_from_yaml_file(str(file), use_wildcard=True)
    assert given
    for name, message in given.items():
        assert check(settings[name], Parameter.from_parameter_msg(message).value) == settings[name].default


def defaults():
    return {setting.name: setting.default for setting in controller_parameters.PARAMETERS}


def test_the_parameters_reach_the_controller():
    values = defaults()
    check_parameters(values)
    settings = control_settings(values, tiny_spec())
    assert (settings.max_acceleration, settings.max_deceleration, settings.guard) == ({}, {}, None)
    assert set(control_settings(values, None).deadband) == {'linear_x', 'linear_y', 'linear_z', 'angular_z'}
    names = ['control_rate_hz', 'time_scale', 'image_timeout_s', 'image_frozen_timeout_s', 'imu_timeout_s']
    names += ['speed_scale', 'override_timeout_s', 'override_return_s']
    values |= {name: 0.1 * (index + 1) for index, name in enumerate(names)} | {'control_rate_hz': 20.0}
    values |= {'guard.source': 'scan', 'guard.timeout_s': 0.7, 'guard.stop_distance_m': 0.2, 'guard.rear_m': 0.5}
    values |= {'linear.x.max_acceleration': 1.5, 'angular.z.max_deceleration': 4.0, 'linear.y.max_acceleration': 3.0}
    values |= {'linear.x.min_velocity': 0.0, 'linear.x.max_velocity': 0.6, 'angular.z.deadband': 0.01}
    settings = control_settings(values, tiny_spec())
    assert [getattr(settings, name) for name in names] == [values[name] for name in names]
    assert settings.scan_timeout_s == 0.7
    assert settings.guard == GuardSettings(Footprint(rear_m=0.5), slow_distance_m=1.0, stop_distance_m=0.2)
    assert settings.max_acceleration == {'linear_x': 1.5}
    assert settings.max_deceleration == {'angular_z': 4.0}
    assert settings.minimum == {'linear_x': 0.0, 'angular_z': -100.0}
    assert settings.maximum == {'linear_x': 0.6, 'angular_z': 100.0}
    assert settings.deadband == {'linear_x': 0.0, 'angular_z': 0.01}


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        ({'guard.stop_distance_m': 1.0}, 'guard.stop_distance_m must be less than slow_distance_m. Got'),
        ({'guard.left_m': 0.0, 'guard.right_m': 0.0}, r'guard.left_m \+ right_m must be more than 0'),
        ({'guard.min_height_m': 1.0}, 'guard.min_height_m must be less than guard.max_height_m. Got 1 and 1'),
        ({'diagnostics.warn_rate': 0.5}, 'diagnostics.error_rate must be at most diagnostics.warn_rate. Got 0.8 and'),
        ({'diagnostics.warn_lateness_ms': 21.0}, 'diagnostics.warn_lateness_ms must be at most .*. Got 21 and 20'),
        ({'diagnostics.error_work': 0.4}, 'diagnostics.warn_work must be at most .*. Got 0.5 and 0.4'),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        check_parameters(defaults() | given)


class Tuned:
    """A node with the controller's parameters, set as the parameter services do, and what reached it."""

    def __init__(self, context, *arguments):
        self.node = Node('tuned', context=context, cli_args=['--ros-args', *arguments])
        self.values = declare(self.node, TABLES[0])
        self.applied, self.active = [], True
        on_change(self.node, TABLES[0], self.values, check_parameters, self.applied.append, active=lambda: self.active)

    def one_by_one(self, **values):
        return [result.reason for result in self.node.set_parameters(self.parameters(values))]

    def together(self, **values):
        return self.node.set_parameters_atomically(self.parameters(values)).reason

    def parameters(self, values):
        return [Parameter(name.replace('__', '.'), value=value) for name, value in values.items()]

    def all(self):
        return {name: self.node.get_parameter(name).value for name in self.values}


@pytest.fixture
def tuned(domain_id):
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain_id)
    nodes = []

    def make(*arguments):
        nodes.append(Tuned(context, *arguments))
        return nodes[-1]

    yield make
    for each in nodes:
        each.node.destroy_node()
    rclpy.shutdown(context=context)


def test_what_is_set_while_it_runs_is_applied_once(tuned):
    it = tuned()
    assert it.one_by_one(speed_scale=0.5, control_rate_hz=20) == ['', '']
    assert it.together(linear__x__max_velocity=1, time_scale=2.0) == ''
    assert it.one_by_one(speed_scale=0.5) == ['']  # no news
    *alone, both = it.applied
    assert alone == [{'speed_scale': 0.5}, {'control_rate_hz': 20.0}]
    assert both == {'linear.x.max_velocity': 1.0, 'time_scale': 2.0}
    assert type(it.all()['control_rate_hz']) is float


@pytest.mark.parametrize(
    ('name', 'value', 'said'),
    [
        ('speed_scale', 1.5, 'speed_scale'),
        ('speed_scale', 'fast', 'type'),
        ('speed_scale', math.nan, 'speed_scale'),
        ('linear__x__max_velocity', math.inf, 'linear.x.max_velocity'),
        ('frame_id', 3, 'type'),
        ('image_transport', 'png', "must be one of raw, compressed. Got 'png'"),
        ('adaptation__mode', True, "must be one of frozen, shadow, live. Got 'true': live is what that is called now"),
        ('policy', 'other', 'parameter policy can be set only while the node is not active: deactivate it first'),
        ('autostart', True, 'read-only'),
        ('guard__stop_distance_m', 1.5, 'must be less than'),
        ('diagnostics__warn_rate', 0.7, 'must be at most'),
    ],
)
@pytest.mark.parametrize('way', ['one by one', 'together'])
def test_a_refused_request_changes_nothing(tuned, name, value, said, way):
    it = tuned()
    before, given = it.all(), {name: value}
    reason = it.together(imu_timeout_s=1.0, **given) if way == 'together' else it.one_by_one(**given)[0]
    assert said in reason
    assert it.all() == before
    assert it.applied == []


def test_what_belongs_together_is_checked_as_it_will_be(tuned):
    it = tuned()
    first, second = it.one_by_one(guard__slow_distance_m=0.25, guard__stop_distance_m=0.1)
    assert ('must be less than' in first, second) == (True, '')
    assert it.together(guard__slow_distance_m=0.25, guard__stop_distance_m=0.2) == ''
    assert it.applied[-1] == {'guard.slow_distance_m': 0.25, 'guard.stop_distance_m': 0.2}


def test_an_inactive_node_takes_another_policy_and_an_active_one_its_own(tuned):
    it = tuned()
    assert it.one_by_one(policy='car_lane') == ['']  # as ros2 param load does with a dump
    it.active = False
    assert it.together(policy='other', image_transport='compressed') == ''
    it.active = True
    assert it.one_by_one(policy='other') == ['']
    assert 'not active' in it.one_by_one(policy='car_lane')[0]
    assert it.applied == [{'policy': 'other', 'image_transport': 'compressed'}]


def test_a_dump_loads_on_an_active_node(tuned):
    it = tuned()
    reasons = it.one_by_one(**it.all())
    assert [name for name, reason in zip(it.values, reasons, strict=True) if reason] == ['runtime', 'autostart']


def test_others_parameters_are_none_of_our_business(tuned):
    it = tuned()
    it.node.declare_parameter('qos_overrides./x.publisher.depth', 3)
    assert it.node.set_parameters([Parameter('use_sim_time', value=True)])[0].successful
    assert it.applied == []


def test_parameter_files_may_nest_names(tuned, tmp_path):
    file = tmp_path / 'robot.yaml'
    given = {'linear': {'x': {'max_velocity': 1}}, 'guard.source': 'scan', 'guard': {'front_m': 0.4}}
    file.write_text(yaml.safe_dump({'/**': {'ros__parameters': given}}))
    values = tuned('--params-file', str(file)).values
    assert (values['linear.x.max_velocity'], values['guard.source'], values['guard.front_m']) == (1.0, 'scan', 0.4)


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['-p', 'sped_scale:=0.0'], r'must be one of this node.s. Got "sped_scale": did you mean speed_scale\?'),
        (['-p', 'image_timeout:=1.0'], r'Got "image_timeout": did you mean image_timeout_s\?'),
        (['-p', 'zzz:=1'], r'Got "zzz": see --help'),
        (['-p', 'controller:sped_scale:=0.0'], r'did you mean speed_scale\?'),
    ],
)
def test_a_parameter_that_the_node_does_not_have_is_refused_before_it_drives(run_node, arguments, said):
    done = run_node('controller_node', '--ros-args', '-p', 'autostart:=true', *arguments)
    assert done.returncode == 1
    assert re.search(said, one_line(done))


@pytest.mark.parametrize('key', ['other_node', '/robot1/controller', '/*/controller', 'robot1: {controller'])
def test_a_parameters_file_of_another_node_is_refused(run_node, tmp_path, key):
    file = tmp_path / 'robot.yaml'
    file.write_text(f'{key}: {{ros__parameters: {{speed_scale: 0.0}}}}{"}" if "{" in key else ""}\n')
    done = run_node('controller_node', '--ros-args', '-p', 'autostart:=true', '--params-file', str(file))
    assert done.returncode == 1
    assert re.search(
        r'must have parameters for /controller. Got .*robot.yaml with those of /.* alone: begin it with "/controller:"',
        one_line(done),
    )


def _folder(file):
    file.mkdir()


@pytest.mark.parametrize(
    ('make', 'said'),
    [
        (lambda file: None, 'must be a file that can be read. Got .*: No such file'),
        (_folder, 'must be a file. Got .*, which is a folder'),
        (os.mkfifo, 'must be a file. Got .*, which is a pipe'),
        (lambda file: file.write_bytes(b'\xff\xfe\0'), 'must be UTF-8 text'),
        (lambda file: file.write_bytes(b'#' * 11_000_000), 'must be a file of at most 10 MB'),
        (lambda file: file.write_text(''), 'must have parameters for /controller. Got .*robot.yaml with none'),
        (lambda file: file.write_text('a: ' + '[' * 20_000), 'ROS arguments must be valid'),
        (lambda file: file.write_text('a: &a {x: 1}\nb: &b {p: *a, q: *a}\n'), 'ROS arguments must be valid'),
        (
            lambda file: file.write_text('/**: {ros__parameters: {speed_scale: 2024-99-99}}'),
            'must be YAML. Got a syntax error',
        ),
    ],
    ids=['missing', 'folder', 'pipe', 'bytes', 'huge', 'empty', 'deep', 'aliases', 'date'],
)
def test_what_is_no_parameters_file_is_told_in_one_line(run_node, tmp_path, make, said):
    make(tmp_path / 'robot.yaml')
    done = run_node('controller_node', '--ros-args', '--params-file', str(tmp_path / 'robot.yaml'))
    assert done.returncode == 1
    assert re.search(said, one_line(done))


@pytest.mark.parametrize('key', ['/**', '/*', 'controller', '/controller', '/**/controller'])
def test_a_parameters_file_for_the_node_is_taken(run_node, tmp_path, key):
    """It goes on to what is wrong in it."""
    file = tmp_path / 'robot.yaml'
    parameters = '{use_sim_time: true, qos_overrides: {/imu/data: {subscription: {depth: 5}}}, policy: nowhere}'
    file.write_text(f'other: {{ros__parameters: {{x: 1}}}}\n{key}: {{ros__parameters: {parameters}}}\n')
    done = run_node('controller_node', '--ros-args', '-p', 'autostart:=true', '--params-file', str(file))
    assert done.returncode == 1
    assert 'nowhere' in one_line(done)
