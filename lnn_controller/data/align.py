"""Align an episode to control ticks: what the controller would have known at each, and what the demonstrator did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.data.episode import Episode
from lnn_controller.data.stamps import is_bridged, recorded_stretches
from lnn_controller.errors import InputError
from lnn_controller.settings import check_number

__all__ = ['Ticks', 'align', 'latest_index', 'tick_grid', 'window_mean']


@dataclass(frozen=True, kw_only=True)
class Ticks:
    """
    The control ticks of an episode that have all they need, T of them, in order of time.

    :param stamp_ns: time of each, ns, (T,) int64
    :param dt_s: time since the tick before, s, (T,) float32; at the start of a segment the control period
    :param frame_index: newest frame at the tick, index into the episode's images, (T,) int64
    :param imu: mean of gyro and accelerometer since the tick before, (T, 6) float32, or none
    :param command: the demonstrator's command at the tick, (T, C) float32
    :param segment: number of the unbroken stretch that the tick is in, from 0, (T,) int64
    :param drops: ticks left out, by reason (:data:`.drops.DROP_REASONS`)
    """

    stamp_ns: NDArray[np.int64]
    dt_s: NDArray[np.float32]
    frame_index: NDArray[np.int64]
    imu: NDArray[np.float32] | None
    command: NDArray[np.float32]
    segment: NDArray[np.int64]
    drops: dict[str, int]

    def __len__(self) -> int:
        """Return the number of ticks kept, T."""
        return len(self.stamp_ns)


def latest_index(stamps_ns: ArrayLike, at_ns: ArrayLike) -> NDArray[np.int64]:
    """
    Find the newest sample at given times, those at the very time included.

    :param stamps_ns: strictly increasing stamps, ns, (N,)
    :param at_ns: times, ns, any shape
    :returns: index of the newest sample ≤ each time, −1 where there is none, shape of ``at_ns``
    """
    return np.asarray(np.searchsorted(stamps_ns, at_ns, side='right') - 1, np.int64)


def window_mean(
    samples: NDArray[Any], stamps_ns: NDArray[np.int64], start_ns: ArrayLike, stop_ns: ArrayLike
) -> NDArray[np.float64]:
    """
    Average the samples in each of consecutive windows (start, stop], as the controller does between its ticks.

    A window without samples holds the mean of the window before; if there is none, the newest sample before its end;
    if there is none either, the first sample of all.

    :param samples: values, (N, D), N ≥ 1
    :param stamps_ns: their strictly increasing stamps, ns, (N,)
    :param start_ns: where each window starts, ns, (..., W)
    :param stop_ns: where each window ends, ns, (..., W)
    :returns: means, (..., W, D) float64
    :raises ValueError: if there are no samples, or not one stamp for each
    """
    if not len(samples) or len(samples) != len(stamps_ns):
        raise ValueError(
            f'at least one sample, and a stamp for each, are needed. Got {len(samples)} and {len(stamps_ns)} stamps'
        )
    low = latest_index(stamps_ns, start_ns) + 1
    high = np.maximum(latest_index(stamps_ns, stop_ns) + 1, low)
    # Sums over the stretch in question only: an epoch of short windows does not add up the whole episode each time.
    first = int(low.min(initial=len(samples)))
    last = int(high.max(initial=first))
    sums = np.zeros((last - first + 1, samples.shape[1]))
    np.cumsum(samples[first:last], axis=0, dtype=np.float64, out=sums[1:])
    count = high - low
    means: NDArray[np.float64] = (sums[high - first] - sums[low - first]) / np.maximum(count, 1)[..., None]
    if count.all():
        return means
    newest = samples[np.clip(high - 1, 0, None)]
    held = np.maximum.accumulate(np.where(count > 0, np.arange(count.shape[-1]), -1), axis=-1)
    filled = np.take_along_axis(means, np.maximum(held, 0)[..., None], axis=-2)
    return np.where((held >= 0)[..., None], filled, newest)


def tick_grid(start_ns: int, end_ns: int, rate_hz: float) -> NDArray[np.int64]:
    """
    Lay control ticks of a fixed rate from one time to another.

    :param start_ns: the first, ns
    :param end_ns: none is later, ns
    :param rate_hz: control rate, 1/s
    :returns: stamps, ns, (T,)
    """
    count = int((end_ns - start_ns) * rate_hz / 1e9) + 1
    stamps_ns: NDArray[np.int64] = start_ns + np.rint(np.arange(count) * (1e9 / rate_hz)).astype(np.int64)
    return stamps_ns


def align(
    episode: Episode,
    *,
    rate_hz: float,
    image_timeout_s: float = 0.3,
    imu_timeout_s: float = 0.3,
    command_timeout_s: float | None = None,
) -> Ticks:
    """
    Lay control ticks of a fixed rate over an episode.

    Each tick has what the controller would have at that time: the newest frame (held between arrivals) and the mean
    of the IMU since the tick before. The label is the demonstrator's command at the tick, interpolated linearly
    between the two around it: held commands would lag by half their period on average, and a policy trained on them
    would learn the lag. Across a gap longer than half a second nothing is interpolated: a command is held for
    ``command_timeout_s``, as the robot's base does, then the ticks are dropped.

    The ticks run from the first to the last of frames and commands in each stretch of the recording, and none is laid
    into a pause, or where the clock jumped: they grow with what was recorded, not with the time that passed. One that
    lacks anything is dropped and counted under the first reason that applies, and the next kept one starts a new
    segment.

    :param episode: frames, commands, perhaps an IMU
    :param rate_hz: control rate, 1/s, > 0
    :param image_timeout_s: oldest frame to act on, s
    :param imu_timeout_s: oldest IMU sample to act on, s
    :param command_timeout_s: longest time that a command holds, s; none: the episode's ``command_hold_s``
    :returns: the ticks; kept and dropped ones add up to the whole grid
    :raises InputError: if ``rate_hz`` or a timeout is not positive, or no tick is left
    """
    hold_s = episode.command_hold_s if command_timeout_s is None else command_timeout_s
    given = {'rate_hz': rate_hz, 'image_timeout_s': image_timeout_s, 'imu_timeout_s': imu_timeout_s}
    for name, value in {**given, 'command_timeout_s': hold_s}.items():
        check_number(name, value, above=0.0)
    frames, commands = episode.image_stamps_ns, episode.command_stamps_ns
    grids = [tick_grid(start, end, rate_hz) for start, end in recorded_stretches(frames, commands)]
    grid = np.concatenate(grids)
    begins = np.cumsum([0, *(len(each) for each in grids[:-1])])
    frame, command = latest_index(frames, grid), latest_index(commands, grid)
    bridged = is_bridged(commands, command, hold_s)
    index, drops = _keep(
        [
            ('before_first_image', frame < 0),
            ('before_first_command', command < 0),
            ('after_last_command', grid > commands[-1]),
            ('image_stale', _age(grid, frames, frame) > image_timeout_s * 1e9),
            ('command_stale', ~bridged & (_age(grid, commands, command) > hold_s * 1e9)),
            *_imu_checks(episode, grid, imu_timeout_s),
        ]
    )
    if not len(index):
        raise InputError(
            f'{episode.name}: no control tick has all it needs. Got {drops}: check the topics and their stamps'
        )
    dt_s, segment = _segments(grid, begins, index, rate_hz)
    return Ticks(
        stamp_ns=grid[index],
        dt_s=dt_s,
        frame_index=frame[index],
        imu=_imu_means(episode, grid, begins, index, rate_hz),
        command=_labels(episode, grid, command, bridged)[index].astype(np.float32),
        segment=segment,
        drops=drops,
    )


def _imu_checks(episode: Episode, grid: NDArray[np.int64], timeout_s: float) -> list[tuple[str, NDArray[np.bool_]]]:
    """Which ticks lack a fresh IMU sample, of an episode that has an IMU."""
    if episode.imu is None or episode.imu_stamps_ns is None:
        return []
    newest = latest_index(episode.imu_stamps_ns, grid)
    stale = _age(grid, episode.imu_stamps_ns, newest) > timeout_s * 1e9
    return [('before_first_imu', newest < 0), ('imu_stale', stale)]


def _imu_means(
    episode: Episode, grid: NDArray[np.int64], begins: NDArray[np.int64], index: NDArray[np.int64], rate_hz: float
) -> NDArray[np.float32] | None:
    """Means of the IMU since the tick before, of the ticks that are kept, (T, 6), or none."""
    if episode.imu is None or episode.imu_stamps_ns is None:
        return None
    before = np.concatenate([[0], grid[:-1]])
    before[begins] = grid[begins] - round(1e9 / rate_hz)
    return window_mean(episode.imu, episode.imu_stamps_ns, before, grid).astype(np.float32)[index]


def _segments(
    grid: NDArray[np.int64], begins: NDArray[np.int64], index: NDArray[np.int64], rate_hz: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Time since the tick before and number of the segment, of the ticks that are kept."""
    stretch = np.searchsorted(begins, index, side='right')
    broken = (np.diff(index, prepend=index[0]) > 1) | (np.diff(stretch, prepend=stretch[0]) > 0)
    dt_s = np.diff(grid[index], prepend=0) * 1e-9
    dt_s[np.concatenate([[True], broken[1:]])] = 1.0 / rate_hz
    return dt_s.astype(np.float32), np.cumsum(broken).astype(np.int64)


