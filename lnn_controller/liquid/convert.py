"""
From ncps.torch to here: the same numbers, in cells that export, keep one state and understand Δt in batches.

Checked against ncps 1.0.1. What differs on purpose is listed at :func:`from_ncps`.
"""

from collections.abc import Sequence as Many
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lnn_controller.errors import InputError
from lnn_controller.liquid.baselines import LSTM
from lnn_controller.liquid.cell import Cell, inverse_softplus
from lnn_controller.liquid.cfc import HEADS, CfC
from lnn_controller.liquid.ltc import LTC, Synapses
from lnn_controller.liquid.memory import MixedMemory
from lnn_controller.liquid.ncp_cfc import NcpCfC, Stage
from lnn_controller.liquid.sequence import Sequence
from lnn_controller.liquid.wiring import Wiring

__all__ = ['from_ncps', 'state_from_ncps', 'wiring_from_ncps']

_ACTIVATIONS = {'LeCun': 'lecun_tanh', 'Tanh': 'tanh', 'ReLU': 'relu', 'SiLU': 'silu', 'GELU': 'gelu'}


def wiring_from_ncps(wiring: Any) -> Wiring:
    """
    Take over a wiring of ncps, drawn as it is now.

    :param wiring: an ``ncps.wirings.Wiring`` that has been built
    :returns: an immutable copy
    :raises InputError: if it is no ncps wiring, or is not built yet
    """
    if not hasattr(wiring, 'adjacency_matrix') or not hasattr(wiring, 'get_type_of_neuron'):
        raise InputError(f'an ncps.wirings.Wiring is needed. Got {type(wiring).__name__}')
    if not wiring.is_built():
        raise InputError('the ncps wiring must be built, it has no inputs yet. Call wiring.build(input_size) first')
    roles = tuple(wiring.get_type_of_neuron(i) for i in range(wiring.units))
    return Wiring(np.sign(wiring.adjacency_matrix), np.sign(wiring.sensory_adjacency_matrix), roles)


def from_ncps(module: nn.Module) -> Sequence | Cell:
    """
    Take over the weights of an ncps network: the RNNs become a :class:`Sequence`, the cells a cell.

    All modes, wirings, mixed memory and ``proj_size`` are understood; type, device and training mode are kept.
    What differs:

    - The state is one tensor in the order motor, command, inter (then the LSTM's c); see :func:`state_from_ncps`.
    - Inputs are (B, T, I) and outputs (B, T, O) whatever ``batch_first`` and ``return_sequences`` were.
    - Δt is per sample and step; ncps is wrong or raises there for more than one sample.
    - A wired CfC gives the wiring's outputs; ncps gives all neurons when the wiring has no layers.
    - ``backbone_dropout`` is kept where ncps has any, and then works after every backbone layer.
    - The wiring is read from the cell's own masks, as ncps redraws a wiring object that is used twice.

    :param module: an ``LTC``, ``CfC``, ``LTCCell``, ``CfCCell`` or ``WiredCfCCell`` of ``ncps.torch``
    :returns: a network with the same numbers
    :raises InputError: if it is none of these, or its LTC weights are negative
    """
    with torch.no_grad():
        result: Sequence | Cell = _convert(module)
    like = next(module.parameters())
    return result.to(device=like.device, dtype=like.dtype).train(module.training)


