"""
Drives in Udacity's simulator: driving_log.csv and pictures in IMG/ (github.com/udacity/self-driving-car-sim).

Its steering is a share of 25°, positive to the right; its speed is in miles per hour; the time stands in the names of
the pictures.
"""

import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PureWindowsPath

from lnn_controller.data.importers.drive import IMAGE_TOPIC, Drive, Row, check_picture, gather, number_of, text_of
from lnn_controller.errors import InputError

__all__ = ['read_log']

COLUMNS = ('center', 'left', 'right', 'steering', 'throttle', 'brake', 'speed')
M_S_PER_MPH = 0.44704
_TIME = re.compile(r'(\d{4})_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d{1,3})$')


def read_log(path: Path, *, side_cameras: bool = False) -> Drive:
    """
    Read a drive.

    :param path: the folder with driving_log.csv
    :param side_cameras: whether to take the pictures of the left and right camera too
    :returns: a row for each line of the log, in order of time: some logs are of several drives
    :raises InputError: if there is no log, or more of its lines are damaged than whole
    """
    log = path / 'driving_log.csv'
    if not log.exists():
        raise InputError(f'{path} must be the folder of a drive, with driving_log.csv and IMG/. Got no driving_log.csv')
    try:
        lines = list(csv.reader(text_of(log).splitlines(), skipinitialspace=True))
    except csv.Error as error:
        raise InputError(f'{log} must be lines of values between commas. Got: {error}') from None
    lines_there = [(number, cells) for number, cells in enumerate(lines, 1) if cells and not _is_header(cells)]
    drive = gather(
        partial(_row, f'{log}, line {number}', cells, path, side_cameras=side_cameras) for number, cells in lines_there
    )
    drive.rows.sort(key=lambda row: row.stamp_ns)
    return drive


def _is_header(cells: Sequence[str]) -> bool:
    return tuple(each.strip() for each in cells) == COLUMNS


def _row(where: str, cells: Sequence[str], path: Path, *, side_cameras: bool) -> Row:
    if len(cells) != len(COLUMNS):
        raise InputError(f'{where}: it must have {len(COLUMNS)} columns: {", ".join(COLUMNS)}. Got {len(cells)}')
    centre, left, right = (_picture(where, path, name) for name in cells[:3])
    images = {IMAGE_TOPIC: centre}
    if side_cameras:
        images |= {f'/left{IMAGE_TOPIC}': left, f'/right{IMAGE_TOPIC}': right}
    for file in images.values():
        check_picture(where, file)
    steering = number_of(where, 'steering', cells[3], 1.0)
    throttle = number_of(where, 'throttle', cells[4], 1.0)
    speed_m_s = number_of(where, 'speed', cells[6]) * M_S_PER_MPH
    return Row(_stamp_ns(where, centre), images, -steering, throttle, speed_m_s)


def _picture(where: str, path: Path, name: str) -> Path:
    """Find a picture by its last name: the log has the whole path of the computer that recorded it."""
    last = PureWindowsPath(name.strip()).name
    if not last:
        raise InputError(f'{where}: the name of a picture is needed. Got {name!r}')
    return path / 'IMG' / last


def _stamp_ns(where: str, picture: Path) -> int:
    found = _TIME.search(picture.stem)
    try:
        if found is None:
            raise ValueError
        *parts, ms = map(int, found.groups())
        seconds = datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]
    except ValueError:
        raise InputError(
            f'{where}: the name of a picture must end in its time, as center_2016_12_01_13_30_48_287.jpg. '
            f'Got {picture.name}'
        ) from None
    return round(seconds) * 10**9 + ms * 10**6
