import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress

import pytest
import yaml
from full_disk import files_of_at_most
from mcap.reader import make_reader
from recordings import MS
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability, QosReliability

from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.bags.writer import offered_qos
from lnn_controller.data.messages.build import clock_message, serialize, twist_message, twist_stamped_message
from lnn_controller.errors import InputError

TWIST = 'geometry_msgs/msg/Twist'


def test_rosbags_reads_back_what_was_written(tmp_path, storage):
    with BagWriter(tmp_path / 'bag', storage=storage) as bag:
        bag.add_topic('/cmd_vel', 'geometry_msgs/TwistStamped')
        bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock')
        bag.write('/clock', 5, clock_message(1_500_000_000))
        bag.write('/cmd_vel', 7, twist_stamped_message(2_000_000_003, linear=(1, 2, 3), angular=(4, 5, 6)))
        assert bag.topics == {'/cmd_vel': 'geometry_msgs/msg/TwistStamped', '/clock': 'rosgraph_msgs/msg/Clock'}
        assert bag.counts == {'/cmd_vel': 1, '/clock': 1}
    with AnyReader([tmp_path / 'bag']) as reader:
        rows = [(c.topic, t, reader.deserialize(raw, c.msgtype)) for c, t, raw in reader.messages()]
    (clock_topic, clock_ns, clock), (twist_topic, twist_ns, twist) = rows
    assert (clock_topic, clock_ns, clock.clock.sec, clock.clock.nanosec) == ('/clock', 5, 1, 500_000_000)
    assert (twist_topic, twist_ns, twist.header.stamp.nanosec) == ('/cmd_vel', 7, 3)
    assert (twist.twist.linear.y, twist.twist.angular.z) == (2.0, 6.0)


def test_raw_bytes_are_kept_as_they_are(tmp_path, storage):
    raw = bytes(serialize(twist_message(linear=(1, 2, 3)))) + b'\0\0\0'
    with BagWriter(tmp_path / 'bag', storage=storage) as bag:
        bag.add_topic('/cmd_vel', TWIST)
        for stamp, data in enumerate((raw, bytearray(raw), memoryview(raw))):
            bag.write('/cmd_vel', stamp, data)
    with Bag(tmp_path / 'bag') as bag:
        assert [m.data for m in bag.messages()] == [raw] * 3


def test_metadata_has_type_hash_and_offered_qos(tmp_path, storage):
    with BagWriter(tmp_path / 'bag', storage=storage) as bag:
        bag.add_topic('/a', TWIST, qos=offered_qos(reliable=False, transient_local=True, depth=3))
        bag.add_topic('/b', TWIST)
        bag.write('/a', 1, twist_message())
        bag.write('/b', 1, twist_message())
    with AnyReader([tmp_path / 'bag']) as reader:
        a, b = sorted(reader.connections, key=lambda c: c.topic)
        assert a.digest == b.digest == 'RIHS01_9c45bf16fe0983d80e3cfe750d6835843d265a9a6c46bd2e609fcddde6fb8d2a'
        (qos,) = a.ext.offered_qos_profiles
        assert (qos.reliability, qos.durability, qos.depth) == (
            QosReliability.BEST_EFFORT,
            QosDurability.TRANSIENT_LOCAL,
            3,
        )
        assert b.ext.offered_qos_profiles == []
        assert reader.message_count == 2


def test_what_its_writer_says_of_a_bag_is_read_again(tmp_path, storage):
    said = {'robot': 'car', 'seed': '7'}
    with BagWriter(tmp_path / 'bag', storage=storage, custom_data=said) as bag:
        bag.add_topic('/cmd_vel', TWIST)
        bag.write('/cmd_vel', 1, twist_message())
    metadata = tmp_path / 'bag' / 'metadata.yaml'
    assert yaml.safe_load(metadata.read_text())['rosbag2_bagfile_information']['custom_data'] == said
    with Bag(tmp_path / 'bag') as bag:
        assert bag.custom_data == said
    (file,) = (path for path in metadata.parent.iterdir() if path != metadata)
    with Bag(file) as alone:
        assert alone.custom_data == {}
    for text in ('rosbag2_bagfile_information: 3', 'rosbag2_bagfile_information: {custom_data: [a]}', ': :'):
        metadata.write_text(text)
        with Bag(tmp_path / 'bag') as bag:
            assert bag.custom_data == {}


