"""A drive as other projects record it, row by row, and the bag that it becomes."""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.messages.build import twist_stamped_message, typestore
from lnn_controller.data.messages.types import COMPRESSED_IMAGE, TWIST_STAMPED
from lnn_controller.errors import InputError, short

__all__ = ['COMMAND_TOPIC', 'IMAGE_TOPIC', 'Car', 'Row', 'number_of', 'picture_message', 'text_of', 'write_drive']

IMAGE_TOPIC, COMMAND_TOPIC = '/image_raw/compressed', '/cmd_vel'
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
    :raises InputError: if a picture is neither JPEG nor PNG, time does not go on, there is no row, or the bag exists or
        cannot be written
    """
    rows = list(rows)
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
    with BagWriter(out, custom_data={**about, **assumed}) as bag:
        for topic in dict.fromkeys(topic for row in rows for topic in row.images):
            bag.add_topic(topic, COMPRESSED_IMAGE)
        bag.add_topic(COMMAND_TOPIC, TWIST_STAMPED)
        for row in rows:
            speed = row.throttle * car.full_speed_m_s if row.speed_m_s is None else row.speed_m_s
            turn = speed * math.tan(row.steering * car.full_steering_rad) / car.wheelbase_m
            command = twist_stamped_message(row.stamp_ns, linear=(speed, 0, 0), angular=(0, 0, turn))
            for topic, file in row.images.items():
                bag.write(topic, row.stamp_ns, picture_message(command.header, file.read_bytes(), str(file)))
            bag.write(COMMAND_TOPIC, row.stamp_ns, command)
    return len(rows)


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
    :raises InputError: if it is missing, or no text
    """
    try:
        return file.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError:
        raise InputError(f'{file} must be a text file. Got bytes that are no UTF-8') from None
    except OSError as error:
        raise InputError(f'{file} must be there and readable. Got: {error.strerror}') from None


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
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool) or (most is not None and abs(number) > most):
        size = f' from {-most:g} to {most:g}' if most is not None else ''
        raise InputError(f'{where}: {name} must be a number{size}. Got {short(value)}')
    return number
