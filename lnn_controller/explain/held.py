"""A policy of which some neurons are held at a value, and everything else goes on: a lesion that can be undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lnn_controller.learning.build import load_network
from lnn_controller.liquid.cfc import ClosedForm
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.policy import Bundle, Policy, PolicyStep
from lnn_controller.policy.step import Array

__all__ = ['HeldPolicy', 'Lesion', 'Log', 'run_lesions']


@dataclass(frozen=True)
class Lesion:
    """
    What is taken away from a network.

    :param name: of it, for people
    :param neurons: value by number at which neurons are held
    :param features: at which the encoder's features are held, (F,); ``None``: they are not
    :param imu: at which the IMU is held, (6,); ``None``: it is not
    :param memory: whether the state goes from tick to tick; without, it is wiped before each
    """

    name: str
    neurons: Mapping[int, float] = field(default_factory=dict)
    features: tuple[float, ...] | None = None
    imu: tuple[float, ...] | None = None
    memory: bool = True


@dataclass
class Log:
    """What went through a policy, step by step: a list of arrays each, and the frames that it encoded."""

    features: list[Array] = field(default_factory=list)
    imu: list[Array] = field(default_factory=list)
    dt_s: list[float] = field(default_factory=list)
    steps: list[PolicyStep] = field(default_factory=list)
    frames: list[NDArray[np.uint8]] = field(default_factory=list)


class HeldPolicy(Policy):
    """
    A policy that is computed by PyTorch, with a lesion; where nothing is held it gives the commands of its graphs.

    A neuron is held inside the step: neurons of the same step that hear it hear that value.

    :param bundle: a checked bundle of lnn train
    :param lesion: what is held
    :param log: where to note what goes through it; ``None``: nowhere
    :raises InputError: as :class:`Policy`, or if the weights are not those of the network that the spec describes
    """

    def __init__(self, bundle: Bundle, lesion: Lesion, log: Log | None = None) -> None:
        super().__init__(bundle, runtime='onnx')
        self._lesion, self._log = lesion, log
        self._held = _Held(load_network(bundle).eval(), [lesion])

    def encode(self, image: NDArray[np.uint8]) -> Array:
        """As of :class:`Policy`; held features are put in by :meth:`step`."""
        if self._log is not None:
            self._log.frames.append(image.copy())
        return super().encode(image)

    def step(self, features: Array, imu: Array | None, hx: Array, dt_s: float) -> PolicyStep:
        """As of :class:`Policy`, with what is held."""
        imu = None if self.spec.imu is None else imu
        made = self._held.step(features, imu, torch.from_numpy(hx)[None], dt_s)
        step = PolicyStep(*(None if each is None else each[0].numpy().copy() for each in made))  # type: ignore[arg-type]
        if self._log is not None:
            self._log.features.append(features)
            self._log.imu.append(np.zeros(6, np.float32) if imu is None else imu)
            self._log.dt_s.append(dt_s)
            self._log.steps.append(step)
        return step


def run_lesions(bundle: Bundle, lesions: Sequence[Lesion], log: Log) -> NDArray[np.float64]:
    """
    Let networks with lesions see again what went through a policy; what they command changes nothing of that.

    :param bundle: of the policy
    :param lesions: L of them
    :param log: of T steps
    :returns: commands, (T, L, C)
    :raises InputError: if the weights are not those of the network that the spec describes
    """
    held = _Held(load_network(bundle).eval(), lesions)
    hx = held.network.cell.initial_state(len(lesions))
    commands = []
    for features, imu, dt_s in zip(log.features, log.imu, log.dt_s, strict=True):
        command, hx, _, _ = held.step(features, None if bundle.spec.imu is None else imu, hx, dt_s)
        commands.append(command.numpy())
    return np.array(commands, np.float64)


class _Held:
    """A network under several lesions side by side, L of them."""

    def __init__(self, network: PolicyNetwork, lesions: Sequence[Lesion]) -> None:
        self.network = network
        count, units = len(lesions), network.cell.units
        self._is_held, self._value = torch.zeros(count, units, dtype=torch.bool), torch.zeros(count, units)
        for row, lesion in enumerate(lesions):
            for neuron, value in lesion.neurons.items():
                self._is_held[row, neuron], self._value[row, neuron] = True, value
        self._features = [each.features for each in lesions]
        self._imu = [each.imu for each in lesions]
        self._memory = torch.tensor([[each.memory] for each in lesions])
        # A cell whose groups of neurons follow each other within a step computes each group's states here.
        for module in network.modules():
            if isinstance(module, ClosedForm):
                module.register_forward_hook(self._hold_group)

    @torch.inference_mode()
    def step(
        self, features: Array, imu: Array | None, hx: Tensor, dt_s: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Give command, state, neurons and time constants of each, (L, ·)."""
        hx = torch.where(self._memory, hx, torch.zeros_like(hx))
        x = self.network.inputs(_rows(features, self._features), None if imu is None else _rows(imu, self._imu))
        step = self.network.cell.step(x, hx, dt_s * self.network.time_scale)
        neurons = torch.where(self._is_held, self._value, step.neurons)
        state = torch.cat([neurons, step.hx[:, neurons.shape[1] :]], 1)
        tau = step.time_constants
        return self.network.read(neurons), state, neurons, None if tau is None else tau / self.network.time_scale

    def _hold_group(self, _module: nn.Module, given: tuple[Any, ...], made: Tensor) -> Tensor:
        group = given[2] if len(given) > 2 else slice(None)
        return torch.where(self._is_held[:, group], self._value[:, group], made)


def _rows(value: Array, held: Sequence[tuple[float, ...] | None]) -> Tensor:
    return torch.from_numpy(np.array([value if each is None else each for each in held], np.float32))
