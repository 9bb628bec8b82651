"""Build ROS messages without ROS: what the simulator records, in the types of rosbags' Kilted store."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

__all__ = [
    'clock_message',
    'image_message',
    'imu_message',
    'odometry_message',
    'serialize',
    'twist_message',
    'twist_stamped_message',
    'typestore',
]

_ZEROS_9 = np.zeros(9)
_ZEROS_36 = np.zeros(36)


@lru_cache(maxsize=1)
def typestore() -> Typestore:
    """
    Return the store of message types that bags are written with: ROS 2 Kilted, as the rclpy wheels.

    The usual sensor and command types are byte for byte the same from Humble on.

    :returns: the one store of this process; do not register types in it
    """
    return get_typestore(Stores.ROS2_KILTED)


def serialize(message: Any) -> memoryview:
    """
    Serialise a message to little-endian CDR, as ROS 2 sends and records it.

    :param message: a message of :func:`typestore`
    :returns: encapsulation header (4 bytes) and body
    """
    return typestore().serialize_cdr(message, message.__msgtype__, little_endian=True)


def image_message(stamp_ns: int, image: NDArray[np.uint8], *, frame_id: str = 'camera_optical_frame') -> Any:
    """
    Build a sensor_msgs/Image of encoding rgb8.

    :param stamp_ns: time of exposure, ns
    :param image: rgb8 picture, (H, W, 3) uint8
    :param frame_id: frame of the camera (REP-103: an ``_optical_frame``)
    :returns: the message; it views ``image`` where that is contiguous
    :raises ValueError: if ``image`` is not (H, W, 3) uint8
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'an rgb8 image is (H, W, 3) uint8. Got {image.shape} {image.dtype}')
    height, width, _ = image.shape
    return _type('sensor_msgs/msg/Image')(
        header=_header(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding='rgb8',
        is_bigendian=0,
        step=width * 3,
        data=np.ascontiguousarray(image).reshape(-1),
    )


def imu_message(stamp_ns: int, gyro: ArrayLike, accel: ArrayLike, *, frame_id: str = 'imu_link') -> Any:
    """
    Build a sensor_msgs/Imu without orientation (marked by a covariance of −1, as the message's definition asks).

    :param stamp_ns: time of the sample, ns
    :param gyro: angular velocity x, y, z, rad/s, (3,)
    :param accel: specific force x, y, z with gravity, m/s², (3,)
    :param frame_id: frame of the sensor
    :returns: the message
    """
    no_orientation = _ZEROS_9.copy()
    no_orientation[0] = -1.0
    return _type('sensor_msgs/msg/Imu')(
        header=_header(stamp_ns, frame_id),
        orientation=_type('geometry_msgs/msg/Quaternion')(x=0.0, y=0.0, z=0.0, w=1.0),
        orientation_covariance=no_orientation,
        angular_velocity=_vector(gyro),
        angular_velocity_covariance=_ZEROS_9,
        linear_acceleration=_vector(accel),
        linear_acceleration_covariance=_ZEROS_9,
    )


def twist_message(*, linear: ArrayLike = (0.0, 0.0, 0.0), angular: ArrayLike = (0.0, 0.0, 0.0)) -> Any:
    """
    Build a geometry_msgs/Twist.

    :param linear: velocity x, y, z, m/s, (3,)
    :param angular: angular velocity x, y, z, rad/s, (3,)
    :returns: the message
    """
    return _type('geometry_msgs/msg/Twist')(linear=_vector(linear), angular=_vector(angular))


def twist_stamped_message(
    stamp_ns: int,
    *,
    linear: ArrayLike = (0.0, 0.0, 0.0),
    angular: ArrayLike = (0.0, 0.0, 0.0),
    frame_id: str = 'base_link',
) -> Any:
    """
    Build a geometry_msgs/TwistStamped: a velocity command, or a measured velocity.

    :param stamp_ns: time of the command, ns
    :param linear: velocity x, y, z, m/s, (3,)
    :param angular: angular velocity x, y, z, rad/s, (3,)
    :param frame_id: frame that the velocity is in
    :returns: the message
    """
    twist = twist_message(linear=linear, angular=angular)
    return _type('geometry_msgs/msg/TwistStamped')(header=_header(stamp_ns, frame_id), twist=twist)


def odometry_message(
    stamp_ns: int,
    *,
    position: ArrayLike,
    yaw: float = 0.0,
    orientation: ArrayLike | None = None,
    linear: ArrayLike = (0.0, 0.0, 0.0),
    angular: ArrayLike = (0.0, 0.0, 0.0),
    frame_id: str = 'odom',
    child_frame_id: str = 'base_link',
) -> Any:
    """
    Build a nav_msgs/Odometry.

    :param stamp_ns: time of the pose, ns
    :param position: x, y, z in ``frame_id``, m, (3,)
    :param yaw: heading of a body that stays level, rad, counter-clockwise from x
    :param orientation: of a body that does not, instead of its yaw: quaternion x, y, z, w, (4,)
    :param linear: velocity x, y, z in ``child_frame_id``, m/s, (3,)
    :param angular: angular velocity x, y, z in ``child_frame_id``, rad/s, (3,)
    :param frame_id: frame of the pose
    :param child_frame_id: frame of the twist
    :returns: the message
    """
    if orientation is None:
        orientation = (0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2))
    x, y, z = (float(v) for v in np.asarray(position))
    i, j, k, w = (float(v) for v in np.asarray(orientation))
    pose = _type('geometry_msgs/msg/Pose')(
        position=_type('geometry_msgs/msg/Point')(x=x, y=y, z=z),
        orientation=_type('geometry_msgs/msg/Quaternion')(x=i, y=j, z=k, w=w),
    )
    return _type('nav_msgs/msg/Odometry')(
        header=_header(stamp_ns, frame_id),
        child_frame_id=child_frame_id,
        pose=_type('geometry_msgs/msg/PoseWithCovariance')(pose=pose, covariance=_ZEROS_36),
        twist=_type('geometry_msgs/msg/TwistWithCovariance')(
            twist=twist_message(linear=linear, angular=angular), covariance=_ZEROS_36
        ),
    )


def clock_message(stamp_ns: int) -> Any:
    """
    Build a rosgraph_msgs/Clock.

    :param stamp_ns: simulated time, ns
    :returns: the message
    """
    return _type('rosgraph_msgs/msg/Clock')(clock=_time(stamp_ns))


def _type(name: str) -> Any:
    return typestore().types[name]


def _time(stamp_ns: int) -> Any:
    sec, nanosec = divmod(int(stamp_ns), 1_000_000_000)
    return _type('builtin_interfaces/msg/Time')(sec=sec, nanosec=nanosec)


def _header(stamp_ns: int, frame_id: str) -> Any:
    return _type('std_msgs/msg/Header')(stamp=_time(stamp_ns), frame_id=frame_id)


def _vector(values: ArrayLike) -> Any:
    x, y, z = (float(v) for v in np.asarray(values))
    return _type('geometry_msgs/msg/Vector3')(x=x, y=y, z=z)
