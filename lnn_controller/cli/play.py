"""``lnn play``."""

import argparse

from lnn_controller.cli.arguments import Flags, add_parameter_flags, ros_arguments

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'play a bag into the graph'
EXAMPLE = 'lnn play my_bag --rate 0.5 --clock 100 --remap cmd_vel:=recorded/cmd_vel'


FLAGS: Flags = {
    'rate': (('--rate', '-r'), {'metavar': 'N'}),
    'start_s': (('--start-offset',), {}),
    'loop': (('--loop', '-l'), {'action': 'store_true'}),
    'paused': (('--start-paused', '-p'), {'action': 'store_true'}),
    'clock_hz': (('--clock',), {'nargs': '?', 'const': 40.0}),
    'topics': ((), {'metavar': 'TOPIC'}),
    'exclude': ((), {'metavar': 'REGEX'}),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from lnn_controller.nodes.common.bag_settings import PLAYER_SETTINGS

    parser.add_argument('bag', metavar='BAG', help='a rosbag2 folder, a .mcap or a .db3 file')
    add_parameter_flags(parser, [each for each in PLAYER_SETTINGS if each.name != 'bag'], FLAGS)
    parser.add_argument('--remap', '-m', nargs='+', default=[], metavar='OLD:=NEW', help='other names for topics')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.cli import tell_mistake
    from lnn_controller.errors import InputError
    from lnn_controller.nodes.common.environment import check_environment
    from lnn_controller.nodes.play_node import PARAMETERS, main

    check_environment()
    for rule in args.remap:
        if ':=' not in rule:
            raise InputError(f'--remap takes old:=new. Got {rule}')
    remaps = [part for rule in args.remap for part in ('-r', rule)]
    return main([*ros_arguments(args, [each.name for each in PARAMETERS]), *remaps], tell_mistake)
