"""What ``lnn train`` says in one line of what it has learnt."""

import pytest

from lnn_controller.cli.train import _against_constant


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
