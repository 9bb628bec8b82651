"""Linear models that learn from one sample at a time: recursive least squares with forgetting, and normalised LMS."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.settings.adaptation import AdaptationSettings

__all__ = ['Estimator', 'Excitation', 'LeastMeanSquares', 'Prequential', 'RecursiveLeastSquares', 'make_estimator']

Floats = NDArray[np.float64]
Signal = Floats | float  # one number is worth no array: numpy takes ten times as long for it


class Estimator(Protocol):
    """What learns y ≈ W x; ``weights`` is (C, N)."""

    weights: Floats

    def update(self, x: Floats, error: Floats, dt_s: float) -> None:
        """Learn from the regressors x, (N,), and what the prediction lacked, (C,), dt_s after the last update."""

    def reset(self) -> None:
        """Forget all: weights of zero."""


class RecursiveLeastSquares:
    """
    Recursive least squares for C outputs that share their regressors, and so one covariance.

    Gain and covariance are those of Ljung, System Identification (1999), eq. 11.12, in units of the noise. Plain
    exponential forgetting divides the covariance by λ: in directions that nothing excites it grows for ever, and the
    next excitation throws the weights (wind-up). Here it goes back towards its prior instead, P ← P + (1 − λ)(P₀ − P),
    with λ = exp(−Δt / memory): a Kalman filter for weights that wander within the prior (ibid., section 11.6). It is
    therefore never above the prior, however long and however poor the data.

    :param outputs: C
    :param inputs: N
    :param prior: variance of each weight before anything was learnt, in units of the noise's variance: a number, or
        one per regressor, (N,)
    :param memory_s: time after which a sample counts 1/e, s; ``inf``: nothing is forgotten
    """

    def __init__(self, outputs: int, inputs: int, *, prior: float | Floats, memory_s: float) -> None:
        self.memory_s = memory_s
        self._prior = np.full(inputs, prior, np.float64)
        self.weights = np.zeros((outputs, inputs))
        self.covariance = np.diag(self._prior)
        self._diagonal = self.covariance.reshape(-1)[:: inputs + 1]  # a view

    def update(self, x: Floats, error: Floats, dt_s: float) -> None:
        """
        Learn from one sample.

        :param x: regressors, (N,)
        :param error: what the prediction lacked of the truth, (C,)
        :param dt_s: time since the last update, s
        """
        covariance = self.covariance
        projected = covariance @ x
        scale = 1.0 / (1.0 + float(x @ projected))
        self.weights += np.multiply.outer(error, scale * projected)
        # The product is symmetric to the bit, so the covariance stays so.
        covariance -= np.multiply.outer(projected, projected) * scale
        kept = math.exp(-dt_s / self.memory_s)
        covariance *= kept
        self._diagonal += (1.0 - kept) * self._prior

    def reset(self) -> None:
        """Forget all."""
        self.weights[:] = 0.0
        self.covariance[:] = 0.0
        self._diagonal[:] = self._prior


class LeastMeanSquares:
    """
    Normalised least mean squares, W ← W + μ e xᵀ / (1 + xᵀx) (Haykin, Adaptive Filter Theory, 2014, chapter 7).

    The plain choice: no covariance, so nothing can go wrong with one; slower where regressors are correlated.

    :param outputs: C
    :param inputs: N
    :param rate: step size μ, 0 < μ < 2
    """

    def __init__(self, outputs: int, inputs: int, *, rate: float) -> None:
        self.rate = rate
        self.weights = np.zeros((outputs, inputs))

    def update(self, x: Floats, error: Floats, dt_s: float) -> None:
        """
        Learn from one sample.

        :param x: regressors, (N,)
        :param error: what the prediction lacked of the truth, (C,)
        :param dt_s: not used: the step is per sample
        """
        self.weights += np.multiply.outer(error, x * (self.rate / (1.0 + float(x @ x))))

    def reset(self) -> None:
        """Forget all."""
        self.weights[:] = 0.0


def make_estimator(outputs: int, inputs: int, prior: float | Floats, settings: AdaptationSettings) -> Estimator:
    """
    Make the estimator that the settings name.

    :param outputs: C
    :param inputs: N
    :param prior: of recursive least squares, as :class:`RecursiveLeastSquares` takes it
    :param settings: how to learn
    :returns: one that has learnt nothing yet
    """
    if settings.method == 'rls':
        return RecursiveLeastSquares(outputs, inputs, prior=prior, memory_s=settings.memory_s)
    return LeastMeanSquares(outputs, inputs, rate=settings.rate)


class Excitation:
    """
    How much a signal has moved of late: its largest per-component standard deviation in an exponential window.

    Without movement there is nothing to tell slope from offset, and what would be learnt is an accident (persistent
    excitation: Åström and Wittenmark, Adaptive Control, 1995, section 2.4).

    :param window_s: time constant of the window, s
    """

    _mean: Signal | None
    _variance: Signal

    def __init__(self, *, window_s: float) -> None:
        self._window_s = window_s
        self.reset()

    def update(self, x: Signal, dt_s: float) -> float:
        """
        Take a sample.

        :param x: the signal, (N,), or a number
        :param dt_s: time since the last one, s
        :returns: the standard deviation, in the signal's unit
        """
        if self._mean is None:
            self._mean, self._variance = x, 0.0 * x
        share = 1.0 - math.exp(-dt_s / self._window_s)
        away = x - self._mean
        self._mean = self._mean + share * away
        variance = self._variance = self._variance + share * ((1.0 - share) * away * away - self._variance)
        return math.sqrt(variance if isinstance(variance, float) else variance.max())

    def reset(self) -> None:
        """Begin anew."""
        self._mean, self._variance = None, 0.0


class Prequential:
    """
    Predict, then learn: the errors of two predictors over an exponential window (Dawid 1984; Gama et al. 2013).

    :param outputs: C; ``None``: one, as a number
    :param window_s: time constant of the window, s
    """

    seen_s: float
    _frozen: Signal
    _adapted: Signal

    def __init__(self, outputs: int | None, *, window_s: float) -> None:
        self._window_s = window_s
        self._nothing: Signal = 0.0 if outputs is None else np.zeros(outputs)
        self.reset()

    def update(self, frozen: Signal, adapted: Signal, dt_s: float) -> None:
        """
        Take one moment's errors.

        :param frozen: of the predictor that never learns, (C,), or a number
        :param adapted: of the one that does, before it has learnt from this moment, alike
        :param dt_s: time since the last one, s
        """
        # At first a plain mean over what was seen, so that the beginning (zero) does not weigh.
        self.seen_s += dt_s
        share = max(1.0 - math.exp(-dt_s / self._window_s), dt_s / self.seen_s)
        self._frozen = self._frozen + share * (frozen * frozen - self._frozen)
        self._adapted = self._adapted + share * (adapted * adapted - self._adapted)

    @property
    def squares(self) -> tuple[Signal, Signal]:
        """Mean square of either error, frozen then adapted, each (C,), or a number."""
        return self._frozen, self._adapted

    @property
    def rms(self) -> Floats:
        """Root of the mean square of either error, frozen then adapted, (2, C), or (2,)."""
        return np.asarray(np.sqrt(np.array(self.squares)))

    def reset(self) -> None:
        """Begin anew."""
        self._frozen = self._adapted = self._nothing
        self.seen_s = 0.0
