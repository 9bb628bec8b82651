"""The cells that liquid networks are compared with: LSTM, GRU, CT-RNN and a feed-forward layer without memory."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lnn_controller.errors import InputError
from lnn_controller.liquid.cell import Cell, inverse_softplus, xavier_

__all__ = ['CTRNN', 'GRU', 'LSTM', 'FeedForward']


class _Gated(Cell):
    """Maps shared by the LSTM and the GRU; Δt can enter as one more input, so that the comparison is fair."""

    def __init__(
        self, gates: int, input_size: int, units: int, outputs: int | None, state_size: int, elapsed_time: bool
    ) -> None:
        super().__init__(input_size, units, outputs, state_size)
        self.input_map = nn.Linear(input_size, gates * units)
        self.recurrent_map = nn.Linear(units, gates * units, bias=False)
        xavier_(self.input_map.weight, input_size, gates * units)
        nn.init.uniform_(self.input_map.bias, -0.1, 0.1)
        nn.init.orthogonal_(self.recurrent_map.weight)
        self.time_map = nn.Parameter(torch.empty(gates * units)) if elapsed_time else None
        if self.time_map is not None:
            xavier_(self.time_map, input_size, gates * units)

    def prepare(self) -> tuple[Tensor, ...]:
        return (self.recurrent_map.weight.t(),)

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.input_map(x),)

    def _with_time(self, projected: Tensor, dt: Tensor) -> Tensor:
        return projected if self.time_map is None else torch.addcmul(projected, dt, self.time_map)

    def _fused(
        self,
        kernel: Callable[..., tuple[Tensor, ...]],
        order: tuple[int, ...],
        state_bias: Tensor,
        x: Tensor,
        dt: Tensor,
        hx: Tensor,
        valid: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """
        Advance over whole sequences as :meth:`unroll` does, in PyTorch's own kernel.

        :param kernel: ``torch.lstm`` or ``torch.gru``
        :param order: which gate of ours stands where PyTorch has its gates
        :param state_bias: what is added to the sums over the states, in our order, (gates · N,)
        :param x: (B, T, I)
        :param dt: (B, T, 1) or (1, 1, 1)
        :param hx: (B, S)
        :param valid: (B, T, 1) or None
        :returns: neurons (B, T, N); last state (B, S)
        """
        batch, steps = x.shape[:2]
        weight = self.input_map.weight
        if self.time_map is not None:  # Δt is one more input
            x = torch.cat([x, dt.expand(batch, steps, 1)], dim=2)
            weight = torch.cat([weight, self.time_map[:, None]], dim=1)
        rows = [each.chunk(len(order)) for each in (weight, self.recurrent_map.weight, self.input_map.bias, state_bias)]
        weights = [torch.cat([gates[gate] for gate in order]) for gates in rows]
        # A step at least: the kernels take no empty sequence.
        lengths = torch.full((batch,), steps) if valid is None else valid.sum((1, 2)).clamp_min(1).cpu()
        data, sizes, there, back = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        parts = [each.contiguous() for each in hx[there].unsqueeze(0).chunk(self.state_size // self.units, dim=2)]
        start = parts if len(parts) > 1 else parts[0]
        states, *last = kernel(data, sizes, start, weights, True, 1, 0.0, self.training, False)
        packed = PackedSequence(states, sizes, there, back)
        neurons, _ = pad_packed_sequence(packed, batch_first=True, total_length=steps)
        end = torch.cat([each[0] for each in last], dim=1)[back]
        return neurons, end if valid is None else torch.where(valid[:, 0], end, hx)


class LSTM(_Gated):
    """
    Long short-term memory with forget bias +1. The state is h, then c, side by side.

    :param input_size: number of inputs, I
    :param units: number of neurons, N
    :param outputs: the first so many neurons are the outputs; None: all
    :param elapsed_time: whether Δt is one more input (an "augmented LSTM"); without it Δt is ignored
    """

    def __init__(self, input_size: int, units: int, outputs: int | None = None, *, elapsed_time: bool = True) -> None:
        super().__init__(4, input_size, units, outputs, 2 * units, elapsed_time)

    def remember(
        self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor]:
        """
        Advance by one step, as :meth:`advance` does, with the state in its two parts.

        :param prepared: from :meth:`prepare`
        :param projected: from :meth:`project`
        :param hx: state before the step, (B, 2 N)
        :param dt: (B, 1) or (1, 1)
        :returns: h and c after the step, (B, N) each
        """
        h, c = hx.chunk(2, dim=1)
        z = torch.addmm(self._with_time(projected[0], dt), h, prepared[0])
        candidate, keep_in, forget, keep_out = z.chunk(4, dim=1)
        c = c * torch.sigmoid(forget + 1.0) + torch.tanh(candidate) * torch.sigmoid(keep_in)
        return torch.tanh(c) * torch.sigmoid(keep_out), c

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        return torch.cat(self.remember(prepared, projected, hx, dt), dim=1)

    def unroll(self, x: Tensor, dt: Tensor, hx: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        forget = torch.zeros(4, self.units, dtype=x.dtype, device=x.device)
        forget[2] = 1.0
        # PyTorch's gates: in, forget, candidate, out.
        return self._fused(torch.lstm, (1, 2, 0, 3), forget.flatten(), x, dt, hx, valid)


class GRU(_Gated):
    """
    Gated recurrent unit, with the reset gate after the recurrent map as in cuDNN and PyTorch.

    :param input_size: number of inputs, I
    :param units: number of neurons, N
    :param outputs: the first so many neurons are the outputs; None: all
    :param elapsed_time: whether Δt is one more input; without it Δt is ignored
    """

    def __init__(self, input_size: int, units: int, outputs: int | None = None, *, elapsed_time: bool = True) -> None:
        super().__init__(3, input_size, units, outputs, units, elapsed_time)
        self.candidate_bias = nn.Parameter(torch.zeros(units))

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        reset_x, update_x, candidate_x = self._with_time(projected[0], dt).chunk(3, dim=1)
        reset_h, update_h, candidate_h = (hx @ prepared[0]).chunk(3, dim=1)
        reset = torch.sigmoid(reset_x + reset_h)
        update = torch.sigmoid(update_x + update_h)
        candidate = torch.tanh(candidate_x + reset * (candidate_h + self.candidate_bias))
        return torch.addcmul(candidate, update, hx - candidate)

    def unroll(self, x: Tensor, dt: Tensor, hx: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        bias = torch.cat([self.candidate_bias.new_zeros(2 * self.units), self.candidate_bias])
        return self._fused(torch.gru, (0, 1, 2), bias, x, dt, hx, valid)


class CTRNN(Cell):
    """
    Continuous-time RNN, τ dh/dt = −h + tanh(W x + U h + b), with a trained time constant τ for each neuron.

    Solved with the drive held over Δt, where the leak is exact: h' = f + (h − f) exp(−Δt / τ).
    Source: Funahashi and Nakamura, *Approximation of dynamical systems by continuous time recurrent neural networks*,
    Neural Networks 1993.

    :param input_size: number of inputs, I
    :param units: number of neurons, N
    :param outputs: the first so many neurons are the outputs; None: all
    :param init_time_constant: initial time constants lie from half to twice this, evenly on a log scale (network time)
    :raises InputError: if ``init_time_constant`` is not above 0
    """

    def __init__(
        self, input_size: int, units: int, outputs: int | None = None, *, init_time_constant: float = 1.0
    ) -> None:
        super().__init__(input_size, units, outputs)
        if not init_time_constant > 0:
            raise InputError(f'init_time_constant must be above 0 (network time). Got {init_time_constant!r}')
        self.input_map = nn.Linear(input_size, units)
        self.recurrent_map = nn.Linear(units, units, bias=False)
        nn.init.xavier_uniform_(self.input_map.weight)
        nn.init.orthogonal_(self.recurrent_map.weight)
        spread = torch.logspace(-math.log10(2.0), math.log10(2.0), units)[torch.randperm(units)]
        self.tau_raw = nn.Parameter(inverse_softplus(init_time_constant * spread))

    @property
    def tau(self) -> Tensor:
        """Time constants, positive by construction, network time, (N,)."""
        return F.softplus(self.tau_raw)

    def prepare(self) -> tuple[Tensor, ...]:
        return self.recurrent_map.weight.t(), -1.0 / self.tau

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.input_map(x),)

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        weight, decay = prepared
        f = torch.tanh(torch.addmm(projected[0], hx, weight))
        return torch.addcmul(f, hx - f, torch.exp(decay * dt))

    def observe(
        self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        # Neither input nor state moves them, which is why this cell is not liquid.
        return self.advance(prepared, projected, hx, dt), self.tau.expand(hx.shape[0], -1)


class FeedForward(Cell):
    """
    No memory: h' = tanh(W x + b), whatever the state was. What a network can do without any.

    The "state" holds the neurons' values, so that every cell gives its neurons in the same way and exports with the
    same inputs and outputs (a state of size 0 or 1 would make an exception of this one).

    :param input_size: number of inputs, I
    :param units: number of neurons, N
    :param outputs: the first so many neurons are the outputs; None: all
    """

    def __init__(self, input_size: int, units: int, outputs: int | None = None) -> None:
        super().__init__(input_size, units, outputs)
        self.input_map = nn.Linear(input_size, units)
        nn.init.xavier_uniform_(self.input_map.weight)

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        return (torch.tanh(self.input_map(x)),)

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        return projected[0]
