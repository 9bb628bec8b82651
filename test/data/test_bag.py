"""Bags: what is one, what is in it, and in which order."""

import hashlib
import shutil

import pytest
import zstandard
from recordings import everything_in, write_drive
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.bags.reader import find_bags
from lnn_controller.data.messages import build as m
from lnn_controller.errors import InputError

IMAGE, IMU = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/Imu'
TWIST, STAMPED = 'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'


@pytest.mark.parametrize('alone', [False, True], ids=['directory', 'file'])
def test_topics_and_messages_in_order(tmp_path, storage, alone):
    path = write_drive(tmp_path / 'drive', storage=storage, start_ns=1000)
    if alone:
        (path,) = path.glob('drive.*')
    with Bag(path) as bag:
        assert bag.name == 'drive'
        assert {t.name: (t.msgtype, t.count) for t in bag.topics.values()} == {
            '/image_raw': (IMAGE, 40),
            '/cmd_vel': (STAMPED, 100),
            '/imu/data': (IMU, 200),
        }
        messages = list(bag.messages())
        assert len(messages) == 340
        stamps = [message.stamp_ns for message in messages]
        assert stamps == sorted(stamps)
        assert (bag.start_ns, bag.end_ns) == (stamps[0], stamps[-1])
        assert {message.topic for message in bag.messages(['/cmd_vel'])} == {'/cmd_vel'}
        twist = bag.deserialize(next(bag.messages(['/cmd_vel'])))
        assert twist.header.stamp.nanosec == 1000
        assert list(bag.messages([])) == []
    bag.close()  # again: nothing happens


