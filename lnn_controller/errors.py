"""The one exception that means: the user's input is at fault, and here is what to do about it."""

import reprlib
import sys
import unicodedata
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from io import TextIOWrapper

__all__ = [
    *('InputError', 'NotWrittenError'),
    *('check_name', 'did_you_mean', 'how_to_install', 'printable', 'short', 'write_anywhere'),
]

_UNPRINTABLE = frozenset(('Cc', 'Cf', 'Cs', 'Zl', 'Zp'))  # controls, bidirectional and other marks, half code points
_KEPT = '\n\t'
_brief = reprlib.Repr()
_brief.maxlevel = 3
_brief.maxstring = _brief.maxother = _brief.maxlong = 80


class InputError(ValueError):
    """
    A problem with what the user gave: a bag, a bundle, a name, a value.

    The message says in one line what was required, what arrived, and what to do. The command line prints it
    without a traceback; the nodes log it. Names in it may be others', out of a bag or a graph: what would act on a
    terminal is shown instead (:func:`printable`).

    :param message: the line
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class NotWrittenError(InputError):
    """What a disk does not take: with more room the same goes on."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """
    Guess which name was meant.

    :param name: the name that somebody gave, which is none of those known
    :param known: the names that there are
    :returns: a question with the nearest name; empty where none is near
    """
    near = get_close_matches(name, list(known), 1, 0.5)
    return f'did you mean {near[0]}?' if near else ''


def check_name(what: str, name: str, known: Collection[str], hint: str = '') -> str:
    """
    Check that a name is one of those there are.

    :param what: what has the name, with its article, for the error
    :param name: the name
    :param known: the names that there are
    :param hint: what to do about another; empty: the nearest name is asked for
    :returns: the name
    :raises InputError: if there is none of that name
    """
    if name not in known:
        guess = hint or did_you_mean(name, known)
        raise InputError(f'{what} must be one of {", ".join(known)}. Got {name!r}{f": {guess}" if guess else ""}')
    return name


def how_to_install(extra: str) -> str:
    """
    Return how to install what a part of the package needs. On no index is there a package of ours: only sources.

    :param extra: of setup.py: ros, sim, train, video, lerobot or view
    :returns: the command, and where it is to be given
    """
    return f"in the folder of lnn_controller's sources: pip install '.[{extra}]'"


def printable(text: str) -> str:
    """
    Show what would act on a terminal: escape sequences, other control characters, bidirectional marks.

    :param text: any text
    :returns: the same with such characters written as in Python's literals; line ends and tabs stay
    """
    if text.isprintable():
        return text
    return ''.join(
        char.encode('unicode_escape').decode()
        if char not in _KEPT and unicodedata.category(char) in _UNPRINTABLE
        else char
        for char in text
    )


def write_anywhere() -> None:
    """Let whatever is printed be printed: a terminal or a log that has no ² shows a question mark instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == 'strict':
            stream.reconfigure(errors='replace')


def short(value: object) -> str:
    """
    Write a value that somebody gave as Python does, but never long: it may be nested without end.

    :param value: any value of JSON or YAML
    :returns: at most 200 characters
    """
    try:
        text = _brief.repr(value)
        return text if len(text) <= 200 else f'{text[:197]}...'
    except ValueError:  # an integer of more digits than Python writes
        return f'a long {type(value).__name__}'
