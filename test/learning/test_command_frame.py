"""In whose axes a drone's commands are is found before any training, by how it then flew."""

import dataclasses

import numpy as np
import pytest
from flights import CHANNELS, Flight, write
from made_bags import write_drive

from lnn_controller.data.bags.topics import Topics
from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import load

CONFIG = TrainConfig(steps=20, epochs=1, batch_size=8, window_ticks=16, augmentation='none', outputs=CHANNELS)
FLIGHT = Flight()
DELAYS = [0, 10, 40]  # samples of 20 ms from a command to its flight


def notes(bag, topics=None, **chosen):
    return load([bag], dataclasses.replace(CONFIG, **chosen), topics)[1].notes


@pytest.mark.parametrize('delay', DELAYS)
@pytest.mark.parametrize('frame_id', ['base_link', 'map'])
@pytest.mark.slow
def test_commands_ahead_and_left_are_as_they_should_be(tmp_path, delay, frame_id):
    bag = write(tmp_path / 'bag', FLIGHT.mavros() + FLIGHT.twists(FLIGHT.velocity, delay=delay, frame_id=frame_id))
    assert notes(bag) == ()
    with pytest.raises(InputError, match=r'read in, in the axes of the world\. .* Leave out --command-frame world'):
        notes(bag, command_frame='world')


@pytest.mark.parametrize('delay', DELAYS)
@pytest.mark.parametrize('frame_id', ['base_link', 'map'])
@pytest.mark.slow
def test_commands_in_the_axes_of_the_world_are_refused_until_they_are_said_to_be(tmp_path, delay, frame_id):
    bag = write(tmp_path / 'bag', FLIGHT.mavros() + FLIGHT.twists(FLIGHT.world, delay=delay, frame_id=frame_id))
    with pytest.raises(InputError, match=r'/mavros/local_position/odom .* Read them with --command-frame world'):
        notes(bag)
    assert notes(bag, command_frame='world') == ()
    # A car has one direction alone.
    load([bag], dataclasses.replace(CONFIG, outputs=('linear_x', 'angular_z')))


def test_poses_alone_show_it(tmp_path):
    rows = FLIGHT.camera() + FLIGHT.twists(FLIGHT.world) + FLIGHT.each('/cf231/pose', FLIGHT.pose, every=5)
    bag = write(tmp_path / 'bag', rows)
    with pytest.raises(InputError, match=r'/cf231/pose .* Read them with --command-frame world'):
        notes(bag)
    assert notes(bag, command_frame='world') == ()


def test_who_always_heads_the_same_way_shows_nothing(tmp_path):
    flight = Flight(turn_rate=0.0)
    rows = flight.each('/odom', flight.odometry) + flight.camera() + flight.twists(flight.velocity)
    assert notes(write(tmp_path / 'bag', rows)) == (
        'angular_z is 0 in every command: the policy will know nothing else',
    )


def test_a_frame_of_the_world_is_told_where_nothing_shows_it(tmp_path):
    bag = write(tmp_path / 'bag', FLIGHT.camera() + FLIGHT.twists(FLIGHT.velocity, frame_id='map'))
    (told,) = notes(bag)
    assert "stamped with the frame 'map', and read as ahead and left" in told
    assert notes(write(tmp_path / 'body', FLIGHT.camera() + FLIGHT.twists(FLIGHT.velocity))) == ()


@pytest.mark.slow
def test_several_odometries_leave_open_which_shows_it(tmp_path):
    rows = FLIGHT.mavros() + FLIGHT.twists(FLIGHT.world) + FLIGHT.each('/vio/odom', FLIGHT.odometry)
    bag = write(tmp_path / 'bag', rows)
    assert notes(bag) == ()
    with pytest.raises(InputError, match='Read them with --command-frame world'):
        notes(bag, Topics(odometry='/vio/odom'))


def test_units_of_a_stick_are_refused_where_it_flies(tmp_path):
    bag = write(tmp_path / 'bag', FLIGHT.camera() + FLIGHT.twists(50 * FLIGHT.velocity))
    with pytest.raises(
        InputError, match=r'velocities must be in m/s, 30 at most. Got 89.9[0-9]*: as of a stick, an angle'
    ):
        notes(bag)


@pytest.mark.slow
def test_a_crazyflies_odometry_in_the_axes_of_the_world_is_refused_until_it_is_said_to_be(tmp_path):
    bag = write(tmp_path / 'bag', FLIGHT.crazyflie(in_world=True))
    linear = CHANNELS[:3]
    with pytest.raises(InputError, match='read it as it is with --command-frame world'):
        notes(bag, outputs=linear)
    assert notes(bag, outputs=linear, command_frame='world') == ()
    with pytest.raises(InputError, match='twist is zero in angular_z, which is to be learnt'):
        notes(bag, command_frame='world')
    body = write(tmp_path / 'body', FLIGHT.crazyflie(in_world=False))
    assert notes(body) == ()
    with pytest.raises(InputError, match=r'Got one in the frame of the robot: .* Leave the flag out'):
        notes(body, command_frame='world')


@pytest.mark.parametrize('velocity_frame', [1, 3])
def test_px4s_own_odometry_passes_the_checks(tmp_path, velocity_frame):
    assert notes(write(tmp_path / 'bag', FLIGHT.px4(velocity_frame))) == ()


def test_an_odometry_without_orientation_cannot_be_made_level(tmp_path):
    rows = FLIGHT.camera()
    for topic, stamp, message in FLIGHT.each('/odom', FLIGHT.odometry):
        message.pose.pose.orientation = type(message.pose.pose.orientation)(x=0.0, y=0.0, z=0.0, w=0.0)
        rows.append((topic, stamp, message))
    bag = write(tmp_path / 'bag', rows)
    with pytest.raises(InputError, match='the pose must have an orientation, for velocities are turned level by it'):
        notes(bag)


@pytest.mark.parametrize('seed', range(3))
def test_a_demonstrator_who_is_disturbed_is_not_mistaken(tmp_path, seed):
    rng = np.random.default_rng(seed)
    flight = Flight(turn_rate=0.3)
    bursts = np.repeat(rng.normal(0, 0.8, (20, 3)), len(flight.times) // 20, axis=0)
    rows = flight.mavros() + flight.twists(flight.velocity + bursts, delay=15)
    assert notes(write(tmp_path / 'bag', rows)) == ()


def test_an_operators_overrides_are_ahead_and_left_whatever_the_other_bags_are(tmp_path):
    overridden = write_drive(tmp_path / 'overridden', overrides_s=[(2, 10)])
    world = write(tmp_path / 'world', FLIGHT.mavros() + FLIGHT.twists(FLIGHT.world))
    chosen = {'command_frame': 'world', 'outputs': ('linear_x', 'linear_y', 'angular_z'), 'imu': 'no'}
    _, split = load([world, overridden], dataclasses.replace(CONFIG, **chosen))
    (section,) = split.validation
    np.testing.assert_allclose(section.commands[:, :2], [(0.5, 0)] * len(section.commands))
    (flight,) = split.train
    np.testing.assert_allclose(flight.commands, FLIGHT.commands[:, [0, 1, 3]], atol=1e-6)
