import numpy as np
import pytest

from lnn_controller.control import AdaptationSettings
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy, find_policy
from lnn_controller.sim import CarWorld
from lnn_controller.studies.adaptation import adversarial_operator as malice
from lnn_controller.studies.adaptation import new_driver
from lnn_controller.studies.adaptation import recording as replayed
from lnn_controller.studies.adaptation.plots import draw
from lnn_controller.studies.adaptation.result import table
from lnn_controller.studies.adaptation.runner import Run, pooled, recovery
from lnn_controller.studies.registry import STUDIES

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def car_lane():
    return Policy.load('car_lane')


def made_run(error_m, departures_s=()):
    error = np.asarray(error_m, np.float64)
    log = {'at_s': np.arange(error.size) * 0.02, 'correction': np.zeros(error.size)}
    return Run(
        np.arange(error.size) * 0.02, error, departures_s, log | {'angular_z.imitate_norm': np.zeros(error.size)}
    )


def test_recovery_is_for_good():
    calm, wild = [0.01] * 500, [0.2] * 500
    assert recovery(made_run(calm * 2 + wild + calm * 2), 20.0, 0.02) == pytest.approx(10.0, abs=0.2)
    assert recovery(made_run(calm * 2 + wild + calm + wild), 20.0, 0.02) is None
    assert recovery(made_run(calm * 5), 20.0, 0.02) == 0.0


def test_pooled_figures_are_over_all_seeds():
    runs = [made_run([0.0] * 50 + [0.1] * 50), made_run([0.0] * 50 + [-0.3] * 50, departures_s=(0.5, 1.5))]
    figures = pooled(runs, 1.0, [2.0, None])
    assert figures['cross_track_error_rms_m'] == pytest.approx(np.sqrt((0.01 + 0.09) / 2))
    assert figures['cross_track_error_max_m'] == pytest.approx(0.3)
    assert figures['departures'] == 1
    assert figures['recovery_s'] is None
    assert pooled(runs, 1.0, [2.0, 5.0])['recovery_s'] == 5.0


# A drive shorter than that of the study shows the same.
@pytest.mark.parametrize('whole', [False, pytest.param(True, marks=pytest.mark.soak)])
def test_worn_steering_is_undone(car_lane, monkeypatch, whole, tmp_path):
    told = []
    study = STUDIES['worn-steering'].load()
    for name, value in [] if whole else [('SECONDS', 20.0), ('CHANGED_S', 3.0), ('JUDGED_S', 13.0)]:
        monkeypatch.setattr(study, name, value)
    result = study.run(car_lane, [0], told.append)
    summary = result.summary
    assert summary['unworn']['departures'] == summary['adapted']['departures'] == 0
    assert summary['adapted_to_unworn'][0] <= 1.5
    assert summary['frozen']['cross_track_error_rms_m'] > 3.0 * summary['adapted']['cross_track_error_rms_m']
    assert summary['adapted']['recovery_s'] <= 15.0
    assert summary['frozen']['recovery_s'] is None
    gain, trim = (result.runs['adapted'][0].log[f'angular_z.respond_{name}'][-1] for name in ('gain', 'trim'))
    # In half the time less is learnt of the two; how much, the last digit of a command decides.
    assert gain == pytest.approx(0.6, abs=0.08 if whole else 0.2)
    assert trim == pytest.approx(0.15, abs=0.06 if whole else 0.1)
    assert told == ['unworn, seed 0', 'frozen, seed 0', 'adapted, seed 0']
    assert draw(result, tmp_path / 'new' / 'worn.png').read_bytes().startswith(b'\x89PNG')
    rows = table(summary).splitlines()
    assert [row.split()[0] for row in rows[2:5]] == ['unworn', 'frozen', 'adapted']


@pytest.mark.soak
def test_a_new_driver_is_imitated(car_lane):
    result = new_driver.run(car_lane, [0], lambda _: None)
    assert result.summary['adapted_to_frozen'][0] <= 0.5
    assert result.summary['adapted']['departures'] == 0
    taught = result.runs['adapted'][0]
    assert taught.rms(new_driver.TO_S - 10.0, new_driver.TO_S) < 0.05  # the operator keeps the line


@pytest.mark.soak
def test_an_attack_is_bounded_and_forgotten_when_an_honest_operator_comes(car_lane, monkeypatch):
    monkeypatch.setattr(malice, 'ATTACKS', {'edge': malice.ATTACKS['edge']})
    result = malice.run(car_lane, [0], lambda _: None)
    assert result.summary['rollback_s']['edge'] <= 2.0
    assert 0.0 < result.summary['correction_max'] <= 1.0 + 1e-9
    assert 0.0 < result.summary['norm_max'] <= 1.0 + 1e-9
    assert result.summary['adapted']['departures'] == 0


def test_attackers_take_turns_with_an_honest_operator():
    with CarWorld(21, render=False) as world:
        for name, attack in malice.ATTACKS.items():
            operator = malice._operator(attack, 1)
            assert operator(world, malice.FROM_S - 0.1) is None
            assert operator(world, malice.TO_S) is None
            first = operator(world, malice.FROM_S)
            honest = operator(world, malice.HONEST_S)
            assert first != honest, name


def test_a_recording_is_predicted_better_by_imitation(tmp_path):
    policy = Policy.load('real_car')
    bag = find_policy('real_car').parents[1] / 'bags' / 'real_car'
    result = replayed.run(policy, bag)
    assert result.summary['adapted_to_frozen'] <= 0.85
    assert result.summary['lms']['mae'] < result.summary['frozen']['mae']
    assert result.at_s[0] >= 0.5 * result.at_s[-1]
    # Nothing is learnt from what is to be predicted: off, it is the frozen policy.
    still = replayed.run(policy, bag, settings=AdaptationSettings(mode='live', bound=0.0))
    np.testing.assert_array_equal(still.predicted['adapted'], still.predicted['frozen'])
    assert replayed.draw(result, tmp_path / 'recording.png').stat().st_size > 10_000
    assert len(replayed.table(result.summary).splitlines()) == 8


def test_a_recording_that_nobody_drives_is_refused(tiny_bundle):
    with pytest.raises(InputError, match=r'no bag at'):
        replayed.run(Policy.load(tiny_bundle), 'nowhere')
