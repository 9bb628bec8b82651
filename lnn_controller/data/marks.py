"""Marks in a recording: where an operator began an episode, kept it, or discarded it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.bags.topics import last_name
from lnn_controller.data.messages.types import STRING
from lnn_controller.data.topic_names import DISCARD, EPISODE, KEEP, MARKS, START
from lnn_controller.errors import InputError

__all__ = ['Mark', 'Stretch', 'read_marks', 'stretches']


class Mark(NamedTuple):
    """
    A mark.

    :param stamp_ns: when it was set, ns, by the clock that goes with it
    :param word: ``'start'``, ``'keep'`` or ``'discard'``
    """

    stamp_ns: int
    word: str


class Stretch(NamedTuple):
    """
    What lies between two marks, or a mark and an end of the recording.

    :param low_ns: first stamp in it, ns
    :param high_ns: last stamp in it, ns
    :param reason: why it is not learnt, of :data:`.drops.DROP_REASONS`; empty: it is
    """

    low_ns: int
    high_ns: int
    reason: str = ''


def read_marks(
    bag: Bag, received_ns: NDArray[np.int64], stamps_ns: NDArray[np.int64]
) -> tuple[tuple[Mark, ...], list[str]]:
    """
    Read a bag's marks. They have no stamps of their own: each is laid behind the frames that had come by then.

    :param bag: the bag
    :param received_ns: when each frame was received, ns, (F,)
    :param stamps_ns: the stamp that it goes by, ns, (F,)
    :returns: in order of time, by the frames' clock; one that came before all frames is a nanosecond before them. And
        which topics have the name of one with marks, and other words alone: somebody else's, who numbers episodes, say
    :raises InputError: if a topic has marks and other words
    """
    topics = [each.name for each in bag.topics.values() if each.msgtype == STRING and last_name(each.name) == EPISODE]
    marks: list[Mark] = []
    marked: set[str] = set()
    others: dict[str, str] = {}  # by topic, the first word that is no mark; a text may be long, and there may be many
    order = np.argsort(received_ns, kind='stable')
    newest_ns = np.maximum.accumulate(stamps_ns[order])
    for message in bag.messages(topics) if topics else ():
        topic, word = message.topic, bag.deserialize(message).data.strip()
        if word.lower() in MARKS:
            marked.add(topic)
        if word not in MARKS:
            others.setdefault(topic, word[:40])
        if topic in marked and topic in others:
            raise InputError(
                f'bag {bag.path}, topic {topic}: a mark must be one of {", ".join(MARKS)}. Got {others[topic]!r}'
            )
        if word in MARKS:
            before = int(np.searchsorted(received_ns[order], message.stamp_ns, side='right'))
            marks.append(Mark(int(newest_ns[before - 1]) if before else int(stamps_ns.min()) - 1, word))
    return tuple(marks), [
        f'bag {bag.path}, topic {topic}: none of its words is a mark ({", ".join(MARKS)}), as {word!r} is not. '
        'No episode begins or ends by it'
        for topic, word in others.items()
    ]


def stretches(marks: Sequence[Mark], first_ns: int, last_ns: int) -> list[Stretch]:
    """
    Divide a recording at its marks.

    ``keep`` and ``discard`` end what has been recorded since the mark before. Where ``start`` is used anywhere, what
    lies outside of an episode, before the first start or from an end to the next start, is not learnt either; an
    episode that a start or the end of the recording ends is kept.

    :param marks: in order of time
    :param first_ns: first stamp of the recording, ns
    :param last_ns: last stamp of it, ns
    :returns: what lies between the marks, in order; nothing that is empty
    """
    begun = open_ended = all(mark.word != START for mark in marks)
    found, low_ns = [], first_ns
    for high_ns, word in (*marks, Mark(last_ns, KEEP)):
        reason = '' if begun else 'image_between_episodes'
        if begun and word == DISCARD:
            reason = 'image_discarded'
        if high_ns >= low_ns:
            found.append(Stretch(low_ns, high_ns, reason))
            low_ns = high_ns + 1
        begun = open_ended or word == START
    return found
