"""Where a robot heads, by its odometry or its poses: commands in the frame of the world are turned by it."""

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.bags.topics import Topic, last_name
from lnn_controller.data.messages.cdr import Odometry, odometry_from_cdr, pose_from_cdr
from lnn_controller.data.messages.px4 import vehicle_odometry_from_cdr
from lnn_controller.data.messages.types import ODOMETRIES, POSE_STAMPED, VEHICLE_ODOMETRY
from lnn_controller.data.topic_names import ODOMETRY
from lnn_controller.errors import InputError

__all__ = ['POSES', 'Headings', 'choose_poses', 'read_odometry', 'read_pose', 'yaw_of']

POSES = (*ODOMETRIES, POSE_STAMPED)

_LONGEST_GAP_NS = 500_000_000


def read_odometry(buffer: Any, msgtype: str) -> Odometry:
    """
    Read an odometry of either type.

    :param buffer: CDR with its encapsulation header, bytes-like
    :param msgtype: ``nav_msgs/msg/Odometry`` or ``px4_msgs/msg/VehicleOdometry``
    :returns: pose with z up, twist in the body with x ahead, y left, z up
    :raises InputError: if the bytes are not such a message
    """
    return (vehicle_odometry_from_cdr if msgtype == VEHICLE_ODOMETRY else odometry_from_cdr)(buffer)


def read_pose(buffer: Any, msgtype: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """
    Read where a robot is, from an odometry or a pose alone.

    :param buffer: CDR with its encapsulation header, bytes-like
    :param msgtype: of one of :data:`POSES`
    :returns: position x, y, z, m, (3,); orientation: quaternion x, y, z, w, (4,)
    :raises InputError: if the bytes are not such a message
    """
    if msgtype == POSE_STAMPED:
        return pose_from_cdr(buffer)[1:]
    odometry = read_odometry(buffer, msgtype)
    return odometry.position, odometry.orientation


def choose_poses(bag: str, topics: Collection[Topic], name: str | None) -> Topic | None:
    """
    Choose the topic that says where a robot is and heads.

    :param bag: the bag's name, for errors
    :param topics: the bag's topics
    :param name: the topic's name; none: found by type, an odometry before a PoseStamped whose last name is ``pose``
        (others are goals and setpoints), and of several odometries the one whose last name is ``odom``
    :returns: the topic, or none if the bag has none
    :raises InputError: if the one that is named is not there, or several come into question
    """
    there = [topic for topic in topics if topic.msgtype in POSES and topic.count]
    if name is not None:
        named = [topic for topic in there if topic.name.lstrip('/') == name.lstrip('/')]
        if not named:
            listed = ', '.join(map(str, there)) or 'none'
            raise InputError(f'bag {bag} has no odometry {name}. Odometries and poses there: {listed}')
        return named[0]
    found = [topic for topic in there if topic.msgtype in ODOMETRIES]
    if len(found) > 1:
        found = [topic for topic in found if last_name(topic.name) == ODOMETRY] or found
    found = found or [topic for topic in there if last_name(topic.name) == 'pose']
    if len(found) > 1:
        listed = ', '.join(map(str, found))
        raise InputError(f'bag {bag} has several odometries or poses: {listed}. Choose one with --odometry-topic')
    return found[0] if found else None


def yaw_of(orientation: Sequence[float]) -> float:
    """
    Return where a body heads.

    :param orientation: quaternion x, y, z, w
    :returns: the angle of its x axis about z, rad; NaN where the orientation is not filled in
    """
    x, y, z, w = orientation
    if not (x or y or z or w):
        return math.nan
    return math.atan2(2 * (x * y + w * z), w * w + x * x - y * y - z * z)


class Headings:
    """
    A robot's heading over the time of a recording.

    :param bag: the bag
    :param topic: of odometries or poses
    :raises InputError: if none of its messages has an orientation
    """

    def __init__(self, bag: Bag, topic: Topic) -> None:
        stamps: list[int] = []
        yaws: list[float] = []
        first_error = ''
        for message in bag.messages([topic.name]):
            try:
                yaw = yaw_of(read_pose(message.data, topic.msgtype)[1])
            except InputError as error:
                first_error = first_error or f': {error}'
                continue
            if math.isfinite(yaw) and (not stamps or message.stamp_ns > stamps[-1]):
                stamps.append(message.stamp_ns)
                yaws.append(yaw)
        if not stamps:
            raise InputError(
                f'bag {bag.path}, topic {topic.name}: an orientation must be filled in, to turn commands by it. '
                f'Got none in {topic.count} messages{first_error}'
            )
        self._stamps = np.array(stamps, np.int64)
        self._yaws = np.unwrap(yaws)

    def at(self, received_ns: int) -> float | None:
        """
        Return the heading at a time.

        :param received_ns: receive time, ns
        :returns: by the odometries around it, rad; none where none is within half a second
        """
        after = int(np.searchsorted(self._stamps, received_ns))
        around = self._stamps[max(after - 1, 0) : after + 1]
        if np.abs(around - received_ns).min() > _LONGEST_GAP_NS:
            return None
        return float(np.interp(received_ns - self._stamps[0], self._stamps - self._stamps[0], self._yaws))
