"""The cells without a wiring as layers of C: CfC, D-LinOSS, LSTM, GRU, CT-RNN, and the one without memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.export.c.closed_form import CLOSED_FORMS, closed_form
from lnn_controller.export.c.layers import LANES, Layer, Row
from lnn_controller.export.c.network import Array, Network
from lnn_controller.export.c.text import plus, table

__all__ = ['cfc_layers', 'ctrnn_layers', 'dlinoss_layers', 'feed_forward_layers', 'gru_layers', 'lstm_layers']

ALL = 'all inputs and neurons'


def cfc_layers(network: Network, prefix: str, options: dict[str, Any], scratch: int) -> list[Layer]:
    """
    Make the layers of a CfC: backbone, heads.

    :param network: the network
    :param prefix: of its tensors' names
    :param options: of the cell
    :param scratch: number of the first value that is free
    :returns: its layers
    """
    units = network.spec.network.units
    heads = CLOSED_FORMS[options.get('mode', 'default')].heads
    depth, width = options.get('backbone_layers', 1), options.get('backbone_units', 128)
    activation = f'lnn_{options.get("backbone_activation", "lecun_tanh")}'
    rows = width if depth else heads * units
    weights, bias = _maps(network, prefix, rows)
    sources, read, layers = np.arange(network.inputs + units), ALL, []
    for i in range(depth):
        who = f'Backbone {i}, '
        blocks = _blocks(who, weights, bias, sources, read)
        title = f'{who}{width} wide'
        layers.append(
            Layer(f'BACKBONE{i}', title, blocks, scratch, width, lambda n, z: f'{activation}({z[0]})', heads=False)
        )
        sources, read = np.arange(scratch, scratch + width), f'backbone {i}'
        scratch += width
        rows = width if i + 1 < depth else heads * units
        weights = network.tensor(f'{prefix}deeper.{i}.weight', rows, width)
        bias = network.tensor(f'{prefix}deeper.{i}.bias', rows)
    formula, tables = closed_form(network, prefix, options, range(units), 'NEURON')
    if heads == 1:
        last = _blocks('', weights, bias, sources, read)
    else:
        last = _neurons(weights.reshape(heads, units, -1), bias.reshape(heads, units), sources, read)
    layers.append(Layer('NEURON', _title(units), last, network.inputs, units, formula, tables, heads == 4))
    return layers


def lstm_layers(network: Network, prefix: str, options: dict[str, Any]) -> list[Layer]:
    """
    Make the layer of an LSTM, whose c stands behind the neurons.

    :param network: the network
    :param prefix: of its tensors' names
    :param options: of the cell
    :returns: its one layer
    """
    units = network.spec.network.units
    weights, bias = _maps(network, prefix, 4 * units, elapsed_time=options.get('elapsed_time', True))
    bias = bias.reshape(4, units) + np.array([[0], [0], [1], [0]], np.float32)  # the forget gate's
    rows = _neurons(weights.reshape(4, units, -1), bias, _sources(network, options), ALL)
    c = network.inputs + units

    def formula(n: str, z: Sequence[str]) -> str:
        return f'lnn_lstm({", ".join(z)}, v + {plus(c, n)})'

    return [Layer('LSTM', f'LSTM, {units} units', rows, network.inputs, units, formula)]


def gru_layers(network: Network, prefix: str, options: dict[str, Any]) -> list[Layer]:
    """
    Make the layer of a GRU.

    :param network: the network
    :param prefix: of its tensors' names
    :param options: of the cell
    :returns: its one layer
    """
    units = network.spec.network.units
    weights, bias = _maps(network, prefix, 3 * units, elapsed_time=options.get('elapsed_time', True))
    weights = weights.reshape(3, units, -1)
    # What the states give to the candidate passes the reset gate: a sum of its own.
    from_states = np.zeros_like(weights[2:])
    states = slice(network.inputs, network.inputs + units)
    from_states[:, :, states] = weights[2:, :, states]
    weights = np.concatenate([weights, from_states])
    weights[2, :, states] = 0.0
    candidate = network.tensor(f'{prefix}candidate_bias', units)
    bias = np.concatenate([bias.reshape(3, units), candidate[None]])
    rows = _neurons(weights, bias, _sources(network, options), ALL)

    def formula(n: str, z: Sequence[str]) -> str:
        return f'lnn_gru({", ".join(z)}, v[{plus(network.inputs, n)}])'

    return [Layer('GRU', f'GRU, {units} units', rows, network.inputs, units, formula)]


def ctrnn_layers(network: Network, prefix: str) -> list[Layer]:
    """
    Make the layer of a CT-RNN.

    :param network: the network
    :param prefix: of its tensors' names
    :returns: its one layer
    """
    units = network.spec.network.units
    weights, bias = _maps(network, prefix, units)
    tau = np.logaddexp(0.0, network.tensor(f'{prefix}tau_raw', units).astype(np.float64))
    tables = table('DECAY', -1.0 / tau) + table('TAU_S', tau / network.spec.network.time_scale)
    rows = _blocks('', weights, bias, np.arange(network.inputs + units), ALL)

    def formula(n: str, z: Sequence[str]) -> str:
        return f'lnn_leak({z[0]}, DECAY[{n}], v[{plus(network.inputs, n)}], t, TAU_S[{n}], tau ? tau + {n} : 0)'

    return [Layer('NEURON', _title(units), rows, network.inputs, units, formula, tables, heads=False)]


def dlinoss_layers(network: Network, prefix: str, scratch: int) -> list[Layer]:
    """
    Make the layers of damped oscillators: their drives, which move x and w behind the neurons, and what reads them.

    :param network: the network
    :param prefix: of its tensors' names
    :param scratch: number of the first value that is free
    :returns: its layers
    """
    units, inputs = network.spec.network.units, network.inputs
    raw = [network.tensor(f'{prefix}{key}_raw', units).astype(np.float64) for key in ('alpha', 'omega')]
    # Softplus, and LEAST_DAMPING of lnn_controller.liquid.dlinoss, which would load PyTorch.
    alpha, omega = 1e-3 + np.logaddexp(0.0, raw[0]), np.logaddexp(0.0, raw[1])
    scale = np.sqrt(2.0 * alpha) / (alpha**2 + omega**2)
    rates = np.stack([alpha, omega, scale * omega, scale * alpha], axis=1)
    tables = table('RATE', rates) + table('TAU_S', 1.0 / alpha / network.spec.network.time_scale)
    weights = network.tensor(f'{prefix}input_map.weight', units, inputs)
    bias = network.tensor(f'{prefix}input_map.bias', units)
    x, w = inputs + units, inputs + 2 * units

    def drive(n: str, z: Sequence[str]) -> str:
        own = f'v + {plus(x, n)}, v + {plus(w, n)}, TAU_S[{n}], tau ? tau + {n} : 0'
        return f'lnn_oscillate({z[0]}, RATE[{n}], t, {own})'

    def read(n: str, z: Sequence[str]) -> str:
        return f'lnn_tanh({z[0]} + SKIP[{n}] * v[{plus(scratch, n)}])'

    rows = _blocks('Drives ', weights, bias, np.arange(inputs), 'all inputs')
    first = Layer('DRIVE', f'Drives of {units} oscillators', rows, scratch, units, drive, tables, heads=False)
    weights = network.tensor(f'{prefix}reading_map.weight', units, 2 * units)
    bias = network.tensor(f'{prefix}reading_map.bias', units)
    rows = _blocks('', weights, bias, np.arange(x, x + 2 * units), 'all oscillators')
    skip = table('SKIP', network.tensor(f'{prefix}skip', units))
    return [first, Layer('NEURON', _title(units), rows, inputs, units, read, skip, heads=False)]


def feed_forward_layers(network: Network, prefix: str) -> list[Layer]:
    """
    Make the layer of a network without memory.

    :param network: the network
    :param prefix: of its tensors' names
    :returns: its one layer
    """
    units = network.spec.network.units
    weights = network.tensor(f'{prefix}input_map.weight', units, network.inputs)
    bias = network.tensor(f'{prefix}input_map.bias', units)
    rows = _blocks('', weights, bias, np.arange(network.inputs), 'all inputs')
    return [Layer('NEURON', _title(units), rows, network.inputs, units, lambda n, z: f'lnn_tanh({z[0]})', heads=False)]


def _maps(network: Network, prefix: str, rows: int, *, elapsed_time: bool = False) -> tuple[Array, Array]:
    """Return weights over inputs, neurons and, with ``elapsed_time``, t, (rows, ·), and biases, (rows,)."""
    parts = [
        network.tensor(f'{prefix}input_map.weight', rows, network.inputs),
        network.tensor(f'{prefix}recurrent_map.weight', rows, network.spec.network.units),
    ]
    if elapsed_time:
        parts.append(network.tensor(f'{prefix}time_map', rows)[:, None])
    return np.concatenate(parts, 1), network.tensor(f'{prefix}input_map.bias', rows)


def _sources(network: Network, options: dict[str, Any]) -> NDArray[np.int64]:
    """Number the values that the maps read: inputs, neurons, and t, which stands behind the state."""
    sources = np.arange(network.inputs + network.spec.network.units)
    time = network.inputs + network.spec.network.state_size
    return np.append(sources, time) if options.get('elapsed_time', True) else sources


def _title(units: int) -> str:
    return f'Neurons, 0 to {units - 1}'


def _neurons(weights: Array, bias: Array, sources: NDArray[np.int64], read: str) -> list[Row]:
    """Make a row of each neuron; ``weights``: (heads, n, sources)."""
    count = weights.shape[1]
    return [Row(f'Neuron {n}: reads {read}.', sources, weights[:, n].T, bias[:, n]) for n in range(count)]


def _blocks(who: str, weights: Array, bias: Array, sources: NDArray[np.int64], read: str) -> list[Row]:
    """Make a row of each four neurons, the last one filled up with zeros; ``weights``: (n, sources)."""
    count = len(bias)
    spare = -count % LANES
    weights, bias = np.pad(weights, ((0, spare), (0, 0))), np.pad(bias, (0, spare))
    rows = []
    for first in range(0, count, LANES):
        four, last = slice(first, first + LANES), min(first + LANES, count) - 1
        said = f'{who or "Neurons "}{first} to {last}: read {read}.'
        rows.append(Row(said, sources, weights[four].T, bias[four]))
    return rows
