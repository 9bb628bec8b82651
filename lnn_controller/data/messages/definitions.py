"""Types that are none of ROS 2's common interfaces, by their definitions: what a bag must say of each that it holds."""

from functools import lru_cache

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from lnn_controller.data.messages.build import typestore
from lnn_controller.errors import InputError, short

__all__ = ['SEPARATOR', 'store_of', 'unknown_types']

SEPARATOR = '=' * 80 + '\nMSG: '  # between the definitions of a type and of those in it


@lru_cache(maxsize=64)
def store_of(msgtype: str, definition: str) -> Typestore:
    """
    Find a store that has a type.

    :param msgtype: e.g. ``ackermann_msgs/msg/AckermannDrive``
    :param definition: of the type and of those in it; unused where it is one of ROS 2's common interfaces
    :returns: a store, not to be changed
    :raises InputError: if the type is none of those, and its definition is missing or none
    """
    if msgtype in typestore().types:
        return typestore()
    if not definition:
        raise InputError(f'a message type of the ROS 2 common interfaces is needed. Got {msgtype!r}, not defined')
    store = get_typestore(Stores.ROS2_KILTED)
    try:
        found = get_types_from_msg(definition, msgtype)
        store.register({name: fields for name, fields in found.items() if name not in store.types})
        store.generate_msgdef(msgtype, ros_version=2)
        store.hash_rihs01(msgtype)  # fails where a type in it is missing
    except Exception as error:  # rosbags' parser has several, and lets through what its types make of a wrong name
        raise InputError(f'the definition of {msgtype} must be that of a message. Got {short(str(error))}') from None
    return store


def unknown_types(msgtype: str, definition: str) -> set[str]:
    """
    List what a definition leaves open.

    :param msgtype: which type it is of
    :param definition: the text of its .msg file
    :returns: names of the types in it that are none of ROS 2's common interfaces
    :raises InputError: if it is none
    """
    try:
        (_, fields) = get_types_from_msg(definition, msgtype)[msgtype]
    except Exception as error:
        raise InputError(f'the definition of {msgtype} must be that of a message. Got {short(str(error))}') from None
    found, waiting = set(), [kind for _, kind in fields]
    while waiting:  # (NAME, name), or an array: (ARRAY, (kind, size))
        _, inside = waiting.pop()
        if isinstance(inside, str):
            found.add(inside)
        elif isinstance(inside[0], tuple):
            waiting.append(inside[0])
    return found - typestore().types.keys()
