"""What benchmarks share that go on where they were: run what is missing, bound a mean, write a table into a page."""

import argparse
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lnn_controller.studies.runner import Row, read_rows, run_conditions

# Student's t for 95 %, by the number of values.
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262, 11: 2.228, 12: 2.201}


def add_options(parser: argparse.ArgumentParser, out: str) -> None:
    """
    Add what :func:`write_results` takes.

    :param parser: of the command line
    :param out: JSON file of results where none is named
    """
    parser.add_argument('--jobs', type=int, default=1, help='processes')
    parser.add_argument('--out', type=Path, default=Path(out), help='results; what is there is not run again')
    parser.add_argument('--table', type=Path, help='page whose table is written anew, between its marks')


def write_results(
    run: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    conditions: Sequence[Mapping[str, Any]],
    table: Callable[[Sequence[Row]], str],
    args: argparse.Namespace,
    *,
    mark: str = 'table',
) -> None:
    """
    Run the conditions that have no result yet, telling each on standard error; print the table.

    It goes into a page too, if one is named.

    :param run: of a module, gives what one condition leads to
    :param conditions: all that are asked for
    :param table: lays results out
    :param args: of :func:`add_options`
    :param mark: of the table in the page
    """
    for row in run_conditions(run, conditions, args.out, jobs=args.jobs):
        print(row['condition'], row['result'], file=sys.stderr, flush=True)
    text = table([row for row in read_rows(args.out) if row['condition'] in conditions])
    if args.table:
        write_between(args.table, mark, text)
    print(text)


def half_width(values: np.ndarray) -> float:
    """
    Give half the width of the interval of 95 % of a mean, by Student's t.

    :param values: independent ones
    :returns: NaN where t is not known for so many
    """
    if len(values) not in T95:
        return math.nan
    return float(T95[len(values)] * values.std(ddof=1) / math.sqrt(len(values)))


def write_between(page: Path, mark: str, text: str) -> None:
    """
    Write a table anew where it stands in a page, between ``<!-- mark -->`` and ``<!-- end -->``.

    :param page: Markdown
    :param mark: name of the mark
    :param text: the table
    """
    marks = re.compile(rf'(<!-- {re.escape(mark)} -->\n).*?(\n<!-- end -->)', re.DOTALL)
    written, count = marks.subn(lambda match: f'{match[1]}\n{text}\n{match[2]}', page.read_text(encoding='utf-8'))
    if count != 1:
        raise SystemExit(f'{page} must have the marks <!-- {mark} --> and <!-- end --> once. Got them {count} times')
    page.write_text(written, encoding='utf-8')
