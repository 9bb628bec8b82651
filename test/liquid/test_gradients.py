"""Liquid networks are said to suffer from vanishing and exploding gradients: train over long sequences and look."""

import math

import pytest
import torch
from gradients import CELLS, STEPS, train

from lnn_controller.liquid import Sequence, make_cell
from lnn_controller.liquid.gradients import clip_gradients


@pytest.mark.slow
@pytest.mark.parametrize('seed', [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
@pytest.mark.parametrize('name', CELLS)
def test_clipped_training_over_500_steps_stays_finite_and_learns(name, seed):
    """The norm before clipping may explode for a step, which the benchmark counts; this holds all the same."""
    losses, _ = train(name, seed, iterations=6)
    assert all(math.isfinite(loss) for loss in losses)
    assert min(losses) < 0.9 * losses[0], losses


@pytest.mark.parametrize('bad', [math.inf, math.nan])
def test_a_step_whose_gradient_is_not_finite_changes_nothing(bad):
    weight, bias = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(1))
    optimiser = torch.optim.AdamW([weight, bias], lr=0.1)
    weight.grad, bias.grad = torch.tensor([1.0, bad]), torch.tensor([1.0])
    assert not clip_gradients([weight, bias], 1.0)
    optimiser.step()
    assert weight.tolist() == [1.0, 1.0]
    assert bias.tolist() == [1.0]


def test_a_finite_gradient_is_clipped_to_the_norm():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, 4.0])
    assert clip_gradients([weight], 1.0)
    assert weight.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-4)


@pytest.mark.parametrize('name', CELLS)
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
