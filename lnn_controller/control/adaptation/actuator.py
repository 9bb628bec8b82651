"""Respond: learn an actuator's gain and offset, measured = gain · sent + offset, and send what gives the wanted."""

import math

import numpy as np

from lnn_controller.control.adaptation.estimators import Excitation, Prequential, make_estimator
from lnn_controller.control.settings.adaptation import AdaptationSettings

__all__ = ['MAX_GAIN', 'MIN_GAIN', 'ActuatorModel']

MIN_GAIN, MAX_GAIN = 0.4, 2.5  # a body further off than this needs a mechanic
NOISE = 0.05  # of a measurement, in shares of the command range: what lag and road add to the model
GAIN_SPREAD = 0.3  # how far a gain lies from 1 before anything was measured
EXCITED = 0.01  # of the sent command, in shares of the command range
SETTLED_S = 1.0  # the body must have moved for so long: what comes before is acceleration from rest
PLAUSIBLE = 2.0  # a measurement beyond so many command ranges is a blow, no answer to a command
WORSE = 1.1
SHORTEST_JUDGED_S = 0.5


class ActuatorModel:
    """
    One channel's actuator, by recursive least squares in the two numbers gain − 1 and offset.

    What was sent goes through a first-order lag first, for motor and steering take their time. Undoing the estimate,
    sent = (wanted − offset) / gain, is certainty-equivalence control (Åström and Wittenmark, Adaptive Control, 1995).

    :param command_range: the channel's largest command, m/s or rad/s
    :param settings: how to learn
    """

    def __init__(self, command_range: float, settings: AdaptationSettings) -> None:
        self.command_range = command_range
        self._x = np.ones(2)
        self._moves = Excitation(window_s=1.0)
        self._sent = 0.0
        self._moving_s = 0.0
        self.rollbacks = 0
        self._begin(settings)

    @property
    def settings(self) -> AdaptationSettings:
        """How to learn; may be replaced at any time, and what was learnt stays, within the new bound."""
        return self._settings

    @settings.setter
    def settings(self, settings: AdaptationSettings) -> None:
        gain, offset = self.gain, self.offset
        self._begin(settings)
        self.set(gain, offset)

    def _begin(self, settings: AdaptationSettings) -> None:
        self._settings = settings
        prior = (np.array([GAIN_SPREAD, max(settings.bound, 1e-6)]) / NOISE) ** 2
        self._estimator = make_estimator(1, 2, prior, settings)
        self.judge = Prequential(None, window_s=settings.window_s)

    @property
    def gain(self) -> float:
        """Share of a command's change that the body does."""
        return 1.0 + float(self._estimator.weights[0, 0])

    @property
    def offset(self) -> float:
        """What the body does without a command, m/s or rad/s."""
        return float(self._estimator.weights[0, 1]) * self.command_range

    def set(self, gain: float, offset: float) -> None:
        """
        Take values learnt before, held within the bounds.

        :param gain: see :attr:`gain`
        :param offset: see :attr:`offset`, m/s or rad/s
        """
        self._estimator.weights[0] = gain - 1.0, offset / self.command_range
        self._project()

    def invert(self, wanted: float) -> float:
        """
        Return what to send.

        :param wanted: what it should do, m/s or rad/s; zero stays zero
        :returns: what to send, m/s or rad/s
        """
        return (wanted - self.offset) / self.gain if wanted else 0.0

    def predict(self, sent: float) -> float:
        """
        Return what the body will do.

        :param sent: command, m/s or rad/s
        :returns: m/s or rad/s
        """
        return self.gain * sent + self.offset

    def learn(self, sent: float, measured: float, dt_s: float, *, moving: bool) -> bool:
        """
        Predict, compare, then learn from one tick.

        :param sent: what was sent at the previous tick, m/s or rad/s
        :param measured: what the body did since then, m/s or rad/s
        :param dt_s: time since the previous tick, s
        :param moving: whether the robot was commanded to move
        :returns: whether it learnt
        """
        lag_s = self._settings.lag_s
        self._sent += (1.0 - math.exp(-dt_s / lag_s) if lag_s else 1.0) * (sent - self._sent)
        self._moving_s = self._moving_s + dt_s if moving else 0.0
        if self._moving_s < SETTLED_S:
            return False
        asked = self._sent / self.command_range
        if self._moves.update(asked, dt_s) < EXCITED:
            return False
        measured = min(max(measured, -PLAUSIBLE * self.command_range), PLAUSIBLE * self.command_range)
        frozen = (measured - self._sent) / self.command_range
        ((gain_off, offset),) = self._estimator.weights.tolist()
        error = frozen - (gain_off * asked + offset)
        self.judge.update(frozen, error, dt_s)
        if abs(error) < self._settings.dead_zone:
            return False
        self._x[0] = asked
        self._estimator.update(self._x, np.array([error]), dt_s)
        frozen_rms, adapted_rms = (math.sqrt(each) for each in self.judge.squares)
        worse = self.judge.seen_s >= SHORTEST_JUDGED_S and adapted_rms > WORSE * frozen_rms + self._settings.dead_zone
        # An IMU that is mounted upside down, or not on this robot: better nothing than to act on that.
        if worse or not MIN_GAIN <= self.gain <= MAX_GAIN:
            self.reset()
            self.rollbacks += 1
        self._project()
        return True

    def on_stop(self) -> None:
        """The robot was stopped: what it does next is acceleration."""
        self._sent = self._moving_s = 0.0
        self._moves.reset()

    def reset(self) -> None:
        """Forget all that was learnt: the body does what is sent."""
        self._estimator.reset()
        self.judge.reset()

    def _project(self) -> None:
        weights, bound = self._estimator.weights, self._settings.bound
        ((gain_off, offset),) = weights.tolist()
        weights[0] = min(max(gain_off, MIN_GAIN - 1.0), MAX_GAIN - 1.0), min(max(offset, -bound), bound)
