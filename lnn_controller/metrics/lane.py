"""How a lane was kept: departures, and the distance driven. Pure functions of arrays."""

import math

import numpy as np
from numpy.typing import ArrayLike

from lnn_controller.metrics.statistics import rms

__all__ = ['DEPARTURE_M', 'count_departures', 'distance', 'lane_figures']

DEPARTURE_M = 0.6  # half a lane: beyond it the reference point is out of the lane


def count_departures(cross_track_error_m: ArrayLike, *, limit_m: float = DEPARTURE_M) -> int:
    """
    Count how often a lane is left: once from leaving it until being back in it.

    :param cross_track_error_m: signed distance from the lane's centre, in order of time, (K,), m
    :param limit_m: distance beyond which the lane is left, m
    :returns: number of departures; starting outside is one
    """
    outside = np.abs(np.asarray(cross_track_error_m, np.float64)) > limit_m
    return int(np.count_nonzero(outside[1:] & ~outside[:-1]) + (outside.size > 0 and bool(outside[0])))


def distance(speed_m_s: ArrayLike, stamps_ns: ArrayLike) -> float:
    """
    Integrate speed over time by the trapezoidal rule: a car that is put back somewhere has not driven there.

    :param speed_m_s: speed, of either sign, (K,), m/s
    :param stamps_ns: its stamps, (K,), ns
    :returns: distance driven, m
    """
    speed = np.abs(np.asarray(speed_m_s, np.float64))
    dt_s = np.diff(np.asarray(stamps_ns, np.int64)) * 1e-9
    return float(np.sum((speed[1:] + speed[:-1]) / 2 * dt_s))


def lane_figures(cross_track_error_m: ArrayLike, put_back: int) -> dict[str, float | int]:
    """
    Sum up how a lane was kept.

    :param cross_track_error_m: signed distance from the lane's centre, in order of time, (K,), m
    :param put_back: how often the robot was put back on the lane
    :returns: ``departures``, ``cross_track_error_rms_m``, ``cross_track_error_max_m``; NaN of no values
    """
    error = np.asarray(cross_track_error_m, np.float64)
    return {
        # A robot that is put back at once may never be seen outside at a sample, and the other way round.
        'departures': max(count_departures(error), put_back),
        'cross_track_error_rms_m': rms(error),
        'cross_track_error_max_m': float(np.max(np.abs(error))) if error.size else math.nan,
    }
