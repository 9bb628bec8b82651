import dataclasses
from copy import copy

import numpy as np
import pytest
from bundles import make_tiny_bundle
from foreign_bags import ACKERMANN, ackermann_types, write_foreign
from trials import POLICY

from lnn_controller.control import Controller
from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.messages.build import image_message, imu_message, odometry_message, twist_stamped_message
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy
from lnn_controller.replay.at_rate import replay_episode
from lnn_controller.replay.bag import replay_bag, replay_side_by_side
from lnn_controller.replay.result import summarise_replay
from lnn_controller.sim import CarWorld, schedule

S = 1_000_000_000
SECONDS = 3
STANDING_TICKS = 5


@pytest.fixture(scope='module')
def recording(policy, tmp_path_factory):
    """The bag of a drive by the policy, its first commands withheld, and the commands that it gave."""
    path = tmp_path_factory.mktemp('bags') / 'drive'
    controller, given = Controller(policy), []
    with CarWorld(21) as world, BagWriter(path) as bag:
        bag.add_topic('/image_raw', 'sensor_msgs/msg/Image')
        bag.add_topic('/imu/data', 'sensor_msgs/msg/Imu')
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        for due in schedule(world, steps=SECONDS * world.clock.steps_per_second):
            now = world.time_ns
            if due.imu:
                gyro, accel = world.imu()
                controller.on_imu(now, gyro, accel)
                bag.write('/imu/data', now, imu_message(now, gyro, accel))
            if due.camera:
                image = world.camera()
                controller.on_image(now, image)
                bag.write('/image_raw', now, image_message(now, image))
            if due.odometry:
                command = controller.step(now).command
                command = np.zeros(2) if len(given) < STANDING_TICKS else command
                given.append(command)
                world.apply(command)
                twist = twist_stamped_message(now, linear=(command[0], 0, 0), angular=(0, 0, command[1]))
                bag.write('/cmd_vel', now, twist)
    return path, np.array(given)


@pytest.mark.slow
def test_a_replayed_bag_gives_the_commands_that_the_robot_gave(policy, recording):
    path, given = recording
    told = []
    result = replay_bag(path, policy, progress=told.append)
    ticks = len(result.stamp_ns)
    assert ticks >= 50 * SECONDS - 2
    # An episode keeps IMU samples as float32: the mean over a tick differs from the robot's by rounding.
    np.testing.assert_allclose(result.policy_command[STANDING_TICKS:], given[STANDING_TICKS:ticks], atol=1e-6)
    assert sum(told) == pytest.approx(SECONDS - 1)

    summary = summarise_replay(result)
    # Until the first command to move nobody drove: that is not compared.
    assert summary.compared == ticks - STANDING_TICKS
    turn = summary.channels['angular_z']
    assert turn.mae < 1e-6
    assert turn.r2 == pytest.approx(1.0)
    assert turn.lag_s == pytest.approx(0.0, abs=1e-3)
    assert turn.jerk_rms == pytest.approx(turn.recorded_jerk_rms, rel=1e-3)
    assert summary.stops == summary.drops == {}
    assert (summary.ticks, summary.control_rate_hz) == (ticks, 50.0)
    assert 0 < summary.step_latency_p50_us <= summary.step_latency_p99_us
    assert summary.realtime_factor > 0


