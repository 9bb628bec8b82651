"""What the study of cells found, as a page: null results included."""

from collections.abc import Mapping, Sequence
from typing import Any

from lnn_controller.studies.cells_summary import JOINT, REFERENCE, compare_encoders, summarise, tried
from lnn_controller.studies.runner import Row

__all__ = ['page']

_FROZEN = (
    'The encoder of a policy stays as it is; each cell and its readout are trained anew on it, with the same windows '
    'and steps, and drive the same roads.'
)
_JOINT = (
    'Encoder, cell and readout of `joint` are trained together, from nothing, with the same windows and steps for each '
    'cell, and drive the same roads.'
)
_SEED = (
    'A seed draws weights, wiring and windows. This page and its figures are written by the command below, from the '
    'results in `cells.json` beside it.'
)
_TRIED = (
    'Each cell has been trained with the same learning rates, once a seed; the one with the least validation error '
    'drives. The wiring is drawn by the seed and is not chosen, so that no cell has more tries than another.'
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
    roads = ('road ' if len(one['roads']) == 1 else 'roads ') + ', '.join(map(str, one['roads']))
    given = f'{one["steps"]} optimiser steps; drives of {one["seconds"]:g} s; {roads}.{_faults(one["faults"])}'
    encoders = [row['condition']['encoder'] for row in rows]
    what = [_FROZEN] * (set(encoders) != {JOINT}) + [_JOINT] * (JOINT in encoders) + [_SEED]
    what += [_TRIED] * ('learning_rates' in one)
    text = ['# Do cells differ?', '', f'{" ".join(what)} {given}', '', f'```bash\n{command}\n```', '', _LEGEND]
    if any(each['against'] is not None for each in summary):
        text += ['', f'![Difference of each cell from {REFERENCE}, with its interval](cells.png)']
    for encoder, scene, fault in dict.fromkeys((r['encoder'], r['scene'], r['fault']) for r in summary):
        part = [r for r in summary if (r['encoder'], r['scene'], r['fault']) == (encoder, scene, fault)]
        fault_text = '' if fault == 'none' else f', {fault}'
        text += [
            '',
            f'## {_trained(encoder)}, {scene}{fault_text}: '
            f'n = {_count(part[0]["seeds"], "seed")} × {_count(part[0]["roads"], "road")}',
            '',
            _HEAD,
            '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
            *map(_line, part),
            '',
            _verdict(part),
        ]
    text += _encoders(compare_encoders(rows)) + _tried(tried(rows))
    return '\n'.join(text) + '\n'


def _trained(encoder: str) -> str:
    return 'Encoder and cell together' if encoder == JOINT else f'Encoder of {encoder}'


def _tried(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which learning rate each cell took: by encoder a table of cells by rates."""
    text = []
    for encoder in dict.fromkeys(r['encoder'] for r in found):
        part = [r for r in found if r['encoder'] == encoder]
        rates = list(dict.fromkeys(r['rate'] for r in part))
        text += [
            '',
            f'## {_trained(encoder)}: seeds by learning rate, and its mean validation error',
            '',
            f'| cell | {" | ".join(f"{rate:g}" for rate in rates)} |',
            '| --- |' + ' --- |' * len(rates),
        ]
        for cell in dict.fromkeys(r['cell'] for r in part):
            cells = [f'{r["chosen"]} ({r["validation"]:.3f})' for r in part if r['cell'] == cell]
            text.append(f'| {cell} | {" | ".join(cells)} |')
    return text


def _encoders(compared: Sequence[Mapping[str, Any]]) -> list[str]:
    text = []
    for scene, fault in dict.fromkeys((r['scene'], r['fault']) for r in compared):
        part = [r for r in compared if (r['scene'], r['fault']) == (scene, fault)]
        fault_text = '' if fault == 'none' else f', {fault}'
        one = part[0]
        text += [
            '',
            f'## Encoders, {scene}{fault_text}: n = {_count(one["cells"], "cell")} × {_count(one["seeds"], "seed")} × '
            f'{_count(one["roads"], "road")}',
            '',
            f'| encoder | error, mean of cells (least, most) | against {one["encoder"]} |',
            '| --- | --- | --- |',
            *map(_encoder_line, part),
            '',
            _encoder_verdict(part),
        ]
    return text


def _encoder_line(r: Mapping[str, Any]) -> str:
    means = f'{100 * r["error_m"]:.1f} cm ({100 * r["least"]:.1f}, {100 * r["most"]:.1f})'
    return f'| {r["encoder"]} | {means} | {_difference(r["against"])} |'


def _encoder_verdict(part: Sequence[Mapping[str, Any]]) -> str:
    """Say which encoders differ, and beside what: the words follow from the figures."""
    first = part[0]['encoder']
    between = 100 * (max(r['error_m'] for r in part) - min(r['error_m'] for r in part))
    within = 100 * max(r['most'] - r['least'] for r in part)
    parts = _differing([(r['encoder'], r['against']) for r in part[1:]], first)
    return (
        f'{parts}. Encoders are up to {between:.1f} cm apart, the cells of one encoder up to {within:.1f} cm. Each '
        'encoder is one training, so the interval is of these encoders, not of how such are trained.'
    )


def _faults(faults: Mapping[str, Mapping[str, float]]) -> str:
    """Say what the faults are, by their values."""
    text = [
        f'{name}: ' + ', '.join(f'{key} {value:g}' for key, value in values.items())
        for name, values in faults.items()
        if values
    ]
    return f' Faults: {"; ".join(text)}.' if text else ''


def _count(number: int, word: str) -> str:
    return f'{number} {word}{"" if number == 1 else "s"}'


def _difference(against: tuple[float, float, float] | None) -> str:
    return '–' if against is None else '{:+.1f} [{:+.1f}, {:+.1f}] cm'.format(*(100 * each for each in against))


def _line(r: Mapping[str, Any]) -> str:
    p = '–' if r['against'] is None else f'{r["better"]:.2f}'
    low, high = r['interval']
    kept = f'{r["success"]}/{r["trials"]} [{low:.2f}, {high:.2f}]'
    return (
        f'| {r["cell"]} | {r["parameters"]:,} | {100 * r["error_m"]:.1f} cm | {_difference(r["against"])} | {p} | '
        f'{kept} | {r["roughness"]:.2f} | {r["validation"]:.3f} | {r["train_cpu_s"]:.0f} |'
    )


def _verdict(part: Sequence[Mapping[str, Any]]) -> str:
    """Say which differences are shown: the words follow from the figures."""
    parts = _differing([(r['cell'], r['against']) for r in part if r['against'] is not None], REFERENCE)
    few = ' With fewer than five seeds this is a hint, not a result.' if part[0]['seeds'] < 5 else ''
    return (parts or 'Nothing is compared') + '.' + few


def _differing(compared: Sequence[tuple[str, tuple[float, float, float]]], reference: str) -> str:
    parts = []
    for word, names in (
        ('better than', [name for name, (_, _, high) in compared if high < 0]),
        ('worse than', [name for name, (_, low, _) in compared if low > 0]),
        ('not shown to differ from', [name for name, (_, low, high) in compared if low <= 0 <= high]),
    ):
        if names:
            parts.append(f'{word} `{reference}`: {", ".join(names)}')
    return '; '.join(parts)
