"""A bag in a page of text: what is in it, and whether it is whole."""

from collections import Counter
from pathlib import Path

from lnn_controller.data.bags.damage import explain_damage
from lnn_controller.data.bags.reader import Bag
from lnn_controller.errors import printable

__all__ = ['describe_bag']


def describe_bag(path: str | Path) -> str:
    """
    Read a bag from its first to its last message and describe it.

    :param path: the bag
    :returns: lines: its length, its topics with the messages that were read, and what was left out
    :raises InputError: if nothing of it can be read
    """
    with Bag(path) as bag:
        read = Counter(message.topic for message in bag.messages())
        lines = [f'bag {bag.name}: {sum(read.values())} messages in {(bag.end_ns - bag.start_ns) * 1e-9:.1f} s', '']
        width = max(len(name) for name in bag.topics)
        for topic in bag.topics.values():
            lost = topic.count - read[topic.name]
            there = f'{read[topic.name]} of {topic.count}' if lost else str(topic.count)
            lines.append(f'  {topic.name:<{width}}  {topic.msgtype or "several types"}  {there}')
        lines += [''] + [f'left out, as no ROS 2 messages: {name} ({each})' for name, each in bag.left_out.items()]
        lines += [f'cut off: {name}: read as far as it is whole' for name in bag.recovered]
        lines += [f'damaged: {line}' for line in explain_damage(bag.damage)]
        if not bag.damage and not bag.recovered:
            lines.append('whole, as far as its checksums and its index show')
        return '\n'.join(map(printable, lines)) + '\n'
