"""How every node's process runs: start, one line for a user's mistake, an orderly end on SIGINT and SIGTERM."""

import ctypes
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, Protocol

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterImmutableException,
    ParameterUninitializedException,
)
from rclpy.executors import SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from rclpy.utilities import remove_ros_args

from lnn_controller.errors import InputError, printable
from lnn_controller.nodes.parameters import Setting, usage
from lnn_controller.nodes.processes import PARENT_VARIABLE

__all__ = ['Closable', 'drain', 'run_node', 'spin']

_MISTAKES = (
    InputError,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterImmutableException,
    ParameterUninitializedException,
)
# What rcl says of a wrong argument or parameter file, before there is a node.
_MISTAKES_AT_START = (rclpy_implementation.RCLError, rclpy_implementation.UnknownROSArgsError)
_WAKE_S = 0.05
_DRAIN_S = 2.0
_IDLE_S = 0.1
_PR_SET_PDEATHSIG = 1


class Closable(Protocol):
    """A node that has something to do last."""

    def close(self) -> None:
        """Do what comes last (stop the robot, finish a file); the context is still valid."""


def spin(node: Node, stop: Future[None]) -> None:
    """
    Run a node's callbacks until it shall stop.

    With rclpy's SingleThreadedExecutor: its ticks were as late as a bare sleep loop under the same load; the
    experimental EventsExecutor did not come back from here on a signal.

    :param node: the node
    :param stop: done when it shall stop
    """
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    # Python sees a signal only between two callbacks: with no message and a stopped clock there would be none.
    wake = node.create_timer(_WAKE_S, lambda: None, clock=Clock(clock_type=ClockType.STEADY_TIME))
    try:
        executor.spin_until_future_complete(stop)
    finally:
        node.destroy_timer(wake)
        executor.shutdown()


def drain(node: Node, taken: Callable[[], int]) -> None:
    """
    Take what had arrived when :func:`spin` ended.

    :param node: the node
    :param taken: how many messages it has taken so far
    """
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    deadline_s = time.monotonic() + _DRAIN_S  # topics that still flow would never run dry
    before = -1
    while before < taken() and time.monotonic() < deadline_s:
        before = taken()
        executor.spin_once(timeout_sec=_IDLE_S)
    executor.shutdown()


def run_node(
    make: Callable[[], Any],
    args: Sequence[str] | None,
    *,
    executable: str,
    purpose: str,
    table: Sequence[Setting],
    loop: Callable[[Any, Future[None]], None] = spin,
) -> int:
    """
    Run one node as this process.

    :param make: makes the node (a :class:`Closable`); called when rclpy is up
    :param args: command line without the program's name; ``None``: this process's
    :param executable: the executable's name, for messages
    :param purpose: one sentence for ``--help``
    :param table: the node's parameters, for ``--help``
    :param loop: runs the node until the future is done
    :returns: exit code: 0 after SIGINT, SIGTERM or ``--help``, 1 after a user's mistake, which was told in one line
    """
    args = sys.argv[1:] if args is None else list(args)
    stop: Future[None] = Future()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    if _orphaned():
        return 1
    node = None
    try:
        others = remove_ros_args([executable, *args])[1:]
        if others in (['--help'], ['-h']):
            print(usage(executable, purpose, table))
            return 0
        if others:
            raise InputError(f'ROS arguments are needed (--ros-args …; see --help). Got {" ".join(others)}')
        # rclpy's own handlers shut the context down at once: then no zero command could be published any more.
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = make()
        try:
            if not stop.done():
                loop(node, stop)
        except BaseException:
            # Whatever happened, the robot is stopped; the first mistake is the one to tell.
            with suppress(InputError):
                node.close()
            raise
        node.close()
    except _MISTAKES as error:
        return _tell(executable, str(error))
    except _MISTAKES_AT_START as error:
        if node is not None:
            raise
        # rcl adds the places in its own source.
        return _tell(executable, re.sub(r',? at /\S+:\d+', '', f'ROS arguments must be valid. Got: {error}'))
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _tell(executable: str, mistake: str) -> int:
    print(f'{executable}: {printable(" ".join(mistake.split()))}', file=sys.stderr, flush=True)
    return 1


def _orphaned() -> bool:
    """Arrange for SIGTERM when the process that started this one ends, and say whether it has ended already."""
    parent = os.environ.get(PARENT_VARIABLE, '')
    if not parent.isdigit() or not sys.platform.startswith('linux'):
        return False
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() != int(parent)
