"""What becomes of a decision: the command first, then the record of the tick, the statistics and the log."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions

from lnn_controller.control import Controller, Decision
from lnn_controller.data.topic_names import COMMAND
from lnn_controller.nodes.common.diagnostics import WindowPercentiles
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.topics import CONTROLLER
from lnn_controller.nodes.controller.command_output import CommandOutput
from lnn_controller.nodes.controller.emergency_stop import EmergencyStop
from lnn_controller.nodes.controller.event_log import EventLog
from lnn_controller.nodes.controller.telemetry import Telemetry

__all__ = ['Outputs', 'Statistics']


class Statistics:
    """What the network costs, over the newest ticks; and the newest decision."""

    def __init__(self) -> None:
        self.newest: Decision | None = None
        self._step_us, self._encode_us = WindowPercentiles(), WindowPercentiles()

    def note(self, decision: Decision) -> None:
        """
        Take a decision.

        :param decision: that was published
        """
        self.newest = decision
        if decision.mode != 'stop':
            self._step_us.add(decision.encode_us + decision.step_us)
            if decision.encode_us:
                self._encode_us.add(decision.encode_us)

    def figures(self) -> dict[str, float]:
        """
        Return what diagnostics report of them.

        :returns: µs by key
        """
        return self._step_us.figures('step_latency', 'us') | self._encode_us.figures('encode', 'us')


class Outputs:
    """
    The sinks of a decision.

    A command to move goes out only where the emergency stop was not engaged since it was decided: :meth:`halt` may be
    called by any thread, and waits for one command at the most, never for the tick.

    :param node: the node
    :param controller: whose decisions they are
    :param values: the node's parameters, as they are now
    :param emergency: the node's emergency stop
    :param log: the node's log
    :param active: whether the controller drives; while it does not, there is nothing to halt
    """

    def __init__(
        self,
        node: Node,
        controller: Controller,
        values: Mapping[str, Any],
        emergency: EmergencyStop,
        log: EventLog,
        *,
        active: Callable[[], bool],
    ) -> None:
        self._node, self._emergency, self._active, self._values = node, emergency, active, values
        publisher = find(CONTROLLER, COMMAND, values).advertise(
            node, qos_overriding_options=QoSOverridingOptions.with_default_policies()
        )
        self.command = CommandOutput(publisher, controller.policy.spec.channels, values, node.get_clock())
        self.telemetry = Telemetry(node, controller)
        self.statistics = Statistics()
        self.publishers = [publisher, *self.telemetry.publishers]
        self._sinks = (self.telemetry.publish_tick, self.statistics.note, log.note)
        self._sending = threading.Lock()  # held while a command goes out, and no longer
        self._halted = False

    def publish(self, decision: Decision) -> bool:
        """
        Publish a decision, unless it is to move and the emergency stop was engaged since it was made.

        :param decision: of a tick, or a stop between two
        :returns: whether it was published
        """
        with self._sending:
            if decision.mode != 'stop' and (self._halted or self._emergency.holders):
                return False
            # Stamps rise strictly within one time; a new one has begun where the clock jumped.
            self.command.send(decision.command, decision.stamp_ns, restart=decision.reason == 'clock_jump')
        for sink in self._sinks:
            sink(decision)
        return True

    def show(self, decision: Decision) -> None:
        """
        Publish what is shown at a rate of its own; nobody waits for it, so it needs no turn.

        :param decision: that was published
        """
        self.telemetry.publish_at_rate(decision, self._values)

    def halt(self) -> None:
        """Send zeros now, from any thread; the next tick learns of it by :meth:`take_halt`."""
        with self._sending:
            if self._active():
                self._halted = True
                self.command.zeros()

    def keep_alive(self) -> None:
        """Send zeros, from any thread, unless the controller drives."""
        with self._sending:
            if not self._active():
                self.command.zeros()

    def take_halt(self) -> bool:
        """
        Return whether :meth:`halt` was called since the last call of this.

        :returns: whether; a stop that was let go again since is one too
        """
        with self._sending:
            halted, self._halted = self._halted, False
        return halted

    def close(self) -> None:
        """Give back the publishers."""
        for publisher in self.publishers:
            self._node.destroy_publisher(publisher)
