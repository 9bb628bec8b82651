"""Message types: their Python classes by name, of message packages alone; and the name of a class."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lnn_controller.data.messages.build import typestore
from lnn_controller.data.messages.definitions import SEPARATOR, unknown_types
from lnn_controller.errors import InputError, short

__all__ = ['message_class', 'message_definition', 'type_name']

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
    package, name = _parts(type_name)
    folders = _folders(package)
    # rosidl makes a Python module for each message, and one that registers them all.
    generated = any(
        (Path(folder, 'msg') / f'_{_snake(name)}.py').is_file() and any(Path(folder).glob(f'{package}_s__*.so'))
        for folder in folders
    )
    message = getattr(import_module(f'{package}.msg'), name, None) if generated else None
    if message is None:
        raise InputError(f'its type must be installed here. Got {type_name}')
    return message


def message_definition(type_name: str) -> str:
    """
    Find what a bag must say of a type that is none of ROS 2's common interfaces, in its package's .msg files.

    :param type_name: such as ``ackermann_msgs/msg/AckermannDrive``
    :returns: its definition and those of the types in it, as of :meth:`.BagWriter.add_topic`; empty where none is
        needed
    :raises InputError: if it is no name of a message type, or its .msg file is not installed here
    """
    texts: dict[str, str] = {}
    waiting = {type_name} - typestore().types.keys()
    while waiting:
        name = waiting.pop()
        texts[name] = _definition_file(name).read_text(encoding='utf-8')
        waiting |= unknown_types(name, texts[name]) - texts.keys()
    return f'\n{SEPARATOR}'.join(text if name == type_name else f'{name}\n{text}' for name, text in texts.items())


def _definition_file(type_name: str) -> Path:
    package, name = _parts(type_name)
    # PREFIX/lib/python3.12/site-packages/PACKAGE has its definitions in PREFIX/share/PACKAGE.
    for folder in (parent / 'share' for each in _folders(package) for parent in Path(each).parents):
        if (file := folder / package / 'msg' / f'{name}.msg').is_file():
            return file
    raise InputError(f'its definition, share/{package}/msg/{name}.msg, must be installed here. Got none')


def _parts(type_name: str) -> tuple[str, str]:
    named = _NAME.fullmatch(type_name)
    if named is None:
        raise InputError(f'a message type is named as sensor_msgs/msg/Image is. Got {short(type_name)}')
    return named[1], named[2]


def _folders(package: str) -> list[str]:
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
