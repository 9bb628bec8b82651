"""Which of a bag's topics are the images, the IMU and the commands: by name, else by type."""

from collections.abc import Collection
from dataclasses import dataclass

from lnn_controller.data.messages.types import (
    ACKERMANN,
    ACKERMANN_STAMPED,
    COMPRESSED_IMAGE,
    COMPRESSED_VIDEO,
    FFMPEG_PACKET,
    IMAGE,
    IMU,
    JOINT_STATE,
    ODOMETRIES,
    SENSOR_COMBINED,
    SETPOINTS,
    TWISTS,
)
from lnn_controller.data.topic_names import COMMAND, OVERRIDE, TICKS
from lnn_controller.errors import InputError

__all__ = ['Topic', 'Topics', 'candidates', 'choose_topic', 'find_controllers', 'find_override', 'last_name']

# How image topics are packed, from without loss to what needs its neighbours, and names of image_transport's for it.
_LOSS = {IMAGE: 0, COMPRESSED_IMAGE: 1, FFMPEG_PACKET: 2, COMPRESSED_VIDEO: 2}
_TRANSPORTS = ('compressed', 'ffmpeg', 'h264', 'h265', 'video', 'compressed_video')

# Types by kind; a later group counts only if the bag has none of an earlier one.
_TYPES: dict[str, tuple[tuple[str, ...], ...]] = {
    'image': ((IMAGE, COMPRESSED_IMAGE, FFMPEG_PACKET, COMPRESSED_VIDEO),),
    'imu': ((IMU,), (SENSOR_COMBINED,)),
    'command': (TWISTS, (ACKERMANN_STAMPED, ACKERMANN), SETPOINTS, ODOMETRIES),
}
# Twists that are no velocity commands, by the last part of their names.
_NO_COMMANDS = {
    'velocity_local': 'MAVROS publishes what it measured, in the axes of the world',
    'velocity_body': 'MAVROS publishes what it measured, in the tilted body',
    'cmd_vel_legacy': 'Crazyswarm2 takes roll, pitch and thrust there',
}


@dataclass(frozen=True)
class Topic:
    """
    A topic of a bag.

    :param name: e.g. ``/cmd_vel``
    :param msgtype: e.g. ``geometry_msgs/msg/Twist``; empty if it was recorded with several types
    :param count: messages
    """

    name: str
    msgtype: str
    count: int

    def __str__(self) -> str:
        return f'{self.name} ({self.msgtype or "several types"}, {self.count})'


@dataclass(frozen=True)
class Topics:
    """
    Names of the topics to read; none: found by type.

    :param image: of the Image, CompressedImage, FFMPEGPacket or CompressedVideo topic
    :param imu: of the Imu or SensorCombined topic
    :param command: of the Twist, TwistStamped, AckermannDrive, AckermannDriveStamped, PositionTarget,
        TrajectorySetpoint, Odometry or VehicleOdometry topic
    :param odometry: of the Odometry, VehicleOdometry or PoseStamped topic that says where the robot heads
    """

    image: str | None = None
    imu: str | None = None
    command: str | None = None
    odometry: str | None = None


def choose_topic(kind: str, named: Topic | None, topics: Collection[Topic], *, bag: str) -> Topic | None:
    """
    Choose the topic of a kind.

    Without a name: the one topic of fitting type that has messages. Of a camera's topics the raw one goes before JPEG
    and PNG, and these before video (``x`` over ``x/compressed`` over ``x/ffmpeg``), unless it has not half the frames.
    Twist and TwistStamped go before AckermannDrive (stamped or not), those before setpoints of a flight controller,
    and these before odometries; of several, ``cmd_vel``.

    :param kind: ``'image'``, ``'imu'`` or ``'command'``
    :param named: the topic that the user named, if any
    :param topics: the bag's topics
    :param bag: the bag's name, for errors
    :returns: the topic, or none if there is none of the kind
    :raises InputError: if the named topic is empty or of another kind, or several come into question
    """
    groups = _TYPES[kind]
    if named is not None:
        allowed = [msgtype for group in groups for msgtype in group]
        if named.msgtype not in allowed:
            raise InputError(
                f'bag {bag}, topic {named.name}: {kind}s are read from {" or ".join(allowed)}. Got {named.msgtype}'
            )
        if kind == 'command' and _no_command(named):
            raise InputError(
                f'bag {bag}, topic {named.name}: commands must be velocities. {_NO_COMMANDS[last_name(named.name)]}: '
                'choose an odometry with --command-topic (MAVROS: /mavros/local_position/odom; Crazyswarm2: odom)'
            )
        if not named.count:
            raise InputError(
                f'bag {bag}, topic {named.name}: no message was recorded. Choose another with --{kind}-topic'
            )
        return named
    for group in groups:
        found = [topic for topic in candidates(kind, topics) if topic.msgtype in group]
        if kind == 'image':
            found = _without_transports(found)
        if kind == 'command' and len(found) > 1:
            found = [topic for topic in found if last_name(topic.name) == COMMAND] or found
        if found:
            return _only(kind, found, bag)
    return None


