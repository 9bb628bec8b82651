"""What of an episode can be used: stretches in which there is a fresh frame, IMU and command, and shares of them."""

from collections.abc import Sequence

import numpy as np

from lnn_controller.data.align import align
from lnn_controller.data.episode import Episode
from lnn_controller.errors import InputError

__all__ = ['counting_spans', 'usable_at_ns', 'usable_spans']

# Usable stretches are found on this grid.
SPAN_RATE_HZ = 50.0
EDGE_NS = 500_000_000


def usable_spans(episode: Episode) -> list[tuple[int, int]]:
    """
    Stretches of time in which every control tick has a fresh frame, IMU and command.

    :param episode: the episode to look through
    :returns: (first, last) stamps, ns, of each stretch
    :raises InputError: if there is no such stretch
    """
    ticks = align(episode, rate_hz=SPAN_RATE_HZ)
    segments = np.split(ticks.stamp_ns, np.flatnonzero(np.diff(ticks.segment)) + 1)
    spans = [(int(stamps[0]), int(stamps[-1])) for stamps in segments if len(stamps) > 1]
    if not spans:
        raise InputError(
            f'{episode.name}: frames, commands and, where it is read, the IMU must go on together. '
            f'Got {len(ticks)} control tick(s) with all of them, no two in a row'
        )
    return spans


def counting_spans(episode: Episode) -> list[tuple[int, int]]:
    """
    Stretches of which shares are taken: the usable ones; of a recording all of which can be used, the whole.

    :param episode: the episode to look through
    :returns: (first, last) stamps, ns, of each stretch
    :raises InputError: if there is no such stretch
    """
    spans = usable_spans(episode)
    first, last = int(episode.image_stamps_ns[0]), int(episode.image_stamps_ns[-1])
    # Where the streams begin and end within a moment of each other, the frames decide.
    if 0 <= spans[0][0] - first <= EDGE_NS:
        spans[0] = first, spans[0][1]
    if 0 <= last - spans[-1][1] <= EDGE_NS:
        spans[-1] = spans[-1][0], last
    return spans


def usable_at_ns(spans: Sequence[tuple[int, int]], share: float) -> float:
    """
    Find when a share of what can be used of an episode is over.

    :param spans: of the episode, from :func:`counting_spans`
    :param share: of its usable time, 0–1: pauses and what lacks a frame, a command or the IMU count for nothing
    :returns: the moment, ns
    """
    left = share * sum(high - low for low, high in spans)
    for low, high in spans:
        if left <= high - low:
            return low + left
        left -= high - low
    return spans[-1][1]
