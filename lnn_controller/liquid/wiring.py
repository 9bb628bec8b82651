"""
Wirings: which neuron talks to which, and with what sign.

Neurons are numbered as in the field's code: motor neurons first, then command, then inter. An adjacency entry
[source, destination] is +1 (excitatory synapse), −1 (inhibitory) or 0 (no synapse).
Source: Lechner et al., *Neural circuit policies enabling auditable autonomy*, Nature Machine Intelligence 2020.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lnn_controller.errors import InputError

__all__ = ['ROLES', 'Matrix', 'Wiring']

Matrix = npt.NDArray[np.int8]
ROLES = ('motor', 'command', 'inter')


@dataclass(frozen=True, eq=False)
class Wiring:
    """
    An immutable wiring diagram of a liquid network.

    :param adjacency: synapses between neurons with their polarity, (N, N), [source, destination] in {−1, 0, +1}
    :param sensory_adjacency: synapses from the inputs, (I, N), [input, destination] in {−1, 0, +1}
    :param roles: 'motor', 'command' or 'inter' for each neuron, (N,); motor first, then command, then inter
    :raises InputError: if shapes, entries or the order of roles are impossible
    """

    adjacency: Matrix
    sensory_adjacency: Matrix
    roles: tuple[str, ...]

    def __post_init__(self) -> None:
        adjacency = _polarities(self.adjacency, 'adjacency')
        sensory = _polarities(self.sensory_adjacency, 'sensory_adjacency')
        roles = tuple(self.roles)
        if adjacency.shape != (len(roles), len(roles)) or not roles:
            raise InputError(
                f'adjacency must be ({len(roles)}, {len(roles)}), one row per neuron role. Got {adjacency.shape}'
            )
        if sensory.shape[1] != len(roles) or not sensory.shape[0]:
            raise InputError(f'sensory_adjacency must be (inputs ≥ 1, {len(roles)}). Got {sensory.shape}')
        unknown = sorted({str(r) for r in roles} - set(ROLES))
        if unknown:
            raise InputError(f'neuron roles must be among {ROLES}. Got {unknown}')
        if list(roles) != sorted(roles, key=ROLES.index) or roles[0] != 'motor':
            raise InputError(f'neurons must be ordered motor (at least one), command, inter. Got {_run_lengths(roles)}')
        object.__setattr__(self, 'adjacency', adjacency)
        object.__setattr__(self, 'sensory_adjacency', sensory)
        object.__setattr__(self, 'roles', roles)

    @property
    def units(self) -> int:
        """Number of neurons, N."""
        return len(self.roles)

    @property
    def input_dim(self) -> int:
        """Number of inputs (sensory neurons), I."""
        return int(self.sensory_adjacency.shape[0])

    @property
    def output_dim(self) -> int:
        """Number of motor neurons."""
        return self.roles.count('motor')

    @property
    def synapse_count(self) -> int:
        """Number of synapses between neurons."""
        return int(np.count_nonzero(self.adjacency))

    @property
    def sensory_synapse_count(self) -> int:
        """Number of synapses from the inputs to neurons."""
        return int(np.count_nonzero(self.sensory_adjacency))

    def neurons(self, role: str) -> range:
        """
        Return the numbers of the neurons of one role; they are always contiguous.

        :param role: 'motor', 'command' or 'inter'
        :returns: a range, empty if the wiring has none
        :raises InputError: if there is no such role
        """
        if role not in ROLES:
            raise InputError(f'a neuron role must be one of {ROLES}. Got {role!r}')
        start = self.roles.index(role) if role in self.roles else 0
        return range(start, start + self.roles.count(role))

    def to_dict(self) -> dict[str, Any]:
        """
        Describe the wiring in plain numbers and strings, ready for JSON.

        :returns: ``roles`` (N,), ``input_dim``, and each synapse as [source, destination, polarity]
        """
        return {
            'input_dim': self.input_dim,
            'roles': list(self.roles),
            'synapses': _triples(self.adjacency),
            'sensory_synapses': _triples(self.sensory_adjacency),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """
        Rebuild a wiring from what :meth:`to_dict` gave.

        :param data: the dictionary
        :returns: an equal wiring
        :raises InputError: if a key is missing or unknown, or a synapse leads nowhere
        """
        wanted = {'input_dim', 'roles', 'synapses', 'sensory_synapses'}
        if set(data) != wanted:
            raise InputError(f'a wiring needs exactly the keys {sorted(wanted)}. Got {sorted(data)}')
        roles = tuple(data['roles'])
        return cls(
            adjacency=_matrix(data['synapses'], (len(roles), len(roles)), 'synapses'),
            sensory_adjacency=_matrix(data['sensory_synapses'], (data['input_dim'], len(roles)), 'sensory_synapses'),
            roles=roles,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wiring) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return (
            f'Wiring(inputs={self.input_dim}, {_run_lengths(self.roles)}, synapses={self.synapse_count}, '
            f'sensory_synapses={self.sensory_synapse_count})'
        )

    def _key(self) -> tuple[Any, ...]:
        return self.roles, self.adjacency.tobytes(), self.input_dim, self.sensory_adjacency.tobytes()


def _polarities(matrix: npt.ArrayLike, name: str) -> Matrix:
    """Copy into a read-only int8 matrix: a wiring must not change under the cell that was built from it."""
    given = np.asarray(matrix)
    if given.ndim != 2 or not np.isin(given, (-1, 0, 1)).all():
        raise InputError(f'{name} must be a 2-D matrix of −1, 0 and +1. Got shape {given.shape}')
    result = given.astype(np.int8, order='C', copy=True)
    result.flags.writeable = False
    return result


def _triples(matrix: Matrix) -> list[list[int]]:
    src, dst = np.nonzero(matrix)
    triples: list[list[int]] = np.stack([src, dst, matrix[src, dst]], axis=1).tolist()
    return triples


def _matrix(triples: Sequence[Sequence[int]], shape: tuple[int, int], name: str) -> Matrix:
    matrix = np.zeros(shape, np.int8)
    for triple in triples:
        src, dst, polarity = triple if len(triple) == 3 else (-1, -1, 0)
        if not (0 <= src < shape[0] and 0 <= dst < shape[1] and polarity in (-1, 1)):
            raise InputError(f'{name}: each must be [source, destination, −1 or +1] within {shape}. Got {list(triple)}')
        matrix[src, dst] = polarity
    return matrix


def _run_lengths(roles: Sequence[str]) -> str:
    return ', '.join(f'{role}={roles.count(role)}' for role in dict.fromkeys(roles))
