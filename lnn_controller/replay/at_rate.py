"""Replay a recording through the controller, event by event, and compare its commands with the recording's."""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control import Controller, ControlSettings, Decision
from lnn_controller.data import Bag, Episode, Topics, read_episode
from lnn_controller.data.align import tick_grid
from lnn_controller.data.stamps import recorded_stretches
from lnn_controller.data.usable import counting_spans, usable_at_ns
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy
from lnn_controller.replay.comparison import Comparison, commands_at, summarise_comparison, usual_period_s

__all__ = [
    'Exactness',
    'Replay',
    'for_fitted_frames',
    'make_replay',
    'replay_bag',
    'replay_episode',
    'summarise_replay',
]

HIGHEST_RATE_HZ, DEFAULT_RATE_HZ = 1000.0, 50.0


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """
    How exactly a recorded controller's ticks came back.

    :param same_policy: whether the policy is the one that was recorded
    :param ticks: in the recording
    :param compared: those of which the recording tells everything: the frame, and what had been learnt before
    :param max_abs_difference: between the commands of the compared ticks, m/s or rad/s; ``None`` where none is
    :param frames_missing: frames that the recorded controller used and the recording lacks
    """

    same_policy: bool
    ticks: int
    compared: int
    max_abs_difference: float | None
    frames_missing: int


@dataclass(frozen=True, kw_only=True)
class Replay(Comparison):
    """
    A comparison that a replay made; the policy gave no command where the controller stopped or the operator drove.

    :param episode: the recording
    :param decisions: the controller's, T of them
    :param wall_s: how long it took, reading the bag left out, s
    :param exact: how exactly its ticks came back, of a recording of a running controller
    """

    episode: Episode
    decisions: list[Decision]
    wall_s: float
    exact: Exactness | None = None

    def counted_from_s(self, last: float) -> float:
        """
        Tell where the part of the recording begins that counts: the share that training would keep for its test.

        :param last: share at the end of what has a fresh frame, IMU and command
        :returns: recorded time since the first tick, s
        """
        first, end = counting_spans(self.episode)[0]
        if last == 1.0 or (first <= self.stamp_ns.min() and self.stamp_ns.max() <= end):
            return super().counted_from_s(last)
        return float(self.at_s[np.argmax(self.stamp_ns >= usable_at_ns(self.episode, 1.0 - last))])


