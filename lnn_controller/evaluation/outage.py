"""How a drive came through a failure of the camera, by the stamps of what was recorded."""

import math

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.evaluation.trial import Trial

__all__ = ['STANDS_M_S', 'camera_outage']

STANDS_M_S = 0.02


def camera_outage(image_stamps_ns: NDArray[np.int64], trial: Trial) -> dict[str, float]:
    """
    Measure the longest silence of the camera within a trial, and what the car did in it.

    :param image_stamps_ns: of all images recorded, increasing, (I,), ns
    :param trial: the trial
    :returns: ``lasted_s``: from the last image to the next one; after the last image: ``stopped_after_s`` (the first
        command to stand still), ``stood_after_s`` (the car is slower than 0.02 m/s, interpolated between the
        odometry's samples); after the next image:
        ``drove_again_after_s`` (the first command to move). NaN for what did not happen in that time
    :raises InputError: if there are not two images in the trial
    """
    stamps = image_stamps_ns[(image_stamps_ns >= trial.stamp_ns[0]) & (image_stamps_ns <= trial.stamp_ns[-1])]
    if stamps.size < 2:
        raise InputError(f'an outage lies between two images of the drive. Got {stamps.size} images')
    longest = int(np.argmax(np.diff(stamps)))
    last_ns, next_ns = int(stamps[longest]), int(stamps[longest + 1])
    moves = np.any(trial.command != 0.0, axis=1)
    return {
        'lasted_s': (next_ns - last_ns) / 1e9,
        'stopped_after_s': _first(trial.command_stamp_ns[~moves], last_ns, next_ns),
        'stood_after_s': _first(_comes_to_stand(trial), last_ns, next_ns),
        'drove_again_after_s': _first(trial.command_stamp_ns[moves], next_ns, int(trial.stamp_ns[-1])),
    }


def _comes_to_stand(trial: Trial) -> NDArray[np.int64]:
    """The moments at which the speed falls below what counts as standing."""
    speed = trial.speed_m_s
    falls = np.flatnonzero((speed[:-1] >= STANDS_M_S) & (speed[1:] < STANDS_M_S))
    share = (speed[falls] - STANDS_M_S) / (speed[falls] - speed[falls + 1])
    steps = np.diff(trial.stamp_ns)[falls]
    moments: NDArray[np.int64] = trial.stamp_ns[falls] + (share * steps).astype(np.int64)
    return moments


def _first(stamps_ns: NDArray[np.int64], from_ns: int, to_ns: int) -> float:
    """How long after a moment the first of these comes, if it comes until another, s."""
    inside = stamps_ns[(stamps_ns >= from_ns) & (stamps_ns <= to_ns)]
    return (int(inside[0]) - from_ns) / 1e9 if inside.size else math.nan
