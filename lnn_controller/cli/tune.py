"""``lnn tune``."""

import argparse
import re
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING

from lnn_controller.cli.arguments import add_seeds_argument, add_topic_arguments, chosen_topics
from lnn_controller.errors import InputError

if TYPE_CHECKING:
    from lnn_controller.evaluation.many import Setup

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'search for a better recipe: many short trainings, the bad ones stopped early; resumable'
EXAMPLE = (
    'lnn tune out/demos --config config/train.yaml --space config/space.yaml --trials 40 --budget 90m --jobs 2 '
    '--out out/tune; lnn train out/demos --config out/tune/train.yaml --out policies/mine'
)
OF_DRIVES = ('robot', 'task', 'scene', 'seeds', 'seconds')
SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from lnn_controller.data.frame_files import DEFAULT_LIMIT_GB

    parser.add_argument('bags', nargs='+', type=Path, metavar='BAG', help='bags of demonstrations, as of lnn train')
    parser.add_argument(
        '--config', type=Path, metavar='YAML', help='the recipe as it is: the first trial, and what is not searched'
    )
    parser.add_argument(
        '--space',
        type=Path,
        required=True,
        metavar='YAML',
        help='what is searched: keys of the config, each with {low, high, log} or a list of choices',
    )
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder of the search, for its report')
    parser.add_argument('--trials', type=int, default=40, metavar='N', help='trials at most, the first one included')
    parser.add_argument(
        '--budget', type=_seconds, default='90m', metavar='TIME', help='time at most, such as 45s, 90m or 1h30m'
    )
    parser.add_argument('--jobs', type=int, default=1, metavar='N', help='trials at once')
    parser.add_argument('--resume', action='store_true', help='go on with the search in this --out, or join in')
    parser.add_argument(
        '--cache-limit',
        type=float,
        default=DEFAULT_LIMIT_GB,
        metavar='GB',
        help='as of lnn train: frames that the next trial need not decode again',
    )
    add_topic_arguments(parser)
    drives = parser.add_argument_group('what trials are compared by')
    drives.add_argument(
        '--metric',
        choices=('validation', 'drive'),
        default='validation',
        help='the loss on what is not trained on; or drives in simulation: rms distance from the lane centre, or the '
        'share of trials without success',
    )
    drives.add_argument('--robot', metavar='NAME', help='with drive: who drives (default: car)')
    drives.add_argument(
        '--task', nargs='+', metavar='NAME', help="with drive: what is asked (default: the robot's first)"
    )
    drives.add_argument(
        '--scene', nargs='+', metavar='NAME', help="with drive: how the world looks (default: the robot's first)"
    )
    add_seeds_argument(drives, '--seed', '--track', help='with drive: which worlds (default: one)')
    drives.add_argument(
        '--seconds', type=float, metavar='S', help="with drive: how long at most (default: the task's time limit)"
    )


def _seconds(text: str) -> float:
    match = re.fullmatch(r'(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?', text)
    hours, minutes, seconds = (int(each or 0) for each in match.groups()) if match else (0, 0, 0)
    total = 3600.0 * hours + 60.0 * minutes + seconds
    if not total:
        raise argparse.ArgumentTypeError(f'a time must be such as 45s, 90m or 1h30m. Got {text!r}')
    return total


def run(args: argparse.Namespace) -> int:
    for name in ('trials', 'jobs'):
        if getattr(args, name) < 1:
            raise InputError(f'--{name} must be at least 1. Got {getattr(args, name)}')
    given = [name for name in OF_DRIVES if getattr(args, name) is not None]
    if given and args.metric != 'drive':
        raise InputError(
            f'--{given[0].removesuffix("s") if given[0] == "seeds" else given[0]} is of drives: add --metric drive'
        )
    import optuna  # noqa: F401  # before PyTorch, which takes seconds: who has not installed it is told at once

    from lnn_controller.learning.config import TrainConfig, read_yaml
    from lnn_controller.report.tune_html import tune_findings, tune_table, write_tuning
    from lnn_controller.tuning.search import run_search
    from lnn_controller.tuning.space import read_space
    from lnn_controller.tuning.trial import Search

    base = read_yaml(args.config) if args.config else {}
    TrainConfig(**base)
    search = Search(
        bags=tuple(args.bags),
        space=read_space(args.space, base, by_validation=args.metric == 'validation'),
        trials=args.trials,
        drives=tuple(_drives(args)) if args.metric == 'drive' else (),
        topics=chosen_topics(args),
        cache_gb=args.cache_limit,
    )
    found = run_search(search, args.out, jobs=args.jobs, budget_s=args.budget, resume=args.resume)
    page = write_tuning(args.out, found, _asked(search.drives))
    print('\n' + tune_table(found, SHOWN) + '\n')
    print('\n'.join(tune_findings(found)))
    print(f'Report: {page}. Train it: lnn train … --config {args.out / "train.yaml"}')
    return 0


def _drives(args: argparse.Namespace) -> 'list[Setup]':
    """The drives that a policy is judged by; what can be known to be wrong is refused before anything is trained."""
    from lnn_controller.evaluation.many import Setup
    from lnn_controller.sim.robots import find_robot

    name = args.robot or 'car'
    robot = find_robot(name)
    tasks, scenes = args.task or list(robot.tasks)[:1], args.scene or list(robot.scenes)[:1]
    for task in tasks:
        robot.find_task(task)
    for scene in scenes:
        robot.find_scene(scene)
    if args.seconds is not None and not 1.0 <= args.seconds <= 86400.0:
        raise InputError(f'--seconds must be from 1 to 86400 s. Got {args.seconds:g}')
    seeds = list(chain.from_iterable(args.seeds or [[robot.seed]]))
    places = dict.fromkeys(product(tasks, scenes, seeds))
    return [
        Setup(robot=name, task=task, scene=scene, seed=seed, seconds=args.seconds, runtime='onnx')
        for task, scene, seed in places
    ]


def _asked(drives: 'tuple[Setup, ...]') -> str:
    if not drives:
        return ''
    tasks, scenes = (', '.join(dict.fromkeys(getattr(each, name) for each in drives)) for name in ('task', 'scene'))
    seeds = ', '.join(dict.fromkeys(str(each.seed) for each in drives))
    figure = 'rms distance from the lane centre, m' if drives[0].task == 'lane' else 'share of trials without success'
    return f'{figure}: {drives[0].robot}, {tasks}, {scenes}, worlds {seeds}'
