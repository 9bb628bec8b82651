import pytest
import yaml
from bundles import tiny_spec

from lnn_controller.errors import InputError
from lnn_controller.nodes import controller_parameters, find_share, record_node, sim_node
from lnn_controller.nodes.controller_parameters import control_settings, neuron_names
from lnn_controller.nodes.parameters import Setting, usage
from lnn_controller.policy import NetworkSpec

TABLES = [controller_parameters.PARAMETERS, sim_node.PARAMETERS, record_node.PARAMETERS]
RATE = Setting('rate', 50.0, 'How often.', 'Hz', 1.0, 500.0)
COUNT = Setting('count', 3, 'How many.', minimum=0)
KIND = Setting('kind', 'raw', 'Which.', choices=('raw', 'compressed'))
ON = Setting('on', True, 'Whether.')
NAMES = Setting('names', ['a'], 'Which ones.')


@pytest.mark.parametrize(
    'setting', [setting for table in TABLES for setting in table], ids=lambda setting: setting.name
)
def test_every_parameter_is_described_and_its_default_allowed(setting):
    assert setting.check(setting.default) == setting.default
    assert setting.description.endswith('.')
    assert setting.descriptor().read_only is not setting.live


@pytest.mark.parametrize(
    ('setting', 'given', 'value'),
    [(RATE, 20, 20.0), (COUNT, 0, 0), (KIND, 'raw', 'raw'), (NAMES, ('x', 'y'), ['x', 'y'])],
)
def test_a_fitting_value_is_brought_to_the_type(setting, given, value):
    checked = setting.check(given)
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
        setting.check(given)


def test_help_is_made_of_the_table():
    text = usage('some_node', 'Does something.', [RATE, NAMES])
    assert 'usage: some_node --ros-args' in text.replace('[--ros-args', '--ros-args')
    assert 'rate (default 50.0; a number from 1 to 500 Hz)' in text
    assert 'names (default [a]; a list of texts)' in text


@pytest.mark.parametrize(('file', 'table'), [('controller', TABLES[0]), ('sim', TABLES[1])])
def test_the_shipped_values_are_parameters_and_allowed(file, table):
    given = yaml.safe_load(find_share(f'config/{file}.yaml').read_text())['/**']['ros__parameters']
    settings = {setting.name: setting for setting in table}
    assert given
    for name, value in given.items():
        assert settings[name].check(value) == settings[name].default


def test_the_parameters_reach_the_controller():
    values = {setting.name: setting.default for setting in controller_parameters.PARAMETERS}
    assert control_settings(values, tiny_spec()).max_acceleration == {}
    values |= {'max_linear_acceleration': 1.5, 'max_angular_acceleration': 4.0, 'control_rate_hz': 20.0}
    values |= {'image_timeout_s': 0.1, 'imu_timeout_s': 0.2, 'speed_scale': 0.5}
    settings = control_settings(values, tiny_spec())
    assert settings.max_acceleration == {'linear_x': 1.5, 'angular_z': 4.0}
    assert (settings.control_rate_hz, settings.image_timeout_s, settings.imu_timeout_s) == (20.0, 0.1, 0.2)
    assert settings.speed_scale == 0.5


def test_neurons_are_named_by_their_role():
    network = NetworkSpec('ncp_cfc', 3, 3, 12, 1.0, wiring={'roles': ['motor', 'command', 'inter']})
    assert neuron_names(tiny_spec(network=network)) == ['motor_0', 'command_1', 'inter_2']
    assert neuron_names(tiny_spec()) == [f'neuron_{index}' for index in range(5)]
