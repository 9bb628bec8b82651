"""Replay a bag: exactly, where a controller recorded its ticks and no rate is asked for; else at a control rate."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.tick_record import Configuration
from lnn_controller.data import Bag, Episode, Topics, read_episode
from lnn_controller.errors import InputError
from lnn_controller.policy import ImageSpec, Policy, known_from_training
from lnn_controller.replay.at_rate import DEFAULT_RATE_HZ, check_rate, replay_episode
from lnn_controller.replay.exact import replay_ticks
from lnn_controller.replay.recorded_ticks import find_ticks, read_configurations, read_ticks
from lnn_controller.replay.result import Replay

__all__ = ['replay_bag', 'replay_side_by_side']


def replay_bag(
    bag: str | Path,
    policy: Policy,
    *,
    rate_hz: float | None = None,
    topics: Topics | None = None,
    wheelbase_m: float | None = None,
    command_frame: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Replay:
    """
    Replay a bag: exactly, at its own ticks, where a controller recorded them and no rate is asked for.

    :param bag: with images, commands and, where the policy needs it, an IMU
    :param policy: the policy
    :param rate_hz: control rate, 1 … 1000 Hz; ``None``: the recorded ticks, or 50 Hz
    :param topics: names of topics; without, they are found by type
    :param wheelbase_m: from axle to axle, m, where commands steer by an angle; without, as the policy was trained with
    :param command_frame: frame of their velocities (:class:`.commands.CommandReader`); without, as in training
    :param progress: called with the recorded seconds since the last call, now and then
    :returns: both commands
    :raises InputError: if ``rate_hz`` is out of range, or the bag cannot be read or lacks what the policy needs
    """
    return replay_side_by_side(
        bag,
        [policy],
        rate_hz=rate_hz,
        topics=topics,
        wheelbase_m=wheelbase_m,
        command_frame=command_frame,
        progress=progress,
    )[0]


def replay_side_by_side(
    bag: str | Path,
    policies: Sequence[Policy],
    *,
    rate_hz: float | None = None,
    topics: Topics | None = None,
    wheelbase_m: float | None = None,
    command_frame: str | None = None,
    reading: Callable[[int], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Replay]:
    """
    Replay a bag through several policies, as :func:`replay_bag` does; what they see alike is read and decoded once.

    :param bag: with images, commands and, where a policy needs it, an IMU
    :param policies: the policies
    :param rate_hz: control rate, 1 … 1000 Hz; ``None``: the recorded ticks, or 50 Hz
    :param topics: names of topics; without, they are found by type
    :param wheelbase_m: from axle to axle, m, where commands steer by an angle; without, as each was trained with
    :param command_frame: frame of their velocities (:class:`.commands.CommandReader`); without, as in training
    :param reading: called with the number of images read since the last call, now and then
    :param progress: called with the recorded seconds since the last call, now and then
    :returns: both commands, for each policy
    :raises InputError: if ``rate_hz`` is out of range, or the bag cannot be read or lacks what a policy needs
    """
    if rate_hz is not None:
        check_rate(rate_hz)
    views = [_View.of(policy, wheelbase_m, command_frame) for policy in policies]
    with Bag(bag) as opened:
        controller = find_ticks(opened) if rate_hz is None else None
        ticks = {view.channels: read_ticks(opened, controller, view.channels) for view in views} if controller else {}
        configurations = read_configurations(opened, controller) if controller else {}
        reduced = all(each.reduced for each in configurations.values())
        fits = {view: policy.fit for view, policy in zip(views, policies, strict=True)}
        known = [known_from_training(policy.spec, bag, opened.sha256) for policy in policies]
        episodes = {view: view.read(opened, topics, reduced, fit, reading) for view, fit in fits.items()}
    results = []
    for policy, view, words in zip(policies, views, known, strict=True):
        episode = episodes[view]
        if controller:
            policy = _as_recorded(policy, configurations)
            replay = replay_ticks(episode, ticks[view.channels], configurations, policy, progress)
            results.append(replace(replay, known=words))
            continue
        hold_s = _trained_with(policy, 'command_hold_s')
        episode = episode if hold_s is None else replace(episode, command_hold_s=hold_s)
        replay = replay_episode(episode, policy, rate_hz=rate_hz or DEFAULT_RATE_HZ, progress=progress)
        results.append(replace(replay, known=words))
    return results


def _as_recorded(policy: Policy, configurations: Mapping[int, Configuration]) -> Policy:
    """The policy in the runtime that drove, where it is left open and this machine has it: each rounds differently."""
    recorded = {each.runtime for each in configurations.values()}
    if policy.asked == 'auto' and policy.runtime not in recorded:
        with suppress(InputError):
            return Policy.load(policy.path, runtime=recorded.pop())
    return policy


@dataclass(frozen=True)
class _View:
    """What of a policy decides how a bag is read for it: policies with the same see the same episode."""

    image: ImageSpec
    channels: tuple[str, ...]
    use_imu: bool
    wheelbase_m: float | None
    command_frame: str

    @classmethod
    def of(cls, policy: Policy, wheelbase_m: float | None, command_frame: str | None) -> '_View':
        spec = policy.spec
        trained_m = _trained_with(policy, 'wheelbase')
        wheelbase_m = trained_m if wheelbase_m is None else wheelbase_m
        frame = command_frame or _config_of(policy).get('command_frame', 'auto')
        return cls(spec.image, spec.channels, spec.imu is not None, wheelbase_m, str(frame))

    def read(
        self,
        bag: Bag,
        topics: Topics | None,
        reduced: bool,
        fit: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
        progress: Callable[[int], None] | None,
    ) -> Episode:
        return read_episode(bag, topics=topics, reduced=reduced, fit=fit, progress=progress, **vars(self))


def _trained_with(policy: Policy, name: str) -> float | None:
    """A setting of the policy's training, where that is a number above 0."""
    value = _config_of(policy).get(name)
    return value if isinstance(value, float) and value > 0 else None


def _config_of(policy: Policy) -> dict[str, Any]:
    """What the policy was trained with, by its card."""
    config = policy.spec.provenance.get('config')
    return config if isinstance(config, dict) else {}
