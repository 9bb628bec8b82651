"""``lnn top``: a live page in the terminal of what a controller does, from its diagnostics, commands and neurons."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.context import Context
from rclpy.node import Node, NodeNameNonExistentError
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from rich.console import Console
from rich.live import Live
from sensor_msgs.msg import JointState

from lnn_controller.data.topic_names import DIAGNOSTICS, NEURONS, check_ros_name
from lnn_controller.errors import InputError
from lnn_controller.live.domain import listening_domain
from lnn_controller.live.top.page import State, page
from lnn_controller.live.waited import waited_for
from lnn_controller.nodes.common.environment import dds_environment
from lnn_controller.nodes.common.executor import executing

__all__ = ['Watcher', 'run_top']

REFRESH_S = 0.2
LOOK_S = 0.5
ONCE_TIMEOUT_S = 10.0
REST_S = 1.5  # that --once gives commands and neurons after the first diagnostics
KINDS: dict[str, Any] = {
    'geometry_msgs/msg/TwistStamped': TwistStamped,
    'geometry_msgs/msg/Twist': Twist,
    'sensor_msgs/msg/JointState': JointState,
}


class Watcher(Node):
    """
    A node that listens to a controller.

    Which topics of velocity commands and neurons it publishes, of which type, is read from the graph: so both types of
    command are understood, and remapped topics are found.

    :param controller: the controller's full name, e.g. ``/controller``
    :param context: the context of the domain to listen in
    """

    def __init__(self, controller: str, context: Context) -> None:
        super().__init__('top', context=context, enable_rosout=False, start_parameter_services=False)
        self._namespace, _, self._name = controller.rpartition('/')
        self._state = State(node=controller)
        self._status_s = self._command_s = 0.0
        self._listening: dict[tuple[str, str], Any] = {}
        self.create_subscription(DiagnosticArray, DIAGNOSTICS, self._on_diagnostics, 10)
        self.create_timer(LOOK_S, self._look)

    @property
    def heard(self) -> bool:
        """Whether diagnostics came."""
        return bool(self._state.values)

    @property
    def complete(self) -> bool:
        """Whether diagnostics, a command and the neurons came."""
        return self.heard and self._state.command is not None and bool(self._state.names)

    @property
    def state(self) -> State:
        """What is known now."""
        now_s = time.monotonic()
        self._state.status_age_s = now_s - self._status_s
        self._state.command_age_s = now_s - self._command_s
        self._state.hint = () if self.heard else waited_for(self, self._state.node)
        return self._state

    def _look(self) -> None:
        """Listen to what the controller publishes now: its publishers come and go with its lifecycle."""
        try:
            topics = self.get_publisher_names_and_types_by_node(self._name, self._namespace or '/')
        except NodeNameNonExistentError:
            return
        wanted = {(topic, kind) for topic, kinds in topics for kind in kinds if kind in KINDS}
        # A controller's ticks and adaptation are named numbers too.
        wanted = {
            each for each in wanted if KINDS[each[1]] is not JointState or each[0].endswith(NEURONS.removeprefix('~'))
        }
        for gone in self._listening.keys() - wanted:
            self.destroy_subscription(self._listening.pop(gone))
        for topic, kind in wanted - self._listening.keys():
            # Best effort hears every kind of publisher, and holds none up where the terminal is slow.
            react = self._on_neurons if KINDS[kind] is JointState else self._on_command
            self._listening[topic, kind] = self.create_subscription(KINDS[kind], topic, react, qos_profile_sensor_data)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f'{self._state.node.lstrip("/")}: control':
                self._state.values = {item.key: item.value for item in status.values}
                self._state.level, self._state.message = status.level[0], status.message
                self._status_s = time.monotonic()

    def _on_command(self, message: Any) -> None:
        twist = getattr(message, 'twist', message)
        command = [getattr(part, axis) for part in (twist.linear, twist.angular) for axis in 'xyz']
        self._state.command = command
        self._state.peaks = [max(peak, abs(value)) for peak, value in zip(self._state.peaks, command, strict=True)]
        self._command_s = time.monotonic()

    def _on_neurons(self, message: JointState) -> None:
        if len(message.name) == len(message.position):
            self._state.names, self._state.neurons = message.name, message.position
            self._state.time_constants = message.effort


def run_top(*, node: str = '/controller', once: bool = False, domain: int | None = None) -> int:
    """
    Show a controller until SIGINT (Ctrl-C), SIGTERM or SIGHUP.

    :param node: its name in the graph, e.g. ``/robot_1/controller``
    :param once: print one page and end, as happens where standard output is no terminal
    :param domain: ROS domain to listen in; ``None``: ROS_DOMAIN_ID, or 0
    :returns: exit status 0
    :raises InputError: if the name or the domain is none, or with ``once`` no diagnostics came
    :raises KeyboardInterrupt: if such a signal came before there was a page to print
    """
    check_ros_name('--node', node)
    os.environ.update(dds_environment())
    context = Context()
    rclpy.init(
        args=[], context=context, domain_id=listening_domain(domain), signal_handler_options=SignalHandlerOptions.NO
    )
    # Not KeyboardInterrupt: raised while rclpy converts a message, it comes out as some other error.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        watcher = Watcher('/' + node.strip('/'), context)
        with executing(watcher) as executor:
            spin_once = partial(executor.spin_once, timeout_sec=REFRESH_S)
            console = Console(highlight=False)
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(errors='replace')  # where there is no block, a question mark
            if once or not sys.stdout.isatty() or console.is_dumb_terminal:
                _wait(watcher, spin_once, stop)
                console.print(page(watcher.state))
            else:
                _show(watcher, spin_once, stop, console)
        watcher.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)
    return 0


def _wait(watcher: Watcher, spin_once: Callable[[], None], stop: threading.Event) -> None:
    begun_s = time.monotonic()
    while not watcher.heard:
        if stop.is_set():
            raise KeyboardInterrupt
        if time.monotonic() - begun_s > ONCE_TIMEOUT_S:
            msg = f'{watcher.state.node} must publish on /diagnostics. Got nothing within {ONCE_TIMEOUT_S:g} s'
            raise InputError(f'{msg}: {"; ".join(watcher.state.hint)}')
        spin_once()
    heard_s = time.monotonic()
    while not (watcher.complete or stop.is_set()) and time.monotonic() - heard_s < REST_S:
        spin_once()


def _show(watcher: Watcher, spin_once: Callable[[], None], stop: threading.Event, console: Console) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while not stop.is_set():
            live.update(page(watcher.state, height=console.size.height), refresh=True)
            drawn_s = time.monotonic()
            while not stop.is_set() and time.monotonic() - drawn_s < REFRESH_S:
                spin_once()
