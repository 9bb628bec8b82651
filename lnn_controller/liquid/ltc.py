"""The liquid time-constant cell. Source: Hasani et al., *Liquid Time-constant Networks*, AAAI 2021."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lnn_controller.errors import InputError
from lnn_controller.liquid.cell import Cell, inverse_softplus
from lnn_controller.liquid.wiring import Matrix, Wiring
from lnn_controller.settings import check_number

__all__ = ['LTC']

MAPPINGS = ('affine', 'linear', 'none')
# Numbers in the matrices that the synapses make, 400 MB: core.onnx holds them, and a bundle's file ends at 500 MB.
MOST_NUMBERS = 100_000_000


class Synapses(nn.Module):
    """
    Conductance synapses from one group of cells onto another: one set of parameters per synapse that exists.

    A synapse k passes w σ(s (v − μ)) and pulls towards its reversal potential E. The sums over the synapses of each
    neuron are two small matrix products, so that the cost follows the number of synapses, not of pairs.

    :param adjacency: [source, destination] polarity, (P, N)
    """

    src: Tensor
    dst: Tensor

    def __init__(self, adjacency: Matrix) -> None:
        super().__init__()
        src, dst = np.nonzero(adjacency)
        self.sources, self.destinations = adjacency.shape
        count = len(src)
        self.register_buffer('src', torch.from_numpy(src), persistent=False)
        self.register_buffer('dst', torch.from_numpy(dst), persistent=False)
        self.w_raw = nn.Parameter(inverse_softplus(torch.empty(count).uniform_(0.001, 1.0)))
        self.sigma = nn.Parameter(torch.empty(count).uniform_(3.0, 8.0))
        self.mu = nn.Parameter(torch.empty(count).uniform_(0.3, 0.8))
        self.erev = nn.Parameter(torch.from_numpy(adjacency[src, dst]).to(self.mu.dtype))

    @property
    def w(self) -> Tensor:
        """Maximum conductances, positive by construction, (M,)."""
        return F.softplus(self.w_raw)

    def prepare(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return −s μ (M,), s placed at (source, synapse) (P, M), w E beside w at (synapse, destination) (M, 2N)."""
        count = self.src.shape[0]
        synapse = torch.arange(count, device=self.src.device)
        w = self.w
        spread = w.new_zeros(self.sources, count).index_put((self.src, synapse), self.sigma)
        gather = w.new_zeros(count, 2 * self.destinations)
        gather = gather.index_put((synapse, self.dst), w * self.erev)
        gather = gather.index_put((synapse, self.dst + self.destinations), w)
        return -self.sigma * self.mu, spread, gather


def conduct(v: Tensor, offset: Tensor, spread: Tensor, gather: Tensor) -> Tensor:
    """
    Sum the synaptic currents and conductances into each neuron.

    :param v: potentials of the sources, (B, P)
    :param offset: −s μ of each synapse, (M,), from :meth:`Synapses.prepare` as the next two
    :param spread: s at (source, synapse), (P, M)
    :param gather: w E beside w, at (synapse, destination), (M, 2N)
    :returns: Σ w σ(s (v − μ)) E, then Σ w σ(s (v − μ)), (B, 2N)
    """
    return torch.sigmoid(torch.addmm(offset, v, spread)) @ gather


