"""The ``train`` subcommand of ``lnn``."""

import argparse
import json
from pathlib import Path

from lnn_controller.learning.config import add_arguments, config_from_arguments

__all__ = ['add_train_arguments', 'run_train']


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser what ``lnn train`` takes."""
    parser.add_argument('bags', nargs='+', type=Path, metavar='BAG', help='bags of demonstrations')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder of the policy bundle to write')
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint of this --out')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing --out')
    parser.add_argument('--json', action='store_true', help='print the metrics as JSON')
    for kind in ('image', 'imu', 'command'):
        parser.add_argument(f'--{kind}-topic', metavar='TOPIC', help=f'{kind} topic, where several could be it')
    add_arguments(parser)


def run_train(args: argparse.Namespace) -> int:
    """
    Train as the flags say and print what came out.

    :returns: exit status
    """
    config = config_from_arguments(args)
    # Here, so that `lnn train --help` and a wrong flag answer at once.
    from lnn_controller.data.topics import Topics
    from lnn_controller.learning.train import train

    topics = Topics(image=args.image_topic, imu=args.imu_topic, command=args.command_topic)
    result = train(
        args.bags, args.out, config, topics=topics, resume=args.resume, overwrite=args.overwrite, progress=not args.json
    )
    if args.json:
        print(json.dumps({'policy': str(result.policy), 'seconds': result.seconds, **result.metrics}, indent=2))
        return 0
    print(f'\n{"part":<12}{"channel":<12}{"MAE":>9}{"R²":>9}{"MAE of a constant":>20}')
    for name, channels in result.metrics.items():
        for channel, m in channels.items():
            print(f'{name:<12}{channel:<12}{m["mae"]:>9.4f}{m["r2"]:>9.3f}{m["constant_mae"]:>20.4f}')
    print(f'\nTrained in {result.seconds:.0f} s. Policy: {result.policy} (lnn inspect {result.policy})')
    return 0
