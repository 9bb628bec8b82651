"""What each neuron of a policy does over a drive: how much it moves, with what, and what the commands take from it."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from lnn_controller.explain.held import Log
from lnn_controller.learning.build import load_network
from lnn_controller.liquid.memory import MixedMemory
from lnn_controller.liquid.ncp_cfc import NcpCfC, Stage
from lnn_controller.policy import Bundle
from lnn_controller.policy.step import PolicyStep

__all__ = ['Neuron', 'Neurons', 'Synapses', 'describe_neurons', 'synapses']

Floats = NDArray[np.float64]
COMPONENTS = 5


@dataclass(frozen=True)
class Neuron:
    """
    One neuron over a drive.

    :param number: of the neuron
    :param role: motor, command or inter; ``neuron`` in a cell without a wiring
    :param mean: of its state
    :param deviation: of its state
    :param correlation: of its state with each command, (C,); NaN where either stands still
    :param readout: share of what the readout takes from all neurons, their deviations by the weights, 0 … 1
    :param time_constants_s: 5th and 95th percentile, s; ``None``: the cell has none
    """

    number: int
    role: str
    mean: float
    deviation: float
    correlation: tuple[float, ...]
    readout: float
    time_constants_s: tuple[float, float] | None


@dataclass(frozen=True)
class Neurons:
    """
    All neurons over a drive.

    :param each: in their order, N of them
    :param components: share of the variance that each of the first principal components has
    :param recurrent: numbers of those on a loop of synapses, a synapse onto itself included; ``None``: no wiring
    """

    each: tuple[Neuron, ...]
    components: tuple[float, ...]
    recurrent: tuple[int, ...] | None


@dataclass(frozen=True)
class Synapses:
    """
    A wiring with its weights.

    :param sensory: root mean square over the heads of the cell, with the sign of what it drives the state to, (I, N)
    :param between: likewise between neurons, [source, destination], (N, N)
    """

    sensory: Floats
    between: Floats


def describe_neurons(bundle: Bundle, log: Log) -> Neurons:
    """
    Sum up what the neurons did.

    :param bundle: of the policy
    :param log: of at least two steps
    :returns: each, and all together
    """
    spec, network = bundle.spec, load_network(bundle)
    states = np.array([each.basis for each in log.steps], np.float64)
    commands = np.array([each.command for each in log.steps], np.float64)
    weight = network.readout.weight.detach().numpy().astype(np.float64)
    scale = network.command_scale.numpy().astype(np.float64) / spec.command_range
    deviation = states.std(0)
    taken = (np.abs(weight) * scale[:, None]).sum(0) * deviation
    wiring = spec.network.wiring
    roles = list(wiring['roles']) if wiring else ['neuron'] * spec.network.units
    taus = _time_constants(log.steps)
    neurons = tuple(
        Neuron(
            number,
            roles[number],
            float(states[:, number].mean()),
            float(deviation[number]),
            tuple(_correlation(states[:, number], channel) for channel in commands.T),
            float(taken[number] / max(taken.sum(), 1e-12)),
            None if taus is None else (float(taus[0, number]), float(taus[1, number])),
        )
        for number in range(spec.network.units)
    )
    power = np.linalg.svd(states - states.mean(0), compute_uv=False) ** 2
    components = power[:COMPONENTS] / max(float(power.sum()), 1e-12)
    return Neurons(neurons, tuple(components.tolist()), _recurrent(bundle))


def synapses(bundle: Bundle) -> Synapses | None:
    """
    Read the weights of a policy's synapses.

    :param bundle: of the policy
    :returns: them; ``None`` for a cell other than an NCP-CfC with a wiring
    """
    cell = load_network(bundle).cell
    if isinstance(cell, MixedMemory):
        cell = cell.cell
    if not isinstance(cell, NcpCfC) or cell.layers != 'wired':
        return None
    sensory, between = np.zeros((cell.input_size, cell.units)), np.zeros((cell.units, cell.units))
    for group, stage in zip(cell.groups, cast(list[Stage], list(cell.stages)), strict=True):
        columns = slice(group.start, group.stop)
        if stage.inputs is not None:
            sensory[:, columns] = _strength(stage.inputs.matrix().detach().numpy(), len(group))
        if stage.neurons is not None:
            sources = [neuron for source in stage.sources for neuron in cell.groups[source]]
            between[sources, columns] = _strength(stage.neurons.matrix().detach().numpy(), len(group))
    return Synapses(sensory, between)


def _strength(matrix: NDArray[np.float32], neurons: int) -> Floats:
    """Root mean square over the heads; its sign is that of the sum of the first two, which the new state is made of."""
    heads = matrix.astype(np.float64).reshape(len(matrix), -1, neurons)
    sign = np.sign(heads[:, :2].sum(1))
    return np.asarray(np.sqrt((heads**2).mean(1)) * np.where(sign == 0, 1.0, sign))


def _time_constants(steps: list[PolicyStep]) -> Floats | None:
    taus = [each.time_constants for each in steps if each.time_constants is not None]
    return np.percentile(np.array(taus, np.float64), (5.0, 95.0), axis=0) if taus else None


def _correlation(first: Floats, second: Floats) -> float:
    if min(first.std(), second.std()) < 1e-9:
        return float('nan')
    return float(np.corrcoef(first, second)[0, 1])


def _recurrent(bundle: Bundle) -> tuple[int, ...] | None:
    """Neurons that reach themselves."""
    wiring = bundle.spec.network.wiring
    if not wiring:
        return None
    units = bundle.spec.network.units
    reaches = np.zeros((units, units), bool)
    for source, destination, _ in wiring['synapses']:
        reaches[source, destination] = True
    for via in range(units):  # Warshall
        reaches |= reaches[:, via, None] & reaches[None, via]
    return tuple(np.flatnonzero(reaches.diagonal()).tolist())
