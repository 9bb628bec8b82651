"""One runner for studies that compare: conditions as data, each result kept when it is there, a killed run resumed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError
from lnn_controller.parallel import in_processes
from lnn_controller.policy.files import parse_json, read_text
from lnn_controller.report.json import write_json

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

    :param run: of a module, so that other processes find it: takes a condition, gives its result
    :param conditions: plain values, each once
    :param path: JSON file
    :param jobs: processes
    :returns: the rows of these conditions that are new, as they come
    :raises InputError: if the file is another
    """
    rows = read_rows(path)
    done = [row['condition'] for row in rows]
    missing = [dict(each) for each in conditions if dict(each) not in done]
    for condition, result in zip(missing, in_processes(run, missing, jobs=jobs)):
        row = {'condition': condition, 'result': dict(result)}
        rows.append(row)
        write_json(path, {'rows': rows})
        yield row
