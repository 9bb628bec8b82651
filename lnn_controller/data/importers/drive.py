"""A drive as other projects record it, row by row, and the bag that it becomes."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lnn_controller.data.bags.new_folder import new_folder
from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.messages.build import twist_stamped_message, typestore
from lnn_controller.data.messages.types import COMPRESSED_IMAGE, TWIST_STAMPED
from lnn_controller.errors import InputError, short
from lnn_controller.policy.files import read_text

__all__ = [
    *('COMMAND_TOPIC', 'IMAGE_TOPIC', 'LATEST_S', 'Car', 'Drive', 'Row', 'check_fetched', 'check_picture'),
    *(
        'check_stamp',
        'command_message',
        'gather',
        'number_of',
        'picture_message',
        'text_of',
        'write_drive',
    ),
]

IMAGE_TOPIC, COMMAND_TOPIC = '/image_raw/compressed', '/cmd_vel'
LARGEST = 10**9  # of a text file, bytes
LATEST_S = 2**31  # builtin_interfaces/Time counts seconds in 31 bits: until January 2038
PAUSE_NS = 11 * 10**9  # what training takes for a pause, and a little more
_FORMATS = {b'\xff\xd8\xff': 'jpeg', b'\x89PNG': 'png'}
_LFS_POINTER = b'version https://git-lfs'


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


class Drive(NamedTuple):
    """
    What was read of a recording.

    :param rows: its moments
    :param damaged: of each record that is left out, why it cannot be read
    """

    rows: list[Row]
    damaged: list[str]


def gather(records: Iterable[Callable[[], Row | None]]) -> Drive:
    """
    Read records one by one, and leave out what is damaged, as the last of a car that was switched off is.

    :param records: reads one each; ``None``: nothing of it is wanted
    :returns: what was read
    :raises InputError: if more are damaged than whole
    """
    drive = Drive([], [])
    for read in records:
        try:
            row = read()
        except InputError as error:
            drive.damaged.append(str(error))
        else:
            drive.rows.extend([row] if row else [])
    if len(drive.damaged) > len(drive.rows):
        raise InputError(f'{drive.damaged[0]} ({len(drive.damaged)} records are damaged, {len(drive.rows)} are whole)')
    return drive


def write_drive(out: str | Path, rows: Sequence[Row], car: Car, about: Mapping[str, str]) -> int:
    """
    Write a drive as a bag: the pictures' own bytes as CompressedImage, and TwistStamped.

    A car's command is a speed and an angle of its wheels; by its wheelbase the angle is a yaw rate, as of a bicycle.
    Where the clock goes back, as that of a computer without one of its own does from start to start, what follows
    lies behind a pause.

    :param out: folder of the new bag
    :param rows: in the order in which they were recorded; one that has the time of the row before is left out
    :param car: the car
    :param about: where it is from, for the bag's metadata
    :returns: rows written
    :raises InputError: if a picture is neither JPEG nor PNG, a time is none of ROS's, there is no row, or the bag
        exists or cannot be written; nothing is left behind then
    """
    if not rows:
        raise InputError(
            f'{about["source"]}: a drive must have a record that a person drove, and nobody deleted. Got none'
        )
    rows = _in_order(rows)
    for row in rows:
        check_stamp(about['source'], row.stamp_ns)
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


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Later from row to row: behind a pause where the clock went back, and back at its time where it is right again."""
    ordered, before_ns = [rows[0]], rows[0].stamp_ns
    for row in rows[1:]:
        step_ns, before_ns = row.stamp_ns - before_ns, row.stamp_ns
        if step_ns:
            after_ns = ordered[-1].stamp_ns + (min(step_ns, PAUSE_NS) if step_ns > 0 else PAUSE_NS)
            ordered.append(row._replace(stamp_ns=max(row.stamp_ns, after_ns)))
    return ordered


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


def check_picture(where: str, file: Path) -> None:
    """
    Check that a picture is there, by the first of its bytes.

    :param where: the record that names it, for the error
    :param file: the picture
    :raises InputError: if it is missing, cannot be read, or is neither JPEG nor PNG
    """
    if not file.is_file():
        raise InputError(f'{where}: its picture must be there. Got no {file}')
    check_fetched(file)
    _format(_head(file), f'{where}: {file}')


def check_fetched(file: Path) -> None:
    """
    Check that a file is itself, and no pointer to it, as of a clone without Git LFS.

    :param file: the file
    :raises InputError: if it is a pointer, or cannot be read
    """
    if _head(file) == _LFS_POINTER:
        raise InputError(f'{file} itself is needed. Got a pointer of Git LFS to it: git lfs pull brings it')


def _head(file: Path) -> bytes:
    try:
        with file.open('rb') as stream:
            return stream.read(len(_LFS_POINTER))
    except OSError as error:
        raise InputError(f'{file} must be readable. Got: {error.strerror}') from None


def _format(head: bytes, where: str) -> str:
    for magic, name in _FORMATS.items():
        if head.startswith(magic):
            return name
    raise InputError(f'{where}: a picture must be JPEG or PNG. Got bytes that begin with {head[:4]!r}')


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
