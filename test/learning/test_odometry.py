"""An odometry's twist is compared with what its pose shows."""

import re

import numpy as np
import pytest

from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.messages.build import odometry_message, serialize
from lnn_controller.data.messages.cdr import odometry_from_cdr
from lnn_controller.learning.odometry import check_odometry

START_NS, RATE_HZ, SECONDS = 10**18, 50, 20
CHANNELS = ('linear_x', 'angular_z')
TIMES_S = np.arange(0, SECONDS, 1 / RATE_HZ)
ROADS = {
    'circle': (0.6, 0.5 + 0 * TIMES_S),
    'winding': (1.5, 0.9 * np.sin(TIMES_S)),
    'slow': (0.1, 0.2 * np.cos(TIMES_S / 3)),
    'backwards': (-0.5, 0.5 + 0 * TIMES_S),
}


def drive(speed=0.6, turn=ROADS['circle'][1], *, start_yaw=0.0):
    """Position (T, 2), heading, forward speed and turn rate of a car on a plane."""
    yaw = start_yaw + np.concatenate([[0], np.cumsum(turn[:-1]) / RATE_HZ])
    steps = speed / RATE_HZ * np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    position = np.concatenate([np.zeros((1, 2)), np.cumsum(steps[:-1], axis=0)])
    return position, yaw, np.full(len(yaw), speed), turn


def findings(path, position, yaw, velocity, turn, *, channels=CHANNELS, **frames):
    """What is found in a bag of such an odometry; velocity (T,) forward, or (T, 2) as the twist has it."""
    velocity = np.stack([velocity, 0 * velocity], axis=1) if velocity.ndim == 1 else velocity
    with BagWriter(path) as bag:
        bag.add_topic('/odom', 'nav_msgs/msg/Odometry')
        for i, time_s in enumerate(TIMES_S):
            stamp = START_NS + round(time_s * 1e9)
            message = odometry_message(
                stamp,
                position=(*position[i], 0),
                yaw=yaw[i],
                linear=(*velocity[i], 0),
                angular=(0, 0, turn[i]),
                **frames,
            )
            bag.write('/odom', stamp, message)
    with Bag(path) as bag:
        return check_odometry(bag, bag.topic('/odom'), channels)


@pytest.mark.parametrize('road', ROADS)
@pytest.mark.parametrize('start_yaw', [0.0, 2.0])
def test_a_twist_in_the_frame_of_the_robot_is_as_it_should_be(tmp_path, road, start_yaw):
    assert findings(tmp_path / 'bag', *drive(*ROADS[road], start_yaw=start_yaw)) == []


@pytest.mark.parametrize('road', ROADS)
@pytest.mark.parametrize('start_yaw', [0.0, 2.0])
def test_a_twist_in_the_frame_of_the_pose_is_refused(tmp_path, road, start_yaw):
    position, yaw, speed, turn = drive(*ROADS[road], start_yaw=start_yaw)
    world = speed[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    (finding,) = findings(tmp_path / 'bag', position, yaw, world, turn, frame_id='map')
    assert finding.refused
    assert "child_frame_id 'base_link'). Got one in the frame of the pose, 'map': at " in finding.text
    by_pose, off_body, off_world = (float(each) for each in re.findall(r'([\d.]+) m/s', finding.text))
    assert by_pose == pytest.approx(abs(speed[0]), rel=0.02)
    assert off_world < 0.02 * by_pose < 0.25 * by_pose < off_body
    assert findings(tmp_path / 'turn', position, yaw, world, turn, channels=('angular_z',)) == []


def test_a_robot_that_only_drives_along_the_axis_of_the_frame_shows_nothing(tmp_path):
    assert findings(tmp_path / 'bag', *drive(turn=0 * TIMES_S)) == []


@pytest.mark.parametrize(('seed', 'noise_m'), [(0, 0.002), (1, 0.01)])
def test_noise_and_a_pose_that_is_corrected_are_no_finding(tmp_path, seed, noise_m):
    position, yaw, speed, turn = drive()
    rng = np.random.default_rng(seed)
    position = position + rng.normal(0, noise_m, position.shape)
    position[400:] += 3.0  # a map's loop was closed
    yaw = yaw + rng.normal(0, 0.02, yaw.shape)
    assert findings(tmp_path / 'bag', position, yaw, speed * rng.normal(1, 0.05, speed.shape), turn) == []


@pytest.mark.parametrize(
    ('forward', 'turning', 'zeros'),
    [(0, 0, 'linear_x, angular_z'), (0, 1, 'linear_x'), (1, 0, 'angular_z')],
)
def test_a_twist_that_is_never_filled_while_the_pose_moves_is_refused(tmp_path, forward, turning, zeros):
    position, yaw, speed, turn = drive()
    (finding,) = findings(tmp_path / 'bag', position, yaw, forward * speed, turning * turn)
    assert finding.refused
    assert f'/odom: the pose moves and the twist is zero in {zeros}, which is to be learnt' in finding.text


def test_channels_that_a_car_does_not_have_may_be_zero(tmp_path):
    assert findings(tmp_path / 'bag', *drive(), channels=('linear_x', 'linear_y', 'linear_z', 'angular_z')) == []


def test_a_robot_that_stands_and_a_pose_that_nobody_fills_in_show_nothing(tmp_path):
    position, yaw, speed, turn = drive()
    assert findings(tmp_path / 'stands', 0 * position, 0 * yaw, 0 * speed, 0 * turn) == []
    assert findings(tmp_path / 'unfilled', 0 * position, 0 * yaw, speed, turn) == []


def test_other_units_are_told(tmp_path):
    position, yaw, speed, turn = drive()
    (linear,) = findings(tmp_path / 'mm', position, yaw, 1000 * speed, turn)
    assert 'disagree: 600.00 m/s by the twist, 0.60 m/s by the pose' in linear.text
    (angular,) = findings(tmp_path / 'degrees', position, yaw, speed, np.degrees(turn))
    assert 'disagree: 28.65 rad/s by the twist, 0.50 rad/s by the pose' in angular.text
    (reverse,) = findings(tmp_path / 'sign', position, yaw, -speed, turn)
    assert 'disagree: 0.60 m/s by the twist, 0.60 m/s by the pose, 1.20 m/s apart' in reverse.text
    assert not (linear.refused or angular.refused or reverse.refused)


def test_a_pause_in_the_odometry_is_not_driven_through(tmp_path):
    position, yaw, speed, turn = drive()
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/odom', 'nav_msgs/msg/Odometry')
        for i, time_s in enumerate(TIMES_S):
            stamp = START_NS + round((time_s + 3600 * (i > 500)) * 1e9)
            linear, angular = (speed[i], 0, 0), (0, 0, turn[i])
            message = odometry_message(stamp, position=(*position[i], 0), yaw=yaw[i], linear=linear, angular=angular)
            bag.write('/odom', stamp, message)
    with Bag(tmp_path / 'bag') as bag:
        assert check_odometry(bag, bag.topic('/odom'), CHANNELS) == []


def test_an_odometry_is_read_whole():
    message = odometry_message(5, position=(1, 2, 3), yaw=np.pi, linear=(4, 5, 6), angular=(7, 8, 9), frame_id='map')
    odometry = odometry_from_cdr(serialize(message))
    assert odometry[:4] == (5, 'map', 'base_link', (1.0, 2.0, 3.0))
    np.testing.assert_allclose(odometry.orientation, (0, 0, 1, 0), atol=1e-15)
    assert odometry.twist == (4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
