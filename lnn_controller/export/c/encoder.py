"""The encoder as C: the tables and sizes of one policy before a template that every policy shares."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lnn_controller.errors import InputError
from lnn_controller.export.c.network import Array, Network
from lnn_controller.export.c.text import comment, fill, number, table, template

__all__ = ['BLOCK', 'STRIDES', 'Encoder', 'Layer', 'blocks', 'encoder_source', 'layers']

# Of the four convolutions of lnn_controller.liquid.encoder, which needs PyTorch to say so.
STRIDES = (3, 2, 2, 1)
BLOCK = 8
# Up to here a row's sum of squares fits in 31 bits, and the frame's times its number of values in 64.
WIDEST, LARGEST = 11_000, 16_000_000


@dataclass(frozen=True)
class Layer:
    """
    One convolution.

    :param weight: (output channels, input channels, kernel, kernel)
    :param bias: (output channels,)
    :param stride: pixels, down and right
    :param height: rows of its result
    :param width: columns of its result
    """

    weight: Array
    bias: Array
    stride: int
    height: int
    width: int

    @property
    def channels(self) -> int:
        """Channels of its result."""
        return len(self.weight)

    @property
    def kernel(self) -> int:
        """Side of its kernel, pixels."""
        return int(self.weight.shape[2])

    @property
    def row(self) -> int:
        """Values in a row of its result."""
        return self.width * self.channels


@dataclass(frozen=True)
class Encoder:
    """
    An encoder in C.

    :param source: the file
    :param scratch_bytes: what the caller gives it to work in
    :param fused_scratch_bytes: the same where it is compiled with ``LNN_FUSED``
    """

    source: str
    scratch_bytes: int
    fused_scratch_bytes: int


def layers(network: Network) -> list[Layer]:
    """
    Return a policy's convolutions.

    :param network: the policy's network
    :returns: the four, in order
    :raises InputError: if the frame is too large, or the weights are not of this encoder
    """
    image = network.spec.image
    height, width, channels = image.height, image.width, image.channels
    if width > WIDEST or height * width * channels > LARGEST:
        raise InputError(
            f'a frame for C must be at most {WIDEST} px wide and have {LARGEST // 3} px. Got {height}×{width} (H×W)'
        )
    found = []
    for i, (stride, kernel, filters) in enumerate(zip(STRIDES, (5, 3, 3, 3), (16, 16, 32, 8), strict=True)):
        key = f'encoder.convolutions.{2 * i}'
        weight, bias = (
            network.tensor(f'{key}.weight', filters, channels, kernel, kernel),
            network.tensor(f'{key}.bias', filters),
        )
        height, width, channels = (height - kernel) // stride + 1, (width - kernel) // stride + 1, filters
        if height < 1 or width < 1:
            raise InputError(f'a frame must leave the encoder something. Got {image.height}×{image.width} (H×W)')
        found.append(Layer(weight, bias, stride, height, width))
    return found


def blocks(weight: Array) -> Array:
    """
    Lay out weights so that those of eight channels lie side by side.

    :param weight: (channels, values under the kernel), channels a multiple of eight
    :returns: (blocks of eight channels × values, 8)
    """
    return weight.reshape(len(weight) // BLOCK, BLOCK, -1).transpose(0, 2, 1).reshape(-1, BLOCK)


def encoder_source(network: Network) -> Encoder:
    """
    Write a policy's encoder as C, in float32.

    :param network: the policy's network
    :returns: the file and what it needs
    :raises InputError: if the weights are not those of such an encoder
    """
    convolutions = layers(network)
    image, features = network.spec.image, network.spec.network.features
    last = convolutions[-1]
    flat = last.height * last.row
    count = image.height * image.width * image.channels
    text = comment(
        f'The encoder of {network.spec.name}: {image.height} x {image.width} pixels of rgb8 into {features} features.'
    )
    text += '#include "policy.h"\n#include "lnn_math.h"\n\n'
    sizes = {'H0': image.height, 'W0': image.width, 'C0': image.channels}
    for n, layer in enumerate(convolutions, 1):
        sizes |= {f'K{n}': layer.kernel, f'S{n}': layer.stride}
        sizes |= {f'H{n}': layer.height, f'W{n}': layer.width, f'C{n}': layer.channels}
    padded = -(-features // BLOCK) * BLOCK
    sizes['PADDED'] = padded
    text += 'enum { ' + ', '.join(f'{key} = {value}' for key, value in sizes.items()) + ' };\n'
    text += f'#define PER_COUNT_SQUARED {number(1 / count**2)}\n\n'
    for n, layer in enumerate(convolutions, 1):
        text += table(f'WEIGHT{n}', blocks(layer.weight.transpose(0, 2, 3, 1).reshape(layer.channels, -1)))
        text += table(f'OFFSET{n}', layer.bias)
    # PyTorch flattens (channels, rows, columns); here the channels lie innermost.
    project = network.tensor('encoder.project.weight', features, flat)
    project = project.reshape(features, last.channels, last.height, last.width).transpose(0, 2, 3, 1)
    more = padded - features
    text += table('PROJECT', blocks(np.pad(project.reshape(features, -1), ((0, more), (0, 0)))))
    text += table('PROJECT_OFFSET', np.pad(network.tensor('encoder.project.bias', features), (0, more)))
    kept = sum(after.kernel * layer.row for layer, after in pairwise(convolutions)) + flat
    first = convolutions[0].kernel * image.width * image.channels
    return Encoder(fill(text + '\n' + template('policy_encoder.c'), network.name), 4 * kept, 4 * (kept + first))
