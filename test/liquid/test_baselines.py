"""The baselines against PyTorch's own cells and against what they should do by definition."""

from functools import partial

import pytest
import torch
from torch import nn

from lnn_controller.liquid.baselines import CTRNN, GRU, LSTM, FeedForward
from lnn_controller.liquid.cell import Cell

X, H, C = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)).double().unbind(0)


def test_lstm_is_pytorchs():
    ours, theirs = LSTM(5, 5, elapsed_time=False).double(), nn.LSTMCell(5, 5).double()
    order = [1, 2, 0, 3]  # theirs: in, forget, candidate, out; ours has the candidate first

    def rows(weight):
        return torch.cat([weight.chunk(4)[i] for i in order])

    with torch.no_grad():
        theirs.weight_ih.copy_(rows(ours.input_map.weight))
        theirs.weight_hh.copy_(rows(ours.recurrent_map.weight))
        theirs.bias_ih.copy_(rows(ours.input_map.bias))
        theirs.bias_hh.zero_()[5:10] = 1.0  # the forget bias
    h, c = theirs(X, (H, C))
    torch.testing.assert_close(ours(X, torch.cat([H, C], 1), 1.0)[1], torch.cat([h, c], 1), rtol=0, atol=1e-14)


def test_gru_is_pytorchs():
    ours, theirs = GRU(5, 5, elapsed_time=False).double(), nn.GRUCell(5, 5).double()
    with torch.no_grad():
        ours.candidate_bias.uniform_(-1, 1)
        theirs.weight_ih.copy_(ours.input_map.weight)
        theirs.weight_hh.copy_(ours.recurrent_map.weight)
        theirs.bias_ih.copy_(ours.input_map.bias)
        theirs.bias_hh.zero_()[10:] = ours.candidate_bias
    torch.testing.assert_close(ours(X, H, 1.0)[1], theirs(X, H), rtol=0, atol=1e-14)


@pytest.mark.parametrize('elapsed_time', [True, False])
@pytest.mark.parametrize('kind', [LSTM, GRU])
def test_pytorchs_kernels_give_what_the_steps_give(kind, elapsed_time):
    """States and gradients, with paddings: what training takes against what is exported."""
    torch.manual_seed(0)
    cell = kind(5, 6, elapsed_time=elapsed_time).double()
    with torch.no_grad():
        for weight in cell.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    x, dt, hx = (torch.randn(4, 9, 5), torch.rand(4, 9, 1) + 0.1, torch.randn(4, cell.state_size))
    x, dt, hx = x.double(), dt.double(), hx.double()
    valid = (torch.arange(9) < torch.tensor([4, 9, 1, 6])[:, None]).unsqueeze(-1)
    found = []
    for unroll in (cell.unroll, partial(Cell.unroll, cell)):
        given = [each.clone().requires_grad_(True) for each in (x, dt, hx)]
        neurons, last = unroll(*given, valid)
        neurons = torch.where(valid, neurons, 0.0)
        loss = neurons.sin().sum() + last.square().sum()
        wanted = [*given, *cell.parameters()]
        found.append([neurons, last, *torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)])
    torch.testing.assert_close(*found, rtol=0, atol=1e-12)


def test_elapsed_time_is_one_more_input():
    for kind in (LSTM, GRU):
        cell = kind(5, 5).double()
        hx = torch.randn(4, cell.state_size).double()
        assert not torch.equal(cell(X, hx, 0.5)[1], cell(X, hx, 2.0)[1])
        wider = kind(6, 5, elapsed_time=False).double()
        with torch.no_grad():
            wider.input_map.weight.copy_(torch.cat([cell.input_map.weight, cell.time_map[:, None]], 1))
            wider.input_map.bias.copy_(cell.input_map.bias)
            wider.recurrent_map.weight.copy_(cell.recurrent_map.weight)
        dt = torch.rand(4, 1).double()
        torch.testing.assert_close(cell(X, hx, dt)[1], wider(torch.cat([X, dt], 1), hx, 1.0)[1], rtol=0, atol=1e-14)


def test_ctrnn_leaks_exactly_between_inputs():
    cell = CTRNN(5, 5).double()
    with torch.no_grad():
        cell.recurrent_map.weight.zero_()
    drive = torch.tanh(cell.input_map(X))
    expected = drive + (H - drive) * torch.exp(-1.7 / cell.tau)
    torch.testing.assert_close(cell(X, H, 1.7)[1], expected, rtol=0, atol=1e-14)
    halves = cell(X, cell(X, H, 0.85)[1], 0.85)[1]  # a step in two halves is the same step
    torch.testing.assert_close(halves, expected, rtol=0, atol=1e-14)


def test_ctrnns_initial_time_constants():
    tau = CTRNN(5, 9, init_time_constant=3.0).tau.sort().values
    torch.testing.assert_close(tau[[0, 4, 8]], torch.tensor([1.5, 3.0, 6.0]), rtol=1e-4, atol=0)


def test_feed_forward_remembers_nothing():
    cell = FeedForward(5, 6, 2).double()
    y, hx = cell(X, torch.randn(4, 6).double(), 0.1)
    torch.testing.assert_close(hx, torch.tanh(cell.input_map(X)), rtol=0, atol=0)
    torch.testing.assert_close(cell(X, torch.zeros(4, 6).double(), 5.0), (y, hx), rtol=0, atol=0)
