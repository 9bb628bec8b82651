"""Pictures of a drive and of a replay, drawn by matplotlib without a display."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.evaluation.drive import Drive
from lnn_controller.evaluation.metrics import DEPARTURE_M, rms

__all__ = ['draw_commands', 'draw_path']

ASPHALT, EDGE, LANE, INK, PAPER = '#d9dbdf', '#9a9fa8', '#6b7280', '#1f2937', '#ffffff'
GIVEN, RECORDED = '#d9480f', '#1c4e80'
UNITS = {'linear_x': 'm/s', 'linear_y': 'm/s', 'linear_z': 'm/s', 'angular_z': 'rad/s'}


def draw_path(path: str | Path, drive: Drive) -> None:
    """
    Draw where a car drove: its path on the road, coloured by its distance from the lane's centre.

    :param path: picture to write; its suffix decides the format
    :param drive: the drive
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    # Here, so that a replay's picture needs no MuJoCo.
    from lnn_controller.sim import Track

    figure_class, collections = _matplotlib()
    road = Track(drive.track)
    error_m = np.abs(drive.cross_track_error_m)
    figure = figure_class(figsize=(10.0, 6.3), dpi=130, facecolor=PAPER, layout='constrained')
    axes = figure.add_subplot()
    left, right = _closed(road.left_edge), _closed(road.right_edge)
    axes.fill(*np.vstack([left, right[::-1]]).T, color=ASPHALT, linewidth=0, zorder=1)
    for edge in (left, right):
        axes.plot(*edge.T, color=EDGE, linewidth=1.0, zorder=2)
    axes.plot(
        *_closed(road.lane_centre).T, color=LANE, linewidth=0.9, linestyle=(0, (5, 4)), zorder=3, label='lane centre'
    )

    points = drive.pose[:, :2]
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
        f'{drive.policy} on road {drive.track}, {drive.scene}: {drive.seconds:.0f} s, {departures}, '
        f'{100 * rms(error_m):.1f} cm rms from the lane centre',
        loc='left', color=INK, fontsize=11,
    )  # fmt: skip
    _save(figure, path)


def draw_commands(
    path: str | Path,
    *,
    title: str,
    at_s: NDArray[np.float64],
    recorded: NDArray[np.float64],
    given: NDArray[np.float64],
    channels: Sequence[str],
    metrics: Mapping[str, Mapping[str, float]],
    counted_from_s: float = 0.0,
) -> None:
    """
    Draw a policy's commands against a recording's.

    :param path: picture to write; its suffix decides the format
    :param title: what was replayed
    :param at_s: time of each tick since the recording's start, (T,), s
    :param recorded: the recording's commands, (T, C)
    :param given: the policy's commands, (T, C); NaN where it gave none
    :param channels: names of the channels
    :param metrics: figures by channel, as :func:`~.metrics.command_errors` gives them
    :param counted_from_s: where the figures begin, s
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    figure_class, _ = _matplotlib()
    rows = len(channels)
    figure = figure_class(figsize=(12.0, 1.0 + 2.7 * rows), dpi=120, facecolor=PAPER, layout='constrained')
    figure.suptitle(title, x=0.01, ha='left', color=INK, fontsize=11)
    panels = figure.subplots(
        rows, 2, squeeze=False, gridspec_kw={'width_ratios': [4.2, 1]}, sharex='col' if rows == 1 else False
    )
    for row, channel in enumerate(channels):
        over_time, scatter = panels[row]
        unit, figures = UNITS.get(channel, ''), metrics[channel]
        over_time.plot(at_s, recorded[:, row], color=RECORDED, linewidth=1.3, label='recorded')
        over_time.plot(at_s, given[:, row], color=GIVEN, linewidth=1.0, label='policy')
        if counted_from_s > 0.0:
            over_time.axvspan(at_s[0], counted_from_s, color='#eef0f3', zorder=0, label='not counted')
        over_time.set(ylabel=f'{channel} ({unit})', xlim=(at_s[0], at_s[-1]))
        if row == rows - 1:
            over_time.set_xlabel('time (s)')
        lag = f'{1000 * figures["lag_s"]:.0f} ms' if np.isfinite(figures['lag_s']) else 'unknown'
        told = f'R² {figures["r2"]:.2f}   MAE {figures["mae"]:.3f} {unit}   lag {lag}'
        over_time.set_title(told, loc='left', fontsize=10)
        if row == 0:
            over_time.legend(loc='lower right', bbox_to_anchor=(1.0, 1.0), frameon=False, ncols=3, borderaxespad=0.2)
        counted = at_s >= counted_from_s
        scatter.plot(recorded[counted, row], given[counted, row], '.', color=GIVEN, markersize=3, alpha=0.35)
        both = np.concatenate([recorded[counted, row], given[counted, row]])
        both = both[np.isfinite(both)]
        low, high = (float(both.min()), float(both.max())) if both.size else (0.0, 1.0)
        room = 0.05 * max(high - low, 1e-3)
        limits = (low - room, high + room)
        scatter.plot(limits, limits, color=LANE, linewidth=0.9, linestyle='--', zorder=0)
        scatter.set(xlim=limits, ylim=limits, xlabel=f'recorded ({unit})', ylabel=f'policy ({unit})')
        scatter.set_box_aspect(1)
        for axes in (over_time, scatter):
            axes.spines[['top', 'right']].set_visible(False)
    _save(figure, path)


def _matplotlib() -> tuple[Any, Any]:
    try:
        from matplotlib import collections
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        msg = "Pictures need matplotlib: pip install 'lnn_controller[sim]'."
        raise InputError(msg) from None

    def make(**options: Any) -> Any:
        figure = Figure(**options)
        FigureCanvasAgg(figure)
        return figure

    return make, collections


def _closed(line: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([line, line[:1]])


def _save(figure: Any, path: str | Path) -> None:
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        msg = f'the folder of pictures must be writable. Got {path}: {error.strerror or error}'
        raise InputError(msg) from None
