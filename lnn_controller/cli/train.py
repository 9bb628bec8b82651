"""``lnn train``."""

import argparse
import json
from pathlib import Path

from lnn_controller.cli.arguments import add_topic_arguments

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'train a policy from bags'
EXAMPLE = 'lnn train out/demos/* --out policies/mine'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('bags', nargs='+', type=Path, metavar='BAG', help='bags of demonstrations')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder of the policy bundle to write')
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint of this --out')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing --out')
    parser.add_argument('--json', action='store_true', help='print the metrics as JSON')
    add_topic_arguments(parser)
    from lnn_controller.learning import config

    config.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from lnn_controller.learning import config

    settings = config.config_from_arguments(args)
    # Only now, so that a wrong flag is answered at once.
    from lnn_controller.data.topics import Topics
    from lnn_controller.learning.train import train

    topics = Topics(image=args.image_topic, imu=args.imu_topic, command=args.command_topic)
    result = train(
        args.bags,
        args.out,
        settings,
        topics=topics,
        resume=args.resume,
        overwrite=args.overwrite,
        progress=not args.json,
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
