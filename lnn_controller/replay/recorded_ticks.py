"""Read what a recorded controller published of its ticks: their rows, and the configurations that they refer to."""

from collections.abc import Sequence

from lnn_controller.control.tick_record import Configuration, Tick, read_tick
from lnn_controller.data import Bag
from lnn_controller.errors import InputError

__all__ = ['find_ticks', 'read_configurations', 'read_ticks']

TICKS, CONFIGURATION = 'ticks', 'configuration'


def find_ticks(bag: Bag) -> str | None:
    """
    Find the controller whose ticks a bag holds.

    :param bag: the recording
    :returns: its name with its namespace, such as ``/controller``; ``None`` where there is none, or several
    """
    filled = {name for name, topic in bag.topics.items() if topic.count}
    controllers = [name.removesuffix(f'/{TICKS}') for name in filled if name.endswith(f'/{TICKS}')]
    whole = [name for name in controllers if f'{name}/{CONFIGURATION}' in filled]
    return whole[0] if len(whole) == 1 else None


def read_ticks(bag: Bag, controller: str, channels: Sequence[str]) -> list[Tick]:
    """
    Read the ticks of one controller.

    :param bag: the recording
    :param controller: the controller's name with its namespace, as ``/controller``
    :param channels: of its policy
    :returns: the ticks in the order they were made
    :raises InputError: if the topic is missing, or its rows are not of these channels
    """
    topic = bag.topic(f'{controller}/{TICKS}').name
    ticks = []
    for message in bag.messages([topic]):
        row = bag.deserialize(message)
        try:
            ticks.append(read_tick(row, channels))
        except InputError as error:
            raise InputError(f'bag {bag.path}, topic {topic}: {error}') from None
    return ticks


def read_configurations(bag: Bag, controller: str) -> dict[int, Configuration]:
    """
    Read what a controller drove by.

    :param bag: the recording
    :param controller: the controller's name with its namespace, as ``/controller``
    :returns: configurations by number, in the order they came
    :raises InputError: if the topic is missing or not as this version writes it
    """
    topic = bag.topic(f'{controller}/{CONFIGURATION}').name
    found = [Configuration.from_json(bag.deserialize(message).data) for message in bag.messages([topic])]
    return {each.number: each for each in found}
