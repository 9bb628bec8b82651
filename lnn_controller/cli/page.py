"""Write docs/cli.md out of the parsers of the ``lnn`` command: ``python -m lnn_controller.cli.page``."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from lnn_controller.cli import COMMANDS, MODULES

__all__ = ['PAGE', 'document']

PAGE = Path(__file__).parents[2] / 'docs' / 'cli.md'
HEAD = """\
<!-- Written by `python -m lnn_controller.cli.page` out of the parsers; changes belong there. -->

# The command lnn

Every subcommand with its arguments, as its `--help` gives them. A mistake of the user's is one line on standard
error and exit status 2; Ctrl-C ends with 130. An option that takes several values takes those of each time it is given;
any other is given once. Where a subcommand needs a library that is not installed, the line says
how to install it.
"""


def document() -> str:
    """
    Write the page.

    :returns: Markdown
    """
    modules = {name: import_module(f'lnn_controller.cli.{MODULES.get(name, name)}') for name in COMMANDS}
    rows = [f'| [`lnn {name}`](#lnn-{name}) | {_cell(module.SUMMARY)} |' for name, module in modules.items()]
    sections = [HEAD, '\n'.join(['| command | what it does |', '| --- | --- |', *rows]) + '\n']
    for name, module in modules.items():
        parser = argparse.ArgumentParser(prog=f'lnn {name}')
        module.add_arguments(parser)
        summary = f'{module.SUMMARY[:1].upper()}{module.SUMMARY[1:]}.'
        sections.append(f'## lnn {name}\n\n{summary}\n\n```text\n{_lines(module.EXAMPLE)}\n```\n\n{_table(parser)}\n')
    return '\n'.join(sections)


def _lines(example: str) -> str:
    """Each of several commands on a line of its own."""
    return example.replace('; ', '\n')


def _table(parser: argparse.ArgumentParser) -> str:
    # argparse has no public list of a parser's arguments; its help differs from one Python to the next.
    actions = [action for action in parser._actions if action.help != argparse.SUPPRESS and action.dest != 'help']
    if not actions:
        return 'It takes no arguments.'
    rows = [f'| {_name(action)} | {_default(action)} | {_help(action, parser.prog)} |' for action in actions]
    return '\n'.join(['| argument | default | what it is |', '| --- | --- | --- |', *rows])


def _name(action: argparse.Action) -> str:
    values = _values(action)
    flags = [f'{flag} {values}'.strip() for flag in action.option_strings] or [values]
    return ', '.join(f'`{_cell(flag)}`' for flag in flags)


def _values(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ''
    # Of several values each has a name, or all have one.
    if isinstance(action.metavar, tuple):
        return ' '.join(action.metavar)
    chosen = '{' + ','.join(map(str, action.choices)) + '}' if action.choices is not None else ''
    name = action.metavar or chosen or (action.dest.upper() if action.option_strings else action.dest)
    if isinstance(action.nargs, int):
        return ' '.join([name] * action.nargs)
    return {None: name, '?': f'[{name}]', '*': f'[{name} …]', '+': f'{name} …'}[action.nargs]


def _default(action: argparse.Action) -> str:
    default = action.default
    if default is None or default is False or default == argparse.SUPPRESS or default == [] or default == '':
        return ''
    return f'`{_cell(_words(default))}`'


def _words(value: object) -> str:
    return ' '.join(map(_words, value)) if isinstance(value, (list, tuple)) else str(value)


def _help(action: argparse.Action, prog: str) -> str:
    # Some Pythons add the default to the help of --flag, --no-flag by themselves; it has a column here.
    text = (action.help or '').removesuffix(' (default: %(default)s)')
    return _cell(text % {**vars(action), 'prog': prog})


def _cell(text: str) -> str:
    """One line that ends no cell."""
    return ' '.join(text.split()).replace('|', '\\|').replace('<', '&lt;')


if __name__ == '__main__':
    PAGE.write_text(document(), encoding='utf-8')
    print(PAGE.name, file=sys.stderr)
