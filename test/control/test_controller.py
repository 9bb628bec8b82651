import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from bundles import CAR, FEATURES, UNITS, make_tiny_bundle

from lnn_controller.control import (
    STOP_REASONS,
    AdaptationSettings,
    Controller,
    ControlSettings,
    Footprint,
    GuardSettings,
)
from lnn_controller.errors import InputError
from lnn_controller.policy import NetworkSpec, Policy

MS = 1_000_000
PERIOD = 20 * MS
GRAVITY = (0.0, 0.0, 9.81)


@pytest.fixture(scope='module')
def policy(tiny_bundle):
    return Policy.load(tiny_bundle)


@pytest.fixture(scope='module')
def camera_policy(tiny_bundle_without_imu):
    return Policy.load(tiny_bundle_without_imu)


def frame(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)


class Robot:
    """A controller with a camera, an IMU and a clock that can be made to fail."""

    def __init__(self, policy, settings=None, start_ns=1_000 * MS):
        self.controller = Controller(policy, settings)
        self.now_ns = start_ns
        self.camera = self.imu = True
        self.stopped_outside = ''

    def tick(self, count=1, *, period_ns=PERIOD):
        """Sensors, then a step, ``count`` times; the last decision."""
        for _ in range(count):
            self.now_ns += period_ns
            if self.camera:
                self.controller.on_image(self.now_ns, frame(self.now_ns // PERIOD))
            if self.imu:
                self.controller.on_imu(self.now_ns, (0.0, 0.0, 0.1), GRAVITY)
            outside, controller = self.stopped_outside, self.controller
            decision = controller.stop(self.now_ns, outside) if outside else controller.step(self.now_ns)
        return decision


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


def test_before_the_first_frame_and_the_first_sample(policy):
    robot = Robot(policy)
    robot.camera = robot.imu = False
    decision = robot.tick()
    assert (decision.mode, decision.reason, decision.image_age_s) == ('stop', 'no_image', None)
    robot.camera = True
    assert robot.tick().reason == 'no_imu'
    robot.imu = True
    assert robot.tick().mode == 'policy'


def test_a_policy_without_imu_needs_none(camera_policy):
    with_imu, without = Robot(camera_policy), Robot(camera_policy)
    without.imu = False
    decision = without.tick(50)
    assert decision.mode == 'policy'
    assert facts(decision) == facts(with_imu.tick(50))


@pytest.mark.parametrize(('sensor', 'reason'), [('camera', 'image_stale'), ('imu', 'imu_stale')])
def test_a_silent_sensor_stops_the_robot_in_time_and_it_recovers(policy, sensor, reason):
    robot = Robot(policy, ControlSettings(image_timeout_s=0.1, imu_timeout_s=0.1, resume_after_s=0.0))
    first = robot.tick()
    driving = robot.tick(10)
    assert driving.mode == 'policy'
    assert np.any(driving.command != 0)
    setattr(robot, sensor, False)
    assert robot.tick(5).mode == 'policy', 'exactly at its timeout a sensor is not yet stale'
    stopped = robot.tick()
    assert (stopped.mode, stopped.reason) == ('stop', reason)
    assert not stopped.command.any()
    assert not stopped.neurons.any()
    assert (stopped.dt_s, stopped.time_constants, stopped.limited, stopped.step_us) == (0.0, None, (), 0.0)
    robot.tick(20)
    setattr(robot, sensor, True)
    again = robot.tick()
    assert again.mode == 'policy'
    assert again.dt_s == first.dt_s == 0.02
    fresh = Robot(policy, start_ns=robot.now_ns - PERIOD)
    np.testing.assert_array_equal(again.neurons, fresh.tick().neurons, 'the hidden state began anew')
    assert robot.controller.counters[f'stop_{reason}'] == 1, 'one stop, however many ticks it lasted'
    assert robot.controller.counters['stopped_ticks'] == 21


def test_a_frozen_stamp_is_a_silent_camera(policy):
    robot = Robot(policy)
    robot.tick()
    stamp_ns, robot.camera = robot.now_ns, False
    for _ in range(16):
        assert not robot.controller.on_image(stamp_ns, frame())
        decision = robot.tick()
    assert decision.reason == 'image_stale'
    assert robot.controller.counters['image_not_newer'] == 16


def test_older_frames_and_samples_are_left(policy):
    controller = Controller(policy)
    controller.on_image(100 * MS, frame(0))
    assert not controller.on_image(90 * MS, frame(1))
    controller.on_imu(100 * MS, (0, 0, 0), GRAVITY)
    assert not controller.on_imu(100 * MS, (9, 9, 9), GRAVITY)
    assert not controller.on_imu(110 * MS, (0, math.nan, 0), GRAVITY)
    decision = controller.step(110 * MS)
    expected = policy.step(
        policy.encode(frame(0)), np.array([0, 0, 0, 0, 0, 9.81], np.float32), policy.initial_state(), 0.02
    )
    np.testing.assert_array_equal(decision.neurons, expected.basis)
    counters = controller.counters
    assert [counters[key] for key in ('images', 'image_not_newer', 'imu_not_newer', 'imu_not_plausible')] == [
        1,
        1,
        1,
        1,
    ]


def test_an_array_that_is_no_frame(policy):
    robot = Robot(policy)
    robot.tick()
    with pytest.raises(InputError, match='an image must be an rgb8 array'):
        robot.controller.on_image(robot.now_ns + 1, np.zeros((12, 16), np.uint8))
    assert robot.controller.counters['image_refused'] == 1
    assert robot.controller.counters['images'] == 1
    robot.camera = False
    assert robot.tick().image_age_s == 0.02, 'the frame before it stays the newest'


def test_a_sample_that_is_no_three_numbers(policy):
    with pytest.raises(ValueError, match='broadcast'):
        Controller(policy).on_imu(1, (0, 0), GRAVITY)


def test_an_imu_that_says_nan_goes_stale(policy):
    robot = Robot(policy)
    robot.tick()
    robot.imu = False
    for _ in range(16):
        robot.controller.on_imu(robot.now_ns + 1, (math.nan,) * 3, GRAVITY)
        decision = robot.tick()
    assert decision.reason == 'imu_stale'


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


@pytest.mark.parametrize('jump_ns', [-5_000 * MS, -PERIOD - MS, -PERIOD, 600 * MS])
def test_a_clock_jump_stops_once_and_driving_goes_on(policy, jump_ns):
    robot = Robot(policy, start_ns=10_000 * MS)
    robot.tick(5)
    robot.now_ns += jump_ns
    jumped = robot.tick()
    assert (jumped.mode, jumped.reason) == ('stop', 'clock_jump')
    assert not jumped.command.any()
    assert robot.tick(24).reason == 'clock_jump', 'it stays until the clock has run well for half a second'
    decisions = [robot.tick() for _ in range(4)]
    assert decisions[-1].mode == 'policy'
    assert decisions[-1].image_age_s < 0.1
    assert robot.controller.counters['stop_clock_jump'] == 1


@pytest.mark.parametrize(('sensor', 'reason'), [('image', 'image_stale'), ('imu', 'imu_stale')])
def test_a_stamp_from_the_future_is_stale_and_does_not_keep_out_later_ones(policy, sensor, reason):
    robot = Robot(policy, ControlSettings(resume_after_s=0.0))
    robot.tick()
    later_ns = robot.now_ns + 3_600_000 * MS
    if sensor == 'image':
        robot.controller.on_image(later_ns, frame())
    else:
        robot.controller.on_imu(later_ns, (0, 0, 0), GRAVITY)
    assert robot.tick().reason == reason
    assert robot.controller.counters[f'{sensor}_in_future'] == 1
    assert robot.tick().mode == 'policy'


def test_a_clock_a_little_ahead_is_tolerated(policy):
    robot = Robot(policy)
    robot.tick()
    robot.controller.on_image(robot.now_ns + 100 * MS, frame())
    assert robot.tick().mode == 'policy'


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
        *('not_finite', 'clock_jump', 'emergency_stop', 'obstacle', 'way_unseen'),
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


def test_a_frozen_camera_is_a_stale_one_while_the_robot_moves(policy):
    robot = Robot(policy, ControlSettings(image_frozen_timeout_s=0.1, resume_after_s=0.0))
    assert robot.tick(3).mode == 'policy'
    robot.camera = False

    def repeat(count, seed=0):
        for _ in range(count):
            robot.controller.on_image(robot.now_ns + PERIOD, frame(seed))
            decision = robot.tick()
        return decision

    changed = repeat(1)
    assert changed.mode == repeat(5).mode == 'policy'
    frozen = repeat(1)
    assert (frozen.mode, frozen.reason) == ('stop', 'image_frozen')
    assert repeat(50).reason == 'image_frozen', 'a robot that stands because of it does not forget'
    assert repeat(1, seed=1).mode == 'policy'


def test_a_robot_that_stands_may_see_the_same_for_ever(policy):
    robot = Robot(policy, ControlSettings(image_frozen_timeout_s=0.1, speed_scale=0.0))
    robot.camera = False
    for tick in range(100):
        robot.controller.on_image(robot.now_ns + PERIOD, frame(0))
        if tick == 90:
            robot.controller.settings = ControlSettings(image_frozen_timeout_s=0.1)
        decision = robot.tick()
        assert decision.mode == ('policy' if tick <= 95 else 'stop'), tick


@pytest.mark.parametrize('ahead_ms', [1, 50, 95])
def test_a_sensor_whose_clock_is_ahead_is_trusted_no_longer_than_another(policy, ahead_ms):
    """Its age counts from its stamp, or from its arrival if that was earlier."""
    robot = Robot(policy, ControlSettings(image_timeout_s=0.2))
    robot.tick()
    robot.camera = False
    robot.controller.on_image(robot.now_ns + ahead_ms * MS, frame(1), robot.now_ns)
    silent_ns = robot.now_ns
    while robot.now_ns + PERIOD - silent_ns <= 200 * MS:
        decision = robot.tick()
        assert decision.mode == 'policy'
        assert decision.image_age_s == pytest.approx((robot.now_ns - silent_ns) / 1e9)
    assert robot.tick().reason == 'image_stale'


@pytest.mark.parametrize(('ahead_ms', 'refusal'), [(101, 'in_future'), (-201, 'too_old'), (3_600_000, 'in_future')])
def test_stamps_that_cannot_be_are_refused_when_they_arrive(policy, ahead_ms, refusal):
    robot = Robot(policy)
    robot.tick(2)
    stamp_ns = robot.now_ns + ahead_ms * MS
    assert not robot.controller.on_image(stamp_ns, frame(), robot.now_ns)
    assert not robot.controller.on_imu(stamp_ns, (0, 0, 0), GRAVITY, robot.now_ns)
    assert robot.controller.counters[f'image_{refusal}'] == robot.controller.counters[f'imu_{refusal}'] == 1
    assert robot.tick().mode == 'policy', 'what came before still counts'


def test_the_emergency_stop_holds_until_all_who_hold_it_let_go(policy):
    robot = Robot(policy)
    controller = robot.controller
    robot.tick(3)
    controller.set_emergency_stop('topic', True)
    controller.set_emergency_stop('service', True)
    controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
    decision = robot.tick()
    assert (decision.mode, decision.reason) == ('stop', 'emergency_stop')
    assert not decision.command.any()
    controller.set_emergency_stop('topic', False)
    assert robot.tick().reason == 'emergency_stop'
    controller.set_emergency_stop('service', False)
    assert robot.tick(60).mode == 'policy'
    assert controller.counters['stop_emergency_stop'] == 1


def test_a_fresh_override_wins_and_the_policy_takes_over_without_a_bump(policy):
    settings = ControlSettings(override_timeout_s=0.1, override_return_s=0.2)
    robot, alone = Robot(policy, settings), Robot(policy, settings)
    robot.tick(5)
    alone.tick(5)
    robot.controller.on_override(robot.now_ns, [-0.5, 1.0])
    for _ in range(5):
        decision = robot.tick()
        expected = alone.tick()
        assert (decision.mode, decision.command.tolist()) == ('override', [-0.5, 1.0])
        np.testing.assert_array_equal(decision.neurons, expected.neurons, 'the network runs on')
    previous = decision.command
    for tick in range(12):
        decision, expected = robot.tick(), alone.tick()
        assert decision.mode == 'policy'
        assert np.abs(decision.command - previous).max() <= 0.35, tick
        previous = decision.command
    np.testing.assert_array_equal(decision.command, expected.command)


def test_the_operator_can_drive_a_blind_robot(policy):
    robot = Robot(policy)
    robot.tick(3)
    robot.camera = robot.imu = False
    robot.tick(30)
    robot.controller.on_override(robot.now_ns, [-0.5, 0.0])
    decision = robot.tick()
    assert (decision.mode, decision.command.tolist()) == ('override', [-0.5, 0.0])
    assert not decision.neurons.any()
    assert robot.tick(30).reason == 'image_stale', 'an override that ends leaves no robot driving'
    assert not robot.controller.on_override(robot.now_ns, [math.nan, 0.0])
    assert robot.controller.counters['override_not_finite'] == 1
    with pytest.raises(ValueError, match=r'an override needs 2 channels. Got 1'):
        robot.controller.on_override(robot.now_ns, [0.0])


def test_the_operator_is_held_to_the_limits(policy):
    robot = Robot(policy, ControlSettings(maximum={'linear_x': 0.7}, max_acceleration={'linear_x': 1.0}))
    robot.controller.on_override(robot.now_ns, [9.0, 9.0])
    first = robot.tick()
    assert first.command.tolist() == [pytest.approx(0.02), 1.5]
    assert first.limited == ('linear_x_maximum', 'angular_z_maximum', 'linear_x_acceleration')


BOX = GuardSettings(Footprint(0.3, 0.3, 0.25, 0.25), slow_distance_m=1.0, stop_distance_m=0.2)


def guarded(policy, obstacle, ticks=1, **changes):
    robot = Robot(policy, ControlSettings(guard=BOX, **changes))
    for _ in range(ticks):
        robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array(obstacle, float).reshape(-1, 2))
        robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
        decision = robot.tick()
    return robot, decision


def test_the_guard_slows_then_stops_along_the_path(policy):
    assert guarded(policy, [])[1].command[0] == 1.0
    assert guarded(policy, [[0.5, 0.4]])[1].command[0] == 1.0, 'beside the path'
    assert guarded(policy, [[-0.4, 0.0]])[1].command[0] == 1.0, 'behind'
    assert guarded(policy, [[0.1, 0.1]])[1].command[0] == 1.0, 'the robot itself'
    robot, slowed = guarded(policy, [[0.9, 0.0]])
    assert slowed.command[0] == pytest.approx(0.5)
    assert slowed.limited == ('obstacle_slow',)
    robot, stopped = guarded(policy, [[0.45, 0.0]], ticks=3, max_acceleration={'linear_x': 1.0}, resume_after_s=0.0)
    assert (stopped.mode, stopped.reason, stopped.command.tolist()) == ('stop', 'obstacle', [0.0, 0.0])
    assert stopped.neurons.any(), 'the network runs on: it may steer away'
    assert robot.controller.counters['stop_obstacle'] == 1
    robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array([[0.45, 0.0]]))
    robot.controller.on_override(robot.now_ns + PERIOD, [-1.0, 0.0])
    backwards = robot.tick()
    assert (backwards.mode, backwards.command[0]) == ('override', pytest.approx(-0.02))


