"""``lnn adapt``."""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lnn_controller.cli.arguments import add_policy_argument, add_runtime_argument
from lnn_controller.errors import InputError
from lnn_controller.studies.registry import STUDIES, Study

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'run an experiment in online adaptation'
EXAMPLE = 'lnn adapt worn-steering --seed 0 1'
Shown = tuple[str, Mapping[str, Any], Callable[[Path], Path]]  # text, figures, and what draws a picture
SEEDS = [0, 1, 2, 3, 4]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listed = '; '.join(f'{name}: {study.summary}' for name, study in STUDIES.items())
    parser.add_argument('experiment', choices=STUDIES, metavar='EXPERIMENT', help=listed)
    add_policy_argument(parser)
    add_runtime_argument(parser)
    parser.add_argument('--seed', type=int, nargs='+', default=SEEDS, metavar='N', help='which roads')
    parser.add_argument('--bag', type=Path, metavar='BAG', help="for recording: another bag than the real car's")
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for summary.json and a picture')
    parser.add_argument('--json', action='store_true', help='print JSON to standard output')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.report.json import to_json, write_json

    if any(seed < 0 for seed in args.seed):
        raise InputError(f'--seed must be numbers of at least 0. Got {" ".join(map(str, args.seed))}')

    def progress(what: str) -> None:
        if sys.stderr.isatty():
            print(f'\r\x1b[K{args.experiment}: {what}', end='', file=sys.stderr, flush=True)

    study = STUDIES[args.experiment]
    text, summary, draw = (_replayed if study.reads_bag else _on_the_road)(study, args, progress)
    if sys.stderr.isatty():
        print('\r\x1b[K', end='', file=sys.stderr)
    if args.out:
        write_json(args.out / 'summary.json', summary)
        draw(args.out / f'{args.experiment}.png')
    print(to_json(summary) if args.json else text)
    return 0


def _on_the_road(study: Study, args: argparse.Namespace, progress: Callable[[str], None]) -> Shown:
    from lnn_controller.policy import Policy
    from lnn_controller.studies.adaptation.plots import draw
    from lnn_controller.studies.adaptation.result import table

    policy = Policy.load(args.policy or study.policy, runtime=args.runtime)
    result = study.load().run(policy, args.seed, progress)
    return table(result.summary), result.summary, partial(draw, result)


def _replayed(study: Study, args: argparse.Namespace, progress: Callable[[str], None]) -> Shown:
    from lnn_controller.policy import Policy
    from lnn_controller.share import find_share

    progress('replaying')
    module, bag = study.load(), args.bag or find_share('bags/real_car/metadata.yaml').parent
    result = module.run(Policy.load(args.policy or study.policy, runtime=args.runtime), bag)
    return module.table(result.summary), result.summary, partial(module.draw, result)
