"""The controller while all is well: it drives as the policy says, within its limits, the same each time."""

import numpy as np
import pytest
from bundles import CAR, FEATURES, UNITS, make_tiny_bundle
from robot import GRAVITY, MS, PERIOD, Robot, frame

from lnn_controller.control import STOP_REASONS, AdaptationSettings, Controller, ControlSettings
from lnn_controller.policy import NetworkSpec, Policy


def facts(decision):
    """Everything in a decision that is not measured time."""
    constants = decision.time_constants
    return (
        *(decision.stamp_ns, decision.mode, decision.reason, decision.dt_s, decision.image_age_s, decision.limited),
        *(decision.command.tobytes(), decision.neurons.tobytes(), None if constants is None else constants.tobytes()),
    )


def test_it_drives_as_the_policy_says(policy):
    controller = Controller(policy, ControlSettings(control_rate_hz=100))
    hx = policy.initial_state()
    imu = np.array([0.2, 0, 0, 0, 0, 9.81], np.float32)
    for tick, dt_s in ((0, 0.01), (1, 0.03), (2, 0.03)):
        now_ns = 1_000 * MS + tick * 30 * MS
        assert controller.on_image(now_ns, frame(tick))
        assert controller.on_imu(now_ns - 1, (0.1, 0, 0), GRAVITY)
        assert controller.on_imu(now_ns, (0.3, 0, 0), GRAVITY)
        decision = controller.step(now_ns)
        made = policy.step(policy.encode(frame(tick)), imu, hx, dt_s)
        hx = made.hx
        assert (decision.mode, decision.reason, decision.stamp_ns) == ('policy', '', now_ns)
        assert decision.dt_s == dt_s, 'the real Δt, and the control period in the first step'
        expected = np.clip(made.command.astype(np.float64), [0.0, -1.5], [2.0, 1.5])
        np.testing.assert_array_equal(decision.command, expected)
        np.testing.assert_array_equal(decision.neurons, made.basis)
        np.testing.assert_array_equal(decision.time_constants, made.time_constants)
        assert decision.image_age_s == 0.0
        assert decision.encode_us > 0
        assert decision.step_us > 0
    assert controller.counters['ticks'] == controller.counters['images'] == 3
    assert controller.counters['imu_samples'] == 6
    assert controller.counters['stopped_ticks'] == 0


def test_a_command_cannot_be_changed_afterwards(policy):
    with pytest.raises(ValueError, match='read-only'):
        Robot(policy).tick().command[0] = 9.0


def test_a_frame_is_encoded_once_and_held(policy):
    robot = Robot(policy)
    robot.tick()
    robot.camera = False
    decision = robot.tick()
    assert decision.mode == 'policy'
    assert decision.encode_us == 0.0
    assert decision.image_age_s == 0.02


def test_a_frame_of_another_size_is_fitted(camera_policy):
    controller = Controller(camera_policy)
    big = np.repeat(np.repeat(frame(), 4, axis=0), 4, axis=1)
    controller.on_image(MS, big)
    by_big = controller.step(MS)
    controller.reset()
    controller.on_image(2 * MS, frame())
    np.testing.assert_array_equal(controller.step(2 * MS).command, by_big.command)


def test_a_policy_without_imu_needs_none(camera_policy):
    with_imu, without = Robot(camera_policy), Robot(camera_policy)
    without.imu = False
    decision = without.tick(50)
    assert decision.mode == 'policy'
    assert facts(decision) == facts(with_imu.tick(50))


@pytest.mark.parametrize('output', ['command', 'state', 'basis'])
def test_an_output_that_is_not_finite_stops(tmp_path, output):
    learning = ControlSettings(adaptation=AdaptationSettings(mode='shadow'))
    robot = Robot(Policy.load(make_tiny_bundle(tmp_path / 'nan', not_finite=output)), learning)
    decision = robot.tick()
    assert (decision.mode, decision.reason) == ('stop', 'not_finite')
    assert not decision.command.any()
    assert decision.step_us > 0
    assert robot.tick(3).reason == 'not_finite'
    assert robot.controller.counters['stop_not_finite'] == 1


def test_a_hidden_state_that_overflows_stops_and_recovers(tmp_path):
    # Euler's step is unstable beyond Δt · time_scale = 2: here the state grows nineteenfold with each tick.
    unstable = NetworkSpec('leaky_integrator', UNITS, UNITS, FEATURES, time_scale=1000.0)
    policy = Policy.load(make_tiny_bundle(tmp_path / 'unstable', network=unstable))
    robot = Robot(policy, ControlSettings(resume_after_s=0.0))
    while (decision := robot.tick()).mode == 'policy':
        assert robot.controller.counters['ticks'] < 100, 'it overflows'
    assert decision.reason == 'not_finite'
    assert not decision.command.any()
    decision = robot.tick()
    assert decision.mode == 'policy'
    assert np.isfinite(decision.neurons).all()


