"""Training windows: short stretches of an episode at a random control rate with jittered, real Δt."""

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from lnn_controller.data.align import latest_index, window_mean
from lnn_controller.data.episode import Episode
from lnn_controller.data.stamps import is_bridged
from lnn_controller.data.usable import usable_spans
from lnn_controller.learning.augment import Augment, mirror_commands, mirror_imu
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.viewpoint import Pose, Viewpoint

__all__ = ['Batch', 'Ticks', 'Window', 'Windows', 'collate', 'cut', 'from_aside', 'lay_out']

JITTER = 0.3
GYRO_Z = 2  # of an IMU sample


@dataclass(frozen=True)
class Window:
    """
    One stretch of one episode at T control ticks.

    :param frames: the frames that its ticks saw, each once, uint8, (U, H, W, 3)
    :param frame_index: which of them each tick saw, (T,)
    :param imu: mean since the previous tick, (T, 6), or none
    :param dt_s: since the previous tick, s, (T,)
    :param command: the demonstrator's command at the tick, (T, C)
    """

    frames: np.ndarray
    frame_index: np.ndarray
    imu: np.ndarray | None
    dt_s: np.ndarray
    command: np.ndarray


class Batch(NamedTuple):
    """Windows side by side, as tensors; ``mask`` (B, T) is 0 where a shorter window was padded."""

    frames: Tensor
    frame_index: Tensor
    imu: Tensor | None
    dt_s: Tensor
    command: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Ticks:
    """
    What T control ticks of an episode see but the pictures, and what its demonstrator did.

    :param seen: the newest frame at each, index into the episode's images, (T,)
    :param imu: mean since the previous tick, (T, 6), or none
    :param dt_s: since the previous tick, s, (T,)
    :param command: the demonstrator's command at the tick, (T, C)
    """

    seen: np.ndarray
    imu: np.ndarray | None
    dt_s: np.ndarray
    command: np.ndarray

    def between(self, start: int, stop: int) -> 'Ticks':
        """
        Return some of the ticks.

        :param start: the first
        :param stop: the first that is not among them any more, or beyond the last
        :returns: views of them
        """
        imu = None if self.imu is None else self.imu[start:stop]
        return Ticks(self.seen[start:stop], imu, self.dt_s[start:stop], self.command[start:stop])


def lay_out(episode: Episode, ticks_ns: np.ndarray) -> Ticks:
    """
    Lay out an episode by control ticks.

    :param episode: its stamps, IMU and commands
    :param ticks_ns: T + 1 strictly increasing stamps, ns; the first only opens the first Δt and IMU mean
    :returns: T ticks, the commands interpolated linearly between the demonstrator's, and held where these are far apart
    """
    at = ticks_ns[1:]
    imu = None
    if episode.imu is not None and episode.imu_stamps_ns is not None:
        imu = window_mean(episode.imu, episode.imu_stamps_ns, ticks_ns[:-1], at).astype(np.float32)
    # Relative to the window's start: float64 seconds of wall time would round away the nanoseconds.
    origin = int(ticks_ns[0])
    newest = np.maximum(latest_index(episode.command_stamps_ns, at), 0)
    # Of the commands those about the window alone: an epoch does not convert the whole episode's for each.
    near = slice(int(newest[0]), int(newest[-1]) + 2)
    times = (episode.command_stamps_ns[near] - origin) * 1e-9
    query = (at - origin) * 1e-9
    command = np.stack([np.interp(query, times, channel) for channel in episode.commands[near].T], axis=1)
    held = ~is_bridged(episode.command_stamps_ns, newest, episode.command_hold_s)
    command[held] = episode.commands[newest[held]]
    return Ticks(
        seen=np.maximum(latest_index(episode.image_stamps_ns, at), 0),
        imu=imu,
        dt_s=(np.diff(ticks_ns) * 1e-9).astype(np.float32),
        command=command.astype(np.float32),
    )


def cut(episode: Episode, ticks_ns: np.ndarray) -> Window:
    """
    The window of an episode at given control ticks.

    :param episode: its frames, IMU and commands
    :param ticks_ns: as of :func:`lay_out`
    :returns: T ticks and the frames that they saw
    """
    ticks = lay_out(episode, ticks_ns)
    unique, frame_index = np.unique(ticks.seen, return_inverse=True)
    return Window(episode.images[unique], frame_index.astype(np.int64), ticks.imu, ticks.dt_s, ticks.command)


def collate(windows: Sequence[Window]) -> Batch:
    """
    Windows of unequal numbers of frames and ticks into one batch.

    :param windows: at least one
    :returns: frames padded with the last one, ticks padded with Δt = the last and mask 0
    """
    frames_most = max(len(window.frames) for window in windows)
    ticks_most = max(len(window.dt_s) for window in windows)

    def stack(arrays: list[np.ndarray], length: int) -> Tensor:
        rows = np.empty((len(arrays), length, *arrays[0].shape[1:]), arrays[0].dtype)
        for row, array in zip(rows, arrays, strict=True):
            row[: len(array)], row[len(array) :] = array, array[-1]
        return torch.from_numpy(rows)

    has_imu = windows[0].imu is not None
    mask = np.array([np.arange(ticks_most) < len(window.dt_s) for window in windows], np.float32)
    return Batch(
        frames=stack([window.frames for window in windows], frames_most),
        frame_index=stack([window.frame_index for window in windows], ticks_most),
        imu=stack([window.imu for window in windows if window.imu is not None], ticks_most) if has_imu else None,
        dt_s=stack([window.dt_s for window in windows], ticks_most),
        command=stack([window.command for window in windows], ticks_most),
        mask=torch.from_numpy(mask),
    )


