"""Who reads what: a spec's wiring as matrices, and the names of inputs and neurons in comments."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.export.c.network import Network

__all__ = ['Wiring', 'input_names', 'neuron_comment', 'read_wiring']

# The wiring class of `liquid` is not imported: its room loads PyTorch.
ROLES = ('motor', 'command', 'inter')
_IMU = [f'{what} {axis}' for what in ('gyro', 'acceleration') for axis in 'xyz']


class Wiring(NamedTuple):
    """
    A wiring.

    :param roles: of each neuron: motor first, then command, then inter, (N,)
    :param adjacency: polarity of the synapse [source, destination], 0 where there is none, (N, N)
    :param sensory: the same from the inputs, (I, N)
    """

    roles: Sequence[str]
    adjacency: NDArray[np.int8]
    sensory: NDArray[np.int8]

    def group(self, role: str) -> range:
        """
        Return the neurons of a role.

        :param role: one of :data:`ROLES`
        :returns: their numbers, side by side
        """
        start = self.roles.index(role) if role in self.roles else 0
        return range(start, start + self.roles.count(role))


def read_wiring(network: Network) -> Wiring:
    """
    Read the wiring of a spec.

    :param network: with a wired cell
    :returns: the wiring
    :raises InputError: if there is none, or it does not fit the network's sizes
    """
    given, units = network.spec.network.wiring, network.spec.network.units
    try:
        roles = tuple(given['roles'])  # type: ignore[index]
        synapses, sensory = given['synapses'], given['sensory_synapses']  # type: ignore[index]
        adjacency = _matrix(synapses, (units, units)), _matrix(sensory, (network.inputs, units))
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        raise InputError(
            f'"network.wiring" must be one of {network.inputs} inputs and {units} neurons. Got another'
        ) from None
    if len(roles) != units or set(roles) - set(ROLES) or list(roles) != sorted(roles, key=ROLES.index):
        raise InputError(f'"network.wiring.roles" must be {units} neurons: motor, command, inter. Got other ones')
    return Wiring(roles, *adjacency)


def _matrix(triples: Iterable[Sequence[int]], shape: tuple[int, int]) -> NDArray[np.int8]:
    matrix = np.zeros(shape, np.int8)
    for source, destination, polarity in triples:
        if not (0 <= source < shape[0] and 0 <= destination < shape[1]) or polarity not in (-1, 1):
            raise ValueError
        matrix[source, destination] = polarity
    return matrix


def input_names(network: Network) -> list[str]:
    """
    Name the inputs of a cell.

    :param network: the network
    :returns: such as ``feature 0`` and ``gyro z``, (I,)
    """
    return [f'feature {i}' for i in range(network.spec.network.features)] + (_IMU if network.spec.imu else [])


def neuron_comment(network: Network, wiring: Wiring, neuron: int) -> str:
    """
    Say what a neuron is and what it reads.

    :param network: the network
    :param wiring: its wiring
    :param neuron: number of the neuron
    :returns: role, sources and polarity
    """
    names = input_names(network) + [f'neuron {n}' for n in range(len(wiring.roles))]
    column = np.concatenate([wiring.sensory, wiring.adjacency])[:, neuron]
    sources = [', '.join(names[i] for i in np.flatnonzero(column == sign)) for sign in (1, -1)]
    kinds = [f'{kind} by {who}' for kind, who in zip(('excited', 'inhibited'), sources) if who]
    return f'Neuron {neuron}, {wiring.roles[neuron]}: {"; ".join(kinds) or "reads nothing"}.'
