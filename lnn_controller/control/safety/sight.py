"""Whether a range sensor has seen the robot's way: by the bearings in which it measured, and those it did not."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.settings.guard import Footprint

__all__ = ['Sight', 'half_turn']

Floats = NDArray[np.float64]

# A blind sector is as wide in the angles of each of these places, so none can lie between two of them.
_PLACES = np.arange(1, 13) / 12.0
_LITTLE = 0.1  # of what the robot sweeps: an edge that sweeps no more is not where it goes
_PIECES = 4  # of each edge of the outline: no piece fills half of the sensor's horizon


class Sight:
    """
    Where a range sensor looked, and where it measured.

    :param position: of the sensor in base_link, x forward and y left, m
    :param bearings: in which it looked, counter-clockwise from forward, rad, (N,)
    :param measured: share of what it looked for in each that was a measurement, 0 … 1, (N,)
    :param spacing_rad: from one bearing to the next; what lies farther from every bearing is out of its sight
    """

    def __init__(self, position: tuple[float, float], bearings: Floats, measured: Floats, spacing_rad: float) -> None:
        turned = half_turn(bearings)
        order = np.argsort(turned)
        once = turned[order]
        self._position = np.array(position)
        # Three turns, so that an interval across the back is an interval.
        self._bearings = np.concatenate((once - 2.0 * math.pi, once, once + 2.0 * math.pi))
        self._measured = np.concatenate(([0.0], np.cumsum(np.tile(measured[order], 3))))
        self._margin_rad = min(spacing_rad / 2.0 + 1e-6, math.pi)

    def covers(self, velocity: Sequence[float], footprint: Footprint, reach_m: float, min_valid: float) -> bool:
        """
        Return whether the sensor measured all along the way of a command.

        The outline is moved along the way; at each place, enough of what each leading edge sweeps must lie in bearings
        that have measured. So a blind sector that hides the far end of the way counts, however wide the near end is
        seen, and so does a blind front, however well the side is seen to which the robot swings.
        Bearings in which the sensor does not look are not judged: nothing that it sends could tell of them.

        :param velocity: linear x and y, m/s; angular z, rad/s; (3,); not all zero
        :param footprint: the robot's outline
        :param reach_m: how far to look, m, as :func:`lnn_controller.control.safety.guard.clearance` measures it
        :param min_valid: share that must have measured, 0 … 1
        :returns: whether it did
        """
        linear_x, linear_y, angular_z = velocity
        starts, stops, normals = _outline(footprint)
        middles = (starts + stops) / 2.0
        flow = np.array([linear_x, linear_y]) + angular_z * np.stack((-middles[:, 1], middles[:, 0]), axis=1)
        swept = np.maximum((flow * normals).sum(axis=1), 0.0) * np.hypot(*(stops - starts).T)
        turns, here = _poses(velocity, _PLACES * (reach_m / footprint.pace(velocity)))
        here = (here - self._position)[:, np.newaxis]
        first, last, middle = (np.einsum('pij,sj->psi', turns, each) + here for each in (starts, stops, middles))
        # The sensor sees a piece from behind, as it drives towards it; not one that has yet to pass the sensor.
        ahead = (np.einsum('pij,sj->psi', turns, normals) * middle).sum(axis=2) > 0.0
        start, stop = _bearings(first), _bearings(last)
        across = half_turn(stop - start)
        low = np.searchsorted(self._bearings, start + np.minimum(across, 0.0) - self._margin_rad, side='left')
        high = np.searchsorted(self._bearings, start + np.maximum(across, 0.0) + self._margin_rad, side='right')
        count = high - low
        looked = swept * (ahead & (count > 0))
        measured = looked * ((self._measured[high] - self._measured[low]) / np.maximum(count, 1))
        by_edge = (len(_PLACES), 4, _PIECES)
        looked, measured = looked.reshape(by_edge).sum(axis=2), measured.reshape(by_edge).sum(axis=2)
        enough = (measured > 1e-9 * looked) & (measured >= (min_valid - 1e-9) * looked)
        return bool(np.all(enough | (looked <= _LITTLE * swept.sum())))


def half_turn(angles: Floats) -> Floats:
    """
    Return the same directions within half a turn either way.

    :param angles: rad, of any shape
    :returns: −π … π, rad, of the same shape
    """
    return np.remainder(angles + math.pi, 2.0 * math.pi) - math.pi


@lru_cache(maxsize=4)
def _outline(footprint: Footprint) -> tuple[Floats, Floats, Floats]:
    """The outline's pieces, counter-clockwise: where each starts and stops, and its normal outward; (S, 2) each."""
    front, rear, left, right = footprint.front_m, -footprint.rear_m, footprint.left_m, -footprint.right_m
    corners = np.array([[front, right], [front, left], [rear, left], [rear, right]])
    along = np.roll(corners, -1, axis=0) - corners
    shares = np.arange(_PIECES) / _PIECES
    starts = (corners[:, np.newaxis] + along[:, np.newaxis] * shares[:, np.newaxis]).reshape(-1, 2)
    stops = np.roll(starts, -1, axis=0)
    normals = np.repeat(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]), _PIECES, axis=0)
    return starts, stops, normals


def _poses(velocity: Sequence[float], times_s: Floats) -> tuple[Floats, Floats]:
    """Where a command takes base_link: turned by (P, 2, 2), moved by (P, 2)."""
    linear_x, linear_y, angular_z = velocity
    angles = angular_z * times_s
    cos, sin = np.cos(angles), np.sin(angles)
    # The mean direction over an arc is that of its middle, and the chord is shorter than the arc by a sinc.
    chord = times_s * np.sinc(angles / (2.0 * math.pi))
    half_cos, half_sin = np.cos(angles / 2.0), np.sin(angles / 2.0)
    moved = np.stack((linear_x * half_cos - linear_y * half_sin, linear_x * half_sin + linear_y * half_cos), axis=1)
    return np.stack((cos, -sin, sin, cos), axis=1).reshape(-1, 2, 2), moved * chord[:, np.newaxis]


def _bearings(places: Floats) -> Floats:
    return np.arctan2(places[..., 1], places[..., 0])
