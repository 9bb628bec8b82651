"""The picture of a trial, drawn by matplotlib without a display; and what every picture here needs."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError, how_to_install
from lnn_controller.evaluation.trial import Trial
from lnn_controller.metrics.lane import DEPARTURE_M
from lnn_controller.metrics.statistics import rms

__all__ = ['draw_path', 'load_matplotlib', 'save']

Floats = NDArray[np.float64]

ASPHALT, EDGE, LANE, INK, PAPER = '#d9dbdf', '#9a9fa8', '#6b7280', '#1f2937', '#ffffff'
RED, TREE = '#c1121f', '#7fa08a'
SURROUNDINGS_M = 4.0


def draw_path(path: str | Path, trial: Trial) -> None:
    """
    Draw where a robot went: a car on its road, coloured by its distance from the lane's centre; a drone by its speed.

    :param path: picture to write; its suffix decides the format
    :param trial: of any robot
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    figure_class, collections = load_matplotlib()
    figure = figure_class(figsize=(10.0, 6.3), dpi=130, facecolor=PAPER, layout='constrained')
    axes = figure.add_subplot()
    draw = _draw_lane if trial.task == 'lane' else _draw_flight
    colour, label, limit, title = draw(axes, trial)

    points = trial.pose[:, :2]
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    driven = np.hypot(*np.diff(points, axis=0).T) < 0.5  # a robot that is put back has not driven there
    lines = collections.LineCollection(pieces[driven], cmap='plasma', linewidths=2.2, capstyle='round', zorder=4)
    lines.set_array(colour[1:][driven])
    lines.set_clim(0.0, limit)
    axes.add_collection(lines)
    axes.plot(*points[0], 'o', color=PAPER, markeredgecolor=INK, markersize=9, zorder=6, label='start')
    bar = figure.colorbar(lines, ax=axes, shrink=0.72, pad=0.02, extend='max')
    bar.set_label(label)
    bar.outline.set_visible(False)

    axes.set_aspect('equal')
    axes.set(xlabel='x (m)', ylabel='y (m)')
    axes.spines[['top', 'right']].set_visible(False)
    if trial.task == 'lane':
        axes.legend(loc='center', frameon=False)  # a closed road leaves its middle free
    else:
        handles, labels = axes.get_legend_handles_labels()
        once = dict(zip(labels, handles, strict=True))  # there are many obstacles
        figure.legend(once.values(), once.keys(), loc='outside right upper', frameon=False)
    axes.set_title(title, loc='left', color=INK, fontsize=11)
    save(figure, path)


def _draw_lane(axes: Any, trial: Trial) -> tuple[Floats, str, float, str]:
    """Draw the road and where it was left; colours of the path, what they are, their limit, the title."""
    # Here, so that a replay's picture needs no MuJoCo.
    from lnn_controller.sim import Track
    from lnn_controller.sim.tasks.lane import cross_track_errors

    road = Track(trial.seed)
    error_m = np.abs(cross_track_errors(road, trial.pose))
    left, right = _closed(road.left_edge), _closed(road.right_edge)
    axes.fill(*np.vstack([left, right[::-1]]).T, color=ASPHALT, linewidth=0, zorder=1)
    for edge in (left, right):
        axes.plot(*edge.T, color=EDGE, linewidth=1.0, zorder=2)
    axes.plot(
        *_closed(road.lane_centre).T, color=LANE, linewidth=0.9, linestyle=(0, (5, 4)), zorder=3, label='lane centre'
    )
    outside = np.flatnonzero((error_m[1:] > DEPARTURE_M) & (error_m[:-1] <= DEPARTURE_M)) + 1
    if outside.size:
        _cross(axes, trial.pose[outside, :2], 'lane departure')
    scale_m = float(max(0.05, np.percentile(error_m, 99.5))) if error_m.size else 0.05
    departures = 'no lane departure' if not outside.size else f'lane departures: {outside.size}'
    axes.margins(0.03)
    title = (
        f'{trial.policy} on road {trial.seed}, {trial.scene}: {trial.seconds:.0f} s, {departures}, '
        f'{100 * rms(error_m):.1f} cm rms from the lane centre'
    )
    return error_m, 'distance from the lane centre (m)', min(scale_m, DEPARTURE_M), title


def _draw_flight(axes: Any, trial: Trial) -> tuple[Floats, str, float, str]:
    """Draw what bars the way, where the target was and how it ended; the rest as of a lane."""
    from matplotlib.patches import Circle

    from lnn_controller.sim import find_robot
    from lnn_controller.sim.tasks.targets import TARGET_RADIUS_M

    task = find_robot(trial.robot).begin(trial.task, trial.seed, trial.scene, render=False)
    with closing(task.world):
        below = task.map()
    for name, line in below.lines:
        axes.plot(*line.T, color=EDGE, linewidth=1.0, zorder=2, label=name)
    targets = below.targets if trial.target is None else trial.target[:, :2]
    stays = _stays(targets)
    circles = [(TREE, 'obstacle', *each) for each in below.obstacles.tolist()]
    circles += [(RED, 'target', x, y, TARGET_RADIUS_M) for x, y in stays.tolist()]
    for colour, label, x, y, radius_m in circles:
        axes.add_patch(Circle((x, y), radius_m, color=colour, linewidth=0, zorder=3, label=label))
    if len(targets) > len(stays):
        axes.plot(*targets.T, ',', color=RED, alpha=0.5, zorder=3)
    went = np.concatenate([trial.pose[:, :2], targets])
    # A square, so that the title of a flight straight north has room.
    x, y = ((went.min(0) + went.max(0)) / 2).tolist()
    half = float(np.ptp(went, axis=0).max()) / 2 + SURROUNDINGS_M
    axes.set(xlim=(x - half, x + half), ylim=(y - half, y + half))
    if trial.outcome and trial.outcome != 'success':
        _cross(axes, trial.pose[-1:, :2], trial.outcome)
    speed = trial.speed_m_s
    outcome = trial.outcome or 'the time is up'
    title = f'{trial.policy}, {trial.task} {trial.seed}, {trial.scene}: {outcome} after {trial.seconds:.1f} s'
    return speed, 'speed (m/s)', float(max(1.0, speed.max(initial=0.0))), title


def _stays(targets: Floats) -> Floats:
    """Return each place that a target was put to, and the last of one that moves all the time."""
    if len(targets) < 2:
        return targets
    jumps = np.flatnonzero(np.hypot(*np.diff(targets, axis=0).T) > 1.0)
    return targets[[*jumps, -1]]


def _cross(axes: Any, points: Floats, label: str) -> None:
    axes.plot(*points.T, 'X', color=RED, markeredgecolor=PAPER, markersize=11, zorder=7, label=label)


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