def replay_bag(
    bag: str | Path,
    policy: Policy,
    *,
    rate_hz: float | None = None,
    topics: Topics | None = None,
    wheelbase_m: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Replay:
    """
    Replay a bag: exactly, at its own ticks, where a controller recorded them and no rate is asked for.

    :param bag: with images, commands and, where the policy needs it, an IMU
    :param policy: the policy
    :param rate_hz: control rate, 1 … 1000 Hz; ``None``: the recorded ticks, or 50 Hz
    :param topics: names of topics; without, they are found by type
    :param wheelbase_m: from axle to axle, m, where commands steer by an angle; without, as the policy was trained with
    :param progress: called with the recorded seconds since the last call, now and then
    :returns: both commands
    :raises InputError: if ``rate_hz`` is out of range, or the bag cannot be read or lacks what the policy needs
    """
    from lnn_controller.replay.exact import find_ticks, replay_ticks  # it builds on this module

    if rate_hz is not None:
        _check_rate(rate_hz)
    spec = policy.spec
    wheelbase_m = _trained_with(policy, 'wheelbase') if wheelbase_m is None else wheelbase_m
    with Bag(bag) as opened:
        if rate_hz is None and find_ticks(opened) is not None:
            return replay_ticks(bag, policy, topics=topics, wheelbase_m=wheelbase_m, progress=progress)
        episode = read_episode(
            opened,
            image=spec.image,
            channels=spec.channels,
            use_imu=spec.imu is not None,
            topics=topics,
            wheelbase_m=wheelbase_m,
        )
    hold_s = _trained_with(policy, 'command_hold_s')
    episode = episode if hold_s is None else replace(episode, command_hold_s=hold_s)
    return replay_episode(episode, policy, rate_hz=rate_hz or DEFAULT_RATE_HZ, progress=progress)


def replay_episode(
    episode: Episode, policy: Policy, *, rate_hz: float = 50.0, progress: Callable[[float], None] | None = None
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
    _check_rate(rate_hz)
    controller = Controller(for_fitted_frames(policy), ControlSettings(control_rate_hz=rate_hz))
    grids = _ticks(episode, rate_hz)
    stamp_ns = np.concatenate(grids)
    begins = {int(grid[0]) for grid in grids[1:]}
    decisions: list[Decision] = []
    started = time.perf_counter()
    image, imu = 0, 0
    imu_stamps = episode.imu_stamps_ns if episode.imu is not None else None
    for number, now_ns in enumerate(stamp_ns.tolist()):
        if now_ns in begins:  # the controller stood through the pause: what it remembers is of before
            controller.reset()
            if imu_stamps is not None:  # the tick's IMU mean is of the last period, as training has it
                imu = int(np.searchsorted(imu_stamps, now_ns - 1e9 / rate_hz, side='right'))
        while imu_stamps is not None and imu < imu_stamps.size and imu_stamps[imu] <= now_ns:
            sample = episode.imu[imu]  # type: ignore[index]
            controller.on_imu(int(imu_stamps[imu]), sample[:3], sample[3:])
            imu += 1
        while image < episode.image_stamps_ns.size and episode.image_stamps_ns[image] <= now_ns:
            controller.on_image(int(episode.image_stamps_ns[image]), episode.images[image])
            image += 1
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


def make_replay(
    policy: Policy,
    episode: Episode,
    decisions: list[Decision],
    *,
    recorded: NDArray[np.float64],
    rate_hz: float,
    counters: Mapping[str, int],
    wall_s: float,
    exact: Exactness | None = None,
) -> Replay:
    """
    Lay out what a replay gave.

    :param policy: the policy
    :param episode: the recording
    :param decisions: the controller's, T of them
    :param recorded: the recording's command at each, (T, C)
    :param rate_hz: control rate, Hz
    :param counters: the controller's
    :param wall_s: how long it took, s
    :param exact: how exactly its ticks came back
    :returns: the replay
    """
    nothing = np.full(len(policy.spec.outputs), np.nan)
    return Replay(
        policy=policy.spec.name,
        recording=episode.name,
        channels=episode.channels,
        rate_hz=rate_hz,
        recorded_period_s=usual_period_s(episode.command_stamps_ns),
        stamp_ns=np.array([each.stamp_ns for each in decisions], np.int64),
        recorded=recorded,
        given=np.array([each.command if each.mode == 'policy' else nothing for each in decisions]),
        latency_us=np.array([each.encode_us + each.step_us for each in decisions]),
        stops={name.removeprefix('stop_'): n for name, n in counters.items() if name.startswith('stop_')},
        episode=episode,
        decisions=decisions,
        wall_s=wall_s,
        exact=exact,
    )


def summarise_replay(result: Replay, *, last: float = 1.0) -> dict[str, Any]:
    """
    Sum a replay up.

    :param result: the replay
    :param last: share of the recording at its end that counts, 0 < ``last`` ≤ 1; the rest only warms the state up
    :returns: as :func:`~.comparison.summarise_comparison`, and ``realtime_factor``, ``drops`` of the reading,
        ``max_abs_difference`` and ``exact``
    :raises InputError: if ``last`` is out of range, or no tick in that part has both commands
    """
    summary = summarise_comparison(result, last=last)
    exact = result.exact
    return summary | {
        'realtime_factor': summary['seconds'] / result.wall_s if result.wall_s > 0 else float('nan'),
        'drops': dict(result.episode.drops),
        'max_abs_difference': None if exact is None else exact.max_abs_difference,
        'exact': None if exact is None else asdict(exact),
    }


def for_fitted_frames(policy: Policy) -> Policy:
    """
    Make the same policy for an episode's frames: they are cropped already, and must not be cropped again.

    :param policy: the policy
    :returns: one that takes frames as an episode holds them
    """
    fitted = copy.copy(policy)
    fitted.spec = replace(policy.spec, image=replace(policy.spec.image, crop_top=0.0, crop_bottom=0.0))
    return fitted


def _trained_with(policy: Policy, name: str) -> float | None:
    """What the policy's training was told of the robot, where that is a number above 0."""
    config = policy.spec.provenance.get('config')
    value = config.get(name) if isinstance(config, dict) else None
    return value if isinstance(value, float) and value > 0 else None


def _check_rate(rate_hz: float) -> None:
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
