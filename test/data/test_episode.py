import dataclasses
import importlib
import shutil
from functools import partial

import cv2
import numpy as np
import pytest
from recordings import HEIGHT, MS, WIDTH, picture, write_drive

from lnn_controller.data import Bag, BagWriter, Topics, read_episode, samples
from lnn_controller.data.align import align
from lnn_controller.data.camera import camera_bits, camera_size
from lnn_controller.data.drops import DROP_REASONS, explain_drops
from lnn_controller.data.messages import build as m
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

SPEC = ImageSpec(HEIGHT, WIDTH)
IMAGE, COMPRESSED, IMU = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/Imu'
TWIST, STAMPED, ODOMETRY = 'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped', 'nav_msgs/msg/Odometry'


def write(path, *rows):
    """A bag of rows (topic, msgtype, receive stamp, message)."""
    with BagWriter(path) as bag:
        for topic, msgtype, _, _ in rows:
            if topic not in bag.topics:
                bag.add_topic(topic, msgtype)
        for topic, _, stamp, message in rows:
            bag.write(topic, stamp, message)
    return path


def frames(*stamps, receive=0):
    return [('/image_raw', IMAGE, s + receive, m.image_message(s, picture(i))) for i, s in enumerate(stamps)]


def commands(*stamps, receive=0):
    return [('/cmd_vel', STAMPED, s + receive, m.twist_stamped_message(s, linear=(s / MS % 100, 0, 0))) for s in stamps]


@pytest.mark.parametrize('alone', [False, True], ids=['directory', 'file'])
def test_a_whole_drive(tmp_path, storage, alone):
    path = write_drive(tmp_path / 'drive', storage=storage)
    path = next(path.glob('drive.*')) if alone else path
    episode = read_episode(path, image=SPEC, channels=('angular_z', 'linear_x'))
    start = 10**18  # the header stamps; receive times are 3 ms later
    np.testing.assert_array_equal(episode.image_stamps_ns, start + np.arange(0, 2000, 50) * MS)
    np.testing.assert_array_equal(episode.imu_stamps_ns, start + np.arange(0, 2000, 10) * MS)
    np.testing.assert_array_equal(episode.command_stamps_ns, start + np.arange(0, 2000, 20) * MS)
    np.testing.assert_array_equal(episode.images, [picture(i) for i in range(40)])
    np.testing.assert_array_equal(episode.commands[:, 0], np.float32(-np.arange(0, 2000, 20) / 100))
    np.testing.assert_array_equal(episode.commands[:, 1], np.float32(np.arange(0, 2000, 20) / 100))
    np.testing.assert_allclose(episode.imu[7], [0, 0, 0.7, 0, 0.7, 9.81], rtol=1e-6)
    assert (episode.images.dtype, episode.imu.dtype, episode.commands.dtype) == (np.uint8, np.float32, np.float32)
    assert episode.drops == {}
    assert episode.topics == {'image': '/image_raw', 'imu': '/imu/data', 'command': '/cmd_vel'}
    assert (episode.name, episode.channels, episode.clock) == (str(path), ('angular_z', 'linear_x'), 'header')
    assert episode.duration_s == pytest.approx(1.95)
    with Bag(path) as bag:
        np.testing.assert_array_equal(read_episode(bag, image=SPEC).images, episode.images)


def test_frames_that_take_long_to_decode_stay_in_their_place(tmp_path):
    """Several are decoded at once: large ones, small ones and damaged ones keep their order."""
    stamps = [(i + 1) * 10 * MS for i in range(30)]
    rows = []
    for i, stamp in enumerate(stamps):
        small = picture(i)[..., ::-1]
        large = np.repeat(np.repeat(small, 40, axis=0), 40, axis=1)
        data = cv2.imencode('.png', large if i % 3 == 0 else small)[1].ravel()
        header = m.image_message(stamp, picture(i)).header
        data = data[:20] if i % 5 == 4 else data
        rows.append(('/image_raw', COMPRESSED, stamp, m.typestore().types[COMPRESSED](header, 'png', data)))
    episode = read_episode(write(tmp_path / 'bag', *rows, *commands(*stamps)), image=SPEC, use_imu=False)
    whole = [i for i in range(30) if i % 5 != 4]
    np.testing.assert_array_equal(episode.image_stamps_ns, [stamps[i] for i in whole])
    np.testing.assert_array_equal(episode.images, [picture(i) for i in whole])
    assert episode.drops == {'image_undecodable': 6}


