"""Recordings of drones, as their usual software writes them, give the velocities that were flown, level and ahead."""

import math

import numpy as np
import pytest
from flights import CHANNELS, Flight, cdr, fields, write
from foreign_bags import foreign_types

from lnn_controller.data import Topics, read_episode
from lnn_controller.data.messages import px4
from lnn_controller.data.messages.cdr import points_down, pose_from_cdr
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

FLIGHT = Flight()
IMAGE = ImageSpec(24, 32)


def read(path, *, channels=CHANNELS, command_frame='auto', **topics):
    return read_episode(path, image=IMAGE, channels=channels, topics=Topics(**topics), command_frame=command_frame)


def commands(episode, flight=FLIGHT):
    """What an episode holds, and what was flown at the same times."""
    index = np.searchsorted(flight.stamps, episode.command_stamps_ns)
    np.testing.assert_array_equal(flight.stamps[index], episode.command_stamps_ns)
    return episode.commands, flight.commands[index]


def same(episode, tolerance=1e-6):
    got, flown = commands(episode)
    assert len(got) == len(FLIGHT.stamps)
    np.testing.assert_allclose(got, flown, atol=tolerance)


def test_a_body_that_tilts_has_other_velocities_than_its_heading():
    off = np.abs(FLIGHT.body - FLIGHT.velocity).max(axis=0)
    assert off[2] > 0.5
    assert max(np.abs(FLIGHT.pitch).max(), np.abs(FLIGHT.roll).max()) < math.radians(21)


def test_what_a_pilot_flew_is_read_from_the_odometry_of_mavros_and_made_level(tmp_path):
    episode = read(write(tmp_path / 'bag', FLIGHT.mavros()))
    same(episode)
    assert episode.topics == {
        'image': '/camera/image_raw',
        'imu': '/mavros/imu/data',
        'command': '/mavros/local_position/odom',
    }
    np.testing.assert_allclose(episode.imu[:, :3], FLIGHT.rates, atol=1e-6)


def test_a_car_is_read_as_before_whatever_it_tilts(tmp_path):
    bag = write(tmp_path / 'bag', FLIGHT.mavros())
    got = read(bag, channels=('linear_x', 'angular_z')).commands
    np.testing.assert_allclose(got, np.stack([FLIGHT.body[:, 0], FLIGHT.rates[:, 2]], axis=1), atol=1e-6)


@pytest.mark.parametrize('name', ['velocity_local', 'velocity_body'])
def test_velocities_that_mavros_measured_are_no_commands(tmp_path, name):
    bag = write(tmp_path / 'bag', FLIGHT.mavros())
    with pytest.raises(InputError, match=f'{name}: commands must be velocities. MAVROS publishes what it measured, in'):
        read(bag, command=f'/mavros/local_position/{name}')


def test_setpoints_ahead_and_left_are_learnt_as_they_are(tmp_path):
    episode = read(write(tmp_path / 'bag', [*FLIGHT.mavros(), *FLIGHT.twists(FLIGHT.velocity)]))
    same(episode)
    assert episode.topics['command'] == '/mavros/setpoint_velocity/cmd_vel'


def test_setpoints_in_the_axes_of_the_world_are_turned_by_the_heading(tmp_path):
    bag = write(tmp_path / 'bag', [*FLIGHT.mavros(), *FLIGHT.twists(FLIGHT.world, frame_id='map')])
    same(read(bag, command_frame='world'))
    same(read(bag, command_frame='world', odometry='/mavros/local_position/odom'))
    np.testing.assert_allclose(read(bag).commands[:, :3], FLIGHT.world, atol=1e-6)
    with pytest.raises(
        InputError, match=r'has no odometry /odom. Odometries and poses there: /mavros/local_position/odom'
    ):
        read(bag, command_frame='world', odometry='/odom')


def test_poses_alone_tell_the_heading_and_goals_do_not(tmp_path):
    rows = [*FLIGHT.camera(), *FLIGHT.twists(FLIGHT.world)]
    goals = FLIGHT.each('/mavros/setpoint_position/local', lambda i, stamp: FLIGHT.pose(0, stamp))
    poses = FLIGHT.each('/mavros/local_position/pose', FLIGHT.pose)
    same(read(write(tmp_path / 'poses', rows + goals + poses), command_frame='world'))
    with pytest.raises(InputError, match='need an odometry at the same time'):
        read(write(tmp_path / 'goals', rows + goals), command_frame='world')


