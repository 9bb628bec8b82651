"""What every cell has in common, and making them by name."""

import inspect

import pytest
import torch
from variants import INPUTS, OUTPUTS, UNITS, VARIANTS, build

from lnn_controller.errors import InputError
from lnn_controller.liquid import CELLS, Sequence, auto_ncp, cell_options, make_cell


def batch(cell, size):
    torch.manual_seed(size)
    x = torch.randn(size, INPUTS, dtype=torch.float64)
    hx = 0.4 * torch.randn(size, cell.state_size, dtype=torch.float64)
    return x, hx, torch.rand(size, dtype=torch.float64) * 2 + 0.1


def test_sizes(cell):
    x, hx, dt = batch(cell, 3)
    y, new = cell(x, hx, dt)
    assert (cell.input_size, cell.output_size, cell.units) == (INPUTS, OUTPUTS, UNITS)
    assert y.shape == (3, OUTPUTS)
    assert new.shape == (3, cell.state_size)
    assert cell.neurons(new).shape == (3, UNITS)
    assert cell.initial_state(3).shape == (3, cell.state_size)
    assert cell.initial_state(1).dtype == torch.float64
    assert cell.initial_state(1, dtype=torch.float32).dtype == torch.float32


@pytest.mark.parametrize('size', [1, UNITS, 4])
def test_each_sample_has_its_own_time_step(cell, size):
    """B = units is where a (B,) next to (B, N) would broadcast the wrong way in silence."""
    x, hx, dt = batch(cell, size)
    y, new = cell(x, hx, dt)
    for shaped in (dt[:, None], dt.reshape(size, 1).clone()):
        torch.testing.assert_close(cell(x, hx, shaped)[1], new, rtol=0, atol=0)
    for b in range(size):
        y_alone, alone = cell(x[b : b + 1], hx[b : b + 1], float(dt[b]))
        torch.testing.assert_close(alone, new[b : b + 1], rtol=0, atol=1e-12)
        torch.testing.assert_close(y_alone, y[b : b + 1], rtol=0, atol=1e-12)


def test_one_number_is_everyones_time_step(cell):
    x, hx, _ = batch(cell, 4)
    expected = cell(x, hx, torch.full((4,), 0.3, dtype=torch.float64))[1]
    for dt in (0.3, torch.tensor(0.3, dtype=torch.float64), torch.full((1, 1), 0.3, dtype=torch.float64)):
        torch.testing.assert_close(cell(x, hx, dt)[1], expected, rtol=0, atol=1e-12)


def test_time_steps_of_another_shape_are_refused(cell):
    x, hx, dt = batch(cell, 4)
    for wrong in (dt[:3], dt[None, :], dt[:, None].expand(4, UNITS), dt[:, None, None]):
        with pytest.raises(ValueError, match=r'dt must be a number, \(B,\) or \(B, 1\) with B = 4'):
            cell(x, hx, wrong)


def test_a_step_tells_all_that_the_parts_tell(cell):
    x, hx, dt = batch(cell, 4)
    step, tau = cell.step(x, hx, dt), cell.time_constants(x, hx, dt)
    torch.testing.assert_close((step.y, step.hx), cell(x, hx, dt), rtol=0, atol=0)
    torch.testing.assert_close(step.neurons, cell.neurons(step.hx), rtol=0, atol=0)
    if tau is None:
        assert step.time_constants is None
    else:
        torch.testing.assert_close(step.time_constants, tau, rtol=0, atol=0)
        assert tau.shape == (4, UNITS)
        assert (tau > 0).all()


def test_which_cells_have_time_constants():
    for variant in VARIANTS:
        cell = build(variant)
        has = cell.time_constants(*batch(cell, 2)) is not None
        assert has == (not variant.startswith(('lstm', 'gru', 'none'))), variant


def test_same_seed_same_weights():
    for name in CELLS:
        first, second = build(name).state_dict(), build(name).state_dict()
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_every_weight_learns(cell):
    x = torch.randn(4, 6, INPUTS, dtype=torch.float64)
    y, hx = Sequence(cell)(x, 0.7)
    (y.sum() + hx.sum()).backward()
    for name, weight in cell.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