def state_from_ncps(module: nn.Module, hx: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """
    Reorder a state of an ncps network for the network that :func:`from_ncps` makes of it.

    :param module: the ncps network
    :param hx: its state (B, N), or h and c with mixed memory
    :returns: (B, S)
    """
    order = _state_order(getattr(module, 'rnn_cell', module))
    parts = hx if isinstance(hx, tuple) else (hx,)
    return torch.cat([part[:, order] for part in parts], dim=1)


def _convert(module: nn.Module) -> Any:
    """Build in float64, which every type of the source passes through exactly."""
    for base in type(module).__mro__:  # a user's subclass of an ncps network is one too
        if base.__module__.startswith('ncps.torch') and base.__name__ in _CONVERTERS:
            return _CONVERTERS[base.__name__](module)
    raise InputError(f'from_ncps takes {", ".join(_CONVERTERS)} of ncps.torch. Got {type(module).__name__}')


def _sequence(module: Any) -> Sequence:
    cell = _convert(module.rnn_cell)
    if module.use_mixed:
        memory = MixedMemory(cell).double()
        _copy_lstm(module.lstm, memory.lstm, _state_order(module.rnn_cell))
        cell = memory
    fc = getattr(module, 'fc', None)
    if not isinstance(fc, nn.Linear):
        return Sequence(cell)
    readout = nn.Linear(fc.in_features, fc.out_features, dtype=torch.float64)
    _copy(readout.weight, fc.weight)
    _copy(readout.bias, fc.bias)
    return Sequence(cell, readout)


def _ltc(cell: Any) -> LTC:
    wiring = Wiring(
        _polarity(cell.sparsity_mask, cell.erev),
        _polarity(cell.sensory_sparsity_mask, cell.sensory_erev),
        tuple(cell._wiring.get_type_of_neuron(i) for i in range(cell.state_size)),
    )
    result = LTC(
        wiring,
        ode_unfolds=cell._ode_unfolds,
        input_mapping=cell._input_mapping or 'none',
        output_mapping=cell._output_mapping or 'none',
        epsilon=cell._epsilon,
    ).double()
    implicit = cell._implicit_param_constraints
    for name in ('gleak', 'cm'):
        _copy(getattr(result, f'{name}_raw'), _raw(getattr(cell, name), name, implicit))
    _copy(result.vleak, cell.vleak)
    for synapses, prefix in ((result.neural, ''), (result.sensory, 'sensory_')):
        _copy_synapses(synapses, cell, prefix, implicit)
    for name in ('input_w', 'input_b', 'output_w', 'output_b'):
        if getattr(result, name) is not None:
            _copy(getattr(result, name), getattr(cell, name))
    return result


def _copy_synapses(synapses: Synapses, cell: Any, prefix: str, implicit: bool) -> None:
    for name in ('w', 'sigma', 'mu', 'erev'):
        values = getattr(cell, prefix + name)[synapses.src, synapses.dst]
        if name == 'w':
            _copy(synapses.w_raw, _raw(values, prefix + name, implicit))
        else:
            _copy(getattr(synapses, name), values)


def _raw(values: Tensor, name: str, implicit: bool) -> Tensor:
    """Undo the softplus that ncps has only with ``implicit_param_constraints``; otherwise invert it."""
    if implicit:
        return values
    if bool((values < 0).any()):
        raise InputError(
            f'an LTC needs {name} ≥ 0. Got negative values; call module.rnn_cell.apply_weight_constraints() first'
        )
    return inverse_softplus(values.double())


def _cfc(cell: Any) -> CfC:
    layers = [m for m in (cell.backbone or ()) if isinstance(m, nn.Linear)]
    activation = next((type(m).__name__ for m in (cell.backbone or ()) if type(m).__name__ in _ACTIVATIONS), 'LeCun')
    result = CfC(
        cell.input_size,
        cell.hidden_size,
        mode=cell.mode,
        backbone_units=layers[0].out_features if layers else 128,
        backbone_layers=len(layers),
        backbone_activation=_ACTIVATIONS[activation],
        backbone_dropout=next((m.p for m in (cell.backbone or ()) if isinstance(m, nn.Dropout)), 0.0),
    ).double()
    heads = _heads(cell)
    weight, bias = torch.cat([h.weight for h in heads]), torch.cat([h.bias for h in heads])
    weights = [(layer.weight, layer.bias) for layer in layers] + [(weight, bias)]
    _copy(result.input_map.weight, weights[0][0][:, : cell.input_size])
    _copy(result.recurrent_map.weight, weights[0][0][:, cell.input_size :])
    _copy(result.input_map.bias, weights[0][1])
    for layer, (w, b) in zip(result.deeper, weights[1:]):
        _copy(layer.weight, w)
        _copy(layer.bias, b)
    if cell.mode == 'pure':
        _copy(result.closed_form.w_tau, cell.w_tau[0])
        _copy(result.closed_form.A, cell.A[0])
    return result


def _wired_cfc(cell: Any) -> NcpCfC:
    mode = cell._layers[0].mode
    result = NcpCfC(_layered_wiring(cell), mode=mode, layers='dense').double()
    for stage, layer, group in zip(result._stages(), cell._layers, result.groups):
        _copy_stage(stage, _heads(layer), layer.sparsity_mask, HEADS[mode] * len(group))
        if mode == 'pure':
            _copy(result.closed_form.w_tau[group.start : group.stop], layer.w_tau[0])
            _copy(result.closed_form.A[group.start : group.stop], layer.A[0])
    return result


def _copy_stage(stage: Stage, heads: Many[nn.Linear], mask: Tensor, rows: int) -> None:
    """A layer of ncps reads its inputs (the network's, or the layer before), then its own states."""
    # Stored weights that the mask silences never reach our sparse parameters, so f1, f2 need no masking here.
    dense = torch.cat([h.weight for h in heads])
    inputs = 0
    if stage.inputs is not None:
        inputs = stage.inputs.sources
        _copy(stage.inputs.weight, dense[:, :inputs].reshape(-1)[stage.inputs.index])
    if stage.neurons is not None:
        _copy(stage.neurons.weight, dense[:, inputs:].reshape(-1)[stage.neurons.index])
    _copy(stage.bias, torch.cat([h.bias for h in heads]))


def _layered_wiring(cell: Any) -> Wiring:
    """Return the wiring that the layers' own masks show; polarities, which a CfC does not use, from ncps' wiring."""
    source = cell._wiring
    if cell.num_layers not in (1, 3):
        raise InputError(f'a wired CfC must have 1 layer, or 3 (inter, command, motor). Got {cell.num_layers}')
    adjacency, sensory = np.sign(source.adjacency_matrix), np.sign(source.sensory_adjacency_matrix)
    below: Many[int] | None = None
    for i, layer in enumerate(cell._layers):
        neurons = list(source.get_neurons_of_layer(i))
        mask = layer.sparsity_mask.detach().cpu().numpy().T != 0
        matrix, rows = (sensory, range(len(sensory))) if below is None else (adjacency, below)
        block = np.ix_(list(rows), neurons)
        matrix[block] = np.where(mask[: len(rows)], np.where(matrix[block] < 0, -1, 1), 0)
        below = neurons
    return Wiring(adjacency, sensory, tuple(source.get_type_of_neuron(i) for i in range(source.units)))


def _copy_lstm(source: Any, target: LSTM, order: list[int]) -> None:
    rows = [gate * len(order) + i for gate in range(4) for i in order]
    _copy(target.input_map.weight, source.input_map.weight[rows])
    _copy(target.input_map.bias, source.input_map.bias[rows])
    _copy(target.recurrent_map.weight, source.recurrent_map.weight[rows][:, order])


def _state_order(cell: Any) -> list[int]:
    """For each of our neurons, its place in ncps' state: a wired CfC there runs inter, command, motor."""
    if type(cell).__name__ != 'WiredCfCCell':
        return list(range(cell.state_size if hasattr(cell, 'state_size') else cell.hidden_size))
    theirs = [n for i in range(cell.num_layers) for n in cell._wiring.get_neurons_of_layer(i)]
    return [theirs.index(n) for n in range(len(theirs))]


def _heads(cell: Any) -> list[nn.Linear]:
    return [cell.ff1] if cell.mode == 'pure' else [cell.ff1, cell.ff2, cell.time_a, cell.time_b]


def _polarity(mask: Tensor, erev: Tensor) -> npt.NDArray[Any]:
    signs = np.where(erev.detach().cpu().numpy() < 0, -1, 1)
    return np.where(mask.detach().cpu().numpy() != 0, signs, 0)


def _copy(target: Any, values: Tensor) -> None:
    if tuple(target.shape) != tuple(values.shape):
        raise InputError(f'weights of shape {tuple(target.shape)} were expected. Got {tuple(values.shape)}')
    target.copy_(values)


_CONVERTERS: dict[str, Any] = {
    'LTC': _sequence,
    'CfC': _sequence,
    'LTCCell': _ltc,
    'CfCCell': _cfc,
    'WiredCfCCell': _wired_cfc,
}
