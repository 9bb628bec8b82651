"""Results as JSON."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lnn_controller.errors import InputError
from lnn_controller.policy.files import write_whole

__all__ = ['to_json', 'write_json', 'write_rows']


def to_json(value: Any) -> str:
    """
    Write a result as JSON; what is not a number (NaN) becomes null, as JSON has no word for it.

    :param value: dicts, lists, texts and numbers
    :returns: indented text
    """
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def write_json(path: str | Path, value: Any) -> None:
    """
    Write a result to a file, as a whole or not at all.

    :param path: the file; its folder is made
    :param value: as :func:`to_json` takes it
    :raises InputError: if it cannot be written
    """
    _write(path, to_json(value))


def write_rows(path: str | Path, rows: Iterable[Any]) -> None:
    """
    Write ``{"rows": […]}``, a row a line: half the size of :func:`write_json`, and a new row is a line of a diff.

    :param path: the file; its folder is made
    :param rows: each as :func:`to_json` takes it
    :raises InputError: if it cannot be written
    """
    lines = (json.dumps(_plain(row), separators=(',', ':'), ensure_ascii=False, allow_nan=False) for row in rows)
    _write(path, '{"rows": [\n' + ',\n'.join(lines) + '\n]}')


def _write(path: str | Path, text: str) -> None:
    path = Path(path)
    try:
        write_whole(path, (text + '\n').encode())
    except OSError as error:
        msg = f'the folder of results must be writable. Got {path}: {error.strerror}'
        raise InputError(msg) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f'{value:.6g}') if math.isfinite(value) else None
    return value
