"""The page of a search; its sentences follow from its figures."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import yaml

from lnn_controller.report.html import plot, row, table, write_page
from lnn_controller.report.json import write_json
from lnn_controller.report.tune_plots import draw_course, draw_importance, draw_parallel
from lnn_controller.tuning.search import Result, Tried

__all__ = ['tune_findings', 'tune_table', 'write_tuning']

VALIDATION = 'validation loss'


def write_tuning(folder: Path, found: Result, task: str = '') -> Path:
    """
    Write the page, and beside it its figures as JSON.

    :param folder: of the search
    :param found: what it found
    :param task: what the drives were of, where trials were compared by drives
    :returns: the page, ``report.html``
    :raises InputError: if matplotlib is missing or the folder cannot be written
    """
    unit = _unit(found)
    parts = [
        '<h1>Search for a recipe</h1>',
        '<ul>' + ''.join(f'<li>{escape(each)}</li>' for each in tune_findings(found)) + '</ul>',
        f'<p class="note">{escape(_note(found, task))}</p>',
        '<h2>Trials</h2>',
        _table(found),
        '<h2>What they had</h2>',
        '<p class="note">A line for each complete trial: grey the worst, blue the best. A value of the config as it is '
        'that lies outside of what was searched is left out.</p>',
        plot('parallel coordinates', lambda file: draw_parallel(file, found, unit)),
    ]
    if found.importance:
        parts += [
            '<h2>What mattered</h2>',
            '<p class="note">PED-ANOVA: share of each key in what sets the better trials apart from the others. Of a '
            'few dozen trials it is a hint.</p>',
            plot('importance', lambda file: draw_importance(file, found)),
        ]
    parts += [
        '<h2>Their course</h2>',
        plot('validations', lambda file: draw_course(file, found, VALIDATION)),
        '<h2>The best config</h2>',
        f'<pre>{escape(yaml.safe_dump(dict(found.config), sort_keys=False))}</pre>',
        '<p class="note">It is train.yaml in this folder: lnn train takes it as --config.</p>',
    ]
    write_page(folder / 'report.html', 'lnn tune', parts)
    write_json(folder / 'trials.json', [vars(each) for each in found.trials])
    return folder / 'report.html'


def tune_findings(found: Result) -> list[str]:
    """
    Say what the figures say.

    :param found: what a search found
    :returns: sentences
    """
    best, baseline = found.best, found.baseline
    assert best.value is not None and baseline.value is not None
    states = [each.state for each in found.trials]
    counts = ', '.join(f'{states.count(state)} {state}' for state in dict.fromkeys(states))
    lines = [f'{len(states)} trials: {counts}.']
    if best is baseline:
        lines.append(f'None was better than the config as it is: {_unit(found)} {baseline.value:.4g}.')
        return lines
    less = 100 * (1 - best.value / baseline.value) if baseline.value else 0.0
    lines.append(
        f'Best: trial {best.number}, {_unit(found)} {best.value:.4g}, of the config as it is {baseline.value:.4g} '
        f'({less:.0f} % less): {_values(best.values)}.'
    )
    if 'test' in best.metrics and 'test' in baseline.metrics:
        parts = [
            f'{channel} {figures["mae"]:.4g} (as it is {baseline.metrics["test"][channel]["mae"]:.4g}, a constant '
            f'{figures["constant_mae"]:.4g})'
            for channel, figures in best.metrics['test'].items()
        ]
        lines.append(f'On what was kept for the test, which chose nothing, mean error: {", ".join(parts)}.')
    return lines


def tune_table(found: Result, most: int) -> str:
    """
    Make a table of the best trials for a terminal.

    :param found: what a search found
    :param most: trials at most
    :returns: lines
    """
    lines = [f'{"trial":>6}  {_unit(found):<22}{"values"}']
    for each in _sorted(found)[:most]:
        figure = each.state if each.value is None else f'{each.value:.4g}'
        lines.append(f'{each.number:>6}  {figure:<22}{"as it is" if each.baseline else _values(each.values)}')
    return '\n'.join(lines)


def _unit(found: Result) -> str:
    if not found.driven:
        return VALIDATION
    return 'figure of the drives'


def _note(found: Result, task: str) -> str:
    chosen = 'The best of many is chosen by this figure, so its lead is flattered by chance: '
    if found.driven:
        return (
            f'{task}; the less the better. {chosen}lnn evaluate on other roads says what it is worth. Trials are '
            'stopped early by their loss in validation.'
        )
    return (
        "Weighted squared error in units of the command's deviation; the less the better. "
        f'{chosen}the test, other bags or a drive says what it is worth, and other seeds how much is chance.'
    )


def _sorted(found: Result) -> list[Tried]:
    def key(each: Tried) -> tuple[bool, float]:
        return each.value is None, each.value if each.value is not None else min(each.validations.values(), default=9e9)

    return sorted(found.trials, key=key)


def _table(found: Result) -> str:
    names = [each.name for each in found.parameters]
    rows: Sequence[str] = [
        row(
            f'{each.number}{" (as it is)" if each.baseline else ""}',
            '' if each.value is None else f'{each.value:.4g}',
            each.state,
            str(len(each.validations)),
            '' if each.seconds is None else f'{each.seconds:.0f}',
            *(_value(each.values[name]) if name in each.values else '' for name in names),
            each.error or ('' if each.again is None else f'trial {each.again} again'),
        )
        for each in _sorted(found)
    ]
    return table(('trial', _unit(found), 'state', 'validations', 'seconds', *names, ''), rows)


def _values(values: Mapping[str, Any]) -> str:
    return ', '.join(f'{name} {_value(each)}' for name, each in values.items())


def _value(value: Any) -> str:
    return f'{value:.3g}' if isinstance(value, float) else str(value)
