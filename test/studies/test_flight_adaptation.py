"""Respond on the simulated drone: it learns the wind where nobody else does, and spoils nothing where somebody does."""

import numpy as np
import pytest

from lnn_controller.sim.drone import flight as controller
from lnn_controller.studies.adaptation.flight import INTEGRATORS, list_flights, run_flight


def errors(change, kind):
    """Steady errors of the velocity through a change, frozen and adapted, m/s and rad/s, (4,) each."""
    for flight in list_flights([0]):
        if (flight['change'], flight['controller']) == (change, kind):
            result = run_flight(flight | {'seconds': 40.0})
            assert len(result['level_m_s']) == 20
            yield np.array(result['error'])


@pytest.mark.parametrize('change', ['wind', 'rotor'])
@pytest.mark.slow
def test_what_a_proportional_flight_controller_leaves_is_learnt(change):
    frozen, adapted = errors(change, 'proportional')
    assert np.all(frozen[:2] > 0.1), 'there is something to learn'
    assert np.all(adapted[:2] < 0.5 * frozen[:2])


@pytest.mark.parametrize(
    'change', ['wind', *(pytest.param(other, marks=pytest.mark.soak) for other in ('nothing', 'load'))]
)
@pytest.mark.slow
def test_beside_a_flight_controller_that_integrates_it_does_little(change):
    kept = [getattr(controller, name) for name in INTEGRATORS]
    frozen, adapted = errors(change, 'integrating')
    assert np.all(np.abs(adapted - frozen) < 0.05)
    assert [getattr(controller, name) for name in INTEGRATORS] == kept
