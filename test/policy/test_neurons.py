"""Neurons have their roles in their names, and are shown by them."""

from bundles import tiny_spec

from lnn_controller.policy import NetworkSpec
from lnn_controller.policy.neurons import by_role, neuron_names


def test_neurons_are_named_by_their_role():
    network = NetworkSpec('ncp_cfc', 3, 3, 12, 1.0, wiring={'roles': ['motor', 'command', 'inter']})
    assert neuron_names(tiny_spec(network=network)) == ['motor_0', 'command_1', 'inter_2']
    assert neuron_names(tiny_spec()) == [f'neuron_{index}' for index in range(5)]


def test_roles_come_in_the_order_of_a_signal():
    assert by_role(['motor_0', 'command_1', 'motor_2', 'inter_3']) == {'inter': [3], 'command': [1], 'motor': [0, 2]}
    assert by_role(['neuron_0', 'x']) == {'neuron': [0, 1]}
    assert by_role([]) == {}