def test_a_wiring_can_be_given():
    wiring = auto_ncp(INPUTS, 12, 3, seed=9)
    for name in ('ltc', 'ncp_cfc'):
        cell = make_cell(name, input_size=INPUTS, wiring=wiring)
        assert (cell.units, cell.output_size) == (12, 3)
        assert cell.wiring == wiring


def test_options_have_defaults_and_reach_the_cell():
    assert cell_options('cfc')['mode'] == 'default'
    assert cell_options('none') == {}
    assert make_cell('ltc', input_size=3, units=8, outputs=2, ode_unfolds=3).ode_unfolds == 3
    for name in CELLS:
        assert all(default is not inspect.Parameter.empty for default in cell_options(name).values())


@pytest.mark.parametrize(
    ('name', 'arguments', 'message'),
    [
        ('rnn', {}, r"a cell must be one of \('cfc', .*Got 'rnn'"),
        ('cfc', {'units': 4, 'ode_unfolds': 3}, "cell 'cfc' has no option ode_unfolds; it has: mode, backbone_units"),
        ('none', {'units': 4, 'mode': 'pure'}, "cell 'none' has no option mode; it has: none"),
        ('cfc', {}, 'units must be a whole number of at least 1. Got None'),
        ('cfc', {'units': 0}, 'units must be .* Got 0'),
        ('cfc', {'units': 4, 'outputs': 5}, r'at most as many outputs as neurons \(4\). Got 5'),
        ('cfc', {'units': 4, 'input_size': True}, 'input_size must be .* Got True'),
        ('cfc', {'units': 4, 'mode': 'fast'}, "mode must be one of .*Got 'fast'"),
        ('cfc', {'units': 4, 'backbone_activation': 'step'}, "backbone_activation must be one of .*Got 'step'"),
        ('cfc', {'units': 4, 'backbone_dropout': 1.0}, 'backbone_dropout must be a number of at least 0 and below 1'),
        ('cfc', {'units': 4, 'backbone_layers': -1}, 'backbone_layers must be'),
        ('cfc', {'units': 4, 'backbone_units': 0}, 'backbone_units must be'),
        ('lstm', {'units': 4, 'mixed_memory': True}, 'mixed_memory goes with the cells'),
        ('gru', {'units': 4, 'wiring': auto_ncp(5, 6, 2)}, 'a wiring goes with the cells'),
        ('ltc', {'units': 8}, 'needs a wiring, or units and outputs'),
        ('ltc', {'units': 4, 'outputs': 3}, r'units .* at least 5\. Got 4'),
        ('ltc', {'units': 7, 'wiring': auto_ncp(5, 6, 2)}, 'units must be that of the wiring, 6. Got 7'),
        ('ltc', {'input_size': 4, 'wiring': auto_ncp(5, 6, 2)}, 'input_size must be that of the wiring, 5'),
        ('ltc', {'units': 8, 'outputs': 2, 'ode_unfolds': 0}, 'ode_unfolds must be'),
        ('ltc', {'units': 8, 'outputs': 2, 'input_mapping': 'log'}, "input_mapping must be one of .*Got 'log'"),
        ('ltc', {'units': 8, 'outputs': 2, 'output_mapping': 'log'}, 'output_mapping must be one of'),
        ('ltc', {'units': 8, 'outputs': 2, 'init_time_constant': 0.0}, 'init_time_constant must be above 0'),
        ('ctrnn', {'units': 8, 'init_time_constant': -1.0}, 'init_time_constant must be above 0'),
        ('ncp_cfc', {'units': 8, 'outputs': 2, 'layers': 'loose'}, "layers must be one of .*Got 'loose'"),
        ('ncp_cfc', {'units': 8, 'outputs': 2, 'layers': 'dense', 'self_state': True}, 'self_state goes with'),
    ],
)
def test_wrong_requests(name, arguments, message):
    with pytest.raises(InputError, match=message):
        make_cell(name, **{'input_size': INPUTS, **arguments})
