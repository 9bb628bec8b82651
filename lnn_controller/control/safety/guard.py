"""
The obstacle guard's geometry: how far the robot can go along a command before its outline touches a point.

Everything is in base_link: x forward, y left, m (REP 103). :func:`outside` and :func:`thin` are for each scan or cloud,
:func:`clearance` and :func:`guard_scale` for each control tick.
"""

import math
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.settings.guard import Footprint, GuardSettings

__all__ = ['clearance', 'guard_scale', 'inside', 'outside', 'thin']

Floats = NDArray[np.float64]

# A path this nearly straight is taken as straight (rad/m): 1 µm off after 4 m, and farther centres cost precision.
_STRAIGHT = 1e-7
# Contacts closer than this count as contacts, so that rounding never lets a touching point pass (m).
_TOUCH_M = 1e-7


def guard_scale(clearance_m: float, settings: GuardSettings) -> float:
    """
    Return how much of its speed the robot may keep; one factor for all channels, so that the path stays the same.

    :param clearance_m: from :func:`clearance`, m; NaN stops
    :param settings: where to slow down and to stop
    :returns: 0 up to the stop distance, 1 from the slow distance on, linear between
    """
    if clearance_m >= settings.slow_distance_m:
        return 1.0
    if clearance_m > settings.stop_distance_m:
        return (clearance_m - settings.stop_distance_m) / (settings.slow_distance_m - settings.stop_distance_m)
    return 0.0


def inside(points: Floats, footprint: Footprint) -> NDArray[np.bool_]:
    """
    Return which points lie within the robot's outline, its edge not counted.

    :param points: (N, 2)
    :param footprint: the robot's outline
    :returns: (N,)
    :raises ValueError: if the shape is not (N, 2)
    """
    x, y = _columns(points)
    return (x < footprint.front_m) & (x > -footprint.rear_m) & (y < footprint.left_m) & (y > -footprint.right_m)


def outside(points: Floats, footprint: Footprint) -> Floats:
    """
    Drop what cannot be an obstacle: the robot's own parts, and points that are not finite.

    A point on the very edge stays: it is touched, and the robot may only move away from it.

    :param points: (N, 2)
    :param footprint: the robot's outline
    :returns: the points left, (M, 2)
    :raises ValueError: if the shape is not (N, 2)
    """
    x, y = _columns(points)
    return points[np.isfinite(x) & np.isfinite(y) & ~inside(points, footprint)]


def thin(points: Floats, reach_m: float, footprint: Footprint, cell_m: float = 0.025) -> Floats:
    """
    Keep only points that can matter, at most one per cell of a grid: the one nearest to the robot's edges.

    The grid's lines lie along the footprint's edges, so each cell is either wholly in the robot's way or wholly
    beside it: along x and along y, forward and backward, :func:`clearance` is exactly that of all points. On other
    paths (arcs, diagonals, turning) a point that was dropped is within √2 · ``cell_m`` of one that was kept; a
    footprint larger by that much is on the safe side of all points.

    :param points: points outside the footprint, (N, 2); points that are not finite are dropped
    :param reach_m: how far :func:`clearance` will look, m
    :param footprint: the robot's outline
    :param cell_m: longest side of a cell, m, > 0
    :returns: some of the points, (M, 2)
    :raises ValueError: if the shape is not (N, 2) or ``cell_m`` is not positive
    """
    if not (math.isfinite(cell_m) and cell_m > 0):
        raise ValueError(f'cell_m must be positive. Got {cell_m}')
    near = points[_within(points, footprint, reach_m)]
    x, y = near[:, 0].astype(np.float64), near[:, 1].astype(np.float64)
    column, beyond_x = _lane(x, footprint.rear_m, footprint.front_m, cell_m)
    row, beyond_y = _lane(y, footprint.right_m, footprint.left_m, cell_m)
    # One integer per cell: sorting one is several times quicker than sorting by two.
    order = np.argsort(np.square(beyond_x) + np.square(beyond_y))
    _, first = np.unique(((column << 32) + row)[order], return_index=True)
    return near[order[first]]


def clearance(velocity: Sequence[float], points: Floats, footprint: Footprint, reach_m: float) -> float:
    """
    Find how far the robot can go along a command before its footprint touches a point.

    A constant command moves the robot along a line or about a fixed centre; seen from the robot, each point moves
    along a line or a circle. The result is where the first comes in across one of the four edges: in closed form,
    exact to rounding, with no samples to slip between. Touching counts, and what misses by less than 0.1 µm.

    Only coming in counts. A point on an edge blocks the way into it (0) but not the way along or away from it; a
    point inside the footprint (see :func:`outside`) does not count until it has left.

    The distance is the time that it takes, by the larger of the speed and the turn rate times the circumradius: the
    path of base_link or, where the robot turns more than it drives, that of its farthest corner about base_link.

    :param velocity: linear x and y, m/s; angular z, rad/s; (3,)
    :param points: obstacles, (N, 2); points that are not finite are passed over
    :param footprint: the robot's outline
    :param reach_m: how far to look, m
    :returns: the distance, m, ≥ 0; ``inf`` if nothing is within reach or the robot stands still
    :raises ValueError: if a velocity is not finite or the shape is not (N, 2)
    """
    if not all(map(math.isfinite, velocity)):
        raise ValueError(f'clearance needs finite velocities. Got {velocity}')
    linear_x, linear_y, angular_z = velocity
    speed = math.hypot(linear_x, linear_y)
    x, y = points[_within(points, footprint, reach_m)].T.astype(np.float64)
    if x.size == 0 or (speed == 0.0 and angular_z == 0.0):
        return math.inf
    if abs(angular_z) <= _STRAIGHT * speed:
        distances = _straight(linear_x / speed, linear_y / speed, x, y, footprint)
    else:
        distances = _arc(-linear_y / angular_z, linear_x / angular_z, angular_z > 0, x, y, footprint)
    nearest = max(float(distances.min(initial=math.inf)), 0.0)
    return nearest if nearest <= reach_m else math.inf


