"""Between ROS messages and plain numbers: stamps, velocity commands, neurons."""

import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

__all__ = [
    'channel_velocities',
    'neurons_message',
    'pose_and_twist',
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


def pose_and_twist(message: Odometry) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """
    Read odometry.

    :param message: the message
    :returns: x, y, z, m, and the quaternion x, y, z, w, (7,); linear, m/s, and angular velocity, rad/s, (6,)
    """
    at, turned = message.pose.pose.position, message.pose.pose.orientation
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    pose = (at.x, at.y, at.z, turned.x, turned.y, turned.z, turned.w)
    return pose, (linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)


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
