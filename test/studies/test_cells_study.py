"""The runner goes on where it was, and the page says what the figures say."""

import json
import math
import os
import shutil

import numpy as np
import pytest
from matplotlib.image import imread as read_png
from safetensors.numpy import load_file

from lnn_controller.cli import main
from lnn_controller.control import ControlSettings
from lnn_controller.errors import InputError
from lnn_controller.evaluation.closed_loop import run_trial
from lnn_controller.policy import Policy, find_policy
from lnn_controller.studies import cells
from lnn_controller.studies.cells_page import page
from lnn_controller.studies.cells_plot import draw
from lnn_controller.studies.cells_summary import compare_encoders, summarise, tried
from lnn_controller.studies.registry import COMPARISONS
from lnn_controller.studies.runner import read_rows, run_conditions

CHOSEN = {
    'cells': ['ncp_cfc', 'gru', 'none'],
    'encoders': ['car_lane'],
    'scenes': ['summer'],
    'roads': [21, 33],
    'faults': ['none'],
    'seconds': 10.0,
    'steps': 100,
}
ON_TIME = ControlSettings(tick_on_frame=False)
ERROR = {'ncp_cfc': 0.03, 'gru': 0.05, 'none': 0.03}


def made(condition):
    """A result that nobody drove for."""
    error = ERROR[condition['cell']]
    wobble = 0.01 * (condition['seed'] % 2) * (-1 if condition['cell'] == 'none' else 1)
    drives = [
        {'scene': 'summer', 'road': road, 'fault': 'none', 'error_m': error + wobble, 'success': 1, 'roughness': 0.5}
        for road in condition['roads']
    ]
    return {'parameters': 1000, 'validation': 0.1, 'train_cpu_s': 2.0, 'drives': drives}


class KilledError(Exception):
    """Stands for a kill."""


def test_a_killed_study_goes_on_where_it_was(tmp_path):
    conditions, path, ran = cells.conditions(seeds=[0, 1], **CHOSEN), tmp_path / 'new' / 'cells.json', []

    def run(condition):
        if len(ran) == 4:
            raise KilledError
        ran.append((condition['cell'], condition['seed']))
        return made(condition)

    with pytest.raises(KilledError):
        list(run_conditions(run, conditions, path))
    assert len(read_rows(path)) == 4
    left = []
    new = list(run_conditions(lambda each: left.append((each['cell'], each['seed'])) or made(each), conditions, path))
    assert [row['condition']['cell'] for row in new] == ['gru', 'none']
    assert sorted(ran + left) == sorted((each['cell'], each['seed']) for each in conditions)
    assert list(run_conditions(run, conditions, path)) == []
    # Other settings are other conditions.
    assert len(list(run_conditions(made, cells.conditions(seeds=[0], **CHOSEN | {'steps': 7}), path))) == 3


def test_a_file_that_is_no_study_is_refused(tmp_path):
    path = tmp_path / 'cells.json'
    for text in ('{}', '[1]', '{"rows": [1]}', 'x', '[' * 100_000, '{"rows": [{"condition": {}, "result": 5}]}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r'cells.json must be the JSON of a study. Got another file'):
            read_rows(path)
    path.unlink()
    os.mkfifo(path)  # which has no end
    with pytest.raises(InputError, match=r'cells.json must be the JSON of a study. Got another file'):
        read_rows(path)


@pytest.mark.parametrize(
    'wrong',
    [
        ('--seconds', 'nan'),
        ('--seconds', '-1'),
        ('--roads', '-1'),
        ('--learning-rates', '0'),
        ('--learning-rates', 'nan'),
    ],
)
def test_a_drive_that_cannot_be_is_refused_before_anything_is_trained(tmp_path, capsys, wrong):
    assert main(['study', 'cells', '--out', str(tmp_path / 'out'), *wrong]) == 2
    assert f'{wrong[0]} ' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def rows(seeds):
    return [{'condition': each, 'result': made(each)} for each in cells.conditions(seeds=seeds, **CHOSEN)]


def test_the_page_says_what_differs_and_what_does_not():
    text = page(rows(range(5)), 'lnn study cells')
    assert 'n = 5 seeds × 2 roads' in text
    assert 'worse than `ncp_cfc`: gru' in text
    assert 'hint, not a result' not in text
    gru = next(row for row in summarise(rows(range(5))) if row['cell'] == 'gru')
    assert gru['against'] == pytest.approx((0.02, 0.02, 0.02))
    assert gru['better'] == 0.0
    assert (gru['success'], gru['trials']) == (10, 10)
    assert 'hint, not a result' in page(rows(range(2)), 'lnn study cells')


def test_a_difference_whose_interval_holds_0_is_called_none():
    every = rows([0, 2, 4])  # without their seeds' wobble: none is as good as the default cell
    assert 'not shown to differ from `ncp_cfc`: none' in page(every, 'lnn study cells')


def test_seeds_that_a_cell_lacks_are_left_out():
    every = [row for row in rows(range(3)) if (row['condition']['cell'], row['condition']['seed']) != ('gru', 1)]
    assert {row['seeds'] for row in summarise(every)} == {2}
    assert 'Not one seed is complete' in page(rows([0])[:1] + rows([1])[1:2], 'lnn study cells')


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'cells': ['rnn']}, "a cell must be one of ncp_cfc, .* Got 'rnn'"),
        (
            {'faults': ['fire']},
            "a fault must be one of none, noise, frames_lost, imu_bias, rate_5, rate_100. Got 'fire'",
        ),
        ({'encoders': ['drone_forest']}, 'of a policy of the car. Got drone_forest, of the drone'),
        ({'scenes': ['mars']}, 'summer'),
        ({'encoders': ['nothing']}, 'car_lane'),
    ],
)
def test_what_there_is_not_is_refused_before_anything_runs(changes, told):
    with pytest.raises(InputError, match=told):
        cells.conditions(seeds=[0], **CHOSEN | changes)


