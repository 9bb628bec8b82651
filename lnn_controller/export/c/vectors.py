"""Recorded vectors: inputs, and what ONNX Runtime made of them, for check.c."""

import numpy as np
from numpy.typing import NDArray

from lnn_controller.export.c.network import Network
from lnn_controller.export.c.text import integer_table, number, table
from lnn_controller.policy import ImageSpec, Policy

__all__ = ['check_frames', 'vectors_source']

STEPS, FRAMES = 32, 2
COMMAND_TOLERANCE, TAU_TOLERANCE = 2e-6, 5e-5
ATTENTION_TOLERANCE = 0.004  # one shade of 255


def check_frames(image: ImageSpec) -> NDArray[np.uint8]:
    """
    Draw the frames that check.c draws: stripes and noise, by whole numbers alone.

    :param image: the network's frame
    :returns: (2, H, W, 3)
    """
    count = image.height * image.width * 3
    i, k = np.arange(count, dtype=np.uint32), np.arange(FRAMES, dtype=np.uint32)[:, None]
    x, y = i // 3 % image.width, i // 3 // image.width
    mixed = (i + k * np.uint32(count)) * np.uint32(2654435761)
    noise = ((mixed ^ mixed >> 15) * np.uint32(2246822519)) >> 25
    values = ((x + 2 * y) * (k + 1) & 64) * 2 + noise
    return values.astype(np.uint8).reshape(FRAMES, image.height, image.width, 3)


def vectors_source(network: Network, policy: Policy, features_tolerance: float, *, attention: bool = False) -> str:
    """
    Write vectors.h.

    :param network: the network
    :param policy: the same in ONNX Runtime
    :param features_tolerance: how far the encoder's features may be from ONNX Runtime's
    :param attention: whether maps of attention go with them
    :returns: C
    :raises InputError: if they are to, and the policy's bundle has no graph of them
    """
    spec, rng = policy.spec, np.random.default_rng(0)
    inputs, commands, hx, tau = [], [], policy.initial_state(), None
    drift = rng.normal(size=spec.network.features)
    for _ in range(STEPS):
        drift = 0.8 * drift + 0.6 * rng.normal(size=spec.network.features)
        features = np.tanh(drift).astype(np.float32)
        imu = np.empty(0, np.float32)
        if spec.imu:
            imu = (rng.normal(size=6) * network.tensor('imu_divisor', 6)).astype(np.float32)
        dt_s = np.float32(rng.uniform(spec.dt_min_s, spec.dt_max_s))
        step = policy.step(features, imu if spec.imu else None, hx, float(dt_s))
        hx, tau = step.hx, step.time_constants
        inputs.append([dt_s, *features, *imu])
        commands.append(
            np.clip(step.command, [out.minimum for out in spec.outputs], [out.maximum for out in spec.outputs])
        )
    text = '/* Inputs, and what ONNX Runtime made of them. */\n#ifndef VECTORS_H\n#define VECTORS_H\n\n'
    sizes = {
        'STEPS': STEPS,
        'FRAMES': FRAMES,
        'COMMAND_TOLERANCE': number(COMMAND_TOLERANCE),
        'TAU_TOLERANCE': number(TAU_TOLERANCE),
        'FEATURES_TOLERANCE': number(features_tolerance),
    }
    text += ''.join(f'#define CHECK_{key} {value}\n' for key, value in sizes.items())
    text += '\n/* Of each step: dt_s, features, IMU. */\n' + table('CHECK_INPUT', inputs)
    text += '\n' + table('CHECK_COMMAND', commands)
    if tau is not None:
        text += '\n/* After the last step, s. */\n' + table('CHECK_TAU', tau)
    frames = check_frames(spec.image)
    text += '\n#if defined POLICY_SCRATCH && POLICY_SCRATCH > 0\n'
    text += table('CHECK_FRAME_FEATURES', [policy.encode(frame) for frame in frames]) + '#endif\n'
    if attention:
        maps = np.rint([255 * policy.attention(frame) for frame in frames]).astype(np.uint8).ravel()
        text += f'\n#define CHECK_ATTENTION_TOLERANCE {number(ATTENTION_TOLERANCE)}\n'
        text += integer_table('CHECK_FRAME_ATTENTION', maps, 'uint8_t')
    return text + '\n#endif\n'
