"""Numbers as bars of text: a command's, and the neurons' of ``lnn top`` by their roles."""

import math
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from lnn_controller.policy.neurons import by_role

__all__ = ['LABEL', 'axis_limit', 'bar', 'line_of', 'neuron_bars', 'neuron_sparks', 'sign_style']

SPARKS = '▁▂▃▄▅▆▇█'
LABEL, CELL, FIGURES = 9, 23, 16  # columns: a row's name; a neuron at the least; of it, what is no bar
Floats = Sequence[float]


def line_of(*parts: tuple[str, str | Style]) -> Text:
    """
    Make one line, cut where the terminal ends.

    :param parts: texts and their styles
    :returns: the line
    """
    text = Text(no_wrap=True, overflow='ellipsis')
    for part, style in parts:
        text.append(part, style)
    return text


def neuron_bars(names: Sequence[str], states: Floats, time_constants: Floats, width: int) -> list[Text]:
    """
    Draw a bar per neuron, as many side by side as there is room for; each role begins a line.

    :param names: ``role_index``, (N,)
    :param states: (N,)
    :param time_constants: s, (N,); empty where the cell has none
    :param width: of the terminal, columns
    :returns: the lines
    """
    columns = max(1, (width - LABEL) // CELL)
    cell = min((width - LABEL) // columns, 2 * CELL)
    limit = axis_limit(states)
    lines = []
    for role, members in by_role(names).items():
        for start in range(0, len(members), columns):
            line = line_of((f'{"" if start else role:<{LABEL}}', 'bold'))
            for index in members[start : start + columns]:
                value = states[index]
                number = names[index].rpartition('_')[2]
                constant = _duration(time_constants[index]) if index < len(time_constants) else ''
                line.append(f'{number:>3} ', 'dim')
                line.append(bar(value / limit, cell - FIGURES), sign_style(value))
                figure = f'{value:+.2f}' if abs(value) < 9.995 else f'{value:+.3g}'
                line.append(f' {figure:>5}').append(f'{constant:>6}', 'dim')
            lines.append(line)
    return lines


def neuron_sparks(names: Sequence[str], states: Floats, time_constants: Floats, width: int) -> list[Text]:
    """
    Draw a character per neuron, and write the range of each role's time constants.

    :param names: ``role_index``, (N,)
    :param states: (N,)
    :param time_constants: s, (N,); empty where the cell has none
    :param width: of the terminal, columns
    :returns: the lines
    """
    limit = axis_limit(states)
    room = max(1, width - LABEL)
    lines = []
    for role, members in by_role(names).items():
        values = [states[index] for index in members]
        marks = [(_spark(value / limit), sign_style(value)) for value in values]
        for start in range(0, len(marks), room):
            lines.append(line_of((f'{"" if start else role:<{LABEL}}', 'bold'), *marks[start : start + room]))
        constants = [time_constants[index] for index in members if index < len(time_constants)]
        note = f'  {_duration(min(constants))} to {_duration(max(constants))}' if constants else ''
        if len(lines[-1]) + len(note) <= width:
            lines[-1].append(note, 'dim')
    return lines


def bar(share: float, width: int) -> str:
    """
    Draw a bar to the right of the middle for what is positive, to the left for what is negative.

    :param share: of the half, -1 to 1; what is not finite has no bar
    :param width: columns
    :returns: the bar
    """
    half = max(1, (width - 1) // 2)
    share = share if math.isfinite(share) else 0.0
    filled = round(2 * half * min(abs(share), 1.0))  # in halves of a character
    blocks = '█' * (filled // 2)
    if share < 0.0:
        return f'{("▐" if filled % 2 else "") + blocks:>{half}}│{"":{half}}'
    return f'{"":{half}}│{blocks + ("▌" if filled % 2 else ""):<{half}}'


def _duration(seconds: float) -> str:
    if seconds < 0.9995:
        return f'{1e3 * seconds:.0f}ms'
    return f'{seconds:.1f}s' if seconds < 99.95 else f'{seconds:.3g}s'


def _spark(share: float) -> str:
    top = len(SPARKS) - 1
    return SPARKS[round((min(max(share, -1.0), 1.0) + 1.0) / 2.0 * top)] if math.isfinite(share) else '?'


def axis_limit(values: Floats) -> float:
    """
    Return what a full bar means.

    :param values: all that shall fit
    :returns: the largest amount of them, at least 1
    """
    return max([1.0, *(abs(value) for value in values if math.isfinite(value))])


def sign_style(value: float) -> str:
    """
    Return the colour of a bar.

    :param value: what it shows
    :returns: a rich style
    """
    return 'cyan' if value >= 0.0 else 'magenta'
