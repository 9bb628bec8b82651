"""A page of one file: its style, its tables, its plots in it."""

import base64
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from lnn_controller.errors import InputError
from lnn_controller.policy.files import write_whole

__all__ = ['embed', 'plot', 'row', 'table', 'write_page']

STYLE = """\
:root { color-scheme: light dark; --line: #d1d5db; --dim: #6b7280; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, th.text, td.text { text-align: left; }
img { max-width: 100%; height: auto; background: #fff; }
div.wide { overflow-x: auto; }
p.note { color: var(--dim); max-width: 50rem; }
"""


def write_page(path: Path, title: str, parts: Sequence[str], style: str = '') -> None:
    """
    Write a page.

    :param path: the file; its folder is made
    :param title: of the page, plain text
    :param parts: of its body, HTML
    :param style: CSS of its own, behind that of all pages
    :raises InputError: if it cannot be written
    """
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        f'<style>\n{STYLE}{style}</style>\n</head>\n<body>\n' + '\n'.join(parts) + '\n</body>\n</html>\n'
    )
    try:
        write_whole(path, page.encode())
    except OSError as error:
        raise InputError(f'the page must be writable. Got {path}: {error.strerror}') from None


def plot(text: str, draw: Callable[[Path], None]) -> str:
    """
    Draw a picture into a page.

    :param text: what it shows, for who does not see it
    :param draw: writes it to the path that it is given
    :returns: HTML
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'plot.png'
        draw(path)
        return embed(text, path)


def embed(text: str, path: Path) -> str:
    """
    Put a picture into a page.

    :param text: what it shows, for who does not see it
    :param path: of the PNG
    :returns: HTML
    """
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(text)}" src="data:image/png;base64,{data}">'


def row(*cells: str) -> str:
    """
    Make a row of a table.

    :param cells: plain text
    :returns: HTML
    """
    return '<tr>' + ''.join(f'<td>{escape(cell)}</td>' for cell in cells) + '</tr>'


def table(heads: Sequence[str], rows: Sequence[str]) -> str:
    """
    Make a table.

    :param heads: of its columns, plain text
    :param rows: from :func:`row`
    :returns: HTML
    """
    head = ''.join(f'<th>{escape(each)}</th>' for each in heads)
    body = '\n'.join(rows)
    # Wider than a telephone's screen, it scrolls by itself.
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'
