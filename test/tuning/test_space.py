import pytest

from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.tuning.space import Parameter, read_space


def read(tmp_path, text, base=None, **options):
    path = tmp_path / 'space.yaml'
    path.write_text(text)
    return read_space(path, base or {}, **{'by_validation': True} | options)


def test_a_space_has_ranges_and_choices_of_the_keys_types(tmp_path):
    space = read(
        tmp_path,
        'learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}\n'
        'units: {low: 8, high: 24}\n'
        'cell: [ncp_cfc, lstm]\n'
        'cell_options: {self_state: [false, true]}\n',
        {'units': 30, 'cell_options': {'self_state': True}},
    )
    assert space.parameters == (
        Parameter('learning_rate', low=1e-4, high=1e-2, log=True),
        Parameter('units', low=8, high=24, whole=True),
        Parameter('cell', choices=('ncp_cfc', 'lstm')),
        Parameter('cell_options.self_state', choices=(False, True)),
    )
    as_it_is = {'learning_rate': TrainConfig.learning_rate, 'cell': 'ncp_cfc', 'cell_options.self_state': True}
    assert space.of_base() == as_it_is | {'units': 30}
    assert space.of_base_within() == as_it_is  # 30 units are not searched
    assert space.config({}) == {'units': 30, 'cell_options': {'self_state': True}}
    # An option that the drawn cell has not is left out.
    assert space.config({'cell': 'lstm', 'cell_options.self_state': False}) == {'units': 30, 'cell': 'lstm'}
    assert space.config({'cell_options.self_state': False})['cell_options'] == {'self_state': False}


def test_true_is_no_number_and_a_number_no_text():
    assert not Parameter('mirror', choices=(False, True)).contains(1)
    assert not Parameter('features', choices=(16, 32)).contains('16')
    assert Parameter('features', choices=(16, 32)).contains(16)
    assert not Parameter('units', low=1, high=9, whole=True).contains(True)


@pytest.mark.parametrize(
    ('text', 'told'),
    [
        ('', 'must be a YAML mapping of config keys to ranges or choices. Got None'),
        ('[units]', 'must be a YAML mapping of config keys'),
        ('unit: [1, 2]', "a key must be one of cell, units, .* Got 'unit': did you mean units"),
        ('cell_options: [1]', 'cell_options must be a mapping of options'),
        ('cell_options: {selfstate: [true, false]}', "an option must be one of .*self_state.* Got 'selfstate'"),
        ('units: 12', r'units must be \{low: …, high: …\}'),
        ('units: {low: 8}', r'units must be \{low: …, high: …\}'),
        ('units: {low: 8, high: 12, step: 2}', r'units must be \{low: …, high: …\}'),
        ('units: {low: 8, high: 8}', 'units: high must be a whole number above 8. Got 8'),
        ('units: {low: 8.5, high: 12}', 'units: low must be a whole number'),
        ('units: {low: 2, high: 12}', 'units must be a whole number from 3 to 4096. Got 2'),
        ('units: {low: 8, high: 12, log: 1}', 'units: log must be true or false. Got 1'),
        ('learning_rate: {low: 1e-4, high: 1.0e-2}', "low must be a number, in YAML such as 1.0e-3. Got '1e-4'"),
        ('encoder_loss: {low: 0.0, high: 1.0, log: true}', 'encoder_loss: low must be a positive number. Got 0.0'),
        ('units: [8]', 'units must have at least two choices'),
        ('units: [8, 8]', 'units must have at least two choices, texts or numbers, each once'),
        ('units: [[8], 9]', 'units must have at least two choices, texts or numbers'),
        ('cell: [ncp_cfc, ncpcfc]', "cell must be one of .* Got 'ncpcfc'"),
        ('cell: {low: 1, high: 2}', 'cell has no range: it must be a list of choices'),
        ('mirror: [true, 1]', 'mirror must be true or false. Got 1'),
        ('outputs: [a, b]', 'outputs changes what trials are compared by, .*: set it in --config'),
        ('augmentation: [wide, mild]', 'augmentation changes what trials are compared by, .*--metric drive'),
        ('crop_top: {low: 0.0, high: 0.95}', 'crop_top must be a number from 0 to 0.8. Got 0.95'),
    ],
)
def test_what_cannot_be_searched_is_refused(tmp_path, text, told):
    with pytest.raises(InputError, match=told) as error:
        read(tmp_path, text)
    assert str(tmp_path / 'space.yaml') in str(error.value)


def test_drives_may_choose_the_colours(tmp_path):
    assert len(read(tmp_path, 'augmentation: [wide, mild]\nseed: [0, 1, 2]', by_validation=False).parameters) == 2


def test_the_space_that_ships_is_one_of_the_recipe_that_ships():
    from pathlib import Path

    from lnn_controller.learning.config import read_yaml

    config = Path(__file__).parents[2] / 'config'
    base = read_yaml(config / 'train.yaml')
    space = read_space(config / 'space.yaml', base, by_validation=True)
    assert set(space.of_base_within()) == {each.name for each in space.parameters}
