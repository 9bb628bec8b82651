"""``lnn replay``."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnn_controller.cli.arguments import add_runtime_argument, add_topic_arguments, chosen_topics

if TYPE_CHECKING:
    from lnn_controller.data import Episode
    from lnn_controller.policy import Policy
    from lnn_controller.replay.corruptions import Curves

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'send a bag through a policy and compare the commands'
EXAMPLE = 'lnn replay out/demo/bag --policy car_lane --out out/replay'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('bag', type=Path, metavar='BAG', help='a rosbag2 folder, a .mcap or a .db3 file')
    parser.add_argument(
        '--policy',
        action='append',
        metavar='POLICY',
        help='folder of a policy, or the name of one that ships (car_lane); give it again for another one beside it',
    )
    add_runtime_argument(parser)
    parser.add_argument(
        '--rate',
        type=float,
        metavar='HZ',
        help='control rate; without it, exactly the ticks of a recorded controller, or 50 Hz of other recordings',
    )
    parser.add_argument(
        '--last',
        type=float,
        default=1.0,
        metavar='SHARE',
        help='count only this last share of what has frames and commands',
    )
    parser.add_argument(
        '--sweep',
        action='store_true',
        help='replay it worse and worse, too: noise, blur, brightness, lost frames, IMU bias, control rate',
    )
    add_topic_arguments(parser)
    parser.add_argument(
        '--wheelbase',
        type=float,
        metavar='M',
        help='from axle to axle, m, to read Ackermann commands; without it, as the policy was trained with',
    )
    parser.add_argument(
        '--command-frame',
        choices=('auto', 'world'),
        help='frame of the velocities in Twists and odometries; without it, as the policy was trained with',
    )
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for report.html, commands.png and summary.json')
    parser.add_argument('--json', action='store_true', help='print JSON to standard output')


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from lnn_controller.data import Bag
    from lnn_controller.data.camera import required
    from lnn_controller.data.choice import choose_image
    from lnn_controller.errors import InputError
    from lnn_controller.policy import Policy
    from lnn_controller.replay.bag import replay_side_by_side
    from lnn_controller.replay.result import summarise_replay
    from lnn_controller.report.json import to_json
    from lnn_controller.report.replay_report import ReplayReport, as_json
    from lnn_controller.report.text import replay_table

    policies = [Policy.load(name, runtime=args.runtime) for name in args.policy or ['car_lane']]
    if len({each.spec.channels for each in policies}) > 1:
        each_s = '; '.join(f'{each.spec.name}: {", ".join(each.spec.channels)}' for each in policies)
        raise InputError(f'policies side by side must command the same channels. Got {each_s}')
    topics = chosen_topics(args)
    with Bag(args.bag) as bag:
        frames = required(bag, 'image', choose_image(bag, topics.image)[0]).count
        seconds = round((bag.end_ns - bag.start_ns) * 1e-9, 1) * len(policies)
    shown: dict[str, Any] = {'disable': None, 'leave': False}
    with (
        tqdm(total=frames, desc='read', unit='frame', **shown) as reading,
        tqdm(total=seconds, desc='replay', unit='s', **shown) as bar,
    ):
        results = replay_side_by_side(
            args.bag,
            policies,
            rate_hz=args.rate,
            topics=topics,
            wheelbase_m=args.wheelbase,
            command_frame=args.command_frame,
            reading=reading.update,
            progress=bar.update,
        )
    for note in results[0].episode.notes:
        print(f'warning: {note}', file=sys.stderr)
    reports = [ReplayReport(result, summarise_replay(result, last=args.last)) for result in results]
    if args.sweep:
        reports = [
            replace(report, robustness=_sweep(result.episode, policy))
            for report, result, policy in zip(reports, results, policies, strict=True)
        ]
    if args.out:
        from lnn_controller.explain.moments import worst_moments
        from lnn_controller.report.replay_html import write_report

        reports = [
            replace(report, moments=worst_moments(result, policy, last=args.last))
            for report, result, policy in zip(reports, results, policies, strict=True)
        ]
        write_report(args.out, reports)
    print(to_json(as_json(reports)) if args.json else replay_table(reports))
    return 0


def _sweep(episode: 'Episode', policy: 'Policy') -> 'Curves':
    from tqdm import tqdm

    from lnn_controller.replay.corruptions import SWEEPS, sweep_recording

    replays = sum(len(each.levels) for each in SWEEPS.values())
    with tqdm(total=replays, desc=policy.spec.name, unit='replay', disable=None) as bar:
        return sweep_recording(episode, policy, progress=bar.update)
