"""
Hooks of MkDocs, called by their names.

The site lists its pages in the order of index.md; and it holds the pages alone, so a link to a file of the repository
becomes its text.
"""

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r'(?<!!)\[([^]]*)\]\((?!https?:|#)([^)\s]+)\)')


def on_config(config: Any) -> Any:
    """Order the pages as index.md does, under the names that it gives them; those that it leaves out come last."""
    folder = Path(config['docs_dir'])
    rows = [
        line.split('|')[1] for line in (folder / 'index.md').read_text(encoding='utf-8').splitlines() if '|' in line
    ]
    named = {path: text[:1].upper() + text[1:] for row in rows for text, path in LINK.findall(row)}
    pages = ['index.md', *named]
    pages += sorted(
        str(each.relative_to(folder)) for each in folder.rglob('*.md') if str(each.relative_to(folder)) not in pages
    )
    config['nav'] = [{named[page]: page} if page in named else page for page in pages]
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite a page before it is rendered."""
    folder = Path(page.file.src_uri).parent

    def text_or_link(match: re.Match[str]) -> str:
        depth = 0
        for part in (folder / match[2]).parts:
            depth += -1 if part == '..' else 1
            if depth < 0:
                return match[1]
        return match[0]

    return LINK.sub(text_or_link, markdown)
