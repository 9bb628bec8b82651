"""What the study of cells found, as figures and as a page: null results included."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lnn_controller.metrics.comparison import paired_bootstrap, probability_better
from lnn_controller.metrics.success import wilson_interval
from lnn_controller.studies.runner import Row

__all__ = ['page', 'summarise']

REFERENCE = 'ncp_cfc'
_WHAT = (
    'The encoder of a policy stays as it is; each cell and its readout are trained anew on it, with the same windows '
    'and steps, and drive the same roads. A seed draws weights, wiring and windows. This page and its figures are '
    'written by the command below, from the results in `cells.json` beside it.'
)
_LEGEND = (
    f'Error: rms from the lane, mean over seeds and roads. Against `{REFERENCE}`: the difference, with its interval of '
    '95 % (bootstrap over seeds and roads, paired); P: the probability that a drive of this cell is better than one of '
    "it. An interval that holds 0 is no difference shown. Kept the lane: drives without departure, with Wilson's "
    'interval. A name with a number has so many units; the others have about the weights of the default cell.'
)
_HEAD = (
    f'| cell | weights | error | against `{REFERENCE}` | P | kept the lane | roughness, rad/s² | validation '
    '| training, CPU s |'
)


def summarise(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Sum the drives of each cell up, by encoder, scene and fault, and compare with the default cell.

    :param rows: of the study, of the same drives; seeds that not all cells of an encoder have are left out
    :returns: of each encoder, scene, fault and cell: ``seeds``, ``roads``, ``parameters``, ``error_m`` (mean of the
        rms), ``against`` (mean difference from the default cell and its interval, m; ``None`` of itself, or without
        it), ``better`` (probability of being better than it), ``success``, ``trials``, ``interval``, ``roughness``,
        ``validation``, ``train_cpu_s``
    """
    found = []
    for encoder in dict.fromkeys(row['condition']['encoder'] for row in rows):
        here = [row for row in rows if row['condition']['encoder'] == encoder]
        cells = list(dict.fromkeys(row['condition']['cell'] for row in here))
        by_cell = {
            cell: {r['condition']['seed']: r['result'] for r in here if r['condition']['cell'] == cell}
            for cell in cells
        }
        seeds = sorted(set.intersection(*(set(each) for each in by_cell.values())))
        if not seeds:
            continue
        drives = next(iter(by_cell.values()))[seeds[0]]['drives']
        for scene, fault in dict.fromkeys((drive['scene'], drive['fault']) for drive in drives):
            for cell in cells:
                found.append(
                    {'encoder': encoder, 'scene': scene, 'fault': fault, 'cell': cell}
                    | _row(by_cell, cell, seeds, scene, fault)
                )
    return found


def _row(
    by_cell: Mapping[str, Mapping[int, Mapping[str, Any]]], cell: str, seeds: Sequence[int], scene: str, fault: str
) -> dict[str, Any]:
    def table(name: str, figure: str) -> Any:
        """(seeds, roads)"""
        return np.array(
            [
                [d[figure] for d in by_cell[name][seed]['drives'] if (d['scene'], d['fault']) == (scene, fault)]
                for seed in seeds
            ],
            np.float64,
        )

    error, success = table(cell, 'error_m'), table(cell, 'success')
    results = [by_cell[cell][seed] for seed in seeds]
    other = table(REFERENCE, 'error_m') if REFERENCE in by_cell and cell != REFERENCE else None
    return {
        'seeds': error.shape[0],
        'roads': error.shape[1],
        'parameters': round(float(np.mean([each['parameters'] for each in results]))),
        'error_m': float(error.mean()),
        'against': None if other is None else paired_bootstrap(error, other),
        'better': None if other is None else probability_better(error, other),
        'success': int(success.sum()),
        'trials': success.size,
        'interval': wilson_interval(int(success.sum()), success.size),
        'roughness': float(table(cell, 'roughness').mean()),
        'validation': float(np.mean([each['validation'] for each in results])),
        'train_cpu_s': float(np.mean([each['train_cpu_s'] for each in results])),
    }


def page(rows: Sequence[Row], command: str) -> str:
    """
    Write the page.

    :param rows: of the study, of the same drives
    :param command: that gave them
    :returns: Markdown
    """
    summary = summarise(rows)
    if not summary:
        return 'Not one seed is complete for every cell yet: the same command goes on.\n'
    one = rows[0]['condition']
    roads = ', '.join(map(str, one['roads']))
    given = f'{one["steps"]} optimiser steps; drives of {one["seconds"]:g} s; roads {roads}.'
    text = ['# Do cells differ?', '', f'{_WHAT} {given}', '', f'```bash\n{command}\n```', '', _LEGEND]
    if any(each['against'] is not None for each in summary):
        text += ['', f'![Difference of each cell from {REFERENCE}, with its interval](cells.png)']
    for encoder, scene, fault in dict.fromkeys((r['encoder'], r['scene'], r['fault']) for r in summary):
        part = [r for r in summary if (r['encoder'], r['scene'], r['fault']) == (encoder, scene, fault)]
        fault_text = '' if fault == 'none' else f', {fault}'
        text += [
            '',
            f'## Encoder of {encoder}, {scene}{fault_text}: n = {part[0]["seeds"]} seeds × {part[0]["roads"]} roads',
            '',
            _HEAD,
            '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
            *map(_line, part),
            '',
            _verdict(part),
        ]
    return '\n'.join(text) + '\n'


def _line(r: Mapping[str, Any]) -> str:
    against, p = '–', '–'
    if r['against'] is not None:
        against = '{:+.1f} [{:+.1f}, {:+.1f}] cm'.format(*(100 * each for each in r['against']))
        p = f'{r["better"]:.2f}'
    low, high = r['interval']
    kept = f'{r["success"]}/{r["trials"]} [{low:.2f}, {high:.2f}]'
    return (
        f'| {r["cell"]} | {r["parameters"]:,} | {100 * r["error_m"]:.1f} cm | {against} | {p} | {kept} | '
        f'{r["roughness"]:.2f} | {r["validation"]:.3f} | {r["train_cpu_s"]:.0f} |'
    )


def _verdict(part: Sequence[Mapping[str, Any]]) -> str:
    """Say which differences are shown: the words follow from the figures."""
    compared = [r for r in part if r['against'] is not None]
    better = [r['cell'] for r in compared if r['against'][2] < 0]
    worse = [r['cell'] for r in compared if r['against'][1] > 0]
    null = [r['cell'] for r in compared if r['against'][1] <= 0 <= r['against'][2]]
    parts = []
    for cells, word in ((better, 'better than'), (worse, 'worse than'), (null, 'not shown to differ from')):
        if cells:
            parts.append(f'{word} `{REFERENCE}`: {", ".join(cells)}')
    few = ' With fewer than five seeds this is a hint, not a result.' if part[0]['seeds'] < 5 else ''
    return ('; '.join(parts) or 'Nothing is compared') + '.' + few
