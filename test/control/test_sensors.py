"""A sensor that repeats itself is noticed while the robot is told to move, and one that measures never is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lnn_controller.control import Controller
from lnn_controller.control.sensors import Reading, Sensor

FRAME_NS, SAMPLE_NS, TICK_NS = 33_000_000, 10_000_000, 20_000_000


def drive(policy, picture, sample, *, seconds=3.0, stands=False):
    """The longest that a camera and an IMU were told to have repeated themselves, of pictures and samples by number."""
    controller, longest, moved = Controller(policy), {'image': 0.0, 'imu': 0.0}, 0
    for now_ns in range(10**9, 10**9 + round(seconds * 1e9), 1_000_000):
        since = now_ns - 10**9
        if since % FRAME_NS == 0:
            controller.on_image(now_ns, picture(since // FRAME_NS))
        if since % SAMPLE_NS == 0:
            gyro, accel = np.split(sample(since // SAMPLE_NS), 2)
            controller.on_imu(now_ns, gyro, accel)
        if since % TICK_NS == 0:
            controller.set_emergency_stop('test', stands)
            moved += any(controller.step(now_ns).command)
            longest = {
                name: max(longest[name], each) for name, each in controller.inputs.repeated_s().items()
            } or longest
    assert bool(moved) != stands
    return longest


def pictures(count):
    """A camera that goes round in so many pictures."""
    rng = np.random.default_rng(0)
    made = rng.integers(100, 150, (count, 12, 16, 3), dtype=np.uint8)
    return lambda number: made[number % count]


def samples(noise):
    """An IMU with noise, m/s² and rad/s, in steps as an IMU of 16 bits has them."""
    rng = np.random.default_rng(1)
    rest = np.array([0.0, 0.0, 0.1, 0.0, 0.0, 9.81])
    return lambda number: np.round((rest + noise * rng.normal(size=6)) / 0.001) * 0.001


@pytest.mark.parametrize('loop', [2, 3, 30, 64])
def test_a_camera_that_loops(policy, loop):
    repeated = drive(policy, pictures(loop), samples(0.01), seconds=5.0)
    assert repeated['image'] == pytest.approx(5.0 - loop * FRAME_NS / 1e9, abs=0.1)
    assert repeated['imu'] == 0.0


def test_an_imu_that_is_stuck(policy):
    repeated = drive(policy, pictures(1000), samples(0.0))
    assert repeated == {'image': 0.0, 'imu': pytest.approx(3.0, abs=0.05)}


def test_sensors_that_measure(policy):
    # Each picture twice, as of a camera whose driver doubles its rate; and an IMU whose noise is one step.
    camera = pictures(1000)
    repeated = drive(policy, lambda number: camera(number // 2), samples(0.001))
    assert repeated['image'] == 0.0
    assert repeated['imu'] < 0.1


def test_a_robot_that_stands_sees_the_same_and_that_is_well(policy):
    assert drive(policy, pictures(1), samples(0.0), stands=True) == {'image': 0.0, 'imu': 0.0}


@given(st.lists(st.integers(0, 200), min_size=2, max_size=200))
def test_what_is_new_ends_what_was_repeated(numbers):
    from lnn_controller.control.sensors import Repeats

    repeats, seen, since = Repeats(5), [], None
    for at, number in enumerate(numbers):
        repeats.note(at * 10**9, bytes([number]))
        since = (at if since is None else since) if number in seen[-5:] else None
        seen.append(number)
        assert repeats.seconds == (0.0 if since is None else at - since)


def test_a_reading_that_the_tick_takes_away_meanwhile_is_still_compared_with():
    readings = iter([Reading(5, 5), None])
    raced = type('Raced', (Sensor,), {'newest': property(lambda _: next(readings), lambda _, value: None)})()
    assert raced.refuses(4, 4, 1.0) == 'not_newer'
