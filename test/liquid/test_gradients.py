"""Liquid networks are said to suffer from vanishing and exploding gradients: train over long sequences and look."""

import math

import pytest
import torch

from lnn_controller.liquid import Sequence, make_cell

STEPS = 500


@pytest.mark.parametrize('name', ['ltc', 'cfc', 'ncp_cfc'])
def test_training_over_500_steps_stays_finite(name):
    torch.manual_seed(0)
    cell = make_cell(name, input_size=2, units=10, outputs=1)
    network = Sequence(cell, torch.nn.Linear(1, 1))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    dt = torch.rand(8, STEPS) + 0.5
    phase = dt.cumsum(1) * 0.05 + 2 * math.pi * torch.rand(8, 1)
    x = torch.stack([phase.sin(), phase.cos()], dim=-1) + 0.1 * torch.randn(8, STEPS, 2)
    target = (phase - 0.6).sin()  # a smoothed, delayed reading of a noisy signal
    losses, norms = [], []
    for _ in range(15):
        y, hx = network(x, dt)
        loss = (y[..., 0] - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        # No clipping: the norm itself is what is tested.
        norms.append(torch.nn.utils.get_total_norm([p.grad for p in network.parameters()]).item())
        optimiser.step()
        losses.append(loss.item())
        assert torch.isfinite(hx).all()
    assert all(math.isfinite(v) for v in losses + norms)
    assert max(norms) < 50, norms
    assert losses[-1] < 0.75 * losses[0], losses


@pytest.mark.parametrize('name', ['ltc', 'cfc', 'ncp_cfc'])
def test_a_gradient_comes_back_through_500_steps_without_exploding(name):
    """From the last state to each input: never larger than near the end by more than a small factor."""
    torch.manual_seed(0)
    cell = make_cell(name, input_size=2, units=10, outputs=1)
    x = torch.randn(1, STEPS, 2, requires_grad=True)
    _, hx = Sequence(cell)(x, 1.0)
    hx.sum().backward()
    size = x.grad[0].norm(dim=1)
    assert torch.isfinite(size).all()
    assert size[-20:].max() > 0
    assert size.max() <= 20 * size[-20:].max()
