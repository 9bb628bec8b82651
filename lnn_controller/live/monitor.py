"""Watch a trial from outside: is the graph complete, how does the robot move, how does its task go."""

import math
import time
from collections import deque
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64, String, UInt32

from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.data.topic_names import (
    COMMAND,
    CONTROLLER_NODE,
    DIAGNOSTICS,
    NEURONS,
    ODOMETRY,
    OUTCOME,
    SIMULATOR_NODE,
    resolve,
)
from lnn_controller.evaluation.from_bag import AXES
from lnn_controller.metrics.statistics import mean_rate
from lnn_controller.nodes.common.messages import channel_velocities
from lnn_controller.nodes.common.topics import RECORDED, SIMULATOR

__all__ = ['Monitor']

NEURONS_TOPIC = resolve(NEURONS, CONTROLLER_NODE)
COMMAND_TOPIC, ODOMETRY_TOPIC = resolve(COMMAND), resolve(ODOMETRY)
RATE_WINDOW_S = 1.0
AFTER_OUTCOME_S = 1.0  # the recorder hears of it, and one sees the robot stop


class Monitor(Node):
    """
    A node beside simulator, controller and recorder; it reports when all is ready, and lets the robot go.

    The controller is started with ``speed_scale`` 0: its network runs, its commands are zero. :meth:`release` sets it
    to 1 through the controller's parameter service, as ``ros2 param set`` would.

    :param robot: name of the robot
    :param seconds: how long the trial shall last unless it has an outcome, from the first command to move, s
    """

    def __init__(self, robot: str, seconds: float) -> None:
        super().__init__('monitor')
        self.seconds = seconds
        self.speed_m_s = 0.0
        self.status: dict[str, float | int] = {}
        self.outcome = ''
        self.stopped_for = ''
        self._before: dict[str, int] = {}
        self._ended_ns: int | None = None
        self._start_ns: int | None = None
        self._first: tuple[int, float] | None = None
        self._last: tuple[int, float] | None = None
        self._commands: deque[int] = deque(maxlen=1000)
        self._neurons_move = False
        self._release: Any = None
        self._switched: Any = None
        self.create_subscription(Odometry, ODOMETRY_TOPIC, self._on_odometry, 10)
        self.create_subscription(TwistStamped, COMMAND_TOPIC, self._on_command, 50)
        measured = [
            row for row in SIMULATOR if row.direction == 'out' and row.when.holds({'robot': robot}) is not False
        ]
        names = [resolve(row.name, SIMULATOR_NODE) for row in measured]
        self._recorded = [COMMAND_TOPIC, NEURONS_TOPIC, *(name for name in names if name.removeprefix('/') in RECORDED)]
        for row, name in zip(measured, names, strict=True):
            if row.name.startswith('~/') and row.type in (Float64, UInt32):
                self.create_subscription(row.type, name, partial(self._on_status, row.name[2:]), row.qos or 10)
            elif row.name == OUTCOME:
                self.create_subscription(String, name, self._on_outcome, row.qos or 10)
        self.create_subscription(JointState, NEURONS_TOPIC, self._on_neurons, 10)
        self.create_subscription(DiagnosticArray, DIAGNOSTICS, self._on_diagnostics, 10)
        self._controller = AsyncParameterClient(self, CONTROLLER_NODE)
        self._simulator = AsyncParameterClient(self, SIMULATOR_NODE)

    def missing(self) -> str:
        """
        Return what the graph still lacks.

        :returns: in words; empty when the robot may go
        """
        if self._last is None:
            return 'the simulator'
        for topic in self._recorded:
            nodes = [item.node_name for item in self.get_subscriptions_info_by_topic(topic)]
            if 'recorder' not in nodes:
                return f'the recorder on {topic}'
        if SIMULATOR_NODE not in [item.node_name for item in self.get_subscriptions_info_by_topic(COMMAND_TOPIC)]:
            return f'the simulator on {COMMAND_TOPIC}'
        # A controller that has seen camera and IMU steps its network, and the neurons leave zero.
        if not self._neurons_move or not self._commands:
            return 'the controller'
        return '' if self._controller.services_are_ready() else "the controller's parameters"

    def release(self) -> None:
        """Let the robot go; the trial begins with the first command to move."""
        self._before = {name: value for name, value in self.status.items() if isinstance(value, int)}
        self._release = self._controller.set_parameters([Parameter('speed_scale', value=1.0)])

    def switch_camera(self, works: bool) -> None:
        """
        Break the simulated camera, or mend it.

        :param works: whether it shall work
        """
        self._switched = self._simulator.set_parameters([Parameter('camera', value=works)])

    @property
    def driven_s(self) -> float:
        """Simulated time since the first command to move, s; 0 before it."""
        if self._start_ns is None or self._last is None:
            return 0.0
        return max(0.0, (self._last[0] - self._start_ns) * 1e-9)

    @property
    def finished(self) -> bool:
        """Whether the trial has lasted as long as it shall, or had its outcome a moment ago."""
        if self._ended_ns is not None and self._last is not None:
            return self._last[0] - self._ended_ns >= AFTER_OUTCOME_S * 1e9
        return self.driven_s >= self.seconds

    @property
    def counts(self) -> dict[str, int]:
        """What the task has counted since the robot was let go, by name."""
        counted = {name: value for name, value in self.status.items() if isinstance(value, int)}
        return {name: value - self._before.get(name, 0) for name, value in counted.items()}

    @property
    def realtime_factor(self) -> float:
        """Simulated per real time during the drive so far; NaN before it."""
        if self._first is None or self._last is None or self._last[1] <= self._first[1]:
            return float('nan')
        return (self._last[0] - self._first[0]) * 1e-9 / (self._last[1] - self._first[1])

    @property
    def control_rate_hz(self) -> float:
        """Commands per simulated second, lately; NaN where none came."""
        return mean_rate(list(self._commands))

    def _on_odometry(self, message: Odometry) -> None:
        stamp_ns = stamp_ns_of(message)
        velocity = message.twist.twist.linear
        self.speed_m_s = math.copysign(math.hypot(velocity.x, velocity.y, velocity.z), velocity.x)
        self._last = (stamp_ns, time.monotonic())
        if self._start_ns is not None and self._first is None:
            self._first = self._last

    def _on_command(self, message: TwistStamped) -> None:
        stamp_ns = stamp_ns_of(message)
        self._commands.append(stamp_ns)
        while stamp_ns - self._commands[0] > RATE_WINDOW_S * 1e9:
            self._commands.popleft()
        if any(channel_velocities(AXES, message)) and self._start_ns is None:
            self._start_ns = stamp_ns

    def _on_status(self, name: str, message: Float64 | UInt32) -> None:
        self.status[name] = message.data

    def _on_outcome(self, message: String) -> None:
        if self._last is not None:
            self.outcome, self._ended_ns = message.data, self._last[0]

    def _on_neurons(self, message: JointState) -> None:
        self._neurons_move = self._neurons_move or any(message.position)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(CONTROLLER_NODE):
                self.stopped_for = next((item.value for item in status.values if item.key == 'reason'), '')
