import json

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.liquid import Wiring, auto_ncp, fully_connected, ncp, random_wiring

SIZES = {
    'input_dim': 8,
    'inter': 6,
    'command': 4,
    'motor': 2,
    'sensory_fanout': 3,
    'inter_fanout': 2,
    'recurrent_command_synapses': 5,
    'motor_fanin': 2,
}
DRAWS = {
    'ncp': lambda seed: ncp(**SIZES, seed=seed),
    'auto_ncp': lambda seed: auto_ncp(10, 19, 3, seed=seed),
    'fully_connected': lambda seed: fully_connected(4, 6, 2, seed=seed),
    'random': lambda seed: random_wiring(4, 6, 2, sparsity=0.5, seed=seed),
}


@pytest.fixture(params=DRAWS)
def draw(request):
    return DRAWS[request.param]


def test_the_same_seed_draws_the_same_wiring(draw):
    assert draw(3) == draw(3)
    assert hash(draw(3)) == hash(draw(3))
    assert draw(3) != draw(4)


def test_a_wiring_cannot_change(draw):
    wiring = draw(0)
    with pytest.raises(ValueError, match='read-only'):
        wiring.adjacency[0, 0] = 1
    with pytest.raises(ValueError, match='read-only'):
        wiring.sensory_adjacency[0, 0] = 1
    with pytest.raises(AttributeError):
        wiring.roles = ()


def test_a_wiring_does_not_share_the_matrix_it_was_made_from():
    adjacency = np.zeros((2, 2), int)
    wiring = Wiring(adjacency, np.ones((1, 2), int), ('motor', 'inter'))
    adjacency[0, 1] = 1
    assert wiring.synapse_count == 0


def test_json_there_and_back(draw):
    wiring = draw(1)
    assert Wiring.from_dict(json.loads(json.dumps(wiring.to_dict()))) == wiring


def test_an_ncp_is_layered_and_leaves_no_neuron_out():
    for seed in range(20):
        wiring = ncp(**SIZES, seed=seed)
        motor, command, inter = (list(wiring.neurons(role)) for role in ('motor', 'command', 'inter'))
        assert (motor, command, inter) == ([0, 1], [2, 3, 4, 5], [6, 7, 8, 9, 10, 11])
        there = wiring.adjacency != 0
        allowed = np.zeros_like(there)
        allowed[np.ix_(inter, command)] = allowed[np.ix_(command, command)] = allowed[np.ix_(command, motor)] = True
        assert not (there & ~allowed).any()
        assert not wiring.sensory_adjacency[:, motor + command].any()
        assert (wiring.sensory_adjacency[:, inter] != 0).any(0).all()
        assert (there[np.ix_(inter, command)].sum(1) >= SIZES['inter_fanout']).all()
        assert there[np.ix_(inter, command)].any(0).all()
        assert there[np.ix_(command, motor)].any(1).all()
        assert there[np.ix_(command, command)].sum() == SIZES['recurrent_command_synapses']
        assert set(np.unique(wiring.adjacency)) == {-1, 0, 1}


def test_auto_ncp_sizes():
    wiring = auto_ncp(10, 19, 3, sparsity=0.5)
    assert [len(wiring.neurons(role)) for role in ('motor', 'command', 'inter')] == [3, 6, 10]
    assert (np.count_nonzero(wiring.sensory_adjacency, axis=1) >= 5).all()
    assert np.count_nonzero(wiring.adjacency[3:9, 3:9]) == 6
    smallest = auto_ncp(1, 3, 1, sparsity=0.0)
    assert (smallest.units, smallest.synapse_count, smallest.sensory_synapse_count) == (3, 3, 1)


def test_counts():
    full = fully_connected(4, 6, 2)
    assert (full.synapse_count, full.sensory_synapse_count) == (36, 24)
    assert fully_connected(4, 6, self_connections=False).synapse_count == 30
    assert fully_connected(4, 6).output_dim == 6
    sparse = random_wiring(4, 6, sparsity=0.75)
    assert (sparse.synapse_count, sparse.sensory_synapse_count) == (9, 6)
    assert 'sensory_synapses=6' in repr(sparse)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'inter': 0}, r'inter must be a whole number of at least 1\. Got 0'),
        ({'motor': 2.5}, r'motor must be a whole number.* Got 2\.5'),
        ({'sensory_fanout': 7}, r'sensory_fanout \(of 6 inter neurons\) must be a whole number from 1 to 6\. Got 7'),
        ({'inter_fanout': 5}, 'inter_fanout .* from 1 to 4'),
        ({'motor_fanin': 0}, 'motor_fanin .* from 1 to 4'),
        ({'recurrent_command_synapses': 17}, 'recurrent_command_synapses .* from 0 to 16'),
        ({'seed': -1}, 'seed must be'),
    ],
)
def test_impossible_ncp(change, message):
    with pytest.raises(InputError, match=message):
        ncp(**{**SIZES, **change})


def test_impossible_draws():
    with pytest.raises(InputError, match=r'units .* at least 5\. Got 4'):
        auto_ncp(4, 4, 3)
    with pytest.raises(InputError, match='sparsity must be a number of at least 0 and below 1'):
        auto_ncp(4, 19, 3, sparsity=1.0)
    with pytest.raises(InputError, match='sparsity'):
        random_wiring(4, 6, sparsity=-0.1)
    with pytest.raises(InputError, match=r'outputs .* from 1 to 6'):
        fully_connected(4, 6, 7)
    with pytest.raises(InputError, match='input_dim'):
        random_wiring(0, 6)


@pytest.mark.parametrize(
    ('adjacency', 'sensory', 'roles', 'message'),
    [
        (np.zeros((2, 3)), np.zeros((1, 2)), ('motor', 'inter'), 'adjacency must be'),
        (np.zeros((2, 2)), np.zeros((1, 3)), ('motor', 'inter'), 'sensory_adjacency must be'),
        (np.zeros((2, 2)), np.zeros((0, 2)), ('motor', 'inter'), 'inputs ≥ 1'),
        (np.full((2, 2), 2), np.zeros((1, 2)), ('motor', 'inter'), r'−1, 0 and \+1'),
        (np.zeros((2, 2)), np.zeros((1, 2)), ('motor', 'muscle'), "among .* Got \\['muscle'\\]"),
        (np.zeros((2, 2)), np.zeros((1, 2)), ('inter', 'motor'), 'ordered motor'),
        (np.zeros((2, 2)), np.zeros((1, 2)), ('inter', 'inter'), 'motor .at least one.'),
    ],
)
def test_impossible_matrices(adjacency, sensory, roles, message):
    with pytest.raises(InputError, match=message):
        Wiring(adjacency, sensory, roles)


def test_impossible_dictionaries():
    good = auto_ncp(4, 6, 2).to_dict()
    with pytest.raises(InputError, match='exactly the keys'):
        Wiring.from_dict({**good, 'colour': 1})
    with pytest.raises(InputError, match='synapses: each must be'):
        Wiring.from_dict({**good, 'synapses': [[0, 6, 1]]})
    with pytest.raises(InputError, match=r'Got \[0, 1, 300\]'):
        Wiring.from_dict({**good, 'sensory_synapses': [[0, 1, 300]]})
    with pytest.raises(InputError, match='role must be one of'):
        auto_ncp(4, 6, 2).neurons('sensory')
