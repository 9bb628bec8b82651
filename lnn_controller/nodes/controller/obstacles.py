"""What range sensors saw, for the guard: laser scans, what of it stands alone, and where the sensor sits."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import LaserScan

from lnn_controller.control.safety.guard import inside
from lnn_controller.control.safety.sight import Sight
from lnn_controller.control.settings.guard import Footprint
from lnn_controller.errors import InputError

__all__ = ['TURN_RAD', 'Bearings', 'Floats', 'Seen', 'place', 'require_sight', 'scan_points', 'supported']

Floats = NDArray[np.float64]

# Far beyond any sensor; a message with more is refused before memory and time go into it.
MAX_RAYS = 100_000
# A ray each 0.0006° at the finest, and one turn at the most, with room for rounding and a ray that closes the circle.
FINEST_RAD, TURN_RAD = 1e-5, 2.1 * math.pi
SUPPORT_M, FARTHEST_M = 0.1, 1e6


@dataclass(frozen=True)
class Bearings:
    """
    Where a range sensor looked, in its own frame.

    :param angles: counter-clockwise from forward, rad, (B,)
    :param measured: share of what it looked for in each that was a measurement, 0 … 1, (B,)
    :param spacing_rad: from one to the next
    :param of_points: which of them each point of :class:`Seen` lies in, (N,)
    :param point_share: what one point is of its bearing
    """

    angles: Floats
    measured: Floats
    spacing_rad: float
    of_points: NDArray[np.intp]
    point_share: float


@dataclass(frozen=True)
class Seen:
    """
    What a range sensor saw, in its own frame: x forward, y left.

    :param points: measured points, m, (N, 2)
    :param too_close: directions in which something is nearer than the sensor can measure, unit vectors, (K, 2)
    :param nearest_m: the nearest that it can measure, m
    :param bearings: where it looked; ``None`` where the message does not show it
    """

    points: Floats
    too_close: Floats
    nearest_m: float
    bearings: Bearings | None


def scan_points(message: LaserScan, min_valid: float) -> Seen:
    """
    Read a laser scan.

    A ray has measured if it gives a distance, or that there is nothing within its range: +inf, or more than
    ``range_max``. −inf is an obstacle too close to be measured (REP 117). NaN, zero and whatever else lies below
    ``range_min`` are no measurements, nor is what the scan announces by ``angle_max`` and does not hold: where too few
    rays have measured, nobody knows whether the way is free.

    :param message: the scan; intensities are ignored
    :param min_valid: share of rays that must have measured, 0 … 1; one at the least
    :returns: what was seen
    :raises InputError: if the message does not say where its ranges lie, or too few have measured
    """
    count = len(message.ranges)
    if count > MAX_RAYS:
        raise InputError(f'a scan must have at most {MAX_RAYS} ranges. Got {count}: check the driver of the scanner')
    ranges = np.asarray(message.ranges, dtype=np.float64)
    start, increment = message.angle_min, message.angle_increment
    turns = count > 1 and not (abs(increment) >= FINEST_RAD and abs(increment) * (count - 1) <= TURN_RAD)
    if not (math.isfinite(start) and math.isfinite(increment)) or turns:
        msg = (
            f'a scan of {count} ranges must have a finite angle_min, and an angle_increment other than 0 that keeps '
            f'them within one turn. Got {start:g} and {increment:g}: check the driver of the laser scanner'
        )
        raise InputError(msg)
    nearest, farthest = message.range_min, message.range_max
    # Written so that NaN fails. Limits left at zero would make the guard blind without a word.
    if not 0.0 <= nearest < farthest:
        msg = (
            f'a scan must have 0 <= range_min < range_max. '
            f'Got {nearest:g} and {farthest:g}: check the driver of the laser scanner'
        )
        raise InputError(msg)
    announced = _announced(message)
    if announced > count + 1:  # a scan that closes the circle may hold its first ray but once
        ranges = np.concatenate((ranges, np.full(announced - count, math.nan)))
        count = announced
    too_close = ranges == -math.inf
    # Zero is never a distance, also where range_min was left at zero: many drivers send it for "nothing came back".
    measured = (ranges >= nearest) & (ranges > 0.0)
    require_sight('scan', 'ranges', int(np.count_nonzero(measured | too_close)), count, min_valid)
    angles = start + increment * np.arange(count)
    directions = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    seen = measured & (ranges <= farthest) & np.isfinite(ranges)
    looked = Bearings(
        angles,
        (measured | too_close).astype(np.float64),
        abs(increment) if count > 1 else 0.0,
        np.flatnonzero(seen),
        1.0,
    )
    return Seen(directions[seen] * ranges[seen, np.newaxis], directions[too_close], nearest, looked)


def _announced(message: LaserScan) -> int:
    """How many rays a scan has by its angles, of one turn at the most; 0 where they do not say."""
    increment: float = message.angle_increment
    span: float = message.angle_max - message.angle_min
    if not (math.isfinite(span) and abs(increment) >= FINEST_RAD and span * increment > 0.0):
        return 0
    return min(round(min(abs(span), TURN_RAD) / abs(increment)) + 1, MAX_RAYS)


def require_sight(kind: str, what: str, measured: int, count: int, min_valid: float) -> None:
    """
    Check that a sensor saw enough.

    :param kind: of its message
    :param what: it holds
    :param measured: how many of these are measurements
    :param count: how many there are
    :param min_valid: share of them that must be, 0 … 1; one at the least
    :raises InputError: if fewer are
    """
    if not measured or measured < min_valid * count:
        share = f'{measured} of {count}'
        msg = f'a {kind} must have measured with at least {100 * min_valid:g} % of its {what} (guard.min_valid), or '
        raise InputError(f'{msg}nobody knows whether the way is free. Got {share}: is the sensor covered?')


def supported(seen: Seen, min_points: int, reach_m: float) -> Seen:
    """
    Leave out points that stand alone, as noise does.

    What lies within 0.1 m of a point counts for it, and some of what lies within 0.28 m: whole cells of 0.1 m. What is
    too close to be measured is never left out. Noise nearer than the guard looks is no measurement: what lies behind
    it was not seen.

    :param seen: what was seen
    :param min_points: how many points there must be about each, itself counted; 1: all stay
    :param reach_m: how far from the sensor the guard looks, m
    :returns: the same with fewer points
    """
    if min_points <= 1 or not len(seen.points):
        return seen
    # Farther than any guard looks, so what is clipped there does not matter.
    column, row = np.floor(np.clip(seen.points, -FARTHEST_M, FARTHEST_M) / SUPPORT_M).astype(np.int64).T
    cells, of_points, counts = np.unique((column << 32) + row, return_inverse=True, return_counts=True)
    about = np.zeros(len(cells), np.int64)
    for step in ((right << 32) + up for right in (-1, 0, 1) for up in (-1, 0, 1)):
        at = np.minimum(np.searchsorted(cells, cells + step), len(cells) - 1)
        about += np.where(cells[at] == cells + step, counts[at], 0)
    kept = (about >= min_points)[of_points]
    looked = seen.bearings
    if looked is not None:
        noise = looked.of_points[~kept & (np.hypot(*seen.points.T) < reach_m)]
        lost = np.bincount(noise, minlength=looked.angles.size) * looked.point_share
        looked = replace(looked, measured=looked.measured - lost, of_points=looked.of_points[kept])
    return replace(seen, points=seen.points[kept], bearings=looked)


def place(seen: Seen, x_m: float, y_m: float, yaw_rad: float, footprint: Footprint) -> tuple[Floats, Sight | None]:
    """
    Move what was seen from the sensor's frame to base_link.

    What is too close to be measured lies at the nearest that could be, and never inside the robot: a point there would
    be taken for a part of it. A ray that ends on the robot itself did not see what lies behind: it counts as one that
    has not measured.

    :param seen: what was seen
    :param x_m: where the sensor sits, forward of base_link, m
    :param y_m: where the sensor sits, left of base_link, m
    :param yaw_rad: where the sensor looks, counter-clockwise from forward, rad
    :param footprint: the robot's outline
    :returns: points, (N + K, 2), m; where the sensor measured, ``None`` where that is not known
    """
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    turn = np.array([[cos, sin], [-sin, cos]])
    here = np.array([x_m, y_m])
    directions = seen.too_close @ turn
    corner = np.array([[footprint.front_m, footprint.left_m], [footprint.rear_m, footprint.right_m]])
    edges = np.where(directions >= 0.0, corner[0], -corner[1])
    with np.errstate(divide='ignore', invalid='ignore'):
        ways = np.where(directions == 0.0, math.inf, (edges - here) / directions)
    around = -corner[1] <= here, here <= corner[0]
    beyond_m = ways.min(axis=1, initial=math.inf) if np.all(around) else np.zeros(len(directions))
    touching = here + directions * np.maximum(beyond_m, seen.nearest_m)[:, np.newaxis]
    # To the very edge: rounding must not put it inside.
    on_edge = np.abs(touching - edges) <= 1e-9
    points = here + seen.points @ turn
    placed = np.concatenate((points, np.where(on_edge, edges, touching)))
    looked = seen.bearings
    if looked is None:
        return placed, None
    hidden = np.bincount(looked.of_points[inside(points, footprint)], minlength=looked.angles.size) * looked.point_share
    return placed, Sight((x_m, y_m), looked.angles + yaw_rad, looked.measured - hidden, looked.spacing_rad)