@pytest.mark.parametrize(
    ('provenance', 'hold_s'),
    [
        ({}, 0.5),
        ({'config': {'command_hold_s': 1.2}}, 1.2),
        ({'config': 3}, 0.5),
        ({'config': {'command_hold_s': 'x'}}, 0.5),
    ],
)
def test_the_recordings_commands_hold_as_the_policys_training_was_told(policy, recording, tmp_path, provenance, hold_s):
    with Bag(recording[0]) as drive, BagWriter(tmp_path / 'sparse') as bag:
        for topic in drive.topics.values():
            bag.add_topic(topic.name, topic.msgtype)
        last_ns = -2 * S
        for message in drive.messages():
            # From half a second on a command each second.
            if message.topic == '/cmd_vel' and (message.stamp_ns < S // 2 or message.stamp_ns - last_ns < S):
                continue
            last_ns = message.stamp_ns if message.topic == '/cmd_vel' else last_ns
            bag.write(message.topic, message.stamp_ns, message.data)
    told = copy(policy)
    told.spec = dataclasses.replace(policy.spec, provenance=provenance)
    result = replay_bag(tmp_path / 'sparse', told)
    # From the second command to the third, a second later.
    recorded, since_s = result.recorded[50:100], result.at_s[50:100] - 1.0
    np.testing.assert_array_equal(np.isfinite(recorded[:, 0]), since_s <= hold_s + 1e-9)
    np.testing.assert_array_equal(recorded[since_s <= hold_s], np.repeat(recorded[:1], sum(since_s <= hold_s), axis=0))


def test_a_recording_that_steers_by_an_angle_is_read_with_the_policys_wheelbase(policy, recording, tmp_path):
    store = ackermann_types()
    with Bag(recording[0]) as drive:
        rows = [
            (each.topic, each.stamp_ns, drive.deserialize(each)) for each in drive.messages(['/image_raw', '/imu/data'])
        ]
    steered = store.types[ACKERMANN](
        steering_angle=0.25, steering_angle_velocity=0.0, speed=2.0, acceleration=0.0, jerk=0.0
    )
    rows += [('/drive', ns, steered) for ns in range(0, SECONDS * S, S // 20)]
    path = write_foreign(tmp_path / 'steered', store, sorted(rows, key=lambda row: row[1]))
    with pytest.raises(InputError, match='--wheelbase METRES'):
        replay_bag(path, policy)
    told = copy(policy)
    told.spec = dataclasses.replace(policy.spec, provenance={'config': {'wheelbase': 0.5}})
    for given, wheelbase_m in ((None, 0.5), (0.25, 0.25)):
        recorded = replay_bag(path, told, wheelbase_m=given).recorded[10]
        np.testing.assert_allclose(recorded, [2.0, 2.0 * np.tan(0.25) / wheelbase_m], rtol=1e-6)


def test_commands_in_the_axes_of_the_world_are_read_as_the_policy_was_trained(policy, recording, tmp_path):
    with Bag(recording[0]) as drive:
        rows = [
            (each.topic, each.stamp_ns, drive.deserialize(each)) for each in drive.messages(['/image_raw', '/imu/data'])
        ]
    for ns in range(0, SECONDS * S, S // 20):
        rows.append(('/cmd_vel', ns, twist_stamped_message(ns, linear=(0, 2, 0), angular=(0, 0, 0.5))))
        # It heads along y.
        rows.append(('/odom', ns, odometry_message(ns, position=(0, 0, 0), yaw=np.pi / 2)))
    path = write_foreign(tmp_path / 'world', ackermann_types(), sorted(rows, key=lambda row: row[1]))
    told = copy(policy)
    told.spec = dataclasses.replace(policy.spec, provenance={'config': {'command_frame': 'world'}})
    for each, frame, forward in ((policy, None, 0.0), (told, None, 2.0), (told, 'auto', 0.0), (policy, 'world', 2.0)):
        recorded = replay_bag(path, each, command_frame=frame).recorded[10]
        np.testing.assert_allclose(recorded, [forward, 0.5], atol=1e-6)


def test_the_last_part_alone_counts_but_all_of_it_runs(policy, recording):
    result = replay_bag(recording[0], policy, rate_hz=20.0)
    summary = summarise_replay(result, last=0.25)
    assert summary.ticks == len(result.decisions) == 60
    assert summary.compared == pytest.approx(15, abs=1)
    assert result.counted_from_s(0.25) == pytest.approx(0.75 * result.at_s[-1])


def test_stops_are_counted_by_reason_and_not_compared(policy, recording):
    result = replay_bag(recording[0], policy)
    episode = result.episode
    late = episode.image_stamps_ns > episode.image_stamps_ns[0] + 1_500_000_000
    late[0] = True  # the camera falls silent between its first frame and the middle
    cut = type(episode)(**(vars(episode) | {
        'images': episode.images[late], 'image_stamps_ns': episode.image_stamps_ns[late],
    }))  # fmt: skip
    result = replay_episode(cut, policy)
    assert result.stops == {'image_stale': 1}
    stopped = np.isnan(result.policy_command).all(axis=1)
    assert stopped.sum() == pytest.approx((1.5 - 0.2 + 0.5) * 50, abs=3)
    summary = summarise_replay(result)
    assert summary.compared == np.isfinite(result.recorded).all(axis=1)[~stopped].sum()


@pytest.mark.parametrize('rate_hz', [0.0, 1001.0, float('nan')])
def test_a_rate_out_of_range(policy, recording, rate_hz):
    with pytest.raises(InputError, match=r'control rate must be from 1 to 1000 Hz. Got'):
        replay_bag(recording[0], policy, rate_hz=rate_hz)


def test_an_episode_at_a_rate_out_of_range(policy, recording):
    episode = replay_bag(recording[0], policy).episode
    with pytest.raises(InputError, match=r'control rate must be from 1 to 1000 Hz. Got 0'):
        replay_episode(episode, policy, rate_hz=0.0)


def test_a_recording_whose_imu_begins_too_late(policy, recording):
    episode = replay_bag(recording[0], policy).episode
    late = {'imu': episode.imu[-1:], 'imu_stamps_ns': episode.image_stamps_ns[-1:]}
    with pytest.raises(InputError, match=r'frames must go on after the IMU and the commands have begun\. Got no frame'):
        replay_episode(type(episode)(**(vars(episode) | late)), policy)


@pytest.mark.parametrize('last', [0.0, 1.1, float('nan')])
def test_a_share_out_of_range(policy, recording, last):
    result = replay_bag(recording[0], policy)
    with pytest.raises(InputError, match=r'--last must be a share above 0 and at most 1. Got'):
        summarise_replay(result, last=last)


def test_a_policy_that_never_drives_cannot_be_compared(recording, tmp_path):
    broken = Policy.load(make_tiny_bundle(tmp_path / 'nan', not_finite='command'))
    with pytest.raises(InputError, match=r'no tick has both commands.* Stops: not_finite'):
        summarise_replay(replay_bag(recording[0], broken))


def test_a_missing_bag(policy, tmp_path):
    with pytest.raises(InputError, match=r'no bag at .*nowhere'):
        replay_bag(tmp_path / 'nowhere', policy)


def test_policies_side_by_side_share_what_was_read(policy, recording, tmp_path):
    blind = Policy.load(make_tiny_bundle(tmp_path / 'without_imu', imu=False, **POLICY))
    alike, again, other = replay_side_by_side(recording[0], [policy, policy, blind])
    assert alike.episode.images is again.episode.images
    np.testing.assert_array_equal(alike.policy_command, again.policy_command)
    assert other.episode.imu is None
    # Each as if it were replayed alone.
    for one, alone in ((alike, policy), (other, blind)):
        np.testing.assert_array_equal(one.policy_command, replay_bag(recording[0], alone).policy_command)
