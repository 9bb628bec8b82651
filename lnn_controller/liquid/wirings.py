"""
Ways to draw a wiring: neural circuit policies, everything connected, or at random. The same seed, the same wiring.

Source: Lechner et al., *Neural circuit policies enabling auditable autonomy*, Nature Machine Intelligence 2020.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from lnn_controller.liquid.wiring import Matrix, Wiring
from lnn_controller.settings import check_number

__all__ = ['auto_ncp', 'fully_connected', 'ncp', 'random_wiring']


def ncp(
    *,
    input_dim: int,
    inter: int,
    command: int,
    motor: int,
    sensory_fanout: int,
    inter_fanout: int,
    recurrent_command_synapses: int,
    motor_fanin: int,
    seed: int = 22222,
) -> Wiring:
    """
    Draw a neural circuit policy: sensory → inter → command (with recurrence) → motor.

    No neuron is left out: an inter or command neuron that the draw forgot gets the layer's mean fan-in, a command
    neuron that no motor neuron listens to gets the mean fan-out. Unlike ncps the recurrent synapses are distinct, so
    there are exactly as many as asked for.

    :param input_dim: number of inputs (sensory neurons)
    :param inter: number of inter neurons
    :param command: number of command neurons
    :param motor: number of motor neurons, the outputs
    :param sensory_fanout: synapses from each input into the inter neurons
    :param inter_fanout: synapses from each inter neuron into the command neurons
    :param recurrent_command_synapses: synapses among the command neurons, self-synapses included
    :param motor_fanin: synapses into each motor neuron from the command neurons
    :param seed: of the draw
    :returns: the wiring
    :raises InputError: if a size is below 1 or a fan-out exceeds the layer it leads to
    """
    sizes = {'input_dim': input_dim, 'inter': inter, 'command': command, 'motor': motor}
    for name, size in sizes.items():
        check_number(name, size, whole=True, minimum=1)
    _within('sensory_fanout', sensory_fanout, 1, inter, 'inter neurons')
    _within('inter_fanout', inter_fanout, 1, command, 'command neurons')
    _within('motor_fanin', motor_fanin, 1, command, 'command neurons')
    _within('recurrent_command_synapses', recurrent_command_synapses, 0, command**2, 'pairs of command neurons')

    rng = _generator(seed)
    units = motor + command + inter
    adjacency = np.zeros((units, units), np.int8)
    sensory = np.zeros((input_dim, units), np.int8)
    motor_ids, command_ids, inter_ids = np.split(np.arange(units), [motor, motor + command])

    _connect(sensory, np.arange(input_dim), inter_ids, sensory_fanout, rng)
    _connect(adjacency, inter_ids, command_ids, inter_fanout, rng)
    _connect(adjacency.T, motor_ids, command_ids, motor_fanin, rng)  # transposed: a motor neuron chooses its sources
    pairs = rng.choice(command**2, size=recurrent_command_synapses, replace=False)
    adjacency[command_ids[pairs // command], command_ids[pairs % command]] = _signs(len(pairs), rng)
    return Wiring(adjacency, sensory, ('motor',) * motor + ('command',) * command + ('inter',) * inter)


def auto_ncp(input_dim: int, units: int, outputs: int, sparsity: float = 0.5, seed: int = 22222) -> Wiring:
    """
    Draw a neural circuit policy from its number of neurons and outputs alone.

    With d = 1 − sparsity: command = max(⌊0.4 (units − outputs)⌋, 1), the rest inter; fan-outs
    max(⌊d · targets⌋, 1); recurrent command synapses max(⌊2 d · command⌋, 1). Sizes as in ncps' ``AutoNCP``.

    :param input_dim: number of inputs
    :param units: number of neurons altogether
    :param outputs: number of motor neurons
    :param sparsity: share of the possible synapses that is left out, 0 ≤ sparsity < 1
    :param seed: of the draw
    :returns: the wiring
    :raises InputError: if fewer than two neurons are left beside the motor ones, or sparsity is out of range
    """
    check_number('input_dim', input_dim, whole=True, minimum=1)
    check_number('outputs', outputs, whole=True, minimum=1)
    check_number(f'units (outputs {outputs} + one inter + one command neuron)', units, whole=True, minimum=outputs + 2)
    density = 1.0 - check_number('sparsity', sparsity, minimum=0.0, below=1.0)
    command = max(int(0.4 * (units - outputs)), 1)
    inter = units - outputs - command
    return ncp(
        input_dim=input_dim,
        inter=inter,
        command=command,
        motor=outputs,
        sensory_fanout=max(int(inter * density), 1),
        inter_fanout=max(int(command * density), 1),
        recurrent_command_synapses=min(max(int(command * density * 2), 1), command**2),
        motor_fanin=max(int(command * density), 1),
        seed=seed,
    )


def fully_connected(
    input_dim: int, units: int, outputs: int | None = None, *, self_connections: bool = True, seed: int = 22222
) -> Wiring:
    """
    Connect every input and every neuron to every neuron; two of three synapses are excitatory, as in ncps.

    :param input_dim: number of inputs
    :param units: number of neurons
    :param outputs: number of motor neurons, the first ones; None: all
    :param self_connections: whether a neuron has a synapse onto itself
    :param seed: of the polarities
    :returns: the wiring; its neurons are motor and inter
    :raises InputError: if a size is below 1 or there are more outputs than neurons
    """
    rng, roles = _unlayered(input_dim, units, outputs, seed)
    adjacency = _signs(units * units, rng, excitatory=2 / 3).reshape(units, units)
    if not self_connections:
        np.fill_diagonal(adjacency, 0)
    return Wiring(adjacency, _signs(input_dim * units, rng, excitatory=2 / 3).reshape(input_dim, units), roles)


def random_wiring(
    input_dim: int, units: int, outputs: int | None = None, *, sparsity: float = 0.5, seed: int = 22222
) -> Wiring:
    """
    Draw synapses anywhere, (1 − sparsity) of all the possible ones; two of three are excitatory, as in ncps.

    :param input_dim: number of inputs
    :param units: number of neurons
    :param outputs: number of motor neurons, the first ones; None: all
    :param sparsity: share of the possible synapses that is left out, 0 ≤ sparsity < 1
    :param seed: of the draw
    :returns: the wiring; its neurons are motor and inter
    :raises InputError: if a size is below 1, there are more outputs than neurons, or sparsity is out of range
    """
    rng, roles = _unlayered(input_dim, units, outputs, seed)
    density = 1.0 - check_number('sparsity', sparsity, minimum=0.0, below=1.0)
    matrices = []
    for shape in ((units, units), (input_dim, units)):
        matrix = np.zeros(shape, np.int8)
        chosen = rng.choice(matrix.size, size=round(matrix.size * density), replace=False)
        matrix.ravel()[chosen] = _signs(len(chosen), rng, excitatory=2 / 3)
        matrices.append(matrix)
    return Wiring(matrices[0], matrices[1], roles)


def _connect(
    matrix: Matrix, src: npt.NDArray[Any], dst: npt.NDArray[Any], fanout: int, rng: np.random.Generator
) -> None:
    """Draw ``fanout`` random destinations for each source; then, for forgotten ones, the mean number of sources."""
    for s in src:
        matrix[s, rng.choice(dst, size=fanout, replace=False)] = _signs(fanout, rng)
    fanin = int(np.clip(len(src) * fanout // len(dst), 1, len(src)))
    for d in dst[~matrix[np.ix_(src, dst)].any(axis=0)]:
        matrix[rng.choice(src, size=fanin, replace=False), d] = _signs(fanin, rng)


def _signs(count: int, rng: np.random.Generator, excitatory: float = 0.5) -> Matrix:
    return np.where(rng.random(count) < excitatory, 1, -1).astype(np.int8)


def _unlayered(
    input_dim: int, units: int, outputs: int | None, seed: int
) -> tuple[np.random.Generator, tuple[str, ...]]:
    check_number('input_dim', input_dim, whole=True, minimum=1)
    check_number('units', units, whole=True, minimum=1)
    motor = units if outputs is None else outputs
    _within('outputs', motor, 1, units, 'neurons')
    return _generator(seed), ('motor',) * motor + ('inter',) * (units - motor)


def _generator(seed: int) -> np.random.Generator:
    check_number('seed', seed, whole=True, minimum=0)
    return np.random.default_rng(seed)


def _within(name: str, value: int, minimum: int, maximum: int, of: str) -> None:
    check_number(f'{name} (of {maximum} {of})', value, whole=True, minimum=minimum, maximum=maximum)
