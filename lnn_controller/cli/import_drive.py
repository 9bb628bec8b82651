"""``lnn import``."""

import argparse
import math
from pathlib import Path

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = "make a bag of another project's recording: a Donkeycar tub, a drive in Udacity's simulator"
EXAMPLE = 'lnn import donkeycar mycar/data --out out/tub --wheelbase 0.17 --full-speed 2.5'
SOURCES = {
    'donkeycar': 'https://www.donkeycar.com',
    'udacity': 'https://github.com/udacity/self-driving-car-sim',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('format', choices=tuple(SOURCES), help='whose recording it is')
    parser.add_argument('path', type=Path, metavar='PATH', help='folder of the tub, or of driving_log.csv and IMG/')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder of the new bag')
    parser.add_argument(
        '--wheelbase',
        type=float,
        required=True,
        metavar='M',
        help='from axle to axle: the steering angle becomes a yaw rate, written as TwistStamped',
    )
    parser.add_argument('--full-steering', type=float, default=25.0, metavar='DEG', help='wheels at full steering')
    parser.add_argument(
        '--full-speed', type=float, default=1.0, metavar='M/S', help='at full throttle, where no speed was recorded'
    )
    parser.add_argument('--side-cameras', action='store_true', help="Udacity's left and right camera too")
    parser.add_argument('--licence', default='not stated', metavar='TEXT', help='of the recording, kept in the bag')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.data.commands import check_wheelbase
    from lnn_controller.data.importers.donkeycar import read_tub
    from lnn_controller.data.importers.drive import COMMAND_TOPIC, IMAGE_TOPIC, Car, write_drive
    from lnn_controller.data.importers.udacity import read_log
    from lnn_controller.settings import check_number

    check_wheelbase(args.wheelbase)
    check_number('--full-steering', args.full_steering, above=0.0, below=90.0, unit='deg')
    check_number('--full-speed', args.full_speed, above=0.0, maximum=100.0, unit='m/s')
    rows = read_tub(args.path) if args.format == 'donkeycar' else read_log(args.path, side_cameras=args.side_cameras)
    about = {'source': str(args.path.name or args.path), 'format': SOURCES[args.format], 'licence': args.licence}
    car = Car(args.wheelbase, math.radians(args.full_steering), args.full_speed)
    count = write_drive(args.out, rows, car, about)
    print(f'{args.out}: {count} frames on {IMAGE_TOPIC}, commands as TwistStamped on {COMMAND_TOPIC}')
    if args.format == 'donkeycar':
        print(f'throttle 1 is taken for {args.full_speed:g} m/s (--full-speed): a tub has no speeds')
    if args.side_cameras:
        print(f'several cameras: name one, lnn train {args.out} --image-topic {IMAGE_TOPIC}')
    return 0
