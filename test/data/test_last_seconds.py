import threading

import pytest

from lnn_controller.data import Bag
from lnn_controller.data.bags.last_seconds import LastSeconds
from lnn_controller.data.bags.reader import find_bags
from lnn_controller.data.bags.writer import BagWriter, offered_qos
from lnn_controller.data.messages.build import serialize, typestore
from lnn_controller.errors import InputError

S = 1_000_000_000
STRING = 'std_msgs/msg/String'


def text(word):
    return serialize(typestore().types[STRING](data=word))


def memory(path, seconds=2.0, max_bytes=10**6, make=BagWriter):
    kept = LastSeconds(path, seconds, max_bytes, make)
    kept.add_topic('/count', STRING, qos=offered_qos())
    kept.add_topic('/map', STRING, qos=offered_qos(transient_local=True))
    return kept


def told(path):
    with Bag(path) as bag:
        return [
            (each.topic, each.stamp_ns / S, bag.deserialize(each).data)
            for each in sorted(bag.messages(), key=lambda m: (m.stamp_ns, m.topic != '/map'))
        ]


def test_the_last_seconds_become_a_bag_and_what_is_latched_comes_along(tmp_path):
    kept = memory(tmp_path / 'moments')
    kept.write('/map', 1 * S, text('old'))
    kept.write('/map', 2 * S, text('here'))
    for second in range(2, 11):
        kept.write('/count', second * S, text(str(second)))
    assert kept.seconds == 2.0
    first = kept.keep()
    assert kept.seconds == 0.0
    with pytest.raises(InputError, match=r'what is kept must hold a message|one bag is written at a time'):
        kept.keep()
    kept.write('/count', 11 * S, text('11'))
    kept.close()
    assert told(first) == [('/map', 8.0, 'here'), ('/count', 8.0, '8'), ('/count', 9.0, '9'), ('/count', 10.0, '10')]
    assert find_bags(tmp_path / 'moments') == [first]
    with Bag(first) as bag:
        assert bag.offered('/map').latched
        assert not bag.offered('/count').latched


def test_the_next_bag_holds_nothing_of_the_one_before_but_what_is_latched(tmp_path):
    kept = memory(tmp_path / 'moments')
    for second in range(1, 4):
        kept.write('/map', second * S, text(f'map {second}'))
    bags = [kept.keep()]
    kept.write('/count', 4 * S, text('4'))
    while kept.flush() is None:  # it raises where the disk does not take it
        try:
            bags.append(kept.keep())
            break
        except InputError:
            continue
    kept.close()
    assert [each.name for each in find_bags(tmp_path / 'moments')] == ['moments_000', 'moments_001']
    assert told(bags[1]) == [('/map', 4.0, 'map 3'), ('/count', 4.0, '4')]


def test_memory_is_bounded_and_what_is_let_go_of_is_told(tmp_path):
    kept = memory(tmp_path / 'moments', seconds=100.0, max_bytes=50_000)
    for number in range(1000):
        kept.write('/count', number * S // 10, text('x' * 1000))
        assert kept.bytes <= 50_000
    assert kept.cut_short_s == pytest.approx(4.1, abs=0.3)
    kept.write('/count', 1000 * S, text('x' * 100_000))  # larger than all of it
    assert kept.bytes == 0
    assert kept.cut_short_s == 0.0
    for number in range(1000, 1100):
        kept.write('/count', number * S, text('x' * 1000))
    assert kept.cut_short_s == 0.0, 'the shortest time'
    counts = kept.counts
    kept.write('/count', 1100 * S, text('x'))
    assert (counts['/count'], kept.counts['/count']) == (1101, 1102)
    kept.close()
    assert not kept.path.exists(), 'a folder without a bag'
    assert memory(tmp_path / 'others').cut_short_s is None


def test_a_second_bag_waits_for_the_first_and_a_full_disk_is_told(tmp_path):
    go_on = threading.Event()

    def slow(path):
        if path.name == 'trial':
            return BagWriter(path)
        go_on.wait(60)
        raise InputError(f'bag {path} cannot be written: no space left')

    kept = memory(tmp_path / 'moments', make=slow)
    kept.write('/count', S, text('1'))
    kept.keep()
    kept.write('/count', 2 * S, text('2'))
    with pytest.raises(InputError, match=r'one bag is written at a time.*moments_000 is not there yet'):
        kept.keep()
    assert kept.bytes > 0  # and stays in memory
    go_on.set()
    with pytest.raises(InputError, match='no space left'):
        kept.close()


def test_what_cannot_be_written_later_is_refused_at_once(tmp_path):
    with pytest.raises(InputError, match='only an mcap bag can be compressed or split'):
        memory(tmp_path / 'moments', make=lambda path: BagWriter(path, storage='sqlite3', compress=True))
    assert not (tmp_path / 'moments').exists()


def test_a_folder_that_exists_is_not_written_to(tmp_path):
    with pytest.raises(InputError, match='exists already and is not written to'):
        memory(tmp_path)
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='cannot be made'):
        memory(tmp_path / 'file' / 'moments')
