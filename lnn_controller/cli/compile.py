"""``lnn compile``."""

import argparse

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'make a policy C for this machine, which drives by it from then on'
EXAMPLE = 'lnn compile car_lane'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'policies', nargs='+', metavar='POLICY', help='folder of a policy, or the name of one that ships'
    )


def run(args: argparse.Namespace) -> int:
    from lnn_controller.export.native import compile_policy
    from lnn_controller.policy.native import clear_cache

    for name in args.policies:
        made = compile_policy(name)
        print(
            f'{name}: compiled in {made.seconds:.0f} s by {made.compiler}; from ONNX Runtime features differ by '
            f'{made.differences.features:.1g}, steps by {made.differences.step:.1g}. In {made.path}'
        )
    clear_cache()
    return 0
