"""Point clouds: what of one lies at the robot's height, seen from above, with the robot's tilt undone."""

import array
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

from lnn_controller.control.attitude import HeadingFrame
from lnn_controller.control.safety.sight import half_turn
from lnn_controller.data.messages.cdr import Cdr
from lnn_controller.errors import InputError
from lnn_controller.nodes.controller.obstacles import TURN_RAD, Bearings, Floats, Seen, require_sight

__all__ = ['Tilt', 'cloud_from_cdr', 'cloud_points']

# Far beyond any sensor; a message with more is refused before memory and time go into it.
MAX_POINTS, MAX_FIELDS = 2_000_000, 64
BEARING_ROWS = 48  # of a cloud, by which the directions of its columns are found
FLOATS = {PointField.FLOAT32: 'f4', PointField.FLOAT64: 'f8'}


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
    require_sight('point cloud', 'points', int(np.count_nonzero(measured)), x.size, min_valid)
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
