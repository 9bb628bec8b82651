"""``lnn replay``."""

import argparse
from pathlib import Path

from lnn_controller.cli.arguments import add_policy_argument, add_topic_arguments

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'send a bag through a policy and compare the commands'
EXAMPLE = 'lnn replay out/demo/bag --policy car_lane --out out/replay'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('bag', type=Path, metavar='BAG', help='a rosbag2 folder, a .mcap or a .db3 file')
    add_policy_argument(parser, default='car_lane')
    parser.add_argument(
        '--rate',
        type=float,
        metavar='HZ',
        help='control rate; without it, exactly the ticks of a recorded controller, or 50 Hz of other recordings',
    )
    parser.add_argument(
        '--last', type=float, default=1.0, metavar='SHARE', help='count only this last share of the recording'
    )
    add_topic_arguments(parser)
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for summary.json and a picture of the commands')
    parser.add_argument('--json', action='store_true', help='print JSON to standard output')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.data import Topics
    from lnn_controller.evaluation import draw_commands, replay_bag, replay_table, summarise_replay, to_json, write_json
    from lnn_controller.evaluation.replay import counted_from
    from lnn_controller.policy import Policy

    topics = Topics(image=args.image_topic, imu=args.imu_topic, command=args.command_topic)
    result = replay_bag(args.bag, Policy.load(args.policy), rate_hz=args.rate, topics=topics)
    summary = summarise_replay(result, last=args.last)
    if args.out:
        draw_commands(
            args.out / 'commands.png',
            title=f'{result.policy} on {args.bag} at {result.rate_hz:g} Hz',
            at_s=result.at_s,
            recorded=result.recorded,
            given=result.given,
            channels=result.episode.channels,
            metrics=summary['channels'],
            counted_from_s=counted_from(result, args.last),
        )
        write_json(args.out / 'summary.json', summary)
    print(to_json(summary) if args.json else replay_table(summary))
    return 0