def test_messages_written_out_of_order_are_read_in_order(tmp_path, storage):
    with BagWriter(tmp_path / 'bag', storage=storage) as bag:
        bag.add_topic('/cmd_vel', TWIST)
        for stamp in (5, 1, 3, 4, 2):
            bag.write('/cmd_vel', stamp, m.twist_message())
    with Bag(tmp_path / 'bag') as bag:
        assert [message.stamp_ns for message in bag.messages()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize('mode', [CompressionMode.FILE, CompressionMode.MESSAGE, CompressionMode.STORAGE])
@pytest.mark.parametrize('metadata', [True, False], ids=['whole', 'without metadata'])
def test_compressed_bags(tmp_path, mode, metadata):
    writer = Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    raw = bytes(m.serialize(m.twist_message(linear=(1, 2, 3))))
    with writer:
        connection = writer.add_connection('/cmd_vel', TWIST, typestore=m.typestore())
        writer.write(connection, 5, raw)
    if not metadata:
        (tmp_path / 'bag' / 'metadata.yaml').unlink()
    with Bag(tmp_path / 'bag') as bag:
        assert [(message.topic, message.stamp_ns, message.data) for message in bag.messages()] == [('/cmd_vel', 5, raw)]
        assert len(bag.sha256()) == 64


def test_topics_of_unknown_types_are_listed_and_do_no_harm(tmp_path):
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        own = writer.add_connection(
            '/wheels', 'my_msgs/msg/Wheels', msgdef='float64 left\n', rihs01='RIHS01_' + '0' * 64
        )
        twist = writer.add_connection('/cmd_vel', TWIST, typestore=m.typestore())
        writer.write(own, 1, b'\0\1\0\0' + b'\0' * 8)
        writer.write(twist, 2, bytes(m.serialize(m.twist_message())))
    with Bag(tmp_path / 'bag') as bag:
        assert bag.topics['/wheels'].msgtype == 'my_msgs/msg/Wheels'
        assert bag.choose('command').name == '/cmd_vel'
        wheels, _ = bag.messages()
        with pytest.raises(InputError, match=r"bag, topic /wheels: the type 'my_msgs/msg/Wheels' is not one that can"):
            bag.deserialize(wheels)
        with pytest.raises(InputError, match=r'bag, topic /cmd_vel: a damaged geometry_msgs/msg/Twist'):
            bag.deserialize(wheels._replace(topic='/cmd_vel', msgtype=TWIST))


def test_sha256_is_of_the_storage_file(drive):
    with Bag(drive) as bag:
        assert bag.sha256() == hashlib.sha256((drive / 'drive.mcap').read_bytes()).hexdigest()


def test_a_killed_recorders_bag_without_metadata_is_read(drive, tmp_path):
    shutil.copytree(drive, tmp_path / 'bag')
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    with Bag(tmp_path / 'bag') as bag:
        assert len(list(bag.messages())) == 340
    shutil.copy(drive / 'drive.mcap', tmp_path / 'bag' / 'drive_1.mcap')
    with Bag(tmp_path / 'bag') as bag:
        messages = list(bag.messages(['imu/data']))
        assert bag.topics['/imu/data'].count == len(messages) == 400
        assert [each.stamp_ns for each in messages] == sorted(each.stamp_ns for each in messages)


def test_no_such_bag(tmp_path):
    with pytest.raises(InputError, match=r'no bag at .*missing: a rosbag2 directory, a .mcap or a .db3 file is needed'):
        Bag(tmp_path / 'missing')


def test_an_empty_bag(tmp_path, storage):
    with BagWriter(tmp_path / 'bag', storage=storage) as bag:
        bag.add_topic('/cmd_vel', TWIST)
    for path in (tmp_path / 'bag', next((tmp_path / 'bag').glob('bag.*'))):
        with pytest.raises(InputError, match=r'bag .* is empty: .* Got only topics without messages: /cmd_vel'):
            Bag(path)
    with BagWriter(tmp_path / 'none', storage=storage):
        pass
    with pytest.raises(InputError, match=r'bag .*none is empty: .* Got no topics'):
        Bag(tmp_path / 'none')


def test_an_empty_file(tmp_path):
    (tmp_path / 'bag.mcap').touch()
    with pytest.raises(InputError, match=r'bag .*bag.mcap is empty: .* has 0 bytes'):
        Bag(tmp_path / 'bag.mcap')


def test_a_file_of_a_recording_is_missing_and_the_others_are_read(tmp_path):
    with BagWriter(tmp_path / 'bag', max_bytes=1) as bag:
        bag.add_topic('/cmd_vel', TWIST)
        for stamp in (1, 2, 3):
            bag.write('/cmd_vel', stamp, m.twist_message())
    (tmp_path / 'bag' / 'bag_1.mcap').unlink()
    with Bag(tmp_path / 'bag') as bag:
        assert [each.stamp_ns for each in bag.messages()] == [1, 3]
        assert [str(each) for each in bag.damage] == [
            'bag_1.mcap: the file is left out: metadata.yaml lists it, and it is not there'
        ]


@pytest.mark.parametrize('first', ['run_4', 'run_4_0'])
def test_a_recording_whose_name_ends_in_a_number_is_one_without_its_metadata_too(tmp_path, first):
    """As a recorder that was killed leaves it: its first file has no number before there is a second one."""
    with BagWriter(tmp_path / 'run_4', max_bytes=1) as bag:
        bag.add_topic('/cmd_vel', TWIST)
        for stamp in (1, 2, 3):
            bag.write('/cmd_vel', stamp, m.twist_message())
    (tmp_path / 'run_4' / 'metadata.yaml').unlink()
    begin = min((tmp_path / 'run_4').iterdir())
    begin.rename(begin.with_stem(first))
    with Bag(tmp_path / 'run_4') as bag:
        assert [each.stamp_ns for each in bag.messages()] == [1, 2, 3]


def test_a_folder_of_two_recordings_is_not_taken_for_one(drive, tmp_path):
    folder = tmp_path / 'two'
    folder.mkdir()
    for name in ('first_0', 'first_1', 'second'):
        shutil.copy(drive / 'drive.mcap', folder / f'{name}.mcap')
    with pytest.raises(InputError, match=r'two holds files of several recordings, first, second: name one, e.g. .*two'):
        Bag(folder)
    assert len(everything_in(folder / 'second.mcap')) == 340
    shutil.copy(drive / 'metadata.yaml', folder)
    (folder / 'second.mcap').rename(folder / 'drive.mcap')
    assert len(everything_in(folder)) == 340  # the one that metadata.yaml lists


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('notes.txt', b'hello', r'notes.txt is no bag: .* Got a file of another kind'),
        ('old.bag', b'#ROSBAG V2.0\n', r'old.bag is a ROS 1 bag: convert it with `rosbags-convert'),
        ('zip.mcap', b'PK\3\4' + b'\0' * 100, r'zip.mcap is foreign: .* is not an MCAP file'),
        ('zip.db3', b'PK\3\4' + b'\0' * 100, r'zip.db3 is foreign: .* is not a sqlite3 file'),
    ],
)
def test_a_foreign_file(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason):
        Bag(tmp_path / name)


