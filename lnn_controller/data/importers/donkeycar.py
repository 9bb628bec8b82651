"""
Tubs of Donkeycar: catalogs of JSON lines (version 2), or a JSON file for each record (version 1).

Source: docs.donkeycar.com and donkeycar/parts/datastore_v2.py, datastore.py. Its angle is positive to the right.
"""

import json
from collections.abc import Callable, Container, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lnn_controller.data.importers.drive import (
    IMAGE_TOPIC,
    LATEST_S,
    Drive,
    Row,
    check_picture,
    gather,
    number_of,
    text_of,
)
from lnn_controller.errors import InputError, short

__all__ = ['read_tub']

IMAGE, ANGLE, THROTTLE = 'cam/image_array', 'user/angle', 'user/throttle'
NO_TIME_HZ = 20  # Donkeycar's DRIVE_LOOP_HZ


def read_tub(path: Path) -> Drive:
    """
    Read a tub; what was deleted in it stays deleted, and what a pilot drove is left out.

    :param path: its folder
    :returns: a row for each record that a user drove, in their order
    :raises InputError: if it is no tub, more of its records are damaged than whole, or it has none but tubs in it
    """
    inside = sorted(
        {each.parent.name for name in ('manifest.json', 'record_1.json') for each in path.glob(f'*/{name}')}
    )
    got = f'tubs in it: name one of {", ".join(inside)}' if inside else 'neither'
    if (path / 'manifest.json').exists():
        records = _catalogs(path)
    elif next(path.glob('record_*.json'), None):
        records = _files(path)
    else:
        raise InputError(f'{path} must be the folder of a tub, with manifest.json or record_*.json. Got {got}')
    drive = gather(records)
    if not drive.rows and inside:
        raise InputError(f'{path} has no record of its own. Got {got}')
    return drive


def _catalogs(path: Path) -> Iterator[Callable[[], Row | None]]:
    manifest = path / 'manifest.json'
    lines = text_of(manifest).splitlines()
    if len(lines) < 5:
        raise InputError(f'{manifest}: a manifest has 5 lines of JSON. Got {len(lines)}')
    listed = _json(f'{manifest}, line 5', lines[4])
    names, deleted = listed.get('paths'), listed.get('deleted_indexes', [])
    if not isinstance(names, list) or not isinstance(deleted, list):
        raise InputError(f'{manifest}, line 5: it must list "paths" and "deleted_indexes". Got {short(listed)}')
    gone = {each for each in deleted if isinstance(each, int)}  # a list takes as long as it is, for each record
    index = 0
    for name in names:
        catalog = path / Path(str(name)).name
        for number, line in enumerate(text_of(catalog).splitlines(), 1):
            if line.strip():
                yield partial(_of_catalog, f'{catalog}, line {number}', line, index, gone, path / 'images')
                index += 1


def _of_catalog(where: str, line: str, index: int, gone: Container[Any], folder: Path) -> Row | None:
    record = _json(where, line)
    place = record.get('_index', index)
    if not _is_driven(record) or (isinstance(place, int) and place in gone):
        return None
    stamp_ms = number_of(where, '_timestamp_ms', record.get('_timestamp_ms'), LATEST_S * 1e3)
    return _row(where, record, folder, round(stamp_ms * 1e6))


def _files(path: Path) -> Iterator[Callable[[], Row | None]]:
    start_s, file = 0.0, path / 'meta.json'
    if file.exists():
        start_s = number_of(f'{file}', 'start', _json(f'{file}', text_of(file)).get('start', 0.0), LATEST_S)
    numbered = [(int(each.stem[7:]), each) for each in path.glob('record_*.json') if each.stem[7:].isdecimal()]
    for number, record in sorted(numbered):
        yield partial(_of_file, record, number, start_s)


def _of_file(file: Path, number: int, start_s: float) -> Row | None:
    record = _json(f'{file}', text_of(file))
    if not _is_driven(record):
        return None
    since_ms = record.get('milliseconds', number * 1000 / NO_TIME_HZ)
    since_ms = number_of(f'{file}', 'milliseconds', since_ms, LATEST_S * 1e3)
    return _row(f'{file}', record, file.parent, round(start_s * 1e9 + since_ms * 1e6))


def _is_driven(record: dict[str, Any]) -> bool:
    return bool(record.get('user/mode', 'user') == 'user')


def _row(where: str, record: dict[str, Any], folder: Path, stamp_ns: int) -> Row:
    name = record.get(IMAGE)
    if not isinstance(name, str):
        raise InputError(f'{where}: "{IMAGE}" must be the name of a picture. Got {short(name)}')
    file = folder / Path(name).name  # nothing in a record can point outside of the tub
    check_picture(where, file)
    angle = number_of(where, ANGLE, record.get(ANGLE), 1.0)
    throttle = number_of(where, THROTTLE, record.get(THROTTLE), 1.0)
    return Row(stamp_ns, {IMAGE_TOPIC: file}, -angle, throttle)


def _json(where: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f'{where}: it must be JSON: {error}') from None
    if not isinstance(value, dict):
        raise InputError(f'{where}: it must be a JSON object. Got {short(value)}')
    return value
