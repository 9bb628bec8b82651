import numpy as np
import pytest
import torch

from lnn_controller.liquid import auto_ncp, fully_connected, make_cell, random_wiring
from lnn_controller.liquid.cfc import HEADS
from lnn_controller.liquid.ncp_cfc import NcpCfC

WIRINGS = {
    'ncp': auto_ncp(5, 15, 2, seed=1),
    'ncp_sparse': auto_ncp(4, 24, 3, sparsity=0.8, seed=2),
    'random': random_wiring(4, 7, 3, sparsity=0.7),
    'full': fully_connected(2, 5, 2),
}
ORDER = {'inter': 0, 'command': 1, 'motor': 2}


def reach(wiring, self_state=False):
    """Which inputs and previous states can reach which new states in one step, from the graph alone."""
    n = wiring.units
    stage = np.array([ORDER[role] for role in wiring.roles])
    edges = wiring.adjacency != 0
    within = edges & (stage[:, None] < stage[None, :])  # reads the new state
    across = edges & ~within  # reads the previous one
    across = across | np.eye(n, dtype=bool) if self_state else across
    spread = np.eye(n, dtype=bool) | within | (within.astype(int) @ within.astype(int) > 0)
    sensory = wiring.sensory_adjacency != 0
    return (sensory.astype(int) @ spread.astype(int)) > 0, (across.astype(int) @ spread.astype(int)) > 0


@pytest.mark.parametrize('self_state', [False, True])
@pytest.mark.parametrize('mode', ['default', 'no_gate', 'pure'])
@pytest.mark.parametrize('wiring', WIRINGS.values(), ids=WIRINGS)
def test_exactly_the_wirings_synapses_act_within_one_step(wiring, mode, self_state):
    torch.manual_seed(0)
    cell = NcpCfC(wiring, mode=mode, self_state=self_state).double()
    x, h = torch.randn(1, wiring.input_dim).double(), torch.randn(1, wiring.units).double()
    from_x, from_h = torch.autograd.functional.jacobian(lambda x, h: cell(x, h, 0.7)[1][0], (x, h))
    expected_x, expected_h = reach(wiring, self_state)
    np.testing.assert_array_equal(from_x[:, 0].T != 0, expected_x)
    np.testing.assert_array_equal(from_h[:, 0].T != 0, expected_h)


def test_command_recurrence_acts_and_no_layer_adds_a_tick():
    """What ncps' wired CfC does not do: its command synapses of the wiring are ignored (its issue 53)."""
    wiring = WIRINGS['ncp']
    cell = NcpCfC(wiring).double()
    command, motor = wiring.neurons('command'), wiring.neurons('motor')
    x, h = torch.randn(1, 5).double(), torch.randn(1, 15).double()
    before = cell(x, h, 1.0)[1][0]
    pushed = h.clone()
    source = next(i for i in command if wiring.adjacency[i, command].any())
    pushed[0, source] += 0.5
    changed = (cell(x, pushed, 1.0)[1][0] != before).numpy()
    assert changed[command][wiring.adjacency[source, command] != 0].all()
    assert not changed[list(wiring.neurons('inter'))].any()
    seen = (cell(x + 0.5, h, 1.0)[1][0] != before).numpy()
    assert seen[list(motor)].all()  # the new inputs reach the motor neurons in the same step


@pytest.mark.parametrize('mode', ['default', 'pure'])
def test_one_weight_per_synapse_and_head(mode):
    wiring = WIRINGS['ncp']
    cell = NcpCfC(wiring, mode=mode)
    synapses = wiring.synapse_count + wiring.sensory_synapse_count
    own = 2 * wiring.units if mode == 'pure' else 0
    assert sum(p.numel() for p in cell.parameters()) == HEADS[mode] * (synapses + wiring.units) + own


def test_sparser_wirings_have_fewer_weights():
    sizes = [
        sum(p.numel() for p in make_cell('ncp_cfc', input_size=30, wiring=auto_ncp(30, 24, 2, s)).parameters())
        for s in (0.2, 0.5, 0.8)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < sizes[0] / 2


def test_a_neuron_that_nothing_reaches_keeps_to_its_bias():
    wiring = random_wiring(2, 6, 2, sparsity=0.95, seed=3)
    alone = [i for i in range(6) if not wiring.adjacency[:, i].any() and not wiring.sensory_adjacency[:, i].any()]
    assert alone
    cell = NcpCfC(wiring).double()
    x, h = torch.randn(4, 2).double(), torch.randn(4, 6).double()
    states = cell(x, h, 1.0)[1]
    assert (states[:, alone] == states[:1, alone]).all()
    assert cell.step(x, h, 1.0).time_constants.shape == (4, 6)
