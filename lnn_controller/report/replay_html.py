"""The report of one or more replays: a page of one file, its pictures in it, and the figures as JSON."""

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lnn_controller.errors import InputError
from lnn_controller.explain.moments import Moment
from lnn_controller.replay.comparison import Comparison, combine
from lnn_controller.report.json import write_json
from lnn_controller.report.replay_plots import UNITS, draw_commands, draw_moments, draw_robustness
from lnn_controller.report.text import exactness, stops_text

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
STYLE = """\
:root { color-scheme: light dark; --line: #d1d5db; --dim: #6b7280; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, th.text, td.text { text-align: left; }
img { max-width: 100%; height: auto; background: #fff; }
p.note { color: var(--dim); max-width: 50rem; }
"""


def write_report(
    folder: str | Path,
    results: Sequence[Comparison],
    summaries: Sequence[Mapping[str, Any]],
    *,
    moments: Sequence[Sequence[Moment]] = (),
    last: float = 1.0,
) -> None:
    """
    Write ``report.html``, ``commands.png`` and ``summary.json``.

    :param folder: where; it is made
    :param results: a comparison for each policy, of the same recording
    :param summaries: of each; with ``robustness``, its curves are drawn
    :param moments: the worst of each policy; none: what the camera saw is not at hand
    :param last: share of the recording at its end that counts
    :raises InputError: if matplotlib is missing or the folder cannot be written
    """
    folder = Path(folder)
    draw_commands(folder / 'commands.png', results, summaries, last=last)
    parts = [
        _head(summaries),
        _figures(summaries),
        '<h2>Commands</h2>',
        '<p class="note">Over time; the error, given less recorded; and what was given by what was recorded.</p>',
        _embed('commands over time, errors', folder / 'commands.png'),
    ]
    for summary, of_policy in zip(summaries, moments, strict=False):
        parts += _moments(summary, of_policy, results[0].channels)
    if all('robustness' in each for each in summaries):
        parts += [
            '<h2>Robustness</h2>',
            '<p class="note">The recording made worse, one way at a time: error as the mean over the channels of MAE '
            "as a share of the channel's command range. The dashed line is the recording as it is.</p>",
            _picture('error as the recording gets worse', lambda path: draw_robustness(path, summaries)),
        ]
    parts.append(_segments(summaries))
    title = escape(f'{", ".join(each["policy"] for each in summaries)} on {summaries[0]["bag"]}')
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        f'<style>\n{STYLE}</style>\n</head>\n<body>\n' + '\n'.join(parts) + '\n</body>\n</html>\n'
    )
    try:
        (folder / 'report.html').write_text(page, encoding='utf-8')
    except OSError as error:
        msg = f'the folder of results must be writable. Got {folder}: {error.strerror}'
        raise InputError(msg) from None
    write_json(folder / 'summary.json', combine(summaries))


def _head(summaries: Sequence[Mapping[str, Any]]) -> str:
    first = summaries[0]
    last = f', of which the last {100 * first["last"]:g} % count' if first['last'] < 1.0 else ''
    rows = [
        _row(
            each['policy'],
            f'{each["compared"]} of {each["ticks"]}',
            f'{each["step_latency_p50_us"]:.0f}',
            f'{each["step_latency_p99_us"]:.0f}',
            stops_text(each['stops']),
            exactness(each['exact']) if each.get('exact') else 'no',
        )
        for each in summaries
    ]
    heads = ('policy', 'ticks compared', 'latency p50, µs', 'latency p99, µs', 'stops', 'exact replay')
    return (
        f'<h1>{escape(first["bag"])}</h1>\n<p>{first["seconds"]:.1f} s at {first["control_rate_hz"]:g} Hz{last}.</p>\n'
        + _table(heads, rows)
    )


def _figures(summaries: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        _row(f'{channel} ({UNITS.get(channel, "")})', each['policy'], *_cells(each['channels'][channel]))
        for channel in summaries[0]['channels']
        for each in summaries
    ]
    return '<h2>Overall</h2>\n' + _table(('channel', 'policy', *(head for _, head in COLUMNS)), rows)


def _segments(summaries: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for policy in summaries:
        for segment in policy['segments']:
            when = f'{segment["start_s"]:.0f} … {segment["end_s"]:.0f} s'
            for channel, figures in segment['channels'].items():
                rows.append(_row(when, policy['policy'], channel, str(segment['compared']), *_cells(figures)))
    heads = ('segment', 'policy', 'channel', 'ticks', *(head for _, head in COLUMNS))
    return '<h2>By segment</h2>\n' + _table(heads, rows)


def _moments(summary: Mapping[str, Any], moments: Sequence[Moment], channels: Sequence[str]) -> list[str]:
    if not moments:
        return []
    return [
        f'<h2>Worst moments of {escape(summary["policy"])}</h2>',
        '<p class="note">What the camera saw, and the same with attention over it: how much the command changes where '
        'a patch is plain for half a second (occlusion). All pictures share one scale; the figure at their right is '
        'the largest change.</p>',
        _picture('frames of the worst moments', lambda path: draw_moments(path, moments, channels)),
    ]


def _picture(text: str, draw: Callable[[Path], None]) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'picture.png'
        draw(path)
        return _embed(text, path)


def _embed(text: str, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(text)}" src="data:image/png;base64,{data}">'


def _cells(figures: Mapping[str, float]) -> list[str]:
    return [f'{figures[key]:.3f}' for key, _ in COLUMNS]


def _row(*cells: str) -> str:
    return '<tr>' + ''.join(f'<td>{escape(cell)}</td>' for cell in cells) + '</tr>'


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    head = ''.join(f'<th>{escape(each)}</th>' for each in heads)
    return f'<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n' + '\n'.join(rows) + '\n</tbody>\n</table>'