def _keep(checks: Sequence[tuple[str, NDArray[np.bool_]]]) -> tuple[NDArray[np.int64], dict[str, int]]:
    """The ticks that fail none of the checks, and how many of the others fail each as the first."""
    kept = np.ones(len(checks[0][1]), bool)
    drops = {}
    for reason, fails in checks:
        dropped = int(np.count_nonzero(kept & fails))
        if dropped:
            drops[reason] = dropped
        kept &= ~fails
    return np.flatnonzero(kept), drops


def _labels(
    episode: Episode, at: NDArray[np.int64], command: NDArray[np.int64], bridged: NDArray[np.bool_]
) -> NDArray[np.floating[Any]]:
    """The demonstrator's commands at given times: between the newest and the next where bridged, else the newest."""
    stamps = episode.command_stamps_ns
    following = np.minimum(command + 1, len(stamps) - 1)
    gap = stamps[following] - stamps[command]
    weight = np.where(bridged, (at - stamps[command]) / np.maximum(gap, 1), 0.0)[:, None]
    return np.asarray(episode.commands[command] * (1 - weight) + episode.commands[following] * weight)


def _age(at: NDArray[np.int64], stamps: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.int64]:
    # Where there is no sample yet, the age to the first one is negative: that has its own reason.
    return np.asarray(at - stamps[np.maximum(index, 0)])
