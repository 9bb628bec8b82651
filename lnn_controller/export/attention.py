"""VisualBackProp as a graph of its own beside the encoder's, of the encoder's weights."""

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

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
    :param image: a frame of the size that the map will be of, uint8, (1, H, W, 3)
    """

    def __init__(self, encoder: ConvEncoder, image: Tensor) -> None:
        super().__init__()
        self.encoder = FlatEncoder(encoder)
        layers, averages = self._averages(image)
        sizes = [image.shape[1:3], *(each.shape[2:] for each in averages)]
        # Made here, not in the graph: a trace would write out every place of every matrix.
        self.spreads = [
            [_spreading(*each) for each in zip(whole, part, layer.kernel_size, layer.stride, strict=True)]
            for layer, (whole, part) in zip(layers, pairwise(sizes), strict=True)
        ]

    def _averages(self, image: Tensor) -> tuple[list[nn.Conv2d], list[Tensor]]:
        """The convolutions and, after each, its feature maps' average."""
        layers, averages = [self.encoder.first], []
        x = self.encoder.first_maps(image)
        for layer in self.encoder.rest:
            if isinstance(layer, nn.Flatten):
                break
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                layers.append(layer)
            else:
                averages.append(_average(x))
        return layers, averages

    def forward(self, image: Tensor) -> Tensor:
        """
        Compute the map.

        :param image: rgb8 frame, uint8, (1, H, W, 3)
        :returns: map, (1, H, W)
        """
        _, averages = self._averages(image)
        seen = averages.pop()
        # A transposed convolution, as a matrix for either direction.
        for (down, right), below in zip(self.spreads[:0:-1], averages[::-1], strict=True):
            seen = (down @ seen @ right.T) * below
        down, right = self.spreads[0]
        seen = down @ seen @ right.T
        return (seen / seen.amax().clamp_min(NOTHING)).flatten(0, 1)


def _average(maps: Tensor) -> Tensor:
    """Average over the channels, as a convolution: it reads the layout that the others leave, which a sum does not."""
    channels = maps.shape[1]
    return functional.conv2d(maps, torch.full((1, channels, 1, 1), 1 / channels))


def _spreading(whole: int, part: int, kernel: int, stride: int) -> Tensor:
    """Make what spreads each value over what its layer saw it by, averaged where these overlap, (whole, part)."""
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
    return onnx_graph(VisualBackProp(encoder, frame), (frame,), ['image'], ['attention'])


def add_attention(bundle: Bundle, encoder: ConvEncoder, out: str | Path) -> Path:
    """
    Write a bundle again, with the map of attention that a bundle of an earlier version lacks; the rest to the bit.

    :param bundle: the bundle
    :param encoder: of its network, as trained
    :param out: folder of the bundle to write, which may be the same one
    :returns: the folder
    :raises InputError: if it cannot be written
    """
    graph = attention_graph(encoder, bundle.spec)
    return write_bundle(out, bundle.spec, bundle.weights, bundle.encoder, bundle.core, graph)
