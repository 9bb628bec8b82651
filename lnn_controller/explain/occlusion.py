"""Where a policy looks: what of a frame its command hangs on."""

import numpy as np
from numpy.typing import NDArray

from lnn_controller.policy import Policy

__all__ = ['attention']

LOOKS_S = 0.5
PATCHES = 4  # so many patches are as high as the frame


def attention(
    policy: Policy, frame: NDArray[np.uint8], hx: NDArray[np.float32], imu: NDArray[np.float32], dt_s: float
) -> NDArray[np.float64]:
    """
    Map how much the command changes where a patch of the frame is plain, after half a second of looking at it.

    By occlusion (Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2): it
    needs no gradient, so it shows the graphs that drive. A patch takes its own mean colour, so that no edge is added
    that was not there but its rim; patches overlap by half. Half a second, as one step shows little of a network that
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


def _starts(length: int, size: int) -> list[int]:
    """Where patches begin: half a patch apart, the last one flush with the end."""
    return sorted({*range(0, length - size, max(1, size // 2)), length - size})
