"""Plots of replays: commands over time beside the recording's, the worst moments, robustness curves."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from lnn_controller.data.stamps import goes_on, recorded_time_s
from lnn_controller.explain.moments import Moment
from lnn_controller.metrics.commands import CommandErrors
from lnn_controller.policy.spec import CHANNEL_UNITS
from lnn_controller.replay.corruptions import SWEEPS
from lnn_controller.report.drive_plot import INK, LANE, PAPER, load_matplotlib, save
from lnn_controller.report.replay_report import ReplayReport

__all__ = ['draw_commands', 'draw_moments', 'draw_robustness']

RECORDED = '#1c4e80'
COLOURS = ('#d9480f', '#0f766e', '#7c3aed', '#b45309', '#be185d', '#4d7c0f')  # of the policies, in order
BINS = 41


def draw_commands(path: str | Path, reports: Sequence[ReplayReport]) -> None:
    """
    Draw policies' commands against a recording's: over time, as a histogram of the error, and one by the other.

    The time is that of the recording without its pauses, which dotted lines mark.

    :param path: plot to write; its suffix decides the format
    :param reports: one a policy, of the same recording and channels
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    make_figure, _ = load_matplotlib()
    first, last = reports[0].comparison, reports[0].summary.last
    rows = len(first.channels)
    height = 1.0 + (2.6 + 0.18 * len(reports)) * rows
    figure = make_figure(figsize=(13.5, height), dpi=120, facecolor=PAPER, layout='constrained')
    figure.suptitle(f'{first.recording} at {first.rate_hz:g} Hz', x=0.01, ha='left', color=INK, fontsize=11)
    panels = figure.subplots(rows, 3, squeeze=False, gridspec_kw={'width_ratios': [4.2, 1.1, 1.1]})
    # One axis for all, the pauses left out: a policy without an IMU may begin before another.
    stamps = np.unique(np.concatenate([each.comparison.stamp_ns for each in reports]))
    recorded_s = recorded_time_s(stamps, 1.0 / first.rate_hz)
    for row, channel in enumerate(first.channels):
        over_time, histogram, scatter = panels[row]
        unit = CHANNEL_UNITS.get(channel, '')
        at_s = recorded_s[np.searchsorted(stamps, first.stamp_ns)]
        over_time.plot(at_s, first.recorded[:, row], color=RECORDED, linewidth=1.3, label='recorded')
        pairs, titles = [], []
        for report, colour in zip(reports, cycle(COLOURS)):
            result = report.comparison
            at_s = recorded_s[np.searchsorted(stamps, result.stamp_ns)]
            over_time.plot(at_s, result.policy_command[:, row], color=colour, linewidth=1.0, label=result.policy)
            counted = result.both & (result.at_s >= result.counted_from_s(last))
            pairs.append((result.recorded[counted, row], result.policy_command[counted, row]))
            titles.append(f'{result.policy}: {_words(report.summary.channels[channel], unit)}')
        if first.counted_from_s(last) > 0.0:
            counts = first.stamp_ns[first.at_s >= first.counted_from_s(last)]
            begins_s = recorded_s[np.searchsorted(stamps, counts[0])]
            over_time.axvspan(recorded_s[0], begins_s, color='#eef0f3', zorder=0, label='not counted')
        for pause_s in recorded_s[~goes_on(stamps)]:
            over_time.axvline(pause_s, color=LANE, linewidth=0.8, linestyle=':')
        _draw_errors(histogram, pairs)
        _draw_pairs(scatter, pairs)
        over_time.set_title('\n'.join(titles), loc='left', fontsize=9)
        over_time.set(ylabel=f'{channel} ({unit})')
        over_time.margins(x=0)
        histogram.set(xlabel=f'error ({unit})', yticks=[])
        scatter.set(xlabel=f'recorded ({unit})', ylabel=f'policy ({unit})')
        for axes in (over_time, histogram, scatter):
            axes.spines[['top', 'right']].set_visible(False)
    panels[-1][0].set_xlabel('time (s)')
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc='upper right', frameon=False, ncols=len(reports) + 2)
    save(figure, path)