class LTC(Cell):
    """
    A liquid time-constant cell, solved by L steps of fused semi-implicit Euler.

    With δ = Δt / L, synaptic sums S over the wiring, and leak g towards e:
    v ← (c/δ v + g e + Σ w σ(s (v − μ)) E + S_n) / (c/δ + g + Σ w σ(·) + S_d + ε), L times per step.
    c, g and all w are softplus of what is trained, so they stay positive without any call. The effective time constant
    is τ = c / (g + Σ w σ(·) + S_d): it moves with the input, which is what "liquid" means.

    :param wiring: who talks to whom; its motor neurons are the outputs
    :param ode_unfolds: L, solver steps per step
    :param input_mapping: 'affine' (w x + b per input), 'linear' or 'none'
    :param output_mapping: the same for the motor neurons
    :param init_time_constant: scale the initial capacitances so that the neurons' time constants, with every synapse
        half open, have this median (network time); None: c ~ U(.4, .6) as published, which makes them 0.1 to 0.5
    :param epsilon: keeps the division finite
    :raises InputError: if an option is out of range, or the wiring has too many synapses to be two matrices
    """

    def __init__(
        self,
        wiring: Wiring,
        *,
        ode_unfolds: int = 6,
        input_mapping: str = 'affine',
        output_mapping: str = 'affine',
        init_time_constant: float | None = None,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(wiring.input_dim, wiring.units, wiring.output_dim)
        self.ode_unfolds: int = check_number('ode_unfolds', ode_unfolds, whole=True, minimum=1, maximum=10_000)
        self.epsilon: float = check_number('epsilon', epsilon, minimum=0.0)
        self._roles = wiring.roles
        matrices = wiring.adjacency, wiring.sensory_adjacency
        numbers = sum(np.count_nonzero(m) * (m.shape[0] + 2 * m.shape[1]) for m in matrices)
        if numbers > MOST_NUMBERS:
            raise InputError(
                f'the synapses of an LTC must take at most {4e-6 * MOST_NUMBERS:g} MB. Got {4e-6 * numbers:.0f} MB for '
                f'{self.units} neurons and {self.input_size} inputs: take fewer, a sparser wiring or another cell'
            )
        self.sensory = Synapses(wiring.sensory_adjacency)
        self.neural = Synapses(wiring.adjacency)
        self.gleak_raw = nn.Parameter(inverse_softplus(torch.empty(self.units).uniform_(0.001, 1.0)))
        self.vleak = nn.Parameter(torch.empty(self.units).uniform_(-0.2, 0.2))
        cm = torch.empty(self.units).uniform_(0.4, 0.6)
        if init_time_constant is not None:
            cm *= init_time_constant / self._typical_time_constant(cm, init_time_constant)
        self.cm_raw = nn.Parameter(inverse_softplus(cm))
        self.input_w, self.input_b = _mapping('input_mapping', input_mapping, self.input_size)
        self.output_w, self.output_b = _mapping('output_mapping', output_mapping, self.output_size)

    @property
    def gleak(self) -> Tensor:
        """Leak conductances g, positive by construction, (N,)."""
        return F.softplus(self.gleak_raw)

    @property
    def cm(self) -> Tensor:
        """Membrane capacitances c, positive by construction, (N,)."""
        return F.softplus(self.cm_raw)

    @property
    def wiring(self) -> Wiring:
        """The wiring with the polarities as they are now: training may flip the sign of a reversal potential E."""
        return Wiring(_polarity(self.neural), _polarity(self.sensory), self._roles)

    def prepare(self) -> tuple[Tensor, ...]:
        gleak = self.gleak
        base = torch.cat([gleak * self.vleak, gleak])
        return (self.cm, base, *self.neural.prepare())

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        u = x if self.input_w is None else x * self.input_w
        u = u if self.input_b is None else u + self.input_b
        sums = conduct(u.reshape(-1, self.input_size), *self.sensory.prepare())
        return (sums.reshape(*x.shape[:-1], 2 * self.units),)

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        cm, base, offset, spread, gather = prepared
        rate = cm * self.ode_unfolds / dt
        numerator, denominator = (projected[0] + base).chunk(2, dim=1)
        # Both sums in one tensor: c/δ joins the denominator once, c/δ v the numerator at each solver step.
        constant = torch.cat([numerator, denominator + rate + self.epsilon], dim=1)
        for _ in range(self.ode_unfolds):
            sums = torch.addmm(constant, torch.sigmoid(torch.addmm(offset, hx, spread)), gather)
            top, bottom = sums.chunk(2, dim=1)
            hx = torch.addcmul(top, rate, hx) / bottom
        return hx

    def output(self, hx: Tensor) -> Tensor:
        y = hx[..., : self.output_size]
        y = y if self.output_w is None else y * self.output_w
        return y if self.output_b is None else y + self.output_b

    def observe(
        self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        cm, base, offset, spread, gather = prepared
        conductance = (projected[0] + base + conduct(hx, offset, spread, gather))[:, self.units :]
        return self.advance(prepared, projected, hx, dt), cm / conductance

    @torch.no_grad()
    def _typical_time_constant(self, cm: Tensor, wanted: float) -> float:
        if not wanted > 0:
            raise InputError(f'init_time_constant must be above 0 (network time). Got {wanted!r}')
        conductance = self.gleak.clone()
        for synapses in (self.sensory, self.neural):
            conductance.index_add_(0, synapses.dst, 0.5 * synapses.w)
        return float((cm / conductance).median())


def _mapping(name: str, kind: str, size: int) -> tuple[nn.Parameter | None, nn.Parameter | None]:
    if kind not in MAPPINGS:
        raise InputError(f'{name} must be one of {MAPPINGS}. Got {kind!r}')
    w = nn.Parameter(torch.ones(size)) if kind != 'none' else None
    b = nn.Parameter(torch.zeros(size)) if kind == 'affine' else None
    return w, b


def _polarity(synapses: Synapses) -> Matrix:
    matrix = np.zeros((synapses.sources, synapses.destinations), np.int8)
    matrix[synapses.src.cpu().numpy(), synapses.dst.cpu().numpy()] = np.where(synapses.erev.detach().cpu() < 0, -1, 1)
    return matrix
