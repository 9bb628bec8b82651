"""Where a policy looks: what of a frame its command hangs on, and the moments where it was most wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.policy import Policy
from lnn_controller.replay.result import Replay

__all__ = ['Moment', 'attention', 'worst_moments']

LOOKS_S = 0.5
PATCHES = 4  # so many patches are as high as the frame
MOMENTS = 4
APART_S = 2.0


@dataclass(frozen=True)
class Moment:
    """
    One tick of a replay, with what the policy saw.

    :param at_s: when, since the first tick, s
    :param frame: the newest frame then, (H, W, 3) uint8
    :param attention: as :func:`attention` gives it, (H, W)
    :param recorded: the recording's command, (C,)
    :param given: the policy's command, (C,)
    """

    at_s: float
    frame: NDArray[np.uint8]
    attention: NDArray[np.float64]
    recorded: NDArray[np.float64]
    given: NDArray[np.float64]


def attention(
    policy: Policy, frame: NDArray[np.uint8], hx: NDArray[np.float32], imu: NDArray[np.float32], dt_s: float
) -> NDArray[np.float64]:
    """
    Map how much the command changes where a patch of the frame is plain, after half a second of looking at it.

    By occlusion (Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2): it
    needs no gradient, so it shows the graphs that drive. A patch takes its own mean colour, so that no edge is added
    that was not there but its rim; patches overlap by half. Half a second, as one step tells little of a network that
    integrates what it sees.

    :param policy: the policy
    :param frame: as its encoder takes it, (H, W, 3) uint8
    :param hx: hidden state at the beginning, (S,) float32
    :param imu: gyro (rad/s) and accelerometer (m/s²), (6,) float32
    :param dt_s: control period, s
    :returns: mean change of the command by the patches over each pixel, as a share of the channels' ranges, (H, W)
    """
    spec = policy.spec
    dt_s = min(max(dt_s, spec.dt_min_s), spec.dt_max_s)
    far = policy.spec.command_range

    def command(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        features, made = policy.encode(image), None
        for _ in range(max(1, round(LOOKS_S / dt_s))):
            made = policy.step(features, imu if spec.imu else None, hx if made is None else made.hx, dt_s)
        assert made is not None
        return made.command

    as_seen = command(frame)
    height, width, _ = frame.shape
    size = max(2, height // PATCHES)
    change, times = np.zeros((height, width)), np.zeros((height, width))
    for top in _starts(height, size):
        for left in _starts(width, size):
            here = np.s_[top : top + size, left : left + size]
            plain = frame.copy()
            plain[here] = frame[here].mean(axis=(0, 1)).round().astype(np.uint8)
            change[here] += float(np.abs((command(plain) - as_seen) / far).mean())
            times[here] += 1
    return change / times


def worst_moments(result: Replay, policy: Policy, *, last: float = 1.0) -> list[Moment]:
    """
    Find the moments where a policy was furthest from the recording.

    :param result: its replay
    :param policy: the policy
    :param last: share of the recording at its end that counts
    :returns: at most four, the worst first, two seconds apart at least
    """
    episode, at_s = result.episode, result.at_s
    error = np.abs(result.given - result.recorded) / policy.spec.command_range
    counted = result.both & (at_s >= result.counted_from_s(last))
    error = np.where(counted, np.nan_to_num(error).sum(axis=1), -1.0)
    moments: list[Moment] = []
    for tick in np.argsort(-error, kind='stable').tolist():
        if error[tick] < 0.0 or len(moments) == MOMENTS:
            break
        used = result.decisions[tick].used
        frames = np.flatnonzero(episode.image_stamps_ns == used.image_stamp_ns)
        if not frames.size or any(abs(at_s[tick] - each.at_s) < APART_S for each in moments):
            continue
        frame = episode.images[frames[0]]
        looked = attention(policy, frame, used.state.hx, used.imu, result.decisions[tick].dt_s)
        moments.append(Moment(float(at_s[tick]), frame, looked, result.recorded[tick], result.given[tick]))
    return moments


def _starts(length: int, size: int) -> list[int]:
    """Where patches begin: half a patch apart, the last one flush with the end."""
    return sorted({*range(0, length - size, max(1, size // 2)), length - size})