@pytest.mark.parametrize('interruption', [KeyboardInterrupt, RuntimeError])
def test_an_exception_leaves_a_whole_bag(tmp_path, storage, interruption):
    with pytest.raises(interruption), BagWriter(tmp_path / 'bag', storage=storage) as bag:
        bag.add_topic('/cmd_vel', TWIST)
        for stamp in range(10):
            bag.write('/cmd_vel', stamp * MS, twist_message())
        raise interruption
    with Bag(tmp_path / 'bag') as bag:
        assert bag.topics['/cmd_vel'].count == 10
        assert len(list(bag.messages())) == 10


def test_an_existing_bag_is_not_overwritten(tmp_path):
    (tmp_path / 'bag').mkdir()
    with pytest.raises(InputError, match=r'bag .*bag exists already and is not overwritten'):
        BagWriter(tmp_path / 'bag')


def test_an_unknown_storage_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"storage must be one of mcap, sqlite3. Got 'bag'"):
        BagWriter(tmp_path / 'bag', storage='bag')


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match=r'file/bag cannot be written: Not a directory. Choose a folder'):
        BagWriter(tmp_path / 'file' / 'bag')


def test_no_write_permission(tmp_path, unprivileged):
    with pytest.raises(InputError, match=r'bag .*bag cannot be written: Permission denied. Choose a folder'):
        BagWriter(tmp_path / 'bag')


