"""
The ``lnn`` command: a module per subcommand, which reads its flags, calls one function of the package, and prints.

A subcommand's module has ``SUMMARY`` and ``EXAMPLE`` for its help, ``add_arguments(parser)``, and ``run(args)``, which
gives the exit status. What is heavy is imported in ``run``.
"""

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

from lnn_controller import __version__
from lnn_controller.errors import InputError, did_you_mean, printable, write_anywhere
from lnn_controller.libraries import HOW_BY_LIBRARY

__all__ = ['main', 'tell_mistake']

USER_ERROR, INTERRUPTED = 2, 130
_CHOICE = re.compile(r"invalid choice: '?([^']*?)'? \(choose from (.*)\)")
COMMANDS = (
    'demo',
    'collect',
    'import',
    'train',
    'tune',
    'compile',
    'evaluate',
    'check',
    'record',
    'play',
    'replay',
    'study',
    'export',
    'info',
    'inspect',
    'top',
    'view',
    'doctor',
)
# Where a module cannot have the command's name.
MODULES = {'import': 'import_drive'}
EXAMPLES = """\
examples:
  lnn demo                                             watch the shipped policy drive, over ROS 2
  lnn demo --scene winter
  lnn collect --out out/demos --tracks 1 2 3           record demonstrations by the expert
  lnn import donkeycar TUB --out tub --wheelbase 0.2   a bag of another project's recording
  lnn train out/demos/* --out policies/mine            train a policy from bags
  lnn train --init car_lane BAG --out policies/mine    fine-tune a policy, on demonstrations or overrides
  lnn tune out/demos --space config/space.yaml --out out/tune   search for a better recipe
  lnn compile policies/mine                            make it C for this machine: twice as fast
  lnn evaluate --policy policies/mine --track 21 33    drive in closed loop, faster than real time
  lnn check --policy policies/mine                     camera, IMU, base, operator: before the first drive
  lnn record --out my_bag                              record topics; Ctrl-C ends it
  lnn play my_bag --rate 0.5 --clock 100               play them again
  lnn replay BAG --policy policies/mine                compare with a recording
  lnn study cells --encoders car_lane                  do cells differ? over seeds, resumable; docs/liquid.md
  lnn study adaptation --jobs 2                        does it help to learn while driving? docs/adaptation.md
  lnn export car_lane --target c --out out/c           the policy as C, for a microcontroller
  lnn inspect policies/mine                            print a policy's card
  lnn info my_bag --out my_bag.html                    what is in a bag, and what would training learn of it?
  lnn info my_bag --cut 12 60 --out cut                a stretch of it, as a bag of its own
  lnn top                                              watch a running controller in the terminal
  lnn view                                             the same in the browser: camera, neurons, commands, map
  lnn view my_bag --policy policies/mine               a bag, and what a policy makes of it, in the browser
  lnn doctor                                           what driving needs of this machine, and what is missing
"""


class _Once(argparse._StoreAction):
    """Takes the values of an option that has several each time it is given, and refuses another value of any other."""

    _filled: argparse.Namespace | None = None

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, flag: str | None = None
    ) -> None:
        if flag and self._filled is namespace:
            before = getattr(namespace, self.dest)
            if self.nargs not in ('+', '*'):
                raise argparse.ArgumentError(self, f'must be given once. Got {_text(before)}, and {_text(values)}')
            values = [*before, *values]
        self._filled = namespace
        super().__call__(parser, namespace, values, flag)


class _Either(argparse.BooleanOptionalAction):
    """Refuses yes and no at once."""

    _filled: argparse.Namespace | None = None

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, flag: str | None = None
    ) -> None:
        before = getattr(namespace, self.dest) if self._filled is namespace else None
        super().__call__(parser, namespace, values, flag)
        if before not in (None, getattr(namespace, self.dest)):
            raise argparse.ArgumentError(self, 'must be one of the two. Got both')
        self._filled = namespace


def _text(values: Any) -> str:
    return ' '.join(map(str, values)) if isinstance(values, list) else str(values)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which drops nothing that it was given."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in (None, 'store'):
            self.register('action', name, _Once)
        self.register('action', argparse.BooleanOptionalAction, _Either)

    def error(self, message: str) -> NoReturn:
        wrong = _CHOICE.search(message)
        if wrong and (guess := did_you_mean(wrong[1], re.findall(r"[^\s,']+", wrong[2]))):
            message += f': {guess}'
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
    :returns: exit status: 0; 2 after a user's mistake, reported in one line; 130 after Ctrl-C
    :raises Exception: where the fault is ours: the traceback is for a bug report
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    write_anywhere()
    with _noting_interrupts() as interrupts:
        try:
            return _run(argv)
        except KeyboardInterrupt:
            pass
        except Exception:
            # What loads a library may make another error of it: pybind11 an ImportError.
            if not interrupts:
                raise
    print('lnn: interrupted', file=sys.stderr)
    return INTERRUPTED


@contextmanager
def _noting_interrupts() -> Iterator[list[int]]:
    """Raise KeyboardInterrupt on SIGINT, as Python does, and list those that came."""
    interrupts: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ours = ours and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupts
    finally:
        if ours and signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _run(argv: list[str]) -> int:
    try:
        args = _parser(argv).parse_args(argv)
        run: Callable[[argparse.Namespace], int] = args.run
        return run(args)
    except InputError as error:
        return tell_mistake(str(error))
    except ModuleNotFoundError as error:
        library = (error.name or '').partition('.')[0]
        if library not in HOW_BY_LIBRARY:
            raise
        return tell_mistake(f'this needs {library}, which is not installed: {HOW_BY_LIBRARY[library]}')
    except BrokenPipeError:
        # The reader of our output has gone (`lnn … | head`): Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return tell_mistake(f'{error.filename}: {error.strerror}' if error.filename else str(error))


def tell_mistake(message: str) -> int:
    """
    Print a user's mistake in one line on stderr.

    :param message: what was required, what was given, what to do
    :returns: the exit status
    """
    print(f'lnn: error: {printable(" ".join(message.split()))}', file=sys.stderr)
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
    for name in COMMANDS:
        module = import_module(f'lnn_controller.cli.{MODULES.get(name, name)}')
        command = commands.add_parser(
            name,
            help=module.SUMMARY,
            description=f'{module.SUMMARY[:1].upper()}{module.SUMMARY[1:]}.',
            epilog=f'example: {module.EXAMPLE}',
            formatter_class=_Help,
        )
        command.set_defaults(run=module.run)
        # Some flags come from heavy libraries (PyTorch takes seconds to load): only who uses them waits for it.
        if argv[:1] == [name]:
            module.add_arguments(command)
    return parser
