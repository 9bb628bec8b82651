"""The encoder as C in whole numbers: what its values stand for is measured on frames."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.export.c.encoder import Encoder, Layer, layers, preamble, project_weights, scratch_values
from lnn_controller.export.c.network import Array, Network
from lnn_controller.export.c.text import choose, fill, integer_table, table, template

__all__ = ['encoder_int8_source', 'largest_values']

# Fewer frames say too little of what the layers' values come to.
FEWEST_FRAMES = 30
# For values larger than any on those frames: summer's frames alone then do for the winter.
ROOM = 1.25
# On frames unlike those, such as check.c's stripes and noise; on the robot's own the mean is about 0.001.
TOLERANCE = 0.25


def largest_values(network: Network, frames: NDArray[np.uint8]) -> list[Array]:
    """
    Measure how large the values of each channel of each layer become.

    :param network: the policy's network
    :param frames: as the encoder takes them, (N, H, W, 3)
    :returns: of each convolution the largest values, (channels,)
    """
    convolutions = layers(network)
    most = [np.zeros(layer.channels, np.float32) for layer in convolutions]
    for frame in frames:
        x = frame.astype(np.float32)
        x = (x - x.mean()) / np.sqrt(x.var() + 1)
        for n, layer in enumerate(convolutions):
            x = _convolved(layer, x)
            most[n] = np.maximum(most[n], x.max((0, 1)))
    return most


def encoder_int8_source(network: Network, frames: NDArray[np.uint8]) -> Encoder:
    """
    Write a policy's encoder as C, with values of 8 bits between its layers.

    :param network: the policy's network
    :param frames: such as the robot sees, (N, H, W, 3); from them comes what 255 stands for in each channel
    :returns: the file and what it needs
    :raises InputError: if there are too few frames, or the weights are not those of such an encoder
    """
    if len(frames) < FEWEST_FRAMES:
        raise InputError(f'values of 8 bits must be measured on at least {FEWEST_FRAMES} frames. Got {len(frames)}')
    convolutions = layers(network)
    steps: list[Array] = [np.ones(3, np.float32)]
    for values in largest_values(network, frames)[:-1]:
        # A channel that was never above zero may be so later: then as much as the layer's others.
        most = values.max() or np.float32(1)
        steps.append(np.where(values > 0, values, most) * np.float32(ROOM / 255))
    steps.append(np.ones(convolutions[-1].channels, np.float32))  # which go on as floats
    text = preamble(network)
    for n, layer in enumerate(convolutions, 1):
        weight = layer.weight.transpose(0, 2, 3, 1) * steps[n - 1]
        scale, whole = _whole_weights(weight.reshape(layer.channels, layer.kernel, -1))
        text += integer_table(f'WEIGHT{n}', _packed(whole), 'uint32_t')
        text += table(f'SCALE{n}', scale / steps[n]) + table(f'OFFSET{n}', layer.bias / steps[n])
        if n == 1:
            text += table('TOTAL1', whole.sum((1, 2)))
    text += table('PROJECT', project_weights(network))
    text += table('PROJECT_OFFSET', network.tensor('encoder.project.bias', network.spec.network.features))
    text += '\n' + template('policy_encoder_int8.c')
    text += choose(template('policy_encoder_rows.c'), 'POLICY_ATTENTION', False)
    rows, last = scratch_values(network)
    return Encoder(fill(text, network.name), rows + 4 * last, rows + 4 * last, TOLERANCE)


def _convolved(layer: Layer, x: Array) -> Array:
    """A convolution and its ReLU: (H, W, channels) into (H, W, channels)."""
    windows = sliding_window_view(x, (layer.kernel, layer.kernel), (0, 1))[:: layer.stride, :: layer.stride]
    sums = windows.reshape(layer.height * layer.width, -1) @ layer.weight.reshape(layer.channels, -1).T + layer.bias
    values: Array = np.maximum(sums, 0).reshape(layer.height, layer.width, layer.channels).astype(np.float32)
    return values


def _whole_weights(weight: Array) -> tuple[Array, NDArray[np.int64]]:
    """
    Round weights to whole numbers of 16 bits, as large as the sums allow.

    :param weight: (channels, rows, values)
    :returns: what 1 stands for in each channel, (channels,); the whole numbers, as ``weight``
    """
    flat = np.abs(weight.astype(np.float64)).reshape(len(weight), -1)
    # 255 times the sum of a channel's weights, rounded up, stays in 31 bits.
    room = (2**31 - 1) / 255 - flat.shape[1]
    step = np.maximum(np.maximum(flat.max(1) / 32767, flat.sum(1) / room), 1e-30)
    return step.astype(np.float32), np.rint(weight / step[:, None, None]).astype(np.int64)


def _packed(weight: NDArray[np.int64]) -> NDArray[np.int64]:
    """
    Lay out weights in words, in the order in which they are used.

    :param weight: (channels, rows, values)
    :returns: of each pair of channels, of each row, of every four values of it: the first channel's first and third
        in one word, its second and fourth in the next, then the same of the second channel
    """
    channels, rows, values = weight.shape
    whole = values // 4 * 4
    if values > whole:  # the last four values begin with some that have been
        tail = weight[..., -4:].copy()
        tail[..., : 4 - (values - whole)] = 0
        weight = np.concatenate([weight[..., :whole], tail], 2)
    pairs = weight.reshape(channels // 2, 2, rows, -1, 4).transpose(0, 2, 3, 1, 4) & 0xFFFF
    words = np.stack([pairs[..., 0] | pairs[..., 2] << 16, pairs[..., 1] | pairs[..., 3] << 16], 4)
    return words.reshape(-1)
