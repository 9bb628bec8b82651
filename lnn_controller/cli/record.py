"""``lnn record``."""

import argparse

from lnn_controller.cli.arguments import Flags, add_parameter_flags, ros_arguments

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'record topics of the graph into a bag'
EXAMPLE = 'lnn record --out my_bag --all --exclude "/rosout|.*_raw"'


FLAGS: Flags = {
    'bag': (('--out', '-o'), {'required': True, 'metavar': 'DIR'}),
    'topics': ((), {'metavar': 'TOPIC'}),
    'all': (('--all', '-a'), {'action': 'store_true'}),
    'exclude': ((), {'metavar': 'REGEX'}),
    'max_size_mb': (('--max-size',), {}),
    'max_duration_s': (('--max-duration',), {}),
    'report_s': (('--report',), {}),
    'keep_last_s': (('--keep-last',), {}),
    'mark_by_keys': (('--keys',), {'default': True}),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from lnn_controller.nodes.common.bag_settings import RECORDER_SETTINGS

    add_parameter_flags(parser, RECORDER_SETTINGS, FLAGS)
    parser.add_argument('--use-sim-time', action='store_true', help='stamp by /clock')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.cli import tell_mistake
    from lnn_controller.nodes.common.environment import check_environment
    from lnn_controller.nodes.record_node import PARAMETERS, main

    check_environment()
    return main(ros_arguments(args, [*(each.name for each in PARAMETERS), 'use_sim_time']), tell_mistake)
