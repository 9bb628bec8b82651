"""ROS parameters from one table: what is declared, checked, described by ``ros2 param`` and printed by ``--help``."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from lnn_controller.errors import InputError

__all__ = ['Setting', 'declare', 'on_change', 'usage']

Value = bool | int | float | str | list[str]


@dataclass(frozen=True)
class Setting:
    """
    One parameter of a node.

    :param name: its name
    :param default: value where none is given; its type is the parameter's type
    :param description: one sentence for ``ros2 param describe``
    :param unit: SI unit, empty where there is none
    :param minimum: smallest allowed number
    :param maximum: largest allowed number
    :param choices: allowed texts; empty: any
    :param live: whether it may be set while the node runs
    """

    name: str
    default: Value
    description: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False

    @property
    def wanted(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return 'one of ' + ', '.join(self.choices)
        if isinstance(self.default, bool):
            return 'true or false'
        if isinstance(self.default, str):
            return 'a text'
        if isinstance(self.default, list):
            return 'a list of texts'
        kind = 'a whole number' if isinstance(self.default, int) else 'a number'
        unit = f' {self.unit}' if self.unit else ''
        if self.minimum is not None and self.maximum is not None:
            return f'{kind} from {self.minimum:g} to {self.maximum:g}{unit}'
        return kind + (f' of at least {self.minimum:g}{unit}' if self.minimum is not None else '')

    def check(self, value: Any) -> Value:
        """
        Check a value and bring it to the parameter's type; a whole number does for a float (``20`` for ``20.0``).

        :param value: what a user gave
        :returns: the value, of the default's type
        :raises InputError: if it is of another type, not finite, out of range or none of the choices
        """
        default = self.default
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        fits = type(value) is type(default)
        if isinstance(default, list):
            value = list(value) if isinstance(value, list | tuple) else value
            fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        elif fits and isinstance(value, int | float) and not isinstance(value, bool):
            low = -math.inf if self.minimum is None else self.minimum
            high = math.inf if self.maximum is None else self.maximum
            fits = math.isfinite(value) and low <= value <= high
        elif fits and self.choices:
            fits = value in self.choices
        if not fits:
            raise InputError(f'parameter {self.name} must be {self.wanted}. Got {value!r}')
        return value

    def descriptor(self) -> ParameterDescriptor:
        """
        Describe the parameter the way ROS does.

        :returns: description, constraints, range and whether it is read-only
        """
        unit = f' [{self.unit}]' if self.unit else ''
        result = ParameterDescriptor(description=self.description + unit, read_only=not self.live)
        result.additional_constraints = self.wanted if self.choices else ''
        if self.minimum is not None:
            if isinstance(self.default, int):
                high = 2**31 - 1 if self.maximum is None else int(self.maximum)
                result.integer_range = [IntegerRange(from_value=int(self.minimum), to_value=high)]
            else:
                top = math.inf if self.maximum is None else float(self.maximum)
                result.floating_point_range = [FloatingPointRange(from_value=float(self.minimum), to_value=top)]
        return result


def declare(node: Node, table: Sequence[Setting]) -> dict[str, Any]:
    """
    Declare a table's parameters and read what the user gave for them.

    :param node: the node to declare them on
    :param table: its parameters
    :returns: value by name
    :raises InputError: if a given value is not what its parameter must be
    """
    values = {}
    for setting in table:
        # Declared twice: untyped, to see what the user gave and refuse it in our words (rclpy's own error for
        # `rate:=20` instead of `20.0` is an exception deep in a constructor), then for good.
        untyped = ParameterDescriptor(dynamic_typing=True)
        value = setting.check(node.declare_parameter(setting.name, setting.default, untyped).value)
        node.undeclare_parameter(setting.name)
        node.declare_parameter(setting.name, value, setting.descriptor(), ignore_override=True)
        values[setting.name] = value
    return values


def on_change(node: Node, table: Sequence[Setting], apply: Callable[[Mapping[str, Any]], None]) -> None:
    """
    Check parameters that are set while the node runs, and apply what passed; a refused one changes nothing.

    :param node: the node that declared the table
    :param table: its parameters
    :param apply: takes the new values by name, of the table's parameters only
    """
    settings = {setting.name: setting for setting in table}

    def check(parameters: list[Parameter]) -> SetParametersResult:
        try:
            for parameter in parameters:
                if parameter.name in settings:
                    settings[parameter.name].check(parameter.value)
        except InputError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def applied(parameters: list[Parameter]) -> None:
        changed = {item.name: settings[item.name].check(item.value) for item in parameters if item.name in settings}
        if changed:
            apply(changed)

    node.add_on_set_parameters_callback(check)
    node.add_post_set_parameters_callback(applied)


def usage(executable: str, purpose: str, table: Sequence[Setting]) -> str:
    """
    Write the text of ``--help``.

    :param executable: the node's executable
    :param purpose: one sentence
    :param table: its parameters
    :returns: several lines
    """
    lines = [f'usage: {executable} [--ros-args -p NAME:=VALUE … --params-file FILE -r FROM:=TO]', '', purpose, '']
    for setting in table:
        default = '[' + ', '.join(setting.default) + ']' if isinstance(setting.default, list) else setting.default
        lines.append(f'  {setting.name} (default {default}; {setting.wanted}{"; live" if setting.live else ""})')
        lines.append(f'      {setting.description}')
    return '\n'.join(lines)
