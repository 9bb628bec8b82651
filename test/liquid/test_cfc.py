import pytest
import torch

from lnn_controller.liquid import Sequence, make_cell
from lnn_controller.liquid.cfc import CfC


def cfc(**options):
    torch.manual_seed(0)
    return CfC(3, 6, backbone_units=10, **options).double()


def inputs():
    torch.manual_seed(1)
    return torch.randn(4, 3).double(), torch.randn(4, 6).double(), torch.rand(4, 1).double() + 0.2


@pytest.mark.parametrize('mode', ['default', 'no_gate', 'pure'])
def test_the_equations(mode):
    cell = cfc(mode=mode)
    x, h, dt = inputs()
    z = cell.activation(cell.input_map(x) + cell.recurrent_map(h))
    f1, *rest = cell.deeper[0](z).split(6, dim=1)
    if mode == 'pure':
        rate = cell.closed_form.w_tau.abs() + f1.abs()
        expected, tau = cell.closed_form.A * (1 - torch.exp(-dt * rate) * f1), 1 / rate
    else:
        f2, a, b = rest
        gate = torch.sigmoid(a * dt + b)
        keep = 1 - gate if mode == 'default' else 1
        expected, tau = keep * torch.tanh(f1) + gate * torch.tanh(f2), -dt / torch.log(1 - gate)
    torch.testing.assert_close(cell(x, h, dt)[1], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(cell.time_constants(x, h, dt), tau, rtol=1e-9, atol=0)


def test_the_time_constant_of_a_wide_open_gate_is_finite():
    cell = cfc()
    with torch.no_grad():
        cell.deeper[0].bias[18:] = 500.0
        assert torch.isfinite(cell.time_constants(*inputs())).all()
        cell.deeper[0].bias[18:] = -500.0
        assert torch.isfinite(cell.time_constants(*inputs())).all()


@pytest.mark.parametrize('layers', [1, 2])
def test_dropout_works_at_every_depth_and_in_training_only(layers):
    """At its default depth of one layer, ncps accepts a dropout and applies none."""
    cell = cfc(backbone_dropout=0.5, backbone_layers=layers)
    x, h, dt = inputs()
    cell.train()
    assert not torch.equal(cell(x, h, dt)[1], cell(x, h, dt)[1])
    cell.eval()
    torch.testing.assert_close(cell(x, h, dt)[1], cell(x, h, dt)[1], rtol=0, atol=0)


def test_the_pure_modes_w_tau_learns():
    """Started at exactly 0, |w_τ| would have no gradient."""
    cell = make_cell('cfc', input_size=3, units=6, mode='pure')
    Sequence(cell)(torch.randn(2, 5, 3), 0.5)[0].square().sum().backward()
    assert (cell.closed_form.w_tau.grad != 0).all()


def test_longer_steps_move_the_state_further():
    """The gate is a function of Δt: over Δt → 0 a closed-form state depends on b alone, later on a."""
    cell = cfc()
    x, h, _ = inputs()
    near, far = cell(x, h, 1e-6)[1], cell(x, h, 1.0)[1]
    assert (near - far).abs().max() > 0.02
