"""The ``lnn`` command: each subcommand reads its flags, calls one function of the package, and prints what came out."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from lnn_controller import __version__
from lnn_controller.errors import InputError

__all__ = ['main']

USER_ERROR, INTERRUPTED = 2, 130
# What to do about a library that is missing, by its import name.
HOW = {
    'sim': "pip install 'lnn_controller[sim]'",
    'train': "pip install 'lnn_controller[train]'",
    'ros': "source a ROS 2 installation, or: pip install 'lnn_controller[ros]'",
    'core': 'pip install lnn_controller',
}
LIBRARIES = {
    'sim': ('mujoco', 'matplotlib', 'PIL', 'av'),
    'train': ('torch', 'lightning', 'safetensors', 'onnx', 'onnxscript', 'tensorboard'),
    'ros': (
        'rclpy',
        'nav_msgs',
        'sensor_msgs',
        'geometry_msgs',
        'std_msgs',
        'diagnostic_msgs',
        'rosgraph_msgs',
        'rich',
    ),
    'core': ('onnxruntime', 'rosbags', 'numpy', 'cv2', 'tqdm', 'yaml'),
}
EXTRAS = {library: HOW[extra] for extra, libraries in LIBRARIES.items() for library in libraries}
EXAMPLES = """\
examples:
  lnn demo                                             watch the shipped policy drive, over ROS 2
  lnn demo --scene winter
  lnn collect --out out/demos --tracks 1 2 3           record demonstrations by the expert
  lnn train out/demos/* --out policies/mine            train a policy from bags
  lnn evaluate --policy policies/mine --track 21 33    drive in closed loop, faster than real time
  lnn replay BAG --policy policies/mine                compare with a recording
  lnn inspect policies/mine                            print a policy's card
  lnn top                                              watch a running controller in the terminal
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f'{message} (see {self.prog} --help)')


class _Help(argparse.HelpFormatter):
    """Help that names each default that is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if not action.option_strings or default in (None, False, argparse.SUPPRESS) or not action.help:
            return action.help
        text = ' '.join(map(str, default)) if isinstance(default, list) else default
        return f'{action.help} (default: {text})'


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command.

    :param argv: arguments without the program's name; ``None``: this process's
    :returns: exit status: 0; 2 after a user's mistake, told in one line; 130 after Ctrl-C
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        args = _parser(argv).parse_args(argv)
        run: Callable[[argparse.Namespace], int] = args.run
        return run(args)
    except InputError as error:
        return _tell(str(error))
    except ModuleNotFoundError as error:
        library = (error.name or '').partition('.')[0]
        if library not in EXTRAS:
            raise
        return _tell(f'this needs {library}, which is not installed: {EXTRAS[library]}')
    except BrokenPipeError:
        # The reader of our output has gone (`lnn … | head`): Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _tell(f'{error.filename}: {error.strerror}' if error.filename else str(error))
    except KeyboardInterrupt:
        print('lnn: interrupted', file=sys.stderr)
        return INTERRUPTED


def _tell(message: str) -> int:
    print(f'lnn: error: {" ".join(message.split())}', file=sys.stderr)
    return USER_ERROR


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog='lnn',
        description='Liquid neural control for ROS 2 robots: record, train, drive.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'lnn_controller {__version__}')
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)

    def add(name: str, summary: str, run: Callable[[argparse.Namespace], int], example: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=summary,
            description=summary[:1].upper() + summary[1:] + '.',
            epilog=f'example: {example}',
            formatter_class=_Help,
        )
        command.set_defaults(run=run)
        return command

    _demo_arguments(add('demo', 'drive the simulated car over ROS 2, and film it', _demo, 'lnn demo --scene winter'))
    _collect_arguments(
        add(
            'collect',
            'record demonstrations by the expert as bags',
            _collect,
            'lnn collect --out out/demos --tracks 1 2 3 --seconds 120',
        )
    )
    _train_arguments(
        add('train', 'train a policy from bags', _train, 'lnn train out/demos/* --out policies/mine'), argv
    )
    _evaluate_arguments(
        add(
            'evaluate',
            'drive in closed loop in this process, faster than real time',
            _evaluate,
            'lnn evaluate --policy car_lane --scene summer winter --track 21 33 47 --seconds 90',
        )
    )
    _replay_arguments(
        add(
            'replay',
            'send a bag through a policy and compare the commands',
            _replay,
            'lnn replay out/demo/bag --policy car_lane --out out/replay',
        )
    )
    inspect = add('inspect', "print a policy's card", _inspect, 'lnn inspect car_lane')
    inspect.add_argument('policy', metavar='POLICY', help='folder of a policy, or the name of one that ships')
    _top_arguments(add('top', 'watch a running controller in the terminal', _top, 'lnn top --node /robot_1/controller'))
    return parser


def _policy_argument(parser: argparse.ArgumentParser, **options: Any) -> None:
    parser.add_argument(
        '--policy', metavar='POLICY', help='folder of a policy, or the name of one that ships', **options
    )


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    _policy_argument(parser, default='car_lane')
    parser.add_argument('--scene', default='summer', metavar='NAME', help='how the world looks: summer, winter')
    parser.add_argument('--track', type=int, default=21, metavar='SEED', help='which road')
    parser.add_argument('--seconds', type=float, default=60.0, metavar='S', help='how long to drive')
    parser.add_argument('--rate', type=float, default=50.0, metavar='HZ', help='control rate')
    parser.add_argument('--out', type=Path, default=Path('out/demo'), metavar='DIR', help='folder for the results')
    parser.add_argument(
        '--camera-fault',
        type=float,
        nargs='?',
        const=20.0,
        metavar='S',
        help='after S seconds (20 unless given) the camera fails for two: see the car stop and drive on',
    )
    parser.add_argument('--no-video', action='store_true', help='leave the video out')
    parser.add_argument('--json', action='store_true', help='print the summary as JSON to standard output')


def _demo(args: argparse.Namespace) -> int:
    from lnn_controller.evaluation import drive_card, to_json
    from lnn_controller.nodes.demo import Demo, run_demo

    demo = Demo(
        policy=args.policy,
        scene=args.scene,
        track=args.track,
        seconds=args.seconds,
        out=args.out,
        control_rate_hz=args.rate,
        video=not args.no_video,
        camera_fault_s=args.camera_fault,
    )
    # A closed terminal or a supervisor's SIGTERM ends the demo as orderly as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    summary = run_demo(demo)
    if args.json:
        print(to_json(summary))
        return 0
    print(drive_card(summary))
    made = [file for file in ('summary.json', 'path.png', 'demo.mp4', 'bag') if (args.out / file).exists()]
    print(f'\nin {args.out}: {", ".join(made)}')
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _collect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for the bags')
    parser.add_argument('--tracks', type=int, nargs='+', default=[1, 2, 3], metavar='SEED', help='which roads')
    parser.add_argument('--scene', default='summer', metavar='NAME', help='how the world looks: summer, winter')
    parser.add_argument('--seconds', type=float, default=60.0, metavar='S', help='how long on each road')
    parser.add_argument('--seed', type=int, default=0, help='of starts, disturbances and scenery')


def _collect(args: argparse.Namespace) -> int:
    from lnn_controller.sim.collect import collect

    bags = collect(
        args.out,
        tracks=args.tracks,
        scene=args.scene,
        seconds=args.seconds,
        seed=args.seed,
        progress=sys.stderr.isatty(),
    )
    print(f'{len(bags)} bags in {args.out}')
    return 0


def _train_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    # PyTorch takes seconds to load: only who trains waits for it.
    if argv[:1] == ['train']:
        from lnn_controller.learning.command import add_train_arguments

        add_train_arguments(parser)


def _train(args: argparse.Namespace) -> int:
    from lnn_controller.learning.command import run_train

    return run_train(args)


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    _policy_argument(parser, default='car_lane')
    parser.add_argument('--scene', nargs='+', default=['summer'], metavar='NAME', help='how the world looks')
    parser.add_argument('--track', type=int, nargs='+', default=[21], metavar='SEED', help='which roads')
    parser.add_argument('--seconds', type=float, default=60.0, metavar='S', help='how long on each')
    parser.add_argument('--rate', type=float, default=50.0, metavar='HZ', help='control rate')
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for summary.json and pictures of the paths')
    parser.add_argument('--json', action='store_true', help='print JSON: an object for one drive, a list for several')


def _evaluate(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from lnn_controller.evaluation import (
        draw_path,
        drive_card,
        drive_closed_loop,
        drives_table,
        summarise,
        to_json,
        write_json,
    )
    from lnn_controller.policy import Policy
    from lnn_controller.sim.scenes import find_scene

    policy = Policy.load(args.policy)
    drives = [(find_scene(scene).name, track) for scene in args.scene for track in args.track]
    summaries = []
    with tqdm(total=args.seconds * len(drives), unit='s', desc='drive', disable=args.json or None, leave=False) as bar:
        for scene, track in drives:
            drive = drive_closed_loop(
                policy, track=track, scene=scene, seconds=args.seconds, rate_hz=args.rate, progress=bar.update
            )
            summaries.append(summarise(drive))
            if args.out:
                draw_path(args.out / ('path.png' if len(drives) == 1 else f'path_{scene}_{track:03d}.png'), drive)
    result = summaries[0] if len(summaries) == 1 else summaries
    if args.out:
        write_json(args.out / 'summary.json', result)
    text = drive_card(summaries[0]) if len(summaries) == 1 else drives_table(summaries)
    print(to_json(result) if args.json else text)
    return 0


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('bag', type=Path, metavar='BAG', help='a rosbag2 folder, a .mcap or a .db3 file')
    _policy_argument(parser, default='car_lane')
    parser.add_argument('--rate', type=float, default=50.0, metavar='HZ', help='control rate')
    parser.add_argument(
        '--last', type=float, default=1.0, metavar='SHARE', help='count only this last share of the recording'
    )
    for kind in ('image', 'imu', 'command'):
        parser.add_argument(f'--{kind}-topic', metavar='TOPIC', help=f'{kind} topic, where several could be it')
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for summary.json and a picture of the commands')
    parser.add_argument('--json', action='store_true', help='print JSON to standard output')


def _replay(args: argparse.Namespace) -> int:
    from lnn_controller.data import Topics
    from lnn_controller.evaluation import draw_commands, replay_bag, replay_table, summarise_replay, to_json, write_json
    from lnn_controller.evaluation.replay import counted_from
    from lnn_controller.policy import Policy

    topics = Topics(image=args.image_topic, imu=args.imu_topic, command=args.command_topic)
    result = replay_bag(args.bag, Policy.load(args.policy), rate_hz=args.rate, topics=topics)
    summary = summarise_replay(result, last=args.last)
    if args.out:
        draw_commands(
            args.out / 'commands.png',
            title=f'{result.policy} on {args.bag} at {args.rate:g} Hz',
            at_s=result.at_s,
            recorded=result.recorded,
            given=result.given,
            channels=result.episode.channels,
            metrics=summary['channels'],
            counted_from_s=counted_from(result, args.last),
        )
        write_json(args.out / 'summary.json', summary)
    print(to_json(summary) if args.json else replay_table(summary))
    return 0


def _inspect(args: argparse.Namespace) -> int:
    from lnn_controller.policy import describe, find_policy, read_spec

    path = find_policy(args.policy)
    print(describe(read_spec(path), path), end='')
    return 0


def _top_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--node', default='/controller', metavar='NAME', help='the controller, with its namespace')
    parser.add_argument(
        '--once', action='store_true', help='print one page and end, as where the output is no terminal'
    )
    parser.add_argument('--domain', type=int, metavar='N', help='ROS domain; ROS_DOMAIN_ID, or 0, unless given')


def _top(args: argparse.Namespace) -> int:
    from lnn_controller.nodes.top import run_top

    return run_top(node=args.node, once=args.once, domain=args.domain)


if __name__ == '__main__':
    sys.exit(main())
