"""MCAP files of a killed recorder and of other writers."""

import shutil
from collections import Counter

import pytest
import zstandard
from mcap.writer import CompressionType, IndexType
from recordings import UNINDEXED, everything_in, write_mcap

from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.messages import build as m
from lnn_controller.errors import InputError

TWIST, STAMPED = 'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'


@pytest.fixture(scope='module', params=[False, True], ids=['plain', 'zstd'])
def flushed(request, tmp_path_factory):
    """A bag of 100 commands, flushed after every tenth."""
    path = tmp_path_factory.mktemp('flushed') / 'drive'
    with BagWriter(path, compress=request.param) as bag:
        bag.add_topic('/cmd_vel', STAMPED)
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