def draw_moments(path: str | Path, moments: Sequence[Moment], channels: Sequence[str]) -> None:
    """
    Draw what the policy saw in its worst moments, and over it what its command hung on.

    :param path: plot to write; its suffix decides the format
    :param moments: at least one
    :param channels: names of the channels
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    make_figure, _ = load_matplotlib()
    height, width, _ = moments[0].frame.shape
    across = 4.6
    columns = 2 + any(each.answered is not None for each in moments)
    size = (columns * across, len(moments) * (across * height / width + 0.55))
    figure = make_figure(figsize=size, dpi=110, facecolor=PAPER, layout='constrained')
    # One scale for all: a moment where nothing mattered looks like it.
    strongest = max(1e-9, *(float(each.attention.max()) for each in moments))
    panels = figure.subplots(len(moments), columns, squeeze=False)
    for moment, (seen, looked, *answered) in zip(moments, panels, strict=True):
        seen.imshow(moment.frame)
        looked.imshow(moment.frame)
        strength = moment.attention / strongest
        looked.imshow(strength, cmap='inferno', alpha=0.8 * strength, vmin=0.0, vmax=1.0)
        commands = ', '.join(
            f'{name} {commanded:.2f} instead of {recorded:.2f} {CHANNEL_UNITS.get(name, "")}'
            for name, commanded, recorded in zip(channels, moment.policy_command, moment.recorded, strict=True)
        )
        seen.set_title(f'{moment.at_s:.1f} s: {commands}', loc='left', fontsize=8)
        looked.set_title(
            f'at most {100 * float(moment.attention.max()):.1f} % of the command range', loc='right', fontsize=8
        )
        for axes in answered:
            axes.imshow(moment.frame)
            if moment.answered is not None:
                axes.imshow(moment.answered, cmap='inferno', alpha=0.8 * moment.answered, vmin=0.0, vmax=1.0)
                axes.set_title('where the encoder answers', loc='right', fontsize=8)
        for axes in (seen, looked, *answered):
            axes.set_axis_off()
    save(figure, path)


def draw_robustness(path: str | Path, reports: Sequence[ReplayReport]) -> None:
    """
    Draw a curve for each policy and each way in which the recording was made worse.

    :param path: plot to write; its suffix decides the format
    :param reports: one a policy, those with ``robustness`` are drawn
    :raises InputError: if matplotlib is missing or the file cannot be written
    """
    make_figure, _ = load_matplotlib()
    figure = make_figure(figsize=(13.5, 6.4), dpi=110, facecolor=PAPER, layout='constrained')
    curves = [(each.summary.policy, each.robustness) for each in reports if each.robustness is not None]
    for axes, (name, sweep) in zip(figure.subplots(2, 3, sharey=True).flat, SWEEPS.items(), strict=True):
        annotated = set()
        for (policy, by_name), colour in zip(curves, cycle(COLOURS)):
            curve = by_name.get(name)
            if curve is None:
                continue
            levels, errors = [row.level for row in curve], [row.error for row in curve]
            axes.plot(levels, errors, 'o-', color=colour, linewidth=1.4, markersize=4, label=policy)
            for row in curve:
                drove = f'drove {100 * row.driven:.0f} %'
                # Frames that are too old stop every policy alike: written once.
                if row.driven < 0.995 and np.isfinite(row.error) and (row.level, drove) not in annotated:
                    annotated.add((row.level, drove))
                    at = (row.level, row.error)
                    axes.annotate(drove, at, (0, 7), textcoords='offset points', ha='center', fontsize=7, color=INK)
        axes.axvline(sweep.usual, color=LANE, linewidth=0.8, linestyle='--', zorder=0)
        axes.set_title(f'{sweep.title} ({sweep.unit})', loc='left', fontsize=10)
        axes.spines[['top', 'right']].set_visible(False)
        if not axes.lines[1:]:
            axes.text(0.5, 0.5, 'no IMU is read', transform=axes.transAxes, ha='center', color=LANE)
    errors = [row.error for _, by_name in curves for curve in by_name.values() for row in curve]
    figure.axes[0].set_ylim(0.0, 1.15 * max(1e-9, float(np.nanmax([0.0, *errors]))))
    figure.supylabel('error, as a share of the command range', fontsize=10)
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc='outside upper right', frameon=False, ncols=len(curves))
    save(figure, path)


def _draw_errors(axes: Any, pairs: Sequence[tuple[Any, Any]]) -> None:
    errors = [commanded - recorded for recorded, commanded in pairs]
    # The few ticks beyond would press all others into one bar.
    edge = max(1e-6, *(float(np.percentile(np.abs(each), 99.0)) for each in errors))
    bins = np.linspace(-edge, edge, BINS)
    for error, colour in zip(errors, cycle(COLOURS)):
        axes.hist(error, bins, color=colour, histtype='stepfilled', alpha=0.25)
        axes.hist(error, bins, color=colour, histtype='step')


def _draw_pairs(axes: Any, pairs: Sequence[tuple[Any, Any]]) -> None:
    for pair, colour in zip(pairs, cycle(COLOURS)):
        axes.plot(*pair, '.', color=colour, markersize=3, alpha=0.35)
    every = np.concatenate([each for pair in pairs for each in pair])
    low, high = float(every.min()), float(every.max())
    room = 0.05 * max(high - low, 1e-3)
    limits = (low - room, high + room)
    axes.plot(limits, limits, color=LANE, linewidth=0.9, linestyle='--', zorder=0)
    axes.set(xlim=limits, ylim=limits)
    axes.set_box_aspect(1)


def _words(figures: CommandErrors, unit: str) -> str:
    lag = f'{1000 * figures.lag_s:.0f} ms' if np.isfinite(figures.lag_s) else 'unknown'
    r2 = f'R² {figures.r2:.2f}' if np.isfinite(figures.r2) else 'hardly changes'
    return f'{r2}   MAE {figures.mae:.3f} {unit}   lag {lag}'
