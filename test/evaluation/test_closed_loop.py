import numpy as np
import pytest
from bundles import make_tiny_bundle

from lnn_controller.control import ControlSettings
from lnn_controller.errors import InputError
from lnn_controller.evaluation.closed_loop import run_expert, run_trial
from lnn_controller.evaluation.conditions import Conditions
from lnn_controller.evaluation.trial import summarise
from lnn_controller.policy import OutputSpec, Policy
from lnn_controller.sim import Track
from lnn_controller.sim.tasks.lane import cross_track_errors

pytestmark = pytest.mark.slow

SECONDS = 6.0
EVEN = ControlSettings(tick_on_frame=False)


@pytest.fixture(scope='module')
def drive(policy):
    return run_trial(policy, seed=21, seconds=SECONDS, settings=EVEN)


def test_rates_are_exact(drive):
    assert set(np.diff(drive.command_stamp_ns)) == {20_000_000}
    assert set(np.diff(drive.stamp_ns)) == {20_000_000}
    assert len(drive.command) == 50 * SECONDS
    summary = summarise(drive)
    assert summary['seconds'] == pytest.approx(SECONDS, abs=0.021)
    assert summary['control_rate_hz'] == pytest.approx(50.0)
    assert summary['realtime_factor'] > 0
    assert 0 < summary['step_latency_p50_us'] <= summary['step_latency_p99_us']


@pytest.mark.parametrize('dropped', [0.0, 0.3])
def test_a_frame_is_acted_on_when_it_comes(policy, dropped):
    seen = []
    conditions, watch = Conditions(drop_frames=dropped), lambda _, decision, __: seen.append(decision)
    drive = run_trial(policy, seed=21, seconds=2.0, conditions=conditions, watch=watch)
    frames_ns = [each.inputs.image.stamp_ns for each in seen]
    gaps_ns = np.diff(drive.command_stamp_ns)
    if dropped:
        assert gaps_ns.min() >= 10_000_000 and gaps_ns.max() <= 20_000_000
    else:  # the camera's 30 Hz and, at the latest a fiftieth of a second after a tick, the next
        assert set(gaps_ns) == {20_000_000, 13_333_333, 13_333_334}
        assert set(frames_ns) <= set(drive.command_stamp_ns.tolist())
    assert all(np.diff(frames_ns)[gaps_ns < 19_999_999] > 0), 'a frame that was lost brings no tick'


def errors_m(drive):
    return cross_track_errors(Track(drive.seed), drive.pose)


def test_a_departure_is_counted_and_the_car_put_back(drive):
    outside = np.flatnonzero(np.abs(errors_m(drive)) > 0.6)
    assert len(outside) == drive.figures['departures'] == summarise(drive)['departures'] > 0
    following = outside[outside + 1 < len(drive.speed_m_s)] + 1
    assert np.abs(errors_m(drive)[following]).max() < 0.05
    assert drive.speed_m_s[following].max() < 0.5 < drive.speed_m_s[outside].min()
    assert drive.stops == {}


def test_the_controller_starts_afresh_after_a_departure(drive):
    outside = np.flatnonzero(np.abs(errors_m(drive)) > 0.6)[0]
    assert np.abs(drive.neurons[outside]).max() < 0.2 * np.abs(drive.neurons[outside - 1]).max()


def test_the_same_arguments_give_the_same_drive(policy, drive):
    again = run_trial(policy, seed=21, seconds=2.0, settings=EVEN)
    np.testing.assert_array_equal(again.command, drive.command[:100])
    np.testing.assert_array_equal(again.pose, drive.pose[:100])


def test_a_rate_that_does_not_divide_the_physics_is_met_on_average(policy):
    told = []
    drive = run_trial(policy, seed=33, scene='winter', seconds=3.0, rate_hz=70.0, settings=EVEN, progress=told.append)
    assert len(drive.command) == 210
    assert summarise(drive)['control_rate_hz'] == pytest.approx(70.0, rel=0.002)
    assert told == [1.0, 1.0, 1.0]


def test_an_expert_too_tells_of_every_second():
    told = []
    run_expert('expert', seed=33, seconds=3.0, progress=told.append)
    assert told == [1.0, 1.0, 1.0]


@pytest.mark.parametrize('rate_hz', [0.0, -1.0, 601.0, float('nan')])
def test_a_rate_out_of_range(policy, rate_hz):
    with pytest.raises(InputError, match=r'control rate must be from 1 to 600 Hz. Got'):
        run_trial(policy, seed=21, rate_hz=rate_hz)


@pytest.mark.parametrize('seconds', [0.0, float('inf'), float('nan')])
def test_a_time_out_of_range(policy, seconds):
    with pytest.raises(InputError, match=r'time to drive must be from 1 to 86400 s. Got'):
        run_trial(policy, seed=21, seconds=seconds)


def test_an_unknown_scene(policy):
    with pytest.raises(InputError, match=r"scene must be one of summer, winter.* Got 'mars'"):
        run_trial(policy, seed=21, scene='mars')


def test_a_policy_for_another_robot(tmp_path):
    outputs = (OutputSpec('linear_z', 'm/s', -1.0, 1.0), OutputSpec('angular_z', 'rad/s', -1.0, 1.0))
    policy = Policy.load(make_tiny_bundle(tmp_path / 'drone', outputs=outputs))
    with pytest.raises(InputError, match=r'takes linear_x, angular_z. Got a policy that gives linear_z, angular_z'):
        run_trial(policy, seed=21)


def test_channels_in_another_order_reach_their_actuators(tmp_path):
    outputs = (OutputSpec('angular_z', 'rad/s', -1.5, 1.5), OutputSpec('linear_x', 'm/s', 0.0, 2.0))
    policy = Policy.load(make_tiny_bundle(tmp_path / 'swapped', height=66, width=200, seed=1, outputs=outputs))
    drive = run_trial(policy, seed=21, seconds=1.0)
    assert np.all(drive.command[:, 0] >= 0.0)
    assert np.any(drive.command[:, 1] < 0.0) or np.any(drive.command[:, 1] > 0.0)
