"""``lnn inspect``."""

import argparse

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = "print a policy's card"
EXAMPLE = 'lnn inspect car_lane'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('policy', metavar='POLICY', help='folder of a policy, or the name of one that ships')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.policy import describe, find_policy, read_spec

    path = find_policy(args.policy)
    print(describe(read_spec(path), path), end='')
    return 0
