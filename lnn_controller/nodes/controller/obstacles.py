"""From range sensors' messages to the guard's points: laser scans, point clouds, and where the sensor sits."""

import array
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import LaserScan, PointCloud2, PointField

from lnn_controller.control.attitude import HeadingFrame
from lnn_controller.control.safety.guard import inside
from lnn_controller.control.safety.sight import Sight, half_turn
from lnn_controller.control.settings.guard import Footprint
from lnn_controller.data.messages.cdr import Cdr
from lnn_controller.errors import InputError

__all__ = ['Seen', 'Tilt', 'cloud_from_cdr', 'cloud_points', 'place', 'scan_points', 'supported']

Floats = NDArray[np.float64]

# Far beyond any sensor; a message with more is refused before memory and time go into it.
MAX_RAYS, MAX_POINTS, MAX_FIELDS = 100_000, 2_000_000, 64
# A ray each 0.0006° at the finest, and one turn at the most, with room for rounding and a ray that closes the circle.
FINEST_RAD, TURN_RAD = 1e-5, 2.1 * math.pi
SUPPORT_M, FARTHEST_M = 0.1, 1e6
BEARING_ROWS = 48  # of a cloud, by which the directions of its columns are found
FLOATS = {PointField.FLOAT32: 'f4', PointField.FLOAT64: 'f8'}


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


