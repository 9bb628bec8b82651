"""One runner for studies that compare: conditions as data, each result kept when it is there, a killed run resumed."""

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError
from lnn_controller.parallel import in_processes
from lnn_controller.policy.files import parse_json, read_text
from lnn_controller.report.json import write_rows

__all__ = ['FIGURE', 'NUMBER', 'Row', 'has_shape', 'read_rows', 'run_conditions']

#: a condition, ``condition``, and what it gave, ``result``: plain values
Row = dict[str, Any]
LARGEST = 10**9  # of its file, bytes
#: what may stand in a result: a number; one that may be missing, which is null
NUMBER, FIGURE = (int, float), (int, float, type(None))


def read_rows(path: Path) -> list[Row]:
    """
    Read what a study has found so far.

    :param path: its JSON file; it may be missing
    :returns: its rows
    :raises InputError: if the file is another
    """
    if not path.exists():
        return []
    with suppress(InputError):
        found = parse_json(read_text(path, 'a study', LARGEST), 'a study must be')
        rows = found.get('rows') if isinstance(found, dict) else None
        if isinstance(rows, list) and all(map(_is_row, rows)):
            return rows
    raise InputError(f'{path} must be the JSON of a study. Got another file: choose another --out')


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), dict) for key in ('condition', 'result'))


def has_shape(value: Any, shape: Any) -> bool:
    """
    Return whether a value of JSON is made as another: who edits a study's file by hand may leave something out.

    :param value: as it was read
    :param shape: a type, a tuple of types, or of such shapes a mapping by key or a list of one, for any number
    :returns: whether it is; keys beyond those of the shape do no harm
    """
    if isinstance(shape, Mapping):
        return isinstance(value, dict) and all(key in value and has_shape(value[key], shape[key]) for key in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(has_shape(each, shape[0]) for each in value)
    return isinstance(value, shape)


def run_conditions(
    run: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    conditions: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    jobs: int = 1,
) -> Iterator[Row]:
    """
    Run the conditions that a file has no result of, and write each result there as soon as it is there.

    A run that was killed goes on where it was: started again, with whatever conditions, it leaves out what is done.
    Processes that have the file at once, of several machines too, share the conditions: whoever runs one holds a lock,
    which the system lets go of when the process ends, however it ends. In the end each waits for what the others run,
    and runs what one of them was killed at.

    :param run: of a module, so that other processes find it: takes a condition, gives its result
    :param conditions: plain values, each once
    :param path: JSON file; where machines share it, its file system has locks (NFS from version 4 on)
    :param jobs: processes
    :returns: the rows of these conditions that are new and were run here, as they come
    :raises InputError: if the file is another, or its folder cannot be written or locked
    """
    for wait in (False, True):
        done = [row['condition'] for row in read_rows(path)]
        missing = [dict(each) for each in conditions if dict(each) not in done]
        for row in in_processes(partial(_run_one, run, path, wait), missing, jobs=jobs):
            if row is not None:
                yield row


def _run_one(
    run: Callable[[Mapping[str, Any]], Mapping[str, Any]], path: Path, wait: bool, condition: Row
) -> Row | None:
    """Run a condition unless its result is there, or, without ``wait``, somebody else is at it."""
    lock = path.with_suffix('.lock')
    with _locked(lock, _place(condition), wait=wait) as mine:
        if not mine or any(row['condition'] == condition for row in read_rows(path)):
            return None
        row = {'condition': condition, 'result': dict(run(condition))}
        with _locked(path.with_suffix('.write.lock'), 0, wait=True):
            write_rows(path, [*read_rows(path), row])
        return row


def _place(condition: Row) -> int:
    """Which byte of the file of locks is the condition's: below 2⁶², as the system's offsets are."""
    text = json.dumps(condition, sort_keys=True).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8]) >> 2


@contextmanager
def _locked(path: Path, place: int, *, wait: bool) -> Iterator[bool]:
    """Hold the lock on one byte of a file; without ``wait`` perhaps not. The file stays: another may hold a byte."""
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open('w'))
            fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, place)
            mine = True
        except (BlockingIOError, PermissionError) as error:
            # Either may be what the system says of a lock that another process holds.
            if error.filename is not None:
                raise _unusable(path, error) from None
            mine = False
        except OSError as error:
            raise _unusable(path, error) from None
        yield mine


def _unusable(path: Path, error: OSError) -> InputError:
    return InputError(f'the folder of results must be writable, and have locks. Got {path}: {error.strerror}')
