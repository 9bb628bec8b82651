"""``lnn study``."""

import argparse
import shlex
import sys
from pathlib import Path

from lnn_controller.errors import InputError
from lnn_controller.studies.registry import COMPARISONS

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'compare, over seeds, what can be trained: resumable'
EXAMPLE = 'lnn study cells --seeds 0 1 2 3 4 --encoders car_lane car_lane_gru --jobs 2 --out out/studies'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listed = '; '.join(f'{name}: {study.summary}' for name, study in COMPARISONS.items())
    parser.add_argument('study', choices=COMPARISONS, metavar='STUDY', help=listed)
    parser.add_argument('--cells', nargs='+', metavar='CELL', help='labels of cells (default: all)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2, 3, 4], metavar='N', help='of training')
    parser.add_argument(
        '--encoders', nargs='+', default=['car_lane'], metavar='POLICY', help='policies whose encoder is taken'
    )
    parser.add_argument('--scenes', nargs='+', default=['summer', 'winter'], metavar='SCENE', help='to drive in')
    parser.add_argument('--roads', type=int, nargs='+', default=[21, 47, 64], metavar='N', help='seeds of the worlds')
    parser.add_argument('--faults', nargs='+', default=['none'], metavar='FAULT', help='none, noise, frames_lost')
    parser.add_argument('--seconds', type=float, default=15.0, metavar='S', help='of each drive')
    parser.add_argument('--steps', type=int, default=300, metavar='N', help='of the optimiser')
    parser.add_argument('--jobs', type=int, default=1, metavar='N', help='processes')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('out/studies'),
        metavar='DIR',
        help='folder of STUDY.json and STUDY.md; what STUDY.json has is not run again',
    )


def run(args: argparse.Namespace) -> int:
    from lnn_controller.studies.runner import read_rows, run_conditions

    if args.jobs < 1 or args.steps < 1 or min(args.seeds) < 0:
        raise InputError('--jobs and --steps must be at least 1, --seeds at least 0. Got a smaller number')
    study = COMPARISONS[args.study].load()
    conditions = study.conditions(
        cells=args.cells,
        seeds=args.seeds,
        encoders=args.encoders,
        scenes=args.scenes,
        roads=args.roads,
        faults=args.faults,
        seconds=args.seconds,
        steps=args.steps,
    )
    path = args.out / f'{args.study}.json'
    done = [row['condition'] for row in read_rows(path)]
    missing = sum(each not in done for each in conditions)
    print(f'{len(conditions) - missing} of {len(conditions)} are in {path}', file=sys.stderr)
    for number, row in enumerate(run_conditions(study.run, conditions, path, jobs=args.jobs), start=1):
        which = ' '.join(str(row['condition'][key]) for key in ('encoder', 'cell', 'seed'))
        print(f'{number} of {missing}: {which}', file=sys.stderr, flush=True)
    rows = [row for row in read_rows(path) if row['condition'] in conditions]
    text = study.page(rows, _command(args))
    (args.out / f'{args.study}.md').write_text(text, encoding='utf-8')
    print(text)
    return 0


def _command(args: argparse.Namespace) -> str:
    words = ['lnn', 'study', args.study]
    for name in ('cells', 'seeds', 'encoders', 'scenes', 'roads', 'faults', 'seconds', 'steps', 'out'):
        value = getattr(args, name)
        if value is not None:
            words += [f'--{name}', *(map(str, value) if isinstance(value, list) else [str(value)])]
    return shlex.join(words)
