"""What Fast DDS' profile says."""

from pathlib import Path

import pytest

from lnn_controller.nodes.controller.self_test import segment_bytes

PROFILE = Path(__file__).parents[2] / 'config' / 'fastdds.xml'


def test_the_profile_that_ships():
    assert segment_bytes(PROFILE) == 12 * 2**20


@pytest.mark.parametrize('text', ['', '<dds>', '<dds/>', '<dds><segment_size>much</segment_size></dds>'])
def test_a_profile_that_names_no_size_leaves_the_default(tmp_path, text):
    profile = tmp_path / 'profile.xml'
    profile.write_text(text)
    assert segment_bytes(profile) == 512 * 1024


def test_a_profile_that_is_not_there(tmp_path):
    assert segment_bytes(tmp_path / 'none.xml') == 512 * 1024


def test_the_smallest_of_several(tmp_path):
    profile = tmp_path / 'profile.xml'
    sizes = '<segment_size>2000000</segment_size><segment_size>1000000</segment_size>'
    profile.write_text(f'<dds xmlns="http://www.eprosima.com">{sizes}</dds>')
    assert segment_bytes(profile) == 1_000_000
