"""A picture of a wiring. matplotlib is loaded only when one is asked for."""

from pathlib import Path
from typing import Any

import numpy as np

from lnn_controller.errors import InputError
from lnn_controller.liquid.wiring import Wiring

__all__ = ['draw_wiring']

# Colours that stay apart for colour-blind readers (Okabe and Ito).
LAYER_COLOURS = {'sensory': '#8c8c8c', 'inter': '#56b4e9', 'command': '#cc79a7', 'motor': '#e69f00'}
EXCITATORY, INHIBITORY = '#009e73', '#d55e00'
COLUMN_GAP = 3.0


def draw_wiring(wiring: Wiring, path: str | Path | None = None, *, title: str | None = None) -> Any:
    """
    Draw a wiring in columns sensory → inter → command → motor.

    Synapses to a later column are straight; those within a column, or back, are arcs. A synapse of a neuron onto itself
    is a ring.

    :param wiring: what to draw
    :param path: picture file to write (PNG, SVG, PDF by its ending), or None to write none
    :param title: a line above the picture; None for the counts
    :returns: the matplotlib figure
    :raises InputError: if the picture cannot be written there, or matplotlib is not installed
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            'drawing a wiring needs matplotlib. It is not installed; run: pip install matplotlib'
        ) from error

    columns = [('sensory', list(range(wiring.input_dim)))]
    columns += [(role, list(wiring.neurons(role))) for role in ('inter', 'command', 'motor') if wiring.neurons(role)]
    tallest = max(len(ids) for _, ids in columns)
    figure = Figure(figsize=(2.0 + 2.2 * len(columns), min(max(4.6, 0.24 * tallest), 12.0)), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = _places(columns)
    size = float(np.clip(2600 / max(tallest, 8), 18, 190))
    _draw_synapses(axes, wiring, places, diameter_pt=size**0.5)
    for role, ids in columns:
        x, y = np.array([places[role == 'sensory', i] for i in ids]).T
        axes.scatter(x, y, size, LAYER_COLOURS[role], edgecolors='white', linewidths=1.0, zorder=3)
        axes.text(x[0], 1.1, f'{role}\n{len(ids)}', ha='center', va='bottom', color='#333333', linespacing=1.4)
    _draw_legend(axes)
    axes.set_xlim(-0.8, COLUMN_GAP * (len(columns) - 1) + 1.0)
    axes.set_ylim(-1.08, 1.12)
    axes.axis('off')
    counts = f'{wiring.units} neurons, {wiring.synapse_count} synapses, {wiring.sensory_synapse_count} sensory synapses'
    axes.set_title(counts if title is None else title, color='#333333', fontsize=11, pad=44)
    if path is not None:
        try:
            figure.savefig(path, dpi=150)
        except (OSError, ValueError) as error:
            raise InputError(
                f'the picture must go to a writable .png, .svg or .pdf file. Got {str(path)!r}: {error}'
            ) from error
    return figure


def _places(columns: list[tuple[str, list[int]]]) -> dict[tuple[bool, int], tuple[float, float]]:
    """Return (is sensory, number) → (x, y): columns fill the height in proportion to the root of their size."""
    tallest = max(len(ids) for _, ids in columns)
    places = {}
    for column, (role, ids) in enumerate(columns):
        half = (len(ids) / tallest) ** 0.5 if len(ids) > 1 else 0.0
        for i, y in zip(ids, np.linspace(half, -half, len(ids))):
            places[role == 'sensory', i] = (COLUMN_GAP * column, float(y))
    return places


def _draw_synapses(
    axes: Any, wiring: Wiring, places: dict[tuple[bool, int], tuple[float, float]], *, diameter_pt: float
) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.transforms import ScaledTranslation

    crowd = wiring.synapse_count + wiring.sensory_synapse_count
    alpha = float(np.clip(12 / crowd**0.5, 0.12, 0.8))
    for matrix, sensory in ((wiring.sensory_adjacency, True), (wiring.adjacency, False)):
        for src, dst in zip(*np.nonzero(matrix)):
            start, end = places[sensory, int(src)], places[False, int(dst)]
            colour = EXCITATORY if matrix[src, dst] > 0 else INHIBITORY
            style: dict[str, Any] = {'color': colour, 'alpha': alpha, 'linewidth': 0.9, 'zorder': 1, 'clip_on': False}
            if start == end and not sensory:
                offset = ScaledTranslation(0.6 * diameter_pt / 72, 0.6 * diameter_pt / 72, axes.figure.dpi_scale_trans)
                ring = {'marker': 'o', 'markersize': 0.8 * diameter_pt, 'markerfacecolor': 'none'}
                axes.plot(*start, **ring, **style, transform=axes.transData + offset)
                continue
            # The same bend for both directions puts a pair of opposite synapses on opposite sides.
            bend = 0.0 if end[0] > start[0] else 0.35
            axes.add_patch(
                FancyArrowPatch(
                    start, end, connectionstyle=f'arc3,rad={bend}', arrowstyle='-|>', mutation_scale=6,
                    shrinkA=diameter_pt / 2, shrinkB=diameter_pt / 2, **style,
                )
            )  # fmt: skip


def _draw_legend(axes: Any) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=EXCITATORY, label='excitatory'), Line2D([], [], color=INHIBITORY, label='inhibitory')]
    axes.legend(handles=lines, loc='lower center', bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False)
