"""``lnn record``."""

import argparse
from pathlib import Path

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'record topics of the graph into a bag'
EXAMPLE = 'lnn record --out my_bag --all --exclude "/rosout|.*_raw"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', '-o', type=Path, required=True, metavar='DIR', help='folder of the new bag')
    parser.add_argument(
        '--topics', nargs='+', default=[], metavar='TOPIC', help='what to record; the usual unless given'
    )
    parser.add_argument('--all', '-a', action='store_true', help='record every topic, also those that come later')
    parser.add_argument('--exclude', default='', metavar='REGEX', help='leave out what matches as a whole')
    parser.add_argument('--storage', choices=('mcap', 'sqlite3'), default='mcap', help='format of the bag')
    parser.add_argument('--compression', choices=('none', 'zstd'), default='none', help='of what is written')
    parser.add_argument('--max-size', type=float, default=0.0, metavar='MB', help='begin another file at this size')
    parser.add_argument('--max-duration', type=float, default=0.0, metavar='S', help='begin another file after so long')
    parser.add_argument('--use-sim-time', action='store_true', help='stamp by /clock')


def run(args: argparse.Namespace) -> int:
    import json

    from lnn_controller.cli import tell_mistake
    from lnn_controller.nodes.common.environment import check_environment
    from lnn_controller.nodes.record_node import main

    check_environment()
    values = {
        'bag': str(args.out),
        'topics': args.topics or [''],
        'all': args.all,
        'exclude': args.exclude,
        'storage': args.storage,
        'compression': args.compression,
        'max_size_mb': args.max_size,
        'max_duration_s': args.max_duration,
        'use_sim_time': args.use_sim_time,
    }
    # JSON is YAML: texts stay texts, whatever they look like.
    parameters = [part for name, value in values.items() for part in ('-p', f'{name}:={json.dumps(value)}')]
    return main(['--ros-args', *parameters], tell_mistake)