class Windows(IterableDataset[Batch]):
    """
    An epoch of random batches; the same seed and epoch give the same, so a resumed run goes on as it would have.

    Each batch draws its control rate log-uniformly from the configured range and each tick its own jitter, so that one
    policy serves all these rates; camera frames are held between arrivals, as on the robot.

    :param episodes: to draw from, each stretch by its length
    :param config: window length, rates, batch size, augmentation, seed
    :param epoch: number of the epoch; :meth:`of_epoch` gives the others
    :param rehearsed: old episodes to draw every other window from, however much there is of either: rehearsal against
        forgetting (Robins 1995), in equal shares as the experience replay of Rolnick et al. (NeurIPS 2019)
    """

    def __init__(
        self, episodes: Sequence[Episode], config: TrainConfig, epoch: int = 0, rehearsed: Sequence[Episode] = ()
    ) -> None:
        self.episodes = [*episodes, *rehearsed]
        self.config = config
        self.epoch = epoch
        self.spans = [(i, low, high) for i, each in enumerate(self.episodes) for low, high in usable_spans(each)]
        lengths = np.array([high - low for _, low, high in self.spans], np.float64)
        old = np.array([i >= len(episodes) for i, _, _ in self.spans])
        shares = [np.where(group, lengths, 0.0) for group in (~old, old) if group.any()]
        shape = self.episodes[0].images.shape
        self.viewpoint = Viewpoint(config, *shape[1:3]) if config.viewpoint_shift or config.viewpoint_turn else None
        self.weights = np.mean([share / share.sum() for share in shares], axis=0)

    def of_epoch(self, epoch: int) -> 'Windows':
        """
        Return the batches of another epoch, without looking through the episodes again.

        :param epoch: number of the epoch
        :returns: windows of the same episodes and config
        """
        other = copy.copy(self)
        other.epoch = epoch
        return other

    def __len__(self) -> int:
        """Batches in this epoch; the last one may be shorter, and ends with a validation all the same."""
        per_epoch = self.config.steps_per_epoch
        return max(0, min(per_epoch, self.config.steps - self.epoch * per_epoch))

    def __iter__(self) -> Iterator[Batch]:
        rng = np.random.default_rng([self.config.seed, self.epoch])
        augment = Augment(self.config.augmentation, rng, self.config.cue_colour)
        low, high = np.log(self.config.rate_min_hz), np.log(self.config.rate_max_hz)
        for _ in range(len(self)):
            rate_hz = float(np.exp(rng.uniform(low, high)))
            chosen = rng.choice(len(self.spans), self.config.batch_size, p=self.weights)
            yield collate([self._draw(self.spans[k], rate_hz, rng, augment) for k in chosen])

    def _draw(self, span: tuple[int, int, int], rate_hz: float, rng: np.random.Generator, augment: Augment) -> Window:
        index, low_ns, high_ns = span
        steps_s = rng.uniform(1 - JITTER, 1 + JITTER, self.config.window_ticks) / rate_hz
        ticks = np.concatenate([[0.0], np.cumsum(steps_s)])
        # A stretch shorter than the window is used whole, at fewer ticks.
        ticks = ticks[: max(2, int(np.searchsorted(ticks, (high_ns - low_ns) * 1e-9)))]
        start_ns = low_ns + rng.uniform(0, max(high_ns - low_ns - ticks[-1] * 1e9, 1))
        episode = self.episodes[index]
        window = cut(episode, (start_ns + ticks * 1e9).astype(np.int64))
        frames, imu, command = window.frames, window.imu, window.command
        if self.config.mirror and rng.random() < 0.5:
            frames = np.ascontiguousarray(frames[:, :, ::-1])
            imu = None if imu is None else mirror_imu(imu)
            command = mirror_commands(command, episode.channels)
        window = Window(frames, window.frame_index, imu, window.dt_s, command)
        if self.viewpoint and (start := self.viewpoint.start(rng)):
            window = from_aside(window, self.viewpoint, start)
        return dataclasses.replace(window, frames=augment(window.frames))


def from_aside(window: Window, viewpoint: Viewpoint, start: Pose) -> Window:
    """
    See a window as if the robot had stood elsewhere at its start, and come back.

    :param window: as it was recorded
    :param viewpoint: the camera's
    :param start: where the robot stood
    :returns: a window of the same length
    """
    poses, command = viewpoint.way_back(start, window.command, window.dt_s)
    first = np.unique(window.frame_index, return_index=True)[1]
    frames = [viewpoint.seen(frame, poses[tick]) for frame, tick in zip(window.frames, first, strict=True)]
    imu = window.imu
    if imu is not None:
        # What it turns otherwise than recorded, its gyro would have measured at the tick after.
        imu = imu.copy()
        imu[1:, GYRO_Z] += np.diff([pose.turned_rad for pose in poses]) / window.dt_s[1:]
    return Window(np.stack(frames), window.frame_index, imu, window.dt_s, command)
