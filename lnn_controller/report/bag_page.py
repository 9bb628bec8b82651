"""What is in a bag and what training would make of it, as text for the terminal and as a page of one file."""

import base64
import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.survey import BagSurvey, Learnt, Stream
from lnn_controller.errors import printable
from lnn_controller.policy.spec import CHANNEL_UNITS
from lnn_controller.report.html import row, table, write_page

__all__ = ['bag_text', 'write_bag_page']

BINS, BAR = 15, 40
LISTED = 20  # stretches, in a terminal
WHOLE = 'whole, as far as its checksums and its index show'
CLOCKS = {'header': 'header stamps', 'receive': 'receive times'}
PAGE_STYLE = """\
.bar { display: inline-block; height: .8em; background: #1c4e80; vertical-align: middle; }
.line { position: relative; height: 1.2rem; background: var(--line); max-width: 60rem; }
.line span { position: absolute; height: 100%; background: #0f766e; }
figure { display: inline-block; margin: 0 .5rem .5rem 0; font-size: .8rem; color: var(--dim); }
figure img { width: 11rem; image-rendering: pixelated; }
"""


def bag_text(survey: BagSurvey) -> str:
    """
    Describe a bag for the terminal.

    :param survey: of the bag
    :returns: lines, ending in a newline
    """
    total = sum(each.count for each in survey.streams)
    lines = [f'bag {survey.name}: {total} messages in {survey.seconds:.1f} s', '']
    rows = [('topic', 'type', 'messages', 'Hz', 'gaps', 'longest'), *map(_cells, survey.streams)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines += [_aligned(row, widths) for row in rows]
    lines += ['', *survey.damage] if survey.damage else ['', WHOLE]
    lines += [f'{key}: {value}' for key, value in survey.about.items()]
    if survey.learnt:
        lines += ['', *_learnt_lines(survey.learnt)]
    if survey.refused:
        lines += ['', f'training refuses it: {survey.refused}']
    return '\n'.join(printable(line.replace('\n', ' ')) for line in lines) + '\n'


def _cells(stream: Stream) -> tuple[str, ...]:
    lost = stream.announced - stream.count
    return (
        stream.name,
        stream.msgtype or 'several types',
        f'{stream.count} of {stream.announced}' if lost else str(stream.count),
        f'{stream.rate_hz:.1f}' if math.isfinite(stream.rate_hz) else '–',
        str(stream.gaps),
        f'{stream.longest_gap_s:.2f} s',
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [f'{cell:<{width}}' if i < 2 else f'{cell:>{width}}' for i, (cell, width) in enumerate(zip(row, widths))]
    return '  ' + '  '.join(cells)


def _learnt_lines(learnt: Learnt) -> Iterator[str]:
    yield f'training would learn {learnt.usable_s:.1f} s of it, in {len(learnt.spans)} stretch(es):'
    listed = [
        f'{(low - learnt.first_ns) * 1e-9:.1f}–{(high - learnt.first_ns) * 1e-9:.1f} s' for low, high in learnt.spans
    ]
    more = f' and {len(listed) - LISTED} more, which the page of --out shows' if len(listed) > LISTED else ''
    yield f'  {", ".join(listed[:LISTED])}{more}'
    yield _read_from(learnt)
    yield from (f'left out: {line}' for line in learnt.drops)
    yield from (f'warning: {note}' for note in learnt.notes)
    for channel, counts, edges in _histograms(learnt):
        yield f'{channel}, {CHANNEL_UNITS.get(channel, "")}:'
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
            share = count / max(1, counts.sum())
            yield f'  {low:>8.3f} … {high:>7.3f}  {100 * share:5.1f} %  {"█" * round(BAR * share)}'


def _read_from(learnt: Learnt) -> str:
    height, width = learnt.camera
    read = ', '.join(f'{kind} {name}' for kind, name in learnt.topics.items())
    return f'read from {read}; camera {width}×{height} px; by {CLOCKS[learnt.clock]}'


def _histograms(learnt: Learnt) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
    """Of each channel the counts and their edges, with nought in the middle of a bin."""
    for number, channel in enumerate(learnt.channels):
        values = learnt.commands[:, number].astype(np.float64)
        most = max(float(np.abs(values).max(initial=0.0)), 1e-3)
        counts, edges = np.histogram(values, BINS, (-most, most))
        inside = np.flatnonzero(counts)
        low, high = (inside[0], inside[-1] + 1) if len(inside) else (0, BINS)
        yield channel, counts[low:high], edges[low : high + 1]


def write_bag_page(path: str | Path, survey: BagSurvey) -> None:
    """
    Write the page, with its pictures in it.

    :param path: of the file; its folder is made
    :param survey: of the bag
    :raises InputError: if it cannot be written
    """
    total = sum(each.count for each in survey.streams)
    heads = ('topic', 'type', 'messages', 'Hz', 'gaps', 'longest')
    parts = [
        f'<h1>{escape(printable(survey.name))}</h1>',
        f'<p>{total} messages in {survey.seconds:.1f} s.</p>',
        *(f'<p><b>{escape(printable(line))}</b></p>' for line in survey.damage or [WHOLE]),
        table(heads, [row(*map(printable, _cells(each))) for each in survey.streams]),
        *(f'<p>{escape(printable(f"{key}: {value}"))}</p>' for key, value in survey.about.items()),
    ]
    if survey.refused:
        parts.append(f'<h2>Training refuses it</h2>\n<p>{escape(printable(survey.refused))}</p>')
    if survey.learnt:
        parts += _learnt_parts(survey.learnt)
    write_page(Path(path), survey.name, parts, style=PAGE_STYLE)


def _learnt_parts(learnt: Learnt) -> Iterator[str]:
    length_ns = max(1, learnt.last_ns - learnt.first_ns)
    bars = ''.join(
        f'<span style="left:{100 * (low - learnt.first_ns) / length_ns:.2f}%;'
        f'width:{100 * (high - low) / length_ns:.2f}%"></span>'
        for low, high in learnt.spans
    )
    yield f'<h2>What training would learn: {learnt.usable_s:.1f} s</h2>'
    yield f'<p>Of {length_ns * 1e-9:.1f} s, the green; {escape(_read_from(learnt))}.</p>'
    yield f'<div class="line">{bars}</div>'
    for title, lines in (('Left out', learnt.drops), ('Warnings', learnt.notes)):
        if lines:
            listed = ''.join(f'<li>{escape(printable(each))}</li>' for each in lines)
            yield f'<h3>{title}</h3>\n<ul>{listed}</ul>'
    yield '<h2>As the network sees it</h2>'
    for image, at_s in zip(learnt.thumbnails, learnt.thumbnail_s, strict=True):
        data = base64.b64encode(cv2.imencode('.png', image[..., ::-1])[1].tobytes()).decode()
        yield f'<figure><img alt="frame at {at_s:.1f} s" src="data:image/png;base64,{data}"><br>{at_s:.1f} s</figure>'
    yield '<h2>Commands</h2>'
    for channel, counts, edges in _histograms(learnt):
        yield f'<h3>{escape(channel)}, {CHANNEL_UNITS.get(channel, "")}</h3>'
        most = max(1, counts.max())
        rows = [
            f'<tr><td>{low:.3f} … {high:.3f}</td><td>{100 * count / max(1, counts.sum()):.1f} %</td>'
            f'<td class="text"><span class="bar" style="width:{20 * count / most:.2f}rem"></span></td></tr>'
            for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
        ]
        yield '<table>\n' + '\n'.join(rows) + '\n</table>'
