"""What is driven, flown and predicted, and that the page's words follow from the figures."""

import json
import math

import numpy as np
import pytest
from matplotlib.image import imread as read_png

from lnn_controller.cli import main
from lnn_controller.errors import InputError
from lnn_controller.sim import CarWorld
from lnn_controller.studies.adaptation import recording, road, study
from lnn_controller.studies.adaptation.page import page
from lnn_controller.studies.adaptation.plot import draw
from lnn_controller.studies.adaptation.summary import (
    ratio,
    recovery,
    sum_up_attacks,
    sum_up_drives,
    sum_up_flights,
    whole_seeds,
)
from lnn_controller.studies.registry import EXPERIMENTS

ERROR_M = {'unworn': 0.01, 'straight': 0.01, 'frozen': 0.1, 'adapted': 0.02}


def conditions(*experiments, seeds=(0, 1, 2), policies=('car_lane',)):
    return study.conditions(experiments=experiments or None, policies=policies, seeds=seeds)


def made(condition):
    """A result that nobody drove for."""
    if condition['experiment'] == 'recording':
        mae = dict(zip(recording.PREDICTIONS, (0.2, 0.1, 0.15, 0.12, 0.01), strict=True))
        return {
            'channels': ['linear_x', 'angular_z'],
            'ticks': 625,
            'mae': mae,
            'mae_by_channel': {name: [value, 2 * value] for name, value in mae.items()},
            'begins_s': 25.0,
            'every_s': 0.25,
            'command': {name: [0.1] * 100 for name in ('recorded', 'frozen', 'adapted')},
            'error': {name: [value] * 100 for name, value in mae.items()},
        }
    wobble = 1.0 + 0.1 * condition['seed']
    if condition['experiment'] == 'flight':
        adapted = condition['variant'] == 'adapted'
        error = [0.05 if adapted else 0.2, 0.2, 0.1, 0.2 if adapted else 0.1]
        made = {'gain': [1.0] * 4, 'trim': [0.0] * 4, 'rollbacks': 1, 'level_m_s': [error[0]] * 60}
        return made | {'error': [each * wobble for each in error]}
    error_m = ERROR_M[condition['variant']] * wobble
    learns = condition['variant'] == 'adapted'
    seconds = round(condition['seconds'])
    names = ('gain', 'trim') if condition['experiment'] == 'worn-steering' else ('correction',)
    return {
        'rms_m': error_m,
        'largest_m': 2 * error_m,
        'departures': 0,
        'rollbacks_s': [20.0, 61.5, 62.0] if learns and 'attack' in condition else [],
        'correction_max': 0.9 if learns and names == ('correction',) else None,
        'error_m': [error_m] * seconds,
        'learnt': {name: [0.5] * seconds for name in names} if learns else {},
    }


def rows(*experiments, **chosen):
    return [{'condition': each, 'result': made(each)} for each in conditions(*experiments, **chosen)]


def test_each_experiment_is_run_frozen_and_adapted_with_its_values():
    given = conditions(seeds=[3, 4])
    assert json.loads(json.dumps(given)) == given, 'plain values, which are found again in the file'
    assert len({json.dumps(each, sort_keys=True) for each in given}) == len(given)
    assert list(dict.fromkeys(each['experiment'] for each in given)) == list(EXPERIMENTS)
    counts = {name: sum(each['experiment'] == name for each in given) for name in EXPERIMENTS}
    drives = {'worn-steering': 6, 'new-driver': 4, 'tilted-camera': 6, 'malice': 16, 'recording': 1, 'flight': 32}
    assert counts == drives
    worn = given[2]
    assert (worn['variant'], worn['road']) == ('adapted', 57)
    assert worn['changes'] == [{'at_s': 20.0, 'steering_gain': 0.6, 'steering_trim_rad_s': 0.15}]
    assert worn['adaptation'] == {'mode': 'live', 'imitate': False}


def test_a_policy_that_is_trained_anew_drives_anew(tiny_bundle, monkeypatch):
    before = conditions('worn-steering', policies=[str(tiny_bundle)])
    monkeypatch.setattr(study, '_hash', lambda policy: 'another')
    assert all(each not in before for each in conditions('worn-steering', policies=[str(tiny_bundle)]))
    assert len(before[0]['weights']) == 12


