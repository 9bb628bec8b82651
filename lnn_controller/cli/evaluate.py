"""``lnn evaluate``."""

import argparse
from pathlib import Path

from lnn_controller.cli.arguments import add_policy_argument

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'drive in closed loop in this process, faster than real time'
EXAMPLE = 'lnn evaluate --policy car_lane --scene summer winter --track 21 33 47 --seconds 90'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_policy_argument(parser, default='car_lane')
    parser.add_argument('--scene', nargs='+', default=['summer'], metavar='NAME', help='how the world looks')
    parser.add_argument('--track', type=int, nargs='+', default=[21], metavar='SEED', help='which roads')
    parser.add_argument('--seconds', type=float, default=60.0, metavar='S', help='how long on each')
    parser.add_argument('--rate', type=float, default=50.0, metavar='HZ', help='control rate')
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for summary.json and pictures of the paths')
    parser.add_argument('--json', action='store_true', help='print JSON: an object for one drive, a list for several')


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from lnn_controller.evaluation.closed_loop import run_trial
    from lnn_controller.evaluation.trial import summarise
    from lnn_controller.policy import Policy
    from lnn_controller.report.drive_plot import draw_path
    from lnn_controller.report.json import to_json, write_json
    from lnn_controller.report.text import drive_card, drives_table
    from lnn_controller.sim.render.scenes import find_scene

    policy = Policy.load(args.policy)
    drives = [(find_scene(scene).name, track) for scene in args.scene for track in args.track]
    summaries = []
    with tqdm(total=args.seconds * len(drives), unit='s', desc='drive', disable=args.json or None, leave=False) as bar:
        for scene, track in drives:
            trial = run_trial(
                policy, seed=track, scene=scene, seconds=args.seconds, rate_hz=args.rate, progress=bar.update
            )
            summaries.append(summarise(trial))
            if args.out:
                draw_path(args.out / ('path.png' if len(drives) == 1 else f'path_{scene}_{track:03d}.png'), trial)
    result = summaries[0] if len(summaries) == 1 else summaries
    if args.out:
        write_json(args.out / 'summary.json', result)
    text = drive_card(summaries[0]) if len(summaries) == 1 else drives_table(summaries)
    print(to_json(result) if args.json else text)
    return 0
