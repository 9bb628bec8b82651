"""The closed-form cell on a wiring as layers of C: one for each group of neurons, inter → command → motor."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.export.c.closed_form import CLOSED_FORMS, closed_form
from lnn_controller.export.c.layers import Layer, Row
from lnn_controller.export.c.network import Array, Network
from lnn_controller.export.c.wiring import Wiring, neuron_comment, read_wiring

__all__ = ['ncp_cfc_layers']

Mask = NDArray[np.bool_]


def ncp_cfc_layers(network: Network, prefix: str, options: dict[str, Any]) -> list[Layer]:
    """
    Make the layers of the cell.

    :param network: the network
    :param prefix: of its tensors' names
    :param options: of the cell
    :returns: its layers, in the order of evaluation
    """
    wiring = read_wiring(network)
    dense, heads = options.get('layers') == 'dense', CLOSED_FORMS[options.get('mode', 'default')].heads
    groups = {role: wiring.group(role) for role in ('inter', 'command', 'motor') if role in wiring.roles}
    if dense and 'command' not in groups:
        groups = {'all': range(len(wiring.roles))}
    order = [neuron for group in groups.values() for neuron in group]
    layers: list[Layer] = []
    for role, group in groups.items():
        if dense:
            below = groups[layers[-1].name.lower()] if layers else None
            inputs, neurons = _dense_masks(wiring, group, below, heads)
            also = ' Reads all of its own group; its gate all of the one before, too.'
        else:
            inputs, neurons = _wired_masks(wiring, group, heads, self_state=options.get('self_state', False))
            also = ' Reads its own state.' if options.get('self_state') else ''
        stage = f'{prefix}stages.{len(layers)}.'
        pair = _fill(network, f'{stage}inputs.weight', inputs), _fill(network, f'{stage}neurons.weight', neurons, order)
        weights = np.concatenate(pair, 2)
        bias = network.tensor(f'{stage}bias', heads * len(group)).reshape(heads, -1)
        mask: Mask = np.any(np.concatenate([inputs, neurons], 2), axis=0)
        rows = [
            Row(
                neuron_comment(network, wiring, n) + also,
                read := np.flatnonzero(mask[k]),
                weights[:, k, read].T,
                bias[:, k],
            )
            for k, n in enumerate(group)
        ]
        title = f'{role.capitalize()} neurons, {group.start} to {group.stop - 1}'
        formula, tables = closed_form(network, prefix, options, group, role.upper())
        layers.append(Layer(role.upper(), title, rows, network.inputs + group.start, len(group), formula, tables))
    return layers


def _wired_masks(wiring: Wiring, group: range, heads: int, *, self_state: bool) -> tuple[Mask, Mask]:
    """Find which inputs (heads, n, I) and which neurons (heads, n, N) each head reads."""
    neurons = wiring.adjacency[:, group] != 0
    if self_state:
        neurons[group, range(len(group))] = True
    inputs = wiring.sensory[:, group] != 0
    return np.stack([inputs.T] * heads), np.stack([neurons.T] * heads)


def _dense_masks(wiring: Wiring, group: range, below: range | None, heads: int) -> tuple[Mask, Mask]:
    """Find the same of layers that are dense in themselves; the gate's heads read the whole layer before."""
    inputs = np.zeros((heads, len(group), len(wiring.sensory)), bool)
    neurons = np.zeros((heads, len(group), len(wiring.roles)), bool)
    neurons[:, :, group] = True
    if below is None:
        inputs[:] = (wiring.sensory[:, group] != 0).T
        inputs[2:] = True
    else:
        neurons[:, :, below] = (wiring.adjacency[below][:, group] != 0).T
        neurons[2:, :, below] = True
    return inputs, neurons


def _fill(network: Network, key: str, mask: Mask, order: Sequence[int] | None = None) -> Array:
    """Put weights, which are stored without zeros, where the mask has them; ``order``: of the columns as stored."""
    columns = np.arange(mask.shape[2]) if order is None else np.asarray(order)
    stored, there = np.zeros(mask.shape, np.float32), mask[:, :, columns]
    if mask.any():
        stored[there] = network.tensor(key, int(mask.sum()))
    dense = np.zeros_like(stored)
    dense[:, :, columns] = stored
    return dense
