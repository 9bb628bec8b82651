"""Imitate: while the operator drives, learn what the readout should have given in this state."""

import math

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.adaptation.estimators import Excitation, Prequential, make_estimator
from lnn_controller.control.settings.adaptation import AdaptationSettings

__all__ = ['Imitation']

Floats = NDArray[np.float64]

# Of the neurons' states, which lie within ±1, and of a command in shares of its range: less is noise, or standing.
EXCITED_STATE, EXCITED_COMMAND = 0.01, 0.005
EXCITATION_WINDOW_S = 1.0
# ‖ΔW‖ per channel, in bounds of its correction: neurons move by a fraction of their range, so weights may be larger.
WEIGHT_ROOM = 4.0
WORSE = 1.1  # by how much the adapted error must exceed the frozen one to be called worse
SHORTEST_JUDGED_S = 0.5


class Imitation:
    """
    A linear correction of the frozen readout, command = (W + ΔW) φ with a constant among φ, learnt from the operator.

    The liquid network stays as it is, and only a readout of its whole state adapts, after Kobayashi (bioRxiv 2026,
    10.64898/2026.06.11.731593) and Neural-Fly (O'Connell et al., Science Robotics 2022). The correction is bounded
    twice: ‖ΔW‖ of each channel, and the correction itself. Whoever teaches nonsense cannot move a command further.

    :param command_range: largest command of each channel, (C,)
    :param neurons: N
    :param settings: how to learn
    """

    def __init__(self, command_range: Floats, neurons: int, settings: AdaptationSettings) -> None:
        self._range = command_range
        self._x = np.ones(neurons + 1)
        self._state_moves = Excitation(window_s=EXCITATION_WINDOW_S)
        self._command_moves = Excitation(window_s=EXCITATION_WINDOW_S)
        self.suspended = False
        self.rollbacks = 0
        self._begin(settings)

    @property
    def settings(self) -> AdaptationSettings:
        """How to learn; may be replaced at any time, and what was learnt stays, within the new bound."""
        return self._settings

    @settings.setter
    def settings(self, settings: AdaptationSettings) -> None:
        kept = self.weights
        self._begin(settings)
        self.weights = kept

    def _begin(self, settings: AdaptationSettings) -> None:
        self._settings = settings
        self._estimator = make_estimator(self._range.size, self._x.size, settings.rate, settings)
        self.judge = Prequential(self._range.size, window_s=settings.window_s)
        self._bound = settings.bound * self._range

    @property
    def weights(self) -> Floats:
        """ΔW in shares of the command range, the constant's column last, (C, N + 1)."""
        return self._estimator.weights

    @weights.setter
    def weights(self, weights: Floats) -> None:
        self.weights[:] = weights
        self._project()

    @property
    def norm(self) -> Floats:
        """‖ΔW‖ of each channel as a share of the largest allowed, 0 … 1, (C,)."""
        largest = WEIGHT_ROOM * self._settings.bound
        return _norms(self.weights) / largest if largest else np.zeros(self._range.size)

    def correction(self, basis: NDArray[np.float32]) -> Floats:
        """
        Return what to add to the network's command.

        :param basis: the neurons' states, (N,)
        :returns: m/s and rad/s, within the bound, (C,)
        """
        self._x[:-1] = basis
        return _within(self.weights @ self._x * self._range, self._bound)

    def learn(self, basis: NDArray[np.float32], command: Floats, target: Floats, dt_s: float) -> bool:
        """
        Predict, compare, then learn from one tick of the operator's.

        :param basis: the neurons' states, (N,)
        :param command: what the network wants, (C,)
        :param target: what the operator commands, (C,)
        :param dt_s: time since the previous tick, s
        :returns: whether it learnt; not where neither state nor operator moves (a stuck stick teaches nothing), where
            the error is in the dead zone, or after a rollback until the operator has let go
        """
        if self.suspended:
            return False
        most = self._range
        # What lies beyond the command range is never driven, neither the operator's nor the network's.
        target = _within(target, most)
        residual = target - _within(command, most)
        adapted = residual - self.correction(basis)
        moving = self._state_moves.update(basis.astype(np.float64), dt_s) >= EXCITED_STATE
        moving &= self._command_moves.update(target / most, dt_s) >= EXCITED_COMMAND
        if not moving:
            return False
        share = residual / most
        self.judge.update(share, adapted / most, dt_s)
        error = share - self.weights @ self._x
        error[np.abs(error) < self._settings.dead_zone] = 0.0
        if not error.any():
            return False
        self._estimator.update(self._x, error, dt_s)
        self._project()
        if self._worse():
            self.reset()
            self.suspended = True
            self.rollbacks += 1
        return True

    def end_override(self) -> None:
        """The operator has let go: the next takeover is another lesson."""
        self.suspended = False
        self._state_moves.reset()
        self._command_moves.reset()
        self.judge.reset()

    def reset(self) -> None:
        """Forget all that was learnt: the frozen readout again."""
        self._estimator.reset()
        self.judge.reset()

    def _worse(self) -> bool:
        frozen, adapted = (math.sqrt(float(np.add.reduce(each))) for each in self.judge.squares)
        worse = adapted > WORSE * frozen + self._settings.dead_zone
        return bool(worse and self.judge.seen_s >= SHORTEST_JUDGED_S)

    def _project(self) -> None:
        norm = self.norm
        for channel, share in enumerate(norm.tolist()):
            if share > 1.0:
                self.weights[channel] /= share
        if not self._settings.bound:
            self.weights[:] = 0.0


# np.clip and np.linalg.norm take most of a tick's time for arrays as small as these.
def _within(values: Floats, limit: Floats) -> Floats:
    return np.minimum(np.maximum(values, -limit), limit)


def _norms(rows: Floats) -> Floats:
    return np.asarray(np.sqrt(np.add.reduce(rows * rows, axis=1)))
