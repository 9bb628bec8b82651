"""Replay a bag: exactly, where a controller recorded its ticks and no rate is asked for; else at a control rate."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lnn_controller.data import Bag, Topics, read_episode
from lnn_controller.policy import Policy
from lnn_controller.replay.at_rate import DEFAULT_RATE_HZ, check_rate, replay_episode
from lnn_controller.replay.exact import replay_ticks
from lnn_controller.replay.recorded_ticks import find_ticks
from lnn_controller.replay.result import Replay

__all__ = ['replay_bag']


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
    if rate_hz is not None:
        check_rate(rate_hz)
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


def _trained_with(policy: Policy, name: str) -> float | None:
    """What the policy's training was told of the robot, where that is a number above 0."""
    config = policy.spec.provenance.get('config')
    value = config.get(name) if isinstance(config, dict) else None
    return value if isinstance(value, float) and value > 0 else None
