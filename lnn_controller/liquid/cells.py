"""Cells by name: what a configuration file or a policy bundle names, checked strictly, made into a cell."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lnn_controller.errors import InputError
from lnn_controller.liquid.baselines import CTRNN, GRU, LSTM, FeedForward
from lnn_controller.liquid.cell import Cell
from lnn_controller.liquid.cfc import CfC
from lnn_controller.liquid.dlinoss import DLinOSS
from lnn_controller.liquid.ltc import LTC
from lnn_controller.liquid.memory import MixedMemory
from lnn_controller.liquid.ncp_cfc import NcpCfC
from lnn_controller.liquid.wiring import Wiring
from lnn_controller.liquid.wirings import auto_ncp
from lnn_controller.settings import Setting, check_number

__all__ = ['CELLS', 'WIRED', 'cell_options', 'check_cell_options', 'make_cell']

_CLASSES: dict[str, Callable[..., Cell]] = {
    'cfc': CfC,
    'ncp_cfc': NcpCfC,
    'ltc': LTC,
    'dlinoss': DLinOSS,
    'lstm': LSTM,
    'gru': GRU,
    'ctrnn': CTRNN,
    'none': FeedForward,
}
#: names that :func:`make_cell` knows
CELLS = tuple(_CLASSES)
#: cells built on a wiring
WIRED = ('ncp_cfc', 'ltc')
_LIQUID = ('cfc', 'ncp_cfc', 'ltc')


def cell_options(name: str) -> dict[str, Any]:
    """
    List a cell's own options.

    :param name: one of :data:`CELLS`
    :returns: each option and its default
    :raises InputError: if there is no such cell
    """
    if name not in CELLS:
        raise InputError(f'a cell must be one of {CELLS}. Got {name!r}')
    parameters = inspect.signature(_CLASSES[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def check_cell_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """
    Check that a cell has these options and that they are of its types; the cell itself checks their ranges.

    :param name: one of :data:`CELLS`
    :param options: values by option
    :returns: the same, whole numbers made floats where the option is one
    :raises InputError: if there is no such cell, it has no such option, or a value is of another type
    """
    allowed = cell_options(name)
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise InputError(f'cell {name!r} has no option {", ".join(unknown)}; it has: {", ".join(allowed) or "none"}')
    checked = {}
    for key, value in options.items():
        default = allowed[key]
        if default is None:  # a number that may be left out
            checked[key] = None if value is None else check_number(key, value)
        else:
            checked[key] = Setting(key, default, '').check(value)
    return checked


def make_cell(
    name: str,
    *,
    input_size: int,
    units: int | None = None,
    outputs: int | None = None,
    wiring: Wiring | None = None,
    mixed_memory: bool = False,
    **options: Any,
) -> Cell:
    """
    Make a cell by name.

    'ltc' and 'ncp_cfc' take a wiring; without one they get ``auto_ncp(input_size, units, outputs)`` with its default
    sparsity and seed. The others take ``units`` and ``outputs``.

    :param name: one of :data:`CELLS`
    :param input_size: number of inputs, I
    :param units: number of neurons, N; may be left out with a wiring
    :param outputs: number of motor neurons, the first ones; None: the wiring's, or all neurons
    :param wiring: who talks to whom, for 'ltc' and 'ncp_cfc'
    :param mixed_memory: put an LSTM in front, for 'cfc', 'ncp_cfc' and 'ltc'
    :param options: the cell's own, see :func:`cell_options`
    :returns: the cell
    :raises InputError: if a name, size or option does not fit; the message lists those that do
    """
    options = check_cell_options(name, options)
    check_number('input_size', input_size, whole=True, minimum=1)
    if mixed_memory and name not in _LIQUID:
        raise InputError(f'mixed_memory goes with the cells {_LIQUID}. Got {name!r}; leave mixed_memory out')
    if name in WIRED:
        cell = _CLASSES[name](_wiring(name, input_size, units, outputs, wiring), **options)
    elif wiring is not None:
        raise InputError(f'a wiring goes with the cells {WIRED}. Got one for {name!r}; give units instead')
    else:
        cell = _CLASSES[name](input_size, check_number('units', units, whole=True, minimum=1), outputs, **options)
    return MixedMemory(cell) if mixed_memory else cell


def _wiring(name: str, input_size: int, units: int | None, outputs: int | None, wiring: Wiring | None) -> Wiring:
    """Take the wiring that was given if the sizes agree with it, or draw one."""
    if wiring is None:
        if units is None or outputs is None:
            raise InputError(
                f'cell {name!r} needs a wiring, or units and outputs to draw one. Got units={units}, outputs={outputs}'
            )
        return auto_ncp(input_size, units, outputs)
    for what, wanted, has in (
        ('input_size', input_size, wiring.input_dim),
        ('units', units, wiring.units),
        ('outputs', outputs, wiring.output_dim),
    ):
        if wanted is not None and wanted != has:
            raise InputError(
                f'{what} must be that of the wiring, {has}. Got {wanted}; leave it out or draw another wiring'
            )
    return wiring
