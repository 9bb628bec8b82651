"""What every recurrent cell of this package shares: one signature, one flat state, and work hoisted out of the loop."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lnn_controller.errors import InputError
from lnn_controller.settings import check_number

__all__ = ['Cell', 'CellStep', 'column', 'inverse_softplus', 'lecun_tanh', 'xavier_']


class CellStep(NamedTuple):
    """
    What one step of a cell gives.

    :param y: motor outputs, (B, O)
    :param hx: state after the step, (B, S)
    :param neurons: the neurons' states after the step, (B, N)
    :param time_constants: effective time constants during the step, network time, (B, N); None where the cell has none
    """

    y: Tensor
    hx: Tensor
    neurons: Tensor
    time_constants: Tensor | None


class Cell(nn.Module):
    """
    A recurrent cell over irregular time: ``y, hx = cell(x, hx, dt)``.

    A subclass splits its step so that :meth:`unroll` can do each part as rarely as possible: :meth:`prepare` once per
    sequence (what depends on weights alone), :meth:`project` once for all time steps (what depends on the inputs
    alone), :meth:`advance` at each step. One that need not go step by step overrides :meth:`unroll`.

    ``dt`` is in network time, about 1 per tick; a network multiplies the real Δt by its time scale.
    """

    units: int  #: number of basis neurons, N
    input_size: int  #: I
    output_size: int  #: O, the motor neurons
    state_size: int  #: S, one flat tensor whatever the cell keeps

    def __init__(self, input_size: int, units: int, outputs: int | None, state_size: int | None = None) -> None:
        super().__init__()
        self.input_size: int = check_number('input_size', input_size, whole=True, minimum=1)
        self.units: int = check_number('units', units, whole=True, minimum=1)
        self.output_size: int = check_number('outputs', units if outputs is None else outputs, whole=True, minimum=1)
        if self.output_size > units:
            raise InputError(f'a cell has at most as many outputs as neurons ({units}). Got {outputs}; raise units')
        self.state_size = units if state_size is None else state_size

    def prepare(self) -> tuple[Tensor, ...]:
        """
        Compute what depends on the weights alone.

        :returns: tensors to hand to :meth:`advance`, valid as long as the weights do not change
        """
        return ()

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        """
        Compute what depends on the input alone, for one step or for many at once.

        :param x: inputs, (..., I)
        :returns: tensors (..., ·) to hand to :meth:`advance` step by step
        :raises NotImplementedError: in this base class
        """
        raise NotImplementedError

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        """
        Advance the state by one step.

        :param prepared: from :meth:`prepare`
        :param projected: from :meth:`project`, this step's slice, (B, ·)
        :param hx: state before the step, (B, S)
        :param dt: time since the last step in network time, > 0, (B, 1) or (1, 1)
        :returns: state after the step, (B, S)
        :raises NotImplementedError: in this base class
        """
        raise NotImplementedError

    def observe(
        self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """
        Advance the state by one step as :meth:`advance` does, and return the time constants that ruled the step.

        :param prepared: from :meth:`prepare`
        :param projected: from :meth:`project`, this step's slice, (B, ·)
        :param hx: state before the step, (B, S)
        :param dt: time since the last step in network time, > 0, (B, 1) or (1, 1)
        :returns: state after the step (B, S); (B, N) in network time, or None for a cell without time constants
        """
        return self.advance(prepared, projected, hx, dt), None

    def unroll(self, x: Tensor, dt: Tensor, hx: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """
        Advance over whole sequences; equal to :meth:`advance` step by step.

        :param x: inputs, (B, T, I)
        :param dt: time since the step before in network time, > 0, (B, T, 1) or (1, 1, 1)
        :param hx: state before the first step, (B, S)
        :param valid: which steps count, the first ones of each sequence, bool, (B, T, 1); the others keep the state
        :returns: the neurons' states after each step, (B, T, N), anything where a step does not count; the state after
            the last step that counts, (B, S)
        """
        prepared = self.prepare()
        projected = [p.unbind(1) for p in self.project(x)]
        keep = None if valid is None else valid.unbind(1)
        states = []
        for t, dt_t in enumerate(dt.expand(-1, x.shape[1], -1).unbind(1)):
            new = self.advance(prepared, tuple(p[t] for p in projected), hx, dt_t)
            hx = new if keep is None else torch.where(keep[t], new, hx)
            states.append(hx)
        return self.neurons(torch.stack(states, dim=1)), hx

    def output(self, hx: Tensor) -> Tensor:
        """
        Read the motor neurons.

        :param hx: states, (..., S), or the neurons' alone, (..., N), which stand first in them
        :returns: (..., O)
        """
        return hx[..., : self.output_size]

    def neurons(self, hx: Tensor) -> Tensor:
        """
        Read the neurons' states: motor, then command, then inter. This is the basis for a readout.

        :param hx: states, (..., S)
        :returns: (..., N)
        """
        return hx[..., : self.units]

    def initial_state(
        self, batch: int, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Tensor:
        """
        Return the state to start from: zeros.

        :param batch: B
        :param device: None for the weights' device
        :param dtype: None for the weights' type
        :returns: (B, S)
        """
        weight = next(self.parameters())
        return torch.zeros(batch, self.state_size, device=device or weight.device, dtype=dtype or weight.dtype)

    def forward(self, x: Tensor, hx: Tensor, dt: Tensor | float) -> tuple[Tensor, Tensor]:
        """
        Advance by one step.

        :param x: inputs, (B, I)
        :param hx: state before the step, (B, S)
        :param dt: time since the last step in network time, > 0, (B,), (B, 1) or a number
        :returns: motor outputs (B, O); state after the step (B, S)
        :raises ValueError: if ``dt`` has another shape
        """
        hx = self.advance(self.prepare(), self.project(x), hx, column(dt, x))
        return self.output(hx), hx

    def step(self, x: Tensor, hx: Tensor, dt: Tensor | float) -> CellStep:
        """
        Advance by one step and give everything that can be read from it, computed once: this is what to export.

        :param x: inputs, (B, I)
        :param hx: state before the step, (B, S)
        :param dt: time since the last step in network time, > 0, (B,), (B, 1) or a number
        :returns: motor outputs, state after the step, the neurons' states, their time constants
        :raises ValueError: if ``dt`` has another shape
        """
        hx, tau = self.observe(self.prepare(), self.project(x), hx, column(dt, x))
        return CellStep(self.output(hx), hx, self.neurons(hx), tau)

    def time_constants(self, x: Tensor, hx: Tensor, dt: Tensor | float) -> Tensor | None:
        """
        Compute each neuron's effective time constant for the step that starts at ``hx``.

        LTC: τ = c / (g + Σ w σ(·) + S_d). CfC: see
        :meth:`~lnn_controller.liquid.cfc.ClosedForm.time_constants`. CT-RNN: as trained.

        :param x: inputs, (B, I)
        :param hx: state before the step, (B, S)
        :param dt: time since the last step in network time, > 0, (B,), (B, 1) or a number
        :returns: (B, N) in network time, or None for a cell without time constants
        :raises ValueError: if ``dt`` has another shape
        """
        return self.observe(self.prepare(), self.project(x), hx, column(dt, x))[1]


def column(dt: Tensor | float, x: Tensor) -> Tensor:
    """
    Shape time steps so that they can only broadcast over the neurons, never be mistaken for them.

    A bare (B,) next to (B, N) would be wrong in silence when B = N, ncps' issues 81 to 83.

    :param dt: (B,), (B, 1) or a number
    :param x: anything of batch B, for B, device and type, (B, ...)
    :returns: (B, 1) or (1, 1)
    :raises ValueError: if ``dt`` has another shape
    """
    if not isinstance(dt, Tensor):
        return x.new_full((1, 1), float(dt))
    result = dt.reshape(-1, 1) if dt.dim() < 2 else dt
    if result.dim() != 2 or result.shape[1] != 1 or (result.shape[0] != 1 and result.shape[0] != x.shape[0]):
        raise ValueError(f'dt must be a number, (B,) or (B, 1) with B = {x.shape[0]}. Got {tuple(dt.shape)}')
    return result


def inverse_softplus(value: Tensor) -> Tensor:
    """
    Invert softplus, so that a positive quantity can start at, or be taken over with, an exact value.

    :param value: ≥ 0, any shape; below 1e-12 it is taken as 1e-12, as softplus never reaches 0
    :returns: r with softplus(r) = value
    """
    value = value.clamp_min(1e-12)
    return value + torch.log(-torch.expm1(-value))


def lecun_tanh(x: Tensor) -> Tensor:
    """
    Apply LeCun's scaled tanh, 1.7159 tanh(0.666 x), the CfC paper's backbone activation.

    :param x: any shape
    :returns: the same shape
    """
    return 1.7159 * torch.tanh(0.666 * x)


def xavier_(weight: Tensor, fan_in: int, fan_out: int) -> None:
    """
    Fill with Xavier-uniform numbers for fans that do not follow from the shape (masked or stacked weights).

    :param weight: filled in place
    :param fan_in: number of sources of a destination
    :param fan_out: number of destinations of a source
    """
    bound = math.sqrt(6.0 / max(fan_in + fan_out, 1))
    nn.init.uniform_(weight, -bound, bound)
