"""Commands out of messages of every type that a demonstrator drives with, as one twist, in one frame."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.attitude import heading_frame
from lnn_controller.data.bags.reader import Bag, Message
from lnn_controller.data.bags.topics import Topic, find_controllers
from lnn_controller.data.headings import Headings, choose_poses, read_odometry, yaw_of
from lnn_controller.data.messages.cdr import Odometry, ackermann_from_cdr, twist_from_cdr
from lnn_controller.data.messages.px4 import Setpoint, position_target_from_cdr, trajectory_setpoint_from_cdr
from lnn_controller.data.messages.types import (
    ACKERMANN,
    ACKERMANN_STAMPED,
    ODOMETRIES,
    POSITION_TARGET,
    TRAJECTORY_SETPOINT,
    TWISTS,
)
from lnn_controller.errors import InputError

__all__ = [
    'COMMAND_FRAMES',
    'LONGEST_WHEELBASE_M',
    'CommandReader',
    'NoHeadingError',
    'check_wheelbase',
    'command_from_cdr',
    'is_made_level',
    'needs_wheelbase',
]

LONGEST_WHEELBASE_M = 20.0
COMMAND_FRAMES = ('auto', 'world')
_SETPOINTS = {POSITION_TARGET: position_target_from_cdr, TRAJECTORY_SETPOINT: trajectory_setpoint_from_cdr}


class NoHeadingError(InputError):
    """A command in the frame of the world, while nothing says where the robot heads."""


def needs_wheelbase(msgtype: str) -> bool:
    """
    Return whether commands of a type steer by an angle, and so turn a robot by how long it is.

    :param msgtype: e.g. ``ackermann_msgs/msg/AckermannDriveStamped``
    :returns: whether a wheelbase is needed to read them
    """
    return msgtype in (ACKERMANN, ACKERMANN_STAMPED)


def is_made_level(channels: Sequence[str]) -> bool:
    """
    Return whether the body's velocities are turned level, where an odometry tells them.

    :param channels: those that are wanted
    :returns: whether one of them is of a robot that moves sideways or climbs; what else drives keeps its own axes
    """
    return not {'linear_y', 'linear_z'}.isdisjoint(channels)


def check_wheelbase(wheelbase_m: float | None) -> None:
    """
    Refuse what is no wheelbase.

    :param wheelbase_m: from axle to axle, m; none: not given
    :raises InputError: if it is not above 0 m and at most 20 m
    """
    if wheelbase_m is not None and not 0.0 < wheelbase_m <= LONGEST_WHEELBASE_M:
        raise InputError(f'--wheelbase must be above 0 m and at most {LONGEST_WHEELBASE_M:g} m. Got {wheelbase_m:g}')


def command_from_cdr(buffer: Any, msgtype: str, *, wheelbase_m: float | None = None) -> tuple[int, NDArray[np.float64]]:
    """
    Read a command from its serialised bytes, in the frame that it is in.

    An Ackermann command drives its rear axle's middle on a circle: the yaw rate is speed · tan(angle) / wheelbase. At
    and beyond 90° there is no such circle, and the yaw rate is NaN.

    :param buffer: CDR with its encapsulation header, bytes-like
    :param msgtype: of Twist, TwistStamped, Odometry, AckermannDrive, AckermannDriveStamped, PositionTarget,
        TrajectorySetpoint or VehicleOdometry
    :param wheelbase_m: from axle to axle, m, for Ackermann commands
    :returns: header stamp, ns, 0 where the type has none; linear x, y, z, m/s, then angular x, y, z, rad/s, (6,)
    :raises InputError: if the bytes are not such a message, or an Ackermann command comes without a wheelbase
    """
    if msgtype in _SETPOINTS:
        return _SETPOINTS[msgtype](buffer)[:2]
    if msgtype in ODOMETRIES:
        odometry = read_odometry(buffer, msgtype)
        return odometry.stamp_ns, np.array(odometry.twist)
    if not needs_wheelbase(msgtype):
        return twist_from_cdr(buffer, msgtype)
    if wheelbase_m is None:
        raise InputError(
            f'a command of {msgtype} needs the wheelbase to be a yaw rate. Got none: give it with --wheelbase METRES'
        )
    stamp_ns, speed, angle = ackermann_from_cdr(buffer, msgtype)
    # 0.0: what stands does not turn, and not with a sign either.
    turn = speed * math.tan(angle) / wheelbase_m + 0.0 if abs(angle) < math.pi / 2 else math.nan
    return stamp_ns, np.array([speed, 0.0, 0.0, 0.0, 0.0, turn])


class CommandReader:
    """
    Read a topic's commands as twists in the frame that policies command in.

    That is the heading frame: x ahead and level, y left and level, z up. A Twist is taken to be in it already; so is a
    PositionTarget in BODY_NED, which PX4 turns by the heading alone. Setpoints in the world's axes are turned by the
    heading of the odometry at that time. An odometry's twist is in its body: where a robot moves sideways or climbs,
    it is turned level by the pose's orientation, for what flies tilts to move.

    :param bag: the bag
    :param topic: of the commands
    :param channels: those that are wanted
    :param wheelbase_m: from axle to axle, m, where commands steer by an angle
    :param frame: of a Twist's or odometry's velocity: ``'auto'``: as above; ``'world'``: the pose's. Where a controller
        of ours drove, Twists are its own and an operator's, and in the heading frame whatever this says
    :param odometry: topic of odometries or poses that say where the robot heads; none: found by type
    :raises InputError: if commands are in the world's frame and the bag has no such topic, or leaves open which
    """

    def __init__(
        self,
        bag: Bag,
        topic: Topic,
        channels: Sequence[str],
        *,
        wheelbase_m: float | None = None,
        frame: str = 'auto',
        odometry: str | None = None,
    ) -> None:
        if frame not in COMMAND_FRAMES:
            raise InputError(f'a frame of commands is one of {", ".join(COMMAND_FRAMES)}. Got {frame!r}')
        self.msgtype = topic.msgtype
        self.wheelbase_m = wheelbase_m
        ours = self.msgtype in TWISTS and bool(find_controllers(bag.topics.values()))
        self.in_world = frame == 'world' and not ours
        self.levels = is_made_level(channels)
        self._headings: Headings | None = None
        twists_in_world = self.in_world and self.msgtype in TWISTS
        if twists_in_world or self.msgtype in _SETPOINTS:
            source = choose_poses(str(bag.path), bag.topics.values(), odometry)
            if source is not None:
                self._headings = Headings(bag, source)
            elif twists_in_world:
                raise _no_heading(f'bag {bag.path}, topic {topic.name}')

    @property
    def is_plain(self) -> bool:
        """Whether a command is the numbers of its message, as they are."""
        return self.msgtype in TWISTS and self._headings is None

    def read(self, message: Message) -> tuple[int, NDArray[np.float64]]:
        """
        Read a command.

        :param message: of the topic
        :returns: as :func:`command_from_cdr`
        :raises NoHeadingError: if it is in the world's frame and no odometry is near
        :raises NoVelocityError: if it is a setpoint of something else
        :raises InputError: if the bytes are damaged
        """
        if self.msgtype in ODOMETRIES:
            return self._measured(read_odometry(message.data, self.msgtype))
        if self.msgtype in _SETPOINTS:
            setpoint: Setpoint = _SETPOINTS[self.msgtype](message.data)
            twist = self._turned(setpoint.twist, message) if setpoint.in_world else setpoint.twist
            return setpoint.stamp_ns, twist
        stamp_ns, twist = command_from_cdr(message.data, self.msgtype, wheelbase_m=self.wheelbase_m)
        return stamp_ns, self._turned(twist, message) if self._headings else twist

    def _measured(self, odometry: Odometry) -> tuple[int, NDArray[np.float64]]:
        twist = np.array(odometry.twist)
        if self.in_world:
            return odometry.stamp_ns, _into_heading(twist, yaw_of(odometry.orientation))
        if not self.levels:
            return odometry.stamp_ns, twist
        frame = heading_frame(odometry.orientation)
        if frame is None:
            return odometry.stamp_ns, np.full(6, np.nan)
        ahead, left, up, turning = frame.velocity(odometry.twist[:3], odometry.twist[3:])
        return odometry.stamp_ns, np.array([ahead, left, up, *odometry.twist[3:5], turning])

    def _turned(self, twist: NDArray[np.float64], message: Message) -> NDArray[np.float64]:
        yaw = self._headings.at(message.stamp_ns) if self._headings else None
        if yaw is None:
            raise _no_heading(f'topic {message.topic}')
        return _into_heading(twist, yaw)


def _into_heading(twist: NDArray[np.float64], yaw: float) -> NDArray[np.float64]:
    """
    Turn velocities from the axes of the world into those of a heading.

    :param twist: linear x, y, z, m/s, angular x, y, z, rad/s, (6,)
    :param yaw: the heading, rad
    :returns: the same with x ahead and y left, (6,); turning about z is the same in both
    """
    cos, sin = math.cos(yaw), math.sin(yaw)
    turned = twist.copy()
    turned[0], turned[1] = cos * twist[0] + sin * twist[1], cos * twist[1] - sin * twist[0]
    return turned


def _no_heading(where: str) -> NoHeadingError:
    return NoHeadingError(
        f'{where}: commands in the axes of the world need an odometry at the same time, to be turned by its heading, '
        'or poses. Got none: record them (MAVROS: /mavros/local_position/odom), or command in the frame of the heading'
    )
