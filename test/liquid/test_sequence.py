import pytest
import torch
from variants import INPUTS, OUTPUTS, UNITS, build

from lnn_controller.liquid import Sequence

BATCH, STEPS = 4, 7


def data():
    torch.manual_seed(0)
    x = torch.randn(BATCH, STEPS, INPUTS, dtype=torch.float64)
    return x, torch.rand(BATCH, STEPS, dtype=torch.float64) * 3 + 0.05


def test_a_sequence_is_its_steps(cell):
    x, dt = data()
    hx = 0.3 * torch.randn(BATCH, cell.state_size, dtype=torch.float64)
    y, last, neurons = Sequence(cell)(x, dt, hx, return_neurons=True)
    for t in range(STEPS):
        y_t, hx = cell(x[:, t], hx, dt[:, t])
        torch.testing.assert_close(y[:, t], y_t, rtol=0, atol=1e-12)
        torch.testing.assert_close(neurons[:, t], cell.neurons(hx), rtol=0, atol=1e-12)
    torch.testing.assert_close(last, hx, rtol=0, atol=1e-12)
    assert y.shape == (BATCH, STEPS, OUTPUTS)
    assert neurons.shape == (BATCH, STEPS, UNITS)


def test_a_sequence_can_be_cut(cell):
    x, dt = data()
    whole, last = Sequence(cell)(x, dt)
    first, hx = Sequence(cell)(x[:, :3], dt[:, :3])
    second, hx = Sequence(cell)(x[:, 3:], dt[:, 3:], hx)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(hx, last, rtol=0, atol=1e-12)


def test_shapes_of_time_steps(cell):
    x, _ = data()
    sequence = Sequence(cell)
    expected = sequence(x, torch.full((BATCH, STEPS), 0.4, dtype=torch.float64))[0]
    for dt in (0.4, torch.tensor(0.4, dtype=torch.float64), torch.full((BATCH, STEPS, 1), 0.4, dtype=torch.float64)):
        torch.testing.assert_close(sequence(x, dt)[0], expected, rtol=0, atol=1e-12)


def test_padding_touches_neither_states_nor_gradients(cell):
    x, dt = data()
    lengths = torch.tensor([7, 3, 1, 0])
    sequence = Sequence(cell)
    hx = 0.3 * torch.randn(BATCH, cell.state_size, dtype=torch.float64)

    def gradients(y, last, neurons):
        cell.zero_grad()
        (y.square().sum() + last.square().sum() + neurons.sin().sum()).backward()
        return [p.grad.clone() for p in cell.parameters()]

    alone = [
        sequence(x[b : b + 1, :n], dt[b : b + 1, :n], hx[b : b + 1], return_neurons=True)
        for b, n in enumerate(lengths.tolist())
        if n
    ]
    expected = gradients(
        torch.cat([y.reshape(-1) for y, _, _ in alone]),
        torch.cat([last for _, last, _ in alone]),
        torch.cat([n.reshape(-1) for _, _, n in alone]),
    )

    for b, n in enumerate(lengths.tolist()):
        x[b, n:], dt[b, n:] = float('nan'), float('nan')
    y, last, neurons = sequence(x, dt, hx, lengths=lengths, return_neurons=True)
    for (y_b, last_b, neurons_b), b in zip(alone, range(BATCH)):
        torch.testing.assert_close(y[b, : lengths[b]], y_b[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(neurons[b, : lengths[b]], neurons_b[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(last[b], last_b[0], rtol=0, atol=1e-12)
        assert not y[b, lengths[b] :].any()
    torch.testing.assert_close(last[3], hx[3], rtol=0, atol=0)
    torch.testing.assert_close(gradients(y, last, neurons), expected, rtol=1e-9, atol=1e-10)


def test_a_readout_is_applied_to_the_outputs():
    cell = build('ltc')
    readout = torch.nn.Linear(OUTPUTS, 3).double()
    x, dt = data()
    torch.testing.assert_close(Sequence(cell, readout)(x, dt)[0], readout(Sequence(cell)(x, dt)[0]))


def test_wrong_shapes():
    sequence = Sequence(build('cfc'))
    x, dt = data()
    with pytest.raises(ValueError, match=r'x must be \(B, T ≥ 1, 5\)\. Got \(4, 7, 4\)'):
        sequence(x[..., :4], dt)
    with pytest.raises(ValueError, match='x must be'):
        sequence(x[:, :0], dt[:, :0])
    for wrong in (dt[:, :3], dt[:1], dt[0], dt[..., None].expand(-1, -1, INPUTS)):
        with pytest.raises(ValueError, match='dt must be'):
            sequence(x, wrong)
    with pytest.raises(ValueError, match=r'lengths must be \(4,\)'):
        sequence(x, dt, lengths=torch.tensor([1, 2]))