def test_obstacles_come_nearer_while_the_robot_drives_on_an_old_reading(policy):
    """What was 1.25 m away at the reading is nearer by what was driven since."""
    robot = Robot(policy, ControlSettings(guard=replace(BOX, reaction_s=0.0), scan_timeout_s=1.0))
    robot.controller.on_obstacles(robot.now_ns, np.array([[0.3 + 1.25, 0.0]]))
    commands = []
    for _ in range(40):
        robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
        decision = robot.tick()
        commands.append(decision.command[0])
    assert commands[0] == 1.0
    # Each is what the way that is left allows: 1.25 m less what was driven so far.
    gone_m = np.concatenate(([0.0], np.cumsum(commands[:-1]) * 0.02))
    np.testing.assert_allclose(commands, np.clip((1.25 - gone_m - 0.2) / 0.8, 0.0, 1.0), atol=1e-9)
    assert 0.2 < commands[-1] < 0.7
    robot.controller.on_obstacles(robot.now_ns, np.array([[0.3 + 1.25, 0.0]]))
    robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
    assert robot.tick().command[0] == 1.0, 'a new reading says where it is'


def test_points_count_as_far_away_as_the_fastest_command_needs_to_stop(policy):
    robot = Robot(policy, ControlSettings(guard=GuardSettings(Footprint(), deceleration=0.5, reaction_s=0.0)))
    robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array([[0.3 + 0.3 + 2.25, 0.0]]))
    robot.controller.on_override(robot.now_ns + PERIOD, [2.0, 0.0])
    assert robot.tick().command[0] == pytest.approx(1.5)  # 1.5² / (2 · 0.5) = 2.25


