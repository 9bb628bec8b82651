"""``lnn inspect``."""

import argparse
from pathlib import Path

from lnn_controller.errors import InputError

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = "print a policy's card"
EXAMPLE = 'lnn inspect car_lane'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'what',
        metavar='POLICY',
        help='folder of a policy, or the name of one that ships',
    )


def run(args: argparse.Namespace) -> int:
    from lnn_controller.data.bags.storage import is_bag
    from lnn_controller.policy import describe, find_policy, read_spec
    from lnn_controller.policy.native import native_state

    if is_bag(Path(args.what)):
        raise InputError(f'a policy is needed. Got a bag, which lnn info looks through: lnn info {args.what}')
    path = find_policy(args.what)
    spec = read_spec(path)
    print(describe(spec, path, native=native_state(spec)), end='')
    return 0
