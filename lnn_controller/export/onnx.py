"""A trained network into a policy bundle: ONNX graphs for driving, safetensors for training on."""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from lnn_controller.export.attention import attention_graph
from lnn_controller.export.graph import FlatEncoder, onnx_graph
from lnn_controller.liquid.baselines import FeedForward
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.policy import PolicySpec, write_bundle

__all__ = ['export']


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
    encoder = onnx_graph(FlatEncoder(network.encoder), (frame,), ['image'], ['features'])
    core = onnx_graph(
        _Core(network),
        (features, imu, hx, dt) if spec.imu else (features, hx, dt),
        ['features', 'imu', 'hx', 'dt'] if spec.imu else ['features', 'hx', 'dt'],
        ['command', 'hx_next', 'basis'] + (['time_constants'] if has_tau else []),
    )
    weights = save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    attention = attention_graph(network.encoder, spec)
    return write_bundle(out, dataclasses.replace(spec, provenance=provenance), weights, encoder, core, attention)