@pytest.mark.parametrize(
    ('chosen', 'message'),
    [
        ({'experiments': ['wornsteering']}, r"an experiment must be one of worn-steering, .* Got 'wornsteering'"),
        ({'policies': ['drone_forest']}, r'the car takes linear_x, angular_z. Got a policy that gives .* on the drone'),
        ({'policies': ['nothing']}, 'nothing'),
        ({'experiments': ['recording'], 'bag': 'nowhere'}, r'no bag at'),
        ({'experiments': ['recording'], 'bag_policy': 'nothing'}, 'nothing'),
    ],
)
def test_what_there_is_not_is_refused_before_anything_runs(chosen, message):
    with pytest.raises(InputError, match=message):
        study.conditions(**{'experiments': None, 'policies': ['car_lane'], 'seeds': [0]} | chosen)


def test_a_result_that_somebody_edited_does_not_fit():
    for row in rows(seeds=[0]):
        assert study.fits(row)
        for name in row['result']:
            assert not study.fits(row | {'result': row['result'] | {name: 'x'}}), (row['condition'], name)
        assert not study.fits(row | {'result': {}})
    (replayed,) = rows('recording')
    edited = {
        'worn-steering': [{'error_m': [0.1] * 59}, {'rms_m': 0.0}, {'learnt': {'gian': [0.1] * 60}}],
        'flight': [{'error': [0.1] * 3}, {'error': [0.0] * 4}, {'level_m_s': [0.1] * 59}],
        'recording': [
            {'channels': ['angular_z']},
            {'command': replayed['result']['command'] | {'frozen': [0.1]}},
            {'mae': replayed['result']['mae'] | {'frozen': 0.0}},
        ],
    }
    edited['worn-steering'] += [{'learnt': {'gain': [value] * 60}} for value in (None, 'x')]
    edited['worn-steering'] += [{'learnt': {'gain': [0.1] * 59}}]
    for experiment, changes in edited.items():
        row = rows(experiment, seeds=[0])[0]
        for change in changes:
            assert not study.fits(row | {'result': row['result'] | change}), (experiment, change)


def test_recovery_is_for_good():
    calm, wild = [0.01] * 10, [0.2] * 10
    # The 5 s from the last wild second on are the last that are not calm.
    assert recovery(calm * 2 + wild + calm * 2, 20, 0.02) == 10
    assert recovery(calm * 2 + wild + calm + wild, 20, 0.02) is None
    assert recovery(calm * 5, 20, 0.02) == 0


def test_the_ratio_is_the_geometric_mean_over_seeds():
    mean, low, high = ratio([0.1, 0.4], [0.1, 0.1])
    assert (mean, low, high) == pytest.approx((2.0, 1.0, 4.0))
    assert ratio([0.1], [0.2]) is None


def test_drives_are_summed_up_over_the_seeds_that_all_variants_have():
    every = rows('worn-steering')
    every[1]['result'] |= {'rms_m': 0.3, 'largest_m': 0.9, 'departures': 2, 'rollbacks_s': [1.0]}
    unworn, frozen, adapted = sum_up_drives(every)
    assert [each['variant'] for each in (unworn, frozen, adapted)] == ['unworn', 'frozen', 'adapted']
    assert frozen['rms_m'] == pytest.approx(math.sqrt((0.3**2 + 0.11**2 + 0.12**2) / 3))
    assert (frozen['largest_m'], frozen['departures'], frozen['rollbacks']) == (0.9, 2, 1)
    assert adapted['against']['unworn'] == pytest.approx((2.0, 2.0, 2.0))
    assert unworn['against'] == frozen['against'] == {}
    assert sum_up_drives(every[:-1])[0]['seeds'] == 2
    assert sum_up_drives(every[:2]) == []
    other = rows('worn-steering', policies=['car_lane_gru'], seeds=[0])
    assert 'n = 3 seeds.' in page(every, 'lnn study adaptation')
    assert 'n = 1 to 3 seeds.' in page(every + other, 'lnn study adaptation')


def test_who_recovers_is_within_half_as_much_again_as_the_new_car():
    every = rows('worn-steering')
    assert [each['recovery_s'] for each in sum_up_drives(every)] == [None, None, None]
    for row in every:
        if row['condition']['variant'] == 'adapted':
            late = 7 if row['condition']['seed'] == 1 else 3
            row['result']['error_m'] = [0.01] * 20 + [0.2] * late + [0.0149] * (40 - late)
    assert sum_up_drives(every)[2]['recovery_s'] == 7
    assert '| car_lane | adapted | 2.2 cm | 4.8 cm | 0 | 0 | 7 s |' in page(every, 'lnn study adaptation')


