"""What a bag must say of a message type, of message packages alone: the texts of their .msg files."""

from pathlib import Path

from lnn_controller.data.messages.build import typestore
from lnn_controller.data.messages.definitions import SEPARATOR, unknown_types
from lnn_controller.errors import InputError
from lnn_controller.nodes.common.message_types import package_folders, type_parts

__all__ = ['message_definition']


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
    package, name = type_parts(type_name)
    # PREFIX/lib/python3.12/site-packages/PACKAGE has its definitions in PREFIX/share/PACKAGE.
    for folder in (parent / 'share' for each in package_folders(package) for parent in Path(each).parents):
        if (file := folder / package / 'msg' / f'{name}.msg').is_file():
            return file
    raise InputError(f'its definition, share/{package}/msg/{name}.msg, must be installed here. Got none')
