"""Every cell and variant of the package, small and in float64, for the tests of this room."""

import torch

from lnn_controller.liquid import CELLS, make_cell

#: name → options
VARIANTS = {
    **{name: {} for name in CELLS},
    'cfc_no_gate': {'mode': 'no_gate'},
    'cfc_pure': {'mode': 'pure'},
    'cfc_deep': {'backbone_layers': 2},
    'cfc_flat': {'backbone_layers': 0},
    'cfc_mixed': {'mixed_memory': True},
    'ltc_mixed': {'mixed_memory': True},
    'ncp_cfc_mixed': {'mixed_memory': True},
    'ncp_cfc_pure': {'mode': 'pure'},
    'ncp_cfc_dense': {'layers': 'dense'},
    'ncp_cfc_self': {'self_state': True},
    'lstm_timeless': {'elapsed_time': False},
}
INPUTS, UNITS, OUTPUTS = 5, 9, 2


def build(variant, units=UNITS):
    """Make a cell in float64 with fixed weights."""
    torch.manual_seed(7)
    name = max((n for n in CELLS if variant.startswith(n)), key=len)
    return make_cell(name, input_size=INPUTS, units=units, outputs=OUTPUTS, **VARIANTS[variant]).double()
