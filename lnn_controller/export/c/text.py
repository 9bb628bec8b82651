"""Numbers, tables and files as C text."""

import re
import textwrap
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['choose', 'comment', 'fill', 'integer_table', 'number', 'plus', 'smallest_type', 'table', 'template']

WIDTH = 120


def number(value: float) -> str:
    """
    Write a number as a C constant of type float that reads back to the same bits.

    :param value: finite
    :returns: such as ``0.5f``
    """
    text = f'{np.float32(value):.9g}'
    return f'{text}f' if '.' in text or 'e' in text else f'{text}.0f'


def table(name: str, values: ArrayLike, comments: Mapping[int, str] | None = None) -> str:
    """
    Write a table of floats.

    :param name: its name
    :param values: (n,) or more dimensions, n at least 1
    :param comments: what to say before which entries of the first dimension
    :returns: its definition, ending in a newline
    """
    array = np.asarray(values, np.float32)
    size = ''.join(f'[{length}]' for length in array.shape)
    return f'static const float {name}{size} = {{\n{_rows(array, comments or {})}}};\n'


def integer_table(name: str, values: ArrayLike, kind: str) -> str:
    """
    Write a table of whole numbers.

    :param name: its name
    :param values: (n,)
    :param kind: their type
    :returns: its definition, ending in a newline
    """
    array = np.asarray(values)
    rows = _wrap(', '.join(map(str, array)) + ',', '    ')
    return f'static const {kind} {name}[{len(array)}] = {{\n{rows}}};\n'


def smallest_type(largest: int) -> str:
    """
    Choose a type for whole numbers.

    :param largest: of them
    :returns: the smallest unsigned type that holds it
    """
    return next((f'uint{bits}_t' for bits in (8, 16) if largest < 1 << bits), 'uint32_t')


def plus(first: int, n: str) -> str:
    """
    Write a sum.

    :param first: a number
    :param n: a number or a variable
    :returns: C for both together
    """
    return str(first + int(n)) if n.isdigit() else f'{first} + {n}' if first else n


def comment(text: str, indent: str = '') -> str:
    """
    Write a comment.

    :param text: ASCII
    :param indent: spaces before it
    :returns: its lines, ending in a newline
    """
    return _wrap(f'/* {text} */', indent, f'{indent}   ')


def template(file: str) -> str:
    """
    Read a file of C that this package ships.

    :param file: its name
    :returns: its text
    """
    return files('lnn_controller.export.c').joinpath(file).read_text(encoding='utf-8')


def choose(text: str, flag: str, chosen: bool) -> str:
    """
    Settle what lines of C depend on a flag, as a preprocessor would: nothing of the question stays.

    :param text: C with ``#if FLAG``, perhaps ``#else``, and ``#endif``, none of them within another
    :param flag: what the lines ask for
    :param chosen: the answer
    :returns: C
    """
    asked = re.compile(rf'^#if {flag}\n(.*?)(?:^#else\n(.*?))?^#endif\n', re.MULTILINE | re.DOTALL)
    return asked.sub(lambda found: found[1] if chosen else found[2] or '', text)


def fill(text: str, name: str) -> str:
    """
    Give a file of this package a policy's name.

    :param text: C in which names begin with ``policy_`` or ``POLICY_``
    :param name: the policy's, a C identifier
    :returns: C in which they begin with that
    """
    text = re.sub(r'\bPOLICY_', f'{name.upper()}_', text)
    return re.sub(r'\bpolicy(?=_|\.h\b)', name, text)


def _rows(array: NDArray[np.float32], comments: Mapping[int, str], indent: str = '    ') -> str:
    """Write the entries; those of one dimension as many to a line as fit, anew after each comment."""
    text = ''
    parts = np.split(array, sorted(set(comments) - {0})) if array.ndim == 1 else array
    starts = sorted({0, *comments}) if array.ndim == 1 else range(len(array))
    for start, part in zip(starts, parts):
        text += comment(comments[start], indent) if start in comments else ''
        if part.ndim == 2:
            text += f'{indent}{{\n{_rows(part, {}, indent + "    ")}{indent}}},\n'
        elif array.ndim == 1:
            text += _wrap(', '.join(map(number, part)) + ',', indent)
        else:
            text += _wrap(f'{{{", ".join(map(number, part))}}},', indent)
    return text


def _wrap(text: str, indent: str, later: str | None = None) -> str:
    later = indent if later is None else later
    lines = textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=later, break_on_hyphens=False)
    return '\n'.join(lines) + '\n'
