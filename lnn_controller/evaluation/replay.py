"""Replay a recording through the controller, event by event, and compare its commands with the recording's."""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control import Controller, ControlSettings, Decision
from lnn_controller.data import Bag, Episode, Topics, read_episode
from lnn_controller.errors import InputError
from lnn_controller.evaluation.metrics import command_errors, percentiles
from lnn_controller.policy import Policy

__all__ = [
    'Exactness',
    'Replay',
    'counted_from',
    'for_fitted_frames',
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
class Replay:
    """
    A recording's commands and a policy's, side by side at T control ticks.

    :param policy: name of the policy
    :param episode: the recording
    :param rate_hz: control rate, Hz
    :param stamp_ns: of the ticks, (T,), ns
    :param recorded: the recording's command at each, linear between its neighbours, (T, C); NaN before its first
        command to move and after its last: until then and from then on nobody drove
    :param given: the policy's command at each, (T, C); NaN where the controller stopped
    :param decisions: the controller's, T of them
    :param stops: how often the controller stopped the robot, by reason
    :param wall_s: how long it took, reading the bag left out, s
    :param exact: how exactly its ticks came back, of a recording of a running controller
    """

    policy: str
    episode: Episode
    rate_hz: float
    stamp_ns: NDArray[np.int64]
    recorded: NDArray[np.float64]
    given: NDArray[np.float64]
    decisions: list[Decision]
    stops: dict[str, int]
    wall_s: float
    exact: Exactness | None = None

    @property
    def at_s(self) -> NDArray[np.float64]:
        """Time of each tick since the first, (T,), s."""
        return np.asarray((self.stamp_ns - self.stamp_ns[0]) * 1e-9)


def replay_bag(
    bag: str | Path,
    policy: Policy,
    *,
    rate_hz: float | None = None,
    topics: Topics | None = None,
    progress: Callable[[float], None] | None = None,
) -> Replay:
    """
    Replay a bag: exactly, at its own ticks, where a controller recorded them and no rate is asked for.

    :param bag: with images, commands and, where the policy needs it, an IMU
    :param policy: the policy
    :param rate_hz: control rate, 1 … 1000 Hz; ``None``: the recorded ticks, or 50 Hz
    :param topics: names of topics; without, they are found by type
    :param progress: called with the recorded seconds since the last call, now and then
    :returns: both commands
    :raises InputError: if ``rate_hz`` is out of range, or the bag cannot be read or lacks what the policy needs
    """
    from lnn_controller.evaluation.exact import find_ticks, replay_ticks  # it builds on this module

    if rate_hz is not None:
        _check_rate(rate_hz)
    spec = policy.spec
    with Bag(bag) as opened:
        if rate_hz is None and find_ticks(opened) is not None:
            return replay_ticks(bag, policy, topics=topics, progress=progress)
        episode = read_episode(
            opened, image=spec.image, channels=spec.channels, use_imu=spec.imu is not None, topics=topics
        )
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
    stamp_ns = _ticks(episode, rate_hz)
    decisions: list[Decision] = []
    started = time.perf_counter()
    image, imu = 0, 0
    imu_stamps = episode.imu_stamps_ns if episode.imu is not None else None
    for number, now_ns in enumerate(stamp_ns.tolist()):
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
    wall_s = time.perf_counter() - started
    nothing = np.full(len(policy.spec.outputs), np.nan)
    given = np.array([each.command if each.mode == 'policy' else nothing for each in decisions])
    return Replay(
        policy=policy.spec.name,
        episode=episode,
        rate_hz=rate_hz,
        stamp_ns=stamp_ns,
        recorded=_at_ticks(episode, stamp_ns),
        given=given,
        decisions=decisions,
        stops={name.removeprefix('stop_'): n for name, n in controller.counters.items() if name.startswith('stop_')},
        wall_s=wall_s,
    )


def summarise_replay(result: Replay, *, last: float = 1.0) -> dict[str, Any]:
    """
    Sum a replay up.

    :param result: the replay
    :param last: share of the recording at its end that counts, 0 < ``last`` ≤ 1; the rest only warms the state up
    :returns: ``policy``, ``bag``, ``seconds``, ``ticks`` (of which ``compared`` counted), figures by channel under
        ``channels`` (see :func:`~.metrics.command_errors`), latency, ``stops``, ``drops`` of the reading
    :raises InputError: if ``last`` is out of range, or no tick in that part has both commands
    """
    if not 0.0 < last <= 1.0:
        msg = f'--last must be a share above 0 and at most 1. Got {last:g}'
        raise InputError(msg)
    at_s = result.at_s
    counted = at_s >= counted_from(result, last)
    both = counted & np.isfinite(result.recorded).all(axis=1) & np.isfinite(result.given).all(axis=1)
    if not both.any():
        stops = ', '.join(result.stops) or 'none'
        msg = f"{result.episode.name}: no tick has both commands, the recording's and the policy's. Stops: {stops}"
        raise InputError(msg)
    episode = result.episode
    gaps_ns = np.diff(episode.command_stamps_ns)
    recorded_period_s = float(np.median(gaps_ns)) * 1e-9 if gaps_ns.size else 0.0
    period_s = max(1.0 / result.rate_hz, recorded_period_s)
    channels = {
        name: command_errors(result.stamp_ns[both], result.recorded[both, k], result.given[both, k], period_s=period_s)
        for k, name in enumerate(episode.channels)
    }
    acting = [each for each, counts in zip(result.decisions, counted, strict=True) if counts and each.mode == 'policy']
    p50, p99 = percentiles([each.encode_us + each.step_us for each in acting])
    seconds = float(at_s[-1])
    exact = result.exact
    return {
        'policy': result.policy,
        'bag': episode.name,
        'seconds': round(seconds, 3),
        'last': last,
        'ticks': len(result.decisions),
        'compared': int(np.count_nonzero(both)),
        'channels': channels,
        'realtime_factor': seconds / result.wall_s if result.wall_s > 0 else float('nan'),
        'control_rate_hz': result.rate_hz,
        'step_latency_p50_us': p50,
        'step_latency_p99_us': p99,
        'stops': dict(result.stops),
        'drops': dict(episode.drops),
        'max_abs_difference': None if exact is None else exact.max_abs_difference,
        'exact': None if exact is None else asdict(exact),
    }


def counted_from(result: Replay, last: float) -> float:
    """
    Tell where the part of a replay begins that counts.

    :param result: the replay
    :param last: share of the recording at its end that counts
    :returns: time since the first tick, s
    """
    return (1.0 - last) * float(result.at_s[-1])


def for_fitted_frames(policy: Policy) -> Policy:
    """
    Make the same policy for an episode's frames: they are cropped already, and must not be cropped again.

    :param policy: the policy
    :returns: one that takes frames as an episode holds them
    """
    fitted = copy.copy(policy)
    fitted.spec = replace(policy.spec, image=replace(policy.spec.image, crop_top=0.0, crop_bottom=0.0))
    return fitted


def _check_rate(rate_hz: float) -> None:
    if not 1.0 <= rate_hz <= HIGHEST_RATE_HZ:
        msg = f'the control rate must be from 1 to {HIGHEST_RATE_HZ:g} Hz. Got {rate_hz:g}'
        raise InputError(msg)


def _ticks(episode: Episode, rate_hz: float) -> NDArray[np.int64]:
    """Control ticks from the first command after every sensor has spoken to the last frame."""
    start, end = int(episode.image_stamps_ns[0]), int(episode.image_stamps_ns[-1])
    if episode.imu_stamps_ns is not None:
        start = max(start, int(episode.imu_stamps_ns[0]))
    # In step with the recording's commands: where a controller gave them, these are its own ticks.
    following = episode.command_stamps_ns[episode.command_stamps_ns >= start]
    start = int(following[0]) if following.size else start
    if start >= end:
        msg = f'{episode.name}: frames must go on after the IMU and the commands have begun. Got no frame after that'
        raise InputError(msg)
    count = int((end - start) * rate_hz / 1e9) + 1
    return start + np.rint(np.arange(count) * (1e9 / rate_hz)).astype(np.int64)


def _at_ticks(episode: Episode, stamp_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    # Relative to the first tick: a float holds wall time in ns only to a quarter of a microsecond.
    at, known = stamp_ns - stamp_ns[0], episode.command_stamps_ns - stamp_ns[0]
    columns = [np.interp(at, known, column) for column in episode.commands.T.astype(np.float64)]
    recorded = np.stack(columns, axis=1)
    moving = np.flatnonzero(np.any(episode.commands != 0.0, axis=1))
    driven = (at >= known[moving[0]]) & (at <= known[moving[-1]]) if moving.size else np.zeros(at.size, bool)
    recorded[~driven] = np.nan
    return recorded
