import itertools

import numpy as np
import pytest
import torch

from lnn_controller.liquid import Sequence, Wiring, auto_ncp, fully_connected, make_cell
from lnn_controller.liquid.ltc import LTC

POSITIVE = ('cm', 'gleak')


def ltc(**options):
    torch.manual_seed(1)
    return LTC(auto_ncp(5, 12, 2, seed=4), **options).double()


@pytest.mark.slow
def test_without_synapses_it_is_the_analytic_leak():
    """v(t) = e + (v0 − e) exp(−g t / c): the solver's error halves as its steps double."""
    silent = Wiring(np.zeros((4, 4), int), np.zeros((1, 4), int), ('motor',) * 4)
    errors = []
    for unfolds in (8, 16, 32, 64, 4096):
        torch.manual_seed(0)
        cell = LTC(silent, ode_unfolds=unfolds, epsilon=0.0).double()
        v0, t = torch.tensor([[1.0, -1.0, 0.3, 2.0]]).double(), 0.6
        exact = cell.vleak + (v0 - cell.vleak) * torch.exp(-cell.gleak * t / cell.cm)
        errors.append((cell(torch.zeros(1, 1).double(), v0, t)[1] - exact).abs().max().item())
    ratios = [a / b for a, b in itertools.pairwise(errors[:4])]
    assert all(1.8 < ratio < 2.2 for ratio in ratios), ratios
    assert errors[-1] < 1e-4


def test_one_solver_step_is_the_equation():
    """The matrix products against the sums as the paper writes them."""
    cell = ltc(ode_unfolds=1)
    torch.manual_seed(2)
    x, v, dt = torch.randn(3, 5).double(), torch.randn(3, 12).double(), torch.rand(3, 1).double() + 0.2

    def sums(synapses, source):
        shape = (synapses.sources, synapses.destinations)
        w, s, mu, erev = (
            torch.zeros(shape).double().index_put((synapses.src, synapses.dst), p.detach())
            for p in (synapses.w, synapses.sigma, synapses.mu, synapses.erev)
        )
        activation = w * torch.sigmoid(s * (source[:, :, None] - mu))
        return (activation * erev).sum(1), activation.sum(1)

    s_n, s_d = sums(cell.sensory, x * cell.input_w + cell.input_b)
    w_n, w_d = sums(cell.neural, v)
    rate = cell.cm / dt
    expected = (rate * v + cell.gleak * cell.vleak + w_n + s_n) / (rate + cell.gleak + w_d + s_d + 1e-8)
    y, new = cell(x, v, dt)
    torch.testing.assert_close(new, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(y, expected[:, :2] * cell.output_w + cell.output_b, rtol=0, atol=1e-12)
    torch.testing.assert_close(cell.time_constants(x, v, dt), cell.cm / (cell.gleak + w_d + s_d), rtol=0, atol=1e-12)


def test_the_time_constants_move_with_the_input_and_rule_the_speed():
    cell = ltc(ode_unfolds=200)
    v, x = torch.zeros(1, 12).double(), torch.full((1, 5), -3.0).double()
    quiet, busy = cell.time_constants(x, v, 1.0), cell.time_constants(-x, v, 1.0)
    inter = list(cell.wiring.neurons('inter'))
    assert (busy[0, inter] < quiet[0, inter]).all()
    # Over a time much shorter than τ a state covers dt / τ of the way to where its inputs pull it.
    dt = 1e-4
    target = cell(x, v, 1e-9)[1]
    speed = (cell(x, v, dt)[1] - target) / dt
    pull = speed * quiet
    twice = (cell(x, v + 0.01, dt)[1] - cell(x, v + 0.01, 1e-9)[1]) / dt * cell.time_constants(x, v + 0.01, 1.0)
    leaks = [i for i in inter if not cell.wiring.adjacency[:, i].any()]
    # An inter neuron without incoming synapses is pulled back by what it was moved: d(τ v̇)/dv = −1.
    torch.testing.assert_close((twice - pull)[0, leaks], torch.full((len(leaks),), -0.01).double(), rtol=0.02, atol=0)


def test_exactly_the_wirings_synapses_act_within_a_solver_step():
    cell = ltc(ode_unfolds=1)
    torch.manual_seed(3)
    x, v = 0.5 * torch.randn(1, 5).double(), 0.5 * torch.randn(1, 12).double()
    from_x, from_v = torch.autograd.functional.jacobian(lambda x, v: cell(x, v, 0.7)[1][0], (x, v))
    np.testing.assert_array_equal(from_x[:, 0].T != 0, cell.wiring.sensory_adjacency != 0)
    np.testing.assert_array_equal(from_v[:, 0].T != 0, (cell.wiring.adjacency != 0) | np.eye(12, dtype=bool))


def test_one_set_of_parameters_per_synapse():
    cell = ltc()
    wiring = cell.wiring
    synapses = wiring.synapse_count + wiring.sensory_synapse_count
    assert sum(p.numel() for p in cell.parameters()) == 4 * synapses + 3 * 12 + 2 * 5 + 2 * 2


def test_what_must_be_positive_stays_positive_whatever_training_does():
    """ncps needs a call after every optimiser step for this, or a flag."""
    cell = ltc().float()
    optimiser = torch.optim.Adam(cell.parameters(), lr=0.1)
    conductances = [lambda: cell.cm, lambda: cell.gleak, lambda: cell.neural.w, lambda: cell.sensory.w]
    start = [c().mean().item() for c in conductances]
    for _ in range(500):
        optimiser.zero_grad()
        sum(c().sum() for c in conductances).backward()  # pulls each towards −∞
        optimiser.step()
    for conductance, before in zip(conductances, start):
        assert (conductance() > 0).all()
        assert conductance().mean() < 0.01 * before
    y, hx = Sequence(cell)(torch.randn(2, 20, 5), 1.0)
    assert torch.isfinite(y).all() and torch.isfinite(hx).all()


def test_the_wiring_shows_the_polarity_as_it_is_now():
    cell = ltc()
    before = cell.wiring
    with torch.no_grad():
        cell.neural.erev[0] *= -0.3
    after = cell.wiring
    src, dst = int(cell.neural.src[0]), int(cell.neural.dst[0])
    assert after.adjacency[src, dst] == -before.adjacency[src, dst]
    assert np.count_nonzero(after.adjacency != before.adjacency) == 1


def test_initial_values_are_the_published_ones():
    torch.manual_seed(0)
    cell = LTC(fully_connected(30, 40))
    for values, low, high in (
        (cell.gleak, 0.001, 1.0),
        (cell.vleak, -0.2, 0.2),
        (cell.cm, 0.4, 0.6),
        (cell.neural.w, 0.001, 1.0),
        (cell.neural.sigma, 3.0, 8.0),
        (cell.sensory.mu, 0.3, 0.8),
    ):
        spread = high - low
        assert low - 1e-4 <= values.min() < low + 0.2 * spread
        assert high - 0.2 * spread < values.max() <= high + 1e-4
    assert set(cell.neural.erev.tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize('wanted', [0.5, 8.0])
def test_the_initial_time_constants_can_be_chosen(wanted):
    torch.manual_seed(0)
    cell = make_cell('ltc', input_size=20, units=30, outputs=3, init_time_constant=wanted)
    with torch.no_grad():  # u = μ everywhere opens every sensory synapse by half
        cell.neural.mu.zero_()
        cell.sensory.mu.zero_()
        tau = cell.time_constants(torch.zeros(1, 20), torch.zeros(1, 30), 1.0)
    assert tau.median().item() == pytest.approx(wanted, rel=1e-4)
