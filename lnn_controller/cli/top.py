"""``lnn top``."""

import argparse

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'watch a running controller in the terminal'
EXAMPLE = 'lnn top --node /robot_1/controller'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--node', default='/controller', metavar='NAME', help='the controller, with its namespace')
    parser.add_argument(
        '--once', action='store_true', help='print one page and end, as where the output is no terminal'
    )
    parser.add_argument('--domain', type=int, metavar='N', help='ROS domain; ROS_DOMAIN_ID, or 0, unless given')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.live.top.watch import run_top
    from lnn_controller.nodes.common.environment import check_environment

    check_environment()
    return run_top(node=args.node, once=args.once, domain=args.domain)
