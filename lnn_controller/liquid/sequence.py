"""A cell over whole sequences: irregular time steps, padding, and no more work inside the loop than must be."""

from typing import Literal, overload

import torch
from torch import Tensor, nn

from lnn_controller.liquid.cell import Cell, column

__all__ = ['Sequence']


class Sequence(nn.Module):
    """
    Run a cell over sequences; equal to calling the cell step by step.

    :param cell: any cell of this package
    :param readout: applied to the motor outputs at the end, e.g. a linear map; None: the outputs as they are
    """

    def __init__(self, cell: Cell, readout: nn.Module | None = None) -> None:
        super().__init__()
        self.cell = cell
        self.readout = readout

    @overload
    def forward(
        self, x: Tensor, dt: Tensor | float, hx: Tensor | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]: ...

    @overload
    def forward(
        self,
        x: Tensor,
        dt: Tensor | float,
        hx: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
        return_neurons: Literal[True],
    ) -> tuple[Tensor, Tensor, Tensor]: ...

    def forward(
        self,
        x: Tensor,
        dt: Tensor | float,
        hx: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
        return_neurons: bool = False,
    ) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]:
        """
        Run over a batch of sequences.

        What lies in the padding (NaN included) touches neither states nor gradients; outputs and neurons there are 0.

        :param x: inputs, (B, T, I)
        :param dt: time since the step before in network time, > 0, (B, T), (B, T, 1) or a number
        :param hx: state before the first step, (B, S); None: the cell's initial state
        :param lengths: valid steps of each sequence, 0 to T, (B,); None: all T
        :param return_neurons: whether to give the neurons' states too
        :returns: outputs (B, T, O); state after each sequence's last valid step (B, S); with ``return_neurons`` also
            the neurons' states at every step (B, T, N)
        :raises ValueError: if a shape does not fit
        """
        if x.dim() != 3 or x.shape[1] < 1 or x.shape[2] != self.cell.input_size:
            raise ValueError(f'x must be (B, T ≥ 1, {self.cell.input_size}). Got {tuple(x.shape)}')
        batch, steps, _ = x.shape
        dt = _time_steps(dt, x)
        valid = None
        if lengths is not None:
            if lengths.shape != (batch,):
                raise ValueError(f'lengths must be ({batch},), one for each sequence. Got {tuple(lengths.shape)}')
            valid = (torch.arange(steps, device=x.device) < lengths.to(x.device)[:, None]).unsqueeze(-1)
            # Overwritten, not multiplied: a NaN in the padding times 0 would still be NaN in the gradient.
            x = torch.where(valid, x, 0.0)
            dt = torch.where(valid, dt, 1.0)
        hx = self.cell.initial_state(batch, device=x.device, dtype=x.dtype) if hx is None else hx
        neurons, last = self.cell.unroll(x, dt, hx, valid)
        y = self.cell.output(neurons)
        y = y if self.readout is None else self.readout(y)
        if valid is not None:
            y, neurons = torch.where(valid, y, 0.0), torch.where(valid, neurons, 0.0)
        return (y, last, neurons) if return_neurons else (y, last)


def _time_steps(dt: Tensor | float, x: Tensor) -> Tensor:
    """Shape time steps as (B, T, 1) or (1, 1, 1)."""
    if not isinstance(dt, Tensor) or dt.dim() == 0:
        return column(dt, x).unsqueeze(1)
    result = dt.unsqueeze(-1) if dt.dim() == 2 else dt
    if result.shape != (*x.shape[:2], 1):
        raise ValueError(f'dt must be a number, {tuple(x.shape[:2])} or {(*x.shape[:2], 1)}. Got {tuple(dt.shape)}')
    return result
