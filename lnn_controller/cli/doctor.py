"""``lnn doctor``."""

import argparse

from lnn_controller.errors import printable

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'list what driving needs of this machine, and how to get what is missing'
EXAMPLE = 'lnn doctor    (exit status 0: a robot can be driven; 1: it cannot)'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace) -> int:
    from lnn_controller.doctor.findings import examine

    findings = examine()
    for each in findings:
        mark = '✓' if each.ok else '✗' if each.essential else '!'
        print(printable(f'{mark} {each.subject}: {" ".join(each.text.split())}'))
    able = all(each.ok for each in findings if each.essential)
    print('A robot can be driven here.' if able else 'No robot can be driven here: see ✗.')
    return 0 if able else 1
