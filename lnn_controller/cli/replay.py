"""``lnn replay``."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lnn_controller.cli.arguments import add_replay_arguments, replayed

if TYPE_CHECKING:
    from lnn_controller.data import Episode
    from lnn_controller.policy import Policy
    from lnn_controller.replay.corruptions import Curves

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'send a bag through a policy and compare the commands'
EXAMPLE = 'lnn replay out/demo/bag --policy car_lane --out out/replay'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('bag', type=Path, metavar='BAG', help='a rosbag2 folder, a .mcap or a .db3 file')
    add_replay_arguments(parser)
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
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for report.html, commands.png and summary.json')
    parser.add_argument('--json', action='store_true', help='print JSON to standard output')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.replay.result import summarise_replay
    from lnn_controller.report.json import to_json
    from lnn_controller.report.replay_report import ReplayReport, as_json
    from lnn_controller.report.text import replay_table

    policies, results = replayed(args)
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
