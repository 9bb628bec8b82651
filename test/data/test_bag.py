import hashlib
import re
import shutil
import sqlite3
from collections import Counter

import pytest
import zstandard
from mcap.writer import CompressionType, IndexType
from recordings import MS, picture, write_drive, write_mcap
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from lnn_controller.data import Bag, BagWriter, Topics
from lnn_controller.data.bags.reader import find_bags
from lnn_controller.data.bags.topics import Topic, choose_topic
from lnn_controller.data.messages import build as m
from lnn_controller.errors import InputError

COMMAND = 'geometry_msgs/msg/TwistStamped'
IMAGE, COMPRESSED, IMU = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/Imu'
FFMPEG = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket'
TWIST, STAMPED, ODOMETRY = 'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped', 'nav_msgs/msg/Odometry'


def topics_of(*rows):
    return [Topic(name, msgtype, count) for name, msgtype, count in rows]


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
def test_compressed_bags(tmp_path, mode):
    writer = Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    raw = bytes(m.serialize(m.twist_message(linear=(1, 2, 3))))
    with writer:
        connection = writer.add_connection('/cmd_vel', TWIST, typestore=m.typestore())
        writer.write(connection, 5, raw)
    with Bag(tmp_path / 'bag') as bag:
        assert [(message.topic, message.data) for message in bag.messages()] == [('/cmd_vel', raw)]
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


@pytest.fixture(scope='module', params=[False, True], ids=['plain', 'zstd'])
def flushed(request, tmp_path_factory):
    """A bag of 100 commands, flushed after every tenth."""
    path = tmp_path_factory.mktemp('flushed') / 'drive'
    with BagWriter(path, compress=request.param) as bag:
        bag.add_topic('/cmd_vel', COMMAND)
        for number in range(100):
            bag.write('/cmd_vel', 1 + number, m.twist_stamped_message(number, linear=(number, 0, 0)))
            if number % 10 == 9:
                bag.flush()
    return path


@pytest.mark.parametrize('kept', [4, 8, 20, 40, 0.2, 0.3, 0.5, -200, -30, -8, -1])
@pytest.mark.parametrize('alone', [False, True], ids=['directory', 'file'])
def test_a_truncated_mcap_is_read_as_far_as_it_is_whole(flushed, tmp_path, kept, alone):
    with Bag(flushed) as bag:
        everything = list(bag.messages())
    shutil.copytree(flushed, tmp_path / 'cut')
    file = tmp_path / 'cut' / 'drive.mcap'
    whole = file.read_bytes()
    cut = whole[: int(kept * len(whole)) if isinstance(kept, float) else kept]
    file.write_bytes(cut)
    path = file if alone else tmp_path / 'cut'
    if kept in (4, 8, 20, 40):
        with pytest.raises(InputError, match=r'bag .*cut.* is empty'):
            Bag(path)
        return
    with Bag(path) as bag:
        assert bag.recovered == ['drive.mcap']
        read = list(bag.messages())
        assert read == everything[: len(read)]
        assert sum(topic.count for topic in bag.topics.values()) == len(read)
        assert (bag.start_ns, bag.end_ns) == (read[0].stamp_ns, read[-1].stamp_ns)
    assert len(read) % 10 == 0
    assert len(read) == 100 or kept in (0.2, 0.3, 0.5)
    assert file.read_bytes() == cut, 'the file is as it was'


@pytest.mark.parametrize('alone', [False, True], ids=['directory', 'file'])
def test_rows_in_a_write_ahead_log_are_read(tmp_path, alone):
    """A recorder that was killed leaves them there; nothing of the bag is changed by reading it."""
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    with Bag(path) as bag:
        everything = list(bag.messages())
    (file,) = path.glob('*.db3')
    writing = sqlite3.connect(file, isolation_level=None)
    writing.execute('PRAGMA journal_mode=WAL')
    writing.execute('PRAGMA wal_autocheckpoint=0')
    rows = writing.execute('SELECT topic_id, timestamp, data FROM messages ORDER BY timestamp').fetchall()
    writing.execute('DELETE FROM messages')
    writing.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    writing.executemany('INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)', rows)
    # As a kill leaves it: closing the connection would take the log in.
    killed = shutil.copytree(path, tmp_path / 'killed')
    writing.close()
    before = {each.name: each.read_bytes() for each in killed.iterdir()}
    assert f'{file.name}-wal' in before
    with Bag(killed / file.name if alone else killed) as bag:
        assert list(bag.messages()) == everything
        assert {topic.count for topic in bag.topics.values()} == {40, 100, 200}
    assert {each.name: each.read_bytes() for each in killed.iterdir()} == before


