"""How every node's process runs: start, one line for a user's mistake, an orderly end on SIGINT and SIGTERM."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import os
import re
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import rclpy
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterImmutableException,
    ParameterUninitializedException,
)
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from rclpy.utilities import remove_ros_args

from lnn_controller.errors import InputError, printable, write_anywhere
from lnn_controller.nodes.common.environment import check_environment
from lnn_controller.nodes.common.executor import executing
from lnn_controller.nodes.common.parameters import check_files, usage
from lnn_controller.nodes.common.process import PARENT_VARIABLE, end_process, orphaned
from lnn_controller.settings import Setting

__all__ = ['Closable', 'NodeFailedError', 'drain', 'run_node', 'spin']

_MISTAKES = (
    InputError,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterImmutableException,
    ParameterUninitializedException,
)
# rcl's errors for a wrong argument or parameter file, before there is a node.
_MISTAKES_AT_START = (rclpy_implementation.RCLError, rclpy_implementation.UnknownROSArgsError)
_GRACE_S = 0.9
_SAY_AGAIN_S = 5.0
_DRAIN_S = 2.0
_IDLE_S = 0.1
# Threads that were not waited for any longer: something in them hangs.
LEFT_BEHIND = ('control', 'encoder')


class Closable(Protocol):
    """A node that has something to do last."""

    def close(self) -> None:
        """Do what comes last (stop the robot, finish a file); the context is still valid."""


class NodeFailedError(Exception):
    """What a callback raises to end the node; whatever else it raises does not."""


def spin(node: Node, stop: Future[None], failures: Counter[str] | None = None) -> None:
    """
    Run a node's callbacks until it shall stop.

    With rclpy's SingleThreadedExecutor: its ticks were as late as a bare sleep loop under the same load; the
    experimental EventsExecutor did not come back from here on a signal. A callback that raises is one message or
    request less: rclpy's own raise on requests that are malformed, and nobody may end a node by sending one.

    :param node: the node
    :param stop: done when it shall stop
    :param failures: counts the callbacks that raised, by the kind of error; default: nobody asks
    :raises NodeFailedError: if a callback does
    :raises InputError: if a callback does
    """
    said_s: dict[str, float] = {}
    # With no message and a stopped clock it would wait for ever.
    wake = node.create_guard_condition(lambda: None)

    def wake_up(_stop: Future[None]) -> None:
        with suppress(rclpy_implementation.InvalidHandle):  # it has ended already
            wake.trigger()

    stop.add_done_callback(wake_up)
    with executing(node) as executor:
        try:
            while not stop.done():
                try:
                    executor.spin_once()
                except (NodeFailedError, InputError):
                    raise  # what a node ends for, and says why: a recorder's full disk
                except Exception as error:
                    if failures is not None:
                        failures[type(error).__name__] += 1
                    _say(node, error, said_s)
                    _free(node)
        finally:
            node.destroy_guard_condition(wake)


def _say(node: Node, error: Exception, said_s: dict[str, float]) -> None:
    kind = type(error).__name__
    if time.monotonic() - said_s.get(kind, -_SAY_AGAIN_S) >= _SAY_AGAIN_S:
        said_s[kind] = time.monotonic()
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = ' '.join(str(error).split())
        node.get_logger().error(
            f'a callback failed and is left out: {kind}: {text} ({where.name}, line {where.lineno})'
        )


def _free(node: Node) -> None:
    """
    Let what failed be called again.

    Where not the callback failed but the taking of its message, rclpy's executor counts it as being called for ever.
    """
    entities: tuple[Any, ...] = (*node.subscriptions, *node.services, *node.clients, *node.timers, *node.guards)
    for entity in (*entities, *node.waitables):
        if entity._executor_event:
            entity._executor_event = False
            if entity.callback_group is not None:
                entity.callback_group.ending_execution(entity)


def drain(node: Node, taken: Callable[[], int]) -> None:
    """
    Take what had arrived when :func:`spin` ended.

    :param node: the node
    :param taken: how many messages it has taken so far
    """
    deadline_s = time.monotonic() + _DRAIN_S  # topics that still flow would never run dry
    before = -1
    with executing(node) as executor:
        while before < taken() and time.monotonic() < deadline_s:
            before = taken()
            executor.spin_once(timeout_sec=_IDLE_S)


def run_node(
    make: Callable[[], Any],
    args: Sequence[str] | None,
    *,
    executable: str,
    purpose: str,
    table: Sequence[Setting],
    begin: Callable[[Any, Future[None]], None] = lambda _node, _stop: None,
    loop: Callable[[Any, Future[None]], None] = spin,
    last_resort: Callable[[Any], None] | None = None,
    report_mistake: Callable[[str], int] | None = None,
) -> int:
    """
    Run one node as this process.

    :param make: makes the node (a :class:`Closable`); called when rclpy is up
    :param args: command line without the program's name; ``None``: this process's
    :param executable: the executable's name, for messages
    :param purpose: one sentence for ``--help``
    :param table: the node's parameters, for ``--help``
    :param begin: called with the node and the future of ``loop`` once, before it: what takes long at the start
    :param loop: runs the node until the future is done
    :param last_resort: called with the node, in another thread, where it has not ended 0.9 s after SIGINT or SIGTERM;
        the process ends then, whatever it does, at the start with code 0. ``None``: it is given the time that it takes
    :param report_mistake: reports a user's mistake and returns the exit code; ``None``: in one line on stderr, 1
    :returns: exit code: 0 after SIGINT, SIGTERM or ``--help``, 1 where the node failed, and after a user's
        mistake what ``report_mistake`` returns
    :raises Exception: what the node raised, where it is neither a user's mistake nor a :class:`NodeFailedError`
    """
    args = sys.argv[1:] if args is None else list(args)
    report_mistake = report_mistake or partial(_report_mistake, executable)
    write_anywhere()
    ending = _Ending(last_resort)
    if orphaned():
        return report_mistake(f'the process that started it must live on: {PARENT_VARIABLE} names another')
    code = 0
    try:
        if _checked(args, executable, purpose, table):
            # rclpy's own handlers shut the context down at once: then no zero command could be published any more.
            rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
            ending.node = make()
            _live(ending, begin, loop)
            ending.code = code
    except NodeFailedError as error:
        traceback.print_exception(error)
        code = 1
    except _MISTAKES as error:
        code = report_mistake(str(error))
    except _MISTAKES_AT_START as error:
        if ending.node is not None:
            raise
        # rcl adds the places in its own source.
        code = report_mistake(re.sub(r',? at /\S+:\d+', '', f'ROS arguments must be valid. Got: {error}'))
    finally:
        ending.end()
    if any(thread.name in LEFT_BEHIND for thread in threading.enumerate()):
        end_process(code=code)  # the interpreter's own end would take from under them what they work with
    return code


def _checked(args: Sequence[str], executable: str, purpose: str, table: Sequence[Setting]) -> bool:
    """Check the command line before ROS sees it; ``False`` where only help was asked for, which it prints."""
    check_files(args)
    others = remove_ros_args([executable, *args])[1:]
    if others in (['--help'], ['-h']):
        print(usage(executable, purpose, table))
        return False
    if others:
        raise InputError(f'ROS arguments are needed (--ros-args …; see --help). Got {" ".join(others)}')
    check_environment(args)
    return True


def _live(
    ending: _Ending, begin: Callable[[Any, Future[None]], None], loop: Callable[[Any, Future[None]], None]
) -> None:
    """Run the node that was made until it shall stop, and close it whatever happened."""
    try:
        if not ending.stop.done():
            begin(ending.node, ending.stop)
        ending.begun = True
        if not ending.stop.done():
            loop(ending.node, ending.stop)
    except BaseException:
        # Whatever happened, the robot is stopped; the first mistake is the one to report.
        with suppress(Exception):
            ending.node.close()
        raise
    ending.node.close()


class _Ending:
    """
    The end on SIGINT or SIGTERM: asked for once, done in time, and undisturbed by signals that come again.

    :param last_resort: as of :func:`run_node`
    """

    def __init__(self, last_resort: Callable[[Any], None] | None) -> None:
        self.stop: Future[None] = Future()
        self.node: Any = None
        self.begun = False
        self.code: int | None = None
        self._last_resort = last_resort
        # Python's handlers run in the main thread alone, which may hang: a thread of its own reads of each signal.
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: None)
        threading.Thread(target=self._wait, name='signals', daemon=True).start()

    def end(self) -> None:
        """Give back node and middleware; signals that come now find a process that ends already."""
        if self.node is not None:
            self.node.destroy_node()
        rclpy.try_shutdown()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def _wait(self) -> None:
        number = os.read(self._read, 1)[0]
        self.stop.set_result(None)
        if self._last_resort is None:
            return
        time.sleep(_GRACE_S)
        if self.code is not None:
            end_process(code=self.code)  # the node has done its part, the middleware has not
        if self.node is not None:
            self._last_resort(self.node)
        if not self.begun:
            end_process(code=0)  # loading a policy may take longer: nothing is lost
        end_process(f'the node has not ended {_GRACE_S} s after signal {number}: the process ends', 128 + number)


def _report_mistake(executable: str, mistake: str) -> int:
    print(f'{executable}: {printable(" ".join(mistake.split()))}', file=sys.stderr, flush=True)
    return 1
