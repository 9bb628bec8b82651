"""What is logged while the controller waits for a sensor: on which topic, and where the graph has such messages."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

__all__ = ['waiting_for']

LISTED = 4
IMAGES = {'sensor_msgs/msg/Image': 'raw', 'sensor_msgs/msg/CompressedImage': 'compressed'}


def waiting_for(topic: str, kind: str, published: Mapping[str, Sequence[str]]) -> str:
    """
    Write what is waited for, and what to do.

    :param topic: that the node listens to, absolute
    :param kind: its type, e.g. ``sensor_msgs/msg/Image``
    :param published: types by topic, of all topics that somebody publishes
    :returns: one line
    """
    if kind in published.get(topic, ()):
        return f'waits for {topic} ({kind}): it is published, but nothing has come that could be taken'
    wanted = tuple(IMAGES) if kind in IMAGES else (kind,)
    found = [(name, each) for name, kinds in published.items() for each in kinds if each in wanted]
    if not found:
        return f'waits for {topic} ({kind}): nobody publishes it, nor any other topic of type {" or ".join(wanted)}'
    # Of the same type first, then the nearest name.
    found.sort(key=lambda each: (each[1] != kind, -SequenceMatcher(None, topic, each[0]).ratio(), each[0]))
    listed = ', '.join(f'{name} ({each})' for name, each in found[:LISTED])
    more = f' and {len(found) - LISTED} more' if len(found) > LISTED else ''
    nearest, its_kind = found[0]
    if its_kind == kind:
        remedy = f'remap it with -r {topic}:={nearest}'
    else:
        remedy = f'set image_transport to {IMAGES[its_kind]} and remap the topic that it names'
    return f'waits for {topic} ({kind}): nobody publishes it. There are {listed}{more}: {remedy}'
