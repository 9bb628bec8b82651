import argparse

import pytest

from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig, add_arguments, chosen_from_arguments, read_yaml


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'cell': 'transformer'}, 'cell must be one of ncp_cfc, .*Got'),
        ({'units': 2}, r'units must be a whole number from 3 to 4096. Got 2'),
        ({'units': '19'}, "units must be a whole number from 3 to 4096. Got '19'"),
        ({'mirror': 1}, 'mirror must be true or false. Got 1'),
        ({'outputs': 'angular_z'}, 'outputs must be a list of texts'),
        ({'rate_min_hz': 50.0, 'rate_max_hz': 20.0}, 'rate_min_hz must not exceed rate_max_hz. Got 50.0 > 20.0'),
        ({'crop_top': 0.6, 'crop_bottom': 0.5}, 'must leave a tenth of the frame'),
        ({'validation_fraction': 0.0}, r'validation_fraction must be a number from 0.05 to 0.5'),
        ({'image_width': 100}, 'both image_width and image_height'),
        (
            {'image_width': 64, 'image_height': 46},
            'image_width and image_height must be at least 47, or 0. Got 64 and 46',
        ),
        ({'outputs': ['linear_x', 'linear_x']}, 'outputs must name a channel once. Got linear_x, linear_x'),
        ({'cue_colour': (250, 245, 240)}, 'cue_colour must be .* not nearly grey. Got 250 245 240'),
        ({'cue_colour': (250, 0)}, 'cue_colour must be red, green and blue .* Got 250 0'),
        ({'cue_colour': (300, 0, 0)}, 'cue_colour must be a list of whole numbers from 0 to 255'),
        ({'cell_options': {'depth': 2}}, "cell 'ncp_cfc' has no option depth; it has: mode, layers, self_state$"),
        ({'cell_options': {'sparsity': 0.3}}, 'no option sparsity; .* sparsity is a setting of its own: --sparsity'),
        ({'cell_options': {'self_state': 'yes'}}, "self_state must be true or false. Got 'yes'"),
        ({'cell_options': {'mode': 'fast'}}, "a CfC mode must be one of .* Got 'fast'"),
        ({'cell': 'cfc', 'cell_options': {'backbone_units': 10**9}}, 'backbone_units must be .* from 1 to 4096'),
        ({'cell_options': ['self_state']}, 'cell_options must be a mapping of names to values. Got'),
        ({'cell': 'lstm', 'mixed_memory': True}, 'mixed_memory goes with the cells'),
        ({'seed': 2**63}, 'seed must be a whole number from 0 to'),
        ({'learning_rate': float('nan')}, 'learning_rate must be a number from'),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        TrainConfig(**values)


def test_yaml_and_flags_fill_the_config_and_flags_win(tmp_path):
    file = tmp_path / 'train.yaml'
    file.write_text('cell: ltc\nunits: 24\nlearning_rate: 1\noutputs: [angular_z]\n')
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    chosen = chosen_from_arguments(parser.parse_args(['--config', str(file), '--units', '32', '--mirror']))
    assert set(chosen) == {'cell', 'units', 'learning_rate', 'outputs', 'mirror'}
    config = TrainConfig(**chosen)
    assert (config.cell, config.units, config.learning_rate) == ('ltc', 32, 1.0)
    assert config.outputs == ('angular_z',)
    assert config.mirror


def test_options_of_the_cell_come_from_flags_and_file(tmp_path):
    file = tmp_path / 'train.yaml'
    file.write_text('cell: cfc\ncell_options: {backbone_units: 32, mode: no_gate}\n')
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    flags = [
        '--cell-option',
        'mode=pure',
        '--cell-option',
        'backbone_layers=2',
        '--cell-option',
        'backbone_dropout=1e-1',
    ]
    chosen = chosen_from_arguments(parser.parse_args(['--config', str(file), *flags]))
    wanted = {'backbone_units': 32, 'mode': 'pure', 'backbone_layers': 2, 'backbone_dropout': 0.1}
    assert TrainConfig(**chosen).cell_options == chosen['cell_options'] == wanted
    assert TrainConfig(**chosen).values()['cell_options'] == wanted
    assert chosen_from_arguments(parser.parse_args(['--cell-option', 'self_state=true'])) == {
        'cell_options': {'self_state': True}
    }
    assert 'cell_options' not in chosen_from_arguments(parser.parse_args([]))


@pytest.mark.parametrize('text', ['self_state', '=true'])
def test_an_option_of_the_cell_is_a_key_and_a_value(text, capsys):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(['--cell-option', text])
    assert f'must be KEY=VALUE, such as self_state=true. Got {text!r}' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('unit: 19', "unknown key 'unit'"),
        ('- 1', 'must be a YAML mapping'),
        ('{1: 2, b: 3}', 'unknown key 1'),
        ('b: !!binary x\n', 'syntax error'),
        ('? 0x' + 'f' * 5000 + '\n: 1', 'unknown key a long int'),
        ('a: [', 'must be YAML. Got a syntax error'),
    ],
)
def test_bad_files_are_refused(tmp_path, text, message):
    file = tmp_path / 'train.yaml'
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_yaml(file)
    with pytest.raises(InputError, match=r'a config must be a file that can be read.*No such file'):
        read_yaml(tmp_path / 'other.yaml')


def test_steps_grow_with_the_root_of_the_frames():
    assert TrainConfig().for_frames(10_000).steps == 2000
    assert TrainConfig().for_frames(40_000).steps == 4000
    assert TrainConfig(steps=7).for_frames(10_000).steps == 7


def test_a_number_without_end_is_out_of_range():
    for name in ('learning_rate', 'units'):
        with pytest.raises(InputError, match=f'{name} must be a .*number from .* Got a long int'):
            TrainConfig(**{name: 10**5000})
