"""What marks of episodes keep and leave out."""

import tracemalloc

import numpy as np
import pytest
from recordings import MS

from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.bags.cut import cut_bag
from lnn_controller.data.bags.writer import offered_qos
from lnn_controller.data.marks import Mark, read_marks, stretches
from lnn_controller.data.messages.build import twist_message, typestore
from lnn_controller.errors import InputError

STRING = 'std_msgs/msg/String'


def marks(text):
    """``2s 5k``: a start at 2, a keep at 5."""
    words = {'s': 'start', 'k': 'keep', 'd': 'discard'}
    return [Mark(int(each[:-1]), words[each[-1]]) for each in text.split()]


@pytest.mark.parametrize(
    ('given', 'kept', 'discarded', 'between'),
    [
        ('', [(0, 10)], [], []),
        ('3d', [(4, 10)], [(0, 3)], []),
        ('3k 6d', [(0, 3), (7, 10)], [(4, 6)], []),
        ('2s 5k', [(3, 5)], [], [(0, 2), (6, 10)]),
        ('2s 5k 7s 8d', [(3, 5)], [(8, 8)], [(0, 2), (6, 7), (9, 10)]),
        ('2s 5s', [(3, 5), (6, 10)], [], [(0, 2)]),  # another start keeps what came before, and so does the end
        ('-1s 10k', [(0, 10)], [], []),
        ('4d 4d', [(5, 10)], [(0, 4)], []),
        ('1k 2s 3d', [], [(3, 3)], [(0, 1), (2, 2), (4, 10)]),  # a keep before any start ends nothing
    ],
)
def test_stretches_between_marks(given, kept, discarded, between):
    found = stretches(marks(given), 0, 10)
    by_reason = {'': kept, 'image_discarded': discarded, 'image_between_episodes': between}
    for reason, wanted in by_reason.items():
        assert [(each.low_ns, each.high_ns) for each in found if each.reason == reason] == wanted
    assert sum(each.high_ns - each.low_ns + 1 for each in found) == 11


def string(word):
    return typestore().types[STRING](data=word)


def write(path, words, topic='/robot/episode'):
    """A command each 100 ms, a latched configuration before them, and marks by time in ms."""
    with BagWriter(path, custom_data={'robot': 'car'}) as bag:
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/Twist', qos=offered_qos(reliable=False))
        bag.add_topic('/configuration', STRING, qos=offered_qos(transient_local=True))
        bag.add_topic(topic, STRING)
        bag.write('/configuration', 0, string('old'))
        bag.write('/configuration', 1, string('new'))
        for ms in range(0, 2000, 100):
            bag.write('/cmd_vel', ms * MS + 2, twist_message(linear=(ms, 0, 0)))
            if ms in words:
                bag.write(topic, ms * MS + 3, string(words[ms]))
    return path


def test_marks_lie_behind_the_frames_that_had_come(tmp_path):
    received = np.arange(5) * 400 * MS + 2
    stamps = received - 30 * MS + 10**15  # by another clock
    with Bag(write(tmp_path / 'bag', {0: 'start', 900: 'keep', 1900: 'discard'})) as bag:
        found, notes = read_marks(bag, received, stamps)
        assert read_marks(bag, received + 10, stamps)[0][0].stamp_ns == stamps[0] - 1
    assert found == (Mark(stamps[0], 'start'), Mark(stamps[2], 'keep'), Mark(stamps[4], 'discard'))
    assert notes == []


@pytest.mark.parametrize('words', [{100: 'start', 300: 'keeep'}, {100: 'Discard'}])
def test_another_word_among_marks_is_refused(tmp_path, words):
    with (
        Bag(write(tmp_path / 'bag', words)) as bag,
        pytest.raises(InputError, match=r'must be one of start, kee.* Got .(keeep|Discard)'),
    ):
        read_marks(bag, np.array([0]), np.array([0]))


def test_a_topic_whose_words_are_none_of_ours_is_told_and_left_alone(tmp_path):
    with Bag(write(tmp_path / 'bag', {100: '17', 300: '18'})) as bag:
        marks, notes = read_marks(bag, np.array([0]), np.array([0]))
    assert marks == ()
    assert len(notes) == 1
    assert '/robot/episode: none of its words is a mark (start, keep, discard)' in notes[0]


def test_texts_of_another_are_not_kept(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/episode', STRING)
        for number in range(400):
            bag.write('/episode', number * MS, string(f'{number} ' + 20_000 * 'text '))  # 40 MB in all
    with Bag(tmp_path / 'bag') as bag:
        tracemalloc.start()
        try:
            marks, notes = read_marks(bag, np.array([0]), np.array([0]))
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert marks == ()
    assert len(notes) == 1
    assert len(notes[0]) < 300
    assert most < 10e6


def test_a_topic_of_another_name_has_no_marks(tmp_path):
    with Bag(write(tmp_path / 'bag', {100: 'hello'}, topic='/words')) as bag:
        assert read_marks(bag, np.array([0]), np.array([0])) == ((), [])


def test_a_cut_holds_the_very_messages(tmp_path):
    source = write(tmp_path / 'bag', {900: 'start', 1700: 'keep'})
    counts = cut_bag(source, tmp_path / 'cut', 0.5, 1.5)
    with Bag(source) as whole, Bag(tmp_path / 'cut') as cut:
        low, high = whole.start_ns + 500 * MS, whole.start_ns + 1500 * MS
        wanted = [each for each in whole.messages() if low <= each.stamp_ns <= high]
        configuration, *rest = cut.messages()
        assert rest == wanted
        assert len(wanted) == 10 + 1
        assert (configuration.topic, configuration.stamp_ns) == ('/configuration', low)
        assert cut.deserialize(configuration).data == 'new'
        assert counts == {'/cmd_vel': 10, '/configuration': 1, '/robot/episode': 1}
        assert {name: cut.offered(name) for name in cut.topics} == {name: whole.offered(name) for name in whole.topics}
        assert cut.custom_data == {'robot': 'car', 'cut_of': 'bag', 'cut_from_s': '0.5', 'cut_to_s': '1.5'}


@pytest.mark.parametrize(
    ('stretch', 'told'),
    [
        ((5, 9), r'before that of the bag \(1.9 s\). Got 5 to 9 s'),
        ((1, 1), 'must begin before its end'),
        ((1e300, 2e300), 'must begin before its end'),
        ((0, -1e308), 'must begin before its end'),
        ((-1, 1), 'the beginning of a cut must be'),
        ((0, float('nan')), 'the end of a cut must be'),
    ],
)
def test_a_cut_of_nothing_is_refused(tmp_path, stretch, told):
    with pytest.raises(InputError, match=told):
        cut_bag(write(tmp_path / 'bag', {}), tmp_path / 'cut', *stretch)
    assert not (tmp_path / 'cut').exists()
