"""Replay a recording through the controller at a control rate, event by event."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control import Controller, ControlSettings, Decision
from lnn_controller.data import Episode
from lnn_controller.data.align import tick_grid
from lnn_controller.data.stamps import recorded_stretches
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy
from lnn_controller.replay.comparison import commands_at
from lnn_controller.replay.result import Replay, make_replay

__all__ = ['DEFAULT_RATE_HZ', 'check_rate', 'replay_episode']

HIGHEST_RATE_HZ, DEFAULT_RATE_HZ = 1000.0, 50.0


def replay_episode(
    episode: Episode,
    policy: Policy,
    *,
    rate_hz: float = DEFAULT_RATE_HZ,
    progress: Callable[[float], None] | None = None,
) -> Replay:
    """
    Replay a recording that was read before: the same stamps in the same order as on the robot, and no clock.

    Samples reach the controller at their stamps; of equal stamps, a sample comes before a tick. The ticks are in step
    with the recording's commands: a bag that was recorded while this policy drove gives the commands that it gave.

    :param episode: the recording
    :param policy: the policy
    :param rate_hz: control rate, 1 … 1000 Hz
    :param progress: called with the recorded seconds since the last call, now and then
    :returns: both commands
    :raises InputError: if ``rate_hz`` is out of range, or no frame comes after the first IMU sample and command
    """
    check_rate(rate_hz)
    controller = Controller(policy, ControlSettings(control_rate_hz=rate_hz))
    grids = _ticks(episode, rate_hz)
    stamp_ns = np.concatenate(grids)
    begins = {int(grid[0]) for grid in grids[1:]}
    decisions: list[Decision] = []
    started = time.perf_counter()
    samples, imu_stamps = episode.imu, episode.imu_stamps_ns
    if samples is None or imu_stamps is None:
        samples, imu_stamps = np.zeros((0, 6), np.float32), np.zeros(0, np.int64)
    image, imu = 0, 0
    images = np.searchsorted(episode.image_stamps_ns, stamp_ns, side='right').tolist()
    imus = np.searchsorted(imu_stamps, stamp_ns, side='right').tolist()
    for number, now_ns in enumerate(stamp_ns.tolist()):
        if now_ns in begins:  # the controller stood through the pause: what it remembers is of before
            controller.reset()
            # The tick's IMU mean is of the last period, as training has it.
            imu = int(np.searchsorted(imu_stamps, now_ns - 1e9 / rate_hz, side='right'))
        new = slice(imu, imus[number])
        for sample_ns, sample in zip(imu_stamps[new].tolist(), samples[new].tolist(), strict=True):
            controller.on_imu(sample_ns, sample[:3], sample[3:])
        new = slice(image, images[number])
        for frame_ns, frame in zip(episode.image_stamps_ns[new].tolist(), episode.images[new], strict=True):
            controller.on_frame(frame_ns, frame)
        imu, image = imus[number], images[number]
        decisions.append(controller.step(now_ns))
        if progress and number % max(1, round(rate_hz)) == 0 and number:
            progress(round(rate_hz) / rate_hz)
    return make_replay(
        policy,
        episode,
        decisions,
        recorded=commands_at(stamp_ns, episode.command_stamps_ns, episode.commands, episode.command_hold_s),
        rate_hz=rate_hz,
        counters=controller.counters,
        wall_s=time.perf_counter() - started,
    )


def check_rate(rate_hz: float) -> None:
    """
    Refuse a control rate that no recording is replayed at.

    :param rate_hz: control rate, Hz
    :raises InputError: if it is out of range
    """
    if not 1.0 <= rate_hz <= HIGHEST_RATE_HZ:
        msg = f'the control rate must be from 1 to {HIGHEST_RATE_HZ:g} Hz. Got {rate_hz:g}'
        raise InputError(msg)


def _ticks(episode: Episode, rate_hz: float) -> list[NDArray[np.int64]]:
    """Control ticks of each stretch: from the first command after every sensor has spoken to the last frame."""
    streams = [episode.image_stamps_ns, episode.command_stamps_ns]
    if episode.imu_stamps_ns is not None:
        streams.append(episode.imu_stamps_ns)
    grids = []
    for low, high in recorded_stretches(*streams):
        frames, commands, *imu = (each[(each >= low) & (each <= high)] for each in streams)
        if not all(each.size for each in (frames, *imu)):
            continue
        start, end = max(int(each[0]) for each in (frames, *imu)), int(frames[-1])
        # In step with the recording's commands: where a controller gave them, these are its own ticks.
        following = commands[commands >= start]
        start = int(following[0]) if following.size else start
        if start < end:
            grids.append(tick_grid(start, end, rate_hz))
    if not grids:
        msg = f'{episode.name}: frames must go on after the IMU and the commands have begun. Got no frame after that'
        raise InputError(msg)
    return grids
