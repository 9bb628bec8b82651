"""``lnn check``."""

import argparse

from lnn_controller.cli.arguments import add_policy_argument
from lnn_controller.errors import printable

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'look at camera, IMU, base and operator in the running graph, before the first drive'
EXAMPLE = 'lnn check --policy policies/mine --namespace robot1    (exit status 0: it can be driven; 1: it cannot)'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_policy_argument(parser)
    parser.add_argument('--namespace', default='/', metavar='NS', help="the robot's, as of drive.launch.py")
    for name, text in (('image', 'the camera'), ('imu', 'the IMU'), ('cmd-vel', "the base's commands")):
        parser.add_argument(f'--{name}', metavar='TOPIC', help=f'topic of {text}, where the launch file remaps it')


def run(args: argparse.Namespace) -> int:
    from lnn_controller.doctor.findings import examine_node
    from lnn_controller.live.check import Names, run_check
    from lnn_controller.nodes.common.environment import check_environment
    from lnn_controller.policy import find_policy, read_spec

    check_environment()
    spec = read_spec(find_policy(args.policy)) if args.policy else None
    given = {'image': args.image, 'imu': args.imu, 'command': args.cmd_vel}
    names = Names(args.namespace, **{key: value for key, value in given.items() if value})
    findings = [*run_check(names, spec), *examine_node()]
    for each in findings:
        mark = '✓' if each.ok else '✗' if each.essential else '!'
        print(printable(f'{mark} {each.subject}: {" ".join(each.text.split())}'))
    able = all(each.ok for each in findings if each.essential)
    print('It can be driven: wheels off the ground first.' if able else 'It cannot be driven yet: see ✗.')
    return 0 if able else 1
