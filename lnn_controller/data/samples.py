"""One pass over a bag: the samples of each stream, with both stamps of each."""

from array import array
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.bags.reader import Bag, Message
from lnn_controller.data.bags.topics import Topic
from lnn_controller.data.camera import no_frame
from lnn_controller.data.commands import CommandReader, NoHeadingError, needs_wheelbase
from lnn_controller.data.frame_files import FrameCache, FrameFile, StoredFrames, decoder_version
from lnn_controller.data.frames import Frames
from lnn_controller.data.messages.cdr import IncompleteImuError, imu_from_cdr
from lnn_controller.data.messages.px4 import NoVelocityError, sensor_combined_from_cdr
from lnn_controller.data.messages.runs import RUN_TYPES, values_from_cdrs
from lnn_controller.data.messages.types import SENSOR_COMBINED
from lnn_controller.data.messages.video import Frame, NoDecoderError
from lnn_controller.data.stamps import Stamps
from lnn_controller.errors import InputError, NotWrittenError
from lnn_controller.parallel import cores
from lnn_controller.policy.frame import fit_frame
from lnn_controller.policy.imu import are_plausible, is_plausible
from lnn_controller.policy.spec import ImageSpec

__all__ = ['SampleReader']

_MOST_WRONG_ANGLES = 0.25  # share of a topic's commands
_COLUMNS = 6  # of an IMU sample, and of a twist
_REPORTED_FRAMES = 100
# m/s and rad/s: as far as the controller's own limits go (linear.x.max_velocity). Of the commands that a policy learns
# the largest becomes the largest that it may give: one glitch of an odometry would let it give anything.
_MAX_COMMAND = 100.0
_RUN = 1000  # messages that are read at once
_AHEAD = 8  # pictures that are decoded while others are read
_REASONS: dict[type[InputError], str] = {
    IncompleteImuError: 'imu_incomplete',
    NoVelocityError: 'command_without_velocity',
    NoHeadingError: 'command_without_heading',
}


