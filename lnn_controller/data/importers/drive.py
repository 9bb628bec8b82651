"""A drive as other projects record it, row by row, and the bag that it becomes."""

import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.messages.build import twist_stamped_message, typestore
from lnn_controller.data.messages.types import COMPRESSED_IMAGE, TWIST_STAMPED
from lnn_controller.errors import InputError, short
from lnn_controller.policy.files import read_text

__all__ = [
    *('COMMAND_TOPIC', 'IMAGE_TOPIC', 'LATEST_S', 'Car', 'Row'),
    *('check_stamp', 'command_message', 'new_folder', 'number_of', 'picture_message', 'text_of', 'write_drive'),
]

IMAGE_TOPIC, COMMAND_TOPIC = '/image_raw/compressed', '/cmd_vel'
LARGEST = 10**9  # of a text file, bytes
LATEST_S = 2**31  # builtin_interfaces/Time counts seconds in 31 bits: until January 2038
_FORMATS = {b'\xff\xd8\xff': 'jpeg', b'\x89PNG': 'png'}


class Car(NamedTuple):
    """
    What makes velocities of a car's steering and throttle.

    :param wheelbase_m: from axle to axle, m
    :param full_steering_rad: angle of the wheels at full steering, rad
    :param full_speed_m_s: speed at full throttle, m/s, where no speed was recorded
    """

    wheelbase_m: float
    full_steering_rad: float
    full_speed_m_s: float


class Row(NamedTuple):
    """
    One moment of a drive.

    :param stamp_ns: when, ns
    :param images: files of the pictures, by topic
    :param steering: −1 … 1, left positive
    :param throttle: −1 … 1
    :param speed_m_s: measured, m/s; ``None``: it was not
    """

    stamp_ns: int
    images: Mapping[str, Path]
    steering: float
    throttle: float
    speed_m_s: float | None = None


def write_drive(out: str | Path, rows: Iterable[Row], car: Car, about: Mapping[str, str]) -> int:
    """
    Write a drive as a bag: the pictures' own bytes as CompressedImage, and TwistStamped.

    A car's command is a speed and an angle of its wheels; by its wheelbase the angle is a yaw rate, as of a bicycle.

    :param out: folder of the new bag
    :param rows: in order of time
    :param car: the car
    :param about: where it is from, for the bag's metadata
    :returns: rows written
    :raises InputError: if a picture is neither JPEG nor PNG, time does not go on or is none of ROS's, there is no row,
        or the bag exists or cannot be written; nothing is left behind then
    """
    rows = list(rows)
    for row in rows:
        check_stamp(about['source'], row.stamp_ns)
    if not rows:
        raise InputError(f'{about["source"]}: a drive must have a record with a picture and a command. Got none')
    for before, row in pairwise(rows):
        if row.stamp_ns <= before.stamp_ns:
            raise InputError(
                f'{about["source"]}: each record must be later than the one before. Got {row.stamp_ns * 1e-9:.3f} s '
                f'after {before.stamp_ns * 1e-9:.3f} s: import each drive by itself'
            )
    for row in rows:
        for file in row.images.values():
            with file.open('rb') as stream:
                _format(stream.read(4), str(file))
    assumed = {
        'wheelbase_m': f'{car.wheelbase_m:g}',
        'full_steering_rad': f'{car.full_steering_rad:.4g}',
        'full_speed_m_s': f'{car.full_speed_m_s:g}',
    }
    with new_folder(Path(out)) as folder, BagWriter(folder, custom_data={**about, **assumed}) as bag:
        for topic in dict.fromkeys(topic for row in rows for topic in row.images):
            bag.add_topic(topic, COMPRESSED_IMAGE)
        bag.add_topic(COMMAND_TOPIC, TWIST_STAMPED)
        for row in rows:
            speed = row.throttle * car.full_speed_m_s if row.speed_m_s is None else row.speed_m_s
            turn = speed * math.tan(row.steering * car.full_steering_rad) / car.wheelbase_m
            command = command_message(row.stamp_ns, (speed, 0.0, 0.0), turn, about['source'])
            for topic, file in row.images.items():
                bag.write(topic, row.stamp_ns, picture_message(command.header, file.read_bytes(), str(file)))
            bag.write(COMMAND_TOPIC, row.stamp_ns, command)
    return len(rows)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """
    A folder that has its name once it is whole; where making it fails, nothing is left behind.

    :param out: the folder; its parents are made
    :returns: where to make it: it has the same last name there
    :raises InputError: if it exists, or cannot be made
    """
    if out.exists():
        raise InputError(f'{out} exists already: name a new folder, or remove that one')
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=out.parent, prefix=f'.{out.name}.'))
    except OSError as error:
        raise InputError(f'{out.parent} must be a folder that can be written. Got: {error.strerror}') from None
    try:
        yield part / out.name
        (part / out.name).rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_stamp(where: str, stamp_ns: float) -> None:
    """
    Check that a message can have a stamp.

    :param where: the recording, for the error
    :param stamp_ns: the stamp, ns
    :raises InputError: if it lies before 1970 or after January 2038
    """
    if not 0 <= stamp_ns < LATEST_S * 10**9:
        raise InputError(f'{where}: a time must be from 0 to {LATEST_S} s. Got {stamp_ns * 1e-9:.10g} s')


def command_message(stamp_ns: int, linear: Sequence[float], turn: float, where: str) -> Any:
    """
    Build the TwistStamped of a command.

    :param stamp_ns: when it was given, ns
    :param linear: xyz, m/s
    :param turn: yaw rate, rad/s
    :param where: the recording, for the error
    :returns: the message
    :raises InputError: if a number of it is not finite, as of two that are finite the product may be
    """
    if not all(map(math.isfinite, [*linear, turn])):
        raise InputError(f'{where}: a command must be finite. Got one that its factors make infinite: give others')
    return twist_stamped_message(stamp_ns, linear=tuple(map(float, linear)), angular=(0.0, 0.0, float(turn)))


def picture_message(header: Any, data: bytes, where: str) -> Any:
    """
    Build a CompressedImage of a picture's own bytes.

    :param header: of the message
    :param data: the picture, JPEG or PNG
    :param where: where it is from, for errors
    :returns: the message
    :raises InputError: if it is neither JPEG nor PNG
    """
    kind = _format(data[:4], where)
    return typestore().types[COMPRESSED_IMAGE](header=header, format=kind, data=np.frombuffer(data, np.uint8))


def _format(head: bytes, where: str) -> str:
    for magic, name in _FORMATS.items():
        if head.startswith(magic):
            return name
    raise InputError(f'{where}: a picture must be JPEG or PNG. Got bytes that begin with {head!r}')


def text_of(file: Path) -> str:
    """
    Read a text file of a recording.

    :param file: the file
    :returns: its text
    :raises InputError: if it is missing, no regular file, no text, or larger than a gigabyte
    """
    return read_text(file, 'a recording', LARGEST).removeprefix('\ufeff')


def number_of(where: str, name: str, value: Any, most: float | None = None) -> float:
    """
    Read a number of a record.

    :param where: the record, for errors
    :param name: of the number
    :param value: as it stands there
    :param most: its largest size; ``None``: any
    :returns: the number
    :raises InputError: if it is none, not finite, or larger
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool) or (most is not None and abs(number) > most):
        size = f' from {-most:g} to {most:g}' if most is not None else ''
        raise InputError(f'{where}: {name} must be a number{size}. Got {short(value)}')
    return number