def starts(modes):
    return sum(before == 'stop' != mode for before, mode in pairwise(modes))


@pytest.mark.parametrize(('resume_after_s', 'most'), [(0.0, 1000), (0.5, 4)])
@pytest.mark.parametrize('spread_m', [0.01, 10.0])
def test_a_distance_that_flickers_about_the_threshold(policy, resume_after_s, most, spread_m):
    """30 seconds before a wall that is measured with noise, or is there in every third scan only."""
    robot = Robot(policy, ControlSettings(guard=BOX, resume_after_s=resume_after_s))
    rng, modes = np.random.default_rng(3), []
    for tick in range(1500):
        if tick % 2 == 0:
            wall = 0.499 + (rng.normal(0.0, spread_m) if spread_m < 1 else spread_m * (rng.random() > 0.3))
            robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array([[wall, 0.0]]))
        robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
        modes.append(robot.tick().mode)
    assert starts(modes) <= most
    assert resume_after_s or starts(modes) > 100
    # Where the way stays free it drives on after the time, and no sooner.
    robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array([[0.45, 0.0]]))
    robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
    assert robot.tick().reason == 'obstacle'
    waited = 0
    while True:
        robot.controller.on_obstacles(robot.now_ns + PERIOD, np.zeros((0, 2)))
        robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
        waited += 1
        if robot.tick().mode == 'override':
            break
    assert waited == max(round(resume_after_s / 0.02), 1)


