"""Is one better than the other? Of figures that pair: the same seeds of training, the same worlds."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['paired_bootstrap', 'probability_better']

REPEATS = 4000


def paired_bootstrap(ours: ArrayLike, theirs: ArrayLike, *, seed: int = 0) -> tuple[float, float, float]:
    """
    Bound the mean difference of two, resampling seeds and worlds alike, each as a whole.

    Efron and Tibshirani, *An introduction to the bootstrap*, 1993, section 13 (percentile interval). What is resampled
    are the seeds of training and the worlds, not the drives: drives of one seed are no evidence of their own.

    :param ours: figures of one, (seeds, worlds)
    :param theirs: of the other, from the same seeds and worlds, likewise
    :param seed: of the resampling
    :returns: mean of ours − theirs, and the ends of its interval of 95 %
    """
    difference = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    rng = np.random.default_rng(seed)
    seeds, worlds = (rng.integers(0, n, (REPEATS, n)) for n in difference.shape)
    means = difference[seeds[:, :, None], worlds[:, None, :]].mean(axis=(1, 2))
    low, high = np.quantile(means, (0.025, 0.975))
    return float(difference.mean()), float(low), float(high)


def probability_better(ours: ArrayLike, theirs: ArrayLike) -> float:
    """
    Estimate how often one is better than the other in the same world, whatever the seeds of both.

    Agarwal et al., *Deep reinforcement learning at the edge of the statistical precipice*, NeurIPS 2021 (probability
    of improvement, after Mann and Whitney): ties count half.

    :param ours: figures of one, smaller ones better, (seeds, worlds)
    :param theirs: of the other, (their seeds, worlds)
    :returns: 0 … 1; 0.5: neither
    """
    a, b = np.asarray(ours, np.float64)[:, None, :], np.asarray(theirs, np.float64)[None, :, :]
    return float(np.mean((a < b) + 0.5 * (a == b)))