def test_setpoints_in_the_axes_of_the_world_need_an_odometry_at_the_same_time(tmp_path):
    rows = [*FLIGHT.camera(), *FLIGHT.twists(FLIGHT.world)]
    with pytest.raises(InputError, match='cmd_vel: commands in the axes of the world need an odometry at the same'):
        read(write(tmp_path / 'none', rows), command_frame='world')
    late = FLIGHT.each('/odom', FLIGHT.odometry)[200:]
    episode = read(write(tmp_path / 'late', rows + late), command_frame='world')
    got, flown = commands(episode)
    # Half a second before the odometry begins its first heading still counts.
    np.testing.assert_allclose(got[25:], flown[25:], atol=1e-6)
    assert episode.drops['command_without_heading'] == 200 - 25
    other = [('/fused/pose', *row[1:]) for row in late] + [('/vio/pose', *row[1:]) for row in late]
    with pytest.raises(InputError, match=r'several odometries or poses: .*/fused/pose .*--odometry-topic'):
        read(write(tmp_path / 'two', rows + other), command_frame='world')


@pytest.mark.parametrize(('frame', 'velocity'), [(1, FLIGHT.world), (7, FLIGHT.world), (8, FLIGHT.velocity)])
def test_position_targets_say_themselves_in_whose_axes_they_are(tmp_path, frame, velocity):
    rows = FLIGHT.mavros() + FLIGHT.position_targets(velocity, frame, 0b010111000111)
    episode = read(write(tmp_path / 'bag', rows))
    same(episode)
    assert episode.topics['command'] == '/mavros/setpoint_raw/local'


@pytest.mark.parametrize(
    ('frame', 'mask', 'told'),
    [
        (1, 0b100111111000, r'Got one without velocity \(type_mask 2552\): learn what was flown'),
        (8, 0b100111000111, r'Got one without yaw rate \(type_mask 2503\)'),
        (4, 0b010111000111, 'read in frame 1, 7, 8 or 9. Got coordinate_frame 4'),
    ],
)
@pytest.mark.slow
def test_position_targets_of_something_else_are_refused(tmp_path, frame, mask, told):
    rows = FLIGHT.mavros() + FLIGHT.position_targets(FLIGHT.velocity, frame, mask)
    bag = write(tmp_path / 'bag', rows)
    with pytest.raises(InputError, match=told):
        read(bag, command='/mavros/setpoint_raw/local')
    episode = read(bag)
    assert episode.topics['command'] == '/mavros/local_position/odom'
    assert 'zero throughout, or no velocities: /mavros/setpoint_raw/local' in episode.notes[0]


def test_neither_heading_nor_rate_is_no_turn(tmp_path):
    (_, _, message), *_ = FLIGHT.position_targets(FLIGHT.velocity, 8, 0b110111000111)
    setpoint = px4.position_target_from_cdr(cdr(message))
    np.testing.assert_allclose(setpoint.twist, [*FLIGHT.velocity[0], 0, 0, 0])
    assert not setpoint.in_world


@pytest.mark.parametrize('velocity_frame', [1, 3])
def test_what_a_pilot_flew_is_read_from_px4s_own_odometry_and_imu(tmp_path, velocity_frame):
    episode = read(write(tmp_path / 'bag', FLIGHT.px4(velocity_frame)))
    same(episode, 2e-6)
    assert episode.topics['imu'] == '/fmu/out/sensor_combined'
    np.testing.assert_allclose(episode.imu[:, :3], FLIGHT.rates, atol=1e-6)
    level = np.array([turn.T @ (0, 0, 9.81) for turn in FLIGHT.turns])
    np.testing.assert_allclose(episode.imu[:, 3:], level, atol=1e-5)


def test_px4s_odometry_is_that_of_ros():
    (_, _, message) = next(row for row in FLIGHT.px4() if row[0] == '/fmu/out/vehicle_odometry')
    odometry = px4.vehicle_odometry_from_cdr(cdr(message))
    ours = FLIGHT.odometry(0, 0)
    np.testing.assert_allclose(odometry.position, FLIGHT.position[0], atol=1e-6)
    pose = ours.pose.pose.orientation
    got = np.array(odometry.orientation)
    assert abs(got @ (pose.x, pose.y, pose.z, pose.w)) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(odometry.twist, [*FLIGHT.body[0], *FLIGHT.rates[0]], atol=1e-6)


def test_px4s_setpoints_are_turned_from_north_east_down(tmp_path):
    def setpoints(i):
        east, north, up = FLIGHT.world[i]
        return (north, east, -up), math.nan, -FLIGHT.yaw_rate[i]

    episode = read(write(tmp_path / 'bag', FLIGHT.px4(setpoints=setpoints)))
    same(episode, 2e-6)
    assert episode.topics['command'] == '/fmu/in/trajectory_setpoint'


