"""``lnn collect``."""

import argparse
import sys
from pathlib import Path

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'record demonstrations by the expert as bags'
EXAMPLE = 'lnn collect --out out/demos --tracks 1 2 3 --seconds 120'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for the bags')
    parser.add_argument('--tracks', type=int, nargs='+', default=[1, 2, 3], metavar='SEED', help='which roads')
    parser.add_argument('--scene', default='summer', metavar='NAME', help='how the world looks: summer, winter')
    parser.add_argument('--seconds', type=float, default=60.0, metavar='S', help='how long on each road')
    parser.add_argument('--seed', type=int, default=0, help='of starts, disturbances and scenery')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.sim.collect import collect

    bags = collect(
        args.out,
        seeds=args.tracks,
        scene=args.scene,
        seconds=args.seconds,
        seed=args.seed,
        progress=sys.stderr.isatty(),
    )
    print(f'{len(bags)} bags in {args.out}')
    return 0