def test_a_bag_as_the_recorder_node_writes_it_is_the_same(drive, tmp_path):
    """Bytes that rclpy serialised, with the padding that the middleware adds."""
    serialization = pytest.importorskip('rclpy.serialization')
    with Bag(drive) as ours, BagWriter(tmp_path / 'recorded') as recorded:
        for topic in ours.topics.values():
            recorded.add_topic(topic.name, topic.msgtype)
        for number, message in enumerate(ours.messages()):
            package, _, name = message.msgtype.split('/')
            kind = getattr(importlib.import_module(f'{package}.msg'), name)
            raw = serialization.serialize_message(serialization.deserialize_message(message.data, kind))
            recorded.write(message.topic, message.stamp_ns, raw + b'\0' * (number % 4 if number % 8 > 3 else 0))
    first, second = (read_episode(path, image=SPEC) for path in (drive, tmp_path / 'recorded'))
    for name in ('images', 'image_stamps_ns', 'imu', 'imu_stamps_ns', 'commands', 'command_stamps_ns'):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.drops == second.drops == {}


def test_a_real_recording(real_car):
    assert camera_size(real_car) == (120, 160)
    episode = read_episode(real_car, image=ImageSpec(66, 200, crop_top=0.25))
    assert episode.images.shape == (160, 66, 200, 3)
    assert (episode.imu, episode.imu_stamps_ns, episode.drops) == (None, None, {})
    assert episode.topics == {'image': '/camera/image_raw/compressed', 'command': '/cmd_vel'}
    np.testing.assert_array_equal(np.diff(episode.image_stamps_ns), 50 * MS)
    assert 0.5 < np.abs(episode.commands[:, 1]).max() <= 2.0
    assert 20 < episode.images.std() < 100  # a picture, neither black nor noise
    ticks = align(episode, rate_hz=50)
    assert (len(ticks), ticks.drops, ticks.imu) == (398, {}, None)


def test_frames_are_fitted_as_on_the_robot(tmp_path):
    path = write(tmp_path / 'bag', *frames(MS, 2 * MS), *commands(MS, 2 * MS))
    episode = read_episode(path, image=ImageSpec(3, 8, crop_top=0.5))
    np.testing.assert_array_equal(episode.images[1], cv2.resize(picture(1)[6:], (8, 3), interpolation=cv2.INTER_AREA))


def test_compressed_images(tmp_path):
    packed = m.typestore().types[COMPRESSED]
    rows = []
    for i in range(3):
        data = cv2.imencode('.png', picture(i)[..., ::-1])[1].ravel()
        header = m.image_message((i + 1) * MS, picture(i)).header
        rows.append(('/camera/compressed', COMPRESSED, (i + 1) * MS, packed(header=header, format='png', data=data)))
    episode = read_episode(write(tmp_path / 'bag', *rows, *commands(MS, 2 * MS)), image=SPEC)
    np.testing.assert_array_equal(episode.images, [picture(i) for i in range(3)])


@pytest.mark.parametrize('msgtype', [TWIST, STAMPED, ODOMETRY])
def test_each_source_of_commands(tmp_path, msgtype):
    build = {
        TWIST: lambda stamp, **kw: m.twist_message(**kw),
        STAMPED: m.twist_stamped_message,
        ODOMETRY: lambda stamp, **kw: m.odometry_message(stamp, position=(9, 9, 9), yaw=1, **kw),
    }[msgtype]
    rows = [('/c', msgtype, s, build(s, linear=(1, 2, 3), angular=(4, 5, s / MS))) for s in (MS, 2 * MS)]
    path = write(tmp_path / 'bag', *frames(MS, 2 * MS), *rows)
    episode = read_episode(path, image=SPEC, channels=('linear_x', 'linear_y', 'linear_z', 'angular_z'))
    np.testing.assert_array_equal(episode.commands, [[1, 2, 3, 1], [1, 2, 3, 2]])
    np.testing.assert_array_equal(episode.command_stamps_ns, [MS, 2 * MS])


