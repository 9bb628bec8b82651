"""Respond on the simulated drone: it learns the wind where nobody else does, and spoils nothing where somebody does."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from lnn_controller.control import AdaptationSettings

SECONDS = 40.0


@pytest.fixture(scope='module')
def benchmark():
    return runpy.run_path(str(Path(__file__).parents[2] / 'benchmarks' / 'flight_adaptation.py'))


@pytest.fixture
def errors(benchmark):
    """Steady errors of the velocity through a change, frozen and adapted, m/s and rad/s, (4,) each."""

    def errors(change, *, integrates):
        with benchmark['flight_controller'](integrates=integrates):
            for mode in ('frozen', 'live'):
                settings = AdaptationSettings(mode=mode, imitate=False, lag_s=0.3)
                yield np.array(benchmark['fly'](benchmark['CHANGES'][change], settings, SECONDS, 0)['error'])

    return errors


@pytest.mark.parametrize('change', ['wind, 4 m/s', 'rotor at 0.8'])
@pytest.mark.slow
def test_what_a_proportional_flight_controller_leaves_is_learnt(errors, change):
    frozen, adapted = errors(change, integrates=False)
    assert np.all(frozen[:2] > 0.1), 'there is something to learn'
    assert np.all(adapted[:2] < 0.5 * frozen[:2])


@pytest.mark.parametrize(
    'change', ['wind, 4 m/s', *(pytest.param(other, marks=pytest.mark.soak) for other in ('nothing', 'load, 0.3 kg'))]
)
@pytest.mark.slow
def test_beside_a_flight_controller_that_integrates_it_does_little(errors, change):
    frozen, adapted = errors(change, integrates=True)
    assert np.all(np.abs(adapted - frozen) < 0.05)