def test_topics_are_checked(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/a', TWIST)
        with pytest.raises(InputError, match=r"topic /b: a message type .* is needed. Got 'my_msgs/msg/Wheel'"):
            bag.add_topic('/b', 'my_msgs/msg/Wheel')
        with pytest.raises(InputError, match='has the topic /a already, with type geometry_msgs/msg/Twist'):
            bag.add_topic('/a', TWIST)
        with pytest.raises(ValueError, match='has no topic /b: add_topic comes first'):
            bag.write('/b', 0, twist_message())
        with pytest.raises(ValueError, match=r'a stamp is 0 to .* Got -1'):
            bag.write('/a', -1, twist_message())
        with pytest.raises(TypeError, match=r'CDR bytes or a geometry_msgs/msg/Twist are needed. Got .*TwistStamped'):
            bag.write('/a', 0, twist_stamped_message(0))
        bag.write('/a', 0, twist_message())
    bag.close()
    with pytest.raises(ValueError, match='is closed'):
        bag.write('/a', 0, twist_message())


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs a device that is always full')  # noqa: PTH110
def test_a_full_disk_is_named(tmp_path):
    bag = BagWriter(tmp_path / 'bag')
    bag.add_topic('/cmd_vel', TWIST)
    storage = bag._writer.storage
    storage.bio.close()
    storage.bio = open('/dev/full', 'wb')  # noqa: PTH123, SIM115
    with pytest.raises(InputError, match='cannot be written any further: No space left on device'):
        for stamp in range(40_000):  # until a chunk is full and goes to the disk
            bag.write('/cmd_vel', stamp, twist_message())
    with pytest.raises(InputError, match='cannot be closed whole: No space left on device'):
        bag.close()


def test_what_was_flushed_outlives_a_full_disk(tmp_path, storage):
    bag = BagWriter(tmp_path / 'bag', storage=storage)
    bag.add_topic('/cmd_vel', TWIST)
    for stamp in range(1000):
        bag.write('/cmd_vel', stamp, twist_message())
    bag.flush()
    size = sum(file.stat().st_size for file in (tmp_path / 'bag').iterdir())
    with files_of_at_most(size + 10_000):
        with pytest.raises(InputError, match='cannot be written any further: '):
            for stamp in range(1000, 100_000):
                bag.write('/cmd_vel', stamp, twist_message())
                if stamp % 100 == 0:
                    bag.flush()
        with suppress(InputError):
            bag.close()
    with Bag(tmp_path / 'bag') as read:
        assert [message.stamp_ns for message in read.messages()][:1000] == list(range(1000))


def test_what_was_flushed_outlives_a_kill(tmp_path, storage):
    code = f"""
import os, signal
from lnn_controller.data import BagWriter
from lnn_controller.data.messages.build import twist_message
bag = BagWriter({str(tmp_path / 'bag')!r}, storage={storage!r})
bag.add_topic('/cmd_vel', {TWIST!r})
for stamp in range(20):
    bag.write('/cmd_vel', stamp, twist_message())
bag.flush()
bag.write('/cmd_vel', 20, twist_message())
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == -signal.SIGKILL
    with Bag(tmp_path / 'bag') as read:
        assert [message.stamp_ns for message in read.messages()] == list(range(20))


def test_a_locked_database_is_named(tmp_path):
    bag = BagWriter(tmp_path / 'bag', storage='sqlite3')
    bag._writer.storage.conn.execute('PRAGMA busy_timeout = 0')
    other = sqlite3.connect(tmp_path / 'bag' / 'bag.db3')
    other.execute('BEGIN EXCLUSIVE')
    with pytest.raises(InputError, match='cannot be written any further: database is locked'):
        bag.add_topic('/cmd_vel', TWIST)
    other.close()
    bag.close()


def split(path, **limits):
    with BagWriter(path, **limits) as bag:
        bag.add_topic('/a', 'std_msgs/msg/String', qos=offered_qos(transient_local=True))
        bag.add_topic('/b', 'std_msgs/msg/UInt32')
        for number in range(100):
            bag.write('/a', 1_000_000_000 + number * 100_000_000, b'\0\1\0\0\5\0\0\0four\0' + bytes(1000))
            if number == 50:
                bag.write('/b', 1_000_000_000 + number * 100_000_000, b'\0\1\0\0\7\0\0\0')
        assert bag.counts == {'/a': 100, '/b': 1}
    return yaml.safe_load((path / 'metadata.yaml').read_text())['rosbag2_bagfile_information']


@pytest.mark.parametrize(
    ('limits', 'files'), [({'max_seconds': 2.5}, 4), ({'max_bytes': 30_000}, 4), ({'max_seconds': 60.0}, 1)]
)
@pytest.mark.parametrize('compress', [False, True])
def test_a_bag_of_several_files(tmp_path, limits, files, compress):
    path = tmp_path / 'bag'
    told = split(path, compress=compress, **limits)
    names = [f'bag_{number}.mcap' for number in range(files)]
    assert told['relative_file_paths'] == [file['path'] for file in told['files']] == names
    assert sorted(each.name for each in path.iterdir()) == [*names, 'metadata.yaml']
    assert told['message_count'] == sum(file['message_count'] for file in told['files']) == 101
    counts = {row['topic_metadata']['name']: row['message_count'] for row in told['topics_with_message_count']}
    assert counts == {'/a': 100, '/b': 1}
    assert all(
        row['topic_metadata']['type_description_hash'].startswith('RIHS01_')
        for row in told['topics_with_message_count']
    )
    starts = [file['starting_time']['nanoseconds_since_epoch'] for file in told['files']]
    ends = [start + file['duration']['nanoseconds'] for start, file in zip(starts, told['files'], strict=True)]
    assert starts[0] == told['starting_time']['nanoseconds_since_epoch'] == 1_000_000_000
    assert ends[-1] - starts[0] == told['duration']['nanoseconds'] == 9_900_000_000
    with Bag(path) as bag:
        assert len(list(bag.messages(['/a']))) == 100
        assert bag.recovered == []
    # Each file is a bag of its own.
    with Bag(path / names[-1]) as bag:
        assert bag.topics['/a'].count == told['files'][-1]['message_count'] - (files == 1)
    (path / 'metadata.yaml').unlink()
    with Bag(path) as bag:
        stamps = [message.stamp_ns for message in bag.messages()]
        assert len(stamps) == 101
        assert stamps == sorted(stamps)
    if compress:
        assert sum((path / name).stat().st_size for name in names) < 50_000


def test_a_bag_that_is_killed_between_two_files_is_read_whole(tmp_path, monkeypatch):
    bag = BagWriter(tmp_path / 'bag', max_bytes=100)
    bag.add_topic('/cmd_vel', TWIST)
    for stamp in range(20):
        bag.write('/cmd_vel', stamp, twist_message())
    killed = tmp_path / 'killed'
    real = bag._writer.close

    def close():
        real()
        shutil.copytree(tmp_path / 'bag', killed)  # as a kill would leave it

    monkeypatch.setattr(bag._writer, 'close', close)
    while not killed.exists():
        bag.write('/cmd_vel', stamp := stamp + 1, twist_message())
    with Bag(killed) as read:
        assert [message.stamp_ns for message in read.messages()] == list(range(stamp))


def test_only_mcap_is_split_or_compressed(tmp_path):
    for wrong in ({'compress': True}, {'max_bytes': 1}, {'max_seconds': 1.0}):
        with pytest.raises(InputError, match=r"only an mcap bag can be compressed or split. Got storage 'sqlite3'"):
            BagWriter(tmp_path / 'bag', storage='sqlite3', **wrong)
    assert not (tmp_path / 'bag').exists()


@pytest.mark.parametrize('compress', [False, True])
def test_the_mcap_library_reads_it(tmp_path, compress):
    """Foxglove's own reader, with the index that a seek needs and the schema that a viewer decodes by."""
    with BagWriter(tmp_path / 'bag', compress=compress) as bag:
        bag.add_topic('/a', TWIST, qos=offered_qos())
        for number in range(100):
            bag.write('/a', 1_000 + number, twist_message())
    with (tmp_path / 'bag' / 'bag.mcap').open('rb') as stream:
        reader = make_reader(stream)
        summary = reader.get_summary()
        assert summary.statistics.message_count == 100
        (schema,) = summary.schemas.values()
        assert (schema.name, schema.encoding) == (TWIST, 'ros2msg')
        assert b'Vector3' in schema.data
        (channel,) = summary.channels.values()
        assert channel.message_encoding == 'cdr'
        assert 'reliability' in channel.metadata['offered_qos_profiles']
        assert {chunk.compression for chunk in summary.chunk_indexes} == ({'zstd'} if compress else {''})
        late = [message.log_time for _, _, message in reader.iter_messages(topics=['/a'], starting_at=1_050)]
        assert late == list(range(1_050, 1_100))
        assert all(message.data == serialize(twist_message()) for _, _, message in reader.iter_messages())


def test_a_bag_whose_metadata_was_given_another_qos_is_read_whole(tmp_path, storage):
    """As people do who want it played back otherwise; rosbags would leave the topic's messages out."""
    path = tmp_path / 'bag'
    with BagWriter(path, storage=storage) as bag:
        bag.add_topic('/a', TWIST, qos=offered_qos(reliable=False))
        bag.write('/a', 1, twist_message())
    metadata = path / 'metadata.yaml'
    told = yaml.safe_load(metadata.read_text())
    (row,) = told['rosbag2_bagfile_information']['topics_with_message_count']
    (profile,) = row['topic_metadata']['offered_qos_profiles']
    profile['reliability'] = 'reliable'
    metadata.write_text(yaml.safe_dump(told))
    with Bag(path) as bag:
        assert [each.data for each in bag.messages()] == [serialize(twist_message())]
        assert bag.topics['/a'].count == 1
