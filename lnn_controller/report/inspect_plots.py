"""Pictures of an inspection: the wiring with its weights, lesions, what the encoder looks at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lnn_controller.explain.inspection import Inspection, Look, Outcome
from lnn_controller.report.drive_plot import INK, LANE, PAPER, load_matplotlib, save

__all__ = ['draw_lesions', 'draw_looks', 'draw_synapses']

# Colours that stay apart for colour-blind readers (Okabe and Ito).
COLOURS = {'inter': '#56b4e9', 'command': '#cc79a7', 'motor': '#e69f00', 'neuron': '#56b4e9'}
UP, DOWN = '#009e73', '#d55e00'
INPUT = '#8c8c8c'
GAP = 3.0
THICKEST = 3.2


def draw_synapses(path: Path, found: Inspection) -> None:
    """
    Draw the wiring in columns, a line for each synapse as thick as its weight.

    :param path: picture to write
    :param found: with ``synapses``
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    make_figure, _ = load_matplotlib()
    assert found.synapses is not None
    sensory, between = found.synapses.sensory, found.synapses.between
    roles = {role: [e.number for e in found.neurons.each if e.role == role] for role in ('inter', 'command', 'motor')}
    columns = {'inputs': list(range(len(sensory)))} | {role: numbers for role, numbers in roles.items() if numbers}
    places: dict[tuple[bool, int], tuple[float, float]] = {}
    for x, (role, numbers) in enumerate(columns.items()):
        half = 1.0 if len(numbers) > 2 else 0.4
        for number, y in zip(numbers, np.linspace(half, -half, len(numbers)) if len(numbers) > 1 else [0.0]):
            places[role == 'inputs', number] = (GAP * x, float(y))
    figure = make_figure(figsize=(12.0, 7.0), dpi=110, facecolor=PAPER, layout='constrained')
    axes = figure.add_subplot()
    for matrix, from_inputs in ((sensory, True), (between, False)):
        # Each by its own: inputs that are small, or large, have other weights than states within ±1.
        largest = max(float(np.abs(matrix).max()), 1e-9)
        for source, destination in zip(*np.nonzero(matrix), strict=True):
            _synapse(
                axes,
                places[from_inputs, int(source)],
                places[False, int(destination)],
                float(matrix[source, destination]) / largest,
            )
    for role, numbers in columns.items():
        x, y = np.array([places[role == 'inputs', number] for number in numbers]).T
        axes.scatter(x, y, 30 if role == 'inputs' else 190, INPUT if role == 'inputs' else COLOURS[role], zorder=3)
        if role != 'inputs':
            for at_x, at_y, number in zip(x, y, numbers, strict=True):
                axes.text(at_x, at_y, str(number), ha='center', va='center', fontsize=7, color=INK, zorder=4)
        axes.text(x[0], 1.1, f'{len(numbers)} {role}', ha='center', va='bottom', color=INK)
    features = found.spec.network.features
    if len(sensory) > features:
        axes.text(-0.25, places[True, features][1], 'IMU', ha='right', va='center', fontsize=8, color=LANE)
    axes.text(-0.25, places[True, 0][1], 'camera', ha='right', va='center', fontsize=8, color=LANE)
    axes.set(xlim=(-1.2, GAP * (len(columns) - 1) + 1.0), ylim=(-1.15, 1.2))
    axes.set_axis_off()
    save(figure, path)


def _synapse(axes: Any, start: tuple[float, float], end: tuple[float, float], weight: float) -> None:
    from matplotlib.patches import FancyArrowPatch

    style: dict[str, Any] = {
        'color': UP if weight > 0 else DOWN,
        'alpha': 0.15 + 0.6 * abs(weight),
        'linewidth': 0.2 + THICKEST * abs(weight),
        'zorder': 1,
    }
    if start == end:
        axes.plot(start[0] + 0.09, start[1] + 0.05, 'o', markersize=13, markerfacecolor='none', **style)
        return
    bend = 0.0 if end[0] > start[0] else 0.35
    axes.add_patch(
        FancyArrowPatch(
            start, end, connectionstyle=f'arc3,rad={bend}', arrowstyle='-|>', mutation_scale=5, shrinkA=4, shrinkB=7,
            **style,
        )
    )  # fmt: skip


def draw_lesions(path: Path, found: Inspection, lesions: Mapping[str, Outcome], value: Any, unit: str) -> None:
    """
    Draw what became of each lesion beside the intact drive.

    :param path: picture to write
    :param found: an inspection
    :param lesions: of it, by what is held, from the top
    :param value: takes an outcome, gives the figure to draw
    :param unit: of it, with its name
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    make_figure, _ = load_matplotlib()
    names, shown = list(lesions)[::-1], list(lesions.values())[::-1]
    roles = {each.number: each.role for each in found.neurons.each}
    colours = [COLOURS[roles[e.neurons[0]]] if e.neurons else INPUT for e in shown]
    figure = make_figure(figsize=(9.0, 1.2 + 0.23 * len(shown)), dpi=110, facecolor=PAPER, layout='constrained')
    axes = figure.add_subplot()
    axes.barh(range(len(shown)), [value(each) for each in shown], color=colours, height=0.7)
    if value(found.intact) > 0.0:
        axes.axvline(value(found.intact), color=INK, linewidth=1.0, linestyle='--', label='intact')
        axes.legend(frameon=False, loc='lower right', bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    axes.set(xlabel=unit, ylim=(-0.6, len(shown) - 0.4))
    axes.spines[['top', 'right']].set_visible(False)
    save(figure, path)


def draw_looks(path: Path, looks: Sequence[Look]) -> None:
    """
    Draw frames, the map of each, and the maps of the same frames with noise.

    :param path: picture to write
    :param looks: at least one
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    make_figure, _ = load_matplotlib()
    height, width, _ = looks[0].frame.shape
    noises = list(looks[0].noisy)
    across = 3.4
    size = ((2 + len(noises)) * across, len(looks) * (across * height / width + 0.3) + 0.3)
    figure = make_figure(figsize=size, dpi=110, facecolor=PAPER, layout='constrained')
    for number, (look, panels) in enumerate(
        zip(looks, figure.subplots(len(looks), 2 + len(noises), squeeze=False), strict=True)
    ):
        maps = [None, look.attention, *look.noisy.values()]
        titles = ['frame', 'attention', *(f'noise of {sigma:g}/255: SSIM {look.alike[sigma]:.3f}' for sigma in noises)]
        for axes, seen, title in zip(panels, maps, titles, strict=True):
            axes.imshow(look.frame)
            if seen is not None:
                axes.imshow(seen, cmap='inferno', alpha=0.35 + 0.6 * seen, vmin=0.0, vmax=1.0)
            if number == 0 or 'SSIM' in title:
                axes.set_title(title, loc='left', fontsize=8)
            axes.set_axis_off()
    save(figure, path)
