"""``lnn inspect``."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lnn_controller.errors import InputError

if TYPE_CHECKING:
    from lnn_controller.explain.inspection import Inspection

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = "print a policy's card; --report: look into it"
EXAMPLE = 'lnn inspect car_lane; lnn inspect car_lane --report --out out/inspect'
LANE_S = 12.0  # its own limit is a minute, and there is a drive for each lesion
OF_A_DRIVE = ('task', 'scene', 'jobs')
OF_A_REPORT = ('out', 'bag', *OF_A_DRIVE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'what',
        metavar='POLICY',
        help='folder of a policy, or the name of one that ships',
    )
    report = parser.add_argument_group('a look into a policy')
    report.add_argument(
        '--report',
        action='store_true',
        help='write a page: neurons, wiring, what lesions do, memory, attention; by drives in simulation (minutes)',
    )
    report.add_argument('--out', type=Path, metavar='DIR', help='folder of inspect.html (default: out/inspect)')
    report.add_argument('--bag', type=Path, metavar='BAG', help='look at it in this recording, open loop')
    report.add_argument('--task', metavar='NAME', help="what is asked of it (default: the robot's first)")
    report.add_argument('--scene', metavar='NAME', help='how the world looks (default: winter)')
    report.add_argument('--jobs', type=int, metavar='N', help='drives at once (default: as many as there are cores)')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.data.bags.storage import is_bag
    from lnn_controller.policy import describe, find_policy, read_spec
    from lnn_controller.policy.native import native_state

    if is_bag(Path(args.what)):
        raise InputError(f'a policy is needed. Got a bag, which lnn info looks through: lnn info {args.what}')
    if not args.report and (given := [name for name in OF_A_REPORT if getattr(args, name) is not None]):
        raise InputError(f'--{given[0]} goes with --report. Got it alone: add --report')
    path = find_policy(args.what)
    if args.report:
        return _report(path, args)
    spec = read_spec(path)
    print(describe(spec, path, native=native_state(spec)), end='')
    return 0


def _report(path: Path, args: argparse.Namespace) -> int:
    from lnn_controller.explain.inspection import inspect_recording
    from lnn_controller.report.inspect_html import findings, write_inspection

    if args.bag and (given := [name for name in OF_A_DRIVE if getattr(args, name) is not None]):
        raise InputError(f'--{given[0]} goes with drives in simulation. Got it with --bag: leave one out')
    if args.jobs is not None and args.jobs < 1:
        raise InputError(f'--jobs must be at least 1. Got {args.jobs}')
    found = inspect_recording(path, args.bag) if args.bag else _drive(path, args)
    page = write_inspection(args.out or Path('out/inspect'), found)
    print('\n'.join(findings(found)))
    print(page)
    return 0


def _drive(path: Path, args: argparse.Namespace) -> 'Inspection':
    from tqdm import tqdm

    from lnn_controller.evaluation.many import Setup
    from lnn_controller.evaluation.robot import choose_robot
    from lnn_controller.explain.inspection import inspect_drive
    from lnn_controller.parallel import cores
    from lnn_controller.sim.robots import find_robot

    name = choose_robot('', str(path))
    robot = find_robot(name)
    task = args.task or next(iter(robot.tasks))
    robot.find_task(task)
    setup = Setup(
        robot=name,
        task=task,
        scene=robot.find_scene(args.scene or 'winter'),
        seed=robot.seed,
        seconds=LANE_S if task == 'lane' else None,
    )
    with tqdm(total=100, unit='%', disable=None, leave=False) as bar:
        return inspect_drive(
            path, setup, jobs=args.jobs or cores(), progress=lambda share: bar.update(100 * share - bar.n)
        )
