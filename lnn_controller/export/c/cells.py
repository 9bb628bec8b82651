"""The cells of :mod:`lnn_controller.liquid`, by name, as stages of C."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lnn_controller.errors import InputError, short
from lnn_controller.export.c.dense import (
    cfc_layers,
    ctrnn_layers,
    dlinoss_layers,
    feed_forward_layers,
    gru_layers,
    lstm_layers,
)
from lnn_controller.export.c.layers import Stage
from lnn_controller.export.c.ltc import ltc_stage
from lnn_controller.export.c.ncp_cfc import ncp_cfc_layers
from lnn_controller.export.c.network import Network

__all__ = ['OPTIONS', 'Cell', 'read_cell']

_MODES = ('default', 'no_gate', 'pure')
_MIXED = ('cfc', 'ncp_cfc', 'ltc')
_PARTS = {'lstm': 2, 'dlinoss': 3}  # numbers of the state to a unit, where it is not one
#: each cell's options and what they may be: a type, or one of these; ``None``: what changes nothing after the training
OPTIONS: dict[str, dict[str, Any]] = {
    'cfc': {
        'mode': _MODES,
        'backbone_units': int,
        'backbone_layers': int,
        'backbone_activation': ('lecun_tanh', 'tanh', 'relu', 'silu', 'gelu'),
        'backbone_dropout': None,
    },
    'ncp_cfc': {'mode': _MODES, 'layers': ('wired', 'dense'), 'self_state': bool},
    'ltc': {
        'ode_unfolds': int,
        'input_mapping': ('affine', 'linear', 'none'),
        'output_mapping': None,
        'init_time_constant': None,
        'epsilon': float,
    },
    'dlinoss': {},
    'lstm': {'elapsed_time': bool},
    'gru': {'elapsed_time': bool},
    'ctrnn': {'init_time_constant': None},
    'none': {},
}


@dataclass(frozen=True)
class Cell:
    """
    A cell, ready to be written.

    :param stages: what a step does, in order
    :param values: numbers that a step works on: inputs, state, t, then layers in between
    :param has_tau: whether its neurons have time constants
    """

    stages: Sequence[Stage]
    values: int
    has_tau: bool


def read_cell(network: Network) -> Cell:
    """
    Make a network's cell.

    :param network: the network
    :returns: its cell
    :raises InputError: if there is no C for this cell or an option of it, or the weights do not fit it
    """
    spec = network.spec.network
    options = dict(spec.options)
    mixed = options.pop('mixed_memory', False)
    if spec.cell not in OPTIONS or (mixed and spec.cell not in _MIXED) or not isinstance(mixed, bool):
        what = f'{spec.cell!r}{" with mixed_memory" if mixed else ""}'
        raise InputError(
            f'C can be made of the cells {", ".join(OPTIONS)} (mixed_memory: {", ".join(_MIXED)}). Got {what}'
        )
    for key, value in options.items():
        _check(spec.cell, key, value)
    parts = 2 if mixed else _PARTS.get(spec.cell, 1)
    if spec.state_size != spec.units * parts:
        raise InputError(
            f'the state of {spec.units} {spec.cell} units has another size. Got {spec.state_size} in the spec'
        )
    prefix, stages, free = 'sequence.cell.', list[Stage](), network.inputs + spec.state_size + 1
    if mixed:
        stages += lstm_layers(network, f'{prefix}lstm.', {'elapsed_time': False})
        prefix += 'cell.'
    match spec.cell:
        case 'cfc':
            stages += cfc_layers(network, prefix, options, free)
            free += options.get('backbone_units', 128) * options.get('backbone_layers', 1)
        case 'ncp_cfc':
            stages += ncp_cfc_layers(network, prefix, options)
        case 'ltc':
            stages.append(ltc_stage(network, prefix, options))
        case 'dlinoss':
            stages += dlinoss_layers(network, prefix, free)
            free += spec.units
        case 'lstm':
            stages += lstm_layers(network, prefix, options)
        case 'gru':
            stages += gru_layers(network, prefix, options)
        case 'ctrnn':
            stages += ctrnn_layers(network, prefix)
        case 'none':
            stages += feed_forward_layers(network, prefix)
    return Cell(stages, free, spec.cell in (*_MIXED, 'dlinoss', 'ctrnn'))


def _check(cell: str, key: str, value: object) -> None:
    allowed = OPTIONS[cell]
    if key not in allowed:
        raise InputError(f'C can be made of {cell!r} with the options {", ".join(allowed) or "(none)"}. Got {key!r}')
    kind = allowed[key]
    if isinstance(kind, tuple):
        good = value in kind
    elif kind is int:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    elif kind is float:
        good = isinstance(value, float | int) and not isinstance(value, bool) and value >= 0
    else:
        good = kind is None or isinstance(value, kind)
    if not good:
        wanted = ', '.join(kind) if isinstance(kind, tuple) else f'of type {kind.__name__}'
        raise InputError(f'{key} of {cell!r} must be {wanted}. Got {short(value)}')