def test_attacks_are_judged_before_and_after_the_honest_operator():
    every = rows('malice')
    for row in every:
        if row['condition']['variant'] == 'adapted' and row['condition']['attack'] == 'edge':
            row['result']['error_m'] = [0.3] * 60 + [0.02] * 15
            if row['condition']['seed'] == 2:
                row['result']['error_m'] = [0.1] * 60 + [0.3] * 15
    random, *_, edge = sum_up_attacks(every)
    assert (edge['attack'], edge['harmed'], edge['still']) == ('edge', 2, 1)
    assert (random['harmed'], random['still'], random['correction_max']) == (0, 0, 0.9)
    assert edge['rolled_back_s'] == [1.5, 1.5, 1.5]  # the first after they took over
    assert edge['adapted']['rollbacks'] == 9
    text = page(every, 'lnn study adaptation')
    assert (
        'car_lane: after the attacks no car leaves its lane; the correction goes up to 0.90 of its bound. '
        'Of 12 drives 2 are harmed, and 1 after the honest operator.' in text
    )
    every[1]['result']['departures'] = 1
    assert 'the lane is left 1 time;' in page(every, 'lnn study adaptation')


def test_the_page_says_what_helps():
    text = page(rows(), 'lnn study adaptation --jobs 2')
    assert '```bash\nlnn study adaptation --jobs 2\n```' in text
    titles = [line.removeprefix('## ') for line in text.splitlines() if line.startswith('## ')]
    assert titles == ['Worn steering', 'New driver', 'Tilted camera', 'Malice', 'Recording', 'Flight']
    assert (
        'car_lane: the adapted error is 0.20 [0.20, 0.20] of the frozen one (less) and '
        '2.00 [2.00, 2.00] of the unworn one (more).' in text
    )
    assert 'from 20 s on `steering_gain` 0.6, `steering_trim_rad_s` 0.15' in text
    assert "from 10 to 40 s an operator drives 0.35 m left of the lane's centre" in text
    (wind,) = [line for line in text.splitlines() if line.startswith('| proportional | wind |')]
    assert wind.endswith('| ahead (0.25) | turning (2.00) |')
    assert 'Adapting predicts the driver better: its error is 0.50 of the frozen one.' in text
    assert page(rows()[:1], 'lnn study adaptation') == ('Not one seed is complete yet: the same command goes on.\n')


def test_an_interval_that_holds_1_is_no_difference():
    every = rows('new-driver')
    for row in every:
        if row['condition']['variant'] == 'adapted':
            row['result']['rms_m'] = (0.05, 0.11, 0.2)[row['condition']['seed']]
    assert 'of the frozen one (no difference shown).' in page(every, 'lnn study adaptation')
    assert 'One seed has no interval: a hint, not a result.' in page(rows('new-driver', seeds=[0]), 'lnn')


def test_flights_are_summed_up_by_channel():
    summary = sum_up_flights(rows('flight'))
    assert len(summary) == 8
    assert summary[0]['frozen'] == pytest.approx(np.multiply([0.2, 0.2, 0.1, 0.1], math.sqrt((1 + 1.21 + 1.44) / 3)))
    assert [each[0] for each in summary[0]['against']] == pytest.approx([0.25, 1.0, 1.0, 2.0])
    assert whole_seeds(rows('flight')[:1], 'controller') == {}


def test_the_picture_has_a_panel_for_each_experiment_and_policy(tmp_path):
    every = rows(seeds=[0, 1])
    draw(every, tmp_path / 'six.png')
    draw(rows('worn-steering', seeds=[0]), tmp_path / 'one.png')
    six, one = (read_png(tmp_path / f'{name}.png') for name in ('six', 'one'))
    assert six.shape[0] > 2.5 * one.shape[0]
    assert six.shape[1] > 1.5 * one.shape[1]
    blue = np.abs(one[..., :3] * 255 - (0x25, 0x63, 0xEB)).max(axis=2) < 3
    assert blue.any(), 'the adapted drive'
    draw(every[:1], tmp_path / 'none.png')
    assert not (tmp_path / 'none.png').exists()


