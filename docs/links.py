"""A hook of MkDocs: the site holds the pages alone, so a link to a file of the repository becomes its text."""

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r'(?<!!)\[([^]]*)\]\((?!https?:|#)([^)\s]+)\)')


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite a page before it is rendered; MkDocs calls this by name."""
    folder = Path(page.file.src_uri).parent

    def text_or_link(match: re.Match[str]) -> str:
        depth = 0
        for part in (folder / match[2]).parts:
            depth += -1 if part == '..' else 1
            if depth < 0:
                return match[1]
        return match[0]

    return LINK.sub(text_or_link, markdown)
