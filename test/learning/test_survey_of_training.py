"""Marks are honoured by training, and ``lnn info`` shows what training would make of a bag."""

import re
from dataclasses import replace

import numpy as np
import pytest
from made_bags import MS, START_NS, write_steering

from lnn_controller.cli import main
from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.messages.build import typestore
from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import load
from lnn_controller.learning.survey import survey
from lnn_controller.report.bag_page import bag_text, write_bag_page

CONFIG = TrainConfig()
STRING = 'std_msgs/msg/String'


@pytest.fixture(scope='module')
def steering(tmp_path_factory):
    return write_steering(tmp_path_factory.mktemp('bags') / 'steering', seconds=16)


@pytest.fixture
def marked(steering, tmp_path):
    def mark(**words):
        """``s_2='start'``: a mark 2 s after the beginning, received 10 ms after a frame."""
        by_ns = {START_NS + int(key[2:]) * 1000 * MS + 10 * MS: word for key, word in words.items()}
        path = tmp_path / f'marked_{len(words)}'
        with Bag(steering) as bag, BagWriter(path) as out:
            for topic in bag.topics.values():
                out.add_topic(topic.name, topic.msgtype)
            out.add_topic('/episode', STRING)
            for message in bag.messages():
                for at_ns in [each for each in by_ns if each < message.stamp_ns]:
                    out.write('/episode', at_ns, typestore().types[STRING](data=by_ns.pop(at_ns)))
                out.write(message.topic, message.stamp_ns, message.data)
        return path

    return mark


def bounds_s(episodes):
    return [((e.image_stamps_ns[[0, -1]] - START_NS) / MS / 1000).tolist() for e in episodes]


def test_episodes_that_are_kept_are_recordings_of_their_own(marked):
    bag = marked(t_1='start', t_5='keep', t_6='start', t_9='discard', t_10='start')
    _, split = load([bag], CONFIG)
    # Of a mark at 1.01 s the frame at 1.05 s is the first.
    assert bounds_s(split.train) == [[1.05, 5.0]]
    assert bounds_s(split.validation) == [[10.05, 15.95]]
    told = split.summary()
    assert '60 frames of episodes that were marked to be discarded (image_discarded)' in told
    # 0 … 1 s, 5.05 … 6 s, 9.05 … 10 s
    assert '61 frames outside of the marked episodes (image_between_episodes)' in told
    # No command of another episode is in one, but what was held at its beginning.
    first, last = split.train[0].command_stamps_ns[[0, -1]]
    assert START_NS + 1000 * MS <= first <= last <= START_NS + 5000 * MS


def test_discard_alone_costs_what_was_driven_since_the_mark_before(marked):
    _, split = load([marked(t_4='keep', t_7='discard')], CONFIG)
    assert bounds_s([*split.train, *split.validation]) == [[0.0, 4.0], [7.05, 15.95]]


def test_marks_that_keep_nothing(marked):
    told = (
        'its marks must keep an episode of at least 1 s. Got none: 301 frames of episodes that were marked to be disc'
    )
    with pytest.raises(InputError, match=told) as caught:
        load([marked(t_15='discard')], CONFIG)
    assert str(caught.value).endswith('; 19 frames of marked episodes shorter than a second (image_episode_too_short)')


def test_a_survey_is_what_training_makes_of_it(marked, tmp_path):
    bag = marked(t_1='start', t_5='keep', t_6='start', t_9='discard', t_10='start')
    found, (_, split) = survey(bag, CONFIG), load([bag], CONFIG)
    learnt = found.learnt
    assert set(learnt.drops) <= {*split.summary(), *learnt.drops[2:]}  # of ticks training does not speak
    spans = [[(stamp - START_NS) / MS / 1000 for stamp in span] for span in learnt.spans]
    np.testing.assert_allclose(spans, [[1.05, 5.0], [10.05, 15.95]], atol=0.021)
    np.testing.assert_array_equal(
        learnt.commands, np.concatenate([e.commands for e in (*split.train, *split.validation)])
    )
    assert learnt.thumbnails.shape == (12, 48, 48, 3)
    np.testing.assert_array_equal(learnt.thumbnails[0], split.train[0].images[0])
    assert (learnt.camera, learnt.clock, found.refused) == ((48, 48), 'header', '')
    assert learnt.topics == {'image': '/image_raw', 'command': '/cmd_vel'}

    text = bag_text(found)
    assert 'training would learn 9.8 s of it, in 2 stretch(es):\n  0.0–3.9 s, 9.0–14.9 s\n' in text
    shares = re.findall(r'^ +-?[\d.]+ … +-?[\d.]+ +([\d.]+) %', text[text.index('angular_z') :], re.MULTILINE)
    assert sum(map(float, shares)) == pytest.approx(100, abs=1)

    often = replace(found, learnt=replace(learnt, spans=[(learnt.first_ns, learnt.last_ns)] * 305))
    listed = bag_text(often)
    assert 'in 305 stretch(es):' in listed
    assert 'and 285 more, which the page of --out shows' in listed
    assert max(map(len, listed.splitlines())) < 500

    write_bag_page(tmp_path / 'new' / 'page.html', found)
    page = (tmp_path / 'new' / 'page.html').read_text(encoding='utf-8')
    assert page.count('data:image/png;base64,') == 12
    assert '60 frames of episodes that were marked to be discarded' in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_what_training_refuses_is_shown_with_the_reason(tmp_path, capsys):
    still = write_steering(tmp_path / 'still', seconds=5, turns=False)
    assert main(['info', str(still)]) == 0
    text = capsys.readouterr().out
    assert 'training would learn ' in text
    assert 'training refuses it: ' in text
    assert 'commands must change. Got linear_x 1, angular_z' in text
    assert main(['info', str(still), '--image-topic', '/none']) == 0
    text = capsys.readouterr().out
    assert 'training would learn' not in text
    assert re.search(r'training refuses it: .* has no topic /none', text)


def test_a_stretch_is_cut(steering, tmp_path, capsys):
    out = tmp_path / 'cut'
    assert main(['info', str(steering), '--cut', '2', '4', '--out', str(out)]) == 0
    assert capsys.readouterr().out == f'{out}: 82 messages of 2 topics\n'
    assert main(['info', str(steering), '--cut', '2', '4']) == 2
    assert '--cut needs a folder for the new bag' in capsys.readouterr().err
