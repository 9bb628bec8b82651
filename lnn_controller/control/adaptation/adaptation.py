"""Online adaptation: the frozen network's two linear adapters, when they may learn, and what is kept of it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.adaptation.actuator import MAX_GAIN, MIN_GAIN, ActuatorModel
from lnn_controller.control.adaptation.imitation import Imitation
from lnn_controller.control.settings.adaptation import AdaptationSettings
from lnn_controller.errors import InputError, short
from lnn_controller.policy import PolicySpec

__all__ = ['Adaptation', 'fingerprint']

Floats = NDArray[np.float64]
SNAPSHOT_VERSION = 1


def fingerprint(spec: PolicySpec) -> str:
    """
    Name a policy by what it computes: what was learnt on one readout is nonsense on another.

    :param spec: of the policy
    :returns: SHA-256 over those of its two graphs
    """
    graphs = [spec.files.get(name, '') for name in ('encoder.onnx', 'core.onnx')]
    return hashlib.sha256(' '.join(graphs).encode()).hexdigest()


class Adaptation:
    """
    What is learnt on top of a frozen policy.

    *Imitate* corrects the network's command, *respond* inverts each channel's actuator; in this order, so that what the
    operator teaches is meant as motion, whatever state the body is in. Both learn in shadow and live, and act in live.

    :param spec: of the policy
    :param settings: how to learn
    """

    def __init__(self, spec: PolicySpec, settings: AdaptationSettings) -> None:
        self._spec = spec
        self._settings = settings
        self.imitation = Imitation(spec.command_range, spec.network.units, settings)
        ranges = zip(spec.channels, spec.command_range, strict=True)
        self.actuators = {name: ActuatorModel(float(most), settings) for name, most in ranges}
        self.updates = 0
        self._kept = self.snapshot()

    @property
    def settings(self) -> AdaptationSettings:
        """How to learn; may be replaced between two ticks, and what was learnt stays."""
        return self._settings

    @settings.setter
    def settings(self, settings: AdaptationSettings) -> None:
        if settings == self._settings:
            return
        self._settings = settings
        self.imitation.settings = settings
        for actuator in self.actuators.values():
            actuator.settings = settings

    @property
    def rollbacks(self) -> int:
        """How often what was learnt turned out worse than nothing."""
        return self.imitation.rollbacks + sum(each.rollbacks for each in self.actuators.values())

    def correct(self, basis: NDArray[np.float32], command: NDArray[np.float32]) -> list[float]:
        """
        Return what the adapted network wants.

        :param basis: the neurons' states, (N,)
        :param command: what the frozen network wants, (C,)
        :returns: m/s and rad/s, (C,)
        """
        if self._settings.mode != 'live' or not self._settings.imitate:
            wanted: list[float] = command.tolist()
        else:
            wanted = (command + self.imitation.correction(basis)).tolist()
        return wanted

    def invert(self, wanted: Sequence[float]) -> list[float]:
        """
        Return what to send, so that the body does what is wanted.

        :param wanted: motion, (C,)
        :returns: command, (C,), not yet limited
        """
        if self._settings.mode != 'live' or not self._settings.respond:
            return list(wanted)
        return [actuator.invert(value) for actuator, value in zip(self.actuators.values(), wanted, strict=True)]

    def learn(
        self,
        dt_s: float,
        *,
        measured: Mapping[str, float],
        sent: Sequence[float],
        basis: NDArray[np.float32] | None = None,
        command: Sequence[float] = (),
        operator: Sequence[float] | None = None,
    ) -> None:
        """
        Learn from one tick, before its command is decided.

        :param dt_s: time since the previous tick, s
        :param measured: what the body did since then by channel, m/s and rad/s
        :param sent: what was sent at the previous tick, (C,)
        :param basis: the neurons' states, (N,); ``None`` where the network did not run
        :param command: what the frozen network wants at this tick, (C,)
        :param operator: what the operator commands at this tick; ``None`` where nobody does
        """
        settings = self._settings
        if settings.mode == 'frozen':
            return
        learnt = False
        if settings.respond:
            moving = any(sent)
            for (name, actuator), value in zip(self.actuators.items(), sent, strict=True):
                if name in measured:
                    learnt |= actuator.learn(value, measured[name], dt_s, moving=moving)
        if operator is None:
            self.imitation.end_override()
        elif settings.imitate and basis is not None:
            learnt |= self.imitation.learn(basis, np.asarray(command), np.array(self._motion(operator)), dt_s)
        self.updates += learnt

    def on_stop(self) -> None:
        """The robot was stopped: nothing is learnt from standing, nor from moving off."""
        self.imitation.end_override()
        for actuator in self.actuators.values():
            actuator.on_stop()

    def reset(self) -> None:
        """Forget all that was learnt."""
        self.imitation.reset()
        for actuator in self.actuators.values():
            actuator.reset()

    def roll_back(self) -> None:
        """Go back to the last snapshot that was kept or loaded; without one, to nothing learnt."""
        self.load(self._kept)

    def keep(self) -> dict[str, Any]:
        """
        Make what is learnt now what :meth:`roll_back` goes back to.

        :returns: its snapshot
        """
        self._kept = self.snapshot()
        return self._kept

    def snapshot(self) -> dict[str, Any]:
        """
        Return what was learnt.

        :returns: an object that JSON can hold
        """
        return {
            'format_version': SNAPSHOT_VERSION,
            'policy': self._spec.name,
            'policy_sha256': fingerprint(self._spec),
            'channels': list(self._spec.channels),
            'imitate': self.imitation.weights.tolist(),
            'respond': {name: [each.gain, each.offset] for name, each in self.actuators.items()},
        }

    def load(self, snapshot: Any) -> None:
        """
        Take what was learnt before, within the bounds of now.

        :param snapshot: as :meth:`snapshot` gave it
        :raises InputError: if it is of another policy or another format; nothing is changed then
        """
        if not isinstance(snapshot, Mapping) or set(snapshot) != set(self._kept):
            msg = f'a snapshot must be an object with {", ".join(self._kept)}. Got another'
            raise InputError(msg)
        for key in ('format_version', 'policy_sha256', 'channels'):
            if snapshot[key] != self._kept[key]:
                msg = f'a snapshot must have been learnt on this policy: {key} {self._kept[key]!r}. '
                raise InputError(f'{msg}Got {short(snapshot[key])}')
        weights = _numbers(snapshot['imitate'], self.imitation.weights.shape, 'imitate')
        names = list(self.actuators)
        respond = snapshot['respond']
        if not isinstance(respond, Mapping) or list(respond) != names:
            raise InputError(f'a snapshot\'s "respond" must name {", ".join(names)}. Got {short(respond)}')
        models = {name: _numbers(respond[name], (2,), f'respond.{name}') for name in names}
        for name, (gain, _) in models.items():
            if not MIN_GAIN <= gain <= MAX_GAIN:
                raise InputError(f"a snapshot's gain of {name} must be from {MIN_GAIN} to {MAX_GAIN}. Got {gain:g}")
        self.reset()  # also of how sure it was: the same from here, however it came here
        self.imitation.weights = weights
        for name, (gain, offset) in models.items():
            self.actuators[name].set(float(gain), float(offset))
        self._kept = dict(snapshot)

    def figures(self) -> dict[str, float]:
        """
        Return how it goes.

        :returns: by channel the prequential errors, frozen and adapted, of the operator's command (``imitate_…``) and
            of the body's motion (``respond_…``), m/s or rad/s; ‖ΔW‖ as a share of its bound; gain and offset; and how
            many ticks taught something, and how often it was rolled back
        """
        figures = {'learnt_ticks': float(self.updates), 'rollbacks': float(self.rollbacks)}
        norm, judged = self.imitation.norm, self.imitation.judge.rms
        for index, (name, actuator) in enumerate(self.actuators.items()):
            most = actuator.command_range
            figures |= {
                f'{name}.imitate_error_frozen': float(judged[0, index]) * most,
                f'{name}.imitate_error_adapted': float(judged[1, index]) * most,
                f'{name}.imitate_norm': float(norm[index]),
                f'{name}.respond_error_frozen': float(actuator.judge.rms[0]) * most,
                f'{name}.respond_error_adapted': float(actuator.judge.rms[1]) * most,
                f'{name}.respond_gain': actuator.gain,
                f'{name}.respond_trim': actuator.offset,
            }
        return figures

    def _motion(self, command: Sequence[float]) -> list[float]:
        """The motion that a command of the operator's brings about: who drives a worn robot steers against its wear."""
        if not self._settings.respond or self._settings.mode != 'live':
            return list(command)
        return [each.predict(value) for each, value in zip(self.actuators.values(), command, strict=True)]


def _numbers(value: Any, shape: tuple[int, ...], name: str) -> Floats:
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError):
        numbers = np.full(1, np.nan)
    if numbers.shape != shape or not np.isfinite(numbers).all():
        raise InputError(f'a snapshot\'s "{name}" must be finite numbers, {shape}. Got {str(value)[:60]}')
    return numbers
