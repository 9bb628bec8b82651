"""What ``lnn train`` says in one line of what it has learnt."""

import pytest

from lnn_controller.cli.train import _against_constant
from lnn_controller.policy import describe, find_policy, read_spec, shipped_policies
from lnn_controller.policy.verdict import judge_metrics


@pytest.mark.parametrize(
    ('errors', 'told', 'advised'),
    [
        ((0.1, 0.1), 'is better than a constant command in linear_x, angular_z.', False),
        ((0.96, 0.1), 'is better than a constant command in angular_z, not in linear_x. That may be for', True),
        ((1.2, 0.96), 'is no better than a constant command: nothing was learnt that holds beyond the demon', True),
    ],
)
def test_against_a_constant(errors, told, advised):
    channels = zip(('linear_x', 'angular_z'), errors, strict=True)
    part = {name: {'mae': error, 'constant_mae': 1.0} for name, error in channels}
    text = _against_constant({'validation': {}, 'test': part})
    assert text.startswith('Where it was not trained (test) the policy ')
    assert told in text
    assert ('record more' in text) is advised
    assert '\n' not in text


GOOD, BAD = {'mae': 0.1, 'constant_mae': 1.0}, {'mae': 0.96, 'constant_mae': 1.0}


@pytest.mark.parametrize(
    ('metrics', 'verdict'),
    [
        ({'validation': {'linear_x': GOOD, 'angular_z': BAD}}, ('validation', ('linear_x',), ('angular_z',))),
        ({'validation': {'linear_x': GOOD}, 'test': {'linear_x': BAD}}, ('test', (), ('linear_x',))),
        (
            {'validation': {'linear_x': {'mae': 0.1, 'constant_mae': None}, 'angular_z': GOOD}},
            ('validation', ('angular_z',), ()),
        ),
        ({'validation': {'linear_x': {'mae': float('nan'), 'constant_mae': 1.0}}}, ('validation', (), ('linear_x',))),
        ({'validation': {'linear_x': {'mae': 'x', 'constant_mae': 1.0}}}, None),
        ({'validation': [GOOD]}, None),
        ({'cross_track_error_rms_m': 0.03}, None),
        (None, None),
    ],
)
def test_a_bundle_s_figures_may_hold_anything(metrics, verdict):
    assert judge_metrics(metrics) == verdict


def test_of_the_shipped_policies_one_is_known_to_have_learnt_too_little():
    """docs/replay.md shows with it what a report of such a policy looks like."""
    assert 'no better than a constant command' in describe(read_spec(find_policy('real_car')))
    verdicts = {name: judge_metrics(read_spec(find_policy(name)).provenance['metrics']) for name in shipped_policies()}
    assert [name for name, verdict in verdicts.items() if not verdict.better] == ['real_car']
