"""Sequences of samples at irregular times and of unequal lengths, with what is asked of them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.errors import InputError

__all__ = ['Series', 'forecasting']


class Series:
    """
    Sequences of samples with what is asked of them.

    :param x: samples, (B, T, I); what lies behind a sequence's length may be anything
    :param y: classes (B,); or numbers, (B, O) for each sequence or (B, T, O) for each step; None: nothing is asked
    :param dt: time since the sample before, in any unit, > 0, (B, T); None: 1 throughout
    :param lengths: samples of each sequence, 1 to T, (B,); None: all T
    :raises InputError: if shapes do not agree, a sample or target is not finite, or time does not go on
    """

    x: NDArray[np.float32]  #: (B, T, I)
    y: NDArray[Any] | None  #: as given, numbers as float32
    dt: NDArray[np.float32]  #: (B, T)
    lengths: NDArray[np.int64]  #: (B,)
    valid: NDArray[np.bool_]  #: which samples count, (B, T)

    def __init__(
        self, x: ArrayLike, y: ArrayLike | None = None, dt: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> None:
        self.x = np.asarray(x, np.float32)
        if self.x.ndim != 3 or not self.x.size:
            raise InputError(
                f'series must be (sequences, steps, channels), none of them 0. Got the shape {self.x.shape}'
            )
        batch, steps, _ = self.x.shape
        self.dt = np.ones((batch, steps), np.float32) if dt is None else np.asarray(dt, np.float32)
        self.lengths = np.full(batch, steps) if lengths is None else np.asarray(lengths, np.int64)
        if self.dt.shape != (batch, steps) or self.lengths.shape != (batch,):
            raise InputError(
                f'dt must be ({batch}, {steps}) and lengths ({batch},), as the series are. '
                f'Got {self.dt.shape} and {self.lengths.shape}'
            )
        if self.lengths.min() < 1 or self.lengths.max() > steps:
            raise InputError(f'lengths must be from 1 to {steps}. Got {self.lengths.min()} to {self.lengths.max()}')
        self.valid = np.arange(steps) < self.lengths[:, None]
        if not np.isfinite(self.x[self.valid]).all():
            raise InputError(
                'samples must be finite. Got NaN or infinity: leave such a sample out, dt tells of the gap'
            )
        counted = self.dt[self.valid]
        wrong = counted[~(np.isfinite(counted) & (counted > 0))]
        if wrong.size:
            raise InputError(f'dt must be above 0 and finite. Got {wrong[0]:g}')
        self.y = None if y is None else self._checked(np.asarray(y))

    def _checked(self, y: NDArray[Any]) -> NDArray[Any]:
        batch, steps = self.valid.shape
        if y.shape[:1] != (batch,) or y.ndim > 3 or (y.ndim == 3 and y.shape[1] != steps):
            raise InputError(
                f'y must be ({batch},), ({batch}, outputs) or ({batch}, {steps}, outputs), as the series are. '
                f'Got {y.shape}'
            )
        if y.ndim == 1:
            return y
        y = y.astype(np.float32)
        if not np.isfinite(y[self.valid] if y.ndim == 3 else y).all():
            raise InputError('y must be finite. Got NaN or infinity: leave such a sequence out')
        return y

    def __len__(self) -> int:
        return len(self.x)

    def part(self, which: NDArray[Any] | slice) -> 'Series':
        """
        Take some of the sequences.

        :param which: their numbers, or a slice
        :returns: these
        """
        y = None if self.y is None else self.y[which]
        return Series(self.x[which], y, self.dt[which], self.lengths[which])


def forecasting(x: ArrayLike, dt: ArrayLike | None = None, lengths: ArrayLike | None = None) -> Series:
    """
    Ask for the next sample at each step; how long until then is one more input.

    :param x: samples, (B, T + 1, C)
    :param dt: time since the sample before, > 0, (B, T + 1); None: 1 throughout
    :param lengths: samples of each sequence, 2 to T + 1, (B,); None: all
    :returns: inputs (B, T, C + 1), the next samples (B, T, C)
    :raises InputError: as of :class:`Series`, or if a sequence has but one sample
    """
    whole = Series(x, None, dt, lengths)
    if whole.lengths.min() < 2:
        raise InputError('a forecast needs sequences of at least 2 samples. Got one of 1')
    inputs = np.concatenate([whole.x[:, :-1], whole.dt[:, 1:, None]], 2)
    return Series(inputs, whole.x[:, 1:], whole.dt[:, :-1], whole.lengths - 1)
