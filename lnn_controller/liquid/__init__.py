"""
The networks: wirings, cells (LTC, CfC, NCP-wired CfC, mixed memory, D-LinOSS, baselines), sequences of them, their
training on series; PyTorch.

Every cell is ``y, hx = cell(x, hx, dt)`` with one flat state and exports to ONNX; nothing here is needed to drive.
"""

from lnn_controller.liquid.cell import Cell, CellStep
from lnn_controller.liquid.cells import CELLS, cell_options, make_cell
from lnn_controller.liquid.convert import from_ncps, wiring_from_ncps
from lnn_controller.liquid.sequence import Sequence
from lnn_controller.liquid.series import Series, forecasting
from lnn_controller.liquid.training import Fitted, fit, units_for
from lnn_controller.liquid.wiring import Wiring
from lnn_controller.liquid.wirings import auto_ncp, fully_connected, ncp, random_wiring

__all__ = [
    'CELLS',
    'Cell',
    'CellStep',
    'Fitted',
    'Sequence',
    'Series',
    'Wiring',
    'auto_ncp',
    'cell_options',
    'fit',
    'forecasting',
    'from_ncps',
    'fully_connected',
    'make_cell',
    'ncp',
    'random_wiring',
    'units_for',
    'wiring_from_ncps',
]
