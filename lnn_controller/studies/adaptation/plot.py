"""What the study of adaptation found, as a picture: the error over time, and what was learnt below."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.report.drive_plot import INK, PAPER, load_matplotlib, save
from lnn_controller.studies.adaptation.summary import whole_seeds
from lnn_controller.studies.registry import EXPERIMENTS
from lnn_controller.studies.runner import Row

__all__ = ['draw']

ACROSS, WIDTH_INCHES, HEIGHT_INCHES = 2, 6.6, 4.2
GREY, RED, BLUE, GREEN, BROWN, VIOLET = '#64748b', '#dc2626', '#2563eb', '#0f766e', '#b45309', '#7c3aed'
COLOURS = {'unworn': GREY, 'straight': GREY, 'frozen': RED, 'adapted': BLUE}
LEARNT = {
    'gain': ('gain of the steering', GREEN),
    'trim': ('trim, rad/s', BROWN),
    'correction': ('largest correction, share of its bound', GREEN),
}
CHANGED = {'nothing': GREY, 'wind': BLUE, 'load': BROWN, 'rotor': GREEN}
PREDICTED = {'recorded': INK, 'frozen': RED, 'adapted': BLUE, 'lms': VIOLET, 'offline': GREEN, 'last': '#94a3b8'}
SMOOTH = 8  # values of a recording's error

Panel = tuple[str, Callable[[Any, Any], None]]  # its title, and what draws it on axes, one above the other


def draw(rows: Sequence[Row], path: Path) -> None:
    """
    Draw a panel for each experiment and policy.

    On the road, thin lines are seeds, and bold ones the rms over them.

    :param rows: of the study; without a seed that all variants have nothing is drawn
    :param path: picture to write
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    panels: list[Panel] = []
    for experiment in EXPERIMENTS:
        part = [row for row in rows if row['condition']['experiment'] == experiment]
        if experiment == 'recording':
            panels += [(f'{experiment}: {row["condition"]["policy"]}', partial(_recording, row)) for row in part]
        elif experiment == 'flight':
            panels += [('flight: error of the level velocity, m/s', partial(_flight, part))] if part else []
        else:
            for policy in dict.fromkeys(row['condition']['policy'] for row in part):
                of_policy = [row for row in part if row['condition']['policy'] == policy]
                groups = whole_seeds(of_policy, *(['attack'] if 'attack' in of_policy[0]['condition'] else []))
                if variants := _by_variant(groups.values()):
                    panels.append((f'{experiment}: {policy}', partial(_drives, variants)))
    if not panels:
        return
    make_figure, _ = load_matplotlib()
    policies = {row['condition']['policy'] for row in rows if 'road' in row['condition']}
    across = min(len(panels), max(ACROSS, len(policies)))
    down = -(-len(panels) // across)
    size = (WIDTH_INCHES * across, HEIGHT_INCHES * down)
    figure = make_figure(figsize=size, dpi=85, facecolor=PAPER, layout='constrained')
    places = np.atleast_1d(figure.subfigures(down, across)).flat
    for place, (title, fill) in zip(places, panels, strict=False):
        top, bottom = place.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        fill(top, bottom)
        top.set_title(title, loc='left', fontsize=10, color=INK)
        for axes in (top, bottom):
            axes.grid(alpha=0.25)
            axes.margins(x=0.0)
            axes.tick_params(labelsize=8)
            axes.spines[['top', 'right']].set_visible(False)
            if axes.get_legend_handles_labels()[0]:
                # Above the axes, where no line runs.
                axes.legend(
                    loc='lower right',
                    bbox_to_anchor=(1.0, 1.0),
                    ncols=6,
                    frameon=False,
                    fontsize=8,
                    borderaxespad=0.1,
                    columnspacing=1.0,
                    handlelength=1.4,
                )
    save(figure, path)


def _by_variant(groups: Iterable[Mapping[str, Mapping[int, Row]]]) -> dict[str, list[Row]]:
    """All attacks together."""
    found: dict[str, list[Row]] = {}
    for variants in groups:
        for name, drives in variants.items():
            found.setdefault(name, []).extend(drives.values())
    return found


def _drives(variants: Mapping[str, Sequence[Row]], top: Any, bottom: Any) -> None:
    """The drives of a policy."""
    for variant, rows in variants.items():
        errors = 100 * np.array([row['result']['error_m'] for row in rows])
        at_s = np.arange(errors.shape[1]) + 0.5
        top.plot(at_s, errors.T, color=COLOURS[variant], alpha=0.25, linewidth=0.6)
        top.plot(at_s, _rms(errors), color=COLOURS[variant], linewidth=2.0, label=variant)
    labelled = set()
    for row in variants['adapted']:
        for name, values in row['result']['learnt'].items():
            text, colour = LEARNT[name]
            label = None if name in labelled else text
            bottom.plot(np.arange(len(values)) + 0.5, values, color=colour, alpha=0.5, linewidth=0.9, label=label)
            labelled.add(name)
    top.set_ylabel('distance from the line, cm', fontsize=8)
    top.set_ylim(bottom=0.0)
    bottom.set_ylabel('learnt', fontsize=8)
    bottom.set_xlabel('time, s', fontsize=8)
    for text, moment_s in _marks(variants['adapted'][0]['condition']):
        for axes in (top, bottom):
            axes.axvline(moment_s, color=INK, linewidth=0.8, linestyle=':')
        place = (moment_s, top.get_ylim()[1])
        top.annotate(text, place, xytext=(3, -2), textcoords='offset points', fontsize=7, rotation=90, va='top')


def _marks(condition: Any) -> list[tuple[str, float]]:
    marks = [('changed', each['at_s']) for each in condition['changes']]
    for part in condition['operator']:
        attack = 'attack' in condition and part is condition['operator'][0]
        marks += [('attack' if attack else 'operator', part['from_s']), ('alone', part['to_s'])]
    return marks


def _flight(rows: Sequence[Row], top: Any, bottom: Any) -> None:
    """Both flight controllers, one above the other: the rms over seeds, dashed while nothing is learnt."""
    for axes, controller in ((top, 'proportional'), (bottom, 'integrating')):
        for change, colour in CHANGED.items():
            for variant, style in (('frozen', '--'), ('adapted', '-')):
                wanted = (controller, change, variant)
                flights = [
                    row
                    for row in rows
                    if tuple(row['condition'][k] for k in ('controller', 'change', 'variant')) == wanted
                ]
                if not flights:
                    continue
                errors = np.array([row['result']['level_m_s'] for row in flights])
                hold_s = flights[0]['condition']['hold_s']
                at_s = hold_s * (np.arange(errors.shape[1]) + 1)
                label = change if axes is top and variant == 'adapted' else None
                axes.plot(at_s, _rms(errors), style, color=colour, linewidth=1.2, label=label)
                axes.axvline(flights[0]['condition']['changed_s'], color=INK, linewidth=0.8, linestyle=':')
        axes.set_ylim(bottom=0.0)
        axes.set_ylabel(controller, fontsize=8)
    bottom.set_xlabel('time, s; dashed: frozen', fontsize=8)


def _recording(row: Row, top: Any, bottom: Any) -> None:
    """Commands of the last channel, and errors."""
    result = row['result']
    at_s = result['begins_s'] + result['every_s'] * (np.arange(len(result['command']['recorded'])) + 0.5)
    for name, values in result['command'].items():
        top.plot(at_s, values, color=PREDICTED[name], linewidth=1.0, label=name)
    for name, values in result['error'].items():
        kernel = np.ones(SMOOTH)
        smooth = np.convolve(values, kernel, 'same') / np.convolve(np.ones(len(values)), kernel, 'same')
        bottom.plot(at_s, smooth, color=PREDICTED[name], linewidth=1.2, label=name)
    top.set_ylabel(f'{result["channels"][-1]}', fontsize=8)
    bottom.set_ylabel(f'error, mean over {SMOOTH * result["every_s"]:g} s', fontsize=8)
    bottom.set_xlabel('time, s', fontsize=8)
    bottom.set_ylim(bottom=0.0)


def _rms(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over seeds: of (seeds, times)."""
    return np.asarray(np.sqrt(np.mean(np.square(errors), axis=0)))
