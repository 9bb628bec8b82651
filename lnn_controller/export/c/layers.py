"""Layers of a cell as C: weighted sums of values, and a formula that makes new values of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lnn_controller.export.c.network import Array
from lnn_controller.export.c.text import comment, integer_table, number, smallest_type, table

__all__ = ['LANES', 'Formula', 'Layer', 'Row', 'Stage', 'Tables']

LANES = 4
#: C for the value of a neuron, from its number in the layer and its sums
Formula = Callable[[str, Sequence[str]], str]


class Tables(NamedTuple):
    """Constants of a stage, and the statements that use them."""

    constants: str
    body: str


class Stage(Protocol):
    """Something that a step does: one after the other."""

    @property
    def width(self) -> int:
        """Number of values that it makes before it puts them where they belong."""

    def source(self, *, straight_line: bool) -> Tables:
        """
        Write it as C.

        :param straight_line: whether each synapse has a line of code of its own, in place of tables and loops
        :returns: tables and statements
        """


class Row(NamedTuple):
    """
    Sums over the same sources: the heads of a neuron, or up to four neurons of a dense layer.

    :param comment: whose they are and what they read
    :param sources: numbers of the values that they read, ascending, (n,)
    :param weights: (n, 4) or (n, 1)
    :param bias: (4,) or (1,)
    """

    comment: str
    sources: NDArray[np.int64]
    weights: Array
    bias: Array


@dataclass(frozen=True)
class Layer:
    """
    Neurons that are evaluated together: from values that none of them has changed yet.

    :param name: of its tables
    :param title: for a comment
    :param rows: what they read
    :param target: number of the value that its first neuron becomes
    :param width: number of its neurons, n
    :param formula: of a neuron's sums: those of its heads where a row is a neuron, its own where a row is four of them
    :param per_neuron: tables that the formula uses
    :param heads: whether a row is a neuron
    """

    name: str
    title: str
    rows: Sequence[Row]
    target: int
    width: int
    formula: Formula
    per_neuron: str = ''
    heads: bool = True

    def source(self, *, straight_line: bool) -> Tables:
        """
        Write it as C.

        :param straight_line: as :meth:`Stage.source`
        :returns: tables and statements
        """
        head = comment(f'{self.title}.', '    ')
        tail = f'    for (int n = 0; n < {self.width}; n++) v[{self.target} + n] = fresh[n];\n'
        if straight_line:
            return Tables(self.per_neuron, head + ''.join(map(self._lines, range(len(self.rows)))) + tail)
        return Tables(self.per_neuron + self._tables(), head + self._loop() + tail)

    @property
    def _start(self) -> int | None:
        """The first source, where all rows read the same values, side by side."""
        first, lanes = self.rows[0].sources, self.rows[0].weights.shape[1]
        if lanes == 1 or not len(first) or not np.array_equal(first, np.arange(first[0], first[0] + len(first))):
            return None
        return int(first[0]) if all(np.array_equal(row.sources, first) for row in self.rows) else None

    def _tables(self) -> str:
        starts = np.cumsum([0, *(len(row.sources) for row in self.rows)])
        comments: dict[int, str] = {}
        for start, row in zip(starts, self.rows):
            comments[int(start)] = '; '.join(filter(None, (comments.get(int(start)), row.comment)))
        comments.pop(int(starts[-1]), None)  # of neurons that read nothing
        weights = np.concatenate([row.weights for row in self.rows])
        bias = np.stack([row.bias for row in self.rows])
        if weights.shape[1] == 1:
            weights, bias = weights[:, 0], bias[:, 0]
        text = table(f'{self.name}_BIAS', bias)
        if len(weights):
            text += table(f'{self.name}_WEIGHT', weights, comments)
            if self._start is None:
                text += integer_table(
                    f'{self.name}_SOURCE', np.concatenate([row.sources for row in self.rows]), 'LNN_INDEX'
                )
                text += integer_table(f'{self.name}_START', starts, smallest_type(int(starts[-1])))
        return text

    def _loop(self) -> str:
        lanes, name = self.rows[0].weights.shape[1], self.name
        reads, synapses = len(self.rows[0].sources), sum(len(row.sources) for row in self.rows)
        text = f'    for (int i = 0; i < {len(self.rows)}; i++) {{\n'
        if not synapses:
            z = [f'{name}_BIAS[i]{f"[{lane}]" if lanes > 1 else ""}' for lane in range(lanes)]
        else:
            z = [f'z[{lane}]' for lane in range(lanes)]
            start, sparse = self._start, f'v, {name}_SOURCE + at, {name}_START[i + 1] - at'
            text += f'        float z[{lanes}];\n'
            text += f'        const int at = {name}_START[i];\n' if start is None else ''
            if lanes == 1:
                text += f'        z[0] = lnn_sum1({name}_BIAS[i], {name}_WEIGHT + at, {sparse});\n'
            elif start is None:
                text += f'        lnn_sum4(z, {name}_BIAS[i], {name}_WEIGHT + at, {sparse});\n'
            else:
                text += f'        lnn_dense4(z, {name}_BIAS[i], {name}_WEIGHT + {reads} * i, v + {start}, {reads});\n'
        if self.heads:
            return text + f'        fresh[i] = {self.formula("i", z)};\n    }}\n'
        text += f'        for (int j = 0, n = {LANES} * i; j < {LANES} && n < {self.width}; j++, n++) {{\n'
        return text + f'            fresh[n] = {self.formula("n", [z[0].replace("[0]", "[j]")])};\n        }}\n    }}\n'

    def _lines(self, i: int) -> str:
        row = self.rows[i]
        neurons = [i] if self.heads else range(LANES * i, min(LANES * (i + 1), self.width))
        names = [f'z{lane}' for lane in range(row.weights.shape[1] if self.heads else len(neurons))]
        text = comment(row.comment, '    ') + '    {\n'
        text += '        float ' + ', '.join(f'{z} = {number(b)}' for z, b in zip(names, row.bias)) + ';\n'
        for source, weights in zip(row.sources, row.weights):
            terms = [f'{z} += {number(w)} * v[{source}];' for z, w in zip(names, weights) if w]
            text += f'        {" ".join(terms)}\n' if terms else ''
        for k, n in enumerate(neurons):
            text += f'        fresh[{n}] = {self.formula(str(n), names if self.heads else [names[k]])};\n'
        return text + '    }\n'
