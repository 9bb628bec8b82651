"""The encoder as C: the tables and sizes of one policy before a template that every policy shares."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lnn_controller.errors import InputError
from lnn_controller.export.c.network import Array, Network
from lnn_controller.export.c.text import choose, comment, fill, number, table, template

__all__ = ['Encoder', 'Layer', 'encoder_source', 'layers', 'preamble', 'project_weights', 'scratch_values']

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
    :param tolerance: how far its features may be from ONNX Runtime's on any frame
    :param attention_scratch_bytes: what the caller gives it besides for the map of attention; 0: it makes none
    """

    source: str
    scratch_bytes: int
    fused_scratch_bytes: int
    tolerance: float = 5e-5
    attention_scratch_bytes: int = 0


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


def _blocks(weight: Array) -> Array:
    """Lay out weights, (channels, values under the kernel), so that those of eight channels lie side by side."""
    return weight.reshape(len(weight) // BLOCK, BLOCK, -1).transpose(0, 2, 1).reshape(-1, BLOCK)


def preamble(network: Network) -> str:
    """
    Write what a file of an encoder begins with: its includes, and the sizes of the frame and of each layer's result.

    :param network: the policy's network
    :returns: C
    """
    image, features = network.spec.image, network.spec.network.features
    sizes = {'H0': image.height, 'W0': image.width, 'C0': image.channels}
    for n, layer in enumerate(layers(network), 1):
        sizes |= {f'K{n}': layer.kernel, f'S{n}': layer.stride}
        sizes |= {f'H{n}': layer.height, f'W{n}': layer.width, f'C{n}': layer.channels}
    sizes['PADDED'] = -(-features // BLOCK) * BLOCK
    count = image.height * image.width * image.channels
    return (
        comment(f'The encoder of {network.spec.name}: {image.height} x {image.width} pixels into {features} features.')
        + '#include "policy.h"\n#include "lnn_math.h"\n\n'
        + f'enum {{ {", ".join(f"{key} = {value}" for key, value in sizes.items())} }};\n'
        + f'#define PER_COUNT_SQUARED {number(1 / count**2)}\n\n'
    )


def project_weights(network: Network) -> Array:
    """
    Return the weights of the linear map behind the convolutions.

    :param network: the policy's network
    :returns: (features, rows × columns × channels); PyTorch's have the channels outermost
    :raises InputError: if there are none of this shape
    """
    last, features = layers(network)[-1], network.spec.network.features
    weight = network.tensor('encoder.project.weight', features, last.height * last.row)
    weight = weight.reshape(features, last.channels, last.height, last.width).transpose(0, 2, 3, 1)
    return weight.reshape(features, -1)


def scratch_values(network: Network) -> tuple[int, int]:
    """
    Count the values that the encoder keeps of its layers while it works.

    :param network: the policy's network
    :returns: of rows that a next layer still needs; of the whole last layer, which are always floats
    """
    convolutions = layers(network)
    rows = sum(after.kernel * layer.row for layer, after in pairwise(convolutions))
    return rows, convolutions[-1].height * convolutions[-1].row


def encoder_source(network: Network, *, attention: bool = False) -> Encoder:
    """
    Write a policy's encoder as C, in float32.

    :param network: the policy's network
    :param attention: whether it can map what of a frame its convolutions answer to
    :returns: the file and what it needs
    :raises InputError: if the weights are not those of such an encoder
    """
    convolutions, image, features = layers(network), network.spec.image, network.spec.network.features
    text = preamble(network)
    for n, layer in enumerate(convolutions, 1):
        text += table(f'WEIGHT{n}', _blocks(layer.weight.transpose(0, 2, 3, 1).reshape(layer.channels, -1)))
        text += table(f'OFFSET{n}', layer.bias)
    more = -features % BLOCK
    text += table('PROJECT', _blocks(np.pad(project_weights(network), ((0, more), (0, 0)))))
    text += table('PROJECT_OFFSET', np.pad(network.tensor('encoder.project.bias', features), (0, more)))
    text += '\n' + template('policy_encoder.c') + (template('policy_attention.c') if attention else '')
    text += choose(template('policy_encoder_rows.c'), 'POLICY_ATTENTION', attention)
    kept, first = sum(scratch_values(network)), convolutions[0].kernel * image.width * image.channels
    averages = sum(layer.height * layer.width for layer in convolutions) if attention else 0
    return Encoder(fill(text, network.name), 4 * kept, 4 * (kept + first), attention_scratch_bytes=4 * averages)
