"""From range sensors' messages to the guard's points: laser scans, point clouds, and where the sensor sits."""

import math
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import LaserScan, PointCloud2, PointField

from lnn_controller.errors import InputError

__all__ = ['cloud_points', 'place', 'require_point_clouds', 'scan_points']

Floats = NDArray[np.float64]


def scan_points(message: LaserScan) -> Floats:
    """
    Read a laser scan.

    Ranges outside ``range_min`` … ``range_max``, +inf (nothing seen) and NaN (no measurement) are no points. −inf is
    one at ``range_min``: an obstacle too close to be measured (REP 117).

    :param message: the scan; intensities are ignored
    :returns: points in the sensor's frame, x forward, y left, m, (N, 2)
    :raises InputError: if the message does not say where its ranges lie
    """
    ranges = np.asarray(message.ranges, dtype=np.float64)
    start, increment = message.angle_min, message.angle_increment
    if not (math.isfinite(start) and math.isfinite(increment)) or (increment == 0.0 and ranges.size > 1):
        msg = (
            f'a scan of {ranges.size} ranges must have a finite angle_min and an angle_increment other than 0. '
            f'Got {start:g} and {increment:g}: check the driver of the laser scanner'
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
    ranges[ranges == -math.inf] = nearest
    seen = np.flatnonzero((ranges >= nearest) & (ranges <= farthest) & np.isfinite(ranges))
    angles = start + increment * seen
    return np.stack((np.cos(angles), np.sin(angles)), axis=1) * ranges[seen, np.newaxis]


def require_point_clouds() -> ModuleType:
    """
    Load the library that reads point clouds; call it before subscribing to one.

    :returns: the module ``sensor_msgs_py.point_cloud2``
    :raises InputError: if it is not installed
    """
    try:
        from sensor_msgs_py import point_cloud2
    except ImportError as error:
        msg = (
            'point clouds need the Python package sensor_msgs_py, which comes with a ROS installation and not from '
            f'PyPI. Got "{error}": apt install ros-$ROS_DISTRO-sensor-msgs-py and source that ROS, or use a laser '
            'scan with guard.source:=scan'
        )
        raise InputError(msg) from error
    return point_cloud2


def cloud_points(message: PointCloud2, min_height_m: float, max_height_m: float, sensor_z_m: float) -> Floats:
    """
    Read a point cloud: the points at the robot's height, seen from above.

    The sensor is taken to be mounted level. A cloud in a camera's optical frame, by REP 103's suffix ``_optical`` or
    the usual ``_optical_frame`` (x right, y down, z forward), is turned to x forward, y left, z up.

    :param message: the cloud, with fields x, y and z; other fields are ignored
    :param min_height_m: lowest points that count, above the ground, m
    :param max_height_m: highest points that count, above the ground, m
    :param sensor_z_m: height of the sensor above the ground, m
    :returns: points in the sensor's frame, x forward, y left, m, finite, (N, 2)
    :raises InputError: if the cloud cannot be read, or ``sensor_msgs_py`` is not installed
    """
    library = require_point_clouds()
    types = {field.name: field.datatype for field in message.fields}
    if not all(types.get(name) in (PointField.FLOAT32, PointField.FLOAT64) for name in 'xyz'):
        got = ', '.join(f'{name} (type {number})' for name, number in types.items()) or 'none'
        raise InputError(f'a point cloud must have float fields x, y and z. Got {got}')
    # The library reads rows as if they followed each other without a gap.
    if message.height > 1 and message.row_step != message.width * message.point_step:
        msg = f'a point cloud must have row_step = width * point_step. Got {message.row_step}, {message.width} and '
        raise InputError(msg + f'{message.point_step}: have its rows packed')
    try:
        points = library.read_points(message, field_names=['x', 'y', 'z'])
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        msg = f'a point cloud must be laid out as its fields say. Got {type(error).__name__}: {error}'
        raise InputError(msg) from error
    forward, left, up = points['x'], points['y'], points['z']
    if message.header.frame_id.endswith(('_optical', '_optical_frame')):
        forward, left, up = points['z'], -points['x'], -points['y']
    kept = (up >= min_height_m - sensor_z_m) & (up <= max_height_m - sensor_z_m)
    kept &= np.isfinite(forward) & np.isfinite(left)
    return np.stack((forward[kept], left[kept]), axis=1).astype(np.float64)


def place(points: Floats, x_m: float, y_m: float, yaw_rad: float) -> Floats:
    """
    Move points from the sensor's frame to base_link.

    :param points: (N, 2), m
    :param x_m: where the sensor sits, forward of base_link, m
    :param y_m: where the sensor sits, left of base_link, m
    :param yaw_rad: where the sensor looks, counter-clockwise from forward, rad
    :returns: (N, 2), m
    """
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    x, y = points[:, 0], points[:, 1]
    return np.stack((x_m + cos * x - sin * y, y_m + sin * x + cos * y), axis=1)
