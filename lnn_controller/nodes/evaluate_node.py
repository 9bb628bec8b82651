"""Compare a running controller's commands with those of the recording that it is shown, and report at the end."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from lnn_controller.control.tick_record import Configuration
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.data.topic_names import CONFIGURATION, CONTROLLER_NODE, RECORDED_COMMAND, TICKS, relative
from lnn_controller.errors import InputError
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.message_types import message_class
from lnn_controller.nodes.common.messages import channel_velocities
from lnn_controller.nodes.common.parameters import declare
from lnn_controller.nodes.common.qos import TWISTS, UNREADABLE, all_reliable, qos_profile, read_graph
from lnn_controller.nodes.common.run import drain, run_node, spin
from lnn_controller.nodes.common.topics import EVALUATOR, QUEUE_DEPTH
from lnn_controller.replay.comparison import Comparison, commands_at, summarise_comparison, usual_period_s
from lnn_controller.report.drive_plot import load_matplotlib
from lnn_controller.report.replay_html import write_report
from lnn_controller.report.replay_report import ReplayReport
from lnn_controller.report.text import replay_table
from lnn_controller.settings import Setting

__all__ = ['PARAMETERS', 'EvaluateNode', 'main']

PARAMETERS = (
    Setting('out', 'evaluation', 'Folder of report.html, commands.png and summary.json.'),
    Setting('recording', 'recording', 'What the recording is called in the report.'),
)
DISCOVERY_PERIOD_S = 0.1
COMMAND = 'command_'
AGAIN_NS = 500_000_000  # a bag that begins again goes back further


class EvaluateNode(Node):
    """
    The evaluator: hears the recording's commands and the controller's ticks, and has the figures of ``lnn replay``.

    :raises InputError: if a parameter is wrong, or matplotlib is missing
    """

    def __init__(self) -> None:
        super().__init__('evaluator')
        self._values = declare(self, PARAMETERS)
        load_matplotlib()  # rather now than when all has been heard
        self._policy = 'policy'
        self._channels: list[str] = []
        self._ticks: list[tuple[int, list[float], float]] = []  # stamp, command (NaN: did not drive), latency
        self._recorded: list[tuple[int, Any]] = []
        self._stops: Counter[str] = Counter()
        self._reason = ''
        self._heard = 0
        find(EVALUATOR, relative(TICKS, CONTROLLER_NODE)).subscribe(self, self._on_tick)
        find(EVALUATOR, relative(CONFIGURATION, CONTROLLER_NODE)).subscribe(self, self._on_configuration)
        # Whether the recording's commands are stamped, only their publisher knows.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._discovery = self.create_timer(DISCOVERY_PERIOD_S, self._discover, clock=steady)

    def run(self, stop: Future[None]) -> None:
        """
        Listen until it shall stop, then take what had arrived by then.

        :param stop: done when it shall stop
        """
        spin(self, stop)
        drain(self, lambda: self._heard)

    def close(self) -> None:
        """
        Write the report.

        :raises InputError: if there is nothing to compare, or the folder cannot be written
        """
        ticks, recorded = len(self._ticks), len(self._recorded)
        if not ticks or not recorded:
            heard = f'{ticks} ticks of the controller, {recorded} commands on {self._topic}'
            raise InputError(f'an evaluation needs commands of both, the controller and the recording. Got {heard}')
        comparison = self._comparison()
        report = ReplayReport(comparison, summarise_comparison(comparison))
        write_report(self._values['out'], [report])
        self.get_logger().info(f'{self._values["out"]}/report.html shows more:\n{replay_table([report])}')

    @property
    def _topic(self) -> str:
        return self.resolve_topic_name(RECORDED_COMMAND)

    def _comparison(self) -> Comparison:
        stamps, given, latency_us = zip(*self._ticks, strict=True)
        known = {at: channel_velocities(self._channels, message) for at, message in self._recorded}
        known_ns = np.array(sorted(known), np.int64)
        stamp_ns = np.array(stamps, np.int64)
        return Comparison(
            policy=self._policy,
            recording=self._values['recording'],
            channels=tuple(self._channels),
            rate_hz=round(1.0 / max(1e-3, usual_period_s(stamp_ns)), 3),
            recorded_period_s=usual_period_s(known_ns),
            stamp_ns=stamp_ns,
            recorded=commands_at(stamp_ns, known_ns, np.array([known[at] for at in known_ns.tolist()])),
            policy_command=np.array(given),
            latency_us=np.array(latency_us),
            stops=dict(self._stops),
        )

    def _discover(self) -> None:
        publishers = read_graph(self.get_publishers_info_by_topic, self._topic)
        if publishers is None:
            self.get_logger().error(f'{self._topic}: {UNREADABLE}', throttle_duration_sec=10.0)
        if not publishers:
            return
        self.destroy_timer(self._discovery)
        name = publishers[0].topic_type
        if name not in TWISTS:
            self.get_logger().error(f"{self._topic} must be Twist or TwistStamped: a recording's commands. Got {name}")
            return
        profile = qos_profile(QUEUE_DEPTH, reliable=all_reliable(publishers))
        self.create_subscription(message_class(name), self._topic, self._on_command, profile)

    def _on_command(self, message: Any) -> None:
        self._heard += 1
        at = (stamp_ns_of(message) if hasattr(message, 'header') else 0) or self.get_clock().now().nanoseconds
        self._recorded.append((at, message))

    def _on_configuration(self, message: String) -> None:
        try:
            self._policy = Configuration.from_json(message.data).policy
        except InputError as error:
            self.get_logger().error(f'the policy driven by is not known: {error}', throttle_duration_sec=5.0)

    def _on_tick(self, message: JointState) -> None:
        self._heard += 1
        values = dict(zip(message.name, message.position, strict=True))
        stamp_ns = stamp_ns_of(message)
        last_ns = self._ticks[-1][0] if self._ticks else stamp_ns - 1
        if last_ns - AGAIN_NS < stamp_ns <= last_ns:
            return  # the clock stands still, as at the bag's end: what the controller does then is not of the recording
        if stamp_ns <= last_ns:
            self.get_logger().info('the time went back, as where a bag begins again: the evaluation does, too')
            self._ticks, self._recorded, self._reason = [], [], ''
            self._stops.clear()
        self._channels = [name.removeprefix(COMMAND) for name in message.name if name.startswith(COMMAND)]
        reason = message.header.frame_id
        if reason and reason != self._reason:
            self._stops[reason] += 1
        self._reason = reason
        drove = not reason and not values['override']
        command = [values[COMMAND + name] if drove else float('nan') for name in self._channels]
        self._ticks.append((stamp_ns, command, values['latency_us']))


def main(args: Sequence[str] | None = None) -> int:
    """
    Evaluate until SIGINT or SIGTERM.

    :param args: command line without the program's name; ``None``: this process's
    :returns: exit code
    """
    purpose = "Compares a running controller's commands with a recording's."
    return run_node(
        EvaluateNode, args, executable='evaluate_node', purpose=purpose, table=PARAMETERS, loop=EvaluateNode.run
    )


if __name__ == '__main__':
    sys.exit(main())
