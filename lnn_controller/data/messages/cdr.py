"""View serialised messages: the fields that a decision needs, without building the message."""

import re
import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError

__all__ = [
    'Cdr',
    'IncompleteImuError',
    'Odometry',
    'ackermann_from_cdr',
    'imu_from_cdr',
    'odometry_from_cdr',
    'points_down',
    'pose_from_cdr',
    'stamp_from_cdr',
    'twist_from_cdr',
]

_PADDING = 3  # Fast DDS and Cyclone DDS round a payload up to four bytes
IMU_DOUBLES = 37  # quaternion 4, covariance 9, gyro 3, covariance 9, accelerometer 3, covariance 9
GYRO, ACCEL = slice(13, 16), slice(25, 28)
GYRO_COVARIANCE, ACCEL_COVARIANCE = 16, 28
_ODOMETRY_DOUBLES = 85  # pose: position 3, quaternion 4, covariance 36; twist: 6, covariance 36
_POSE_DOUBLES = 43
_POINTS_DOWN = re.compile(r'(^|[/_])(ned|frd)$')


class Cdr:
    """
    A cursor over plain CDR (OMG CDR, as ROS 2 serialises), aligned relative to the end of the 4-byte header.

    Each method reads the next field and moves on. Only InputError leaves it, whatever the bytes.

    :param buffer: encapsulation header and body, bytes-like
    :param kind: what is expected, for the error
    :raises InputError: if the encapsulation is not plain CDR
    """

    def __init__(self, buffer: Any, kind: str) -> None:
        self.view = memoryview(buffer).cast('B')
        self.kind = kind
        self.offset = 0
        if len(self.view) < 4 or self.view[0] != 0 or self.view[1] > 1:
            raise self.error('its encapsulation header is not that of plain CDR')
        self.order = '<' if self.view[1] else '>'
        self.body = self.view[4:]

    def error(self, reason: str) -> InputError:
        """
        Word an error about these bytes.

        :param reason: what is wrong with them
        :returns: the error, to be raised
        """
        size = len(self.view)
        return InputError(f'a serialised {self.kind} is needed. Got {size} bytes that are none: {reason}')

    def numbers(self, layout: str, *, align: int = 4) -> tuple[Any, ...]:
        """
        Read numbers of one size.

        :param layout: as in ``struct``, without byte order
        :param align: size of each, bytes
        :returns: the numbers
        :raises InputError: if the bytes end before
        """
        start = -(-self.offset // align) * align
        layout = self.order + layout
        self.offset = start + struct.calcsize(layout)
        if self.offset > len(self.body):
            raise self.error('cut off')
        return struct.unpack_from(layout, self.body, start)

    def header(self) -> tuple[int, str]:
        """
        Read a std_msgs/Header.

        :returns: stamp, ns; frame_id
        :raises InputError: if the bytes are none
        """
        sec, nanosec = self.numbers('iI')
        return sec * 1_000_000_000 + nanosec, self.string()

    def string(self) -> str:
        """
        Read a string.

        :returns: the text
        :raises InputError: if the bytes end before, or are none
        """
        (length,) = self.numbers('I')
        if not length:
            return ''
        start, self.offset = self.offset, self.offset + length
        if self.offset > len(self.body):
            raise self.error('cut off inside a text')
        text = bytes(self.body[start : self.offset])
        if text[-1:] != b'\0':  # the length counts the closing zero
            raise self.error('a text does not end with zero')
        try:
            return text[:-1].decode()
        except UnicodeDecodeError:
            raise self.error('a text is not UTF-8') from None

    def octets(self) -> NDArray[np.uint8]:
        """
        View a ``uint8[]``.

        :returns: its bytes, not copied, (n,)
        :raises InputError: if there are fewer than announced
        """
        (length,) = self.numbers('I')
        start, self.offset = self.offset, self.offset + length
        if self.offset > len(self.body):
            raise self.error(f'{length} bytes of data announced, {len(self.body) - start} there')
        return np.frombuffer(self.body, np.uint8, length, start)

    def end(self) -> None:
        """
        Check that nothing but padding is left.

        :raises InputError: if there is more
        """
        if len(self.body) - self.offset > _PADDING:
            raise self.error(f'{len(self.body) - self.offset} bytes left over')


class IncompleteImuError(InputError):
    """
    An IMU message that declares its gyro or its accelerometer absent: what it holds there is no measurement.

    :param absent: what it lacks, in words
    """

    def __init__(self, absent: str) -> None:
        super().__init__(f'an IMU needs gyro and accelerometer in one message. Got one that declares no {absent}')
        self.absent = absent


def imu_from_cdr(buffer: Any) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """
    Read gyro and accelerometer from the serialised bytes of a sensor_msgs/Imu, several times faster than rclpy does.

    :param buffer: CDR with its encapsulation header, bytes-like
    :returns: header stamp, ns; gyro x, y, z, rad/s, (3,); accelerometer x, y, z with gravity, m/s², (3,)
    :raises IncompleteImuError: if it declares either absent: the first element of its covariance is −1
    :raises InputError: if the bytes are not such a message
    """
    cdr = Cdr(buffer, 'sensor_msgs/Imu')
    stamp_ns, _ = cdr.header()
    numbers = cdr.numbers(f'{IMU_DOUBLES}d', align=8)
    cdr.end()
    if numbers[GYRO_COVARIANCE] == -1.0 or numbers[ACCEL_COVARIANCE] == -1.0:
        raise _incomplete(numbers)
    return stamp_ns, numbers[GYRO], numbers[ACCEL]


def points_down(*frame_ids: str) -> str:
    """
    Find the frame whose z points down by its name, as MAVROS names PX4's own: ``odom_ned``, ``base_link_frd``.

    :param frame_ids: of a message
    :returns: the first that is north-east-down or forward-right-down, against REP-103; '' where none is
    """
    return next((each for each in frame_ids if _POINTS_DOWN.search(each)), '')


class Odometry(NamedTuple):
    """
    A nav_msgs/Odometry without its covariances.

    :param stamp_ns: header stamp, ns
    :param frame: of the pose
    :param child_frame: of the twist, as its publisher names it
    :param position: x, y, z, m, (3,)
    :param orientation: quaternion x, y, z, w, (4,)
    :param twist: linear x, y, z, m/s, then angular x, y, z, rad/s, (6,)
    """

    stamp_ns: int
    frame: str
    child_frame: str
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    twist: tuple[float, ...]


def odometry_from_cdr(buffer: Any) -> Odometry:
    """
    Read the serialised bytes of a nav_msgs/Odometry.

    :param buffer: CDR with its encapsulation header, bytes-like
    :returns: pose and twist
    :raises InputError: if the bytes are not such a message, or z points down in one of its frames
    """
    cdr = Cdr(buffer, 'nav_msgs/msg/Odometry')
    stamp_ns, frame = cdr.header()
    child_frame = cdr.string()
    numbers = cdr.numbers(f'{_ODOMETRY_DOUBLES}d', align=8)
    cdr.end()
    _check_up(frame, child_frame)
    twist = numbers[_POSE_DOUBLES : _POSE_DOUBLES + 6]
    return Odometry(stamp_ns, frame, child_frame, numbers[:3], numbers[3:7], twist)


def pose_from_cdr(buffer: Any) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """
    Read the serialised bytes of a geometry_msgs/PoseStamped.

    :param buffer: CDR with its encapsulation header, bytes-like
    :returns: header stamp, ns; position x, y, z, m, (3,); orientation: quaternion x, y, z, w, (4,)
    :raises InputError: if the bytes are not such a message, or z points down in its frame
    """
    cdr = Cdr(buffer, 'geometry_msgs/msg/PoseStamped')
    stamp_ns, frame = cdr.header()
    numbers = cdr.numbers('7d', align=8)
    cdr.end()
    _check_up(frame)
    return stamp_ns, numbers[:3], numbers[3:]


def _check_up(*frame_ids: str) -> None:
    if down := points_down(*frame_ids):
        raise InputError(f'odometry and poses must have z up (REP-103). Got the frame {down}, in which it points down')


def _incomplete(numbers: tuple[float, ...]) -> IncompleteImuError:
    parts = {'gyro, angular_velocity': GYRO_COVARIANCE, 'accelerometer, linear_acceleration': ACCEL_COVARIANCE}
    absent = [f'{part}_covariance[0] = -1' for part, index in parts.items() if numbers[index] == -1.0]
    return IncompleteImuError(' and no '.join(absent))


def stamp_from_cdr(buffer: Any) -> int:
    """
    Read the stamp of any message that begins with a std_msgs/Header.

    :param buffer: CDR with its encapsulation header, bytes-like
    :returns: header stamp, ns
    :raises InputError: if the bytes do not begin with a header
    """
    return Cdr(buffer, 'a message with a header').header()[0]


def ackermann_from_cdr(buffer: Any, msgtype: str) -> tuple[int, float, float]:
    """
    Read speed and steering from the serialised bytes of an AckermannDrive or AckermannDriveStamped.

    :param buffer: CDR with its encapsulation header, bytes-like
    :param msgtype: ``ackermann_msgs/msg/AckermannDrive`` or ``ackermann_msgs/msg/AckermannDriveStamped``
    :returns: header stamp, ns, 0 for an AckermannDrive, which has none; speed, m/s; steering angle of a virtual wheel
        in the middle of the front axle, rad, left positive
    :raises InputError: if the bytes are not such a message
    """
    cdr = Cdr(buffer, msgtype)
    stamp_ns = cdr.header()[0] if msgtype.endswith('Stamped') else 0
    angle, _, speed, _, _ = cdr.numbers('5f')  # with the angle's rate, acceleration and jerk
    cdr.end()
    return stamp_ns, speed, angle


def twist_from_cdr(buffer: Any, msgtype: str) -> tuple[int, NDArray[np.float64]]:
    """
    Read the velocity from the serialised bytes of a Twist or TwistStamped.

    :param buffer: CDR with its encapsulation header, bytes-like
    :param msgtype: ``geometry_msgs/msg/Twist`` or ``geometry_msgs/msg/TwistStamped``
    :returns: header stamp, ns, 0 for a Twist, which has none; linear x, y, z, m/s, then angular x, y, z, rad/s, (6,)
    :raises InputError: if the bytes are not such a message
    :raises ValueError: if ``msgtype`` is neither
    """
    if msgtype not in ('geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'):
        raise ValueError(f'a velocity is in a Twist or a TwistStamped. Got {msgtype!r}')
    cdr = Cdr(buffer, msgtype)
    stamp_ns = 0 if msgtype == 'geometry_msgs/msg/Twist' else cdr.header()[0]
    values = cdr.numbers('6d', align=8)
    cdr.end()
    return stamp_ns, np.array(values)
