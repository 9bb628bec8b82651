"""``lnn inspect``."""

import argparse
from pathlib import Path

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = "print a policy's card, or what is in a bag and whether it is whole"
EXAMPLE = 'lnn inspect car_lane'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'what',
        metavar='POLICY|BAG',
        help='folder of a policy, name of one that ships, or a bag, which is read whole',
    )


def run(args: argparse.Namespace) -> int:
    from lnn_controller.data.bags.storage import is_bag
    from lnn_controller.policy import describe, find_policy, read_spec
    from lnn_controller.policy.native import native_state

    if is_bag(Path(args.what)):
        from lnn_controller.data.describe import describe_bag

        print(describe_bag(args.what), end='')
        return 0
    path = find_policy(args.what)
    spec = read_spec(path)
    print(describe(spec, path, native=native_state(spec)), end='')
    return 0
