"""``lnn study``."""

import argparse
import shlex
import sys
from pathlib import Path

from lnn_controller.cli.arguments import add_seeds_argument
from lnn_controller.errors import InputError
from lnn_controller.studies.registry import COMPARISONS, EXPERIMENTS

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'run a study: cells, memory, online adaptation; resumable'
EXAMPLE = (
    'lnn study cells --seeds 0 1 2 3 4 --encoders car_lane car_lane_gru --jobs 2 --out out/studies; '
    'lnn study memory --drives lane=car_lane hidden=drone_forest --worlds 3000-3019 --out out/studies; '
    'lnn study adaptation --experiments worn-steering new-driver --policies car_lane --out out/studies'
)
# What each study takes; the rest is its own business.
TAKES = {
    'cells': ('cells', 'seeds', 'encoders', 'scenes', 'roads', 'faults', 'seconds', 'steps', 'learning_rates'),
    'memory': ('drives', 'worlds'),
    'adaptation': ('experiments', 'policies', 'seeds', 'bag', 'bag_policy'),
}
WORLDS = [list(range(3000, 3020))]
LONGEST_S = 86_400  # a day


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listed = '; '.join(f'{name}: {study.summary}' for name, study in COMPARISONS.items())
    parser.add_argument('study', choices=COMPARISONS, metavar='STUDY', help=listed)
    _add_cells(parser.add_argument_group('of cells'))
    _add_memory(parser.add_argument_group('of memory'))
    _add_adaptation(parser.add_argument_group('of adaptation'))
    parser.add_argument(
        '--seeds',
        type=int,
        nargs='+',
        default=[0, 1, 2, 3, 4],
        metavar='N',
        help='of training (cells), of roads and flights (adaptation)',
    )
    parser.add_argument('--jobs', type=int, default=1, metavar='N', help='processes')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('out/studies'),
        metavar='DIR',
        help='folder of STUDY.json and STUDY.md; what STUDY.json has is not run again; several machines may share it',
    )


def _add_cells(cells: argparse._ArgumentGroup) -> None:
    cells.add_argument('--cells', nargs='+', metavar='CELL', help='labels of cells (default: all)')
    cells.add_argument(
        '--encoders',
        nargs='+',
        default=['car_lane'],
        metavar='POLICY',
        help='policies whose encoder is taken as it is; joint: encoder and cell learn together, from nothing',
    )
    cells.add_argument('--scenes', nargs='+', default=['summer', 'winter'], metavar='SCENE', help='to drive in')
    cells.add_argument('--roads', type=int, nargs='+', default=[21, 47, 64], metavar='N', help='seeds of the worlds')
    cells.add_argument(
        '--faults',
        nargs='+',
        default=['none'],
        metavar='FAULT',
        help='none, noise, frames_lost, imu_bias, rate_5, rate_100 (Hz)',
    )
    cells.add_argument('--seconds', type=float, default=15.0, metavar='S', help='of each drive')
    cells.add_argument('--steps', type=int, default=300, metavar='N', help='of the optimiser')
    cells.add_argument(
        '--learning-rates',
        type=float,
        nargs='+',
        metavar='RATE',
        help="of the cell, each tried; the one of the least validation error drives (default: the recipe's alone)",
    )


def _add_memory(memory: argparse._ArgumentGroup) -> None:
    memory.add_argument(
        '--drives',
        nargs='+',
        default=['lane=car_lane', 'hidden=drone_forest'],
        metavar='TASK=POLICY',
        help='what is asked, and of whom',
    )
    add_seeds_argument(
        memory, '--worlds', dest='worlds', default=WORLDS, help='seeds of the worlds (default: 3000-3019)'
    )


def _add_adaptation(adaptation: argparse._ArgumentGroup) -> None:
    experiments = '; '.join(f'{name}: {summary}' for name, summary in EXPERIMENTS.items())
    adaptation.add_argument(
        '--experiments',
        nargs='+',
        choices=EXPERIMENTS,
        default=list(EXPERIMENTS),
        metavar='EXPERIMENT',
        help=f'{experiments} (default: all)',
    )
    adaptation.add_argument(
        '--policies', nargs='+', default=['car_lane'], metavar='POLICY', help='that drive on the roads'
    )
    adaptation.add_argument('--bag', type=Path, metavar='BAG', help="for recording: another bag than the real car's")
    adaptation.add_argument(
        '--bag-policy', default='real_car', metavar='POLICY', help='for recording: that predicts its commands'
    )


def run(args: argparse.Namespace) -> int:
    from lnn_controller.studies.runner import read_rows, run_conditions

    if args.jobs < 1 or args.steps < 1 or min(args.seeds) < 0:
        raise InputError('--jobs and --steps must be at least 1, --seeds at least 0. Got a smaller number')
    if min(args.roads) < 0 or not 0 < args.seconds <= LONGEST_S:
        raise InputError(f'--roads must be at least 0, --seconds above 0 and at most {LONGEST_S}. Got another number')
    if any(not 0 < rate <= 1 for rate in args.learning_rates or ()):
        raise InputError('--learning-rates must be above 0 and at most 1. Got another number')
    study = COMPARISONS[args.study].load()
    conditions = study.conditions(**{name: getattr(args, name) for name in TAKES[args.study]})
    path = args.out / f'{args.study}.json'
    before = [row for row in read_rows(path) if row['condition'] in conditions]
    for row in before:
        if not study.fits(row):
            which = ' '.join(f'{key} {row["condition"][key]}' for key in study.NAMED if key in row['condition'])
            msg = f'{path}: a result must be what this study writes, with every figure. Got another of {which}'
            raise InputError(f'{msg}: take that row out, and it is run again')
    done = [row['condition'] for row in before]
    missing = sum(each not in done for each in conditions)
    print(f'{len(conditions) - missing} of {len(conditions)} are in {path}', file=sys.stderr)
    for number, row in enumerate(run_conditions(study.run, conditions, path, jobs=args.jobs), start=1):
        which = ' '.join(str(row['condition'][key]) for key in study.NAMED if key in row['condition'])
        print(f'{number} of {missing}: {which}', file=sys.stderr, flush=True)
    found = read_rows(path)  # in the order of the conditions: whoever was first, the page is the same
    rows = [row for each in conditions for row in found if row['condition'] == each]
    text = study.page(rows, _command(args))
    (args.out / f'{args.study}.md').write_text(text, encoding='utf-8')
    if hasattr(study, 'draw'):
        study.draw(rows, args.out / f'{args.study}.png')
    print(text)
    return 0


def _command(args: argparse.Namespace) -> str:
    words = ['lnn', 'study', args.study]
    for name in (*TAKES[args.study], 'out'):
        value = getattr(args, name)
        if name == 'worlds':
            value = [str(each[0]) if len(each) == 1 else f'{each[0]}-{each[-1]}' for each in value]
        if value is not None:
            words += [f'--{name.replace("_", "-")}', *(map(str, value) if isinstance(value, list) else [str(value)])]
    return shlex.join(words)
