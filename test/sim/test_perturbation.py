import math

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.settings import settings_of
from lnn_controller.sim import CarWorld, Perturbation, Scenario, read_scenario
from lnn_controller.sim.drone.perturbation import DronePerturbation


def world(perturbation=None, **options):
    made = CarWorld(5, **({'render': False} | options))
    if perturbation is not None:
        made.perturbation = perturbation
    return made


def driven(perturbation, linear_x=1.5, angular_z=0.0, seconds=3.0):
    """The state after a drive on one command, and the yaw rate over its last second."""
    with world(perturbation) as made:
        made.apply((linear_x, angular_z))
        rates = []
        for _ in range(round(seconds * 50)):
            made.advance(CarWorld.clock.steps_per_second // 50)
            rates.append(made.yaw_rate_rad_s)
        return made.pose(), made.speed_m_s, float(np.mean(rates[-50:]))


@pytest.mark.slow
def test_an_unperturbed_car_is_the_same_to_the_bit():
    assert driven(None, angular_z=0.4) == driven(Perturbation(), angular_z=0.4)
    with (
        world(render=True) as untouched,
        world(Perturbation(camera_pitch_deg=5.0, slip=0.4, payload_kg=3.0), render=True) as made,
    ):
        made.perturbation = Perturbation()
        np.testing.assert_array_equal(untouched.camera(), made.camera())


@pytest.mark.parametrize(('gain', 'trim', 'asked'), [(0.6, 0.15, 0.5), (1.3, -0.1, -0.4), (1.0, 0.2, 0.0)])
def test_the_steering_answers_with_gain_and_trim(gain, trim, asked):
    fresh = driven(Perturbation(), angular_z=gain * asked + trim)[2]
    worn = driven(Perturbation(steering_gain=gain, steering_trim_rad_s=trim), angular_z=asked)[2]
    assert worn == pytest.approx(fresh, abs=1e-9)
    assert worn == pytest.approx(gain * asked + trim, rel=0.15, abs=0.02)


@pytest.mark.slow
def test_speed_load_and_grip():
    _, speed, _ = driven(Perturbation(speed_gain=0.7))
    assert speed == pytest.approx(0.7 * driven(Perturbation())[1], rel=0.02)
    early = [driven(each, linear_x=2.0, seconds=1.0)[1] for each in (Perturbation(), Perturbation(payload_kg=8.0))]
    assert early[1] < 0.8 * early[0]
    turns = [
        driven(each, linear_x=2.0, angular_z=1.6, seconds=3.0)[2] for each in (Perturbation(), Perturbation(slip=0.9))
    ]
    assert turns[1] < 0.9 * turns[0]


def test_the_imu_drifts():
    with world() as made:
        gyro, accel = made.imu()
        made.perturbation = Perturbation(gyro_bias_rad_s=0.05, accel_bias_m_s2=-0.3)
        np.testing.assert_allclose(made.imu()[0] - gyro, (0.0, 0.0, 0.05), atol=1e-12)
        np.testing.assert_allclose(made.imu()[1] - accel, (-0.3, 0.0, 0.0), atol=1e-12)


@pytest.mark.parametrize('latency_s', [0.05, 0.1234])
def test_commands_act_later_by_whole_steps(latency_s):
    late = round(latency_s * CarWorld.clock.steps_per_second)
    with world() as prompt, world(Perturbation(latency_s=latency_s)) as delayed:
        for command in ((1.0, 0.3), (1.0, -0.3), (0.5, 0.0)):
            prompt.apply(command)
            delayed.apply(command)
            prompt.advance(120)
            delayed.advance(120)
        prompt.advance(60)
        delayed.advance(60 + late)
        # At rest at first, the delayed car does the same later, but for what it sank on its wheels meanwhile.
        np.testing.assert_allclose(delayed.pose(), prompt.pose(), atol=2e-3)
        assert delayed.time_ns - prompt.time_ns == late * 1_000_000_000 // CarWorld.clock.steps_per_second


def test_a_shorter_delay_lets_no_command_overtake():
    with world(Perturbation(latency_s=0.5)) as made:
        made.apply((1.0, 0.0))
        made.perturbation = Perturbation()
        made.apply((0.0, 0.0))
        made.advance(299)
        assert made.speed_m_s < 0.01
        made.advance(600)
        assert made.speed_m_s < 0.05
        made.apply((1.0, 0.0))
        made.advance(300)
        assert made.speed_m_s > 0.5


def moved(first, second):
    """By how many rows and columns the second picture's content moved, by phase correlation."""
    spectra = [np.fft.fft2(picture.mean(axis=2) - picture.mean()) for picture in (second, first)]
    cross = spectra[0] * np.conj(spectra[1])
    peak = np.unravel_index(np.argmax(np.fft.ifft2(cross / (np.abs(cross) + 1e-9)).real), first.shape[:2])
    return [int((at + size // 2) % size - size // 2) for at, size in zip(peak, first.shape[:2], strict=True)]


def test_the_camera_is_turned_and_moved():
    with world(render=True) as made:
        before = made.camera()
        pictures = {}
        for name, value in (('camera_pitch_deg', 5.0), ('camera_roll_deg', 20.0), ('camera_shift_m', 0.2)):
            made.perturbation = Perturbation(**{name: value})
            made.advance(1)
            pictures[name] = made.camera()
    rows, columns = moved(before, pictures['camera_pitch_deg'])
    focal_px = 33 / math.tan(math.radians(25.0))
    assert rows == pytest.approx(focal_px * math.tan(math.radians(5.0)), abs=2)  # looking up, the world sinks
    assert abs(columns) <= 2
    sky = [picture[4].mean(axis=1) for picture in (before, pictures['camera_roll_deg'])]
    assert np.abs(sky[1] - sky[0]).max() > 20  # the horizon is askew
    # From further left the road lies to the right.
    bottom = [picture[40:].astype(float) for picture in (before, pictures['camera_shift_m'])]
    shifts = range(-30, 31)
    alike = [np.abs(bottom[0][:, 40:160] - bottom[1][:, 40 + k : 160 + k]).mean() for k in shifts]
    assert shifts[int(np.argmin(alike))] > 2


@pytest.mark.parametrize(
    ('kind', 'name'), [(kind, name) for kind in (Perturbation, DronePerturbation) for name in settings_of(kind)]
)
def test_a_perturbation_out_of_range_is_refused(kind, name):
    low, high = settings_of(kind)[name].minimum, settings_of(kind)[name].maximum
    assert low <= getattr(kind(), name) <= high
    for value in (math.nan, math.inf, low - 0.1, high + 0.1, 'much', True):
        with pytest.raises(InputError, match=rf'{name} must be a number from .* Got'):
            kind(**{name: value})


def test_a_scenario_keeps_what_a_change_does_not_name(tmp_path):
    file = tmp_path / 'scenario.yaml'
    file.write_text('- {at_s: 0, slip: 0.2}\n- {at_s: 10.5, steering_gain: 0.6}\n- {at_s: 20, slip: 0}\n')
    scenario = read_scenario(file)
    assert scenario.at(-1.0) == Perturbation()
    assert scenario.at(0.0) == scenario.at(10.4) == Perturbation(slip=0.2)
    assert scenario.at(10.5) == Perturbation(slip=0.2, steering_gain=0.6)
    assert scenario.at(1e9) == Perturbation(steering_gain=0.6)
    assert Scenario().at(5.0) == Perturbation()


def test_a_scenario_is_of_the_robots_own_kind():
    scenario = read_scenario([{'at_s': 2.0, 'wind_m_s': 4.0}, {'at_s': 3.0, 'payload_kg': 0.2}], DronePerturbation)
    assert scenario.at(0.0) == DronePerturbation()
    assert scenario.at(9.0) == DronePerturbation(wind_m_s=4.0, payload_kg=0.2)
    with pytest.raises(InputError, match=r"change 1 may change wind_m_s, .*. Got 'slip'"):
        read_scenario([{'at_s': 2.0, 'slip': 0.3}], DronePerturbation)


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ({'at_s': 1}, r'must be a list of changes'),
        ([{'slip': 0.1}], r'change 1 must have its time, at_s'),
        ([{'at_s': 5.0}, {'at_s': 5.0}], r'change 2: at_s must be s ≥ 0 and rise'),
        ([{'at_s': math.nan}], r'change 1: at_s must be'),
        ([{'at_s': -1.0}], r'change 1: at_s must be'),
        ([{'at_s': 1.0, 'tyres': 0.1}], r"change 1 may change steering_gain, .*. Got 'tyres'"),
        ([{'at_s': 1.0, 'slip': 2.0}], r'change 1: slip must be a number from 0 to 0.95. Got 2.0'),
    ],
)
def test_scenarios_that_make_no_sense_are_refused(rows, message):
    with pytest.raises(InputError, match=message):
        read_scenario(rows)


def test_scenario_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r'must be a file that can be read. Got .*none.yaml'):
        read_scenario(tmp_path / 'none.yaml')
    (tmp_path / 'bad.yaml').write_text('- {at_s: 1')
    with pytest.raises(InputError, match=r'bad.yaml must be YAML. Got a syntax error'):
        read_scenario(tmp_path / 'bad.yaml')


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        (
            'a0: &a0 [x]\n' + ''.join(f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]\n' for i in range(1, 20)),
            'a list of',
        ),
        ('- &a [*a]', 'change 1 must have its time'),
        ('- {at_s: ' + '[' * 5000, 'nested at most'),
        ('- {at_s: ' + '1' * 5000 + '}', 'syntax error'),
        ('- {at_s: 0x' + 'f' * 5000 + '}\n- {at_s: 1}', 'change 1: at_s must be s ≥ 0 and rise'),
        ('- {at_s: 1, slip: 0x' + 'f' * 5000 + '}', 'slip must be a number from 0 to 0.95. Got a long int'),
        ('- {at_s: 2001-99-99}', 'syntax error: month must be'),
        ('- {at_s: 1, ? [a] : 1}', 'syntax error'),
    ],
)
@pytest.mark.slow
def test_a_hostile_scenario_is_refused_in_a_line(tmp_path, text, said):
    file = tmp_path / 'scenario.yaml'
    file.write_text(text)
    with pytest.raises(InputError, match=said) as refused:
        read_scenario(file)
    assert len(str(refused.value)) < 600
