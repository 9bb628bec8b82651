"""Arguments that several commands share."""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lnn_controller.settings import Setting, add_flag

__all__ = ['Flags', 'add_parameter_flags', 'add_policy_argument', 'add_topic_arguments', 'ros_arguments']

# By parameter: names of its flag (none: its own name) and what add_argument is to take instead.
Flags = Mapping[str, tuple[Sequence[str], dict[str, Any]]]


def add_parameter_flags(parser: argparse.ArgumentParser, table: Sequence[Setting], flags: Flags) -> None:
    """
    Add a flag for each parameter of a node.

    :param parser: the command's
    :param table: the parameters
    :param flags: by parameter, where its flag is not its name or takes something else
    """
    for each in table:
        names, more = flags.get(each.name, ((), {}))
        add_flag(parser, each, *names, **more)


def ros_arguments(args: argparse.Namespace, names: Sequence[str]) -> list[str]:
    """
    Write parameters as a node's command line takes them.

    :param args: what was parsed; a parameter that is ``None`` is left to the node's default
    :param names: of the parameters
    :returns: the node's arguments
    """
    values = {name: getattr(args, name) for name in names}
    # JSON is YAML: texts stay texts, whatever they look like.
    given = {name: json.dumps(value) for name, value in values.items() if value is not None}
    return ['--ros-args', *(part for name, value in given.items() for part in ('-p', f'{name}:={value}'))]


def add_policy_argument(parser: argparse.ArgumentParser, **options: Any) -> None:
    """
    Add ``--policy``.

    :param parser: the command's
    :param options: as of ``add_argument``
    """
    parser.add_argument(
        '--policy', metavar='POLICY', help='folder of a policy, or the name of one that ships', **options
    )


def add_topic_arguments(parser: argparse.ArgumentParser) -> None:
    """
    Add the names of a bag's topics, for bags where their types do not tell them apart.

    :param parser: the command's
    """
    for kind in ('image', 'imu', 'command'):
        parser.add_argument(f'--{kind}-topic', metavar='TOPIC', help=f'{kind} topic, where several could be it')
