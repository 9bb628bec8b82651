"""From a bag to an episode: frames fitted to the encoder, IMU, commands, and their stamps on one clock."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.bags.damage import explain_damage
from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.bags.topics import Topic, Topics
from lnn_controller.data.camera import required
from lnn_controller.data.choice import choose_command, choose_image, choose_imu
from lnn_controller.data.commands import CommandReader
from lnn_controller.data.drops import DROP_REASONS
from lnn_controller.data.frame_files import FrameCache, FrameFile
from lnn_controller.data.marks import Mark, read_marks
from lnn_controller.data.samples import SampleReader
from lnn_controller.data.stamps import COMMAND_HOLD_S, Stream, choose_stamps, recorded_stretches
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

__all__ = ['Episode', 'read_episode']

# Where each channel stands in a twist's linear x, y, z, angular x, y, z.
_CHANNELS = {'linear_x': 0, 'linear_y': 1, 'linear_z': 2, 'angular_z': 5}


@dataclass(frozen=True, kw_only=True)
class Episode:
    """
    One demonstration: three streams of samples, each with strictly increasing stamps on the same clock.

    :param name: the bag's path, as it was given
    :param images: frames as the encoder takes them, (F, H, W, 3) uint8; those of a bag are mapped from the disk
    :param image_stamps_ns: their stamps, ns, (F,) int64
    :param imu: gyro x, y, z, rad/s, then accelerometer x, y, z, m/s², (M, 6) float32, or none
    :param imu_stamps_ns: their stamps, ns, (M,) int64, or none
    :param commands: the demonstrator's, in the channels' units, (K, C) float32
    :param command_stamps_ns: their stamps, ns, (K,) int64
    :param channels: names of the C channels
    :param drops: samples left out, by reason (:data:`.drops.DROP_REASONS`)
    :param topics: topics read, by kind: image, imu, command
    :param sha256: hash of the bag's storage files, where that was asked for
    :param clock: ``'header'``, or ``'receive'`` where no stream goes by its headers though one has any
    :param notes: what a person should know of how it was read, a sentence each
    :param command_hold_s: how long the robot's base holds a command where no new one comes, s
    :param robot: the robot that it is of, where the bag says so
    :param marks: where an operator began, kept or discarded an episode
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
    marks: tuple[Mark, ...] = ()

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
    cache: FrameCache | None = None,
    fit: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
    progress: Callable[[int], None] | None = None,
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
    :param cache: of the frames of bags that were read before; ``None``: they are decoded, into a file without a name
    :param fit: makes a picture into the frame, as :meth:`.policy.Policy.fit` does; ``None``: :func:`.policy.fit_frame`
    :param progress: called with the number of images read since the last call, now and then
    :returns: the episode
    :raises InputError: if the bag cannot be read, lacks images, commands, the wanted IMU or a wheelbase that its
        commands need, leaves the choice of a topic open, holds not one usable sample of a topic, its topics do not
        overlap in time, a channel is unknown, or the disk has no room for the frames
    """
    read = topics or Topics(), wheelbase_m, command_frame, reduced, cache, fit, progress
    given = image, tuple(channels), use_imu, *read
    if isinstance(bag, Bag):
        return _read(bag, *given)
    with Bag(bag) as opened:
        return _read(opened, *given)


def _read(
    bag: Bag,
    image: ImageSpec,
    channels: tuple[str, ...],
    use_imu: bool | None,
    topics: Topics,
    wheelbase_m: float | None,
    command_frame: str,
    reduced: bool,
    cache: FrameCache | None,
    fit: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None,
    progress: Callable[[int], None] | None,
) -> Episode:
    unknown = [name for name in channels if name not in _CHANNELS]
    if unknown or not channels:
        raise InputError(f'command channels are of {", ".join(_CHANNELS)}. Got {", ".join(unknown) or "none"}')
    columns = [_CHANNELS[name] for name in channels]
    chosen, notes = _choose_topics(bag, topics, columns, use_imu, wheelbase_m)
    commands = CommandReader(
        bag, chosen['command'], channels, wheelbase_m=wheelbase_m, frame=command_frame, odometry=topics.odometry
    )
    reader = SampleReader(bag, image, chosen, commands, reduced=reduced, cache=cache, fit=fit, progress=progress)
    reader.read()
    names = {kind: topic.name for kind, topic in chosen.items()}
    streams, clock, clock_notes = choose_stamps(reader.stamps, bag=str(bag.path), topics=names)
    values = {
        kind: reader.values(kind)[stream.kept].astype(np.float32) for kind, stream in streams.items() if kind != 'image'
    }
    received_ns = np.array(reader.stamps['image'].receive, np.int64)[streams['image'].kept]
    marks, marks_notes = read_marks(bag, received_ns, streams['image'].stamps_ns)
    return Episode(
        name=str(bag.path),
        images=_kept(reader.images, streams['image'].kept),
        image_stamps_ns=streams['image'].stamps_ns,
        imu=values.get('imu'),
        imu_stamps_ns=streams['imu'].stamps_ns if 'imu' in streams else None,
        commands=np.ascontiguousarray(values['command'][:, columns]),
        command_stamps_ns=streams['command'].stamps_ns,
        channels=channels,
        drops=_drops(bag, reader.drops, streams),
        topics=names,
        clock=clock,
        notes=(*notes, *clock_notes, *marks_notes, *_told_damage(bag)),
        robot=bag.custom_data.get('robot', ''),
        marks=marks,
    )


def _choose_topics(
    bag: Bag, topics: Topics, columns: Sequence[int], use_imu: bool | None, wheelbase_m: float | None
) -> tuple[dict[str, Topic], list[str]]:
    """Return the topics to read, by kind, and what is to be said of their choice."""
    command, note = choose_command(bag, topics.command, columns, wheelbase_m=wheelbase_m)
    imu = None if use_imu is False else choose_imu(bag, topics.imu)
    image, image_note = choose_image(bag, topics.image)
    chosen = {'image': required(bag, 'image', image), 'command': required(bag, 'command', command)}
    if imu is not None or use_imu:
        chosen['imu'] = required(bag, 'imu', imu)
    return chosen, [each for each in (image_note, note) if each]


def _drops(bag: Bag, of_reader: Mapping[str, int], streams: Mapping[str, Stream]) -> dict[str, int]:
    """Count what was left out, by reason, in the order in which it is told."""
    pauses = len(recorded_stretches(*(stream.stamps_ns for stream in streams.values()))) - 1
    drops = Counter(of_reader)
    drops.update({'file_cut_off': len(bag.recovered), 'file_damaged': len(bag.damage), 'pause': pauses})
    for kind, stream in streams.items():
        drops.update({f'{kind}_{reason}': count for reason, count in stream.drops.items()})
    return {reason: drops[reason] for reason in DROP_REASONS if drops[reason]}


def _kept(images: NDArray[np.uint8], kept: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Those of the frames whose stamps are good, on the disk as all were."""
    if kept.all():
        return images
    with FrameFile(*images.shape[1:3]) as file:
        for index in np.flatnonzero(kept):
            file.add(images[index])
        return file.images()


def _told_damage(bag: Bag) -> list[str]:
    return [f'bag {bag.path} is damaged: {line}' for line in explain_damage(bag.damage)]