def test_a_dt_outside_training_is_told_and_clamped(policy):
    robot = Robot(policy)
    robot.tick(2)
    assert robot.controller.counters['dt_outside_training'] == 0
    decision = robot.tick(period_ns=400 * MS)
    assert decision.dt_s == 0.4
    assert robot.controller.counters['dt_outside_training'] == 1
    other = Robot(policy)
    hx = other.tick(2).neurons
    imu = np.array([0, 0, 0.1, 0, 0, 9.81], np.float32)
    image = frame((other.now_ns + 400 * MS) // PERIOD)
    expected = policy.step(policy.encode(image), imu, hx, policy.spec.dt_max_s)
    np.testing.assert_array_equal(decision.neurons, expected.basis)


def test_limits_and_ramp(tmp_path):
    policy = Policy.load(make_tiny_bundle(tmp_path / 'wild', gain=1e3))
    settings = ControlSettings(maximum={'linear_x': 0.5, 'angular_z': 0.5}, max_acceleration={'angular_z': 2.0})
    robot = Robot(policy, settings)
    before, turned = np.zeros(2), 0.0
    for _ in range(40):
        decision = robot.tick()
        assert 0.0 <= decision.command[0] <= 0.5
        assert -1.5 <= decision.command[1] <= 0.5
        assert abs(decision.command[1] - before[1]) <= 0.04 + 1e-12
        before, turned = decision.command, max(turned, abs(decision.command[1]))
    assert turned > 0.3
    assert robot.controller.counters['limited_ticks'] > 0
    stopped = robot.controller.stop(robot.now_ns + 1, 'shutdown')
    assert not stopped.command.any(), 'a stop passes by the ramp'
    again = robot.tick()
    assert abs(again.command[1]) == pytest.approx(0.04)
    assert 'angular_z_acceleration' in again.limited


def test_speed_scale(policy):
    full, half = Robot(policy), Robot(policy, ControlSettings(speed_scale=0.5))
    none = Robot(policy, ControlSettings(speed_scale=0.0))
    wanted = full.tick().command[1]
    assert 0 < abs(wanted) < 1.5
    assert half.tick().command[1] == wanted / 2
    assert not none.tick().command.any()


def test_settings_may_change_while_driving(policy):
    robot = Robot(policy)
    robot.tick(3)
    robot.controller.settings = ControlSettings(maximum=dict.fromkeys(('linear_x', 'angular_z'), 0.0))
    decision = robot.tick()
    assert (decision.command <= 0.0).all()
    assert decision.dt_s == 0.02, 'the drive goes on'


def test_a_stop_of_the_callers(policy):
    robot = Robot(policy)
    robot.tick(3)
    decision = robot.controller.stop(robot.now_ns + MS, 'shutdown')
    assert (decision.mode, decision.reason, decision.stamp_ns) == ('stop', 'shutdown', robot.now_ns + MS)
    assert not decision.command.any()
    assert robot.controller.counters['stop_shutdown'] == 1
    with pytest.raises(ValueError, match='a stop needs a reason'):
        robot.controller.stop(robot.now_ns, '')


def test_reset_begins_anew(policy):
    robot, fresh = Robot(policy), Robot(policy, start_ns=1_000 * MS + 7 * PERIOD)
    robot.tick(7)
    robot.controller.reset()
    assert facts(robot.tick()) == facts(fresh.tick())
    robot.controller.reset()
    robot.now_ns -= 500 * MS
    assert robot.tick().reason != 'clock_jump', 'no step before it, no jump'


def test_other_channels(tmp_path):
    from lnn_controller.policy import OutputSpec

    up = OutputSpec('linear_z', 'm/s', -0.25, 0.5)
    robot = Robot(Policy.load(make_tiny_bundle(tmp_path / 'drone', outputs=(*CAR, up), gain=100.0)))
    commands = np.array([robot.tick().command for _ in range(10)])
    assert commands.shape == (10, 3)
    assert (commands[:, 2] >= -0.25).all()
    assert (commands[:, 2] <= 0.5).all()


def test_the_reasons_are_the_listed_ones():
    assert set(STOP_REASONS) == {
        *('no_image', 'image_stale', 'image_frozen', 'no_imu', 'imu_stale', 'no_scan', 'scan_stale'),
        *('no_height', 'height_stale', 'not_finite', 'clock_jump', 'emergency_stop', 'obstacle', 'way_unseen'),
    }


def test_the_same_events_give_the_same_decisions(policy):
    def drive():
        robot = Robot(policy, ControlSettings(max_acceleration={'angular_z': 1.0}))
        decisions = []
        for tick in range(120):
            robot.camera, robot.imu = tick % 50 < 25, tick % 7 != 0
            decisions.append(facts(robot.tick(period_ns=PERIOD + (tick % 5) * MS)))
        return decisions, dict(robot.controller.counters)

    assert drive() == drive()


def test_time_scale_is_how_fast_the_network_s_time_runs(policy):
    slow, fast = Robot(policy), Robot(policy, ControlSettings(time_scale=2.0))
    imu, hx = np.array([0, 0, 0.1, 0, 0, 9.81], np.float32), policy.initial_state()
    decision = fast.tick()
    assert decision.dt_s == 0.02
    image = frame(fast.now_ns // PERIOD)
    np.testing.assert_array_equal(decision.neurons, policy.step(policy.encode(image), imu, hx, 0.04).basis)
    assert slow.tick().neurons.tolist() != decision.neurons.tolist()
