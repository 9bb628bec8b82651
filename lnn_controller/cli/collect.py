"""``lnn collect``."""

import argparse
import sys
from itertools import chain
from pathlib import Path

from lnn_controller.cli.arguments import add_seeds_argument

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'record demonstrations by the expert as bags'
EXAMPLE = 'lnn collect --out out/demos --tracks 1 2 3 --seconds 120'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for the bags')
    parser.add_argument('--robot', default='car', metavar='NAME', help='who demonstrates: car, drone')
    parser.add_argument('--task', nargs='+', metavar='NAME', help="what is demonstrated (default: the robot's first)")
    add_seeds_argument(
        parser, '--seeds', '--tracks', default=[[1, 2, 3]], help='which worlds, for a car roads, such as 1 2 10-19'
    )
    parser.add_argument('--scene', metavar='NAME', help="how the world looks (default: the robot's first)")
    parser.add_argument('--seconds', type=float, default=60.0, metavar='S', help='how long of each task in each world')
    parser.add_argument('--seed', type=int, default=0, help='of starts, disturbances and scenery')
    parser.add_argument(
        '--no-disturbances', action='store_true', help='the expert is not led astray: no recovery is demonstrated'
    )
    parser.add_argument('--jobs', type=int, metavar='N', help='worlds at once (default: as many as there are cores)')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.errors import InputError
    from lnn_controller.parallel import cores
    from lnn_controller.sim.collect import collect
    from lnn_controller.sim.robots import find_robot

    if args.jobs is not None and args.jobs < 1:
        raise InputError(f'--jobs must be at least 1. Got {args.jobs}')
    robot = find_robot(args.robot)
    bags = collect(
        args.out,
        seeds=list(chain.from_iterable(args.seeds)),
        robot=args.robot,
        tasks=args.task or [next(iter(robot.tasks))],
        scene=args.scene or next(iter(robot.scenes)),
        seconds=args.seconds,
        seed=args.seed,
        disturbed=not args.no_disturbances,
        jobs=args.jobs or cores(),
        progress=sys.stderr.isatty(),
    )
    print(f'{len(bags)} bags in {args.out}')
    return 0
