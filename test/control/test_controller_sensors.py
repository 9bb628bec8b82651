"""What the controller does where a sensor is silent, late, frozen or nonsense, and where the clock jumps."""

import math

import numpy as np
import pytest
from robot import GRAVITY, MS, PERIOD, Robot, frame

from lnn_controller.control import Controller, ControlSettings
from lnn_controller.errors import InputError


def test_before_the_first_frame_and_the_first_sample(policy):
    robot = Robot(policy)
    robot.camera = robot.imu = False
    decision = robot.tick()
    assert (decision.mode, decision.reason, decision.image_age_s) == ('stop', 'no_image', None)
    robot.camera = True
    assert robot.tick().reason == 'no_imu'
    robot.imu = True
    assert robot.tick().mode == 'policy'


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
    with pytest.raises(ValueError, match=r'three numbers each. Got 2 and 3'):
        Controller(policy).on_imu(1, (0, 0), GRAVITY)


def test_an_imu_that_says_nan_goes_stale(policy):
    robot = Robot(policy)
    robot.tick()
    robot.imu = False
    for _ in range(16):
        robot.controller.on_imu(robot.now_ns + 1, (math.nan,) * 3, GRAVITY)
        decision = robot.tick()
    assert decision.reason == 'imu_stale'


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


def test_a_frame_that_comes_too_late_is_not_looked_at(policy):
    robot = Robot(policy)
    robot.tick()
    counters, nothing = robot.controller.counters, np.zeros((12, 16), np.uint8)
    assert not robot.controller.on_image(robot.now_ns, nothing), 'of a newer one the shape would be refused'
    assert not robot.controller.on_image(robot.now_ns + PERIOD, nothing, robot.now_ns + 5_000 * MS)
    assert (counters['image_not_newer'], counters['image_too_old'], counters['image_refused']) == (1, 1, 0)
    with pytest.raises(InputError):
        robot.controller.on_image(robot.now_ns + PERIOD, nothing)
    assert counters['image_refused'] == 1
