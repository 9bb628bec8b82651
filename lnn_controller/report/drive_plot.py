"""The picture of a drive, drawn by matplotlib without a display; and what every picture here needs."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError, how_to_install
from lnn_controller.evaluation.trial import Trial
from lnn_controller.metrics.lane import DEPARTURE_M
from lnn_controller.metrics.statistics import rms

__all__ = ['draw_path', 'load_matplotlib', 'save']

ASPHALT, EDGE, LANE, INK, PAPER = '#d9dbdf', '#9a9fa8', '#6b7280', '#1f2937', '#ffffff'


def draw_path(path: str | Path, trial: Trial) -> None:
    """
    Draw where a car drove: its path on the road, coloured by its distance from the lane's centre.

    :param path: picture to write; its suffix decides the format
    :param trial: of a lane
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    # Here, so that a replay's picture needs no MuJoCo.
    from lnn_controller.sim import Track
    from lnn_controller.sim.tasks.lane import cross_track_errors

    figure_class, collections = load_matplotlib()
    road = Track(trial.seed)
    error_m = np.abs(cross_track_errors(road, trial.pose))
    figure = figure_class(figsize=(10.0, 6.3), dpi=130, facecolor=PAPER, layout='constrained')
    axes = figure.add_subplot()
    left, right = _closed(road.left_edge), _closed(road.right_edge)
    axes.fill(*np.vstack([left, right[::-1]]).T, color=ASPHALT, linewidth=0, zorder=1)
    for edge in (left, right):
        axes.plot(*edge.T, color=EDGE, linewidth=1.0, zorder=2)
    axes.plot(
        *_closed(road.lane_centre).T, color=LANE, linewidth=0.9, linestyle=(0, (5, 4)), zorder=3, label='lane centre'
    )

    points = trial.pose[:, :2]
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    driven = np.hypot(*np.diff(points, axis=0).T) < 0.5  # a car that is put back has not driven there
    scale_m = float(max(0.05, np.percentile(error_m, 99.5))) if error_m.size else 0.05
    lines = collections.LineCollection(pieces[driven], cmap='plasma', linewidths=2.2, capstyle='round', zorder=4)
    lines.set_array(error_m[1:][driven])
    lines.set_clim(0.0, min(scale_m, DEPARTURE_M))
    axes.add_collection(lines)
    axes.plot(*points[0], 'o', color=PAPER, markeredgecolor=INK, markersize=9, zorder=6, label='start')
    outside = np.flatnonzero((error_m[1:] > DEPARTURE_M) & (error_m[:-1] <= DEPARTURE_M)) + 1
    if outside.size:
        axes.plot(
            *points[outside].T,
            'X',
            color='#c1121f',
            markeredgecolor=PAPER,
            markersize=11,
            zorder=7,
            label='lane departure',
        )
    bar = figure.colorbar(lines, ax=axes, shrink=0.72, pad=0.02, extend='max')
    bar.set_label('distance from the lane centre (m)')
    bar.outline.set_visible(False)

    axes.set_aspect('equal')
    axes.margins(0.03)
    axes.set(xlabel='x (m)', ylabel='y (m)')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(loc='center', frameon=False)  # a closed road leaves its middle free
    departures = 'no lane departure' if not outside.size else f'lane departures: {outside.size}'
    axes.set_title(
        f'{trial.policy} on road {trial.seed}, {trial.scene}: {trial.seconds:.0f} s, {departures}, '
        f'{100 * rms(error_m):.1f} cm rms from the lane centre',
        loc='left', color=INK, fontsize=11,
    )  # fmt: skip
    save(figure, path)


def load_matplotlib() -> tuple[Any, Any]:
    """
    Load matplotlib; nothing of it keeps state between pictures.

    :returns: what makes a figure, and ``matplotlib.collections``
    :raises InputError: if it is missing
    """
    try:
        from matplotlib import collections
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        msg = f'Pictures need matplotlib. Install it: {how_to_install("sim")}'
        raise InputError(msg) from None

    def make(**options: Any) -> Any:
        figure = Figure(**options)
        FigureCanvasAgg(figure)
        return figure

    return make, collections


def _closed(line: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([line, line[:1]])


def save(figure: Any, path: str | Path) -> None:
    """
    Write a picture.

    :param figure: made by what :func:`load_matplotlib` gave
    :param path: file to write; its suffix decides the format
    :raises InputError: if it cannot be written
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        msg = f'the folder of pictures must be writable. Got {path}: {error.strerror or error}'
        raise InputError(msg) from None