@pytest.mark.parametrize(('resume_after_s', 'least', 'most'), [(0.0, 38, 40), (0.5, 0, 0)])
def test_a_camera_slower_than_its_timeout_does_not_stop_and_start_the_robot(policy, resume_after_s, least, most):
    """4 images a second with a timeout of 0.2 s: four starts a second."""
    robot, modes = Robot(policy, ControlSettings(resume_after_s=resume_after_s)), []
    robot.camera, shown = False, 0
    for tick in range(500):
        if tick * 20 >= shown * 250:
            shown += 1
            robot.controller.on_image(robot.now_ns + PERIOD, frame(shown))
        modes.append(robot.tick().mode)
    assert least <= starts(modes) <= most


def test_a_stop_that_is_held_lets_the_operator_drive_where_only_the_network_cannot(policy):
    robot = Robot(policy)
    robot.tick()
    robot.camera = False
    assert robot.tick(12).reason == 'image_stale'
    robot.camera = True
    held = robot.tick(20)
    assert (held.reason, held.command.tolist()) == ('image_stale', [0.0, 0.0])
    robot.controller.on_override(robot.now_ns, [0.5, 0.0])
    assert robot.tick().mode == 'override'
    assert robot.controller.counters['stop_image_stale'] == 1


def test_a_new_drive_waits_for_no_stop_of_the_last(policy):
    robot = Robot(policy)
    robot.tick()
    robot.camera = False
    robot.tick(12)
    robot.camera = True
    assert robot.tick().reason == 'image_stale'
    robot.controller.reset()
    assert robot.tick().mode == 'policy'


