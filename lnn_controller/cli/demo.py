"""``lnn demo``."""

import argparse
import signal
from pathlib import Path
from types import FrameType

from lnn_controller.cli.arguments import add_policy_argument, add_runtime_argument

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'drive a simulated robot over ROS 2, and film it'
EXAMPLE = 'lnn demo --scene winter'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_policy_argument(parser, default='')
    add_runtime_argument(parser)
    parser.add_argument('--robot', default='', metavar='NAME', help="car or drone (default: the policy's, or the car)")
    parser.add_argument(
        '--task',
        default='',
        metavar='NAME',
        help='of a car: lane, sign, cue, dark, slow; of a drone: fly, tight, hop, follow, hidden',
    )
    parser.add_argument(
        '--scene',
        default='summer',
        metavar='NAME',
        help='how the world looks: summer, winter; of a car also night, rain …; of a drone autumn, urban, dusk',
    )
    parser.add_argument(
        *('--seed', '--track'), type=int, metavar='SEED', help='which world: road, forest, town (default: one held out)'
    )
    parser.add_argument('--seconds', type=float, metavar='S', help="how long at most (default: the task's time)")
    parser.add_argument('--rate', type=float, default=50.0, metavar='HZ', help='control rate')
    parser.add_argument('--out', type=Path, default=Path('out/demo'), metavar='DIR', help='folder for the results')
    parser.add_argument(
        '--camera-fault',
        type=float,
        nargs='?',
        const=20.0,
        metavar='S',
        help='after S seconds (20 unless given) the camera fails for two: see the robot stop and go on',
    )
    parser.add_argument(
        '--view',
        type=int,
        nargs='?',
        const=9090,
        metavar='PORT',
        help='show it in the browser meanwhile, as lnn view does, at this port (9090 unless given)',
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
        runtime=args.runtime,
        robot=args.robot,
        task=args.task,
        scene=args.scene,
        seed=args.seed,
        seconds=args.seconds,
        out=args.out,
        control_rate_hz=args.rate,
        video=not args.no_video,
        camera_fault_s=args.camera_fault,
        view=args.view,
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
