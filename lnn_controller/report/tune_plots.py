"""Pictures of a search: what each trial had and how good it was, what mattered, how the best got better."""

from pathlib import Path
from typing import Any

import numpy as np

from lnn_controller.report.drive_plot import INK, LANE, PAPER, load_matplotlib, save
from lnn_controller.tuning.search import Result, Tried
from lnn_controller.tuning.space import Parameter

__all__ = ['draw_course', 'draw_importance', 'draw_parallel']

LABEL = {'facecolor': PAPER, 'edgecolor': 'none', 'pad': 0.6, 'alpha': 0.8}
GOOD, BAD, BASELINE = '#0072b2', '#d9d9d9', '#d55e00'  # Okabe and Ito's blue and vermilion


def draw_parallel(path: Path, found: Result, unit: str) -> None:
    """
    Draw a line for each complete trial through its values, the better the darker.

    :param path: picture to write
    :param found: the search
    :param unit: what the figure is
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    make_figure, _ = load_matplotlib()
    complete = sorted((each for each in found.trials if each.value is not None), key=lambda each: -(each.value or 0.0))
    figure = make_figure(figsize=(max(7.0, 1.7 * len(found.parameters) + 2.0), 4.2), dpi=110, facecolor=PAPER)
    axes = figure.add_axes((0.06, 0.14, 0.88, 0.76))
    values = np.array([each.value for each in complete])
    low, high = float(values.min()), float(values.max())
    names = [each.name for each in found.parameters]
    for rank, each in enumerate(complete):
        heights = [_height(p, each, rank) for p in found.parameters]
        heights.append((float(values[rank]) - low) / (high - low) if high > low else 0.5)
        color, width = _mixed(rank / max(1, len(complete) - 1)), 1.2
        if each.baseline or each is found.best:
            color, width = (BASELINE if each.baseline else GOOD), 2.6
        axes.plot(range(len(heights)), heights, color=color, linewidth=width, marker='.', zorder=2 + rank)
    for at, parameter in enumerate(found.parameters):
        axes.axvline(at, color=LANE, linewidth=0.8, zorder=1)
        for height, text in _ticks(parameter):
            axes.text(at + 0.04, height, text, fontsize=7, color=INK, va='center', zorder=90, bbox=LABEL)
    axes.axvline(len(names), color=LANE, linewidth=0.8, zorder=1)
    for height, value in ((0.0, low), (1.0, high)):
        axes.text(len(names) + 0.04, height, f'{value:.3g}', fontsize=7, color=INK, va='center')
    axes.set_xticks(range(len(names) + 1), [*names, unit], fontsize=8)
    axes.set(yticks=[], ylim=(-0.06, 1.06), xlim=(-0.1, len(names) + 0.35))
    axes.spines[:].set_visible(False)
    for color, label, width in _marked(found):
        axes.plot([], [], color=color, linewidth=width, label=label)
    axes.legend(loc='lower center', bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=8)
    save(figure, path)


def _height(parameter: Parameter, trial: Tried, rank: int) -> float:
    """Where a value lies on its axis, 0 to 1; NaN where the trial has none within it."""
    value = trial.values.get(parameter.name)
    if value is None:
        return float('nan')
    if parameter.choices:
        # Beside one another, not on one another.
        spread = 0.02 * ((rank * 7) % 5 - 2) if len(parameter.choices) > 1 else 0.0
        return parameter.choices.index(value) / (len(parameter.choices) - 1) + spread
    scale = np.log if parameter.log else float
    low, high = scale(parameter.low), scale(parameter.high)
    return float((scale(value) - low) / (high - low))


def _ticks(parameter: Parameter) -> list[tuple[float, str]]:
    if parameter.choices:
        return [(at / (len(parameter.choices) - 1), str(each)) for at, each in enumerate(parameter.choices)]
    middle = (parameter.low * parameter.high) ** 0.5 if parameter.log else (parameter.low + parameter.high) / 2
    return [(0.0, f'{parameter.low:.3g}'), (0.5, f'{middle:.3g}'), (1.0, f'{parameter.high:.3g}')]


def _marked(found: Result) -> list[tuple[str, str, float]]:
    """Colour, label and width of the trials that stand out."""
    baseline = (BASELINE, 'the config as it is', 2.6)
    if found.best is found.baseline:
        return [(BASELINE, 'the config as it is, the best', 2.6)]
    return [baseline, (GOOD, f'best: trial {found.best.number}', 2.6)]


def _mixed(share: float) -> Any:
    """From grey to blue."""
    grey, blue = (np.array([int(each[i : i + 2], 16) for i in (1, 3, 5)]) / 255 for each in (BAD, GOOD))
    return tuple((1 - share) * grey + share * blue)


def draw_importance(path: Path, found: Result) -> None:
    """
    Draw which parameters made trials good.

    :param path: picture to write
    :param found: the search, with ``importance``
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    make_figure, _ = load_matplotlib()
    names, shares = list(found.importance)[::-1], list(found.importance.values())[::-1]
    figure = make_figure(figsize=(7.0, 0.9 + 0.32 * len(names)), dpi=110, facecolor=PAPER, layout='constrained')
    axes = figure.add_subplot()
    axes.barh(names, shares, color=GOOD)
    for at, share in enumerate(shares):
        axes.text(share, at, f' {100 * share:.0f} %', va='center', fontsize=8, color=INK)
    axes.set(xlim=(0, 1.12 * max(*shares, 1e-9)), xticks=[])
    axes.spines[['top', 'right', 'bottom']].set_visible(False)
    save(figure, path)


def draw_course(path: Path, found: Result, unit: str) -> None:
    """
    Draw each trial's validations, and above which the halving stopped.

    :param path: picture to write
    :param found: the search
    :param unit: of the validations
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    make_figure, _ = load_matplotlib()
    figure = make_figure(figsize=(7.0, 3.8), dpi=110, facecolor=PAPER, layout='constrained')
    axes = figure.add_subplot()
    for each in found.trials:
        if each.validations:
            color, width = (GOOD if each.value is not None else LANE), 1.0
            if each.baseline or each is found.best:
                color, width = (BASELINE if each.baseline else GOOD), 2.6
            alpha = 1.0 if width > 1.0 else 0.5
            points = list(each.validations.items())
            axes.plot(*zip(*points, strict=True), color=color, linewidth=width, alpha=alpha, marker='.')
    labels = [*_marked(found), (GOOD, 'complete', 1.0), (LANE, 'stopped early', 1.0)]
    for color, label, width in labels:
        axes.plot([], [], color=color, linewidth=width, label=label)
    axes.set(xlabel='validation', ylabel=f'best {unit} so far')
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save(figure, path)