FREE, WALL = np.zeros((0, 2)), np.array([[0.45, 0.0]])


def held_for(robot, cause):
    """Have one cause stop a robot that drives, and end; how many ticks it holds from here, by whoever drives then."""
    assert robot.tick().mode != 'stop'
    if cause == 'image_stale':
        robot.camera = False
        assert robot.tick(12).reason == cause
        robot.camera = True
    elif cause == 'clock_jump':
        assert robot.tick(period_ns=robot.controller.settings.step_gap_s * 2e9).reason == cause
    else:
        robot.obstacles = None if cause == 'scan_stale' else WALL
        robot.controller.on_override(robot.now_ns, [0.5, 0.0])
        assert robot.tick(30 if cause == 'scan_stale' else 1).reason == cause
        robot.controller.release_override()
        robot.obstacles = FREE
    return 24  # 0.5 s less the tick that drives again


class GuardedRobot(Robot):
    """One whose scanner sees ``obstacles``: ``None`` while it is silent."""

    obstacles = FREE

    def tick(self, count=1, *, period_ns=PERIOD):
        for _ in range(count):
            if self.obstacles is not None:
                self.controller.on_obstacles(self.now_ns + round(period_ns), self.obstacles)
            decision = super().tick(period_ns=round(period_ns))
        return decision


