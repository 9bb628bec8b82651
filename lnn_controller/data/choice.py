"""Which of several topics is meant, by what they hold: the one that moves, the IMU that is a whole one."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.bags.topics import Topic, candidates, choose_topic
from lnn_controller.data.commands import check_wheelbase, command_from_cdr, needs_wheelbase
from lnn_controller.data.messages.cdr import IncompleteImuError, imu_from_cdr
from lnn_controller.data.messages.images import is_depth
from lnn_controller.data.messages.types import COMPRESSED_IMAGE, IMAGE, ODOMETRIES, SENSOR_COMBINED, SETPOINTS
from lnn_controller.errors import InputError

__all__ = ['choose_command', 'choose_image', 'choose_imu']

# An odometry's noise, m/s or rad/s; a command of zero is exactly that.
_ODOMETRY_STANDS = 0.05
_ANY_WHEELBASE_M = 1.0  # whether something turns does not hang on it


def choose_command(
    bag: Bag, name: str | None, columns: Sequence[int], *, wheelbase_m: float | None = None
) -> tuple[Topic | None, str]:
    """
    Choose the topic of commands: as :meth:`.bag.Bag.choose`, but one that moves before one that is zero throughout.

    Without a wheelbase, Ackermann commands come after an odometry, which has the yaw rate itself.

    :param bag: the bag
    :param name: name of the topic, which is taken whatever it holds; none: found by type and content
    :param columns: where the wanted channels stand in a twist's linear x, y, z, angular x, y, z
    :param wheelbase_m: of a robot that steers by an angle, m
    :returns: the topic, or none if there is none of the kind; what a person should know of the choice, or nothing
    :raises InputError: as :meth:`.bag.Bag.choose`, or if Ackermann commands are chosen and no wheelbase is given
    """
    check_wheelbase(wheelbase_m)
    if name is not None:
        return _with_wheelbase(bag, bag.choose('command', name), wheelbase_m), ''
    found = candidates('command', bag.topics.values())
    steered = [topic for topic in found if needs_wheelbase(topic.msgtype)]
    if steered and wheelbase_m is None:
        others = [topic for topic in found if topic not in steered and _moves(bag, topic, columns)]
        chosen, note = _by_content(bag, others, columns)
        if chosen is not None:
            left = f'{bag.path}: the commands are those of {chosen}; {steered[0]} would be read with --wheelbase METRES'
            return chosen, left if chosen.msgtype in ODOMETRIES else note
    chosen, note = _by_content(bag, found, columns)
    if steered and chosen is not None and chosen not in steered and not note:
        note = (
            f'{bag.path}: the commands are those of {chosen}, for which no wheelbase counts; '
            f'{steered[0]} would be read with --command-topic {steered[0].name}'
        )
    return _with_wheelbase(bag, chosen, wheelbase_m), note


def choose_image(bag: Bag, name: str | None) -> tuple[Topic | None, str]:
    """
    Choose the topic of images: as :meth:`.bag.Bag.choose`, but a camera before distances, which are no pictures.

    :param bag: the bag
    :param name: name of the topic; none: found by type and content
    :returns: the topic, or none if there is none of the kind; what a person should know of the choice, or nothing
    :raises InputError: as :meth:`.bag.Bag.choose`
    """
    found = candidates('image', bag.topics.values())
    if name is not None or len(found) < 2:
        return bag.choose('image', name), ''
    pictures = [topic for topic in found if not _holds_depth(bag, topic)] or found
    chosen = choose_topic('image', None, pictures, bag=str(bag.path))
    left = ', '.join(str(topic) for topic in found if topic != chosen)
    return chosen, f'{bag.path}: the pictures are those of {chosen}; there are also {left}'


def choose_imu(bag: Bag, name: str | None) -> Topic | None:
    """
    Choose the topic of the IMU: as :meth:`.bag.Bag.choose`, of several those that hold gyro and accelerometer both.

    :param bag: the bag
    :param name: name of the topic; none: found by type and content
    :returns: the topic, or none if there is none of the kind
    :raises InputError: as :meth:`.bag.Bag.choose`, or if each of several topics declares one of the two absent
    """
    found = candidates('imu', bag.topics.values())
    if name is not None or len(found) < 2:
        return bag.choose('imu', name)
    absent = {topic.name: what for topic in found if (what := _declared_absent(bag, topic))}
    whole = [topic for topic in found if topic.name not in absent]
    if whole:
        return choose_topic('imu', None, whole, bag=str(bag.path))
    absences = '; '.join(f'{topic} declares no {what}' for topic, what in absent.items())
    raise InputError(
        f'bag {bag.path}: gyro and accelerometer must be in one topic. Got {absences}. '
        'Join them (drivers of depth cameras can), or train with --imu no'
    )


def _by_content(bag: Bag, found: Sequence[Topic], columns: Sequence[int]) -> tuple[Topic | None, str]:
    if len(found) < 2:
        return choose_topic('command', None, found, bag=str(bag.path)), ''
    with suppress(InputError):  # several come into question: what they hold may decide
        usual = choose_topic('command', None, found, bag=str(bag.path))
        if usual is not None and _moves(bag, usual, columns):
            return usual, ''
    moving = [topic for topic in found if _moves(bag, topic, columns)]
    if not moving:
        return choose_topic('command', None, found, bag=str(bag.path)), ''
    chosen = choose_topic('command', None, moving, bag=str(bag.path))
    idle = ', '.join(str(topic) for topic in found if topic not in moving)
    or_none = ', or no velocities' if any(each.msgtype in SETPOINTS for each in found) else ''
    return chosen, f'{bag.path}: the commands are those of {chosen}, which moves; zero throughout{or_none}: {idle}'


def _with_wheelbase(bag: Bag, topic: Topic | None, wheelbase_m: float | None) -> Topic | None:
    if topic is not None and wheelbase_m is None and needs_wheelbase(topic.msgtype):
        raise InputError(
            f'bag {bag.path}, topic {topic}: a steering angle needs the wheelbase to be a yaw rate. '
            'Got none: give it, from axle to axle, with --wheelbase METRES'
        )
    return topic


def _moves(bag: Bag, topic: Topic, columns: Sequence[int]) -> bool:
    least = _ODOMETRY_STANDS if topic.msgtype in ODOMETRIES else 0.0
    for message in bag.messages([topic.name]):
        with suppress(InputError):  # a damaged message is no sign of either
            twist = command_from_cdr(message.data, message.msgtype, wheelbase_m=_ANY_WHEELBASE_M)[1]
            if np.any(np.abs(twist[list(columns)]) > least):
                return True
    return False


def _holds_depth(bag: Bag, topic: Topic) -> bool:
    """Whether the topic's first readable message holds distances."""
    if topic.msgtype not in (IMAGE, COMPRESSED_IMAGE):
        return False
    for message in bag.messages([topic.name]):
        with suppress(InputError):
            return is_depth(message.data, compressed=topic.msgtype == COMPRESSED_IMAGE)
    return False


def _declared_absent(bag: Bag, topic: Topic) -> str:
    """What the topic's first readable message declares absent, or nothing."""
    if topic.msgtype == SENSOR_COMBINED:
        return ''
    for message in bag.messages([topic.name]):
        try:
            imu_from_cdr(message.data)
        except IncompleteImuError as error:
            return error.absent
        except InputError:
            continue
        return ''
    return ''
