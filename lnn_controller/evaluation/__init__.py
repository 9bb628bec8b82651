"""
How good a policy is: in closed loop, against a recording, in figures and in pictures.

``drive_closed_loop`` lets it drive the simulated car; ``replay_bag`` sends a bag through it; ``read_drive`` reads
what a recorded drive was. ``summarise`` gives the same figures for every drive. matplotlib, Pillow and PyAV are loaded
only when a picture or a video is wanted; the names below when first asked for, so that a replay needs no MuJoCo.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lnn_controller.evaluation.closed_loop import drive_closed_loop
    from lnn_controller.evaluation.drive import SUMMARY_KEYS, Drive, summarise, to_json, write_json
    from lnn_controller.evaluation.outage import camera_outage
    from lnn_controller.evaluation.pictures import draw_path
    from lnn_controller.evaluation.recorded import read_drive, read_frames, read_stamps
    from lnn_controller.evaluation.replay import Replay, replay_bag, summarise_replay
    from lnn_controller.evaluation.report import drive_card, drives_table, replay_table
    from lnn_controller.evaluation.video import write_video

_HOME = {
    'SUMMARY_KEYS': 'drive',
    'Drive': 'drive',
    'Replay': 'replay',
    'camera_outage': 'outage',
    'draw_path': 'pictures',
    'drive_card': 'report',
    'drive_closed_loop': 'closed_loop',
    'drives_table': 'report',
    'read_drive': 'recorded',
    'read_frames': 'recorded',
    'read_stamps': 'recorded',
    'replay_bag': 'replay',
    'replay_table': 'report',
    'summarise': 'drive',
    'summarise_replay': 'replay',
    'to_json': 'drive',
    'write_json': 'drive',
    'write_video': 'video',
}

__all__ = [
    'SUMMARY_KEYS',
    'Drive',
    'Replay',
    'camera_outage',
    'draw_path',
    'drive_card',
    'drive_closed_loop',
    'drives_table',
    'read_drive',
    'read_frames',
    'read_stamps',
    'replay_bag',
    'replay_table',
    'summarise',
    'summarise_replay',
    'to_json',
    'write_json',
    'write_video',
]


def __getattr__(name: str) -> Any:
    """
    Load a public name from the module that holds it, on first use.

    :param name: one of ``__all__``
    :returns: the class or function
    :raises AttributeError: if this folder has no such name
    """
    if name not in _HOME:
        msg = f'module {__name__!r} has no attribute {name!r}'
        raise AttributeError(msg)
    # Kept, so that it is looked up once.
    value = globals()[name] = getattr(import_module(f'{__name__}.{_HOME[name]}'), name)
    return value
