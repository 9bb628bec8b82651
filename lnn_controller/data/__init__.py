"""
Bags ↔ episodes: read and write rosbag2 recordings, decode their images, align them to control ticks.

One way in for every demonstration: a bag by the recorder node, by ``lnn collect`` or by ``ros2 bag record`` becomes
an :class:`Episode`. The names below are loaded when first asked for, so that a process that drives, and wants
``images`` alone, never loads the bag reader or writer. (The function ``align`` has its module's name, so it is
imported from there: ``from lnn_controller.data.align import align``.)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lnn_controller.data.align import Ticks
    from lnn_controller.data.bags.reader import Bag, Topics
    from lnn_controller.data.bags.writer import BagWriter
    from lnn_controller.data.episode import Episode, read_episode
    from lnn_controller.data.messages.images import decode_image

__all__ = ['Bag', 'BagWriter', 'Episode', 'Ticks', 'Topics', 'decode_image', 'read_episode']

_HOME = {
    'Bag': 'bags.reader',
    'BagWriter': 'bags.writer',
    'Episode': 'episode',
    'Ticks': 'align',
    'Topics': 'bags.reader',
    'decode_image': 'messages.images',
    'read_episode': 'episode',
}


def __getattr__(name: str) -> Any:
    """
    Load a public name from the module that holds it, on first use.

    :param name: one of ``__all__``
    :returns: the class or function
    :raises AttributeError: if this folder has no such name
    """
    if name not in _HOME:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'.{_HOME[name]}', __name__), name)
