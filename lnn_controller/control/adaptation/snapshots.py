"""What was learnt, on disk: a JSON file, written as a whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError
from lnn_controller.policy.files import expand, parse_json, read_text, write_whole

__all__ = ['read_snapshot', 'write_snapshot']


def write_snapshot(path: str | Path, snapshot: Mapping[str, Any]) -> Path:
    """
    Write what was learnt; a file that is there is replaced.

    :param path: of the file; its folder is made
    :param snapshot: as :meth:`Adaptation.snapshot` returns it
    :returns: the file
    :raises InputError: if it cannot be written
    """
    path = expand(path)
    if path.exists() and not path.is_file():
        raise InputError(f'the snapshot must go to a file. Got {path}, which is something else')
    try:
        write_whole(path, (json.dumps(snapshot, indent=1) + '\n').encode())
    except OSError as error:
        raise InputError(f'the snapshot must go to a file that can be written. Got {path}: {error.strerror}') from None
    return path


def read_snapshot(path: str | Path) -> Any:
    """
    Read what was learnt; whose policy it is :meth:`Adaptation.load` checks.

    :param path: of the file
    :returns: the object in it
    :raises InputError: if it cannot be read, is larger than 10 MB, or no JSON
    """
    return parse_json(read_text(path, 'a snapshot'), f'{path}: must be a snapshot, in')
