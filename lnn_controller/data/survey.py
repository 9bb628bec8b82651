"""What a bag holds, stream by stream, and what training would make of it: figures for a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.bags.damage import explain_damage
from lnn_controller.data.bags.reader import Bag

__all__ = ['BagSurvey', 'Learnt', 'Stream', 'survey_bag']

GAPS = 5.0  # of these usual periods a silence is one


@dataclass(frozen=True)
class Stream:
    """
    A topic of a bag, as it was received.

    :param name: of the topic
    :param msgtype: type of its messages; empty: several
    :param count: messages that were read
    :param announced: messages that the bag says it has
    :param rate_hz: by the usual time between two; NaN with fewer than two
    :param gaps: silences of more than five usual periods
    :param longest_gap_s: the longest time between two messages, s; 0 with fewer than two
    """

    name: str
    msgtype: str
    count: int
    announced: int
    rate_hz: float
    gaps: int
    longest_gap_s: float


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """
    What training would make of a bag.

    :param topics: topics that it reads, by kind
    :param clock: as of :class:`.episode.Episode`
    :param camera: height and width of the frames, px
    :param first_ns: the first frame's stamp, by the episode's clock, ns
    :param last_ns: the last one's
    :param spans: (first, last) stamps of each stretch that can be learnt, ns
    :param channels: names of the command channels
    :param commands: all commands that belong to a demonstration, (K, C)
    :param thumbnails: frames as the network sees them, (N, H, W, 3) uint8, spread over what can be learnt
    :param thumbnail_s: when each was, s after the first frame
    :param drops: what is left out, a line for each reason
    :param notes: what a person should know, a sentence or two each
    :param refused: why nothing can be learnt; empty: it can
    """

    topics: Mapping[str, str]
    clock: str
    camera: tuple[int, int]
    first_ns: int
    last_ns: int
    spans: Sequence[tuple[int, int]]
    channels: Sequence[str]
    commands: NDArray[np.float32]
    thumbnails: NDArray[np.uint8]
    thumbnail_s: Sequence[float]
    drops: Sequence[str]
    notes: Sequence[str]
    refused: str = ''

    @property
    def usable_s(self) -> float:
        """How much can be learnt, s."""
        return sum(high - low for low, high in self.spans) * 1e-9


@dataclass(frozen=True, kw_only=True)
class BagSurvey:
    """
    A bag, looked through from its first to its last message.

    :param name: of the bag
    :param seconds: from the first to the last message, s
    :param streams: its topics
    :param about: what its metadata says besides, text by key
    :param damage: what is damaged, cut off or left out, a line each; empty: it is whole
    :param learnt: what training would make of it; ``None``: it was not asked, or cannot read it
    :param refused: why training cannot read it
    """

    name: str
    seconds: float
    streams: Sequence[Stream]
    about: Mapping[str, str] = field(default_factory=dict)
    damage: Sequence[str] = ()
    learnt: Learnt | None = None
    refused: str = ''


def survey_bag(path: str | Path) -> BagSurvey:
    """
    Read a bag from its first to its last message.

    :param path: the bag
    :returns: its topics, and whether it is whole
    :raises InputError: if nothing of it can be read
    """
    with Bag(path) as bag:
        received: dict[str, list[int]] = {name: [] for name in bag.topics}
        for message in bag.messages():
            received[message.topic].append(message.stamp_ns)
        streams = [
            _stream(topic.name, topic.msgtype, topic.count, np.array(received[topic.name], np.int64))
            for topic in bag.topics.values()
        ]
        damage = [f'left out, as no ROS 2 messages: {name} ({each})' for name, each in bag.left_out.items()]
        damage += [f'cut off: {name}: read as far as it is whole' for name in bag.recovered]
        damage += [f'damaged: {line}' for line in explain_damage(bag.damage)]
        return BagSurvey(
            name=bag.name,
            seconds=(bag.end_ns - bag.start_ns) * 1e-9,
            streams=streams,
            about=dict(bag.custom_data),
            damage=damage,
        )


def _stream(name: str, msgtype: str, announced: int, received_ns: NDArray[np.int64]) -> Stream:
    periods_s = np.diff(received_ns) * 1e-9
    usual_s = float(np.median(periods_s)) if len(periods_s) else 0.0
    gaps = int(np.count_nonzero(periods_s > GAPS * usual_s)) if usual_s else 0
    rate_hz = 1.0 / usual_s if usual_s else float('nan')
    return Stream(name, msgtype, len(received_ns), announced, rate_hz, gaps, float(periods_s.max(initial=0.0)))