def tap(robot, count):
    robot.controller.set_emergency_stop('button', True)
    assert robot.tick(count).reason == 'emergency_stop'
    robot.controller.set_emergency_stop('button', False)


def wait_outside(robot, count):
    robot.stopped_outside = 'unheard_publisher'
    assert robot.tick(count).reason == 'unheard_publisher'
    robot.stopped_outside = ''


@pytest.mark.parametrize('cause', ['image_stale', 'scan_stale', 'clock_jump', 'obstacle'])
@pytest.mark.parametrize('between', [tap, wait_outside])
@pytest.mark.parametrize('ticks', [1, 7])
def test_another_stop_takes_nothing_off_the_time_that_a_cause_must_have_gone(policy, cause, between, ticks):
    robot = GuardedRobot(policy, ControlSettings(guard=BOX))
    held = held_for(robot, cause)
    between(robot, ticks)
    for _ in range(held - ticks):
        decision = robot.tick()
        assert (decision.reason, decision.command.tolist()) == (cause, [0.0, 0.0])
    assert robot.tick().mode == 'policy'


@pytest.mark.parametrize('between', [tap, wait_outside])
def test_a_cause_that_another_stop_hides_holds_the_robot_after_it_as_well(policy, between):
    """The camera fails and returns while somebody has the robot stopped."""
    robot = Robot(policy)
    robot.tick()
    robot.camera = False
    between(robot, 12)
    robot.camera = True
    between(robot, 5)
    assert [robot.tick().reason for _ in range(20)] == ['image_stale'] * 19 + ['']


