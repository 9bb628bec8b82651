"""A trained network into a policy bundle: ONNX graphs for driving, safetensors for training on."""

import dataclasses
import io
import logging
import warnings
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from lnn_controller.liquid.baselines import FeedForward
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.policy import PolicySpec, write_bundle

__all__ = ['export']


class _Encoder(nn.Module):
    """
    The encoder in the form that onnxruntime runs fastest, with the same numbers.

    A frame is one row of values after another, channels innermost. A convolution of stride 3 over the channels too,
    with its kernel's channels laid out likewise, reads it as it lies: no transposition. And instance normalisation of
    the whole as one channel is layer normalisation, in half the time.
    """

    def __init__(self, encoder: ConvEncoder) -> None:
        super().__init__()
        self.first = cast(nn.Conv2d, encoder.convolutions[0])
        self.rest = encoder.convolutions[1:]
        self.project = encoder.project

    def forward(self, image: Tensor) -> Tensor:
        rows = image.flatten(2).float().unsqueeze(1)
        x = functional.instance_norm(rows.flatten(2), eps=1.0).view(rows.shape)
        channels, _, height, _ = self.first.weight.shape
        kernel = self.first.weight.permute(0, 2, 3, 1).reshape(channels, 1, height, -1)
        down, right = self.first.stride
        x = functional.conv2d(x, kernel, self.first.bias, (down, 3 * right))
        return torch.tanh(self.project(self.rest(x)))


class _Core(nn.Module):
    """The core with the inputs and outputs that the bundle's format names."""

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        *imu, hx, dt = rest
        step = self.network.core(features, imu[0] if imu else None, hx, dt)
        if isinstance(self.network.cell, FeedForward):
            # The exporter drops inputs that a graph does not use; the bundle's format has them all.
            step = step._replace(hx=step.hx + 0 * (hx + dt))
        return tuple(output for output in step if output is not None)


def export(network: PolicyNetwork, spec: PolicySpec, out: Path, provenance: dict[str, Any]) -> Path:
    """
    Write the bundle.

    :param network: the trained network
    :param spec: its spec
    :param out: folder of the bundle, made or replaced
    :param provenance: of the training, for the card
    :returns: the folder
    """
    network = network.eval().cpu()
    frame = torch.zeros(1, spec.image.height, spec.image.width, 3, dtype=torch.uint8)
    features = torch.zeros(1, spec.network.features)
    hx, dt, imu = network.cell.initial_state(1), torch.full((1, 1), 0.02), torch.zeros(1, 6)
    has_tau = network.core(features, imu, hx, dt).time_constants is not None
    encoder = _onnx(_Encoder(network.encoder), (frame,), ['image'], ['features'])
    core = _onnx(
        _Core(network),
        (features, imu, hx, dt) if spec.imu else (features, hx, dt),
        ['features', 'imu', 'hx', 'dt'] if spec.imu else ['features', 'hx', 'dt'],
        ['command', 'hx_next', 'basis'] + (['time_constants'] if has_tau else []),
    )
    weights = save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    return write_bundle(out, dataclasses.replace(spec, provenance=provenance), weights, encoder, core)


def _onnx(module: nn.Module, arguments: tuple[Tensor, ...], inputs: list[str], outputs: list[str]) -> bytes:
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
