"""What makes a CfC neuron's state of its heads, in each mode."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lnn_controller.export.c.layers import Formula
from lnn_controller.export.c.network import Network
from lnn_controller.export.c.text import number, plus, table

__all__ = ['CLOSED_FORMS', 'ClosedForm', 'closed_form']


class ClosedForm(NamedTuple):
    """
    A mode.

    :param function: in lnn_cells.h
    :param heads: sums that it takes
    """

    function: str
    heads: int


CLOSED_FORMS = {
    'default': ClosedForm('lnn_gated', 4),
    'no_gate': ClosedForm('lnn_ungated', 4),
    'pure': ClosedForm('lnn_pure', 1),
}


def closed_form(network: Network, prefix: str, options: dict[str, Any], group: range, name: str) -> tuple[Formula, str]:
    """
    Write the closed form of a group of neurons.

    :param network: the network
    :param prefix: of its tensors' names
    :param options: of the cell
    :param group: the neurons
    :param name: of the group's tables
    :returns: the formula of a neuron, as :class:`Layer` takes it, and the tables that it uses
    """
    mode = options.get('mode', 'default')
    function, heads = CLOSED_FORMS[mode]
    unit_s = number(1.0 / network.spec.network.time_scale)
    tables, units = '', network.spec.network.units
    if mode == 'pure':
        pair = [network.tensor(f'{prefix}closed_form.{key}', units)[group.start : group.stop] for key in ('A', 'w_tau')]
        tables = table(f'{name}_AMPLITUDE', pair[0]) + table(f'{name}_RATE', np.abs(pair[1]))

    def formula(n: str, z: Sequence[str]) -> str:
        own = f', {name}_AMPLITUDE[{n}], {name}_RATE[{n}]' if mode == 'pure' else ''
        return f'{function}({", ".join(z[:heads])}{own}, t, {unit_s}, tau ? tau + {plus(group.start, n)} : 0)'

    return formula, tables
