"""From a bag to an episode: frames fitted to the encoder, IMU, commands, and their stamps on one clock."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.bags.damage import explain_damage
from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.bags.topics import Topic, Topics
from lnn_controller.data.choice import choose_command, choose_image, choose_imu
from lnn_controller.data.commands import CommandReader, NoHeadingError, needs_wheelbase
from lnn_controller.data.drops import DROP_REASONS
from lnn_controller.data.frames import Frames
from lnn_controller.data.messages.cdr import IncompleteImuError, imu_from_cdr
from lnn_controller.data.messages.images import EVERY_BIT, bits_used, compressed_bits_used
from lnn_controller.data.messages.px4 import NoVelocityError, sensor_combined_from_cdr
from lnn_controller.data.messages.types import COMPRESSED_IMAGE, IMAGE, SENSOR_COMBINED
from lnn_controller.data.messages.video import Frame, NoDecoderError
from lnn_controller.data.stamps import COMMAND_HOLD_S, Stamps, choose_stamps, recorded_stretches
from lnn_controller.errors import InputError
from lnn_controller.policy.frame import fit_frame
from lnn_controller.policy.imu import is_plausible
from lnn_controller.policy.spec import ImageSpec

__all__ = ['Episode', 'camera_bits', 'camera_size', 'read_episode']

# Where each channel stands in a twist's linear x, y, z, angular x, y, z.
_CHANNELS = {'linear_x': 0, 'linear_y': 1, 'linear_z': 2, 'angular_z': 5}
_CAMERA_BITS = (10, 12, 14, 16)
_MOST_WRONG_ANGLES = 0.25  # share of a topic's commands
_REASONS: dict[type[InputError], str] = {
    IncompleteImuError: 'imu_incomplete',
    NoVelocityError: 'command_without_velocity',
    NoHeadingError: 'command_without_heading',
}


@dataclass(frozen=True, kw_only=True)
class Episode:
    """
    One demonstration: three streams of samples, each with strictly increasing stamps on the same clock.

    :param name: the bag's path, as it was given
    :param images: frames as the encoder takes them, (F, H, W, 3) uint8
    :param image_stamps_ns: their stamps, ns, (F,) int64
    :param imu: gyro x, y, z, rad/s, then accelerometer x, y, z, m/s², (M, 6) float32, or none
    :param imu_stamps_ns: their stamps, ns, (M,) int64, or none
    :param commands: the demonstrator's, in the channels' units, (K, C) float32
    :param command_stamps_ns: their stamps, ns, (K,) int64
    :param channels: names of the C channels
    :param drops: samples left out, by reason (:data:`.drops.DROP_REASONS`)
    :param topics: topics read, by kind: image, imu, command
    :param sha256: hash of the bag's storage files
    :param clock: ``'header'``, or ``'receive'`` where no stream goes by its headers though one has any
    :param notes: what a person should know of how it was read, a sentence each
    :param command_hold_s: how long the robot's base holds a command where no new one comes, s
    :param robot: the robot that it is of, where the bag says so
    """

    name: str
    images: NDArray[np.uint8]
    image_stamps_ns: NDArray[np.int64]
    imu: NDArray[np.float32] | None
    imu_stamps_ns: NDArray[np.int64] | None
    commands: NDArray[np.float32]
    command_stamps_ns: NDArray[np.int64]
    channels: tuple[str, ...]
    drops: dict[str, int] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)
    sha256: str = ''
    clock: str = 'header'
    notes: tuple[str, ...] = ()
    command_hold_s: float = COMMAND_HOLD_S
    robot: str = ''

    @property
    def duration_s(self) -> float:
        """Time from the first to the last frame, pauses of the recording left out, s."""
        return sum(last - first for first, last in recorded_stretches(self.image_stamps_ns)) * 1e-9


def read_episode(
    bag: str | Path | Bag,
    *,
    image: ImageSpec,
    channels: Sequence[str] = ('linear_x', 'angular_z'),
    use_imu: bool | None = None,
    topics: Topics | None = None,
    wheelbase_m: float | None = None,
    command_frame: str = 'auto',
    reduced: bool = True,
) -> Episode:
    """
    Read a demonstration from a bag.

    Stamps are those of the headers; where a topic has none (Twist, or headers left zero), the bag's receive times. If
    the two turn out to be different clocks (simulated and wall time, say), receive times are used throughout.

    :param bag: path of the bag, or the open bag
    :param image: frame that the encoder takes
    :param channels: command channels wanted, of ``linear_x``, ``linear_y``, ``linear_z``, ``angular_z``
    :param use_imu: whether to read the IMU; none: if the bag has one
    :param topics: names of topics; without, they are found by type
    :param wheelbase_m: from axle to axle, m: where the commands are Ackermann ones, their yaw rates need it
    :param command_frame: as of :class:`.commands.CommandReader`
    :param reduced: decode a JPEG no larger than the frame needs, as a controller does
        (:func:`.messages.images.compressed_from_cdr`); earlier versions decoded it whole
    :returns: the episode
    :raises InputError: if the bag cannot be read, lacks images, commands, the wanted IMU or a wheelbase that its
        commands need, leaves the choice of a topic open, holds not one usable sample of a topic, its topics do not
        overlap in time, or a channel is unknown
    """
    given = image, tuple(channels), use_imu, topics or Topics(), wheelbase_m, command_frame, reduced
    if isinstance(bag, Bag):
        return _read(bag, *given)
    with Bag(bag) as opened:
        return _read(opened, *given)


def camera_size(bag: str | Path | Bag, topics: Topics | None = None) -> tuple[int, int]:
    """
    Return the size of a bag's camera frames, from the first that decodes.

    :param bag: path of the bag, or the open bag
    :param topics: names of topics; without, they are found by type
    :returns: height, width, px
    :raises InputError: as :func:`read_episode`, for images
    """
    if not isinstance(bag, Bag):
        with Bag(bag) as opened:
            return camera_size(opened, topics)
    topic = _required(bag, 'image', choose_image(bag, (topics or Topics()).image)[0])
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
    raise _no_frame(bag, topic, first_error or frames.first_error)


def camera_bits(bag: str | Path | Bag, topics: Topics | None = None) -> int:
    """
    Count the bits that the values of a 16-bit camera use: many have 10 or 12, and would be nearly black.

    :param bag: path of the bag, or the open bag
    :param topics: names of topics; without, they are found by type
    :returns: 10, 12, 14 or 16, by the largest value of all frames; 16 for every other camera
    :raises InputError: as :func:`read_episode`, for images
    """
    if not isinstance(bag, Bag):
        with Bag(bag) as opened:
            return camera_bits(opened, topics)
    topic = _required(bag, 'image', choose_image(bag, (topics or Topics()).image)[0])
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


def _read(
    bag: Bag,
    image: ImageSpec,
    channels: tuple[str, ...],
    use_imu: bool | None,
    topics: Topics,
    wheelbase_m: float | None,
    command_frame: str,
    reduced: bool,
) -> Episode:
    unknown = [name for name in channels if name not in _CHANNELS]
    if unknown or not channels:
        raise InputError(f'command channels are of {", ".join(_CHANNELS)}. Got {", ".join(unknown) or "none"}')
    columns = [_CHANNELS[name] for name in channels]
    command, note = choose_command(bag, topics.command, columns, wheelbase_m=wheelbase_m)
    imu = None if use_imu is False else choose_imu(bag, topics.imu)
    image_topic, image_note = choose_image(bag, topics.image)
    chosen = {'image': _required(bag, 'image', image_topic)}
    chosen['command'] = _required(bag, 'command', command)
    if imu is not None or use_imu:
        chosen['imu'] = _required(bag, 'imu', imu)
    commands = CommandReader(
        bag, chosen['command'], channels, wheelbase_m=wheelbase_m, frame=command_frame, odometry=topics.odometry
    )
    reader = _Reader(bag, image, chosen, commands, reduced)
    drops = reader.read()
    if bag.recovered:
        drops['file_cut_off'] = len(bag.recovered)
    if bag.damage:
        drops['file_damaged'] = len(bag.damage)
    names = {kind: topic.name for kind, topic in chosen.items()}
    streams, clock, clock_notes = choose_stamps(reader.stamps, bag=str(bag.path), topics=names)
    pauses = len(recorded_stretches(*(stream.stamps_ns for stream in streams.values()))) - 1
    if pauses:
        drops['pause'] = pauses
    values: dict[str, NDArray[np.float32]] = {}
    for kind, stream in streams.items():
        drops.update({f'{kind}_{reason}': n for reason, n in stream.drops.items() if n})
        if kind != 'image':
            values[kind] = np.array(reader.values[kind])[stream.kept].astype(np.float32)
    frames = reader.frames[: len(reader.stamps['image'].header)]
    kept = streams['image'].kept
    return Episode(
        name=str(bag.path),
        images=frames if kept.all() else frames[kept],
        image_stamps_ns=streams['image'].stamps_ns,
        imu=values.get('imu'),
        imu_stamps_ns=streams['imu'].stamps_ns if 'imu' in streams else None,
        commands=np.ascontiguousarray(values['command'][:, columns]),
        command_stamps_ns=streams['command'].stamps_ns,
        channels=channels,
        drops={reason: drops[reason] for reason in DROP_REASONS if reason in drops},
        topics=names,
        sha256=bag.sha256(),
        clock=clock,
        notes=(*(each for each in (image_note, note) if each), *clock_notes, *_told_damage(bag)),
        robot=bag.custom_data.get('robot', ''),
    )


class _Reader:
    """One pass over the bag: values of each stream, with both stamps of each sample."""

    def __init__(
        self, bag: Bag, image: ImageSpec, chosen: dict[str, Topic], commands: CommandReader, reduced: bool
    ) -> None:
        self.bag = bag
        self.commands = commands
        self.spec = image
        self.chosen = chosen
        # Room for every frame that the bag announces; memory is taken only as frames come in.
        self.frames = np.empty((chosen['image'].count, image.height, image.width, 3), np.uint8)
        self.values: dict[str, list[NDArray[np.float64]]] = {'imu': [], 'command': []}
        self.stamps = {kind: Stamps() for kind in chosen}
        self.first_error: dict[str, str] = {}
        self._frames = Frames(image.bits, image if reduced else None)

    def read(self) -> dict[str, int]:
        drops: Counter[str] = Counter()
        kinds = {topic.name: kind for kind, topic in self.chosen.items()}
        for message in self.bag.messages(list(kinds)):
            kind = kinds[message.topic]
            try:
                if kind == 'image':
                    self._keep(self._frames.take(message))
                    continue
                if kind == 'imu':
                    px4 = message.msgtype == SENSOR_COMBINED
                    header_ns, gyro, accel = (sensor_combined_from_cdr if px4 else imu_from_cdr)(message.data)
                    if not is_plausible(gyro, accel):
                        raise _UnusableError('imu_not_plausible')
                    self.values[kind].append(np.concatenate([gyro, accel]))
                else:
                    header_ns, twist = self.commands.read(message)
                    # float32 is what networks take: a value beyond its range is as unusable as infinity.
                    if not np.all(np.abs(twist) < np.finfo(np.float32).max):
                        raise _UnusableError('command_not_finite')
                    self.values[kind].append(twist)
            except _UnusableError as err:
                drops[str(err)] += 1
            except NoDecoderError:
                raise
            except InputError as err:
                reason = 'image_undecodable' if kind == 'image' else f'{kind}_unreadable'
                drops[_REASONS.get(type(err), reason)] += 1
                self.first_error.setdefault(kind, str(err))
            else:
                self.stamps[kind].add(header_ns, message.stamp_ns)
        self._keep(self._frames.rest())
        drops.update(self._frames.drops)
        for kind, topic in self.chosen.items():
            if not self.stamps[kind].header:
                if kind == 'image':
                    raise _no_frame(self.bag, topic, self.first_error.get(kind) or self._frames.first_error)
                reason = self.first_error.get(kind) or 'all hold NaN, infinity or impossible values'
                if needs_wheelbase(topic.msgtype):
                    reason += ' (steering angles are in radians, and below 90°)'
                msg = (
                    f'bag {self.bag.path}, topic {topic.name}: not one of its {topic.count} samples is usable: {reason}'
                )
                if kind == 'imu':
                    msg += '. Join its halves into one topic, choose another with --imu-topic, or train with --imu no'
                raise InputError(msg)
        self._check_angles(self.chosen['command'], drops['command_not_finite'])
        return drops

    def _check_angles(self, topic: Topic, wrong: int) -> None:
        """Refuse angles in degrees, of which those near straight ahead would be read as sharp turns."""
        if needs_wheelbase(topic.msgtype) and wrong > _MOST_WRONG_ANGLES * topic.count:
            raise InputError(
                f'bag {self.bag.path}, topic {topic.name}: steering angles must be in radians, and below 90°. '
                f'Got {wrong} of {topic.count} commands that are beyond that or not finite: are they in degrees?'
            )

    def _keep(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            slot = len(self.stamps['image'].header)
            if slot == len(self.frames):  # a metadata.yaml that counts too few
                self.frames = np.concatenate([self.frames, np.empty_like(self.frames)])
            self.frames[slot] = fit_frame(frame.picture, self.spec)
            self.stamps['image'].add(frame.header_ns, frame.received_ns)


def _told_damage(bag: Bag) -> list[str]:
    return [f'bag {bag.path} is damaged: {line}' for line in explain_damage(bag.damage)]


class _UnusableError(Exception):
    """A sample's values cannot be used; the message is the reason of the drop."""


def _required(bag: Bag, kind: str, topic: Topic | None) -> Topic:
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


def _no_frame(bag: Bag, topic: Topic, reason: str) -> InputError:
    return InputError(
        f'bag {bag.path}, topic {topic.name}: not one of its {topic.count} images can be decoded. '
        f'The first: {reason or "no message was found"}'
    )