@dataclass(frozen=True)
class Tilt:
    """
    From the frame of a sensor on a robot that is tilted to that of the sensor on the robot made level.

    :param matrix: turns a point, (3, 3)
    :param offset: then added, m, (3,); its z makes heights those above base_link
    """

    matrix: Floats
    offset: Floats

    @classmethod
    def of(cls, frame: HeadingFrame, x_m: float, y_m: float, z_m: float, yaw_rad: float) -> 'Tilt':
        """
        Make it of how the robot is tilted and where the sensor sits.

        :param frame: the robot's heading frame
        :param x_m: where the sensor sits, forward of base_link, m
        :param y_m: where the sensor sits, left of base_link, m
        :param z_m: where the sensor sits, above base_link, m
        :param yaw_rad: where the sensor looks, counter-clockwise from forward, rad
        :returns: the same for each of its points
        """
        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        turned = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        level = np.array(frame[:3])
        offset = level @ np.array([x_m, y_m, z_m]) - np.array([x_m, y_m, 0.0])
        return cls(turned.T @ level @ turned, turned.T @ offset)

    def undo(self, *point: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """
        Make points level.

        :param point: forward, left, up in the sensor's frame, m, (N,) each
        :returns: the same of the robot made level, the last above base_link
        """
        with np.errstate(invalid='ignore', over='ignore'):
            for row, offset in zip(self.matrix.tolist(), self.offset.tolist(), strict=True):
                yield row[0] * point[0] + row[1] * point[1] + row[2] * point[2] + offset


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
    _require_sight('scan', 'ranges', int(np.count_nonzero(measured | too_close)), count, min_valid)
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


def cloud_from_cdr(buffer: bytes) -> PointCloud2:
    """
    Read the serialised bytes of a point cloud; of one with more fields than a cloud has, nothing is read.

    rclpy would make an object of each field, of millions too, and keep the control tick waiting meanwhile.

    :param buffer: CDR with its encapsulation header
    :returns: the cloud
    :raises InputError: if the bytes are none, or it has more than 64 fields
    """
    cdr = Cdr(buffer, 'sensor_msgs/PointCloud2')
    cloud = PointCloud2()
    cloud.header.stamp.sec, cloud.header.stamp.nanosec = cdr.numbers('iI')
    cloud.header.frame_id = cdr.string()
    cloud.height, cloud.width, count = cdr.numbers('3I')
    if count > MAX_FIELDS:
        raise _fields_error(count)
    for _ in range(count):
        name, (offset,) = cdr.string(), cdr.numbers('I')
        (datatype,), (elements,) = cdr.numbers('B', align=1), cdr.numbers('I')
        cloud.fields.append(PointField(name=name, offset=offset, datatype=datatype, count=elements))
    (bigendian,) = cdr.numbers('B', align=1)
    cloud.is_bigendian = bool(bigendian)
    cloud.point_step, cloud.row_step = cdr.numbers('2I')
    data = array.array('B')
    data.frombytes(cdr.octets().data)
    cloud.data = data
    (dense,) = cdr.numbers('B', align=1)
    cloud.is_dense = bool(dense)
    cdr.end()
    return cloud


def cloud_points(
    message: PointCloud2,
    min_height_m: float,
    max_height_m: float,
    sensor_z_m: float,
    min_valid: float,
    tilt: Tilt | None = None,
) -> Seen:
    """
    Read a point cloud: the points at the robot's height, seen from above.

    The sensor is taken to be mounted level. A cloud in a camera's optical frame, by REP 103's suffix ``_optical`` or
    the usual ``_optical_frame`` (x right, y down, z forward), is turned to x forward, y left, z up. Points that are not
    finite, or at the sensor itself (zeros), are no measurements.

    :param message: the cloud, with fields x, y and z; other fields are ignored
    :param min_height_m: lowest points that count, above the ground, m
    :param max_height_m: highest points that count, above the ground, m
    :param sensor_z_m: height of the sensor above the ground, m
    :param min_valid: share of points that must be measurements, 0 … 1; one at the least
    :param tilt: of the robot, which is undone before heights are looked at; ``None``: it is level
    :returns: what was seen
    :raises InputError: if the cloud is not laid out as its fields say, or too few of its points are measurements, or
        but one column of an organised one has any
    """
    x, y, z = _coordinates(message)
    measured = np.isfinite(x) & np.isfinite(y) & np.isfinite(z) & ((x != 0) | (y != 0) | (z != 0))
    _require_sight('point cloud', 'points', int(np.count_nonzero(measured)), x.size, min_valid)
    forward, left, up = x, y, z
    if message.header.frame_id.endswith(('_optical', '_optical_frame')):
        forward, left, up = z, -x, -y
    looked_at = forward, left
    if tilt is not None:
        forward, left, up = tilt.undo(forward, left, up)
    kept = measured & (up >= min_height_m - sensor_z_m) & (up <= max_height_m - sensor_z_m)
    points = np.stack((forward[kept], left[kept]), axis=1).astype(np.float64)
    looked = _columns(*looked_at, measured, kept, message.height)
    return Seen(points, np.zeros((0, 2)), 0.0, looked)


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


def _columns(
    forward: NDArray[Any], left: NDArray[Any], measured: NDArray[np.bool_], kept: NDArray[np.bool_], height: int
) -> Bearings | None:
    """
    Return where an organised cloud's columns look, by the points in them; ``None`` where columns are no bearings.

    A column with no measurement lies between its neighbours: that is how a blind sensor is seen. A cloud of
    one row, or one column, is a heap of points, of which nobody knows where those that are missing would have been.

    :raises InputError: if but one of several columns has measured: nobody knows then where the others look
    """
    columns = measured.size // max(height, 1)
    if height < 2 or columns < 2:
        return None
    shares = np.count_nonzero(measured.reshape(height, columns), axis=0) / height
    some = slice(0, None, max(height // BEARING_ROWS, 1))  # all points of a column lie in one direction
    if np.count_nonzero(measured.reshape(height, columns)[some].any(axis=0)) < 2:
        some = slice(None)  # those that measured may all lie between these rows
    rows, *sides = (each.reshape(height, columns)[some] for each in (measured, forward, left))
    ahead, beside = (np.where(rows, each, 0.0).sum(axis=0, dtype=np.float64) for each in sides)
    known = np.flatnonzero(rows.any(axis=0))
    if known.size < 2:
        msg = f'a point cloud of {columns} columns must have measured in two of them at least, or nobody knows where '
        raise InputError(f'{msg}the others look. Got 1: is the sensor covered?')
    seen, gaps = np.arctan2(beside[known], ahead[known]), np.diff(known)
    turns = half_turn(np.diff(seen))
    # Across columns that did not measure, which may be more than half a turn, it goes on as between close ones.
    close = gaps <= np.median(gaps)
    expected = gaps * float(np.median(turns[close] / gaps[close]))
    turns = expected + half_turn(turns - expected)
    angles = seen[0] + np.concatenate(([0.0], np.cumsum(turns)))
    steps = turns / gaps
    spacing = float(np.median(steps))
    if not spacing or np.mean(steps * spacing > 0) < 0.9 or np.ptp(angles) > TURN_RAD:
        return None
    index = np.arange(columns)
    # Beyond the outermost columns that measured, as far apart as the others are on the average.
    beyond = spacing * (np.minimum(index - known[0], 0) + np.maximum(index - known[-1], 0))
    every = np.interp(index, known, angles) + beyond
    return Bearings(every, shares, abs(spacing), np.flatnonzero(kept) % columns, 1.0 / height)


def _coordinates(message: PointCloud2) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Views of x, y and z, (N,) each, of the type that the cloud has; the layout is checked before a byte is read."""
    fields = {field.name: field for field in message.fields[: MAX_FIELDS + 1]}
    if len(message.fields) > MAX_FIELDS or len(fields) < len(message.fields):
        raise _fields_error(len(message.fields))
    if not all(name in fields and fields[name].datatype in FLOATS for name in 'xyz'):
        got = ', '.join(f'{name} (type {field.datatype})' for name, field in fields.items()) or 'none'
        raise InputError(f'a point cloud must have float fields x, y and z. Got {got}')
    height, width, step = message.height, message.width, message.point_step
    if height * width > MAX_POINTS:
        msg = f'a point cloud must have at most {MAX_POINTS} points. Got {height} × {width}: thin it out, with a '
        raise InputError(f'{msg}voxel filter for example')
    formats = {name: f'{">" if message.is_bigendian else "<"}{FLOATS[fields[name].datatype]}' for name in 'xyz'}
    ends = [fields[name].offset + np.dtype(formats[name]).itemsize for name in 'xyz']
    row_step = message.row_step if height > 1 else width * step
    fits = max(ends) <= step and width * step <= row_step and height * row_step == len(message.data)
    if not fits or any(fields[name].count > 1 for name in 'xyz'):
        msg = (
            f'a point cloud must be laid out as its fields say. Got {height} × {width} points of {step} bytes in rows '
            f'of {message.row_step}, x, y, z up to byte {max(ends)}, and {len(message.data)} bytes'
        )
        raise InputError(msg)
    shape, strides = (height, width), (row_step, step)
    if not height * width:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    x, y, z = (np.ndarray(shape, formats[n], message.data, fields[n].offset, strides).ravel() for n in 'xyz')
    return x, y, z


def _fields_error(count: int) -> InputError:
    return InputError(f'a point cloud must have at most {MAX_FIELDS} fields, each with a name of its own. Got {count}')


def _require_sight(kind: str, what: str, measured: int, count: int, min_valid: float) -> None:
    if not measured or measured < min_valid * count:
        share = f'{measured} of {count}'
        msg = f'a {kind} must have measured with at least {100 * min_valid:g} % of its {what} (guard.min_valid), or '
        raise InputError(f'{msg}nobody knows whether the way is free. Got {share}: is the sensor covered?')
