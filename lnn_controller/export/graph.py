"""Modules into ONNX graphs, and the form of the encoder that every graph of it shares."""

import io
import logging
import warnings
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnn_controller.liquid.encoder import ConvEncoder

__all__ = ['FlatEncoder', 'onnx_graph']


class FlatEncoder(nn.Module):
    """
    The encoder in the form that onnxruntime runs fastest, with the same numbers.

    A frame is one row of values after another, channels innermost. A convolution of stride 3 over the channels too,
    with its kernel's channels laid out likewise, reads it as it lies: no transposition. And instance normalisation of
    the whole as one channel is layer normalisation, in half the time.

    :param encoder: whose weights it has
    """

    def __init__(self, encoder: ConvEncoder) -> None:
        super().__init__()
        self.first = cast(nn.Conv2d, encoder.convolutions[0])
        self.rest = cast(nn.Sequential, encoder.convolutions[1:])
        self.project = encoder.project

    def first_maps(self, image: Tensor) -> Tensor:
        """
        Standardise a frame and apply the first convolution.

        :param image: rgb8, uint8, (1, H, W, 3)
        :returns: its feature maps before the ReLU, (1, channels, rows, columns)
        """
        rows = image.flatten(2).float().unsqueeze(1)
        x = functional.instance_norm(rows.flatten(2), eps=1.0).view(rows.shape)
        channels, _, height, _ = self.first.weight.shape
        kernel = self.first.weight.permute(0, 2, 3, 1).reshape(channels, 1, height, -1)
        down, right = self.first.stride
        return functional.conv2d(x, kernel, self.first.bias, (down, 3 * right))

    def forward(self, image: Tensor) -> Tensor:
        """
        Encode a frame.

        :param image: rgb8, uint8, (1, H, W, 3)
        :returns: features, (1, F)
        """
        return torch.tanh(self.project(self.rest(self.first_maps(image))))


def onnx_graph(module: nn.Module, arguments: tuple[Tensor, ...], inputs: list[str], outputs: list[str]) -> bytes:
    """
    Trace a module into an ONNX graph.

    :param module: what the graph computes
    :param arguments: of its call, of the shapes that the graph will take
    :param inputs: their names
    :param outputs: names of what it gives
    :returns: the graph, its weights in it
    """
    buffer = io.BytesIO()
    # The exporter is talkative about itself; what matters (does the graph agree?) is tested, not read.
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        # The trace-based exporter: half the nodes of the newer one for these cells, so a faster step.
        torch.onnx.export(
            module.eval(),
            arguments,
            buffer,  # type: ignore[arg-type]
            input_names=inputs,
            output_names=outputs,
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()
