"""What was learnt, on disk: a JSON file, written as a whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError

__all__ = ['read_snapshot', 'write_snapshot']


def write_snapshot(path: str | Path, snapshot: Mapping[str, Any]) -> Path:
    """
    Write what was learnt; a file that is there is replaced.

    :param path: of the file; its folder is made
    :param snapshot: as :meth:`Adaptation.snapshot` gives it
    :returns: the file
    :raises InputError: if it cannot be written
    """
    path = Path(path).expanduser()
    beside = path.with_name(f'.{path.name}.new')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(snapshot, indent=1) + '\n', encoding='utf-8')
        beside.replace(path)
    except OSError as error:
        raise InputError(f'the snapshot must go to a file that can be written. Got {path}: {error.strerror}') from None
    return path


def read_snapshot(path: str | Path) -> Any:
    """
    Read what was learnt; whose policy it is :meth:`Adaptation.load` checks.

    :param path: of the file
    :returns: the object in it
    :raises InputError: if it cannot be read, or is no JSON
    """
    path = Path(path).expanduser()
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise InputError(f'a snapshot must be a file that can be read. Got {path}: {error.strerror}') from None
    except ValueError as error:
        raise InputError(f'{path}: must be a snapshot, in JSON. Got a syntax error: {error}') from None
