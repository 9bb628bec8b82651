import pytest
import torch

from lnn_controller.errors import InputError
from lnn_controller.liquid import make_cell
from lnn_controller.liquid.memory import MixedMemory

LIQUID = ('cfc', 'ncp_cfc', 'ltc')


def mixed(name):
    torch.manual_seed(0)
    return make_cell(name, input_size=4, units=8, outputs=2, mixed_memory=True).double()


@pytest.mark.parametrize('name', LIQUID)
def test_the_lstm_remembers_and_the_liquid_cell_rewrites_h(name):
    cell = mixed(name)
    x, hx, dt = torch.randn(3, 4).double(), torch.randn(3, 16).double(), torch.rand(3).double() + 0.1
    _, remembered = cell.lstm(x, hx, dt)
    h, c = remembered.chunk(2, dim=1)
    y, liquid = cell.cell(x, h, dt)
    torch.testing.assert_close(cell(x, hx, dt), (y, torch.cat([liquid, c], 1)), rtol=0, atol=1e-14)
    torch.testing.assert_close(cell.time_constants(x, hx, dt), cell.cell.time_constants(x, h, dt), rtol=0, atol=0)


@pytest.mark.parametrize('name', LIQUID)
def test_the_forget_gate_starts_open(name):
    cell = mixed(name)
    with torch.no_grad():
        for weight in cell.lstm.parameters():
            weight.zero_()
    hx = torch.ones(1, 16).double()
    memory = cell(torch.zeros(1, 4).double(), hx, 1.0)[1][:, 8:]
    torch.testing.assert_close(memory, torch.sigmoid(torch.ones(1, 8).double()), rtol=0, atol=1e-15)


def test_the_memory_does_not_fade_with_elapsed_time():
    cell = mixed('ltc')
    x, hx = torch.randn(1, 4).double(), torch.randn(1, 16).double()
    short, long = cell(x, hx, 0.01)[1], cell(x, hx, 10.0)[1]
    torch.testing.assert_close(short[:, 8:], long[:, 8:], rtol=0, atol=0)
    assert (short[:, :8] - long[:, :8]).abs().max() > 0.01


def test_only_liquid_cells_get_one():
    for name in ('lstm', 'gru', 'ctrnn', 'none'):
        with pytest.raises(InputError, match='mixed memory goes around ltc, cfc or ncp_cfc'):
            MixedMemory(make_cell(name, input_size=4, units=8))
    with pytest.raises(InputError, match='Got MixedMemory'):
        MixedMemory(mixed('cfc'))
