"""Bags with damaged bytes: what is read is as it was written, and what is missing is told; or one clear error."""

import random
import re
import shutil
import tracemalloc
from collections import Counter

import pytest
from mcap.writer import CompressionType
from recordings import MS, UNINDEXED, everything_in, write_drive, write_mcap

from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.bags.damage import Damage, explain_damage
from lnn_controller.data.messages import build as m
from lnn_controller.errors import InputError

TRIES = 40
SMALL = {'chunk_size': 4000}
# Checksums protect all of them.
MCAPS = {
    'zstd': SMALL,
    'lz4': SMALL | {'compression': CompressionType.LZ4},
    'not compressed': SMALL | {'compression': CompressionType.NONE},
    'no summary': SMALL | UNINDEXED,
    'no chunks': {'use_chunking': False, 'enable_data_crcs': True},
}


@pytest.fixture(scope='module')
def originals(tmp_path_factory):
    """Storage files by kind, each with what is in it."""
    folder = tmp_path_factory.mktemp('originals')
    expected = everything_in(write_drive(folder / 'drive'))
    files = {}
    for name, options in MCAPS.items():
        files[name] = folder / f'{name}.mcap'
        write_mcap(files[name], expected, **options)
    with BagWriter(folder / 'ours') as bag:
        for topic, msgtype in {each.topic: each.msgtype for each in expected}.items():
            bag.add_topic(topic, msgtype)
        for number, each in enumerate(expected):
            bag.write(each.topic, each.stamp_ns, each.data)
            if number % 20 == 19:
                bag.flush()
    files['ours'] = folder / 'ours' / 'ours.mcap'
    whole = files['ours'].read_bytes()
    files['killed'] = folder / 'killed.mcap'
    files['killed'].write_bytes(whole[: len(whole) * 4 // 5])
    files['sqlite3'] = write_drive(folder / 'database', storage='sqlite3') / 'database.db3'
    return {name: (file, everything_in(file)) for name, file in files.items()}


def damaged(chance, data):
    """Bytes with one thing wrong: a bit, a stretch of zeros or ones, the end, bytes that are lost or there twice."""
    at, length = chance.randrange(len(data)), chance.choice([1, 16, 512, 4096])
    kind = chance.choice(['bit', 'bit', 'zeros', 'zeros', 'ones', 'end', 'lost', 'twice'])
    middle, rest = data[at : at + length], data[at + length :]
    changed = {
        'bit': bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :],
        'zeros': bytes(len(middle)) + rest,
        'ones': b'\xff' * len(middle) + rest,
        'end': b'',
        'lost': rest,
        'twice': middle + middle + rest,
    }
    return data[:at] + changed[kind]


@pytest.mark.parametrize('kind', [*MCAPS, 'ours', 'killed', 'sqlite3'])
def test_damage_is_left_out_and_told_or_the_bag_is_refused(originals, tmp_path, kind):
    file, expected = originals[kind]
    whole, known = file.read_bytes(), Counter(expected)
    refused = read_in_all = 0
    for number in range(TRIES):
        bad = tmp_path / f'bad{file.suffix}'
        bad.write_bytes(damaged(random.Random(f'{kind} {number}'), whole))
        try:
            with Bag(bad) as bag:
                read = list(bag.messages())
                told = bool(bag.damage or bag.recovered)
        except InputError as err:
            assert str(bad) in str(err)
            assert len(str(err)) < 1000
            refused += 1
            continue
        read_in_all += len(read)
        if kind == 'sqlite3':  # without checksums nobody can tell what another value of a byte was
            assert len(read) <= len(expected)
            continue
        assert not Counter(read) - known, 'what is read is as it was written'
        assert told or len(read) == len(expected), 'what is missing is told'
        assert [each.stamp_ns for each in read] == sorted(each.stamp_ns for each in read)
    if kind not in ('no chunks', 'sqlite3'):
        assert refused < TRIES / 4
        assert read_in_all > TRIES * len(expected) / 2


@pytest.mark.parametrize('kind', ['zstd', 'ours'])
def test_damaged_bytes_in_the_middle_cost_one_chunk_with_or_without_index(originals, tmp_path, kind):
    file, expected = originals[kind]
    whole = file.read_bytes()
    (sample,) = (each for each in expected if each.topic == '/image_raw' and each.stamp_ns == 10**18 + 1003 * MS)
    middle = whole.index(b'zstd', len(whole) // 2) + 100 if kind == 'zstd' else whole.index(sample.data)
    for name, data in {'with': whole, 'without': whole[:-40]}.items():
        bad = tmp_path / f'{name}.mcap'
        bad.write_bytes(data[:middle] + bytes(60) + data[middle + 60 :])
        with Bag(bad) as bag:
            read = list(bag.messages())
            (damage,) = bag.damage
            assert bag.recovered == ([] if name == 'with' else ['without.mcap'])
        assert read[0] == expected[0]
        assert read[-1] == expected[-1]
        assert len(read) > 0.9 * len(expected)
        assert read == [each for each in expected if each in read]
        assert re.fullmatch(rf'{name}.mcap: chunk at byte \d+ is left out: .*', str(damage))
        lost = len(expected) - len(read)
        assert damage.counts is None if name == 'without' else sum(damage.counts.values()) == lost


def test_an_unread_chunk_is_not_looked_at_and_counts_tell_what_is_missing(originals, tmp_path):
    """The damage is told by topic, also of topics that nobody has asked for."""
    file, expected = originals['ours']
    data = bytearray(file.read_bytes())
    (sample,) = (each for each in expected if each.topic == '/cmd_vel' and each.stamp_ns == 10**18 + 1003 * MS)
    data[data.index(sample.data) + 30] ^= 4
    bad = tmp_path / 'bad.mcap'
    bad.write_bytes(data)
    with Bag(bad) as bag:
        assert bag.damage == []
        read = list(bag.messages(['/cmd_vel']))
        (damage,) = bag.damage
        list(bag.messages())
        assert bag.damage == [damage], 'once, however often it is read'
    assert sample not in read
    assert sum(damage.counts.values()) == 20
    assert len(read) == 100 - damage.counts['/cmd_vel']
    assert set(damage.counts) == {'/cmd_vel', '/imu/data', '/image_raw'}


def test_a_topic_of_which_nothing_is_whole_is_refused_with_the_reason(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        bag.write('/cmd_vel', 1, m.twist_stamped_message(1, linear=(1, 2, 3)))
    file = tmp_path / 'bag' / 'bag.mcap'
    data = bytearray(file.read_bytes())
    data[data.index(b'base_link')] ^= 1
    file.write_bytes(data)
    told = r'bag is damaged, and nothing of this can be read: .*its checksum does not fit \(1 of /cmd_vel\)$'
    with Bag(tmp_path / 'bag') as bag, pytest.raises(InputError, match=told):
        list(bag.messages())


@pytest.mark.parametrize('announced', [2**24, 2**62])
@pytest.mark.parametrize('kind', ['zstd', 'lz4', 'not compressed'])
def test_a_chunk_that_announces_more_than_it_holds_takes_no_memory(originals, tmp_path, kind, announced):
    file, expected = originals[kind]
    data = bytearray(file.read_bytes())
    chunk = data.index({'zstd': b'zstd', 'lz4': b'lz4'}.get(kind, bytes(4)), 100) - 4 - 4 - 8
    if kind != 'not compressed':
        data[chunk : chunk + 8] = announced.to_bytes(8, 'little')
    else:  # a record's length, after which nothing would be found any more
        data[9 + 8 + 1 : 9 + 8 + 9] = announced.to_bytes(8, 'little')
    bad = tmp_path / 'bad.mcap'
    bad.write_bytes(data)
    tracemalloc.start()
    read = everything_in(bad)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(read) > 0.8 * len(expected)
    assert peak < 20e6


def test_a_foreign_compression_is_named(originals, tmp_path):
    file, expected = originals['zstd']
    data = file.read_bytes()
    at = data.index(b'zstd', len(data) // 2)
    shutil.copy(file, tmp_path / 'bad.mcap')
    (tmp_path / 'bad.mcap').write_bytes(data[:at] + b'zst9' + data[at + 4 :])
    with Bag(tmp_path / 'bad.mcap') as bag:
        assert 0 < len(list(bag.messages())) < len(expected)
        (damage,) = bag.damage
    assert damage.reason == "its compression, 'zst9', is none of zstd and lz4"


def test_much_damage_is_told_in_a_few_lines():
    many = [Damage('a.mcap', f'chunk at byte {n}', 'its checksum does not fit', {'/imu': 2}) for n in range(8)]
    lines = explain_damage(many)
    assert len(lines) == 6
    assert lines[0] == 'a.mcap: chunk at byte 0 is left out: its checksum does not fit (2 of /imu)'
    assert lines[-1] == '3 more such places, with 6 messages or more'
    assert explain_damage([]) == []
