"""What drones send beside ROS's common messages, in ROS's axes: setpoints of MAVROS; PX4's own, by its DDS bridge."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.messages.cdr import Cdr, Odometry
from lnn_controller.data.messages.types import (
    POSITION_TARGET,
    SENSOR_COMBINED,
    TRAJECTORY_SETPOINT,
    VEHICLE_ODOMETRY,
)
from lnn_controller.errors import InputError

__all__ = [
    'NoVelocityError',
    'Setpoint',
    'position_target_from_cdr',
    'sensor_combined_from_cdr',
    'trajectory_setpoint_from_cdr',
    'vehicle_odometry_from_cdr',
]

# mavros_msgs/PositionTarget: coordinate_frame (MAVLink's MAV_FRAME) and bits of type_mask.
_WORLD_FRAMES, _HEADING_FRAMES = (1, 7), (8, 9)  # LOCAL(_OFFSET)_NED, BODY(_OFFSET)_NED
_IGNORE_VELOCITY, _IGNORE_YAW, _IGNORE_YAW_RATE = (8, 16, 32), 1024, 2048
# px4_msgs/VehicleOdometry, velocity_frame: how it is turned from its pose's frame.
_VELOCITY_IN_BODY, _VELOCITY_FRAMES = 3, (1, 2, 3)
_HALF_TURN = math.sqrt(0.5)


class NoVelocityError(InputError):
    """A setpoint of a position, a heading or a thrust, without the velocity or the yaw rate of a command."""

    def __init__(self, lacks: str) -> None:
        super().__init__(
            f'a setpoint must hold a velocity and a yaw rate. Got one without {lacks}: learn what was flown instead, '
            'with --command-topic and the name of an odometry'
        )


class Setpoint(NamedTuple):
    """
    What a flight controller is asked for.

    :param stamp_ns: header stamp, ns, 0 where the type has none
    :param twist: linear x, y, z, m/s, then angular x, y, z, rad/s, (6,)
    :param in_world: in the world's axes, z up; else ahead, left and up of the drone's heading
    """

    stamp_ns: int
    twist: NDArray[np.float64]
    in_world: bool


def position_target_from_cdr(buffer: Any) -> Setpoint:
    """
    Read the serialised bytes of a mavros_msgs/PositionTarget.

    :param buffer: CDR with its encapsulation header, bytes-like
    :returns: the setpoint; MAVROS takes both frames with z up, and PX4 turns BODY_NED by the heading alone
    :raises NoVelocityError: if its mask leaves out a velocity, or the yaw rate while it sets a heading
    :raises InputError: if the bytes are not such a message, or it names another frame
    """
    cdr = Cdr(buffer, POSITION_TARGET)
    stamp_ns, _ = cdr.header()
    (frame,) = cdr.numbers('B', align=1)
    (mask,) = cdr.numbers('H', align=2)
    numbers = cdr.numbers('9d', align=8)
    yaw_rate = cdr.numbers('2f')[1]
    cdr.end()
    if frame not in _WORLD_FRAMES + _HEADING_FRAMES:
        raise InputError(f'a PositionTarget is read in frame 1, 7, 8 or 9. Got coordinate_frame {frame}')
    if any(mask & bit for bit in _IGNORE_VELOCITY):
        raise NoVelocityError(f'velocity (type_mask {mask})')
    if mask & _IGNORE_YAW_RATE:
        if not mask & _IGNORE_YAW:
            raise NoVelocityError(f'yaw rate (type_mask {mask})')
        yaw_rate = 0.0  # neither heading nor rate: it stays as it is
    return Setpoint(stamp_ns, np.array([*numbers[3:6], 0.0, 0.0, yaw_rate]), frame in _WORLD_FRAMES)


def trajectory_setpoint_from_cdr(buffer: Any) -> Setpoint:
    """
    Read the serialised bytes of a px4_msgs/TrajectorySetpoint, of PX4 1.14 and later.

    :param buffer: CDR with its encapsulation header, bytes-like
    :returns: the setpoint; its stamp is 0, for PX4's counts from another start
    :raises NoVelocityError: if a velocity is NaN (not controlled), or the yaw rate while a heading is set
    :raises InputError: if the bytes are not such a message
    """
    cdr = Cdr(buffer, f'{TRAJECTORY_SETPOINT} of PX4 1.14 or later')
    cdr.numbers('Q', align=8)
    numbers = cdr.numbers('14f')
    cdr.end()
    north, east, down = numbers[3:6]
    yaw, yaw_rate = numbers[12:]
    if math.isnan(north + east + down):
        raise NoVelocityError('velocity (NaN)')
    if math.isnan(yaw_rate):
        if not math.isnan(yaw):
            raise NoVelocityError('yaw rate (NaN)')
        yaw_rate = 0.0
    return Setpoint(0, np.array([east, north, -down, 0.0, 0.0, -yaw_rate]), in_world=True)


def vehicle_odometry_from_cdr(buffer: Any) -> Odometry:
    """
    Read the serialised bytes of a px4_msgs/VehicleOdometry, of PX4 1.14 and later.

    :param buffer: CDR with its encapsulation header, bytes-like
    :returns: pose with x east, y north, z up, and twist with x ahead, y left, z up, as nav_msgs/Odometry has them;
        its stamp is 0, for PX4's counts from another start
    :raises InputError: if the bytes are not such a message, or it does not say what frame its velocity is in
    """
    cdr = Cdr(buffer, f'{VEHICLE_ODOMETRY} of PX4 1.14 or later')
    cdr.numbers('2Q', align=8)
    (pose_frame,) = cdr.numbers('B', align=1)
    north, east, down, w, x, y, z = cdr.numbers('7f')
    (velocity_frame,) = cdr.numbers('B', align=1)
    numbers = cdr.numbers('15f')
    cdr.numbers('Bb', align=1)
    cdr.end()
    if velocity_frame not in _VELOCITY_FRAMES:
        raise InputError(f'a VehicleOdometry must name the frame of its velocity. Got velocity_frame {velocity_frame}')
    if velocity_frame not in (_VELOCITY_IN_BODY, pose_frame):
        frames = f'velocity_frame {velocity_frame}, pose_frame {pose_frame}'
        raise InputError(
            f'a VehicleOdometry must have its velocity in the frame of its pose, or the body. Got {frames}'
        )
    velocity = numbers[:3]
    if velocity_frame != _VELOCITY_IN_BODY:
        velocity = _turned_back((w, x, y, z), velocity)
    roll_rate, pitch_rate, yaw_rate = numbers[3:6]
    # From (down, of north) to (up, of east), and the same of the body's own axes.
    orientation = tuple(_HALF_TURN * each for each in (x + y, x - y, w - z, w + z))
    twist = (velocity[0], -velocity[1], -velocity[2], roll_rate, -pitch_rate, -yaw_rate)
    return Odometry(0, 'NED', 'FRD', (east, north, -down), orientation, twist)


def sensor_combined_from_cdr(buffer: Any) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """
    Read gyro and accelerometer from the serialised bytes of a px4_msgs/SensorCombined, of PX4 1.14 and later.

    :param buffer: CDR with its encapsulation header, bytes-like
    :returns: 0, for its stamp counts from another start; gyro, rad/s, (3,); accelerometer, m/s², (3,); x ahead, y
        left, z up
    :raises InputError: if the bytes are not such a message
    """
    cdr = Cdr(buffer, f'{SENSOR_COMBINED} of PX4 1.14 or later')
    cdr.numbers('Q', align=8)
    gyro = cdr.numbers('3f')
    cdr.numbers('Ii')
    accel = cdr.numbers('3f')
    cdr.numbers('I')
    cdr.numbers('4B', align=1)
    cdr.end()
    axes = np.array([1.0, -1.0, -1.0])
    return 0, axes * gyro, axes * accel


def _turned_back(quaternion: tuple[float, ...], vector: tuple[float, ...]) -> tuple[float, ...]:
    """Turn a vector from the world into the body; quaternion w, x, y, z from body to world."""
    w, *axis = quaternion
    cross = np.cross(vector, axis)
    turned = np.asarray(vector) + 2.0 * (w * cross + np.cross(cross, axis))
    return tuple(turned.tolist())
