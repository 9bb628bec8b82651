"""``lnn evaluate``."""

import argparse
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnn_controller.cli.arguments import add_policy_argument, add_runtime_argument, add_seeds_argument
from lnn_controller.errors import InputError, did_you_mean
from lnn_controller.settings import settings_of

if TYPE_CHECKING:
    from lnn_controller.evaluation.many import Setup
    from lnn_controller.evaluation.trial import Trial
    from lnn_controller.sim import Scenario

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'drive in closed loop in this process, faster than real time'
EXAMPLE = (
    'lnn evaluate --policy car_lane --scene summer winter --track 21 33 47 --seconds 90; '
    'lnn evaluate --robot drone --task fly tight --scene summer winter --seed 5000-5099'
)
OF_A_POLICY = ('policy', 'runtime', 'rate', 'tick_on_frame', 'image_noise', 'drop_frames', 'memory')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_policy_argument(
        parser, help="folder of a policy, or the name of one that ships (default: the robot's, car_lane for a car)"
    )
    add_runtime_argument(parser, None)
    parser.add_argument('--robot', metavar='NAME', help="who drives (default: the policy's robot, else car)")
    parser.add_argument('--task', nargs='+', metavar='NAME', help="what is asked of it (default: the robot's first)")
    parser.add_argument('--scene', nargs='+', metavar='NAME', help="how the world looks (default: the robot's first)")
    add_seeds_argument(
        parser, '--seed', '--track', help='which worlds, for a car roads, such as 21 33 or 5000-5099 (default: one)'
    )
    parser.add_argument('--seconds', type=float, metavar='S', help="how long at most (default: the task's time limit)")
    parser.add_argument('--rate', type=float, metavar='HZ', help='control rate (default: 50)')
    parser.add_argument(
        '--no-tick-on-frame',
        dest='tick_on_frame',
        action='store_const',
        const=False,
        help='ticks at that rate alone: a frame waits for the next, as with tick_on_frame: false on the robot',
    )
    parser.add_argument('--jobs', type=int, metavar='N', help='trials at once (default: as many as there are cores)')
    parser.add_argument(
        '--expert',
        nargs='?',
        const='expert',
        metavar='NAME',
        help='an expert drives, who knows the truth, instead of a policy: the one who demonstrates, or NAME',
    )
    harder = parser.add_argument_group('what makes it harder')
    harder.add_argument(
        '--perturb',
        nargs='+',
        type=_change,
        metavar='NAME=VALUE',
        help='the robot is not as it should be, such as payload_kg=0.2',
    )
    harder.add_argument('--image-noise', type=float, metavar='SIGMA', help='standard deviation of camera noise, of 255')
    harder.add_argument('--drop-frames', type=float, metavar='SHARE', help='share of the frames that are lost')
    harder.add_argument(
        '--no-memory',
        dest='memory',
        action='store_const',
        const=False,
        help="the network's state is wiped at each tick",
    )
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for summary.json and pictures of the paths')
    parser.add_argument('--json', action='store_true', help='print JSON: an object for one trial, a list for several')


def _change(text: str) -> tuple[str, float]:
    name, _, value = text.partition('=')
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f'a perturbation must be NAME=NUMBER. Got {text!r}') from None


def run(args: argparse.Namespace) -> int:
    from lnn_controller.evaluation.trial import summarise
    from lnn_controller.report.drive_plot import draw_path
    from lnn_controller.report.json import to_json, write_json
    from lnn_controller.report.text import trial_card, trials_table

    setups = _setups(args)
    summaries = []
    for trial in _trials(args, setups):
        summaries.append(summarise(trial))
        if args.out:
            draw_path(args.out / ('path.png' if len(setups) == 1 else f'path_{_name(trial)}.png'), trial)
    result = summaries[0] if len(summaries) == 1 else summaries
    if args.out:
        write_json(args.out / 'summary.json', result)
    text = trial_card(summaries[0]) if len(summaries) == 1 else trials_table(summaries)
    print(to_json(result) if args.json else text)
    return 0


