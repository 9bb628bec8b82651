"""Of several topics of a kind, what they hold decides: the one that moves, the IMU that has both halves."""

import numpy as np
import pytest
from recordings import HEIGHT, MS, WIDTH, picture

from lnn_controller.data import Bag, BagWriter, Topics, read_episode
from lnn_controller.data.choice import choose_command, choose_imu
from lnn_controller.data.messages import build as m
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

TWIST, ODOMETRY, IMU = 'geometry_msgs/msg/Twist', 'nav_msgs/msg/Odometry', 'sensor_msgs/msg/Imu'
FORWARD, TURN = (0,), (5,)


def write(path, **topics):
    """A bag with frames and, on each topic, ten messages of a type made by a function of the stamp."""
    with BagWriter(path) as bag:
        bag.add_topic('/image_raw', 'sensor_msgs/msg/Image')
        for name, (msgtype, _) in topics.items():
            bag.add_topic(f'/{name}', msgtype)
        for stamp in range(MS, 11 * MS, MS):
            bag.write('/image_raw', stamp, m.image_message(stamp, picture(0)))
            for name, (_, make) in topics.items():
                bag.write(f'/{name}', stamp, make(stamp))
    return path


def twists(forward, since_ns=0):
    return TWIST, lambda stamp: m.twist_message(linear=(forward * (stamp >= since_ns), 0, 0))


def odometry(forward):
    return ODOMETRY, lambda stamp: m.odometry_message(stamp, position=(0, 0, 0), yaw=0, linear=(forward, 0, 0))


def imus(*, gyro=0.0, accel=0.0):
    def make(stamp):
        message = m.imu_message(stamp, (0, 0, 1), (0, 0, 9.81))
        message.angular_velocity_covariance = np.array([gyro, *[0.0] * 8])
        message.linear_acceleration_covariance = np.array([accel, *[0.0] * 8])
        return message

    return IMU, make


@pytest.mark.parametrize(
    ('topics', 'chosen', 'idle'),
    [
        ({'cmd_vel': twists(0), 'odom': odometry(0.5)}, '/odom', '/cmd_vel'),
        ({'cmd_vel': twists(0), 'cmd_vel_nav': twists(0.5), 'odom': odometry(0.5)}, '/cmd_vel_nav', '/cmd_vel'),
        ({'joystick': twists(0), 'planner': twists(0.5)}, '/planner', '/joystick'),
        ({'cmd_vel': twists(0.5, since_ns=9 * MS), 'odom': odometry(0.5)}, '/cmd_vel', ''),
        ({'cmd_vel': twists(0.5), 'odom': odometry(0)}, '/cmd_vel', ''),
        # A robot that stood: its odometry's noise is no driving, and an idle topic is the usual one's business.
        ({'cmd_vel': twists(0), 'odom': odometry(0.002)}, '/cmd_vel', ''),
        ({'cmd_vel': twists(0)}, '/cmd_vel', ''),
    ],
)
def test_the_commands_are_those_that_move(tmp_path, topics, chosen, idle):
    with Bag(write(tmp_path / 'bag', **topics)) as bag:
        topic, note = choose_command(bag, None, FORWARD)
    assert topic.name == chosen
    assert (f'bag: the commands are those of {chosen} ' in note, f'zero throughout: {idle} ' in note) == (
        (True, True) if idle else (False, False)
    )


def test_what_moves_is_judged_by_the_channels_that_are_wanted(tmp_path):
    topics = {'cmd_vel': twists(0.5), 'odom': odometry(0.5)}
    with Bag(write(tmp_path / 'bag', **topics)) as bag:
        assert choose_command(bag, None, TURN)[0].name == '/cmd_vel'


def test_a_topic_that_is_named_is_taken_and_several_that_move_are_asked_about(tmp_path):
    with Bag(write(tmp_path / 'bag', cmd_vel=twists(0), a=twists(1), b=twists(1))) as bag:
        assert choose_command(bag, 'cmd_vel', FORWARD)[0].name == '/cmd_vel'
        with pytest.raises(InputError, match=r'several command topics: /a .*, /b .*\. Choose one'):
            choose_command(bag, None, FORWARD)


def test_an_episode_has_the_commands_that_move_and_says_so(tmp_path):
    path = write(tmp_path / 'bag', cmd_vel=twists(0), odom=odometry(0.5))
    episode = read_episode(path, image=ImageSpec(HEIGHT, WIDTH))
    assert episode.topics['command'] == '/odom'
    np.testing.assert_array_equal(episode.commands[:, 0], np.full(10, 0.5, np.float32))
    assert len(episode.notes) == 1
    assert read_episode(path, image=ImageSpec(HEIGHT, WIDTH), topics=Topics(command='odom')).notes == ()


def test_of_several_imus_the_whole_one(tmp_path):
    topics = {'gyro': imus(accel=-1), 'accel': imus(gyro=-1), 'both': imus(), 'cmd_vel': twists(1)}
    with Bag(write(tmp_path / 'bag', **topics)) as bag:
        assert choose_imu(bag, None).name == '/both'
        assert choose_imu(bag, 'gyro').name == '/gyro'


def test_halves_in_two_topics_are_no_imu(tmp_path):
    path = write(tmp_path / 'bag', gyro=imus(accel=-1), accel=imus(gyro=-1), cmd_vel=twists(1))
    told = r'in one topic\. Got /accel declares no gyro.*; /gyro declares no accelerometer.*train with --imu no'
    with pytest.raises(InputError, match=told):
        read_episode(path, image=ImageSpec(HEIGHT, WIDTH))
    assert read_episode(path, image=ImageSpec(HEIGHT, WIDTH), use_imu=False).imu is None
    two = write(tmp_path / 'two', a=imus(), b=imus(), cmd_vel=twists(1))
    with Bag(two) as bag, pytest.raises(InputError, match='several imu topics'):
        choose_imu(bag, None)
