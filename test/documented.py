"""The command lines that README.md, CONTRIBUTING.md and docs/ give, as a reader would type them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md']
PAGES += [page for folder in ('docs', 'bags') for page in sorted((ROOT / folder).rglob('*.md'))]
TOOLS = ('lnn', 'ros2', 'make', 'python', 'python3', 'pip', 'colcon')
FENCE = re.compile(r'^ *```(\w*)\n(.*?)^ *```', re.MULTILINE | re.DOTALL)
SPAN = re.compile(r'(?<!`)`([^`]+)`(?!`)')
INNER = re.compile(r'\$\(([^()]*)\)')
ENVIRONMENT = re.compile(r'[A-Z_][A-Z0-9_]*=')


@dataclass(frozen=True)
class Command:
    """
    One command.

    :param page: where it stands, below the project's folder
    :param words: the command and its arguments, without quotes, comments and variables before it
    :param block: whether it stands in a block of commands, which are complete; in a sentence some only name a command
    """

    page: str
    words: tuple[str, ...]
    block: bool

    def __str__(self):
        return f'{self.page}: {" ".join(" ".join(self.words).split())}'


def commands(pages=None):
    """Every command of the pages, in their order; ``pages`` is text by name."""
    if pages is None:
        pages = {str(page.relative_to(ROOT)): page.read_text(encoding='utf-8') for page in PAGES}
    found = []
    for name, text in pages.items():
        for language, block in FENCE.findall(text):
            if language == 'bash':
                lines = whole_lines(block)
            elif language == 'ini':
                lines = [shlex.split(line)[-1] for line in block.splitlines() if line.startswith('ExecStart=')]
            else:
                continue
            found += [Command(name, words, True) for line in lines for words in split(line)]
        for span in SPAN.findall(FENCE.sub('', text)):
            line = ' '.join(span.split())
            if line.removeprefix('.venv/bin/').split(' ')[0] in TOOLS:
                found += [Command(name, words, False) for words in split(line)]
    return found


def whole_lines(block):
    """Lines of a block; what goes on after a backslash, or within quotes, in one."""
    line = ''
    for part in block.splitlines():
        line += part
        if line.endswith('\\'):
            line = line[:-1]
            continue
        try:
            shlex.split(line, comments=True)
        except ValueError:  # a quotation is open
            line += '\n'
            continue
        if line.strip():
            yield line
        line = ''
    assert not line, f'a command must end with its block. Got {line!r}'


def split(line):
    """The commands of a line that the shell would run one after the other, each without variables set for it."""
    for inner in INNER.findall(line):
        yield from split(inner)
    lexer = shlex.shlex(INNER.sub('/what/it/says', line), posix=True, punctuation_chars='&|;')
    lexer.whitespace_split = True
    words = []
    for word in [*lexer, ';']:
        if word in ('&&', '|', ';', '||', '&'):
            while words and (ENVIRONMENT.match(words[0]) or words[0] in ('sudo', 'exec', 'env')):
                words = words[1:]
            if words:
                name = words[0].removeprefix('.venv/bin/')
                yield (name if name in TOOLS else words[0], *words[1:])
            words = []
        else:
            words.append(word)