def test_an_emergency_stop_alone_ends_at_once(policy):
    robot = Robot(policy)
    robot.tick()
    tap(robot, 1)
    assert robot.tick().mode == 'policy'


@pytest.mark.parametrize('camera_returns', ['while they drive', 'with the last of it'])
def test_an_operator_who_drives_through_a_drop_out_does_not_make_it_over(policy, camera_returns):
    robot = Robot(policy, ControlSettings(override_timeout_s=0.1))
    robot.tick()
    robot.camera = False
    assert robot.tick(12).reason == 'image_stale'
    for _ in range(10):
        robot.controller.on_override(robot.now_ns, [0.5, 0.0])
        assert robot.tick().mode == 'override'
    robot.camera = True
    driven = 10 if camera_returns == 'while they drive' else 0
    for _ in range(driven):
        robot.controller.on_override(robot.now_ns, [0.5, 0.0])
        assert robot.tick().mode == 'override'
    robot.controller.release_override()
    assert [robot.tick().reason for _ in range(25 - driven)] == ['image_stale'] * (24 - driven) + ['']


def test_a_drop_out_that_nobody_stopped_for_holds_the_network_too(policy):
    """The operator drives before, during and after it."""
    robot = Robot(policy)
    robot.tick()
    for camera, ticks in ((True, 2), (False, 15), (True, 3)):
        robot.camera = camera
        for _ in range(ticks):
            robot.controller.on_override(robot.now_ns, [0.5, 0.0])
            assert robot.tick().mode == 'override'
    robot.controller.release_override()
    assert robot.tick(21).reason == 'image_stale'
    assert robot.tick().mode == 'policy'


def test_a_hold_of_the_network_takes_nothing_off_one_of_everybody(policy):
    """An obstacle that has just gone holds the operator too, though the camera has failed since."""
    robot = GuardedRobot(policy, ControlSettings(guard=BOX, image_timeout_s=0.05))
    held = held_for(robot, 'obstacle')
    robot.camera = False
    assert robot.tick(5).reason == 'image_stale'
    robot.camera = True
    reasons = []
    for _ in range(held - 5 + 1):
        robot.controller.on_override(robot.now_ns, [0.5, 0.0])
        reasons.append(robot.tick().reason)
    assert reasons == ['obstacle'] * (held - 5) + ['']
    robot.controller.release_override()
    assert robot.tick().reason == 'image_stale', 'and the network for as long as the camera asks for'


def test_a_clock_that_is_set_back_makes_no_hold_longer(policy):
    robot = Robot(policy)
    robot.tick()
    robot.controller.stop(robot.now_ns, 'tick_late')
    robot.now_ns -= 600 * MS
    wait_outside(robot, 1)
    assert robot.tick(28).mode == 'policy'


def test_a_guard_without_its_sensor_stops_even_the_operator(policy):
    robot = Robot(policy, ControlSettings(guard=BOX, scan_timeout_s=0.1))
    robot.controller.on_override(robot.now_ns, [1.0, 0.0])
    assert robot.tick().reason == 'no_scan'
    assert robot.controller.on_obstacles(robot.now_ns, np.zeros((0, 2)))
    assert robot.tick().mode == 'override'
    assert robot.tick(6).reason == 'scan_stale'
    assert not Robot(policy).controller.on_obstacles(0, np.zeros((0, 2))), 'no guard, no obstacles'


def test_time_scale_is_how_fast_the_network_s_time_runs(policy):
    slow, fast = Robot(policy), Robot(policy, ControlSettings(time_scale=2.0))
    imu, hx = np.array([0, 0, 0.1, 0, 0, 9.81], np.float32), policy.initial_state()
    decision = fast.tick()
    assert decision.dt_s == 0.02
    image = frame(fast.now_ns // PERIOD)
    np.testing.assert_array_equal(decision.neurons, policy.step(policy.encode(image), imu, hx, 0.04).basis)
    assert slow.tick().neurons.tolist() != decision.neurons.tolist()