def test_the_command_writes_page_and_json_and_says_what_is_done(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cells, 'run', made)
    command = [
        'study',
        'cells',
        '--cells',
        'ncp_cfc',
        'gru',
        '--seeds',
        '0',
        '--scenes',
        'summer',
        '--out',
        str(tmp_path),
    ]
    assert main(command) == 0
    assert 'n = 1 seed × 3 roads' in (tmp_path / 'cells.md').read_text()
    assert len(json.loads((tmp_path / 'cells.json').read_text())['rows']) == 2
    assert (tmp_path / 'cells.png').exists()
    capsys.readouterr()
    assert main(command) == 0
    assert '2 of 2 are in' in capsys.readouterr().err
    assert main([*command, '--jobs', '0']) == 2
    path = tmp_path / 'cells.json'
    whole = path.read_text()
    edits = [
        lambda result: result.pop('validation'),
        lambda result: result.update(parameters='many'),
        lambda result: result.update(drives={}),
        lambda result: result['drives'].pop(),
        lambda result: result['drives'][1].pop('error_m'),
        lambda result: result['drives'][1].update(success=2),
        lambda result: result['drives'][1].update(road=5),
    ]
    capsys.readouterr()
    for edit in edits:
        found = json.loads(whole)
        edit(found['rows'][1]['result'])
        path.write_text(json.dumps(found))
        assert main(command) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert 'Got another of encoder car_lane cell gru seed 0: take that row out, and it is run again' in line
    path.write_text(json.dumps({'rows': json.loads(whole)['rows'][:1]}))
    assert main(command) == 0
    assert path.read_text() == whole


def test_faults_stand_on_the_page_with_their_values_and_other_values_are_other_conditions(monkeypatch):
    chosen = CHOSEN | {'roads': [21], 'faults': ['none', 'noise', 'rate_5']}
    given = cells.conditions(seeds=[0], **chosen)
    assert json.loads(json.dumps(given)) == given, 'plain values, which are found again in the file'
    text = page([{'condition': each, 'result': made(each)} for each in given], 'lnn study cells')
    assert 'road 21. Faults: noise: image_noise 51; rate_5: rate_hz 5.' in text
    assert 'n = 1 seed × 1 road\n' in text
    monkeypatch.setitem(cells.FAULTS, 'noise', {'image_noise': 26.0})
    assert not [each for each in cells.conditions(seeds=[0], **chosen) if each in given]


def test_encoders_are_compared_over_the_cells_that_all_have():
    every = rows(range(5))
    assert not compare_encoders(every), 'one alone is beside nothing'
    other = [json.loads(json.dumps(row)) for row in every if row['condition']['cell'] != 'none']
    for row in other:
        row['condition']['encoder'] = 'car_lane_gru'
        for drive in row['result']['drives']:
            drive['error_m'] -= 0.015
    first, second = compare_encoders(every + other)
    assert (first['encoder'], first['cells'], first['seeds'], first['roads']) == ('car_lane', 2, 5, 2)
    assert first['against'] is None
    assert second['against'] == pytest.approx((-0.015, -0.015, -0.015))
    # ncp_cfc and gru, 3 and 5 cm, and the wobble of two seeds in five.
    assert [second[key] for key in ('error_m', 'least', 'most')] == pytest.approx([0.029, 0.019, 0.039])
    text = page(every + other, 'lnn study cells')
    assert '## Encoders, summer: n = 2 cells × 5 seeds × 2 roads' in text
    assert (
        'better than `car_lane`: car_lane_gru. Encoders are up to 1.5 cm apart, the cells of one encoder up to 2.0 cm.'
        in text
    )
    assert '## Encoders' not in page(every, 'lnn study cells')


