"""A folder that is there once it is whole."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lnn_controller.errors import InputError

__all__ = ['new_folder']


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
