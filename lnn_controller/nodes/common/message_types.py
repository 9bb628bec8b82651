"""Message types: their Python classes by name, of message packages alone; and the name of a class."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError, short

__all__ = ['message_class', 'package_folders', 'type_name', 'type_parts']

_NAME = re.compile(r'([a-z][a-z0-9_]*)/msg/([A-Z][A-Za-z0-9]*)', re.ASCII)


def message_class(type_name: str) -> Any:
    """
    Find a message class.

    Others choose the name, and importing a package runs it: so only what has the form of a message type is looked
    for, and only in packages that hold messages made by ROS.

    :param type_name: such as ``sensor_msgs/msg/Image``
    :returns: the class
    :raises InputError: if it is no name of a message type, or not installed here
    """
    package, name = type_parts(type_name)
    folders = package_folders(package)
    # rosidl makes a Python module for each message, and one that registers them all.
    generated = any(
        (Path(folder, 'msg') / f'_{_snake(name)}.py').is_file() and any(Path(folder).glob(f'{package}_s__*.so'))
        for folder in folders
    )
    message = getattr(import_module(f'{package}.msg'), name, None) if generated else None
    if message is None:
        raise InputError(f'its type must be installed here. Got {type_name}')
    return message


def type_parts(type_name: str) -> tuple[str, str]:
    """
    Take the name of a message type apart.

    :param type_name: such as ``sensor_msgs/msg/Image``
    :returns: the package and the message
    :raises InputError: if it is no name of a message type
    """
    named = _NAME.fullmatch(type_name)
    if named is None:
        raise InputError(f'a message type is named as sensor_msgs/msg/Image is. Got {short(type_name)}')
    return named[1], named[2]


def package_folders(package: str) -> list[str]:
    """
    Find where a package lies, without importing it.

    :param package: its name
    :returns: its folders; none where it is not installed
    """
    found = find_spec(package)
    return [] if found is None else list(found.submodule_search_locations or [])


def type_name(kind: Any) -> str:
    """
    Return the name of a message or service type, as the graph has it.

    :param kind: the class
    :returns: e.g. ``std_msgs/msg/Bool``
    """
    package, interface, *_ = kind.__module__.split('.')
    return f'{package}/{interface}/{kind.__name__}'


def _snake(name: str) -> str:
    """CamelCase as rosidl names its files: TwistStamped → twist_stamped, UInt32 → u_int32."""
    name = re.sub(r'(.)([A-Z][a-z]+)', r'\1_\2', name)
    return re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name).lower()
