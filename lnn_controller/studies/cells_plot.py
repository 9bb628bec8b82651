"""What the study of cells found, as a picture: each cell's difference from the default one, with its interval."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lnn_controller.report.drive_plot import INK, LANE, PAPER, RED, load_matplotlib, save
from lnn_controller.studies.cells_summary import REFERENCE, summarise
from lnn_controller.studies.runner import Row

__all__ = ['draw']

ACROSS, ROW_INCHES, PANEL_INCHES = 2, 0.21, 0.9


def draw(rows: Sequence[Row], path: Path) -> None:
    """
    Draw a panel for each encoder, scene and fault: the mean difference of each cell's error from the default cell's.

    Red: an interval that does not hold 0.

    :param rows: of the study, of the same drives; without a seed that all have, or a cell to compare, nothing is drawn
    :param path: picture to write
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    panels: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for each in summarise(rows):
        panels.setdefault((each['encoder'], each['scene'], each['fault']), []).append(each)
    compared = {key: [each for each in part if each['against'] is not None] for key, part in panels.items()}
    if not any(compared.values()):
        return
    make_figure, _ = load_matplotlib()
    down = -(-len(panels) // ACROSS)
    most = max(map(len, compared.values()))
    size = (11.0, down * (PANEL_INCHES + ROW_INCHES * most) + 0.3)
    figure = make_figure(figsize=size, dpi=110, facecolor=PAPER, layout='constrained')
    grid = list(figure.subplots(down, ACROSS, squeeze=False, sharey=True).flat)
    for axes, (key, part) in zip(grid, compared.items(), strict=False):
        _panel(axes, part)
        reference = next(each for each in panels[key] if each['cell'] == REFERENCE)
        encoder, scene, fault = key
        where = scene if fault == 'none' else f'{scene}, {fault}'
        title = f'{encoder}, {where}: {REFERENCE} {100 * reference["error_m"]:.1f} cm'
        axes.set_title(title, loc='left', color=INK, fontsize=10)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel(f'error less that of {REFERENCE}, cm, with its interval of 95 %', fontsize=9, color=INK)
    save(figure, path)


def _panel(axes: Any, part: Sequence[Mapping[str, Any]]) -> None:
    axes.axvline(0.0, color=INK, linewidth=1.0, linestyle='--')
    for place, each in enumerate(part):
        mean, low, high = (100 * value for value in each['against'])
        colour = LANE if low <= 0.0 <= high else RED
        axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
        axes.plot(mean, place, 'o', color=colour, markersize=5)
    axes.set_yticks(range(len(part)), [each['cell'] for each in part], fontsize=8)
    axes.set_ylim(len(part) - 0.4, -0.6)
    axes.tick_params(axis='x', labelsize=8)
    axes.spines[['top', 'right']].set_visible(False)
