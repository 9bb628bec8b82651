"""``lnn demo``."""

import argparse
import signal
from pathlib import Path
from types import FrameType

from lnn_controller.cli.arguments import add_policy_argument

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'drive the simulated car over ROS 2, and film it'
EXAMPLE = 'lnn demo --scene winter'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_policy_argument(parser, default='car_lane')
    parser.add_argument('--scene', default='summer', metavar='NAME', help='how the world looks: summer, winter')
    parser.add_argument('--track', type=int, default=21, metavar='SEED', help='which road')
    parser.add_argument('--seconds', type=float, default=60.0, metavar='S', help='how long to drive')
    parser.add_argument('--rate', type=float, default=50.0, metavar='HZ', help='control rate')
    parser.add_argument('--out', type=Path, default=Path('out/demo'), metavar='DIR', help='folder for the results')
    parser.add_argument(
        '--camera-fault',
        type=float,
        nargs='?',
        const=20.0,
        metavar='S',
        help='after S seconds (20 unless given) the camera fails for two: see the car stop and drive on',
    )
    parser.add_argument('--no-video', action='store_true', help='leave the video out')
    parser.add_argument('--json', action='store_true', help='print the summary as JSON to standard output')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.live.demo import Demo, run_demo
    from lnn_controller.nodes.common.environment import check_environment
    from lnn_controller.report.json import to_json
    from lnn_controller.report.text import trial_card

    check_environment()
    demo = Demo(
        policy=args.policy,
        scene=args.scene,
        track=args.track,
        seconds=args.seconds,
        out=args.out,
        control_rate_hz=args.rate,
        video=not args.no_video,
        camera_fault_s=args.camera_fault,
    )
    # A closed terminal or a supervisor's SIGTERM ends the demo as orderly as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    summary = run_demo(demo)
    if args.json:
        print(to_json(summary))
        return 0
    print(trial_card(summary))
    made = [file for file in ('summary.json', 'path.png', 'demo.mp4', 'bag') if (args.out / file).exists()]
    print(f'\nin {args.out}: {", ".join(made)}')
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