def candidates(kind: str, topics: Collection[Topic]) -> list[Topic]:
    """
    List the topics that a kind can be read from.

    :param kind: ``'image'``, ``'imu'`` or ``'command'``
    :param topics: the bag's topics
    :returns: those of a fitting type that have messages
    """
    types = [msgtype for group in _TYPES[kind] for msgtype in group]
    found = [topic for topic in topics if topic.msgtype in types and topic.count]
    return [topic for topic in found if not _no_command(topic)] if kind == 'command' else found


def find_controllers(topics: Collection[Topic]) -> list[Topic]:
    """
    Find the ticks of controllers of ours that drove while a bag was recorded.

    :param topics: the bag's topics
    :returns: their topics
    """
    ticks = [topic for topic in topics if topic.msgtype == JOINT_STATE and topic.count]
    return [topic for topic in ticks if last_name(topic.name) == last_name(TICKS)]


def find_override(topics: Collection[Topic], *, bag: str) -> Topic | None:
    """
    Find the operator's commands in a recording of a controller's drive.

    Such a recording holds the controller's ticks, and ``cmd_vel`` is what the policy wanted: only the override is what
    somebody has shown.

    :param topics: the bag's topics
    :param bag: the bag's name, for errors
    :returns: the topic; ``None`` where no controller drove
    :raises InputError: if a controller drove and nobody overrode it, or several topics come into question
    """
    driven = find_controllers(topics)
    if not driven:
        return None
    found = [topic for topic in topics if topic.count and topic.msgtype in TWISTS]
    found = [topic for topic in found if last_name(topic.name) == OVERRIDE]
    if not found:
        raise InputError(
            f'bag {bag}: a demonstration must be driven by somebody. Got commands of a policy ({driven[0].name}) that '
            f'no operator overrode, and it learns nothing from itself: override it ({OVERRIDE}) while recording, or '
            'name the commands to learn with --command-topic'
        )
    return _only('command', found, bag)


def last_name(topic: str) -> str:
    """
    Return the last part of a topic's name.

    :param topic: its name
    :returns: the name without its namespace
    """
    return topic.rpartition('/')[2]


def _no_command(topic: Topic) -> bool:
    return topic.msgtype in TWISTS and last_name(topic.name) in _NO_COMMANDS


def _only(kind: str, found: list[Topic], bag: str) -> Topic:
    if len(found) > 1:
        listed = ', '.join(str(topic) for topic in found)
        raise InputError(f'bag {bag} has several {kind} topics: {listed}. Choose one with --{kind}-topic')
    return found[0]


def _without_transports(found: list[Topic]) -> list[Topic]:
    # image_transport publishes x/compressed, x/ffmpeg… beside x: the same pictures, with loss.
    raw = {topic.name for topic in found if topic.msgtype == IMAGE}
    cameras: dict[str, list[Topic]] = {}
    for topic in found:
        parent, _, last = topic.name.rpartition('/')
        packed = topic.msgtype != IMAGE and (parent in raw or last in _TRANSPORTS)
        cameras.setdefault(parent if packed else topic.name, []).append(topic)
    chosen = []
    for each in cameras.values():
        whole = [topic for topic in each if 2 * topic.count >= max(other.count for other in each)]
        chosen.append(min(whole, key=lambda topic: (_LOSS[topic.msgtype], -topic.count)))
    return chosen
