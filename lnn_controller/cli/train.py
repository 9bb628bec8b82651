"""``lnn train``."""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lnn_controller.cli.arguments import add_topic_arguments, chosen_topics
from lnn_controller.errors import InputError

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'train a policy from bags'
EXAMPLE = (
    'lnn train out/demos/* --out policies/mine; fine-tune it: '
    'lnn train --init policies/mine overridden_drive --rehearse out/demos --out policies/better'
)


ADVICE = (
    'That may be for too little of it, or commands that the pictures do not tell (lnn info shows them): record more, '
    'other days and directions too, recoveries from mistakes, and steer smoothly, by stick instead of keys.'
)
PARTS = {'validation': 'new, validation', 'test': 'new, test', 'rehearsed': 'old, validation'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from lnn_controller.data.frame_files import DEFAULT_LIMIT_GB
    from lnn_controller.learning import config

    parser.add_argument(
        'bags', nargs='+', type=Path, metavar='BAG', help='bags of demonstrations, or of drives with overrides'
    )
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder of the policy bundle to write')
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint of this --out')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing --out')
    parser.add_argument(
        '--cache-limit',
        type=float,
        default=DEFAULT_LIMIT_GB,
        metavar='GB',
        help='keep frames of the bags for the next run, in ~/.cache/lnn_controller, the newest used up to so many GB '
        'in all; 0: none (default: %(default)g)',
    )
    parser.add_argument('--json', action='store_true', help='print the metrics as JSON')
    add_topic_arguments(parser)
    tuning = parser.add_argument_group('fine-tuning')
    tuning.add_argument(
        '--init',
        metavar='POLICY',
        help='begin with this policy: a folder, or the name of one that ships. What it is stays (cell, sizes, frame, '
        'channels, rates), and the flags below default to what it was trained with, at 0.3 x the learning rates and '
        'half the steps',
    )
    tuning.add_argument(
        '--tune', choices=('all', 'readout'), help='what learns: all weights, or the readout alone (default: all)'
    )
    tuning.add_argument(
        '--rehearse',
        nargs='+',
        type=Path,
        metavar='BAG',
        help='old demonstrations to mix in against forgetting; some are kept, and the old error is reported too',
    )
    config.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from lnn_controller.data.frame_files import FrameCache
    from lnn_controller.learning import config

    for flag, value in (('--tune', args.tune), ('--rehearse', args.rehearse)):
        if value and not args.init:
            raise InputError(f'{flag} goes with a policy to begin with. Got none: name it with --init')
    chosen = config.chosen_from_arguments(args)
    # With a policy to begin with, flags are checked beside what it was trained with.
    settings = None if args.init else config.TrainConfig(**chosen)
    # Only now, so that a wrong flag is answered at once.
    options: dict[str, Any] = {
        'topics': chosen_topics(args),
        'resume': args.resume,
        'overwrite': args.overwrite,
        'cache': FrameCache(args.cache_limit) if args.cache_limit else None,
        'progress': not args.json,
        # Standard output is the JSON's alone.
        'report': partial(print, file=sys.stderr if args.json else sys.stdout),
    }
    if settings is None:
        from lnn_controller.learning.finetune import fine_tune

        options |= {'tune': args.tune or 'all', 'rehearse': args.rehearse or ()}
        result = fine_tune(args.bags, args.out, args.init, chosen, **options)
    else:
        from lnn_controller.learning.train import train

        result = train(args.bags, args.out, settings, **options)
    _compile(result.policy, options['report'])
    if args.json:
        from lnn_controller.report.json import to_json

        print(to_json({'policy': str(result.policy), 'seconds': result.seconds, **result.metrics}))
        return 0
    print('\n' + _table(result.metrics))
    print('\n' + _against_constant(result.metrics))
    print(f'Trained in {result.seconds:.0f} s. Policy: {result.policy} (lnn inspect {result.policy})')
    return 0


def _compile(policy: Path, report: Callable[[str], None]) -> None:
    """Make it C for this machine, where that is possible."""
    from lnn_controller.export.native import compile_policy
    from lnn_controller.libraries import find_compiler
    from lnn_controller.policy.native import clear_cache

    if find_compiler() is None:
        return
    try:
        report(f'Compiled for this machine in {compile_policy(policy).seconds:.0f} s')
    except InputError as error:
        report(f'Not compiled for this machine: {error}')
    clear_cache()


def _table(metrics: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    from lnn_controller.report.text import r2_text

    tuned = any('mae_before' in figures for channels in metrics.values() for figures in channels.values())
    before = f'{"MAE before":>12}' if tuned else ''
    lines = [f'{"part":<18}{"channel":<12}{before}{"MAE":>9}{"R²":>12}{"MAE of a constant":>20}']
    for name, channels in metrics.items():
        for channel, m in channels.items():
            before = f'{m["mae_before"]:>12.4f}' if tuned else ''
            row = f'{m["mae"]:>9.4f}{r2_text(m["r2"]):>12}{m["constant_mae"]:>20.4f}'
            lines.append(f'{PARTS[name] if tuned else name:<18}{channel:<12}{before}{row}')
    return '\n'.join(lines)


def _against_constant(metrics: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return whether anything was learnt, and what to do about it, in a line."""
    from lnn_controller.policy.verdict import judge_metrics

    verdict = judge_metrics(metrics)
    assert verdict is not None, 'a training has figures'
    text = f'{str(verdict)[0].upper()}{str(verdict)[1:]}.'
    return f'{text} {ADVICE}' if verdict.others else text
