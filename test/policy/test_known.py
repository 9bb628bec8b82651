from dataclasses import replace
from pathlib import Path

import pytest

from lnn_controller.policy import Policy, find_policy, known_from_training, read_spec
from lnn_controller.replay.bag import replay_bag

SEVERAL = {'a': '01', 'b': '02', 'c': '03'}


@pytest.mark.parametrize(
    ('provenance', 'sha256', 'words'),
    [
        ({}, '01', ''),
        ({'bags': SEVERAL, 'validation_bags': ['c']}, '04', ''),
        ({'bags': SEVERAL, 'validation_bags': ['c']}, '', ''),
        ({'bags': SEVERAL, 'validation_bags': ['c']}, '02', 'was trained on this recording'),
        (
            {'bags': SEVERAL, 'validation_bags': ['c']},
            '03',
            'had this recording in its validation, by which its weights were chosen',
        ),
        (
            {
                'bags': {'a': '01'},
                'validation_bags': ['a', 'a'],
                'config': {'test_fraction': 0.2},
                'metrics': {'test': {'angular_z': {'mae': 0.1}}},
            },
            '01',
            'was trained on this recording, but for its last 20 %',
        ),
        ({'bags': {'a': '01'}, 'config': {'test_fraction': 0.2}, 'metrics': {}}, '01', 'was trained on this recording'),
        ({'bags': ['01'], 'validation_bags': 3}, '01', ''),
        ({'bags': SEVERAL, 'validation_bags': 3, 'config': 1, 'metrics': 2}, '01', 'was trained on this recording'),
    ],
)
def test_what_a_recording_was_to_the_training(tiny_bundle, provenance, sha256, words):
    spec = replace(read_spec(tiny_bundle), provenance=provenance)
    name = {'01': 'a', '02': 'b', '03': 'c'}.get(sha256, 'a')
    assert known_from_training(spec, f'/elsewhere/{name}', lambda: sha256) == words
    assert known_from_training(spec, '/elsewhere/d', lambda: pytest.fail('it is read for nothing')) == ''


def test_a_replay_of_the_recording_that_ships_says_that_the_shipped_policy_knows_it():
    bag = Path(__file__).parents[2] / 'bags' / 'real_car'
    known = replay_bag(bag, Policy.load(find_policy('real_car')), rate_hz=5.0).known
    assert known == 'was trained on this recording, but for its last 50 %'
