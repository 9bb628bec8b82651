"""What cannot be a demonstration is refused, and what should be known is told, before any training."""

import dataclasses
import re
import shutil
import zlib

import numpy as np
import pytest
from foreign_bags import ACKERMANN, ackermann_types, write_foreign
from made_bags import MS, START_NS, TWIST_STAMPED, write_steering

from lnn_controller.control import ControlSettings
from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.messages.build import image_message, imu_message, odometry_message, twist_stamped_message
from lnn_controller.data.usable import usable_spans
from lnn_controller.errors import InputError
from lnn_controller.learning import checks
from lnn_controller.learning.build import new_spec
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import load
from lnn_controller.learning.windows import cut

CONFIG = TrainConfig(steps=20, epochs=1, batch_size=8, window_ticks=16, augmentation='none')
GRAVITY = (0.0, 0.0, 9.81)


def steady(ms):
    return 1.0, np.sin(ms / 500)


def write(
    path,
    command=steady,
    *,
    every_ms=50,
    frame_ms=50,
    imu=None,
    shape=(24, 32),
    seconds=6,
    odometry=None,
    turn=None,
    robot=None,
):
    """
    A drive of frames that differ, of commands (forward, turn) by a function of the time in ms, and perhaps an IMU:
    gyro and accelerometer by such a function, and an odometry: its twist's forward speed, its pose on a circle, or
    with the turn of its twist, standing.
    """
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    with BagWriter(path, custom_data={'robot': robot} if robot else None) as bag:
        bag.add_topic('/image_raw', 'sensor_msgs/msg/Image')
        for topic, msgtype, wanted in (
            ('/cmd_vel', TWIST_STAMPED, command),
            ('/imu', 'sensor_msgs/msg/Imu', imu),
            ('/odom', 'nav_msgs/msg/Odometry', odometry),
        ):
            if wanted:
                bag.add_topic(topic, msgtype)
        for ms in range(0, seconds * 1000, 50):
            stamp, yaw = START_NS + ms * MS, ms / 2000
            picture = rng.integers(0, 255, (*shape, 3), dtype=np.uint8)
            if ms % frame_ms == 0:
                bag.write('/image_raw', stamp, image_message(stamp, picture))
            if command and ms % every_ms == 0:
                forward, turn = command(ms)
                message = twist_stamped_message(stamp, linear=(forward, 0, 0), angular=(0, 0, turn))
                bag.write('/cmd_vel', stamp, message)
            if imu:
                bag.write('/imu', stamp, imu_message(stamp, *imu(ms)))
            if odometry:
                yaw = 0.0 if turn else yaw
                position = (np.sin(yaw), 1 - np.cos(yaw), 0)
                linear, angular = (odometry(ms), 0, 0), (0, 0, turn(ms) if turn else 0.5)
                message = odometry_message(stamp, position=position, yaw=yaw, linear=linear, angular=angular)
                bag.write('/odom', stamp, message)
    return path


def notes(bags, **chosen):
    return load(bags, dataclasses.replace(CONFIG, **chosen))[1].notes


def test_of_good_recordings_there_is_nothing_to_say(tmp_path):
    assert notes([write(tmp_path / 'a', lambda ms: (ms / 1000, np.sin(ms)))]) == ()
    imu = {'imu': lambda ms: ((0, 0, ms / 1000), GRAVITY)}
    varied = [write(tmp_path / name, lambda ms: (1 + ms / 9000, np.sin(ms)), **imu) for name in 'bc']
    assert notes(varied) == ()


@pytest.mark.parametrize(
    ('command', 'told'),
    [
        (lambda ms: (0, 0), r'bag: commands must move the robot\. Got zeros throughout\. Choose the topic'),
        (lambda ms: (0, 5e-4 * np.sin(ms)), r'must move the robot\. Got 0\.0005 m/s and rad/s at most'),
        (lambda ms: (0.5, -0.25), r'bag: commands must change\. Got linear_x 0\.5, angular_z -0\.25 throughout'),
    ],
)
def test_commands_that_never_move_are_no_demonstration(tmp_path, command, told):
    with pytest.raises(InputError, match=told):
        load([write(tmp_path / 'bag', command)], CONFIG)
    with pytest.raises(InputError, match=r'2 recordings: commands must'):
        load([write(tmp_path / name, command) for name in ('one', 'two')], CONFIG)


def test_the_noise_of_an_odometry_at_rest_is_no_driving(tmp_path):
    bag = write(tmp_path / 'bag', None, odometry=lambda ms: 0.005 * np.sin(ms), turn=lambda ms: 0.01 * np.cos(ms))
    with pytest.raises(InputError, match=r'commands must move the robot\. Got 0\.01 m/s and rad/s at most'):
        load([bag], CONFIG)