def _setups(args: argparse.Namespace) -> 'list[Setup]':
    """What to run; whatever can be known to be wrong is refused before anything runs."""
    from lnn_controller.evaluation.closed_loop import DEFAULT_RATE_HZ
    from lnn_controller.evaluation.conditions import Conditions
    from lnn_controller.evaluation.many import Setup
    from lnn_controller.evaluation.robot import choose_robot
    from lnn_controller.sim.robots import find_robot

    if args.jobs is not None and args.jobs < 1:
        raise InputError(f'--jobs must be at least 1. Got {args.jobs}')
    if args.expert:
        given = [name for name in OF_A_POLICY if getattr(args, name) is not None]
        if given:
            flag = f'--{"no-" if given[0] in ("memory", "tick_on_frame") else ""}{given[0].replace("_", "-")}'
            raise InputError(f'--expert drives without a policy. Got {flag}: leave one out')
    policy = args.policy
    name = choose_robot(args.robot or '', policy or '')
    robot = find_robot(name)
    tasks, scenes = args.task or list(robot.tasks)[:1], args.scene or list(robot.scenes)[:1]
    for each in tasks:
        robot.find_task(each)
    for each in scenes:
        robot.find_scene(each)
    if args.expert:
        robot.find_expert(args.expert)
    chosen = {key: getattr(args, key) for key in ('image_noise', 'drop_frames', 'memory')}
    common: dict[str, Any] = {
        'robot': name,
        'policy': '' if args.expert else policy or robot.policy,
        'runtime': args.runtime or 'auto',
        'expert': args.expert or '',
        'seconds': args.seconds,
        'rate_hz': DEFAULT_RATE_HZ if args.rate is None else args.rate,
        'tick_on_frame': args.tick_on_frame is None,
        'scenario': _scenario(name, robot.perturbation, dict(args.perturb)) if args.perturb else None,
        'conditions': Conditions(**{key: value for key, value in chosen.items() if value is not None}),
    }
    seeds = list(chain.from_iterable(args.seeds or [[robot.seed]]))
    # Each once: a trial that is named twice is the same trial, and would count twice.
    places = dict.fromkeys(product(tasks, scenes, seeds))
    return [Setup(task=task, scene=scene, seed=seed, **common) for task, scene, seed in places]


def _scenario(robot: str, kind: type | None, changes: dict[str, float]) -> 'Scenario':
    from lnn_controller.sim.perturbation import Scenario

    if kind is None:
        raise InputError(f'--perturb must be for a robot that can be perturbed. Got the {robot}')
    known = settings_of(kind)
    for name in changes:
        if name not in known:
            guess = did_you_mean(name, known)
            raise InputError(
                f'--perturb must name one of {", ".join(known)}. Got {name!r}{f": {guess}" if guess else ""}'
            )
    return Scenario(((0.0, kind(**changes)),), kind())


def _trials(args: argparse.Namespace, setups: 'list[Setup]') -> 'Iterator[Trial]':
    """Run them with a progress bar: of seconds for one, of trials for several."""
    from tqdm import tqdm

    from lnn_controller.evaluation.many import run_setup, run_setups
    from lnn_controller.parallel import cores

    hidden: dict[str, Any] = {'disable': args.json or None, 'leave': False}
    if len(setups) == 1:
        with tqdm(total=args.seconds or _time_limit_s(setups[0]), unit='s', desc='drive', **hidden) as bar:
            yield run_setup(setups[0], bar.update)
        return
    yield from tqdm(run_setups(setups, jobs=args.jobs or cores()), total=len(setups), unit='trial', **hidden)


def _time_limit_s(setup: 'Setup') -> float:
    from lnn_controller.sim.robots import find_robot

    task = find_robot(setup.robot).begin(setup.task, setup.seed, setup.scene, render=False)
    with closing(task.world):
        return task.time_limit_s


def _name(trial: 'Trial') -> str:
    return f'{"" if trial.task == "lane" else f"{trial.task}_"}{trial.scene}_{trial.seed:03d}'
