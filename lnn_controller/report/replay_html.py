"""The report of one or more replays: a page of one file, its plots in it, and the figures as JSON."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from lnn_controller.metrics.commands import CommandErrors
from lnn_controller.policy.spec import CHANNEL_UNITS
from lnn_controller.replay.comparison import ComparisonSummary
from lnn_controller.replay.result import ReplaySummary
from lnn_controller.report.html import embed, plot, row, table, write_page
from lnn_controller.report.json import write_json
from lnn_controller.report.replay_plots import draw_commands, draw_moments, draw_robustness
from lnn_controller.report.replay_report import ReplayReport, as_json
from lnn_controller.report.text import exactness, figure_text, rate_text, stops_text

__all__ = ['write_report']

COLUMNS = (
    ('mae', 'MAE'),
    ('rmse', 'RMSE'),
    ('r2', 'R²'),
    ('constant_mae', 'MAE of the training mean'),
    ('median_mae', 'MAE of the median'),
    ('lag_s', 'lag, s'),
    ('jerk_rms', 'jerk, rms'),
    ('recorded_jerk_rms', 'jerk recorded'),
)


def write_report(folder: str | Path, reports: Sequence[ReplayReport]) -> None:
    """
    Write ``report.html``, ``commands.png`` and ``summary.json``.

    :param folder: where; it is made
    :param reports: one a policy, of the same recording
    :raises InputError: if matplotlib is missing or the folder cannot be written
    """
    folder = Path(folder)
    draw_commands(folder / 'commands.png', reports)
    summaries = [each.summary for each in reports]
    parts = [
        _head(summaries),
        _figures(summaries),
        '<h2>Commands</h2>',
        '<p class="note">Over time; the error, policy less recording; and the policy by the recording.</p>',
        embed('commands over time, errors', folder / 'commands.png'),
    ]
    for each in reports:
        parts += _moments(each)
    if all(each.robustness is not None for each in reports):
        parts += [
            '<h2>Robustness</h2>',
            '<p class="note">The recording made worse, one way at a time: error as the mean over the channels of MAE '
            "as a share of the channel's command range. The dashed line is the recording as it is.</p>",
            plot('error as the recording gets worse', lambda path: draw_robustness(path, reports)),
        ]
    parts.append(_segments(summaries))
    title = f'{", ".join(each.policy for each in summaries)} on {summaries[0].bag}'
    write_page(folder / 'report.html', title, parts)
    write_json(folder / 'summary.json', as_json(reports))


def _head(summaries: Sequence[ComparisonSummary]) -> str:
    first = summaries[0]
    last = f', of which the last {100 * first.last:g} % count' if first.last < 1.0 else ''
    rows = [
        row(
            each.policy,
            f'{each.compared} of {each.ticks}',
            f'{each.step_latency_p50_us:.0f}',
            f'{each.step_latency_p99_us:.0f}',
            stops_text(each.stops),
            exactness(each.exact) if isinstance(each, ReplaySummary) and each.exact else 'no',
        )
        for each in summaries
    ]
    heads = ('policy', 'ticks compared', 'latency p50, µs', 'latency p99, µs', 'stops', 'exact replay')
    recording = f'{first.seconds:.1f} s at {rate_text(first)}{last}.'
    known = [f'{each.policy} {each.known}.' for each in summaries if isinstance(each, ReplaySummary) and each.known]
    notes = ''.join(f'<p>{escape(each)}</p>\n' for each in known)
    return f'<h1>{escape(first.bag)}</h1>\n<p>{recording}</p>\n{notes}' + table(heads, rows)


def _figures(summaries: Sequence[ComparisonSummary]) -> str:
    rows = [
        row(f'{channel} ({CHANNEL_UNITS.get(channel, "")})', each.policy, *_cells(each.channels[channel]))
        for channel in summaries[0].channels
        for each in summaries
    ]
    return '<h2>Overall</h2>\n' + table(('channel', 'policy', *(head for _, head in COLUMNS)), rows)


def _segments(summaries: Sequence[ComparisonSummary]) -> str:
    rows = []
    for each in summaries:
        for segment in each.segments:
            when = f'{segment.start_s:.0f}\xa0…\xa0{segment.end_s:.0f}\xa0s'
            for channel, figures in segment.channels.items():
                rows.append(row(when, each.policy, channel, str(segment.compared), *_cells(figures)))
    heads = ('segment', 'policy', 'channel', 'ticks', *(head for _, head in COLUMNS))
    return '<h2>By segment</h2>\n' + table(heads, rows)


def _moments(report: ReplayReport) -> list[str]:
    if not report.moments:
        return []
    return [
        f'<h2>Worst moments of {escape(report.summary.policy)}</h2>',
        '<p class="note">What the camera saw, and the same with attention over it: how much the command changes where '
        'a patch is plain for half a second (occlusion). All frames share one scale; the figure at their right is '
        'the largest change. At the right where the convolutions of the encoder answer (VisualBackProp), whatever the '
        'rest makes of it.</p>',
        plot(
            'frames of the worst moments',
            lambda path: draw_moments(path, report.moments, report.comparison.channels),
        ),
    ]


def _cells(figures: CommandErrors) -> list[str]:
    return [figure_text(figures, key) for key, _ in COLUMNS]