def _straight(along_x: float, along_y: float, x: Floats, y: Floats, footprint: Footprint) -> Floats:
    """Where points come in across the edges that face the way, along a unit vector; distances of those that do."""
    found = []
    x_edge = footprint.front_m if along_x > 0 else -footprint.rear_m
    y_edge = footprint.left_m if along_y > 0 else -footprint.right_m
    for edge, speed, drift, ahead, beside, low, high in (
        (x_edge, along_x, along_y, x, y, -footprint.right_m, footprint.left_m),
        (y_edge, along_y, along_x, y, x, -footprint.rear_m, footprint.front_m),
    ):
        if abs(speed) > 1e-12:  # an edge that advances more slowly than this reaches nothing
            way = (ahead - edge) / speed
            across = beside - way * drift
            meets = (across <= high + _TOUCH_M) & (across >= low - _TOUCH_M) & (way >= -_TOUCH_M)
            found.append(way[meets])
    return np.concatenate(found)


def _arc(centre_x: float, centre_y: float, left: bool, x: Floats, y: Floats, footprint: Footprint) -> Floats:
    """Where points come in across the edges while the robot turns about a centre; distances of those that do."""
    radius = max(math.hypot(centre_x, centre_y), footprint.circumradius_m)
    sense = 1.0 if left else -1.0
    low_x, high_x, low_y, high_y = -footprint.rear_m, footprint.front_m, -footprint.right_m, footprint.left_m
    # Only what lies between the circles of the footprint's nearest and farthest place can be touched.
    gap_x = max(low_x - centre_x, centre_x - high_x, 0.0)
    gap_y = max(low_y - centre_y, centre_y - high_y, 0.0)
    span = math.hypot(max(high_x - centre_x, centre_x - low_x), max(high_y - centre_y, centre_y - low_y))
    from_centre = np.hypot(x - centre_x, y - centre_y)
    swept = (from_centre >= math.hypot(gap_x, gap_y) - _TOUCH_M) & (from_centre <= span + _TOUCH_M)
    x, y = x[swept], y[swept]
    found = []
    # A point's circle crosses an edge's line twice, in and out; the edge's side tells which place is the way in.
    for edge, side, along, across, centre, other, low, high, flip in (
        (high_x, -sense, x, y, centre_x, centre_y, low_y, high_y, 1.0),
        (low_x, sense, x, y, centre_x, centre_y, low_y, high_y, 1.0),
        (high_y, sense, y, x, centre_y, centre_x, low_x, high_x, -1.0),
        (low_y, -sense, y, x, centre_y, centre_x, low_x, high_x, -1.0),
    ):
        # Factored: the difference of two squares of a far centre would leave nothing but rounding.
        square = np.square(across - other) + (along - edge) * (along + edge - 2.0 * centre)
        root = side * np.sqrt(np.maximum(square, 0.0))
        meets = (square >= -_TOUCH_M * _TOUCH_M) & (root + other <= high + _TOUCH_M) & (root + other >= low - _TOUCH_M)
        at_along, at_across = edge - centre, root[meets]
        from_along, from_across = along[meets] - centre, across[meets] - other
        cross = flip * sense * (at_along * from_across - at_across * from_along)
        way = radius * np.arctan2(cross, at_along * from_along + at_across * from_across)
        found.append(np.where(way < -_TOUCH_M, way + 2.0 * math.pi * radius, way))
    return np.concatenate(found)


def _within(points: Floats, footprint: Footprint, reach_m: float) -> NDArray[np.bool_]:
    """Whether each point is in the square that the footprint cannot leave: base_link goes no farther than the reach."""
    x, y = _columns(points)
    farthest = min(reach_m + footprint.circumradius_m + _TOUCH_M, sys.float_info.max)  # never lets inf pass
    return (np.abs(x) <= farthest) & (np.abs(y) <= farthest)


def _lane(values: Floats, below: float, above: float, cell_m: float) -> tuple[NDArray[np.int64], Floats]:
    """Number the cells along one axis, with lines on both edges; and how far beyond the edges each value is."""
    across = math.ceil((below + above) / cell_m)
    over, under = values - above, -below - values
    inner = np.clip((values + below) * (across / (below + above)), 0, across - 1)
    cells = np.where(over > 0, across + over / cell_m, np.where(under > 0, -under / cell_m, inner))
    return np.floor(cells).astype(np.int64), np.maximum(np.maximum(over, under), 0.0)


def _columns(points: Floats) -> tuple[Floats, Floats]:
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f'points must have the shape (N, 2). Got {points.shape}')
    return points[:, 0], points[:, 1]
