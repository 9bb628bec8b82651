"""``lnn play``."""

import argparse
from pathlib import Path

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'play a bag into the graph'
EXAMPLE = 'lnn play my_bag --rate 0.5 --clock 100 --remap cmd_vel:=recorded/cmd_vel'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('bag', type=Path, metavar='BAG', help='a rosbag2 folder, a .mcap or a .db3 file')
    parser.add_argument('--rate', '-r', type=float, default=1.0, metavar='N', help='how fast: 1 is as recorded')
    parser.add_argument('--start-offset', type=float, default=0.0, metavar='S', help='begin so long after its start')
    parser.add_argument('--loop', '-l', action='store_true', help='begin again at the end')
    parser.add_argument('--start-paused', '-p', action='store_true', help='wait for the service ~/resume')
    parser.add_argument('--clock', type=float, nargs='?', const=40.0, default=0.0, metavar='HZ', help='publish /clock')
    parser.add_argument(
        '--topics', nargs='+', default=[], metavar='TOPIC', help='what to play; everything unless given'
    )
    parser.add_argument('--exclude', default='', metavar='REGEX', help='leave out what matches as a whole')
    parser.add_argument('--remap', '-m', nargs='+', default=[], metavar='OLD:=NEW', help='other names for topics')


def run(args: argparse.Namespace) -> int:
    import json

    from lnn_controller.cli import tell_mistake
    from lnn_controller.errors import InputError
    from lnn_controller.nodes.common.environment import check_environment
    from lnn_controller.nodes.play_node import main

    check_environment()
    for rule in args.remap:
        if ':=' not in rule:
            raise InputError(f'--remap takes old:=new. Got {rule}')
    values = {
        'bag': str(args.bag),
        'rate': args.rate,
        'start_s': args.start_offset,
        'loop': args.loop,
        'paused': args.start_paused,
        'clock_hz': args.clock,
        'topics': args.topics or [''],
        'exclude': args.exclude,
    }
    # JSON is YAML: texts stay texts, whatever they look like.
    parameters = [part for name, value in values.items() for part in ('-p', f'{name}:={json.dumps(value)}')]
    remaps = [part for rule in args.remap for part in ('-r', rule)]
    return main(['--ros-args', *parameters, *remaps], tell_mistake)
