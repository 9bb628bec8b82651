"""The camera of a bag: size and bits of its pictures, before any episode is read."""

from contextlib import suppress
from pathlib import Path

from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.bags.topics import Topic, Topics
from lnn_controller.data.choice import choose_image
from lnn_controller.data.frames import Frames
from lnn_controller.data.messages.images import EVERY_BIT, bits_used, compressed_bits_used
from lnn_controller.data.messages.types import COMPRESSED_IMAGE, IMAGE
from lnn_controller.data.messages.video import NoDecoderError
from lnn_controller.errors import InputError

__all__ = ['camera_bits', 'camera_size', 'no_frame', 'required']

_CAMERA_BITS = (10, 12, 14, 16)


def camera_size(bag: str | Path | Bag, topics: Topics | None = None) -> tuple[int, int]:
    """
    Return the size of a bag's camera frames, from the first that decodes.

    :param bag: path of the bag, or the open bag
    :param topics: names of topics; without, they are found by type
    :returns: height, width, px
    :raises InputError: as :func:`.episode.read_episode`, for images
    """
    if not isinstance(bag, Bag):
        with Bag(bag) as opened:
            return camera_size(opened, topics)
    topic = required(bag, 'image', choose_image(bag, (topics or Topics()).image)[0])
    first_error, frames = '', Frames()
    for message in bag.messages([topic.name]):
        try:
            for frame in frames.take(message):
                return frame.picture.shape[:2]
        except NoDecoderError:
            raise
        except InputError as err:
            first_error = first_error or str(err)
    for frame in frames.rest():
        return frame.picture.shape[:2]
    raise no_frame(bag, topic, first_error or frames.first_error)


def camera_bits(bag: str | Path | Bag, topics: Topics | None = None) -> int:
    """
    Count the bits that the values of a 16-bit camera use: many have 10 or 12, and would be nearly black.

    :param bag: path of the bag, or the open bag
    :param topics: names of topics; without, they are found by type
    :returns: 10, 12, 14 or 16, by the largest value of all frames; 16 for every other camera
    :raises InputError: as :func:`.episode.read_episode`, for images
    """
    if not isinstance(bag, Bag):
        with Bag(bag) as opened:
            return camera_bits(opened, topics)
    topic = required(bag, 'image', choose_image(bag, (topics or Topics()).image)[0])
    most = _CAMERA_BITS[0]
    used = {IMAGE: bits_used, COMPRESSED_IMAGE: compressed_bits_used}.get(topic.msgtype)
    if used is None:
        return EVERY_BIT
    for message in bag.messages([topic.name]):
        with suppress(InputError):
            most = max(most, used(message.data))
        if most == EVERY_BIT:
            break
    return next(bits for bits in _CAMERA_BITS if bits >= most)


def required(bag: Bag, kind: str, topic: Topic | None) -> Topic:
    """
    Refuse a bag that has no topic of a kind.

    :param bag: the bag
    :param kind: ``'image'``, ``'imu'`` or ``'command'``
    :param topic: what was found
    :returns: the topic
    :raises InputError: if there is none
    """
    if topic is None:
        types = {
            'image': 'Image, CompressedImage, FFMPEGPacket or CompressedVideo',
            'imu': 'Imu',
            'command': 'Twist, TwistStamped, AckermannDriveStamped, PositionTarget or Odometry',
        }[kind]
        plural = {'image': 'images', 'imu': 'IMU samples', 'command': 'commands'}[kind]
        raise InputError(
            f'bag {bag.path} has no {plural}: a topic of {types} is needed. Topics there: {bag.describe_topics()}'
        )
    return topic


def no_frame(bag: Bag, topic: Topic, reason: str) -> InputError:
    """
    Return the error of a topic of images that holds none.

    :param bag: the bag
    :param topic: of images
    :param reason: why its first message does not decode; empty: there was none
    :returns: the error
    """
    return InputError(
        f'bag {bag.path}, topic {topic.name}: not one of its {topic.count} images can be decoded. '
        f'The first: {reason or "no message was found"}'
    )
