"""Statistics of any samples. Pure functions of arrays."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['mean_rate', 'percentiles', 'rms']


def rms(values: ArrayLike) -> float:
    """
    Root of the mean square.

    :param values: any shape
    :returns: in the values' unit; NaN of no values
    """
    values = np.asarray(values, np.float64)
    return float(np.sqrt(np.mean(values * values))) if values.size else float('nan')


def mean_rate(stamps_ns: ArrayLike) -> float:
    """
    Events per second from the first to the last.

    :param stamps_ns: their stamps, (K,), ns
    :returns: rate, Hz; NaN of fewer than two, or of no time
    """
    stamps = np.asarray(stamps_ns, np.int64)
    span_s = float(stamps[-1] - stamps[0]) * 1e-9 if stamps.size else 0.0
    return (stamps.size - 1) / span_s if span_s > 0 else float('nan')


def percentiles(values: ArrayLike) -> tuple[float, float]:
    """
    The median and the value that 99 in 100 do not exceed.

    :param values: (K,)
    :returns: p50 and p99, interpolated linearly; NaN of no values
    """
    values = np.asarray(values, np.float64)
    if not values.size:
        return float('nan'), float('nan')
    p50, p99 = np.percentile(values, (50.0, 99.0))
    return float(p50), float(p99)
