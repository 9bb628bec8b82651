"""Arguments that several commands share."""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lnn_controller.settings import Setting, add_flag

if TYPE_CHECKING:
    from lnn_controller.data.bags.topics import Topics
    from lnn_controller.policy import Policy
    from lnn_controller.replay.result import Replay

__all__ = [
    'Flags',
    'add_parameter_flags',
    'add_policy_argument',
    'add_replay_arguments',
    'add_runtime_argument',
    'add_seeds_argument',
    'add_topic_arguments',
    'chosen_topics',
    'replayed',
    'ros_arguments',
]

# By parameter: names of its flag (none: its own name) and what add_argument is to take instead.
Flags = Mapping[str, tuple[Sequence[str], dict[str, Any]]]
MOST_SEEDS = 100_000  # of a range


def add_parameter_flags(parser: argparse.ArgumentParser, table: Sequence[Setting], flags: Flags) -> None:
    """
    Add a flag for each parameter of a node.

    :param parser: the command's
    :param table: the parameters
    :param flags: by parameter, where its flag is not its name or takes something else
    """
    for each in table:
        names, more = flags.get(each.name, ((), {}))
        add_flag(parser, each, *names, **more)


def ros_arguments(args: argparse.Namespace, names: Sequence[str]) -> list[str]:
    """
    Write parameters as a node's command line takes them.

    :param args: what was parsed; a parameter that is ``None`` is left to the node's default
    :param names: of the parameters
    :returns: the node's arguments
    """
    values = {name: getattr(args, name) for name in names}
    # JSON is YAML: texts stay texts, whatever they look like.
    given = {name: json.dumps(value) for name, value in values.items() if value is not None}
    return ['--ros-args', *(part for name, value in given.items() for part in ('-p', f'{name}:={value}'))]


def add_policy_argument(parser: argparse.ArgumentParser, **options: Any) -> None:
    """
    Add ``--policy``.

    :param parser: the command's
    :param options: as of ``add_argument``
    """
    text = 'folder of a policy, or the name of one that ships'
    parser.add_argument('--policy', **({'metavar': 'POLICY', 'help': text} | options))


def add_runtime_argument(parser: argparse.ArgumentParser, default: str | None = 'auto') -> None:
    """
    Add ``--runtime``.

    :param parser: the command's
    :param default: where it is not given
    """
    from lnn_controller.policy import RUNTIMES

    text = (
        'what computes the policy: C where lnn compile made it on this machine, else ONNX Runtime (auto); or that alone'
    )
    parser.add_argument('--runtime', choices=RUNTIMES, default=default, help=text)


def add_seeds_argument(parser: argparse._ActionsContainer, *names: str, **options: Any) -> None:
    """
    Add a flag that takes seeds of worlds, one by one and as ranges: ``1 2 10-19``; they come as a list of lists.

    :param parser: the command's, or a group of it
    :param names: of the flag
    :param options: as of ``add_argument``
    """
    parser.add_argument(*names, **({'dest': 'seeds'} | options), type=_seeds, nargs='+', metavar='SEED')


def _seeds(text: str) -> list[int]:
    match = re.fullmatch(r'(\d{1,18})(?:-(\d{1,18}))?', text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
    if not first <= last < first + MOST_SEEDS:
        raise argparse.ArgumentTypeError(
            f'a seed must be a number of at least 0, or a rising range of at most {MOST_SEEDS} such as 10-19. '
            f'Got {text!r}'
        )
    return list(range(first, last + 1))


def add_topic_arguments(parser: argparse.ArgumentParser) -> None:
    """
    Add the names of a bag's topics, for bags where their types do not tell them apart.

    :param parser: the command's
    """
    for kind in ('image', 'imu', 'command'):
        parser.add_argument(f'--{kind}-topic', metavar='TOPIC', help=f'{kind} topic, where several could be it')
    parser.add_argument(
        '--odometry-topic',
        metavar='TOPIC',
        help='odometry or poses: the heading, for commands in the axes of the world',
    )


def chosen_topics(args: argparse.Namespace) -> 'Topics':
    """
    Return the names of topics that were given.

    :param args: what a parser with :func:`add_topic_arguments` read
    :returns: the names
    """
    from lnn_controller.data.bags.topics import Topics

    return Topics(image=args.image_topic, imu=args.imu_topic, command=args.command_topic, odometry=args.odometry_topic)


def add_replay_arguments(parser: argparse.ArgumentParser) -> None:
    """
    Add what a bag is replayed by; the bag's own argument is ``bag``.

    :param parser: the command's
    """
    parser.add_argument(
        '--policy',
        action='append',
        metavar='POLICY',
        help='folder of a policy, or the name of one that ships (car_lane); give it again for another one beside it',
    )
    add_runtime_argument(parser)
    parser.add_argument(
        '--rate',
        type=float,
        metavar='HZ',
        help='control rate; without it, exactly the ticks of a recorded controller, or 50 Hz of other recordings',
    )
    add_topic_arguments(parser)
    parser.add_argument(
        '--wheelbase',
        type=float,
        metavar='M',
        help='from axle to axle, m, to read Ackermann commands; without it, as the policy was trained with',
    )
    parser.add_argument(
        '--command-frame',
        choices=('auto', 'world'),
        help='frame of the velocities in Twists and odometries; without it, as the policy was trained with',
    )


def replayed(args: argparse.Namespace) -> tuple[list['Policy'], list['Replay']]:
    """
    Replay a bag through the policies that were given, and say on the terminal what there is to know of it.

    :param args: what a parser with :func:`add_replay_arguments` read
    :returns: the policies, and a replay of each
    :raises InputError: if the bag cannot be read or lacks what a policy needs, or the policies' channels differ
    """
    from tqdm import tqdm

    from lnn_controller.data import Bag
    from lnn_controller.data.camera import required
    from lnn_controller.data.choice import choose_image
    from lnn_controller.errors import InputError
    from lnn_controller.policy import Policy
    from lnn_controller.replay.bag import replay_side_by_side

    policies = [Policy.load(name, runtime=args.runtime) for name in args.policy or ['car_lane']]
    if len({each.spec.channels for each in policies}) > 1:
        each_s = '; '.join(f'{each.spec.name}: {", ".join(each.spec.channels)}' for each in policies)
        raise InputError(f'policies side by side must command the same channels. Got {each_s}')
    topics = chosen_topics(args)
    with Bag(args.bag) as bag:
        frames = required(bag, 'image', choose_image(bag, topics.image)[0]).count
        seconds = round((bag.end_ns - bag.start_ns) * 1e-9, 1) * len(policies)
    shown: dict[str, Any] = {'disable': None, 'leave': False}
    with (
        tqdm(total=frames, desc='read', unit='frame', **shown) as reading,
        tqdm(total=seconds, desc='replay', unit='s', **shown) as bar,
    ):
        results = replay_side_by_side(
            args.bag,
            policies,
            rate_hz=args.rate,
            topics=topics,
            wheelbase_m=args.wheelbase,
            command_frame=args.command_frame,
            reading=reading.update,
            progress=bar.update,
        )
    for note in results[0].episode.notes:
        print(f'warning: {note}', file=sys.stderr)
    return policies, results
