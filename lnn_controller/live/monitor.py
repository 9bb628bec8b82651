"""Watch a drive from outside: is the graph complete, where is the car, how well does it keep its lane."""

import time
from collections import deque
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64, UInt32

from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.data.topic_names import (
    COMMAND,
    CONTROLLER_NODE,
    CROSS_TRACK_ERROR,
    DEPARTURES,
    DIAGNOSTICS,
    IMAGE,
    IMU,
    NEURONS,
    ODOMETRY,
    SIMULATOR_NODE,
    resolve,
)
from lnn_controller.metrics.statistics import mean_rate
from lnn_controller.nodes.common.qos import qos_profile

__all__ = ['Monitor']

NEURONS_TOPIC = resolve(NEURONS, CONTROLLER_NODE)
ERROR_TOPIC, DEPARTURES_TOPIC = resolve(CROSS_TRACK_ERROR, SIMULATOR_NODE), resolve(DEPARTURES, SIMULATOR_NODE)
COMMAND_TOPIC, ODOMETRY_TOPIC = resolve(COMMAND), resolve(ODOMETRY)
RECORDED = (resolve(IMAGE), resolve(IMU), ODOMETRY_TOPIC, COMMAND_TOPIC, NEURONS_TOPIC, DEPARTURES_TOPIC)
RATE_WINDOW_S = 1.0


class Monitor(Node):
    """
    A node beside simulator, controller and recorder; it reports when all is ready, and lets the car go.

    The controller is started with ``speed_scale`` 0: its network runs, its commands are zero. :meth:`release` sets it
    to 1 through the controller's parameter service, as ``ros2 param set`` would.

    :param seconds: how long the drive shall last, from the first command to move, s
    """

    def __init__(self, seconds: float) -> None:
        super().__init__('monitor')
        self.seconds = seconds
        self.speed_m_s = 0.0
        self.cross_track_error_m = 0.0
        self.departures = 0
        self.stopped_for = ''
        self._departures_before = 0
        self._start_ns: int | None = None
        self._first: tuple[int, float] | None = None
        self._last: tuple[int, float] | None = None
        self._commands: deque[int] = deque(maxlen=1000)
        self._neurons_move = False
        self._release: Any = None
        self._switched: Any = None
        self.create_subscription(Odometry, ODOMETRY_TOPIC, self._on_odometry, 10)
        self.create_subscription(TwistStamped, COMMAND_TOPIC, self._on_command, 50)
        self.create_subscription(Float64, ERROR_TOPIC, self._on_error, 10)
        self.create_subscription(UInt32, DEPARTURES_TOPIC, self._on_departures, qos_profile(1, latched=True))
        self.create_subscription(JointState, NEURONS_TOPIC, self._on_neurons, 10)
        self.create_subscription(DiagnosticArray, DIAGNOSTICS, self._on_diagnostics, 10)
        self._controller = AsyncParameterClient(self, CONTROLLER_NODE)
        self._simulator = AsyncParameterClient(self, SIMULATOR_NODE)

    def missing(self) -> str:
        """
        Return what the graph still lacks.

        :returns: in words; empty when the car may go
        """
        if self._last is None:
            return 'the simulator'
        for topic in RECORDED:
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
        """Let the car go; the drive begins with the first command to move."""
        self._departures_before = self.departures
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
        """Whether the drive has lasted as long as it shall."""
        return self.driven_s >= self.seconds

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
        self.speed_m_s = message.twist.twist.linear.x
        self._last = (stamp_ns, time.monotonic())
        if self._start_ns is not None and self._first is None:
            self._first = self._last

    def _on_command(self, message: TwistStamped) -> None:
        stamp_ns = stamp_ns_of(message)
        self._commands.append(stamp_ns)
        while stamp_ns - self._commands[0] > RATE_WINDOW_S * 1e9:
            self._commands.popleft()
        moves = message.twist.linear.x != 0.0 or message.twist.angular.z != 0.0
        if moves and self._start_ns is None:
            self._start_ns = stamp_ns

    def _on_error(self, message: Float64) -> None:
        self.cross_track_error_m = message.data

    def _on_departures(self, message: UInt32) -> None:
        self.departures = message.data - self._departures_before

    def _on_neurons(self, message: JointState) -> None:
        self._neurons_move = self._neurons_move or any(message.position)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(CONTROLLER_NODE):
                self.stopped_for = next((item.value for item in status.values if item.key == 'reason'), '')
