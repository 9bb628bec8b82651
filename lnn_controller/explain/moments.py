"""The moments of a replay where a policy was most wrong, and where it looked then."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.explain.occlusion import attention
from lnn_controller.policy import Policy
from lnn_controller.replay.result import Replay

__all__ = ['Moment', 'worst_moments']

MOMENTS = 4
APART_S = 2.0


@dataclass(frozen=True)
class Moment:
    """
    One tick of a replay, with what the policy saw.

    :param at_s: when, since the first tick, s
    :param frame: the newest frame then, (H, W, 3) uint8
    :param attention: as :func:`attention` gives it, by occlusion, (H, W)
    :param answered: as :meth:`Policy.attention` gives it, (H, W); ``None``: the bundle has no such graph
    :param recorded: the recording's command, (C,)
    :param policy_command: the policy's command, (C,)
    """

    at_s: float
    frame: NDArray[np.uint8]
    attention: NDArray[np.float64]
    answered: NDArray[np.float32] | None
    recorded: NDArray[np.float64]
    policy_command: NDArray[np.float64]


def worst_moments(result: Replay, policy: Policy, *, last: float = 1.0) -> list[Moment]:
    """
    Find the moments where a policy was furthest from the recording.

    :param result: its replay
    :param policy: the policy
    :param last: share of the recording at its end that counts
    :returns: at most four, the worst first, two seconds apart at least
    """
    episode, at_s = result.episode, result.at_s
    error = np.abs(result.policy_command - result.recorded) / policy.spec.command_range
    counted = result.both & (at_s >= result.counted_from_s(last))
    error = np.where(counted, np.nan_to_num(error).sum(axis=1), -1.0)
    moments: list[Moment] = []
    for tick in np.argsort(-error, kind='stable').tolist():
        if error[tick] < 0.0 or len(moments) == MOMENTS:
            break
        decision = result.decisions[tick]
        image, imu = decision.inputs.image, decision.inputs.imu_mean
        frames = np.flatnonzero(episode.image_stamps_ns == (-1 if image is None else image.stamp_ns))
        if not frames.size or any(abs(at_s[tick] - each.at_s) < APART_S for each in moments):
            continue
        frame = episode.images[frames[0]]
        looked = attention(policy, frame, decision.state.hx, imu, decision.dt_s)
        answered = policy.attention(frame) if policy.has_attention else None
        commands = result.recorded[tick], result.policy_command[tick]
        moments.append(Moment(float(at_s[tick]), frame, looked, answered, *commands))
    return moments
