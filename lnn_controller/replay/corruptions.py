"""How a policy's error against a recording grows as the recording gets worse: one curve for each thing that ails it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data import Episode
from lnn_controller.data.noise import add_noise
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy
from lnn_controller.replay.at_rate import replay_episode
from lnn_controller.replay.result import Replay

__all__ = ['LONGEST_S', 'SWEEPS', 'Curves', 'Sweep', 'SweepRow', 'sweep_recording']

LONGEST_S = 60.0  # of a recording: a sweep replays it some thirty times
RATE_HZ = 50.0
RUN_UP_S = 1.0  # before the first command to move


@dataclass(frozen=True)
class Sweep:
    """
    One way in which a recording gets worse.

    :param title: what it is, for people
    :param unit: of its levels
    :param usual: the level that is the recording as it is
    :param levels: in order, the usual one among them
    :param worsen: the episode at a level; ``None`` where the level is a control rate
    """

    title: str
    unit: str
    usual: float
    levels: tuple[float, ...]
    worsen: Callable[[Episode, float], Episode] | None


def _images(change: Callable[[NDArray[np.uint8], float, np.random.Generator], NDArray[Any]]) -> Any:
    """Worsen frame by frame; the same level gives the same frames."""

    def worsen(episode: Episode, level: float) -> Episode:
        rng = np.random.default_rng(0)
        images = np.empty_like(episode.images)
        for index, image in enumerate(episode.images):
            images[index] = np.clip(np.rint(change(image, level, rng)), 0, 255)
        return replace(episode, images=images)

    return worsen


def _blur(image: NDArray[np.uint8], sigma_px: float, _: np.random.Generator) -> NDArray[Any]:
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px))


def _drop(episode: Episode, share: float) -> Episode:
    kept = np.random.default_rng(0).random(len(episode.images)) >= share
    kept[[0, -1]] = True  # the recording stays as long
    return replace(episode, images=episode.images[kept], image_stamps_ns=episode.image_stamps_ns[kept])


def _bias(episode: Episode, bias_rad_s: float) -> Episode:
    assert episode.imu is not None
    return replace(episode, imu=episode.imu + np.array([bias_rad_s] * 3 + [0.0] * 3, np.float32))


@dataclass(frozen=True)
class SweepRow:
    """
    One replay of a sweep.

    :param level: how much the recording was worsened
    :param error: mean over the channels of MAE as a share of the channel's command range; NaN where it never drove
    :param mae: by channel, m/s or rad/s; NaN where it never drove
    :param driven: share of the ticks with a recorded command at which the policy drove
    """

    level: float
    error: float
    mae: dict[str, float]
    driven: float


Curves = dict[str, list[SweepRow]]

SWEEPS = {
    'noise': Sweep(
        'camera noise', 'σ, of 255', 0.0, (0.0, 5.0, 10.0, 20.0, 40.0), _images(add_noise)
    ),
    'blur': Sweep('blur', 'σ, px', 0.0, (0.0, 0.5, 1.0, 2.0, 4.0), _images(_blur)),
    'brightness': Sweep(
        'brightness', 'factor', 1.0, (0.3, 0.5, 0.7, 1.0, 1.4, 2.0), _images(lambda image, factor, _: image * factor)
    ),
    'dropped_frames': Sweep('dropped frames', 'share', 0.0, (0.0, 0.2, 0.4, 0.6, 0.8), _drop),
    'imu_bias': Sweep('gyroscope bias', 'rad/s, each axis', 0.0, (0.0, 0.02, 0.05, 0.1, 0.2), _bias),
    'control_rate': Sweep('control rate', 'Hz', RATE_HZ, (10.0, 20.0, 30.0, 50.0, 100.0), None),
}  # fmt: skip


def sweep_recording(episode: Episode, policy: Policy, *, progress: Callable[[int], None] | None = None) -> Curves:
    """
    Replay a recording again and again, worse each time: noise, blur, brightness, lost frames, IMU bias, control rate.

    The frames are worsened as the encoder takes them, after cropping and resizing: a sigma is in pixels of those.
    Of a recording longer than a minute, the first minute that somebody drives in is taken.

    :param episode: the recording, read for this policy
    :param policy: the policy
    :param progress: called with the number of replays made since the last call
    :returns: a row for each level, by name in :data:`SWEEPS` (``imu_bias`` where the policy reads an IMU)
    :raises InputError: if nobody drives in the recording, or it is too short to replay
    """
    episode = _first_minute(episode)
    command_range = policy.spec.command_range
    curves: Curves = {}
    as_it_is = None
    for name, sweep, level in _all(episode):
        if level == sweep.usual:
            as_it_is = as_it_is or replay_episode(episode, policy, rate_hz=RATE_HZ)
            replay = as_it_is
        elif sweep.worsen is None:
            replay = replay_episode(episode, policy, rate_hz=level)
        else:
            replay = replay_episode(sweep.worsen(episode, level), policy, rate_hz=RATE_HZ)
        curves.setdefault(name, []).append(_row(level, replay, command_range))
        if progress:
            progress(1)
    return curves


def _all(episode: Episode) -> Iterator[tuple[str, Sweep, float]]:
    for name, sweep in SWEEPS.items():
        if name != 'imu_bias' or episode.imu is not None:
            yield from ((name, sweep, level) for level in sweep.levels)


def _row(level: float, replay: Replay, command_range: NDArray[np.float64]) -> SweepRow:
    both, recorded = replay.both, np.isfinite(replay.recorded).all(axis=1)
    error = np.abs(replay.policy_command - replay.recorded)[both]
    mae = error.mean(axis=0) if len(error) else np.full(command_range.size, np.nan)
    return SweepRow(
        level=level,
        error=float((mae / command_range).mean()),
        mae=dict(zip(replay.channels, mae.tolist(), strict=True)),
        driven=float(both.sum() / recorded.sum()) if recorded.any() else float('nan'),
    )


def _first_minute(episode: Episode) -> Episode:
    moving = np.flatnonzero(np.any(episode.commands != 0.0, axis=1))
    if not moving.size:
        msg = f'{episode.name}: a recording must hold a command to move to be swept over. Got none'
        raise InputError(msg)
    start_ns = int(episode.command_stamps_ns[moving[0]]) - round(RUN_UP_S * 1e9)
    end_ns = start_ns + round((RUN_UP_S + LONGEST_S) * 1e9)

    def within(stamps: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray((stamps >= start_ns) & (stamps <= end_ns))

    images, commands = within(episode.image_stamps_ns), within(episode.command_stamps_ns)
    if not images.any():
        msg = f'{episode.name}: a recording must hold frames of the drive to be swept over. Got none'
        raise InputError(msg)
    imu = None if episode.imu is None or episode.imu_stamps_ns is None else within(episode.imu_stamps_ns)
    return replace(
        episode,
        images=episode.images[images],
        image_stamps_ns=episode.image_stamps_ns[images],
        imu=None if imu is None else episode.imu[imu],  # type: ignore[index]
        imu_stamps_ns=None if imu is None else episode.imu_stamps_ns[imu],  # type: ignore[index]
        commands=episode.commands[commands],
        command_stamps_ns=episode.command_stamps_ns[commands],
    )