@pytest.mark.parametrize(
    ('setpoint', 'lacks'),
    [
        (((math.nan, math.nan, math.nan), 0.5, math.nan), 'velocity'),
        (((1.0, 0.0, 0.0), 0.5, math.nan), 'yaw rate'),
    ],
)
def test_px4s_setpoints_of_positions_and_headings_are_refused(tmp_path, setpoint, lacks):
    bag = write(tmp_path / 'bag', FLIGHT.px4(setpoints=lambda i: setpoint))
    with pytest.raises(InputError, match=rf'a velocity and a yaw rate. Got one without {lacks} \(NaN\)'):
        read(bag, command='/fmu/in/trajectory_setpoint')
    assert read(bag).topics['command'] == '/fmu/out/vehicle_odometry'
    some = FLIGHT.px4(setpoints=lambda i: setpoint if i < 100 else ((1.0, 0.0, 0.0), math.nan, 0.1))
    episode = read(write(tmp_path / 'some', some))
    assert (len(episode.commands), episode.drops) == (500, {'command_without_velocity': 100})


def test_messages_of_an_older_px4_are_refused_by_name(tmp_path):
    older = 'uint64: timestamp; float32: x y z yaw yawspeed vx vy vz acc_x acc_y acc_z jerk_x; float32[3]: thrust'
    kind = 'px4_msgs/msg/TrajectorySetpoint'
    store = foreign_types({kind: fields(older)})
    numbers = np.zeros(12).tolist()
    data = store.serialize_cdr(store.types[kind](0, *numbers, np.zeros(3, np.float32)), kind)
    with pytest.raises(InputError, match=r'px4_msgs/msg/TrajectorySetpoint of PX4 1.14 or later is needed'):
        px4.trajectory_setpoint_from_cdr(data)
    (_, _, message) = next(row for row in FLIGHT.px4() if row[0] == '/fmu/out/vehicle_odometry')
    message.velocity_frame = 2
    with pytest.raises(InputError, match=r'or the body. Got velocity_frame 2, pose_frame 1'):
        px4.vehicle_odometry_from_cdr(cdr(message))
    message.velocity_frame = 0
    with pytest.raises(InputError, match=r'must name the frame of its velocity. Got velocity_frame 0'):
        px4.vehicle_odometry_from_cdr(cdr(message))


def test_a_crazyflie_is_read_from_its_odometry_in_whatever_axes(tmp_path):
    episode = read(write(tmp_path / 'body', FLIGHT.crazyflie(in_world=False)))
    same(episode)
    assert episode.topics['command'] == '/cf231/odom'
    bag = write(tmp_path / 'world', FLIGHT.crazyflie(in_world=True))
    got, flown = commands(read(bag, command_frame='world'))
    np.testing.assert_allclose(got[:, :3], flown[:, :3], atol=1e-6)
    with pytest.raises(InputError, match=r'cmd_vel_legacy: commands must be velocities. Crazyswarm2 takes roll, pitch'):
        read(bag, command='/cf231/cmd_vel_legacy')
    with pytest.raises(InputError, match='cmd_hover: commands are read from'):
        read(bag, command='/cf231/cmd_hover')


@pytest.mark.parametrize('frames', [{'frame_id': 'uav1/odom_ned'}, {'child_frame_id': 'base_link_frd'}])
def test_odometry_whose_z_points_down_by_name_is_neither_learnt_nor_a_heading(tmp_path, frames):
    (down,) = frames.values()
    told = rf'must have z up \(REP-103\). Got the frame {down}, in which it points down'
    odometry = FLIGHT.each('/odom', lambda i, stamp: FLIGHT.odometry(i, stamp, **frames))
    flown = write(tmp_path / 'flown', FLIGHT.camera() + odometry)
    with pytest.raises(InputError, match=rf'topic /odom: not one of its {len(odometry)} samples is usable: .*{told}'):
        read(flown, command='/odom')
    turned = write(tmp_path / 'turned', [*FLIGHT.camera(), *odometry, *FLIGHT.twists(FLIGHT.world)])
    with pytest.raises(InputError, match=rf'/odom: an orientation must be filled in.* {told}'):
        read(turned, command_frame='world')
    same(read(write(tmp_path / 'led', [*FLIGHT.camera(), *odometry, *FLIGHT.twists(FLIGHT.velocity)])))


def test_poses_whose_z_points_down_by_name_are_no_heading():
    pose = FLIGHT.pose(0, 1)
    pose.header.frame_id = 'map_ned'
    with pytest.raises(InputError, match=r'Got the frame map_ned'):
        pose_from_cdr(cdr(pose))


@pytest.mark.parametrize('name', ['odom', 'odometry_aligned', 'learned', 'ned_base', ''])
def test_other_frames_point_up(name):
    assert points_down(name, 'base_link') == ''


def test_a_frame_that_there_is_not_is_refused(tmp_path):
    bag = write(tmp_path / 'bag', FLIGHT.mavros())
    with pytest.raises(InputError, match=r'a frame of commands is one of auto, world. Got .body'):
        read(bag, command_frame='body')
