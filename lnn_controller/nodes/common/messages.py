"""Between ROS messages and plain numbers: stamps, velocity commands, pictures, inertial samples, neurons."""

import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist
from numpy.typing import NDArray
from sensor_msgs.msg import Image, Imu, JointState

__all__ = [
    'channel_velocities',
    'image_message',
    'imu_message',
    'neurons_message',
    'stamp',
    'twist',
]

Floats = NDArray[np.float64]


def stamp(stamp_ns: int) -> Time:
    """
    Make a ROS stamp.

    :param stamp_ns: time, ns
    :returns: the message
    """
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return Time(sec=sec, nanosec=nanosec)


def twist(channels: Sequence[str], command: Floats) -> Twist:
    """
    Lay a command out as a Twist: ``linear_x`` becomes ``linear.x``; what the policy does not command is zero.

    :param channels: names of the command's channels
    :param command: m/s and rad/s, (C,)
    :returns: the message
    """
    message = Twist()
    for name, value in zip(channels, command.tolist(), strict=True):
        part, axis = name.split('_')
        setattr(getattr(message, part), axis, value)
    return message


def channel_velocities(channels: Sequence[str], message: Any) -> list[float]:
    """
    Read a policy's channels out of a velocity command.

    :param channels: names of the channels, such as ``linear_x``
    :param message: geometry_msgs/Twist or TwistStamped
    :returns: m/s and rad/s, (C,)
    """
    message = getattr(message, 'twist', message)
    parts = (name.split('_') for name in channels)
    return [getattr(getattr(message, part), axis) for part, axis in parts]


def image_message(stamp_ns: int, frame_id: str, image: NDArray[np.uint8]) -> Image:
    """
    Make an image message.

    :param stamp_ns: when it was taken, ns
    :param frame_id: the camera's optical frame
    :param image: rgb8 picture, (H, W, 3) uint8
    :returns: the message
    """
    height, width, channels = image.shape
    message = Image(height=height, width=width, encoding='rgb8', step=width * channels)
    message.header.stamp = stamp(stamp_ns)
    message.header.frame_id = frame_id
    message.data = array.array('B', image.tobytes())  # a list would be checked byte by byte
    return message


def imu_message(stamp_ns: int, frame_id: str, gyro: Floats, accel: Floats) -> Imu:
    """
    Make an IMU message without orientation.

    :param stamp_ns: when it was measured, ns
    :param frame_id: the sensor's frame
    :param gyro: angular velocity, rad/s, (3,)
    :param accel: specific force with gravity, m/s², (3,)
    :returns: the message
    """
    message = Imu()
    message.header.stamp = stamp(stamp_ns)
    message.header.frame_id = frame_id
    message.orientation_covariance[0] = -1.0  # sensor_msgs/Imu: there is no orientation
    rate, force = message.angular_velocity, message.linear_acceleration
    rate.x, rate.y, rate.z = gyro.tolist()
    force.x, force.y, force.z = accel.tolist()
    return message


def neurons_message(
    stamp_ns: int, names: Sequence[str], state: NDArray[Any], time_constants: NDArray[Any] | None
) -> JointState:
    """
    Make a message of the neurons that plotting tools name by themselves.

    JointState is the one common message of named values with a stamp: PlotJuggler and Foxglove offer each neuron by
    its name. ``position`` holds the states and ``effort`` the time constants in s, where the cell has them.

    :param stamp_ns: time of the control tick, ns
    :param names: of the neurons, N of them
    :param state: the neurons' states, (N,)
    :param time_constants: effective time constants, s, (N,), or ``None``
    :returns: the message
    """
    message = JointState(name=list(names))
    message.header.stamp = stamp(stamp_ns)
    message.position = array.array('d', state.astype(np.float64).tobytes())
    if time_constants is not None:
        message.effort = array.array('d', time_constants.astype(np.float64).tobytes())
    return message
