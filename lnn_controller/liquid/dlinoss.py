"""
Damped linear oscillators: a modern state-space cell that is stable for every Δt, by construction.

Source: Boyer, Rusch and Rus, *Learning to dissipate energy in oscillatory state-space models* (D-LinOSS), 2025, arXiv
2505.12171; after Rusch and Rus, *Oscillatory state-space models* (LinOSS), ICLR 2025.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lnn_controller.liquid.cell import Cell, inverse_softplus

__all__ = ['LEAST_DAMPING', 'DLinOSS']

#: the slowest decay that an oscillator can learn, network time⁻¹: nothing is remembered longer than some 1,000 units
LEAST_DAMPING = 1e-3


class DLinOSS(Cell):
    r"""
    N damped oscillators, driven by the input, and a nonlinear reading of them: D-LinOSS with an exact step.

    Each oscillator is D-LinOSS's x'' = −A x − G x' + B u, underdamped: G = 2α, A = \|λ\|², \|λ\|² = α² + ω², with a
    trained damping α and frequency ω. The paper steps it by an implicit-explicit scheme that is stable for a range of
    A, G and Δt; here the input is held over Δt, where the solution is exact, so that two half steps are one step. With
    w = (x' + α x) / ω and f = tanh(B u + b),

    (x, w) ← s + e^(−α Δt) R(ω Δt) ((x, w) − s), R a rotation, s = f √(2α) (ω, α) / \|λ\|².

    The force is scaled by ω √(2α), so that noise moves every oscillator alike, whatever its damping (as the LRU's γ
    does: Orvieto et al., *Resurrecting recurrent neural networks for long sequences*, ICML 2023). A neuron is
    tanh(C [x, w] + D ⊙ f + c): the nonlinearity that follows a layer in the paper.

    Hence, for any weights, inputs and time steps: ‖(x, w)‖ ≤ ‖(x₀, w₀)‖ + √(2/α); the state after a step depends on
    that before by a Jacobian of norm e^(−α Δt) < 1, on the drive f by at most √(2α) Δt. Nothing explodes, with no
    clipping. The recurrence is linear, so a sequence is a scan: log₂ T passes in place of T steps. The state is the
    neurons, then x, then w, side by side.

    :param input_size: number of inputs, I
    :param units: number of neurons and of oscillators, N
    :param outputs: the first so many neurons are the outputs; None: all
    """

    def __init__(self, input_size: int, units: int, outputs: int | None = None) -> None:
        super().__init__(input_size, units, outputs, state_size=3 * units)
        self.input_map = nn.Linear(input_size, units)
        self.reading_map = nn.Linear(2 * units, units)
        self.skip = nn.Parameter(torch.ones(units))
        for layer in (self.input_map, self.reading_map):
            nn.init.xavier_uniform_(layer.weight)
        # As in the paper: over one unit of time eigenvalues fill a ring, radius 0.9 to 1, angle 0 to π.
        radius = torch.empty(units).uniform_(0.9**2, 1.0).sqrt()
        self.alpha_raw = nn.Parameter(inverse_softplus(-radius.log() - LEAST_DAMPING))
        self.omega_raw = nn.Parameter(inverse_softplus(torch.empty(units).uniform_(0.0, math.pi)))

    @property
    def alpha(self) -> Tensor:
        """Damping of each oscillator, above :data:`LEAST_DAMPING` by construction, network time⁻¹, (N,)."""
        return LEAST_DAMPING + F.softplus(self.alpha_raw)

    @property
    def omega(self) -> Tensor:
        """Frequency of each oscillator, positive by construction, rad per network time, (N,)."""
        return F.softplus(self.omega_raw)

    def prepare(self) -> tuple[Tensor, ...]:
        alpha, omega = self.alpha, self.omega
        scale = (2.0 * alpha).sqrt() / (alpha.square() + omega.square())
        return alpha, omega, scale * omega, scale * alpha

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        return (torch.tanh(self.input_map(x)),)

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        alpha, omega, gain_x, gain_w = prepared
        drive = projected[0]
        _, x, w = hx.chunk(3, dim=1)
        rest_x, rest_w = gain_x * drive, gain_w * drive
        decay, angle = torch.exp(-alpha * dt), omega * dt
        along, across = decay * torch.cos(angle), decay * torch.sin(angle)
        x, w = x - rest_x, w - rest_w
        x, w = rest_x + along * x + across * w, rest_w + along * w - across * x
        return torch.cat([self._read(x, w, drive), x, w], dim=1)

    def observe(
        self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        # An oscillator forgets within 1 / α, whatever comes in.
        return self.advance(prepared, projected, hx, dt), (1.0 / prepared[0]).expand(hx.shape[0], -1)

    def unroll(self, x: Tensor, dt: Tensor, hx: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        alpha, omega, gain_x, gain_w = self.prepare()
        (drive,) = self.project(x)
        dt = dt.expand(-1, x.shape[1], -1)
        # Over no time nothing happens: the padding leaves the oscillators as they are.
        dt = dt if valid is None else torch.where(valid, dt, 0.0)
        neurons, x_0, w_0 = hx.chunk(3, dim=1)
        factor = torch.polar(torch.exp(-alpha * dt), -omega * dt)
        rest = torch.complex(gain_x * drive, gain_w * drive)
        state = _scan(factor, rest - factor * rest, torch.complex(x_0, w_0))
        read = self._read(state.real, state.imag, drive)
        last = torch.cat([read[:, -1], state.real[:, -1], state.imag[:, -1]], dim=1)
        if valid is not None:
            end = (valid.sum(1) - 1).clamp_min(0).expand(-1, self.units).unsqueeze(1)
            final = torch.where(valid[:, 0], read.gather(1, end).squeeze(1), neurons)
            last = torch.cat([final, state.real[:, -1], state.imag[:, -1]], dim=1)
        return read, last

    def _read(self, x: Tensor, w: Tensor, drive: Tensor) -> Tensor:
        return torch.tanh(self.reading_map(torch.cat([x, w], dim=-1)) + self.skip * drive)


def _scan(factor: Tensor, increment: Tensor, initial: Tensor) -> Tensor:
    """
    Solve s[t] = factor[t] s[t−1] + increment[t] for all t in ⌈log₂ T⌉ passes (Hillis and Steele, CACM 1986).

    :param factor: complex, (B or 1, T, N)
    :param increment: complex, (B, T, N)
    :param initial: s before the first step, complex, (B, N)
    :returns: s after each step, complex, (B, T, N)
    """
    first = increment[:, :1] + factor[:, :1] * initial.unsqueeze(1)
    state = torch.cat([first, increment[:, 1:]], dim=1)
    reach, steps = 1, state.shape[1]
    while reach < steps:
        # state[t] holds what the last `reach` steps brought, factor[t] how much of the state before them is left.
        state = torch.cat([state[:, :reach], state[:, reach:] + factor[:, reach:] * state[:, :-reach]], dim=1)
        factor = torch.cat([factor[:, :reach], factor[:, reach:] * factor[:, :-reach]], dim=1)
        reach *= 2
    return state
