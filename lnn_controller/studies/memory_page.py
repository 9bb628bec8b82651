"""What the study of memory found, as figures and as a page: its words follow from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lnn_controller.metrics.success import count_outcomes, failure_ratio, wilson_interval
from lnn_controller.studies.runner import Row

__all__ = ['page', 'summarise']

ENOUGH = 3.0  # times as often must fail who has no memory
_WHAT = (
    'The same drives twice: the state of the network goes from tick to tick, or it is wiped before each. This page and '
    'its figures are written by the command below, from the results in `memory.json` beside it.'
)
_LEGEND = (
    "Success with Wilson's interval of 95 %. Ratio: how often the drives without memory fail, by how often those with "
    'it do, with its interval of 95 % (by logarithms, half a failure added to each side, which draws it towards 1). '
    'Error: rms from the middle of the lane or of the branch to take, mean over drives; a drive that ended early has '
    f'less of it. A task is evidence about cells where the wiped state fails at least {ENOUGH:g} times as often by the '
    'plain count, and the interval does not hold 1: elsewhere differences between cells are not differences of memory.'
)
_HEAD = (
    '| task | policy | cell | n | kept: success | wiped: success | ratio of failures | error kept, wiped '
    '| evidence about cells |'
)


def summarise(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Sum drives up, by task and policy.

    :param rows: of the study; worlds that were not driven both ways are left out
    :returns: of each task and policy: ``trials``, and of ``kept`` and ``wiped`` each ``success``, ``interval``,
        ``error_m`` (``None``: there is no lane) and ``outcomes``; ``ratio`` of failures and its interval; ``counts``:
        whether it is evidence about cells, and ``perhaps``: whether more drives might make it so
    """
    found = []
    keys = ('robot', 'task', 'policy', 'cell', 'scene', 'weights', 'rate_hz')
    by_drive: dict[tuple[Any, ...], dict[tuple[int, bool], Mapping[str, Any]]] = {}
    for row in rows:
        condition = row['condition']
        results = by_drive.setdefault(tuple(condition[key] for key in keys), {})
        results[condition['seed'], condition['memory']] = row['result']
    for drive, results in by_drive.items():
        seeds = sorted({seed for seed, _ in results if {(seed, True), (seed, False)} <= results.keys()})
        if not seeds:
            continue
        kept, wiped = ([results[seed, memory] for seed in seeds] for memory in (True, False))
        failures = [sum(not each['success'] for each in way) for way in (kept, wiped)]
        ratio = failure_ratio(failures[1], failures[0], len(seeds))
        often = failures[1] > 0 and failures[1] >= ENOUGH * failures[0]
        found.append(
            dict(zip(keys, drive, strict=True))
            | {
                'trials': len(seeds),
                'kept': _way(kept),
                'wiped': _way(wiped),
                'ratio': ratio,
                'counts': often and ratio[1] > 1.0,
                'perhaps': not (often and ratio[1] > 1.0) and ratio[2] >= ENOUGH,
            }
        )
    return found


def _way(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    success = sum(each['success'] for each in results)
    errors = [each['error_m'] for each in results if each['error_m'] is not None]
    return {
        'success': success,
        'interval': wilson_interval(success, len(results)),
        'error_m': float(np.mean(errors)) if errors else None,
        'outcomes': count_outcomes(each['outcome'] for each in results),
    }


def page(rows: Sequence[Row], command: str) -> str:
    """
    Write the page.

    :param rows: of the study
    :param command: that gave them
    :returns: Markdown
    """
    summary = summarise(rows)
    if not summary:
        return 'Not one world was driven both ways yet: the same command goes on.\n'
    text = ['# Does a drive need a memory?', '', _WHAT, '', f'```bash\n{command}\n```', '', _LEGEND, '', _HEAD]
    text += ['| --- | --- | --- | --- | --- | --- | --- | --- | --- |', *map(_line, summary), '', _verdict(summary)]
    text += ['', 'How the drives ended:', '', *map(_ends, summary)]
    return '\n'.join(text) + '\n'


def _line(r: Mapping[str, Any]) -> str:
    n = r['trials']
    ways = []
    for way in (r['kept'], r['wiped']):
        low, high = way['interval']
        ways.append(f'{way["success"]}/{n} [{low:.2f}, {high:.2f}]')
    failed = r['kept']['success'] + r['wiped']['success'] < 2 * n
    ratio = '{:.1f} [{:.1f}, {:.1f}]'.format(*r['ratio']) if failed else 'none failed'
    errors = [way['error_m'] for way in (r['kept'], r['wiped'])]
    error = '–' if None in errors else f'{100 * errors[0]:.1f}, {100 * errors[1]:.1f} cm'
    counts = 'yes' if r['counts'] else 'not shown' if r['perhaps'] else 'no'
    name = r['policy'].rstrip('/').rpartition('/')[2]
    return f'| {r["task"]} | {name} | {r["cell"]} | {n} | {ways[0]} | {ways[1]} | {ratio} | {error} | {counts} |'


def _verdict(summary: Sequence[Mapping[str, Any]]) -> str:
    """Say which tasks tell memories apart: the words follow from the figures."""
    tasks = list(dict.fromkeys(r['task'] for r in summary))
    by_policy = {
        task: [r['policy'].rpartition('/')[2] for r in summary if r['task'] == task and r['counts']] for task in tasks
    }
    yes = [f'`{task}` (by {", ".join(policies)})' for task, policies in by_policy.items() if policies]
    rest = [f'`{task}`' for task, policies in by_policy.items() if not policies]
    parts = [f'Evidence about cells: {", ".join(yes) or "none of these tasks"}.']
    if rest:
        parts.append(f'With these policies no evidence: {", ".join(rest)}.')
    return ' '.join(parts)


def _ends(r: Mapping[str, Any]) -> str:
    def words(way: Mapping[str, Any]) -> str:
        return ', '.join(f'{outcome or "time up"} {count}' for outcome, count in way['outcomes'].items())

    name = r['policy'].rstrip('/').rpartition('/')[2]
    return f'- {r["task"]}, {name}, at {r["rate_hz"]:g} Hz: kept {words(r["kept"])}; wiped {words(r["wiped"])}.'
