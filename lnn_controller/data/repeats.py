"""Where a recorded sensor hangs: what it had sent before comes again under new stamps, while the robot moves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.sensors import LOOP, Repeats
from lnn_controller.data.align import latest_index
from lnn_controller.data.episode import Episode

__all__ = ['repeated_pictures_s', 'repeated_samples_s']

_LEAST_S = 1.0  # a frame or two may be sent twice
_STANDS = 0.02  # m/s or rad/s; of a robot that stands, the sensors may be still


def repeated_pictures_s(episode: Episode) -> float:
    """
    Compute for how long a camera shows nothing but pictures that were among its last.

    :param episode: a demonstration
    :returns: all such stretches of a second and more, s
    """
    return _repeated_s(episode, episode.images, episode.image_stamps_ns, LOOP)


def repeated_samples_s(episode: Episode) -> float:
    """
    Compute for how long an IMU gives the very same sample.

    :param episode: a demonstration
    :returns: all such stretches of a second and more, s; 0 without an IMU
    """
    if episode.imu is None or episode.imu_stamps_ns is None:
        return 0.0
    return _repeated_s(episode, episode.imu, episode.imu_stamps_ns, 1)


def _repeated_s(episode: Episode, values: NDArray[Any], stamps_ns: NDArray[np.int64], memory: int) -> float:
    newest = latest_index(episode.command_stamps_ns, stamps_ns)
    moves = np.abs(episode.commands).max(axis=1) >= _STANDS
    repeats, total_s = Repeats(memory), 0.0
    for stamp_ns, value, command in zip(stamps_ns.tolist(), values, newest.tolist(), strict=True):
        before_s = repeats.seconds
        if command < 0 or not moves[command]:
            repeats.begin()
        repeats.note(stamp_ns, value.tobytes())
        if repeats.seconds < before_s:
            total_s += before_s if before_s >= _LEAST_S else 0.0
    return total_s + (repeats.seconds if repeats.seconds >= _LEAST_S else 0.0)