@pytest.mark.parametrize('alone', [False, True], ids=['directory', 'file'])
def test_what_a_killed_recorder_had_begun_to_write_is_taken_back_by_its_journal(tmp_path, alone):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    expected = everything_in(path)
    (file,) = path.glob('*.db3')
    writing = sqlite3.connect(file, isolation_level=None)
    writing.execute('PRAGMA cache_size=1')
    writing.execute('BEGIN')
    writing.execute('UPDATE messages SET data = randomblob(2000), timestamp = timestamp + 1')
    killed = shutil.copytree(path, tmp_path / 'killed')
    writing.rollback()
    writing.close()
    before = {each.name: each.read_bytes() for each in killed.iterdir()}
    assert before[f'{file.name}-journal']
    assert before[file.name] != file.read_bytes(), 'pages of what was begun are in the file'
    assert everything_in(killed / file.name if alone else killed) == expected
    assert {each.name: each.read_bytes() for each in killed.iterdir()} == before


def test_a_truncated_sqlite3(tmp_path):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    file = path / 'drive.db3'
    whole = file.read_bytes()
    for kept in (10, 100, 5000, len(whole) // 2):
        file.write_bytes(whole[:kept])
        told = rf'is cut off, {kept} of {len(whole)} bytes are there: copy it again' if kept >= 100 else ''
        with pytest.raises(InputError, match=rf'bag .*drive is damaged.*drive.db3.*{told}'), Bag(path) as bag:
            list(bag.messages())


def test_a_sqlite3_whose_write_ahead_log_was_not_copied(tmp_path):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    (file,) = path.glob('*.db3')
    database = sqlite3.connect(file)
    database.execute('PRAGMA journal_mode=WAL')
    database.execute('DELETE FROM messages')
    database.commit()
    database.close()  # takes the log in: what was not deleted is whole
    with pytest.raises(InputError, match=r'is empty: .* Its write-ahead log, drive.db3-wal, is not there: copy it too'):
        Bag(file)


def test_rows_that_metadata_tells_and_the_file_lacks_are_told(tmp_path):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    database = sqlite3.connect(path / 'drive.db3')
    database.execute('PRAGMA journal_mode=WAL')
    database.execute('DELETE FROM messages WHERE id > 300')
    database.commit()
    database.close()
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 300
        (damage,) = bag.damage
    assert damage.reason.startswith(
        'of 340 messages, by metadata.yaml, 300 are there; its write-ahead log, drive.db3-wal'
    )


@pytest.mark.parametrize('wrong', ['topics SET name = NULL', "topics SET type = x'00'", "messages SET data = 'text'"])
def test_a_database_with_something_else_in_it_is_refused(tmp_path, wrong):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    (path / 'metadata.yaml').unlink()
    database = sqlite3.connect(path / 'drive.db3', isolation_level=None)
    database.execute('ALTER TABLE topics RENAME TO old')
    database.execute('CREATE TABLE topics AS SELECT * FROM old')
    database.execute(f'UPDATE {wrong}')
    database.close()
    with (
        pytest.raises(InputError, match=r'drive is damaged, .* without (name or type|time or bytes)'),
        Bag(path) as bag,
    ):
        list(bag.messages())


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


def test_bytes_damaged_in_the_middle_of_an_mcap(drive, tmp_path):
    whole = bytearray((drive / 'drive.mcap').read_bytes())
    middle = len(whole) // 3
    whole[middle : middle + 4000] = b'\xff' * 4000
    (tmp_path / 'bad.mcap').write_bytes(whole)
    with pytest.raises(InputError, match=r'bag .*bad.mcap is damaged'), Bag(tmp_path / 'bad.mcap') as bag:
        list(bag.messages())


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


def test_a_foreign_database(tmp_path):
    database = sqlite3.connect(tmp_path / 'other.db3')
    database.execute('CREATE TABLE books(name TEXT)')
    database.commit()
    database.close()
    with pytest.raises(InputError, match=r'bag .*other.db3 is damaged, or of a kind .* missing tables'):
        Bag(tmp_path / 'other.db3')


def everything_in(path):
    with Bag(path) as bag:
        return list(bag.messages())


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


CHUNK_INDEX_ALONE = {'index_types': IndexType.CHUNK, 'chunk_size': 5000}


@pytest.mark.parametrize('alone', [False, True], ids=['directory', 'file'])
@pytest.mark.parametrize(
    ('options', 'left_out'),
    [
        (CHUNK_INDEX_ALONE, {}),
        (CHUNK_INDEX_ALONE | {'use_statistics': False, 'compression': CompressionType.NONE}, {}),
        ({'profile': ''}, {}),
        ({'profile': '', 'use_chunking': False}, {}),
        ({'profile': 'other', 'compression': CompressionType.LZ4}, {}),
        ({'beside': [('jsonschema', 'json')]}, {'/beside_0': 'json'}),
        ({'beside': [('', 'json')], 'use_chunking': False}, {'/beside_0': 'json'}),
        ({'beside': [('protobuf', 'protobuf'), ('', 'cdr')]}, {'/beside_0': 'protobuf', '/beside_1': 'cdr'}),
        ({'beside': [('ros2msg', 'json'), ('odd', 'cdr')]}, {'/beside_0': 'json', '/beside_1': 'cdr of odd'}),
    ],
)
def test_mcap_files_of_other_writers(drive, tmp_path, options, left_out, alone):
    expected = everything_in(drive)
    bag = shutil.copytree(drive, tmp_path / 'bag') if not alone else tmp_path
    file = bag / 'drive.mcap'
    # Out of order, as where two threads write.
    write_mcap(file, expected[1::2] + expected[::2] if 'index_types' in options else expected, **options)
    before = file.read_bytes()
    with Bag(file if alone else bag) as read:
        assert sorted(read.messages(), key=lambda each: (each.stamp_ns, each.topic)) == sorted(
            expected, key=lambda each: (each.stamp_ns, each.topic)
        )
        assert {topic.count for topic in read.topics.values()} == {40, 100, 200}
        assert (read.start_ns, read.end_ns) == (expected[0].stamp_ns, expected[-1].stamp_ns)
        assert read.left_out == left_out
        assert all(f'{name} ({encoding})' in read.describe_topics() for name, encoding in left_out.items())
    assert file.read_bytes() == before, 'the file is as it was'


def test_qos_is_kept_where_a_file_is_rewritten(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/cmd_vel', TWIST)
        bag.write('/cmd_vel', 1, m.twist_message())
    with Bag(tmp_path / 'bag') as bag:
        expected = bag.offered('/cmd_vel')
    file = tmp_path / 'bag' / 'bag.mcap'
    file.write_bytes(file.read_bytes().replace(b'\4\0\0\0ros2', b'\4\0\0\0odd!', 1))
    with Bag(tmp_path / 'bag') as bag:
        assert bag.offered('/cmd_vel') == expected
        assert len(list(bag.messages())) == 1


@pytest.mark.parametrize('kept', [0.3, 0.8])
def test_a_truncated_mcap_without_profile_is_read_as_far_as_it_is_whole(drive, tmp_path, kept):
    expected = everything_in(drive)
    file = tmp_path / 'cut.mcap'
    write_mcap(file, expected, profile='', chunk_size=5000)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept * len(whole))])
    with Bag(file) as bag:
        read = list(bag.messages())
        assert bag.recovered == ['cut.mcap']
    assert 0 < len(read) < 340
    assert read == expected[: len(read)]


