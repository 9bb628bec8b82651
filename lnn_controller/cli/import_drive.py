"""``lnn import``."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from lnn_controller.errors import InputError, printable

if TYPE_CHECKING:
    from lnn_controller.data.importers.lerobot import Term

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = (
    "make bags of another project's recordings: a Donkeycar tub, a drive in Udacity's simulator, a LeRobot data set"
)
EXAMPLE = (
    'lnn import donkeycar mycar/data --out out/tub --wheelbase 0.17 --full-speed 2.5; '
    'lnn import lerobot lekiwi_drive --out out/lekiwi --camera front'
)
SOURCES = {
    'donkeycar': 'https://www.donkeycar.com',
    'udacity': 'https://github.com/udacity/self-driving-car-sim',
    'lerobot': 'https://github.com/huggingface/lerobot',
}
CARS = 'donkeycar', 'udacity'
FULL_STEERING_DEG, FULL_SPEED_M_S = 25.0, 1.0
# Flags that are not for every format: for which, and what they are where they are not given.
FLAGS: dict[str, tuple[tuple[str, ...], object]] = {
    'wheelbase': (CARS, None),
    'full-steering': (CARS, FULL_STEERING_DEG),
    'full-speed': (('donkeycar',), FULL_SPEED_M_S),
    'side-cameras': (('udacity',), False),
    'camera': (('lerobot',), ''),
    'action': (('lerobot',), []),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('format', choices=tuple(SOURCES), help='whose recording it is')
    parser.add_argument(
        'path', type=Path, metavar='PATH', help='folder of the tub, of driving_log.csv and IMG/, or of meta/ and data/'
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder of the new bag; lerobot: of a bag for each episode',
    )
    parser.add_argument('--licence', default='', metavar='TEXT', help='of the recording, kept in the bag')
    car = parser.add_argument_group('donkeycar, udacity')
    car.add_argument(
        '--wheelbase',
        type=float,
        metavar='M',
        help='from axle to axle: the steering angle becomes a yaw rate, written as TwistStamped; needed',
    )
    car.add_argument(
        '--full-steering', type=float, default=FULL_STEERING_DEG, metavar='DEG', help='wheels at full steering'
    )
    car.add_argument(
        '--full-speed', type=float, default=FULL_SPEED_M_S, metavar='M/S', help='at full throttle (donkeycar)'
    )
    car.add_argument('--side-cameras', action='store_true', help="Udacity's left and right camera too")
    robot = parser.add_argument_group('lerobot')
    robot.add_argument('--camera', default='', metavar='NAME', help='which, where there are several')
    robot.add_argument(
        '--action',
        nargs='+',
        default=[],
        metavar='CHANNEL=NAME[:FACTOR]',
        help='elements of the action that are velocities, times a factor that makes m/s or rad/s of them, as '
        'linear_x=x.vel angular_z=theta.vel:0.01745; by default those whose names are known',
    )


def run(args: argparse.Namespace) -> int:
    for flag, (formats, default) in FLAGS.items():
        if args.format not in formats and getattr(args, flag.replace('-', '_')) != default:
            raise InputError(f'--{flag} is for {" and ".join(formats)}. Got it for {args.format}: leave it out')
    return _import_dataset(args) if args.format == 'lerobot' else _import_drive(args)


def _about(args: argparse.Namespace, licence: str = '') -> dict[str, str]:
    # A tub's folder is called data as often as not; the whole path is nobody else's business.
    source = '/'.join(args.path.resolve().parts[1:][-2:])
    licence = args.licence or licence or 'not stated'
    return {'source': source or '/', 'format': SOURCES[args.format], 'licence': licence}


def _import_drive(args: argparse.Namespace) -> int:
    from lnn_controller.data.commands import check_wheelbase
    from lnn_controller.data.importers.donkeycar import read_tub
    from lnn_controller.data.importers.drive import COMMAND_TOPIC, IMAGE_TOPIC, Car, write_drive
    from lnn_controller.data.importers.udacity import read_log
    from lnn_controller.settings import check_number

    if args.wheelbase is None:
        raise InputError(f'{args.format} records angles of the wheels: give --wheelbase, from axle to axle in m')
    check_wheelbase(args.wheelbase)
    check_number('--full-steering', args.full_steering, above=0.0, below=90.0, unit='deg')
    check_number('--full-speed', args.full_speed, above=0.0, maximum=100.0, unit='m/s')
    tub = args.format == 'donkeycar'
    rows, damaged = read_tub(args.path) if tub else read_log(args.path, side_cameras=args.side_cameras)
    car = Car(args.wheelbase, math.radians(args.full_steering), args.full_speed)
    about = _about(args) | ({'damaged_records': str(len(damaged))} if damaged else {})
    count = write_drive(args.out, rows, car, about)
    print(f'{args.out}: {count} frames on {IMAGE_TOPIC}, commands as TwistStamped on {COMMAND_TOPIC}')
    if damaged:
        print(printable(f'left out, for it is damaged: {len(damaged)} of {len(rows) + len(damaged)}. {damaged[0]}'))
    if count < len(rows):
        print(f'left out, for it has the time of the one before: {len(rows) - count} of {len(rows)}')
    if tub:
        print(f'throttle 1 is taken for {args.full_speed:g} m/s (--full-speed): a tub has no speeds')
    if args.side_cameras:
        sides = ' '.join(f'/{side}{IMAGE_TOPIC}' for side in ('left', 'right'))
        print(f'lnn train {args.out} --image-topic {IMAGE_TOPIC} --side-cameras {sides} --side-offset 0.6')
    return 0


def _import_dataset(args: argparse.Namespace) -> int:
    from lnn_controller.data.importers.episodes import write_episodes
    from lnn_controller.data.importers.lerobot import Dataset, velocities

    dataset = Dataset.open(args.path, args.camera)
    names = dataset.action_names
    terms = velocities(names, _terms(args.action))
    frames = write_episodes(args.out, dataset, terms, _about(args, dataset.licence))
    print(f'{args.out}: {len(frames)} bags, one for each episode, {sum(frames)} frames of {dataset.camera}')
    for channel, term in terms.items():
        print(f'{channel} is {term.name}' + (f' × {term.factor:.5g}' if term.factor != 1.0 else ''))
    rest = [name for name in names if name not in {term.name for term in terms.values()}]
    if rest:
        print(f'left out of the action: {", ".join(rest)}')
    print(f'train on them: lnn train {args.out}/* --outputs {" ".join(terms)} --out policies/mine')
    return 0


def _terms(words: list[str]) -> 'dict[str, Term]':
    """What --action says, by channel."""
    from lnn_controller.data.importers.lerobot import Term
    from lnn_controller.policy.spec import CHANNEL_UNITS
    from lnn_controller.settings import check_number

    terms = {}
    for word in words:
        channel, _, rest = word.partition('=')
        name, _, text = rest.rpartition(':') if ':' in rest else (rest, '', '1')
        if channel not in CHANNEL_UNITS or channel in terms or not name:
            channels = ', '.join(CHANNEL_UNITS)
            raise InputError(f'--action must be CHANNEL=NAME, each of {channels} at most once. Got {word}')
        try:
            factor = float(text)
        except ValueError:
            raise InputError(f'--action {word}: what follows the colon must be a number. Got {text}') from None
        check_number(f'--action {word}: the factor', factor)
        terms[channel] = Term(name, factor)
    return terms
