"""Damped oscillators: exact over time, a scan that is their steps, and bounds that hold whatever the weights are."""

import math

import pytest
import torch

from lnn_controller.liquid import Sequence, make_cell
from lnn_controller.liquid.dlinoss import LEAST_DAMPING

INPUTS, UNITS, STEPS = 3, 6, 1000


def made(seed=0, *, wild=False):
    """A cell in float64; ``wild``: with weights that no training would give it."""
    torch.manual_seed(seed)
    cell = make_cell('dlinoss', input_size=INPUTS, units=UNITS, outputs=2).double()
    if wild:
        with torch.no_grad():
            for weight in cell.parameters():
                weight.add_(4.0 * torch.randn_like(weight))
            cell.alpha_raw[:3] = -50.0  # as good as undamped
    return cell


def states(cell, x, dt, hx):
    """x and w after each step, (T, B, N) each."""
    found = []
    for t in range(x.shape[1]):
        _, hx = cell(x[:, t], hx, dt[:, t])
        found.append(hx.chunk(3, dim=1)[1:])
    return torch.stack([x for x, _ in found]), torch.stack([w for _, w in found])


@pytest.mark.parametrize('dt', [0.01, 1.3, 40.0])
def test_a_step_solves_the_equation_of_the_paper(dt):
    """x'' = -A x - G x' + B u over a held input, by the matrix exponential."""
    cell = made()
    u, hx = torch.randn(1, INPUTS).double(), torch.randn(1, 3 * UNITS).double()
    new = cell(u, hx, dt)[1].detach()
    alpha, omega, *_ = (each.detach() for each in cell.prepare())
    force = (cell.project(u)[0].detach() * omega * (2 * alpha).sqrt())[0]
    for n in range(UNITS):
        x, w = hx[0, UNITS + n], hx[0, 2 * UNITS + n]
        a, g = alpha[n] ** 2 + omega[n] ** 2, 2 * alpha[n]
        rows = [0.0, 1.0, 0.0], [-float(a), -float(g), float(force[n])], [0.0, 0.0, 0.0]
        start = torch.stack([x, omega[n] * w - alpha[n] * x, torch.ones(()).double()])
        x, v, _ = torch.matrix_exp(dt * torch.tensor(rows, dtype=torch.float64)) @ start
        torch.testing.assert_close(new[0, UNITS + n], x, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(new[0, 2 * UNITS + n], (v + alpha[n] * x) / omega[n], rtol=1e-9, atol=1e-10)


def test_a_step_in_parts_is_the_same_step():
    cell = made(wild=True)
    x, hx = torch.randn(4, INPUTS).double(), torch.randn(4, 3 * UNITS).double()
    whole = cell(x, hx, 1.7)[1]
    for part in (0.3, 1.2, 0.2):
        hx = cell(x, hx, part)[1]
    torch.testing.assert_close(hx, whole, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize('seed', range(3))
def test_the_state_stays_within_its_bound(seed):
    cell = made(seed, wild=True)
    x, dt = 100.0 * torch.randn(2, STEPS, INPUTS).double(), torch.rand(2, STEPS).double() * 5 + 1e-3
    # What drives hardest: each oscillator's own frequency.
    angle = (dt.cumsum(1)[..., None] * cell.omega.detach()).cos().sign()
    x[1] = angle[1, :, :INPUTS] * 1e3
    hx = torch.randn(2, 3 * UNITS).double()
    at, w = states(cell, x, dt, hx)
    start = (hx[:, UNITS : 2 * UNITS].square() + hx[:, 2 * UNITS :].square()).sqrt()
    bound = start + (2.0 / cell.alpha).sqrt()
    size = (at.square() + w.square()).sqrt()
    assert (size <= bound * (1 + 1e-9)).all()
    assert (size.amax(0) > 0.02 * bound).any(), 'the bound says something'
    assert (cell.alpha >= LEAST_DAMPING).all()


@pytest.mark.parametrize('seed', range(3))
def test_gradients_through_1000_steps_stay_within_their_bound(seed):
    cell = made(seed, wild=True)
    x, dt = torch.randn(1, STEPS, INPUTS).double(), torch.rand(1, STEPS).double() * 3 + 0.01
    x.requires_grad_(True)
    hx = torch.randn(1, 3 * UNITS).double().requires_grad_(True)
    _, last = Sequence(cell)(x, dt, hx)
    left = dt.sum() - dt.cumsum(1)[0]
    for n in range(UNITS):
        to_x, to_hx = torch.autograd.grad(last[0, UNITS + n], (x, hx), retain_graph=True)
        alpha = cell.alpha[n]
        assert to_hx.norm() <= torch.exp(-alpha * dt.sum()) * (1 + 1e-9)
        weight = cell.input_map.weight[n].norm()
        bound = (2 * alpha).sqrt() * dt[0] * torch.exp(-alpha * left) * weight
        assert (to_x[0].norm(dim=1) <= bound * (1 + 1e-9)).all()


def test_training_over_1000_steps_needs_no_clipping():
    """A smoothed, delayed reading of a noisy signal, as in benchmarks/long_memory.py."""
    torch.manual_seed(0)
    cell = make_cell('dlinoss', input_size=2, units=10, outputs=1)
    network = Sequence(cell, torch.nn.Linear(1, 1))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    dt = torch.rand(4, STEPS) + 0.5
    phase = dt.cumsum(1) * 0.05 + 2 * math.pi * torch.rand(4, 1)
    x = torch.stack([phase.sin(), phase.cos()], dim=-1) + 0.1 * torch.randn(4, STEPS, 2)
    losses, norms = [], []
    for _ in range(12):
        loss = (network(x, dt)[0][..., 0] - (phase - 0.6).sin()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.get_total_norm([p.grad for p in network.parameters()]).item())
        optimiser.step()
        losses.append(loss.item())
    assert max(norms) < 50.0, norms  # what benchmarks/long_memory.py counts as exploded
    assert losses[-1] < 0.5 * losses[0], losses