@pytest.mark.parametrize('text', ['', 'a: 1', '[1, 2', 'rosbag2_bagfile_information: {version: 99}', '\0'])
def test_the_files_of_metadata_that_cannot_be_used_are_read(tmp_path, storage, text):
    bag = write_drive(tmp_path / 'bag', storage=storage)
    expected = everything_in(bag)
    (bag / 'metadata.yaml').write_text(text)
    assert everything_in(bag) == expected


def test_a_renamed_storage_file_is_read(tmp_path, storage):
    bag = write_drive(tmp_path / 'bag', storage=storage)
    expected = everything_in(bag)
    (file,) = bag.glob('bag.*')
    file.rename(file.with_stem('renamed'))
    assert everything_in(bag) == expected


@pytest.mark.parametrize('kind', ['directory', 'file', 'with the file itself'])
def test_compressed_files_without_metadata(tmp_path, storage, kind):
    bag = write_drive(tmp_path / 'bag', storage=storage)
    expected = everything_in(bag)
    (bag / 'metadata.yaml').unlink()
    (file,) = bag.iterdir()
    packed = bag / f'{file.name}.zstd'
    packed.write_bytes(zstandard.compress(file.read_bytes()))
    if kind == 'with the file itself':  # a recorder was killed before it removed what it had compressed
        packed.write_bytes(packed.read_bytes()[:100])
    else:
        file.unlink()
    with Bag(packed if kind == 'file' else bag) as read:
        assert read.name == 'bag'
        assert list(read.messages()) == expected
        assert read.recovered == []


def test_a_missing_storage_file(drive, tmp_path):
    shutil.copytree(drive, tmp_path / 'bag')
    (tmp_path / 'bag' / 'drive.mcap').unlink()
    with pytest.raises(InputError, match=r'bag .* has no storage file .* lists drive.mcap. Copy the whole folder'):
        Bag(tmp_path / 'bag')


def test_folders_that_are_no_bag(drive, tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(InputError, match=r'empty is no bag: .* Got a folder with nothing'):
        Bag(tmp_path / 'empty')
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'notes.txt').touch()
    with pytest.raises(InputError, match=r'other is no bag: .* Got a folder with notes.txt'):
        Bag(tmp_path / 'other')
    shutil.copytree(drive, tmp_path / 'many' / 'one')
    with pytest.raises(InputError, match=r'many is a folder of bags, not a bag: name one, e.g. .*one'):
        Bag(tmp_path / 'many')


def test_a_bag_that_may_not_be_read(tmp_path, unprivileged):
    with pytest.raises(InputError, match=r'bag .*bag cannot be read: Permission denied'):
        Bag(tmp_path / 'bag')
    with pytest.raises(InputError, match=r'bag .*bag cannot be read: Permission denied'):
        find_bags(tmp_path / 'bag')


def test_find_bags(drive, tmp_path):
    for name in ('b', 'a'):
        shutil.copytree(drive, tmp_path / name)
    assert find_bags(tmp_path) == [tmp_path / 'a', tmp_path / 'b']
    assert find_bags(drive) == [drive]
    assert find_bags(drive / 'drive.mcap') == [drive / 'drive.mcap']
    with pytest.raises(InputError, match='no bag at'):
        find_bags(tmp_path / 'c')


def test_a_bag_by_other_paths_is_the_same_bag(drive, tmp_path):
    (tmp_path / 'link').symlink_to(drive)
    (tmp_path / 'link.mcap').symlink_to(drive / 'drive.mcap')
    expected = everything_in(drive)
    with Bag(drive) as bag:
        digest = bag.sha256()
    paths = (tmp_path / 'link', tmp_path / 'link.mcap', drive / 'drive.mcap', drive / '.', drive.parent / 'x/../drive')
    (drive.parent / 'x').mkdir()
    for path in paths:
        with Bag(path) as bag:
            assert list(bag.messages()) == expected
            assert bag.sha256() == digest


@pytest.mark.parametrize('target', ['nothing', 'itself.mcap'])
def test_a_link_that_leads_nowhere(tmp_path, target):
    (tmp_path / 'itself.mcap').symlink_to(tmp_path / target)
    with pytest.raises(InputError, match=r'(no bag at|bag) .*itself.mcap'):
        Bag(tmp_path / 'itself.mcap')


def test_metadata_given_for_the_bag(drive):
    with pytest.raises(InputError, match=r'metadata.yaml is no bag: .* Its folder is one'):
        Bag(drive / 'metadata.yaml')
