"""
Mixed memory: an LSTM keeps the long-term memory, the liquid cell then rewrites its output over real time.

Source: Lechner and Hasani, *Learning long-term dependencies in irregularly-sampled time series*, 2020.
"""

import torch
from torch import Tensor

from lnn_controller.errors import InputError
from lnn_controller.liquid.baselines import LSTM
from lnn_controller.liquid.cell import Cell
from lnn_controller.liquid.cfc import CfC
from lnn_controller.liquid.ltc import LTC
from lnn_controller.liquid.ncp_cfc import NcpCfC

__all__ = ['MixedMemory']


class MixedMemory(Cell):
    """
    An LSTM in front of a liquid cell: (h, c) = LSTM(x, (h, c)), then h = cell(x, h, Δt).

    It answers the liquid networks' known trouble with long-term dependencies: c passes through time unscaled by Δt.
    The LSTM does not see Δt; the liquid cell does. The state is h, then c, side by side.

    :param cell: an LTC, CfC or NcpCfC, whose state is its neurons alone
    :raises InputError: if the cell is another
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.input_size, cell.units, cell.output_size, state_size=2 * cell.units)
        if not isinstance(cell, LTC | CfC | NcpCfC):
            raise InputError(f'mixed memory goes around ltc, cfc or ncp_cfc. Got {type(cell).__name__}')
        self.cell = cell
        self.lstm = LSTM(cell.input_size, cell.units, elapsed_time=False)

    def prepare(self) -> tuple[Tensor, ...]:
        return (*self.lstm.prepare(), *self.cell.prepare())

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        return (*self.lstm.project(x), *self.cell.project(x))

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        h, c = self.lstm.remember(prepared[:1], projected[:1], hx, dt)
        return torch.cat([self.cell.advance(prepared[1:], projected[1:], h, dt), c], dim=1)

    def output(self, hx: Tensor) -> Tensor:
        return self.cell.output(self.neurons(hx))

    def observe(
        self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        h, c = self.lstm.remember(prepared[:1], projected[:1], hx, dt)
        h, tau = self.cell.observe(prepared[1:], projected[1:], h, dt)
        return torch.cat([h, c], dim=1), tau
