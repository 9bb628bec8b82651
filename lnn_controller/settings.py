"""
One self-describing setting: default, unit, range, choices, help, and when it may change.

ROS parameters, flags of the command line, checks of YAML and JSON, launch arguments and docs/parameters.md are made
of it. A new one is a line: in a dataclass of settings (:func:`setting`), or in the table of a node's parameters.
"""

import argparse
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from lnn_controller.errors import InputError, short

__all__ = ['CHANGES', 'Change', 'Setting', 'add_flag', 'check_number', 'check_settings', 'setting', 'settings_of']

Value = bool | int | float | str | list[str] | tuple[str, ...] | tuple[int, ...] | dict[str, Any]
Change = Literal['live', 'inactive', 'fixed']
CHANGES = {'live': 'at any time', 'inactive': 'while the node is not active', 'fixed': 'at the start only'}
METAVARS = {int: 'INT', float: 'FLOAT', str: 'STR'}


@dataclass(frozen=True)
class Setting:
    """
    A setting.

    :param name: its name
    :param default: value where none is given; its type is the setting's type; a list or tuple is one of texts, or of
        whole numbers where it holds some; a mapping is one of names to any values
    :param help: what it does, for whoever sets it
    :param unit: SI unit, empty where there is none
    :param minimum: smallest allowed number
    :param maximum: largest allowed number; for a list, these are of each of its numbers
    :param choices: allowed texts; empty: any
    :param former: today's choice by one that an earlier version had, and by what YAML reads that as
    :param change: when a node's may be set: ``live``, ``inactive`` (not while the node is active) or ``fixed`` (at the
        start)
    :param above: numbers must be larger than this
    :param below: numbers must be smaller than this
    """

    name: str
    default: Value
    help: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    former: Mapping[str, str] = field(default_factory=dict)
    change: Change = 'fixed'
    above: float | None = None
    below: float | None = None

    @property
    def wanted(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return 'one of ' + ', '.join(self.choices)
        if isinstance(self.default, bool):
            return 'true or false'
        if isinstance(self.default, str):
            return 'a text'
        if isinstance(self.default, dict):
            return 'a mapping of names to values'
        if isinstance(self.default, list | tuple):
            if self.item is str:
                return 'a list of texts'
            return f'a list of whole numbers from {self.minimum:g} to {self.maximum:g}'
        kind = 'whole number' if isinstance(self.default, int) else 'number'
        unit = f' {self.unit}' if self.unit else ''
        if self.minimum is not None and self.maximum is not None:
            return f'a {kind} from {self.minimum:g} to {self.maximum:g}{unit}'
        bounds = {'of at least': self.minimum, 'above': self.above, 'of at most': self.maximum, 'below': self.below}
        if self.above == 0.0:
            kind, bounds['above'] = f'positive {kind}', None
        words = ' and '.join(f'{word} {bound:g}' for word, bound in bounds.items() if bound is not None)
        return f'a {kind} {words}'.rstrip() + (unit if words else f' of{unit}' if unit else '')

    def check(self, value: Any, name: str = '') -> Any:
        """
        Check a value and bring it to the setting's type; a whole number does for a float (``20`` for ``20.0``).

        :param value: what a user gave
        :param name: what the error calls it; by default the setting's name
        :returns: the value, of the default's type
        :raises InputError: if it is of another type, not finite, out of range or none of the choices
        """
        kind = type(self.default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = _as_float(value)
        if isinstance(self.default, list | tuple):
            fits = isinstance(value, list | tuple) and all(self._holds_item(item) for item in value)
            value = kind(value) if fits else value
        elif isinstance(self.default, dict):
            fits = isinstance(value, dict) and all(isinstance(key, str) for key in value)
            value = kind(value) if fits else value
        elif isinstance(self.default, bool | str):
            fits = isinstance(value, kind) and (not self.choices or value in self.choices)
        else:
            fits = isinstance(value, kind) and not isinstance(value, bool) and self._holds(value)
        if not fits:
            today = self.former.get(str(value).lower()) if isinstance(value, bool | str) else None
            hint = f': {today} is what that is called now' if today else ''
            raise InputError(f'{name or self.name} must be {self.wanted}. Got {short(value)}{hint}')
        return value

    @property
    def item(self) -> type:
        """The type of a list's items."""
        return type(self.default[0]) if isinstance(self.default, list | tuple) and self.default else str

    def _holds_item(self, value: Any) -> bool:
        if self.item is str:
            return isinstance(value, str)
        return isinstance(value, self.item) and not isinstance(value, bool) and self._holds(value)

    def _holds(self, value: Any) -> bool:
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return (
            (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


def _as_float(value: int) -> float | int:
    try:
        return float(value)
    except OverflowError:  # a thousand digits: refused as it is
        return value


def setting(
    default: Any,
    text: str,
    unit: str = '',
    minimum: float | None = None,
    maximum: float | None = None,
    **more: Any,
) -> Any:
    """
    Make a field of a dataclass that carries its setting; ``check_settings`` in ``__post_init__`` checks it.

    :param default: value where none is given; its type is the setting's type
    :param text: what it does, for whoever sets it
    :param unit: SI unit, empty where there is none
    :param minimum: smallest allowed number
    :param maximum: largest allowed number
    :param more: what else, of :class:`Setting`, by name
    :returns: the field
    """
    metadata = {'setting': Setting('', default, text, unit, minimum, maximum, **more)}
    if isinstance(default, dict):  # each instance has its own
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@cache
def settings_of(kind: type) -> Mapping[str, Setting]:
    """
    Return the settings of a dataclass.

    :param kind: the dataclass
    :returns: those of its fields that were made by :func:`setting`, in their order, by name
    """
    return {
        each.name: dataclasses.replace(each.metadata['setting'], name=each.name)
        for each in dataclasses.fields(kind)
        if 'setting' in each.metadata
    }


def check_settings(values: Any, prefix: str = '') -> None:
    """
    Check a dataclass's settings, and bring them to their types.

    :param values: an instance of a dataclass, frozen or not
    :param prefix: what the error calls them by, before the name
    :raises InputError: if one is of another type, not finite, out of range or none of its choices
    """
    kind: type = type(values)
    for name, each in settings_of(kind).items():
        object.__setattr__(values, name, each.check(getattr(values, name), f'{prefix}{name}'))


def check_number(name: str, value: Any, *, whole: bool = False, **limits: Any) -> Any:
    """
    Check a number that has no setting of its own.

    :param name: what the error calls it
    :param value: what a user gave
    :param whole: whether it must be a whole number
    :param limits: ``minimum``, ``maximum``, ``above``, ``below`` and ``unit``, as of :class:`Setting`
    :returns: the number; a float unless it must be whole
    :raises InputError: if it is no number, not finite, or out of range
    """
    return Setting(name, 1 if whole else 1.0, '', **limits).check(value)


def add_flag(parser: argparse._ActionsContainer, each: Setting, *names: str, **more: Any) -> None:
    """
    Give a parser the flag of a setting; where it is not given, the setting's name is ``None`` in what is parsed.

    :param parser: of the command line, or a group of one
    :param each: the setting
    :param names: of the flag; by default ``--`` and the setting's name with dashes
    :param more: what ``add_argument`` is to take instead
    """
    default, text = each.default, each.help
    if text.endswith('.') and text[1:2].islower():  # a sentence; the help of flags is none
        text = text[0].lower() + text[1:-1]
    shown = ' '.join(map(str, default)) if isinstance(default, list | tuple) else default
    if shown not in ('', {}) and shown is not False and 'required' not in more:
        text += f' (default: {shown})'
    options: dict[str, Any] = {'dest': each.name, 'default': None, 'help': text.replace('%', '%%')}
    if 'action' in more:
        pass
    elif isinstance(default, bool):
        options['action'] = argparse.BooleanOptionalAction
    elif each.choices:
        options['choices'] = each.choices
    else:
        many = isinstance(default, list | tuple)
        kind = each.item if many else type(default)
        options |= {'type': kind, 'metavar': 'NAME' if many and kind is str else each.unit.upper() or METAVARS[kind]}
        options |= {'nargs': '+'} if many else {}
    parser.add_argument(*(names or ('--' + each.name.replace('_', '-'),)), **(options | more))
