"""ROS parameters from one table: what is declared, checked, described by ``ros2 param`` and printed by ``--help``."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from lnn_controller.errors import InputError, did_you_mean
from lnn_controller.policy.files import parse_yaml, read_text
from lnn_controller.settings import CHANGES, Change, Setting, settings_of

__all__ = ['as_parameters', 'check', 'check_files', 'declare', 'descriptor', 'given', 'on_change', 'usage']

WHAT = 'a parameters file'
# What rclpy declares by itself.
EVERY_NODE = ('use_sim_time', 'start_type_description_service')


def as_parameters(kind: type, prefix: str = '', *, change: Change) -> dict[str, Setting]:
    """
    Make parameters of a dataclass's settings.

    :param kind: the dataclass
    :param prefix: what the parameters' names begin with: ``wear.``
    :param change: when they may be set
    :returns: parameter by field
    """
    return {name: replace(each, name=f'{prefix}{name}', change=change) for name, each in settings_of(kind).items()}


def check(setting: Setting, value: Any) -> Any:
    """
    Check a value of a parameter.

    :param setting: the parameter
    :param value: what a user gave
    :returns: the value, of the default's type
    :raises InputError: as :meth:`Setting.check`
    """
    return setting.check(value, f'parameter {setting.name}')


def descriptor(setting: Setting) -> ParameterDescriptor:
    """
    Describe a parameter the way ROS does.

    :param setting: the parameter
    :returns: description, constraints, range and whether it is read-only
    """
    unit = f' [{setting.unit}]' if setting.unit else ''
    constraints = [setting.wanted] if setting.choices else []
    if setting.change == 'inactive':
        constraints.append(f'set it {CHANGES[setting.change]}')
    result = ParameterDescriptor(
        description=setting.help + unit,
        additional_constraints='; '.join(constraints),
        read_only=setting.change == 'fixed',
    )
    if setting.minimum is None and setting.maximum is None:
        return result
    if isinstance(setting.default, int):
        low = -(2**31) if setting.minimum is None else int(setting.minimum)
        high = 2**31 - 1 if setting.maximum is None else int(setting.maximum)
        result.integer_range = [IntegerRange(from_value=low, to_value=high)]
    else:
        bottom = -math.inf if setting.minimum is None else float(setting.minimum)
        top = math.inf if setting.maximum is None else float(setting.maximum)
        result.floating_point_range = [FloatingPointRange(from_value=bottom, to_value=top)]
    return result


def _as_text(value: bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def declare(node: Node, table: Sequence[Setting]) -> dict[str, Any]:
    """
    Declare a table's parameters and read what the user gave for them.

    :param node: the node to declare them on
    :param table: its parameters
    :returns: value by name
    :raises InputError: if a given value is not what its parameter must be, a parameter is given that the node does not
        have, or a parameters file has none for this node
    """
    # What was written and not taken may be just what keeps a robot from driving: a misspelt speed_scale: 0.0.
    _refuse_unknown(node._parameter_overrides, [setting.name for setting in table])
    _refuse_foreign_files(node.get_fully_qualified_name(), sys.argv)
    values = {}
    for setting in table:
        value = given(node, setting)
        node.declare_parameter(setting.name, value, descriptor(setting), ignore_override=True)
        values[setting.name] = value
    return values


def given(node: Node, setting: Setting) -> Any:
    """
    Return what the user gave for a parameter, before it is declared.

    :param node: the node
    :param setting: the parameter
    :returns: its value, the default where none was given
    :raises InputError: if it is not what the parameter must be
    """
    # Checked here: rclpy's own error for `rate:=20` instead of `20.0` is an exception deep in a constructor.
    override = node._parameter_overrides.get(setting.name)
    return check(setting, setting.default if override is None else override.value)


def _refuse_unknown(given: Iterable[str], known: Sequence[str]) -> None:
    for name in given:
        if name in (*known, *EVERY_NODE) or name.startswith('qos_overrides.'):
            continue
        meant = did_you_mean(name, known) or 'see --help'
        raise InputError(f'a parameter that is given must be one of this node\'s. Got "{name}": {meant}')


def check_files(arguments: Sequence[str]) -> None:
    """
    Look at the parameters files before ROS does, which would wait for a pipe and reports a folder in its own words.

    :param arguments: command line of a node
    :raises InputError: if one is no file of text
    """
    for path in _files(arguments):
        read_text(path, WHAT)


def _files(arguments: Sequence[str]) -> list[str]:
    return [path for flag, path in pairwise(arguments) if flag == '--params-file']


def _refuse_foreign_files(node: str, arguments: Sequence[str]) -> None:
    """Refuse a parameters file with nothing for the node: an empty one, of another robot, or of a renamed node."""
    for path in _files(arguments):
        keys = list(_node_keys(parse_yaml(read_text(path, WHAT), f'{WHAT} ({path}) must be')))
        if not any(_is_meant(node, key) for key in keys):
            found = f'with those of {", ".join(keys)} alone' if keys else 'with none'
            msg = f'{WHAT} must have parameters for {node}. Got {path} {found}'
            raise InputError(f'{msg}: begin it with "{node}:" or "/**:"')


def _node_keys(tree: Any, path: str = '') -> Iterator[str]:
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if key == 'ros__parameters':
            yield path or '/'
        else:
            yield from _node_keys(value, f'{path}/{str(key).strip("/")}')


def _is_meant(node: str, key: str) -> bool:
    """Whether a key of a parameters file, perhaps with the wildcards * and **, is for a node."""
    pattern = re.escape(key).replace(r'\*\*', '.*').replace(r'\*', '[^/]*').replace('/.*/', '/(.*/)?')
    return re.fullmatch(pattern, node) is not None


def on_change(
    node: Node,
    table: Sequence[Setting],
    values: dict[str, Any],
    fit: Callable[[Mapping[str, Any]], None],
    apply: Callable[[Mapping[str, Any]], None],
    *,
    active: Callable[[], bool],
) -> None:
    """
    Check parameters that are set while the node runs, and apply what passed; a refused request changes nothing.

    Parameters that are set together (``set_parameters_atomically``) are checked together, as the values would be
    afterwards. What is set to the value that it has already is never refused and never applied.

    :param node: the node that declared the table
    :param table: its parameters
    :param values: value by name, from :func:`declare`: kept up to date in place
    :param fit: takes all values by name as they would be; raises :class:`InputError` if they do not fit together
    :param apply: takes the values by name that differ from before
    :param active: returns whether ``inactive`` parameters are refused now
    """
    settings = {setting.name: setting for setting in table}

    def changes(parameters: list[Parameter[Any]]) -> dict[str, Any]:
        # Others come here too: use_sim_time, QoS overrides when a topic is opened.
        given = {item.name: check(settings[item.name], item.value) for item in parameters if item.name in settings}
        return {name: value for name, value in given.items() if value != values[name]}

    def checked(parameters: list[Parameter[Any]]) -> SetParametersResult:
        try:
            changed = changes(parameters)
            for name in changed:
                if settings[name].change == 'inactive' and active():
                    msg = f'parameter {name} can be set only while the node is not active: deactivate it first'
                    raise InputError(msg)
            if changed:
                fit(values | changed)
        except InputError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def applied(parameters: list[Parameter[Any]]) -> None:
        changed = changes(parameters)
        values.update(changed)
        if changed:
            apply(changed)

    node.add_pre_set_parameters_callback(partial(_as_meant, settings))
    node.add_on_set_parameters_callback(checked)
    node.add_post_set_parameters_callback(applied)


def _as_meant(settings: Mapping[str, Setting], parameters: list[Parameter[Any]]) -> list[Parameter[Any]]:
    # `ros2 param set … 20` sends an integer, which rclpy would refuse for a float; and for a text that YAML takes
    # for a boolean a boolean, which rclpy would refuse without naming what to give.
    result = []
    for item in parameters:
        setting = settings.get(item.name)
        if setting and isinstance(setting.default, float) and item.type_ == Parameter.Type.INTEGER:
            item = Parameter(item.name, Parameter.Type.DOUBLE, float(item.value))
        elif setting and setting.choices and item.type_ == Parameter.Type.BOOL:
            item = Parameter(item.name, Parameter.Type.STRING, _as_text(item.value))
        result.append(item)
    return result


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
        when = '' if setting.change == 'fixed' else f'; set it {CHANGES[setting.change]}'
        lines.append(f'  {setting.name} (default {default}; {setting.wanted}{when})')
        lines.append(f'      {setting.help}')
    return '\n'.join(lines)