def test_the_command_writes_page_picture_and_json_and_goes_on(tmp_path, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(study, 'run', lambda condition: ran.append(condition) or made(condition))
    command = ['study', 'adaptation', '--experiments', 'worn-steering', 'recording', '--seeds', '0', '1']
    assert main([*command, '--out', str(tmp_path)]) == 0
    assert len(ran) == 7
    text = (tmp_path / 'adaptation.md').read_text()
    assert (
        'lnn study adaptation --experiments worn-steering recording --policies car_lane --seeds 0 1 '
        f'--bag-policy real_car --out {tmp_path}' in text
    )
    assert (tmp_path / 'adaptation.png').read_bytes().startswith(b'\x89PNG')
    (*_, last, _) = capsys.readouterr().err.strip().splitlines()
    assert last == '6 of 7: worn-steering car_lane adapted 1'
    assert main([*command, '--out', str(tmp_path)]) == 0
    assert '7 of 7 are in' in capsys.readouterr().err
    assert len(ran) == 7
    lines = (tmp_path / 'adaptation.json').read_text().splitlines()
    assert len(lines) == 7 + 2, 'a row a line'
    broken = json.loads((tmp_path / 'adaptation.json').read_text())
    broken['rows'][1]['result']['rms_m'] = 'x'
    (tmp_path / 'adaptation.json').write_text(json.dumps(broken))
    assert main([*command, '--out', str(tmp_path)]) == 2
    assert (
        'experiment worn-steering policy car_lane variant frozen seed 0: take that row out' in capsys.readouterr().err
    )


def test_attackers_take_turns_with_an_honest_operator():
    drives = [each for each in conditions('malice', seeds=[1]) if each['variant'] == 'frozen']
    with CarWorld(21, render=False) as world:
        for drive in drives:
            operator = road.operator_of(drive)
            assert operator(world, 9.9) is None
            assert operator(world, 30.0) is None
            first, honest = operator(world, 10.0), operator(world, 60.0)
            assert first != honest, drive['attack']
            same = operator(world, 10.4) == first
            assert same, 'what is random is held for half a second'
            if drive['attack'] == 'random':
                assert operator(world, 10.5) != first
            if drive['attack'] == 'mirrored':
                assert first == (honest[0], -honest[1])


# A drive shorter than that of the study shows the same.
@pytest.mark.parametrize('whole', [False, pytest.param(True, marks=pytest.mark.soak)])
@pytest.mark.slow
def test_worn_steering_is_undone(whole):
    given = conditions('worn-steering', seeds=[0])
    if not whole:
        given = [each | {'seconds': 20.0, 'judged_s': 13.0} for each in given]
        for each in given:
            each['changes'] = [change | {'at_s': 3.0} for change in each['changes']]
    every = [{'condition': each, 'result': study.run(each)} for each in given]
    assert all(map(study.fits, every))
    unworn, frozen, adapted = sum_up_drives(every)
    assert unworn['departures'] == adapted['departures'] == 0
    assert adapted['rms_m'] <= 1.5 * unworn['rms_m']
    assert frozen['rms_m'] > 3.0 * adapted['rms_m']
    assert adapted['recovery_s'] <= 15
    assert frozen['recovery_s'] is None
    assert every[1]['result']['learnt'] == {}
    learnt = every[2]['result']['learnt']
    # In half the time less is learnt of the two; how much, the last digit of a command decides.
    assert learnt['gain'][-1] == pytest.approx(0.6, abs=0.08 if whole else 0.2)
    assert learnt['trim'][-1] == pytest.approx(0.15, abs=0.06 if whole else 0.1)
    assert every[2]['result']['rms_m'] == pytest.approx(
        math.sqrt(np.mean(np.square(every[2]['result']['error_m'][round(given[2]['judged_s']) :]))), rel=0.02
    )


@pytest.mark.soak
def test_a_new_driver_is_imitated():
    every = [{'condition': each, 'result': study.run(each)} for each in conditions('new-driver', seeds=[0])]
    frozen, adapted = sum_up_drives(every)
    assert adapted['rms_m'] <= 0.5 * frozen['rms_m']
    assert adapted['departures'] == 0
    assert max(every[1]['result']['error_m'][30:40]) < 0.05  # the operator keeps the line


@pytest.mark.soak
def test_an_attack_is_bounded_and_forgotten_when_an_honest_operator_comes():
    given = [each for each in conditions('malice', seeds=[0]) if each['attack'] == 'edge']
    (edge,) = sum_up_attacks([{'condition': each, 'result': study.run(each)} for each in given])
    assert edge['rolled_back_s'][0] <= 2.0
    assert 0.0 < edge['correction_max'] <= 1.0 + 1e-9
    assert edge['adapted']['departures'] == 0


@pytest.mark.slow
def test_a_recording_is_predicted_better_by_imitation():
    (given,) = conditions('recording')
    result = study.run(given)
    assert study.fits({'condition': given, 'result': result})
    assert result['mae']['adapted'] <= 0.85 * result['mae']['frozen']
    assert result['mae']['lms'] < result['mae']['frozen']
    assert result['begins_s'] == pytest.approx(25.0, abs=0.1)
    # Nothing is learnt from what is to be predicted: held back by its bound, it is the frozen policy.
    still = study.run(given | {'adaptation': given['adaptation'] | {'adapted': {'mode': 'live', 'bound': 0.0}}})
    assert still['mae']['adapted'] == still['mae']['frozen']
    assert still['command']['adapted'] == still['command']['frozen']