def test_an_encoder_learnt_with_each_cell_is_called_that_and_is_beside_no_other():
    every = rows(range(5))
    assert 'stays as it is' in page(every, 'lnn study cells')
    joint = [{**row, 'condition': {**row['condition'], 'encoder': 'joint'}} for row in every]
    text = page(joint, 'lnn study cells')
    assert '## Encoder and cell together, summer: n = 5 seeds × 2 roads' in text
    assert 'from nothing' in text
    assert 'stays as it is' not in text
    assert not compare_encoders(every + joint)
    both = page(every + joint, 'lnn study cells')
    assert 'stays as it is' in both
    assert 'from nothing' in both


def tuned(condition):
    """A result of tries: the default cell's best is the last, the others' the first; of one seed it is the second."""
    last = condition['cell'] == 'ncp_cfc'
    errors = [0.3, 0.2, 0.1] if last else [0.1, 0.2, 0.3]
    if condition['seed'] == 3:
        errors[1] = 0.05
    return made(condition) | {'tried': errors, 'validation': min(errors)}


def test_the_page_says_which_learning_rates_were_tried_and_taken():
    rates = [0.001, 0.004, 0.016]
    given = cells.conditions(seeds=range(5), learning_rates=rates, **CHOSEN)
    every = [{'condition': each, 'result': tuned(each)} for each in given]
    found = {(r['cell'], r['rate']): (r['chosen'], r['validation']) for r in tried(every)}
    assert [found['ncp_cfc', rate] for rate in rates] == [
        (0, pytest.approx(0.3)),
        (1, pytest.approx(0.17)),
        (4, pytest.approx(0.1)),
    ]
    text = page(every, 'lnn study cells')
    assert 'the one with the least validation error drives' in text
    assert '| gru | 4 (0.100) | 1 (0.170) | 0 (0.300) |' in text
    plain = page(rows(range(5)), 'lnn study cells')
    assert 'learning rate' not in plain
    # Results without tries stay those of the same conditions.
    assert 'learning_rates' not in cells.conditions(seeds=[0], **CHOSEN)[0]
    assert cells.fits(every[0])
    for errors in ([0.1, 0.2], None, ['0.1', 0.2, 0.3]):
        assert not cells.fits({**every[0], 'result': every[0]['result'] | {'tried': errors}})


class Trained:
    """Stands for a training whose validation error is the learning rate's distance from 0.004."""

    def __init__(self):
        self.rates = []

    def train(self, out, *, cell_learning_rate, **options):
        self.rates.append(cell_learning_rate)
        shutil.copytree(find_policy('car_lane' if cell_learning_rate == 0.004 else 'car_lane_gru'), out)
        return {'parameters': round(cell_learning_rate * 1000), 'validation': abs(cell_learning_rate - 0.004)}


def test_of_the_learning_rates_the_one_that_validates_best_drives(monkeypatch):
    training = Trained()
    monkeypatch.setattr(cells, '_training', lambda encoder: training)
    chosen = CHOSEN | {'cells': ['gru'], 'roads': [21], 'seconds': 1.0}
    (condition,) = cells.conditions(seeds=[0], learning_rates=[0.001, 0.004, 0.016], **chosen)
    result = cells.run(condition)
    assert training.rates == [0.001, 0.004, 0.016]
    assert result['tried'] == pytest.approx([0.003, 0.0, 0.012])
    assert (result['validation'], result['parameters']) == (0.0, 4)
    policy = Policy.load(find_policy('car_lane'), runtime='onnx')
    drive = cells._figures(run_trial(policy, seed=21, seconds=1.0, settings=ON_TIME))
    assert result['drives'] == [{'scene': 'summer', 'road': 21, 'fault': 'none', **drive}]
    assert cells.fits({'condition': condition, 'result': result})


