"""One runner for studies that compare: conditions as data, each result kept when it is there, a killed run resumed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError
from lnn_controller.parallel import in_processes
from lnn_controller.policy.files import parse_json, read_text
from lnn_controller.report.json import write_json

__all__ = ['Row', 'read_rows', 'run_conditions']

#: a condition, ``condition``, and what it gave, ``result``: plain values
Row = dict[str, Any]
LARGEST = 10**9  # of its file, bytes


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
