"""VisualBackProp as a graph of its own beside the encoder's, of the encoder's weights."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from lnn_controller.errors import InputError
from lnn_controller.export.graph import FlatEncoder, onnx_graph
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.policy import Bundle, PolicySpec, write_bundle

__all__ = ['VisualBackProp', 'add_attention', 'attention_graph']

NOTHING = 1e-12  # a map below this answers to nothing: it stays zeros


class VisualBackProp(nn.Module):
    """
    What of a frame the convolutions answer to: a map of the frame's size, 0 … 1.

    The feature maps of each layer are averaged; from the last layer on, the average is scaled up to the layer below by
    a transposed convolution with weights of one and the layer's own kernel and stride, and multiplied with the average
    there. Bojarski et al., *VisualBackProp: efficient visualization of CNNs*, 2016, section 3. In one thing it is
    another: where kernels overlap, what they spread is averaged, not summed, or the strides would show as a grid.

    :param encoder: whose convolutions they are
    """

    def __init__(self, encoder: ConvEncoder) -> None:
        super().__init__()
        self.encoder = FlatEncoder(encoder)

    def forward(self, image: Tensor) -> Tensor:
        """
        Compute the map.

        :param image: rgb8 frame, uint8, (1, H, W, 3)
        :returns: map, (1, H, W)
        """
        averages, layers = [], [self.encoder.first]
        x = self.encoder.first_maps(image)
        for layer in self.encoder.rest:
            if isinstance(layer, nn.Flatten):
                break
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                layers.append(layer)
            else:
                averages.append(_average(x))
        seen = averages.pop()
        for layer, below in zip(layers[:0:-1], averages[::-1], strict=True):
            seen = _scale_up(seen, layer, below.shape[2:]) * below
        seen = _scale_up(seen, layers[0], image.shape[1:3])
        return (seen / seen.amax().clamp_min(NOTHING)).flatten(0, 1)


def _average(maps: Tensor) -> Tensor:
    """Average over the channels, as a convolution: it reads the layout that the others leave, which a sum does not."""
    channels = maps.shape[1]
    return functional.conv2d(maps, torch.full((1, channels, 1, 1), 1 / channels))


def _scale_up(average: Tensor, layer: nn.Conv2d, size: Sequence[int]) -> Tensor:
    """Spread each value over what its layer saw it by: a transposed convolution, a matrix for either direction."""
    down, right = (
        _spreading(int(whole), int(part), seen, step)
        for whole, part, seen, step in zip(size, average.shape[2:], layer.kernel_size, layer.stride, strict=True)
    )
    return down @ average @ right.T


def _spreading(whole: int, part: int, kernel: int, stride: int) -> Tensor:
    spread = torch.zeros(whole, part)
    for place in range(part):
        spread[place * stride : place * stride + kernel, place] = 1.0
    return spread / spread.sum(1, keepdim=True).clamp_min(1.0)


def attention_graph(encoder: ConvEncoder, spec: PolicySpec) -> bytes:
    """
    Write the graph ``attention.onnx``.

    :param encoder: the trained encoder
    :param spec: of the policy
    :returns: ONNX: ``image`` (1, H, W, 3) uint8 → ``attention`` (1, H, W) float32, 0 … 1
    """
    frame = torch.zeros(1, spec.image.height, spec.image.width, 3, dtype=torch.uint8)
    return onnx_graph(VisualBackProp(encoder), (frame,), ['image'], ['attention'])


def add_attention(bundle: Bundle, out: str | Path) -> Path:
    """
    Write a bundle again, with the map of attention that a bundle of an earlier version lacks; the rest to the bit.

    :param bundle: the bundle
    :param out: folder of the bundle to write, which may be the same one
    :returns: the folder
    :raises InputError: if its weights are not those of an encoder of this package, or it cannot be written
    """
    spec = bundle.spec
    encoder = ConvEncoder(spec.image.height, spec.image.width, spec.network.features)
    try:
        weights = load(bundle.weights)
        prefix = 'encoder.'
        encoder.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
    except Exception as error:  # safetensors' and torch's share no base class below Exception
        raise InputError(
            f'{bundle.path / "weights.safetensors"} must hold the weights of the encoder that policy.json describes. '
            f'Got others: begin with a policy of lnn train. ({" ".join(str(error).split())[:200]})'
        ) from None
    graph = attention_graph(encoder, spec)
    return write_bundle(out, spec, bundle.weights, bundle.encoder, bundle.core, graph)