def test_the_picture_has_a_panel_for_each_fault_and_is_named_on_the_page(tmp_path):
    every = rows(range(5))
    draw(every, tmp_path / 'one.png')
    for row in every:
        row['result']['drives'] += [each | {'fault': 'noise'} for each in row['result']['drives']]
        row['result']['drives'] += [each | {'fault': 'rate_5'} for each in row['result']['drives'][:2]]
    draw(every, tmp_path / 'three.png')
    one, three = (read_png(tmp_path / f'{name}.png') for name in ('one', 'three'))
    assert three.shape[0] > 1.5 * one.shape[0]  # two panels a row
    red = np.abs(one[..., :3] * 255 - (0xC1, 0x12, 0x1F)).max(axis=2) < 3
    assert red.any()  # gru is worse
    assert '](cells.png)' in page(every, 'lnn study cells')
    alone = [row for row in every if row['condition']['cell'] == 'ncp_cfc']
    draw(alone, tmp_path / 'alone.png')
    assert not (tmp_path / 'alone.png').exists()
    assert 'cells.png' not in page(alone, 'lnn study cells')


def test_drives_have_their_rate_and_the_gyro_its_bias():
    policy = Policy.load(find_policy('car_lane'), runtime='onnx')
    drives = {
        fault: run_trial(policy, seed=21, seconds=1.0, settings=ON_TIME, **cells.with_fault(cells.FAULTS[fault]))
        for fault in ('none', 'imu_bias', 'rate_5', 'rate_100')
    }
    periods = {fault: np.median(np.diff(drive.command_stamp_ns)) * 1e-9 for fault, drive in drives.items()}
    assert periods == pytest.approx({'none': 0.02, 'imu_bias': 0.02, 'rate_5': 0.2, 'rate_100': 0.01})
    plain = run_trial(policy, seed=21, seconds=1.0, settings=ON_TIME)
    assert np.array_equal(plain.command, drives['none'].command), 'no fault leaves a drive as it is'
    assert cells.FAULTS['imu_bias'] == {'gyro_bias_rad_s': pytest.approx(math.radians(20), abs=0.001)}
    assert np.abs(drives['imu_bias'].command - drives['none'].command).max() > 0.01


@pytest.mark.slow
def test_a_cell_is_trained_on_a_frozen_encoder_and_drives(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, 'DEMONSTRATED', (101, 102))
    monkeypatch.setattr(cells, 'DEMONSTRATED_S', 5.0)
    chosen = CHOSEN | {'cells': ['dlinoss'], 'roads': [21], 'seconds': 2.0, 'steps': 4}
    result = COMPARISONS['cells'].load().run(cells.conditions(seeds=[0], **chosen)[0])
    assert result['parameters'] == sum((39 * 14, 29 * 14, 3 * 14))
    assert [(drive['scene'], drive['road'], drive['fault']) for drive in result['drives']] == [('summer', 21, 'none')]
    assert 0.0 < result['drives'][0]['error_m'] < 1.0
    assert result['drives'][0]['roughness'] > 0.0

    name, units, options = cells.CELLS['ncp_cfc motor readout']
    cells._training('car_lane').train(tmp_path / 'motor', cell=name, units=units, seed=0, steps=2, **options)
    readout = load_file(tmp_path / 'motor' / 'weights.safetensors')['readout.weight']
    assert readout[:, :2].all()
    assert not readout[:, 2:].any()


@pytest.mark.slow
def test_encoder_and_cell_are_trained_together_from_nothing_and_drive(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, 'DEMONSTRATED_JOINTLY', (101, 102))
    monkeypatch.setattr(cells, 'DEMONSTRATED_S', 5.0)
    chosen = CHOSEN | {'encoders': ['joint'], 'cells': ['none'], 'roads': [21], 'seconds': 2.0, 'steps': 4}
    (condition,) = cells.conditions(seeds=[0], learning_rates=[0.004], **chosen)
    result = cells.run(condition)
    assert cells.fits({'condition': condition, 'result': result})
    assert result['tried'] == [result['validation']]
    weights = []
    for number, (seed, steps, rate) in enumerate([(0, 4, 0.004), (0, 4, 0.004), (1, 4, 0.004), (0, 8, 0.004)]):
        out = tmp_path / str(number)
        again = cells._training('joint').train(
            out, cell='none', units=26, seed=seed, steps=steps, cell_learning_rate=rate
        )
        weights.append(load_file(out / 'weights.safetensors'))
        assert again['parameters'] == 26 * (32 + 6) + 26
        assert (number > 1) != (again['validation'] == result['validation'])
    encoder = [name for name in weights[0] if name.startswith('encoder.') and 'weight' in name]
    assert encoder
    for name in encoder:
        assert np.array_equal(weights[0][name], weights[1][name]), 'the same seed, the same weights'
        assert not np.array_equal(weights[0][name], weights[2][name])
        assert not np.array_equal(weights[0][name], weights[3][name]), 'the encoder learns'
