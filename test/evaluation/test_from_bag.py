import math

import numpy as np
import pytest
from trials import MS

from lnn_controller.data import BagWriter
from lnn_controller.data.messages.build import image_message, odometry_message, twist_stamped_message, typestore
from lnn_controller.errors import InputError
from lnn_controller.evaluation.from_bag import read_frames, read_trial
from lnn_controller.evaluation.trial import summarise
from lnn_controller.sim import LANE_OFFSET_M, Track

WHERE = {'policy': 'p', 'scene': 'summer', 'seed': 21}
TOPICS = {
    '/odom': 'nav_msgs/msg/Odometry',
    '/cmd_vel': 'geometry_msgs/msg/TwistStamped',
    '/image_raw': 'sensor_msgs/msg/Image',
    '/controller/neurons': 'sensor_msgs/msg/JointState',
    '/sim/departures': 'std_msgs/msg/UInt32',
    '/diagnostics': 'diagnostic_msgs/msg/DiagnosticArray',
}


def neurons_message(stamp_ns, state):
    types = typestore().types
    time = types['builtin_interfaces/msg/Time'](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    header = types['std_msgs/msg/Header'](stamp=time, frame_id='')
    none = np.zeros(0)
    names = [f'neuron_{k}' for k in range(len(state))]
    return types['sensor_msgs/msg/JointState'](
        header=header, name=names, position=np.array(state, float), velocity=none, effort=none
    )


def tick_message(stamp_ns, reason, latency_us):
    message = neurons_message(stamp_ns, [latency_us])
    message.name, message.header.frame_id = ['latency_us'], reason
    return message


def diagnostics_message(stamp_ns, figures):
    types = typestore().types
    time = types['builtin_interfaces/msg/Time'](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    values = [types['diagnostic_msgs/msg/KeyValue'](key=key, value=value) for key, value in figures.items()]
    status = types['diagnostic_msgs/msg/DiagnosticStatus'](
        level=0, name='controller: control', message='driving', hardware_id='p', values=values
    )
    other = types['diagnostic_msgs/msg/DiagnosticStatus'](
        level=0, name='sim: world', message='', hardware_id='', values=[]
    )
    header = types['std_msgs/msg/Header'](stamp=time, frame_id='')
    return types['diagnostic_msgs/msg/DiagnosticArray'](header=header, status=[other, status])


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """
    Four seconds along road 21, 5 cm left of the lane's centre.

    Standing for the first, 2 m/s for the second and third, told to stand in the fourth.
    """
    path = tmp_path_factory.mktemp('bags') / 'drive'
    road, s_m = Track(21), 0.0
    with BagWriter(path) as writer:
        for topic, kind in TOPICS.items():
            writer.add_topic(topic, kind)
        writer.write('/sim/departures', 1, typestore().types['std_msgs/msg/UInt32'](data=3))
        for tick in range(200):
            now = 10**9 + 20 * MS * tick
            speed = 2.0 if 50 <= tick < 150 else 0.0
            x, y, yaw = road.at(s_m, LANE_OFFSET_M + 0.05)
            odometry = odometry_message(now, position=(x, y, 0), yaw=yaw, linear=(speed, 0, 0))
            writer.write('/odom', now, odometry)
            writer.write('/cmd_vel', now, twist_stamped_message(now, linear=(speed, 0, 0), angular=(0, 0, speed / 10)))
            writer.write('/controller/neurons', now, neurons_message(now, [tick, -tick]))
            if tick % 10 == 0:
                writer.write('/image_raw', now, image_message(now, np.full((66, 200, 3), tick, np.uint8)))
            s_m += 0.02 * speed
        writer.write('/sim/departures', 3 * 10**9, typestore().types['std_msgs/msg/UInt32'](data=4))
        early = {'step_latency_p50_us': '1.0', 'step_latency_p99_us': '2.0', 'stop_no_image': '1'}
        late = {'step_latency_p50_us': '80.5', 'step_latency_p99_us': '120.0', 'stop_no_image': '1'}
        writer.write('/diagnostics', 2 * 10**9, diagnostics_message(2 * 10**9, early))
        writer.write(
            '/diagnostics', 3 * 10**9, diagnostics_message(3 * 10**9, late | {'stop_image_stale': '2', 'ticks': '9'})
        )
        writer.write('/diagnostics', 9 * 10**9, diagnostics_message(9 * 10**9, {'stop_shutdown': '1'}))
    return path


def test_a_drive_begins_with_the_first_command_to_move(bag):
    drive = read_trial(bag, **WHERE, wall_s=1.5)
    assert drive.stamp_ns[0] == drive.command_stamp_ns[0] == 2 * 10**9
    assert drive.seconds == pytest.approx(2.98)
    assert drive.figures['cross_track_error_rms_m'] == pytest.approx(0.05, abs=2e-3)
    np.testing.assert_allclose(drive.command[0], (2.0, 0.2))
    np.testing.assert_allclose(drive.neurons[0], (50.0, -50.0))
    assert drive.figures['departures'] == 1
    assert drive.stops == {'image_stale': 2}  # waiting for the first image is no stop
    assert drive.step_latency_us == (80.5, 120.0)
    summary = summarise(drive)
    assert summary['distance_m'] == pytest.approx(4.0, abs=0.03)
    assert summary['realtime_factor'] == pytest.approx(2.98 / 1.5)
    assert summary['departures'] == 1


def test_what_the_controller_did_is_read_from_its_ticks_where_they_are_recorded(tmp_path):
    reasons = ['no_image', '', '', 'image_stale', 'image_stale', '', 'obstacle', 'image_stale', 'shutdown']
    with BagWriter(tmp_path / 'drive') as writer:
        for topic, kind in {**TOPICS, '/controller/ticks': 'sensor_msgs/msg/JointState'}.items():
            writer.add_topic(topic, kind)
        for tick, reason in enumerate(reasons):
            now, speed = 10**9 + 20 * MS * tick, 0.0 if reason else 1.0
            writer.write('/odom', now, odometry_message(now, position=(0, 0, 0), yaw=0.0))
            writer.write('/cmd_vel', now, twist_stamped_message(now, linear=(speed, 0, 0)))
            writer.write('/controller/ticks', now, tick_message(now, reason, 0.0 if reason else 100.0 + tick))
            writer.write('/diagnostics', now, diagnostics_message(now, {'stop_clock_jump': '7'}))
    drive = read_trial(tmp_path / 'drive', **WHERE)
    assert drive.stops == {'image_stale': 2, 'obstacle': 1}
    assert drive.step_latency_us == pytest.approx((102.0, 104.94))
    assert read_trial(tmp_path / 'drive', **WHERE, seconds=0.03).stops == {}


def test_only_the_wanted_time_counts(bag):
    drive = read_trial(bag, **WHERE, seconds=0.5)
    assert drive.seconds == pytest.approx(0.5)
    assert drive.figures['departures'] == 0
    assert drive.step_latency_us == (1.0, 2.0)
    assert drive.stops == {}


def test_the_pose_is_the_recorded_one(bag):
    drive = read_trial(bag, **WHERE)
    x, y, yaw = Track(21).at(0.0, LANE_OFFSET_M + 0.05)
    np.testing.assert_allclose(drive.pose[0], [x, y, 0, 0, 0, math.sin(yaw / 2), math.cos(yaw / 2)], atol=1e-9)
    assert drive.speed_m_s[0] == 2.0


@pytest.fixture(scope='module')
def flight(tmp_path_factory):
    """A drone that waits for a second, flies left and up for two, reaches its target, and hears of it a moment late."""
    path, types = tmp_path_factory.mktemp('bags') / 'flight', typestore().types
    kinds = {
        '/sim/target': 'geometry_msgs/msg/PoseStamped',
        '/sim/reached': 'std_msgs/msg/UInt32',
        '/sim/outcome': 'std_msgs/msg/String',
    }
    with BagWriter(path) as writer:
        for topic, kind in (TOPICS | kinds).items():
            writer.add_topic(topic, kind)
        writer.write('/sim/reached', 1, types['std_msgs/msg/UInt32'](data=0))
        for tick in range(120):
            now = 10**9 + 100 * MS * tick // 3
            moves = float(tick >= 30)
            place, turn = (0.0, 0.02 * tick, 1.5), (0.0, 0.1, 0.0, 0.995)
            odometry = odometry_message(now, position=place, orientation=turn, linear=(0.0, 0.6 * moves, 0.2))
            target = odometry_message(now, position=(4.0, 1.0, 1.4))
            writer.write('/odom', now, odometry)
            posed = types['geometry_msgs/msg/PoseStamped'](header=odometry.header, pose=target.pose.pose)
            writer.write('/sim/target', now, posed)
            command = twist_stamped_message(now, linear=(0.0, 0.5 * moves, 0.1 * moves), angular=(0, 0, 0))
            writer.write('/cmd_vel', now, command)
            if tick == 90:
                writer.write('/sim/reached', now - 3 * MS, types['std_msgs/msg/UInt32'](data=1))
                writer.write('/sim/outcome', now - 2 * MS, types['std_msgs/msg/String'](data='success'))
    return path


def test_a_flight_ends_with_its_outcome(flight):
    trial = read_trial(flight, policy='p', robot='drone', task='fly', scene='winter', seed=5000)
    assert (trial.robot, trial.task, trial.outcome) == ('drone', 'fly', 'success')
    assert trial.seconds == pytest.approx(2.0)
    assert dict(trial.figures) == {'success': 1, 'time_s': pytest.approx(2.0), 'reached': 1, 'collisions': 0}
    assert trial.channels == ('linear_x', 'linear_y', 'linear_z', 'angular_z')
    np.testing.assert_allclose(trial.command[0], (0.0, 0.5, 0.1, 0.0))
    np.testing.assert_allclose(trial.pose[0], (0.0, 0.6, 1.5, 0.0, 0.1, 0.0, 0.995))
    np.testing.assert_allclose(trial.target, np.tile([4.0, 1.0, 1.4], (61, 1)))
    summary = summarise(trial)
    assert (summary['outcome'], summary['seed']) == ('success', 5000)


def test_a_flight_that_is_cut_short_has_no_outcome(flight):
    trial = read_trial(flight, policy='p', robot='drone', task='fly', scene='winter', seed=5000, seconds=1.0)
    assert (trial.outcome, trial.figures['success'], trial.figures['reached']) == ('', 0, 0)


def test_frames_come_in_order(bag):
    frames = list(read_frames(bag))
    assert [stamp for stamp, _ in frames] == [10**9 + 200 * MS * k for k in range(20)]
    assert [int(image[0, 0, 0]) for _, image in frames] == list(range(0, 200, 10))


def test_frames_of_a_missing_topic(bag):
    with pytest.raises(InputError, match=r'has no topic /camera'):
        list(read_frames(bag, '/camera'))


def test_a_bag_in_which_nobody_drove(tmp_path):
    with BagWriter(tmp_path / 'still') as writer:
        for topic in ('/odom', '/cmd_vel'):
            writer.add_topic(topic, TOPICS[topic])
        writer.write('/odom', 5, odometry_message(5, position=(0, 0, 0), yaw=0.0))
        writer.write('/cmd_vel', 5, twist_stamped_message(5))
    with pytest.raises(InputError, match=r'must hold a drive: odometry and a command to move. Got only'):
        read_trial(tmp_path / 'still', **WHERE)


def test_a_bag_without_odometry(tmp_path):
    with BagWriter(tmp_path / 'blind') as writer:
        writer.add_topic('/cmd_vel', TOPICS['/cmd_vel'])
        writer.write('/cmd_vel', 5, twist_stamped_message(5))
    with pytest.raises(InputError, match=r'has no topic /odom'):
        read_trial(tmp_path / 'blind', **WHERE)