def test_topics_by_name(tmp_path):
    rows = frames(MS, 2 * MS)
    other = [('/rear', IMAGE, s, m.image_message(s, picture(9))) for s in (MS, 2 * MS)]
    odometry = [('/odom', ODOMETRY, MS, m.odometry_message(MS, position=(0, 0, 0), yaw=0, linear=(7, 0, 0)))]
    path = write(tmp_path / 'bag', *rows, *other, *odometry, *commands(MS, 2 * MS))
    episode = read_episode(path, image=SPEC, topics=Topics(image='/rear', command='odom'))
    np.testing.assert_array_equal(episode.images[0], picture(9))
    np.testing.assert_array_equal(episode.commands, [[7, 0]])
    with pytest.raises(InputError, match=r'has several image topics: /image_raw .*, /rear .* --image-topic'):
        read_episode(path, image=SPEC)


def test_receive_times_stand_in_for_headers_that_are_zero(tmp_path):
    images = [('/image_raw', IMAGE, s, m.image_message(0, picture(i))) for i, s in enumerate((5 * MS, 6 * MS))]
    episode = read_episode(write(tmp_path / 'bag', *images, *commands(5 * MS, 6 * MS)), image=SPEC)
    np.testing.assert_array_equal(episode.image_stamps_ns, [5 * MS, 6 * MS])
    assert episode.clock == 'header'


def test_simulated_time_that_starts_at_zero(tmp_path):
    path = write(tmp_path / 'bag', *frames(0, 50 * MS, 100 * MS), *commands(0, 20 * MS))
    episode = read_episode(path, image=SPEC)
    np.testing.assert_array_equal(episode.image_stamps_ns, [0, 50 * MS, 100 * MS])
    np.testing.assert_array_equal(episode.command_stamps_ns, [0, 20 * MS])
    assert episode.drops == {}


def test_two_clocks_are_brought_to_one(tmp_path):
    """Frames carry simulated time; a Twist has no header, and its receive times are wall time."""
    wall = 10**18
    twists = [('/cmd_vel', TWIST, wall + s, m.twist_message(linear=(s / MS, 0, 0))) for s in (MS, 2 * MS)]
    path = write(tmp_path / 'bag', *frames(MS, 2 * MS, receive=wall), *twists)
    episode = read_episode(path, image=SPEC)
    assert episode.clock == 'receive'
    np.testing.assert_array_equal(episode.image_stamps_ns, [wall + MS, wall + 2 * MS])
    np.testing.assert_array_equal(episode.command_stamps_ns, [wall + MS, wall + 2 * MS])


def test_a_zero_stamp_among_stamps_of_another_clock_is_dropped(tmp_path):
    wall = 10**18
    rows = [('/image_raw', IMAGE, wall, m.image_message(0, picture(9)))]
    path = write(tmp_path / 'bag', *rows, *frames(MS, 2 * MS, receive=wall), *commands(MS, 2 * MS, receive=wall))
    episode = read_episode(path, image=SPEC)
    np.testing.assert_array_equal(episode.image_stamps_ns, [MS, 2 * MS])
    np.testing.assert_array_equal(episode.images, [picture(0), picture(1)])
    assert episode.drops == {'image_without_stamp': 1}


def test_topics_that_do_not_overlap(tmp_path):
    path = write(tmp_path / 'bag', *frames(MS, 2 * MS), *commands(3002 * MS, 3003 * MS))
    with pytest.raises(InputError, match=r'/image_raw and /cmd_vel do not overlap in time: 3.0 s .*--command-topic'):
        read_episode(path, image=SPEC)