def test_of_a_damaged_mcap_all_else_is_read_and_the_damage_is_told(drive, tmp_path):
    file = tmp_path / 'bad.mcap'
    write_mcap(file, everything_in(drive), profile='', chunk_size=8000)
    whole = bytearray(file.read_bytes())
    middle = whole.index(b'zstd', len(whole) // 3) + 100
    whole[middle : middle + 40] = b'\xff' * 40
    file.write_bytes(whole)
    expected = everything_in(drive)
    with Bag(file) as bag:
        read = list(bag.messages())
        (damage,) = bag.damage
    assert damage.file == 'bad.mcap'
    assert re.fullmatch(r'chunk at byte \d+', damage.where)
    assert 0 < sum(damage.counts.values()) == len(expected) - len(read)
    assert read == [each for each in expected if each in read]
    assert str(damage).startswith(f'bad.mcap: {damage.where} is left out: ')
    assert ' of /imu/data' in str(damage)


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


def test_a_compressed_file_that_is_cut_off(flushed, tmp_path):
    expected = everything_in(flushed)
    packed = zstandard.ZstdCompressor().compressobj()
    whole = (flushed / 'drive.mcap').read_bytes()
    half = packed.compress(whole[: len(whole) // 2]) + packed.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    (tmp_path / 'cut.mcap.zstd').write_bytes(half)
    with Bag(tmp_path / 'cut.mcap.zstd') as bag:
        assert bag.recovered == ['cut.mcap.zstd']
        read = list(bag.messages())
    assert 0 < len(read) < 100
    assert read == expected[: len(read)]


@pytest.mark.parametrize('mode', [CompressionMode.FILE, CompressionMode.MESSAGE, CompressionMode.STORAGE])
def test_compressed_bags_whose_metadata_is_missing(tmp_path, mode):
    writer = Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    raw = bytes(m.serialize(m.twist_message(linear=(1, 2, 3))))
    with writer:
        connection = writer.add_connection('/cmd_vel', TWIST, typestore=m.typestore())
        writer.write(connection, 5, raw)
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    assert [(each.stamp_ns, each.data) for each in everything_in(tmp_path / 'bag')] == [(5, raw)]


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


def test_topics_by_name(drive):
    with Bag(drive) as bag:
        assert bag.choose('image', 'image_raw').name == '/image_raw'
        assert bag.choose('imu').name == '/imu/data'
        with pytest.raises(
            InputError, match=r'no topic /camera.* Topics there: for --image-topic there are /image_raw'
        ):
            bag.choose('image', '/camera')
        told = r'no topic imu_data: did you mean /imu/data\? Topics there: for --imu-topic there are /imu/data'
        with pytest.raises(InputError, match=told):
            bag.choose('imu', 'imu_data')
        with pytest.raises(InputError, match=r'no topic /image_rw: did you mean /image_raw\? Topics there: .*/cmd_vel'):
            list(bag.messages(['/image_rw']))
        with pytest.raises(InputError, match=r'topic /imu/data: images are read from .* Got sensor_msgs/msg/Imu'):
            bag.choose('image', '/imu/data')
        with pytest.raises(InputError, match='has no topic /nothing'):
            list(bag.messages(['/nothing']))


@pytest.mark.parametrize(
    ('kind', 'rows', 'expected'),
    [
        ('image', [('/a', IMAGE, 3), ('/b', COMPRESSED, 0)], '/a'),
        ('image', [('/a/compressed', COMPRESSED, 3), ('/cmd_vel', TWIST, 1)], '/a/compressed'),
        ('image', [('/a/compressed', COMPRESSED, 3), ('/a', IMAGE, 3), ('/a/compressedDepth', COMPRESSED, 3)], '/a'),
        ('image', [('/a/ffmpeg', FFMPEG, 3), ('/a/compressed', COMPRESSED, 3), ('/a', IMAGE, 3)], '/a'),
        ('image', [('/a/ffmpeg', FFMPEG, 3), ('/a/compressed', COMPRESSED, 3)], '/a/compressed'),
        ('image', [('/a/ffmpeg', FFMPEG, 3)], '/a/ffmpeg'),
        # Somebody looked at the raw topic for a moment.
        ('image', [('/a/ffmpeg', FFMPEG, 300), ('/a/compressed', COMPRESSED, 290), ('/a', IMAGE, 3)], '/a/compressed'),
        ('image', [('/cmd_vel', TWIST, 3)], None),
        ('imu', [('/imu', IMU, 0)], None),
        ('command', [('/t', TWIST, 3)], '/t'),
        ('command', [('/odom', ODOMETRY, 3)], '/odom'),
        ('command', [('/odom', ODOMETRY, 3), ('/t', STAMPED, 1)], '/t'),
        ('command', [('/odom', ODOMETRY, 3), ('/t', STAMPED, 0)], '/odom'),
        ('command', [('/cmd_vel_nav', TWIST, 3), ('/robot/cmd_vel', STAMPED, 1)], '/robot/cmd_vel'),
    ],
)
def test_topics_by_type(kind, rows, expected):
    chosen = choose_topic(kind, None, topics_of(*rows), bag='b')
    assert (chosen and chosen.name) == expected


@pytest.mark.parametrize(
    ('kind', 'rows'),
    [
        ('image', [('/left/image_raw', IMAGE, 3), ('/right/image_raw', IMAGE, 3)]),
        ('image', [('/left/compressed', COMPRESSED, 3), ('/right', IMAGE, 3)]),
        ('image', [('/left/ffmpeg', FFMPEG, 3), ('/right/ffmpeg', FFMPEG, 3)]),
        ('image', [('/rig/left', COMPRESSED, 3), ('/rig/right', COMPRESSED, 3)]),
        ('imu', [('/imu/data', IMU, 3), ('/imu/data_raw', IMU, 3)]),
        ('command', [('/a', TWIST, 3), ('/b', STAMPED, 3)]),
        ('command', [('/a/cmd_vel', TWIST, 3), ('/b/cmd_vel', TWIST, 3), ('/c', TWIST, 9)]),
        ('command', [('/odom', ODOMETRY, 3), ('/odometry/filtered', ODOMETRY, 3)]),
    ],
)
def test_several_topics_are_listed_with_the_flag_to_use(kind, rows):
    first, second = rows[0][0], rows[1][0]
    with pytest.raises(InputError, match=rf'bag b has several {kind} topics: {first} .*{second}.* with --{kind}-topic'):
        choose_topic(kind, None, topics_of(*rows), bag='b')
    named = topics_of(*rows)[1]
    assert choose_topic(kind, named, topics_of(*rows), bag='b') == named


def test_a_named_topic_without_messages():
    with pytest.raises(InputError, match=r'bag b, topic /a: no message was recorded. Choose another with --imu-topic'):
        choose_topic('imu', Topic('/a', IMU, 0), [], bag='b')


def test_a_topic_recorded_with_two_types(tmp_path):
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for msgtype, message in ((TWIST, m.twist_message()), (STAMPED, m.twist_stamped_message(5))):
            connection = writer.add_connection('/cmd_vel', msgtype, typestore=m.typestore())
            writer.write(connection, MS, bytes(m.serialize(message)))
        image = writer.add_connection('/image_raw', IMAGE, typestore=m.typestore())
        writer.write(image, MS, bytes(m.serialize(m.image_message(MS, picture(0)))))
    with Bag(tmp_path / 'bag') as bag:
        assert bag.choose('command') is None
        assert '/cmd_vel (several types, 2)' in bag.describe_topics()


def test_topics_default_to_none():
    assert Topics() == Topics(image=None, imu=None, command=None)


UNINDEXED = {
    'index_types': IndexType.NONE,
    'use_statistics': False,
    'use_summary_offsets': False,
    'repeat_channels': False,
    'repeat_schemas': False,
}


@pytest.mark.parametrize(
    'options',
    [
        {'use_chunking': False},
        UNINDEXED | {'use_chunking': False},
        UNINDEXED | {'chunk_size': 3000},
        UNINDEXED | {'chunk_size': 3000, 'compression': CompressionType.LZ4, 'profile': ''},
        {'chunk_size': 3000, 'compression': CompressionType.NONE},
        {'chunk_size': 3000, 'enable_crcs': False},
    ],
    ids=['unchunked', 'bare', 'chunks without index', 'lz4 without profile', 'chunks that overlap', 'no checksums'],
)
@pytest.mark.parametrize('end', [0, 8, 40], ids=['whole', 'without magic', 'without footer'])
def test_messages_in_any_order_in_the_file_are_read_in_order_of_time(drive, tmp_path, options, end):
    expected = everything_in(drive)
    shuffled = expected[150:] + expected[:100] + expected[149:99:-1]
    file = tmp_path / 'other.mcap'
    write_mcap(file, shuffled, **options)
    file.write_bytes(file.read_bytes()[: -end or None])
    with Bag(file) as bag:
        read = list(bag.messages())
        assert bag.damage == []
        assert bag.recovered == ([] if not end else ['other.mcap'])
        assert (bag.start_ns, bag.end_ns) == (expected[0].stamp_ns, expected[-1].stamp_ns)
    assert [each.stamp_ns for each in read] == [each.stamp_ns for each in expected]
    assert Counter(read) == Counter(expected)


def test_messages_before_their_schema_and_channel(drive, tmp_path):
    expected = everything_in(drive)[:50]
    file = tmp_path / 'late.mcap'
    write_mcap(file, expected, use_chunking=False, **UNINDEXED)
    data = file.read_bytes()
    records, at = [], 8
    while at < len(data) - 8:
        length = int.from_bytes(data[at + 1 : at + 9], 'little')
        records.append(data[at : at + 9 + length])
        at += 9 + length
    late = [record for record in records if record[0] in (3, 4)]
    end = next(number for number, record in enumerate(records) if record[0] == 0x0F)
    others = [record for record in records[:end] if record[0] not in (3, 4)]
    file.write_bytes(data[:8] + b''.join(others + late[::-1] + records[end:]) + data[:8])
    assert everything_in(file) == expected


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
