"""From demonstrations and config to a policy spec, and from a policy spec to its network."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_weights

from lnn_controller.data.episode import Episode
from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.liquid import Wiring, auto_ncp, make_cell
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.metrics.commands import LEAST_DEVIATION
from lnn_controller.policy.bundle import Bundle, check_wiring_size
from lnn_controller.policy.spec import CHANNEL_UNITS, ImageSpec, ImuSpec, NetworkSpec, OutputSpec, PolicySpec

__all__ = ['build_network', 'load_network', 'measure_commands', 'new_spec']

GRAVITY_M_S2 = 9.81


def new_spec(name: str, config: TrainConfig, image: ImageSpec, episodes: Sequence[Episode]) -> PolicySpec:
    """
    Make the spec of a policy about to be trained.

    :param name: name of the policy
    :param config: cell, sizes, rates, seed
    :param image: the network's frame
    :param episodes: the training episodes: the limits of the outputs come from their commands
    :returns: the spec, without provenance
    :raises InputError: if the cell's sizes and options do not fit together, or are too large for a bundle
    """
    has_imu = episodes[0].imu is not None
    commands = np.concatenate([episode.commands for episode in episodes])
    outputs = []
    for index, channel in enumerate(config.outputs):
        low, high = float(commands[:, index].min()), float(commands[:, index].max())
        if channel.startswith('angular'):
            # A demonstrator who turned only left must not give a robot that cannot turn right.
            high = max(abs(low), abs(high), 0.1)
            low = -high
        margin = 0.2
        low, high = min(0.0, low) * (1 + margin), max(0.0, high) * (1 + margin)
        high = max(high, low + 1e-3)
        outputs.append(OutputSpec(channel, CHANNEL_UNITS[channel], round(low, 4), round(high, 4)))
    inputs = config.features + (6 if has_imu else 0)
    wiring = None
    if config.cell in ('ncp_cfc', 'ltc'):
        wiring = auto_ncp(inputs, config.units, len(outputs), sparsity=config.sparsity, seed=config.seed)
    options = config.cell_options | ({'mixed_memory': True} if config.mixed_memory else {})
    cell = make_cell(config.cell, input_size=inputs, units=config.units, outputs=len(outputs), wiring=wiring, **options)
    spec = PolicySpec(
        name=name,
        robot=next((episode.robot for episode in episodes if episode.robot), ''),
        image=image,
        imu=ImuSpec(gyro_scale=1.0, accel_scale=GRAVITY_M_S2) if has_imu else None,
        outputs=tuple(outputs),
        network=NetworkSpec(
            cell=config.cell,
            units=cell.units,
            state_size=cell.state_size,
            features=config.features,
            # One unit of network time is the middle of the trained rates.
            time_scale=round(math.sqrt(config.rate_min_hz * config.rate_max_hz), 3),
            wiring=None if wiring is None else wiring.to_dict(),
            options=options,
        ),
        dt_min_s=1 / config.rate_max_hz,
        dt_max_s=1 / config.rate_min_hz,
    )
    check_wiring_size(spec)
    return spec


def build_network(spec: PolicySpec, seed: int = 0) -> PolicyNetwork:
    """
    Build the network that a spec describes, with fresh weights.

    :param spec: the policy's spec
    :param seed: seed of the weights
    :returns: the network, in training mode
    :raises InputError: if the frame is too small for the encoder
    """
    torch.manual_seed(seed)
    inputs = spec.network.features + (6 if spec.imu else 0)
    wiring = None if spec.network.wiring is None else Wiring.from_dict(spec.network.wiring)
    cell = make_cell(
        spec.network.cell,
        input_size=inputs,
        units=spec.network.units,
        outputs=len(spec.outputs),
        wiring=wiring,
        **spec.network.options,
    )
    return PolicyNetwork(
        encoder=ConvEncoder(spec.image.height, spec.image.width, spec.network.features),
        cell=cell,
        channels=len(spec.outputs),
        imu_scale=None if spec.imu is None else (spec.imu.gyro_scale, spec.imu.accel_scale),
        time_scale=spec.network.time_scale,
    )


def measure_commands(network: PolicyNetwork, episodes: Sequence[Episode]) -> None:
    """
    Set where a network's commands begin and the unit of its errors: mean and deviation of what was demonstrated.

    :param network: about to be trained
    :param episodes: the training episodes
    """
    commands = torch.from_numpy(np.concatenate([episode.commands for episode in episodes]))
    network.command_mean.copy_(commands.mean(0))
    network.command_scale.copy_(commands.std(0).clamp(min=LEAST_DEVIATION))


def load_network(bundle: Bundle, seed: int = 0) -> PolicyNetwork:
    """
    Build a bundle's network with the weights that it was trained to.

    :param bundle: a checked bundle
    :param seed: of whatever is drawn later
    :returns: the network, in training mode
    :raises InputError: if the weights are not those of the network that its spec describes
    """
    network = build_network(bundle.spec, seed)
    try:
        network.load_state_dict(load_weights(bundle.weights))
    except (SafetensorError, RuntimeError) as error:
        raise InputError(
            f'{bundle.path / "weights.safetensors"} must hold the weights of the network that policy.json describes. '
            f'Got others: begin with a policy of lnn train. ({error})'
        ) from None
    return network