def test_every_drop_is_counted_and_has_words(tmp_path):
    def imu(stamp, value):
        return ('/imu/data', IMU, stamp, m.imu_message(stamp, (value, 0, 0), (0, 0, 0)))

    def command(stamp, value):
        return ('/cmd_vel', STAMPED, stamp, m.twist_stamped_message(stamp, linear=(value, 0, 0)))

    broken = bytes(m.serialize(m.image_message(3 * MS, picture(0))))[:-50]
    unsupported = m.image_message(3 * MS, picture(0))
    unsupported.encoding = 'h264'
    rows = [
        *frames(MS, 2 * MS),
        ('/image_raw', IMAGE, 3 * MS, broken),
        ('/image_raw', IMAGE, 3 * MS + 1, unsupported),
        ('/image_raw', IMAGE, 3 * MS + 2, m.image_message(2 * MS, picture(7))),  # again
        ('/image_raw', IMAGE, 3 * MS + 3, m.image_message(MS, picture(7))),  # back
        ('/image_raw', IMAGE, 4 * MS, m.image_message(4 * MS, picture(8))),
        *(imu(s * MS, v) for s, v in ((1, 1), (2, np.nan), (3, np.inf), (3.5, 1e9), (4, 4))),
        ('/imu/data', IMU, 5 * MS, b'\0\1\0\0garbage'),
        ('/imu/data', IMU, 6 * MS, m.imu_message(4 * MS, (7, 7, 7), (7, 7, 7))),
        *(command(s * MS, v) for s, v in ((1, 1), (2, np.nan), (3, 1e300), (4, 4))),
        ('/cmd_vel', STAMPED, 5 * MS, b''),
        ('/cmd_vel', STAMPED, 6 * MS, m.twist_stamped_message(3 * MS)),
    ]
    episode = read_episode(write(tmp_path / 'bag', *rows), image=SPEC)
    assert episode.drops == {
        'image_undecodable': 2,
        'image_stamp_not_increasing': 2,
        'imu_not_plausible': 3,
        'imu_unreadable': 1,
        'imu_stamp_not_increasing': 1,
        'command_not_finite': 1,
        'command_not_plausible': 1,
        'command_unreadable': 1,
        'command_stamp_not_increasing': 1,
    }
    np.testing.assert_array_equal(episode.images, [picture(0), picture(1), picture(8)])
    np.testing.assert_array_equal(episode.image_stamps_ns, [MS, 2 * MS, 4 * MS])
    np.testing.assert_array_equal(episode.imu[:, 0], [1, 4])
    np.testing.assert_array_equal(episode.commands[:, 0], [1, 4])
    assert set(episode.drops) <= set(DROP_REASONS)
    lines = explain_drops({**episode.drops, 'image_stale': 0})
    assert lines[0] == '2 frames whose bytes or encoding do not decode (image_undecodable)'
    assert len(lines) == 9


@pytest.mark.parametrize('kind', [STAMPED, ODOMETRY])
def test_a_glitch_is_no_command(tmp_path, kind):
    make = m.twist_stamped_message if kind == STAMPED else partial(m.odometry_message, position=(0, 0, 0))
    given = {8: (100.1, 0.0), 9: (0.5, -4e5), 12: (100.0, -100.0)}
    rows = [
        ('/drive', kind, n * MS, make(n * MS, linear=(v, 0, 0), angular=(0, 0, w)))
        for n, (v, w) in ((n, given.get(n, (0.5, n / 100))) for n in range(1, 20))
    ]
    episode = read_episode(write(tmp_path / 'bag', *frames(*(n * MS for n in range(1, 20))), *rows), image=SPEC)
    assert episode.drops == {'command_not_plausible': 2}
    assert (len(episode.commands), np.abs(episode.commands).max()) == (17, 100)


def test_samples_that_are_read_many_at_once_are_those_that_are_read_one_by_one(tmp_path, monkeypatch):
    rows = frames(*(s * 50 * MS for s in range(1, 20)))
    for s in range(1, 100):
        stamp, value = s * 10 * MS, np.nan if s in (25, 41) else s / 7
        rows.append(('/imu/data', IMU, stamp, m.imu_message(stamp, (value, 0, 0), (0, 0, s / 3))))
        rows.append(
            ('/cmd_vel', STAMPED, stamp, m.twist_stamped_message(stamp, linear=(s / 9 if s != 30 else np.inf, 0, 0)))
        )
    path = write(tmp_path / 'bag', *rows)
    monkeypatch.setattr(samples, '_RUN', 10)
    at_once = read_episode(path, image=SPEC)
    assert at_once.drops == {'imu_not_plausible': 2, 'command_not_finite': 1}
    monkeypatch.setattr(samples, 'RUN_TYPES', {})
    alone = read_episode(path, image=SPEC)
    for name in ('imu', 'imu_stamps_ns', 'commands', 'command_stamps_ns', 'image_stamps_ns'):
        np.testing.assert_array_equal(getattr(at_once, name), getattr(alone, name))
    assert (len(alone.imu), len(alone.commands), alone.drops) == (97, 98, at_once.drops)


def test_use_imu(drive, real_car):
    assert read_episode(drive, image=SPEC, use_imu=False).imu is None
    assert read_episode(drive, image=SPEC, use_imu=True).imu.shape == (200, 6)
    with pytest.raises(InputError, match=r'real_car_cut has no IMU samples: a topic of Imu is needed. Topics there: /'):
        read_episode(real_car, image=SPEC, use_imu=True)