def test_a_channel_that_never_changes_and_a_robot_that_mostly_stands_are_told(tmp_path):
    bags = [write(tmp_path / 'moves'), write(tmp_path / 'straight', lambda ms: (1, 0))]
    told = 'linear_x is 1 in every command: the policy will know nothing else'
    assert notes(bags) == (told,)
    bags = [write(tmp_path / 'stands', lambda ms: (0, 0)), bags[0]]
    assert notes(bags) == (f'{bags[0]}: the robot stands throughout, and that is learnt from it',)
    waits = write(tmp_path / 'waits', lambda ms: (ms >= 4500, 0.5 * (ms >= 4500)))
    assert notes([waits]) == (f'{waits}: the robot stands in 75% of the commands',)


def test_commands_of_keys_are_told_with_their_number_and_share_of_zeros(tmp_path):
    keys = write(tmp_path / 'keys', lambda ms: (1 + ms / 9000, (-1) ** (ms // 1000) if ms % 1000 < 250 else 0))
    assert notes([keys]) == (
        f'{keys}: angular_z has 3 different values and is zero in 75% of the commands that move the robot, '
        'as where keys steer or a stick is let go: the policy learns their mean for what it sees',
    )
    taps = write(tmp_path / 'taps', lambda ms: (1 + ms / 9000, np.sin(ms) * (ms % 1000 < 400)))
    assert [each.split(',')[0] for each in notes([taps])] == [
        f'{taps}: angular_z has 48 different values and is zero in 61% of the commands that move the robot'
    ]
    stick = write(tmp_path / 'stick', lambda ms: (1 + ms / 9000, np.sin(ms) * (ms % 1000 < 600)))
    assert notes([stick]) == ()

    def stop_and_go(ms):
        return (1 + ms / 9000, np.sin(ms) * (ms % 1000 >= 540)) if ms % 1000 >= 480 else (0, 0)

    assert notes([write(tmp_path / 'stop_and_go', stop_and_go)]) == (), 'who stands does not steer'
    three = write(tmp_path / 'three', lambda ms: (1 + ms / 9000, 0.5 + ms // 50 % 3))
    assert len(notes([three])) == 1


def test_an_odometry_whose_twist_is_not_filled_in_is_refused(tmp_path):
    bag = write(tmp_path / 'bag', None, odometry=lambda ms: 0.0)
    with pytest.raises(InputError, match=r'bag, /odom: the pose moves and the twist is zero in linear_x'):
        load([bag], CONFIG)
    assert notes([write(tmp_path / 'filled', None, odometry=lambda ms: 0.5 + ms / 1e6)]) == (
        'angular_z is 0.5 in every command: the policy will know nothing else',
    )


def test_an_idle_command_topic_beside_an_odometry_that_moves_is_told(tmp_path):
    bag = write(tmp_path / 'bag', lambda ms: (0, 0), odometry=lambda ms: 0.5 + ms / 1e6)
    _, split = load([bag], CONFIG)
    assert split.train[0].topics['command'] == '/odom'
    assert any('the commands are those of /odom' in line for line in split.summary())


@pytest.mark.parametrize(
    ('imu', 'told'),
    [
        (lambda ms: ((0, 0, 0), (0, 0, 0)), 'IMU is zero throughout'),
        (lambda ms: ((0, 0, ms / 1e3), (0, 0, 0)), 'accelerometer is zero throughout, where one at rest measures'),
        (lambda ms: ((0, 0, 0.1), GRAVITY), 'IMU gives the very same sample throughout: it is stuck'),
        (lambda ms: ((0, 0, ms / 1e3), (0, 0, 1)), 'measures 1 on average, .* is it in g, or was gravity taken out'),
    ],
)
def test_an_imu_that_does_not_measure_is_told(tmp_path, imu, told):
    bag = write(tmp_path / 'bag', lambda ms: (ms / 1000, np.sin(ms)), imu=imu)
    (note,) = notes([bag])
    assert re.search(f'bag: .*{told}', note)
    assert notes([bag], imu='no') == ()


def test_an_imu_that_not_every_recording_has_is_left_out_by_name(tmp_path):
    bags = [write(tmp_path / 'with', imu=lambda ms: ((0, 0, ms / 1000), GRAVITY)), write(tmp_path / 'without')]
    assert f'no IMU is used, for not every recording has one: {bags[1]}' in notes(bags)
    assert not any('no IMU is used' in note for note in notes(bags, imu='no'))


def test_recordings_of_two_robots_are_refused_and_that_of_one_is_told_to_the_policy(tmp_path):
    boat, other, car = (write(tmp_path / name, robot=name[:-1]) for name in ('boat1', 'boat2', 'car3'))
    unsaid = write(tmp_path / 'unsaid')
    with pytest.raises(InputError, match=r'must be of one robot\. Got boat \(.*boat2\), car \(.*car3\): train'):
        load([boat, other, car], CONFIG)
    for bags, robot in (([boat, unsaid, other], 'boat'), ([unsaid], '')):
        image, split = load(bags, CONFIG)
        assert new_spec('p', CONFIG, image, split.train).robot == robot


def test_two_shapes_of_frames_are_told_with_both_sizes(tmp_path):
    bags = [write(tmp_path / 'a', shape=(24, 32)), write(tmp_path / 'b', shape=(27, 48))]
    assert any(f'{bags[0]} has 32×24 px, {bags[1]} 48×27 px' in note for note in notes(bags))
    larger = write(tmp_path / 'c', shape=(48, 64))
    assert not any('px' in note for note in notes([bags[0], larger]))


def test_commands_beside_measured_velocities_are_told(tmp_path):
    bags = [write(tmp_path / 'commanded'), write(tmp_path / 'measured', None, odometry=lambda ms: 0.5 + ms / 1e6)]
    assert any(f'beside what an odometry measured, which comes later: {bags[1]}' in note for note in notes(bags))


def test_a_camera_by_which_the_controller_would_not_drive_is_told(tmp_path):
    assert ControlSettings.image_timeout_s == checks.IMAGE_TIMEOUT_S
    told = r'slow: pictures come every 0\.25 s, and where none has come for 0\.2 s \(image_timeout_s\) the controller'
    assert any(re.search(told, note) for note in notes([write(tmp_path / 'slow', frame_ms=250, seconds=12)]))
    assert notes([write(tmp_path / 'fast', lambda ms: (ms / 1000, np.sin(ms)), frame_ms=200, seconds=12)]) == ()


def press(ms):
    """A key every two seconds, for another turn each time."""
    return 0.3, (ms // 2000 % 3 - 1) / 2


def test_commands_that_come_seconds_apart_need_to_be_held_for_longer(tmp_path):
    bag = write(tmp_path / 'bag', press, every_ms=2000, seconds=30)
    told = r'bag: commands come every 2\.0 s, and each holds 0\.5 s.*--command-hold-s 2, for example'
    with pytest.raises(InputError, match=told):
        load([bag], CONFIG)


def test_each_piece_of_a_recording_has_the_command_that_was_held_when_it_began(tmp_path):
    bag = write(tmp_path / 'bag', press, every_ms=2000, seconds=31)
    _, split = load([bag], dataclasses.replace(CONFIG, command_hold_s=2.5))
    usable_s = 0.0
    for episode in (*split.train, *split.validation):
        for low, high in usable_spans(episode):
            at = np.arange(low, high, 20 * MS)
            wanted = [press((stamp - START_NS) // MS)[1] for stamp in at[1:]]
            np.testing.assert_array_equal(cut(episode, at).command[:, 1], np.array(wanted, np.float32))
            usable_s += (high - low) * 1e-9
    assert usable_s > 0.95 * sum(episode.duration_s for episode in (*split.train, *split.validation))


@pytest.fixture
def demo(tmp_path):
    return write_steering(tmp_path / 'demo', seed=1)


def same_path(demo):
    return demo


def copy(demo):
    return shutil.copytree(demo, demo.with_name('copy'))


def its_file(demo):
    return next(demo.glob('*.mcap'))


def converted(demo):
    """The same messages in the other format."""
    return write_steering(demo.with_name('converted'), seed=1, storage='sqlite3')


@pytest.mark.parametrize('again', [same_path, copy, its_file, converted])
def test_the_same_recording_twice_is_counted_once(demo, tmp_path, again):
    twin, other = again(demo), write_steering(tmp_path / 'other', seed=2)
    _, split = load([demo, twin, other], CONFIG)
    assert [episode.name for episode in split.train + split.validation] == [str(demo), str(other)]
    assert f'{twin} holds the same recording as {demo}: counted once' in split.notes
    # Twice the one is one: its own end is kept for the test.
    _, alone = load([demo, twin], CONFIG)
    assert alone.test is not None
    assert alone.frames == load([demo], CONFIG)[1].frames


def test_a_recording_that_holds_a_part_of_another_is_refused(tmp_path):
    longer, shorter = (write_steering(tmp_path / name, seconds=s, seed=1) for name, s in (('long', 12), ('short', 6)))
    with pytest.raises(InputError, match=r'long and .*short must be different recordings\. Got 120 frames .* in both'):
        load([shorter, longer], CONFIG)


def test_drives_at_the_same_time_with_other_pictures_are_different_recordings(tmp_path):
    bags = [write_steering(tmp_path / str(seed), seed=seed) for seed in range(3)]
    _, split = load(bags, CONFIG)
    assert len(split.train + split.validation) == 3


def test_a_camera_of_ten_bits_is_scaled_and_said_so(tmp_path):
    rng = np.random.default_rng(0)
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/image_raw', 'sensor_msgs/msg/Image')
        bag.add_topic('/cmd_vel', TWIST_STAMPED)
        for ms in range(0, 6000, 50):
            stamp = START_NS + ms * MS
            picture = image_message(stamp, np.zeros((24, 32, 3), np.uint8))
            levels = rng.integers(0, 1024, 24 * 32).astype('<u2').view(np.uint8)
            bag.write('/image_raw', stamp, dataclasses.replace(picture, encoding='mono16', step=64, data=levels))
            message = twist_stamped_message(stamp, linear=(ms / 1000, 0, 0), angular=(0, 0, np.sin(ms)))
            bag.write('/cmd_vel', stamp, message)
    image, split = load([tmp_path / 'bag'], CONFIG)
    assert image.bits == 10
    assert 'the pictures of 16 bits use 10 of them: 1023 is white, here and when driving' in split.notes
    assert split.train[0].images.max() > 250
    # A policy that is there already sees as it was trained to see.
    image, split = load([tmp_path / 'bag'], CONFIG, bits=16)
    assert image.bits == 16
    assert 'the pictures of 16 bits use 10 of them: 65535 is white, here and when driving' in split.notes
    assert split.train[0].images.max() <= 3


def test_a_demonstration_that_steers_by_an_angle_is_learnt_as_yaw_rates(tmp_path):
    store, rows = ackermann_types(), []
    for ms in range(0, 6000, 50):
        stamp = START_NS + ms * MS
        steered = store.types[ACKERMANN](
            steering_angle=0.3 * np.sin(ms / 500), steering_angle_velocity=0.0, speed=1.0, acceleration=0.0, jerk=0.0
        )
        frame = np.full((24, 32, 3), ms // 50, np.uint8)
        rows += [('/image_raw', stamp, image_message(stamp, frame)), ('/ackermann_cmd', stamp, steered)]
    bag = write_foreign(tmp_path / 'bag', store, rows)
    with pytest.raises(InputError, match='--wheelbase METRES'):
        load([bag], CONFIG)
    _, split = load([bag], dataclasses.replace(CONFIG, wheelbase=0.5))
    commands = np.concatenate([episode.commands for episode in split.train])
    largest = np.tan(0.3) / 0.5
    np.testing.assert_allclose([commands[:, 0].mean(), np.abs(commands[:, 1]).max()], [1.0, largest], rtol=1e-2)


def hanging(path, *, camera=None, imu=None, stands=False):
    """A drive of 6 s; from 2 s on the camera goes round in so many pictures, or the IMU gives the sample of then."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (120, 24, 32, 3), dtype=np.uint8)
    with BagWriter(path) as bag:
        for topic, msgtype in (('/image_raw', 'sensor_msgs/msg/Image'), ('/cmd_vel', TWIST_STAMPED)):
            bag.add_topic(topic, msgtype)
        bag.add_topic('/imu', 'sensor_msgs/msg/Imu')
        for number, ms in enumerate(range(0, 6000, 50)):
            stamp, hangs = START_NS + ms * MS, ms >= 2000
            shown = number - 40 - (number - 40) // camera * camera if hangs and camera else number
            sample = 40 if hangs and imu else number
            bag.write('/image_raw', stamp, image_message(stamp, frames[shown]))
            bag.write('/imu', stamp, imu_message(stamp, (0, 0, sample / 1000), GRAVITY))
            command = steady(ms) if not (stands and hangs) else (0.0, 0.0)
            command = twist_stamped_message(stamp, linear=(command[0], 0, 0), angular=(0, 0, command[1]))
            bag.write('/cmd_vel', stamp, command)
    return path


@pytest.mark.parametrize(
    ('faults', 'told'),
    [
        ({}, []),
        ({'camera': 1}, ['for 4 s, while the robot moves, the camera shows nothing but pictures']),
        ({'camera': 7}, ['for 4 s, while the robot moves, the camera shows nothing but pictures']),
        ({'imu': True}, ['for 4 s, while the robot moves, the IMU gives the very same sample']),
        ({'camera': 1, 'imu': True, 'stands': True}, []),
    ],
)
def test_a_sensor_that_hangs_for_a_while_is_told(tmp_path, faults, told):
    found = [note for note in notes([hanging(tmp_path / 'bag', **faults)]) if 'while the robot moves' in note]
    assert len(found) == len(told)
    assert all(text in note for text, note in zip(told, found, strict=True))
