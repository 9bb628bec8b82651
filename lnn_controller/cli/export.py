"""``lnn export``."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lnn_controller.export.c import Encoder, Network

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'write a policy as C for a microcontroller, or again with its map of attention'
# More of them hardly change the largest values.
CALIBRATION_FRAMES = 200
NO_MAP = {
    'int8': 'there each channel has a scale of its own, and the map is of averages over channels',
    'none': 'there is no encoder that could be mapped',
}
EXAMPLE = 'lnn export car_lane --target c --out out/car_lane_c'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('policy', metavar='POLICY', help='folder of a policy, or the name of one that ships')
    parser.add_argument(
        '--target',
        choices=('c', 'attention'),
        required=True,
        help='c: freestanding C99; attention: the policy again, with the graph attention.onnx that one of an earlier '
        'version lacks',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder to write, new or empty; with attention it may be the policy itself',
    )
    parser.add_argument(
        '--straight-line',
        action='store_true',
        help='a line of C for each synapse in place of tables and loops: faster, and takes more flash',
    )
    parser.add_argument(
        '--encoder',
        choices=('float', 'int8', 'none'),
        default='float',
        help='float: float32; int8: values of 8 bits, faster on a microcontroller; none: features come from elsewhere; '
        "but for none with the fit of a camera's picture (default: float)",
    )
    parser.add_argument(
        '--calibrate',
        nargs='+',
        metavar='BAG',
        help='recordings of what the robot sees, from which int8 takes its scales',
    )
    parser.add_argument(
        '--attention',
        action='store_true',
        help='with a function that maps what of a frame the encoder answers to, in float alone',
    )
    parser.add_argument('--overwrite', action='store_true', help='write into a folder that holds something')


def run(args: argparse.Namespace) -> int:
    return _with_attention(args) if args.target == 'attention' else _as_c(args)


def _with_attention(args: argparse.Namespace) -> int:
    from lnn_controller.errors import InputError
    from lnn_controller.policy import find_policy, read_bundle

    given = [name for name in ('straight_line', 'calibrate', 'attention') if getattr(args, name)]
    if given or args.encoder != 'float':
        flag = (given or ['encoder'])[0].replace('_', '-')
        raise InputError(f'--{flag} goes with --target c. Got it with attention: leave it out')
    bundle = read_bundle(find_policy(args.policy))
    same = args.out.resolve() == bundle.path.resolve()
    if not same and not args.overwrite and args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise InputError(
            f'--out must be a new or empty folder, or the policy itself. Got {args.out}: or add --overwrite'
        )
    from lnn_controller.export.attention import add_attention  # PyTorch takes seconds to load
    from lnn_controller.learning.build import load_network

    print(f'{add_attention(bundle, load_network(bundle).encoder, args.out)}: with attention.onnx')
    return 0


def _as_c(args: argparse.Namespace) -> int:
    from lnn_controller.export.c import check_files, project_files, read_network, write_files
    from lnn_controller.policy import Policy, find_policy, read_bundle

    bundle = read_bundle(find_policy(args.policy))
    network = read_network(bundle)
    encoder = _encoder(network, args.encoder, args.calibrate, attention=args.attention)
    files = project_files(network, encoder, straight_line=args.straight_line) | check_files(
        network, Policy(bundle, runtime='onnx'), encoder
    )
    folder = write_files(files, args.out, overwrite=args.overwrite)
    print(f'{folder}: {", ".join(sorted(files))}')
    print(f'compare it with ONNX Runtime on this machine: make -C {folder} check')
    return 0


def _encoder(network: 'Network', kind: str, bags: list[str] | None, *, attention: bool) -> 'Encoder | None':
    from lnn_controller.data.sample import sample_frames
    from lnn_controller.errors import InputError
    from lnn_controller.export.c import encoder_int8_source, encoder_source

    if attention and kind != 'float':
        raise InputError(f'--attention must come with --encoder float. Got {kind}: {NO_MAP[kind]}')
    if (kind == 'int8') != bool(bags):
        got = 'none of them' if kind == 'int8' else f'--encoder {kind}'
        raise InputError(
            f'--encoder int8 and --calibrate BAG… must come together. Got {got}: recordings of what the robot sees say '
            'how large its values become'
        )
    if kind == 'int8':
        return encoder_int8_source(network, sample_frames(bags or [], network.spec.image, CALIBRATION_FRAMES))
    return encoder_source(network, attention=attention) if kind == 'float' else None