def test_a_bag_without_images_or_commands_lists_its_topics(tmp_path):
    without_images = write(tmp_path / 'a', *commands(MS))
    expected = r'a has no images: a topic of Image, .* Topics there: /cmd_vel \(geometry_msgs/msg/TwistStamped, 1\)'
    with pytest.raises(InputError, match=expected):
        read_episode(without_images, image=SPEC)
    with pytest.raises(InputError, match=expected):
        camera_size(without_images)
    without_commands = write(tmp_path / 'b', *frames(MS))
    with pytest.raises(InputError, match=r'bag .*b has no commands: a topic of Twist, .*, AckermannDriveStamped, '):
        read_episode(without_commands, image=SPEC)


def test_not_one_usable_sample_names_bag_topic_and_reason(tmp_path):
    bad = m.image_message(MS, picture(0))
    bad.encoding = 'h264'
    path = write(tmp_path / 'a', ('/image_raw', IMAGE, MS, bad), *commands(MS))
    for read in (lambda: read_episode(path, image=SPEC), lambda: camera_size(path)):
        with pytest.raises(InputError, match=r"a, topic /image_raw: not one of its 1 images .* The first: .* 'h264'"):
            read()
    nan = ('/cmd_vel', STAMPED, MS, m.twist_stamped_message(MS, linear=(np.nan, 0, 0)))
    with pytest.raises(InputError, match=r'topic /cmd_vel: not one of its 1 samples is usable: all hold NaN'):
        read_episode(write(tmp_path / 'b', *frames(MS), nan), image=SPEC)
    with pytest.raises(InputError, match=r'topic /imu: not one of its 1 samples is usable: a serialised sensor_msgs/'):
        read_episode(write(tmp_path / 'c', *frames(MS), *commands(MS), ('/imu', IMU, MS, b'abc')), image=SPEC)


def test_unknown_channels(drive):
    with pytest.raises(InputError, match=r'command channels are of linear_x, .* Got steering'):
        read_episode(drive, image=SPEC, channels=('steering',))
    with pytest.raises(InputError, match='Got none'):
        read_episode(drive, image=SPEC, channels=())


def test_a_metadata_that_counts_too_few_loses_no_frame(drive, tmp_path):
    shutil.copytree(drive, tmp_path / 'bag')
    text = (tmp_path / 'bag' / 'metadata.yaml').read_text()
    assert '- message_count: 40\n' in text
    (tmp_path / 'bag' / 'metadata.yaml').write_text(text.replace('- message_count: 40\n', '- message_count: 3\n'))
    np.testing.assert_array_equal(read_episode(tmp_path / 'bag', image=SPEC).images, [picture(i) for i in range(40)])


def test_a_bag_that_is_none_is_named(tmp_path):
    with pytest.raises(InputError, match='no bag at'):
        read_episode(tmp_path / 'missing', image=SPEC)


def test_a_recording_that_was_killed_says_so(tmp_path):
    path = write_drive(tmp_path / 'drive')
    file = path / 'drive.mcap'
    file.write_bytes(file.read_bytes()[:-30])
    with Bag(path) as bag:
        episode = read_episode(bag, image=SPEC, channels=('linear_x', 'angular_z'))
    assert episode.drops['file_cut_off'] == 1
    assert 'the recorder was killed' in ' '.join(explain_drops(episode.drops))


def test_an_imu_that_is_half_a_one_is_refused_by_name_and_single_samples_are_left_out(tmp_path):
    halves = [m.imu_message(i * MS, (0, 0, 1), (0, 0, 0)) for i in range(1, 5)]
    for half in halves:
        half.linear_acceleration_covariance = np.array([-1.0, *[0] * 8])
    rows = [*frames(MS, 6 * MS), *commands(MS, 6 * MS)]
    rows += [('/camera/gyro', IMU, i * MS, half) for i, half in enumerate(halves, 1)]
    told = r'topic /camera/gyro: not one of its 4 samples is usable: .* declares no accelerometer, .* --imu no'
    with pytest.raises(InputError, match=told):
        read_episode(write(tmp_path / 'half', *rows), image=SPEC)
    whole = ('/camera/gyro', IMU, 5 * MS, m.imu_message(5 * MS, (0, 0, 2), (0, 0, 9.81)))
    episode = read_episode(write(tmp_path / 'mixed', *rows, whole), image=SPEC)
    assert episode.drops == {'imu_incomplete': 4}
    np.testing.assert_allclose(episode.imu, [[0, 0, 2, 0, 0, 9.81]])


