"""Cut a stretch out of a bag into a new one: the very bytes, receive times and QoS."""

from pathlib import Path

from lnn_controller.data.bags.new_folder import new_folder
from lnn_controller.data.bags.reader import Bag, Message
from lnn_controller.data.bags.writer import BagWriter, offered_qos
from lnn_controller.errors import InputError
from lnn_controller.settings import check_number

__all__ = ['cut_bag']

LONGEST_S = 1e10  # no bag is as long; of more seconds the ns are infinite


def cut_bag(source: str | Path, out: str | Path, from_s: float, to_s: float) -> dict[str, int]:
    """
    Write a stretch of a bag as a bag of its own.

    Of a latched topic (a map, a configuration) the last message before the stretch comes along, at its beginning.

    :param source: the bag; it stays as it is
    :param out: folder of the new bag
    :param from_s: where the stretch begins, by receive time from the bag's first message, s
    :param to_s: where it ends, s; what was received at that very time is in it
    :returns: messages written, by topic
    :raises InputError: if the bag cannot be read, the stretch holds no message, a topic's type is none of ROS 2's
        common interfaces and not defined in the bag, or the new bag exists or cannot be written; nothing is left
        behind then
    """
    check_number('the beginning of a cut', from_s, minimum=0.0, unit='s')
    check_number('the end of a cut', to_s, unit='s')
    with Bag(source) as bag:
        length_s = (bag.end_ns - bag.start_ns) * 1e-9
        low, high = (bag.start_ns + round(min(max(seconds, 0.0), LONGEST_S) * 1e9) for seconds in (from_s, to_s))
        if low >= high or low > bag.end_ns:
            raise InputError(
                f'a cut must begin before its end, and before that of the bag ({length_s:.1f} s). '
                f'Got {from_s:g} to {to_s:g} s'
            )
        offered = {name: bag.offered(name) for name in bag.topics}
        before: dict[str, Message] = {}
        about = bag.custom_data | {'cut_of': bag.name, 'cut_from_s': f'{from_s:g}', 'cut_to_s': f'{to_s:g}'}
        with new_folder(Path(out)) as folder, BagWriter(folder, custom_data=about) as writer:
            for name, topic in bag.topics.items():
                qos = offered_qos(reliable=offered[name].reliable, transient_local=offered[name].latched)
                writer.add_topic(name, topic.msgtype, qos=qos, definition=bag.definition(name))
            for message in bag.messages():
                if message.stamp_ns > high:
                    break
                if message.stamp_ns < low:
                    if offered[message.topic].latched:
                        before[message.topic] = message
                    continue
                for held in before.values():
                    writer.write(held.topic, low, held.data)
                before.clear()
                writer.write(message.topic, message.stamp_ns, message.data)
            counts = {name: count for name, count in writer.counts.items() if count}
            if not counts:
                raise InputError(f'a cut must hold a message. Got none from {from_s:g} to {to_s:g} s')
    return counts
