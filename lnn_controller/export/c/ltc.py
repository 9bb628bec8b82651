"""The liquid time-constant cell as a stage of C."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.export.c.layers import Tables
from lnn_controller.export.c.network import Network
from lnn_controller.export.c.text import comment, integer_table, number, smallest_type, table
from lnn_controller.export.c.wiring import Wiring, neuron_comment, read_wiring

__all__ = ['LtcStage', 'Synapses', 'ltc_stage']


class Synapses(NamedTuple):
    """
    Synapses by neuron, each with its slope, offset, current w E and conductance w.

    :param name: of their tables
    :param comments: for each neuron, what it reads, (N,)
    :param sources: numbers of the values that they read, (n,)
    :param starts: where each neuron's begin, (N + 1,)
    :param values: (n, 4)
    """

    name: str
    comments: list[str]
    sources: NDArray[np.int64]
    starts: NDArray[np.int64]
    values: NDArray[np.float64]

    def tables(self) -> str:
        """
        Write them as tables.

        :returns: C; empty where there are none
        """
        if not len(self.sources):
            return ''
        comments = {
            int(start): said for start, end, said in zip(self.starts, self.starts[1:], self.comments) if end > start
        }
        text = table(f'{self.name}_SYNAPSE', self.values, comments)
        text += integer_table(f'{self.name}_SOURCE', self.sources, 'LNN_INDEX')
        return text + integer_table(f'{self.name}_START', self.starts, smallest_type(len(self.sources)))

    def sums(self, begin: str, end: str, indent: str, *, straight_line: bool) -> str:
        """
        Write the sums into all neurons: current a and conductance b.

        :param begin: what a and b are before; ``{n}`` stands for the neuron's number
        :param end: statement with what is done with them
        :param indent: spaces before each line
        :param straight_line: as :meth:`Stage.source`
        :returns: C
        """
        inner = indent + '    '
        if not straight_line:
            count = f'{self.name}_START[n + 1] - {self.name}_START[n]'
            at = f'{self.name}_SYNAPSE + {self.name}_START[n], v, {self.name}_SOURCE + {self.name}_START[n], {count}'
            conduct = f'{inner}lnn_conduct(&a, &b, {at});\n' if len(self.sources) else ''
            head = f'{indent}for (int n = 0; n < {len(self.comments)}; n++) {{\n'
            return f'{head}{inner}float {begin.format(n="n")};\n{conduct}{inner}{end.format(n="n")}\n{indent}}}\n'
        text = ''
        for n, said in enumerate(self.comments):
            also = ', open' if self.starts[n] < self.starts[n + 1] else ''
            text += f'{comment(said, indent)}{indent}{{\n{inner}float {begin.format(n=n)}{also};\n'
            for k in range(self.starts[n], self.starts[n + 1]):
                slope, offset, current, conductance = map(number, self.values[k])
                text += f'{inner}open = lnn_open({slope} * v[{self.sources[k]}] + {offset}); '
                text += f'a += {current} * open; b += {conductance} * open;\n'
            text += f'{inner}{end.format(n=n)}\n{indent}}}\n'
        return text


@dataclass(frozen=True)
class LtcStage:
    """
    The solver of an LTC.

    :param sensory: synapses from the inputs
    :param neural: synapses between neurons
    :param leak: current and conductance of the leak, capacity, (N, 3)
    :param unfolds: solver steps per step
    :param epsilon: of the division
    :param target: number of the value that its first neuron is
    :param time_scale: network time per second, 1/s
    """

    sensory: Synapses
    neural: Synapses
    leak: NDArray[np.float64]
    unfolds: int
    epsilon: float
    target: int
    time_scale: float

    @property
    def width(self) -> int:
        """Number of neurons, N."""
        return len(self.leak)

    def source(self, *, straight_line: bool) -> Tables:
        """
        Write it as C.

        :param straight_line: as :meth:`Stage.source`
        :returns: tables and statements
        """
        n, to = self.width, self.target
        tables = '' if straight_line else self.sensory.tables() + self.neural.tables()
        given = 'a = LEAK[{n}][0], b = LEAK[{n}][1]'
        keep = 'top[{n}] = a, bottom[{n}] = b, rate[{n}] = LEAK[{n}][2] * per_step;'
        tau_s = number(1.0 / self.time_scale)
        move = f'if (tau && step == 0) tau[{{n}}] = LEAK[{{n}}][2] / b * {tau_s};\n            '
        move += f'fresh[{{n}}] = (rate[{{n}}] * v[{to} + {{n}}] + a) / (b + rate[{{n}}] + {number(self.epsilon)});'
        body = f'    float top[{n}], bottom[{n}], rate[{n}], per_step = {number(self.unfolds)} / t;\n'
        body += comment('What the inputs give, once a step.', '    ')
        body += self.sensory.sums(given, keep, '    ', straight_line=straight_line)
        body += comment(f'{self.unfolds} steps of semi-implicit Euler.', '    ')
        body += f'    for (int step = 0; step < {self.unfolds}; step++) {{\n'
        body += self.neural.sums('a = top[{n}], b = bottom[{n}]', move, '        ', straight_line=straight_line)
        body += f'        for (int n = 0; n < {n}; n++) v[{to} + n] = fresh[n];\n    }}\n'
        leak = '/* Of each neuron: current and conductance of its leak, capacity. */\n' + table('LEAK', self.leak)
        return Tables(leak + tables, body)


def ltc_stage(network: Network, prefix: str, options: dict[str, Any]) -> LtcStage:
    """
    Make the stage.

    :param network: the network
    :param prefix: of its tensors' names
    :param options: of the cell
    :returns: it
    """
    wiring, units, inputs = read_wiring(network), network.spec.network.units, network.inputs
    gain, shift = np.ones(inputs), np.zeros(inputs)
    mapping = options.get('input_mapping', 'affine')
    if mapping != 'none':
        gain = network.tensor(f'{prefix}input_w', inputs).astype(np.float64)
    if mapping == 'affine':
        shift = network.tensor(f'{prefix}input_b', inputs).astype(np.float64)
    leak, raw = (_softplus(network.tensor(f'{prefix}{key}', units)) for key in ('gleak_raw', 'cm_raw'))
    signs = {}
    for kind, matrix in (('sensory', wiring.sensory), ('neural', wiring.adjacency)):
        signs[kind] = matrix.copy()
        # Training may have flipped a synapse: its reversal potential knows.
        signs[kind][matrix != 0] = np.where(
            network.tensor(f'{prefix}{kind}.erev', int(np.count_nonzero(matrix))) < 0, -1, 1
        )
    trained = Wiring(wiring.roles, signs['neural'], signs['sensory'])
    comments = [neuron_comment(network, trained, n) for n in range(units)]
    sensory = _synapses(network, f'{prefix}sensory.', trained.sensory, comments, 0, gain, shift)
    neural = _synapses(
        network, f'{prefix}neural.', trained.adjacency, comments, inputs, np.ones(units), np.zeros(units)
    )
    current = leak * network.tensor(f'{prefix}vleak', units)
    return LtcStage(
        sensory,
        neural,
        np.stack([current, leak, raw], 1),
        options.get('ode_unfolds', 6),
        options.get('epsilon', 1e-8),
        inputs,
        network.spec.network.time_scale,
    )


def _synapses(
    network: Network,
    prefix: str,
    matrix: NDArray[np.int8],
    comments: list[str],
    first: int,
    gain: NDArray[np.float64],
    shift: NDArray[np.float64],
) -> Synapses:
    """Order the synapses by destination; the mapping of what they read, x gain + shift, goes into slope and offset."""
    source, destination = np.nonzero(matrix)
    keys = ('w_raw', 'sigma', 'mu', 'erev')
    w, sigma, mu, erev = (network.tensor(prefix + key, len(source)).astype(np.float64) for key in keys)
    w = _softplus(w)
    values = np.stack([sigma * gain[source], sigma * (shift[source] - mu), w * erev, w], 1)
    order = np.lexsort((source, destination))
    starts = np.concatenate([[0], np.cumsum(np.bincount(destination, minlength=matrix.shape[1]))])
    name = prefix.split('.')[-2].upper()
    return Synapses(name, comments, first + source[order], starts, values[order])


def _softplus(x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.logaddexp(0.0, x.astype(np.float64))
