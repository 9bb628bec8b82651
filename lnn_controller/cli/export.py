"""``lnn export``."""

import argparse
from pathlib import Path

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'write a policy as C for a microcontroller'
EXAMPLE = 'lnn export car_lane --target c --out out/car_lane_c'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('policy', metavar='POLICY', help='folder of a policy, or the name of one that ships')
    parser.add_argument('--target', choices=('c',), required=True, help='c: freestanding C99')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder to write, new or empty')
    parser.add_argument(
        '--straight-line',
        action='store_true',
        help='a line of C for each synapse in place of tables and loops: faster, and takes more flash',
    )
    parser.add_argument(
        '--encoder',
        choices=('float', 'none'),
        default='float',
        help="float: float32, and the fit of a camera's picture; none: features come from elsewhere (default: float)",
    )
    parser.add_argument('--overwrite', action='store_true', help='write into a folder that holds something')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.export.c import check_files, encoder_source, project_files, read_network, write_files
    from lnn_controller.policy import Policy, find_policy, read_bundle

    bundle = read_bundle(find_policy(args.policy))
    network = read_network(bundle)
    encoder = encoder_source(network) if args.encoder == 'float' else None
    files = project_files(network, encoder, straight_line=args.straight_line) | check_files(network, Policy(bundle))
    folder = write_files(files, args.out, overwrite=args.overwrite)
    print(f'{folder}: {", ".join(sorted(files))}')
    print(f'compare it with ONNX Runtime on this machine: make -C {folder} check')
    return 0
