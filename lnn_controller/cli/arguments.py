"""Arguments that several commands share."""

import argparse
from typing import Any

__all__ = ['add_policy_argument', 'add_topic_arguments']


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