def grey_of_16_bits(path, bits, *, encoding='mono16'):
    """A drive whose camera sends 16-bit grey and uses only so many of the bits."""
    with BagWriter(path) as bag:
        bag.add_topic('/image_raw', 'sensor_msgs/msg/Image')
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        for number in range(40):
            stamp = 10**18 + number * 50 * MS
            # The first are dark: how many bits there are is known by the whole recording.
            levels = np.full((HEIGHT, WIDTH), (2**bits - 1) * number // 39, '<u2')
            message = dataclasses.replace(
                m.image_message(stamp, picture(0)),
                encoding=encoding,
                step=2 * WIDTH,
                data=levels.view(np.uint8).reshape(-1),
            )
            bag.write('/image_raw', stamp, message)
            bag.write('/cmd_vel', stamp, m.twist_stamped_message(stamp, linear=(number, 0, 0), angular=(0, 0, 0)))
    return path


@pytest.mark.parametrize(('bits', 'found'), [(9, 10), (10, 10), (11, 12), (12, 12), (14, 14), (16, 16)])
def test_the_bits_that_a_camera_uses(tmp_path, bits, found):
    path = grey_of_16_bits(tmp_path / 'bag', bits)
    assert camera_bits(path) == found
    episode = read_episode(path, image=ImageSpec(HEIGHT, WIDTH, bits=found))
    levels = (2**bits - 1) * np.arange(40) // 39
    np.testing.assert_allclose(episode.images[:, 0, 0, 0], 255 * levels / (2**found - 1), rtol=0, atol=1)


@pytest.mark.parametrize('bits', [10, 12, 16])
def test_the_bits_that_a_camera_uses_in_pngs(tmp_path, bits):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/image_raw/compressed', 'sensor_msgs/msg/CompressedImage')
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        for number in range(40):
            stamp = 10**18 + number * 50 * MS
            levels = np.full((HEIGHT, WIDTH), (2**bits - 1) * number // 39, np.uint16)
            header = m.image_message(stamp, picture(0)).header
            png = cv2.imencode('.png', levels)[1]
            message = m.typestore().types['sensor_msgs/msg/CompressedImage'](header, 'mono16; png compressed', png)
            bag.write('/image_raw/compressed', stamp, message)
            bag.write('/cmd_vel', stamp, m.twist_stamped_message(stamp, linear=(number, 0, 0), angular=(0, 0, 0)))
    assert camera_bits(tmp_path / 'bag') == bits
    episode = read_episode(tmp_path / 'bag', image=ImageSpec(HEIGHT, WIDTH, bits=bits))
    levels = (2**bits - 1) * np.arange(40) // 39
    np.testing.assert_allclose(episode.images[:, 0, 0, 0], 255 * levels / (2**bits - 1), rtol=0, atol=1)


def test_other_cameras_use_every_bit(drive, real_car):
    assert camera_bits(drive) == camera_bits(real_car) == 16


def test_what_is_damaged_is_left_out_and_told_and_all_else_is_the_same(tmp_path):
    """A chunk of the recording is broken: its samples are missing, every other one is as it was."""
    path = tmp_path / 'drive'
    with BagWriter(path) as bag:
        bag.add_topic('/image_raw', 'sensor_msgs/msg/Image')
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        for number in range(40):
            stamp = 10**18 + number * 50 * MS
            bag.write('/image_raw', stamp, m.image_message(stamp, picture(number)))
            bag.write('/cmd_vel', stamp, m.twist_stamped_message(stamp, linear=(number, 0, 0)))
            if number % 10 == 9:
                bag.flush()
    whole = read_episode(path, image=SPEC)
    file = path / 'drive.mcap'
    data = bytearray(file.read_bytes())
    data[data.index(picture(15).tobytes())] ^= 1
    file.write_bytes(data)
    episode = read_episode(path, image=SPEC)
    np.testing.assert_array_equal(episode.images, np.delete(whole.images, range(10, 20), axis=0))
    np.testing.assert_array_equal(episode.commands, np.delete(whole.commands, range(10, 20), axis=0))
    assert episode.drops == {'file_damaged': 1}
    (note,) = episode.notes
    assert 'drive is damaged: drive.mcap: chunk at byte ' in note
    assert note.endswith('is left out: its checksum does not fit (10 of /image_raw, 10 of /cmd_vel)')