class SampleReader:
    """
    Reads images, commands and, where it is chosen, the IMU of a bag.

    :param bag: the bag, open
    :param image: frame that the encoder takes
    :param chosen: topics by kind: image, command, perhaps imu
    :param commands: reads the commands
    :param reduced: as of :func:`.episode.read_episode`
    :param cache: of frames; ``None``: they are decoded, and kept for this reading
    :param fit: as of :func:`.episode.read_episode`
    :param progress: called with the number of images since the last call, now and then
    """

    def __init__(
        self,
        bag: Bag,
        image: ImageSpec,
        chosen: Mapping[str, Topic],
        commands: CommandReader,
        *,
        reduced: bool,
        cache: FrameCache | None,
        fit: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.images: NDArray[np.uint8]
        self.stamps = {kind: Stamps() for kind in chosen}
        self.drops: Counter[str] = Counter()
        self._bag = bag
        self._spec = image
        self._chosen = chosen
        self._commands = commands
        self._reduced = reduced
        # What a damaged bag gives hangs on more than its hash: it is read anew each time.
        self._cache = None if bag.damage or bag.recovered else cache
        self._fit = fit or (lambda picture: fit_frame(picture, image))
        self._progress = progress
        self._values = {kind: array('d') for kind in ('imu', 'command')}
        self._first_error: dict[str, str] = {}
        self._frames = Frames(image.bits, image if reduced else None)

    def read(self) -> None:
        """
        Read all samples: ``images``, ``stamps`` and ``drops``, by reason, hold them afterwards, and :meth:`values`.

        :raises InputError: if there is not one usable sample of a topic, or the disk has no room for the frames
        """
        key = self._key() if self._cache else {}
        if self._cache and (stored := self._cache.find(key)):
            self._take(stored)
            self._read(None)
            self._check()
            return
        with self._new_file(key) as file:
            self._read(file)
            self._check()
            self.images = file.images()
            if self._cache and not self._bag.damage:
                stamps = self.stamps['image']
                drops = {reason: count for reason, count in self.drops.items() if reason.startswith('image_')}
                self._cache.keep(key, file, StoredFrames(self.images, stamps.header, stamps.receive, drops))

    def values(self, kind: str) -> NDArray[np.float64]:
        """
        Return the samples of a stream.

        :param kind: ``'imu'`` or ``'command'``
        :returns: gyro and accelerometer, or the twist, (N, 6)
        """
        return np.frombuffer(self._values[kind]).reshape(-1, _COLUMNS)

    def _key(self) -> dict[str, Any]:
        """All that decides the frames."""
        topic, decoder = self._chosen['image'].name, decoder_version()
        return {**vars(self._spec), 'reduced': self._reduced, 'bag': self._bag.sha256(), 'topic': topic, 'by': decoder}

    def _new_file(self, key: Mapping[str, Any]) -> FrameFile:
        if self._cache:
            return self._cache.file(key, self._chosen['image'].count)
        return FrameFile(self._spec.height, self._spec.width)

    def _take(self, stored: StoredFrames) -> None:
        """Take the frames of an earlier reading for those that this one would give."""
        self.images = stored.images
        self.stamps['image'] = Stamps(array('q', stored.header_ns), array('q', stored.receive_ns))
        self.drops.update(stored.drops)
        if self._progress:
            self._progress(self._chosen['image'].count)

    def _read(self, file: FrameFile | None) -> None:
        """Go through the bag; without a file, the frames are there already."""
        kinds = {topic.name: kind for kind, topic in self._chosen.items() if file or kind != 'image'}
        seen = 0
        runs: dict[str, list[Message]] = {'imu': [], 'command': []}
        decoding: deque[Callable[[], list[Frame]]] = deque()
        with ThreadPoolExecutor(cores()) as pool:
            for message in self._bag.messages(list(kinds)):
                kind = kinds[message.topic]
                if kind != 'image':
                    run = runs[kind]
                    run.append(message)
                    if len(run) == _RUN:
                        self._take_run(kind, run)
                    continue
                decode = partial(self._decode, message)
                # OpenCV leaves Python to other threads meanwhile.
                decoding.append(pool.submit(decode).result if self._frames.is_still(message) else decode)
                if len(decoding) > _AHEAD:
                    self._keep(decoding.popleft(), file)
                seen += 1
                if self._progress and seen == _REPORTED_FRAMES:
                    self._progress(seen)
                    seen = 0
            for waiting in decoding:
                self._keep(waiting, file)
        for kind, run in runs.items():
            self._take_run(kind, run)
        self._keep(self._decode_rest, file)
        self.drops.update(self._frames.drops)
        if self._progress:
            self._progress(seen)

    def _decode(self, message: Message) -> list[Frame]:
        return self._fitted(self._frames.take(message))

    def _decode_rest(self) -> list[Frame]:
        return self._fitted(self._frames.rest())

    def _fitted(self, frames: Sequence[Frame]) -> list[Frame]:
        return [frame._replace(picture=self._fit(frame.picture)) for frame in frames]

    def _keep(self, decode: Callable[[], list[Frame]], file: FrameFile | None) -> None:
        try:
            for frame in decode():
                assert file is not None
                file.add(frame.picture)
                self.stamps['image'].add(frame.header_ns, frame.received_ns)
        except (NoDecoderError, NotWrittenError):
            raise
        except InputError as err:
            self._drop('image', err)

    def _take_run(self, kind: str, run: list[Message]) -> None:
        """Take samples of one stream that came one after the other: all at once where they are alike and usable."""
        read = self._read_run(kind, run) if run else None
        if read is not None:
            header_ns, values = read
            self._values[kind].frombytes(values.tobytes())
            self.stamps[kind].extend(header_ns, (message.stamp_ns for message in run))
            run.clear()
        for message in run:
            try:
                stamp_ns, sample = self._sample(kind, message)
                self._values[kind].extend(sample)
                self.stamps[kind].add(stamp_ns, message.stamp_ns)
            except _UnusableError as err:
                self.drops[str(err)] += 1
            except InputError as err:
                self._drop(kind, err)
        run.clear()

    def _read_run(self, kind: str, run: Sequence[Message]) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
        """Header stamps, ns, and samples; none where they are of several layouts, or one of them cannot be used."""
        msgtype = run[0].msgtype
        if msgtype not in RUN_TYPES or not (kind == 'imu' or self._commands.is_plain):
            return None
        read = values_from_cdrs([message.data for message in run], msgtype)
        if read is None:
            return None
        return read if (are_plausible if kind == 'imu' else _may_be_commanded)(read[1]) else None

    def _drop(self, kind: str, error: InputError) -> None:
        reason = 'image_undecodable' if kind == 'image' else f'{kind}_unreadable'
        self.drops[_REASONS.get(type(error), reason)] += 1
        self._first_error.setdefault(kind, str(error))

    def _sample(self, kind: str, message: Message) -> tuple[int, list[float]]:
        """An IMU sample or a command, with its header's stamp, ns."""
        if kind == 'imu':
            px4 = message.msgtype == SENSOR_COMBINED
            header_ns, gyro, accel = (sensor_combined_from_cdr if px4 else imu_from_cdr)(message.data)
            if not is_plausible(gyro, accel):
                raise _UnusableError('imu_not_plausible')
            return header_ns, [*gyro, *accel]
        header_ns, twist = self._commands.read(message)
        if not _may_be_commanded(twist):
            raise _UnusableError('command_not_plausible' if np.isfinite(twist).all() else 'command_not_finite')
        return header_ns, twist.tolist()

    def _check(self) -> None:
        """Refuse a topic of which nothing can be used, and angles in degrees."""
        for kind, topic in self._chosen.items():
            if self.stamps[kind].header:
                continue
            if kind == 'image':
                raise no_frame(self._bag, topic, self._first_error.get(kind) or self._frames.first_error)
            reason = self._first_error.get(kind) or 'all hold NaN, infinity or impossible values'
            if needs_wheelbase(topic.msgtype):
                reason += ' (steering angles are in radians, and below 90°)'
            msg = f'bag {self._bag.path}, topic {topic.name}: not one of its {topic.count} samples is usable: {reason}'
            if kind == 'imu':
                msg += '. Join its halves into one topic, choose another with --imu-topic, or train with --imu no'
            raise InputError(msg)
        wrong = self.drops['command_not_finite'] + self.drops['command_not_plausible']
        self._check_angles(self._chosen['command'], wrong)

    def _check_angles(self, topic: Topic, wrong: int) -> None:
        """Refuse angles in degrees, of which those near straight ahead would be read as sharp turns."""
        if needs_wheelbase(topic.msgtype) and wrong > _MOST_WRONG_ANGLES * topic.count:
            raise InputError(
                f'bag {self._bag.path}, topic {topic.name}: steering angles must be in radians, and below 90°. '
                f'Got {wrong} of {topic.count} commands that are beyond that or not finite: are they in degrees?'
            )


def _may_be_commanded(values: NDArray[np.float64]) -> bool:
    return bool((np.abs(values) <= _MAX_COMMAND).all())


class _UnusableError(Exception):
    """A sample's values cannot be used; the message is the reason of the drop."""
