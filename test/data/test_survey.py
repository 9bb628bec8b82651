"""A bag looked through from its first to its last message."""

import pytest
from mcap.writer import CompressionType
from recordings import write_drive, write_mcap

from lnn_controller.data import Bag
from lnn_controller.data.bags.storage import is_bag
from lnn_controller.data.survey import survey_bag


def test_a_whole_bag(tmp_path, storage):
    found = survey_bag(write_drive(tmp_path / 'drive', storage=storage))
    assert (found.name, found.damage) == ('drive', [])
    assert found.seconds == pytest.approx(1.99)
    streams = {each.name: (each.count, each.announced, each.gaps) for each in found.streams}
    assert streams == {'/cmd_vel': (100, 100, 0), '/image_raw': (40, 40, 0), '/imu/data': (200, 200, 0)}
    assert [each.rate_hz for each in found.streams] == pytest.approx([50, 20, 100])


def test_silences_are_counted(drive, tmp_path):
    with Bag(drive) as bag:
        low = bag.start_ns
        messages = [each for each in bag.messages() if not 0.5 < (each.stamp_ns - low) * 1e-9 < 0.9]
    write_mcap(tmp_path / 'gap.mcap', messages)
    by_name = {each.name: each for each in survey_bag(tmp_path / 'gap.mcap').streams}
    assert {name: each.gaps for name, each in by_name.items()} == {'/cmd_vel': 1, '/image_raw': 1, '/imu/data': 1}
    assert by_name['/imu/data'].longest_gap_s == pytest.approx(0.4, abs=0.011)


def test_what_was_left_out_is_told(drive, tmp_path):
    with Bag(drive) as bag:
        messages = list(bag.messages())
    file = tmp_path / 'bad.mcap'
    write_mcap(file, messages, beside=[('jsonschema', 'json')], chunk_size=4000, compression=CompressionType.LZ4)
    data = bytearray(file.read_bytes())
    data[data.index(b'lz4', len(data) // 2) + 40] ^= 1
    file.write_bytes(data[:-20])
    left_out, cut_off, damaged = survey_bag(file).damage
    assert left_out == 'left out, as no ROS 2 messages: /beside_0 (json)'
    assert cut_off == 'cut off: bad.mcap: read as far as it is whole'
    assert damaged.startswith('damaged: bad.mcap: chunk at byte ')


def test_what_looks_like_a_bag(drive, tmp_path):
    assert is_bag(drive)
    assert is_bag(drive / 'drive.mcap')
    assert not is_bag(drive / 'metadata.yaml')
    assert not is_bag(tmp_path)
    assert not is_bag(tmp_path / 'nothing.mcap')
