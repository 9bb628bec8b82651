"""What the controller publishes of itself while it drives: neurons, ticks, configuration, what it learns."""

import secrets
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from lnn_controller.control import Controller, Decision
from lnn_controller.control.adaptation.adaptation import fingerprint
from lnn_controller.control.tick_record import Configuration, tick_names, tick_row
from lnn_controller.control.tick_times import Turn
from lnn_controller.data.topic_names import ADAPTATION, CONFIGURATION, NEURONS, TICKS
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.messages import neurons_message, stamp
from lnn_controller.nodes.common.topics import CONTROLLER
from lnn_controller.policy.neurons import neuron_names

__all__ = ['Telemetry']

ADAPTATION_PERIOD_NS = 100_000_000


class Telemetry:
    """
    The topics ``~/neurons``, ``~/ticks``, ``~/configuration`` and ``~/adaptation``.

    Named numbers go out as JointState, the one common message that has them with a stamp: plotting tools offer each by
    its name.

    :param node: the node that publishes
    :param controller: what drives
    """

    def __init__(self, node: Node, controller: Controller) -> None:
        self._controller = controller
        spec = controller.policy.spec
        overriding = QoSOverridingOptions.with_default_policies()
        self.publishers = [
            find(CONTROLLER, name).advertise(node, qos_overriding_options=overriding)
            for name in (NEURONS, TICKS, CONFIGURATION, ADAPTATION)
        ]
        self._neurons_out, self._ticks_out, self._configuration_out, self._adaptation_out = self.publishers
        self._names, self._tick_names = neuron_names(spec), tick_names(spec.channels)
        self._ticks = 0
        self._neurons_turn, self._adaptation_turn = Turn(), Turn()
        self.publish_configuration(learnt=True)

    def publish_configuration(self, *, learnt: bool) -> None:
        """
        Publish the configuration that holds from the next tick on.

        :param learnt: whether what it has learnt was set from outside too, and belongs to it
        """
        controller = self._controller
        # A random number, so that a recording of several controllers tells which configuration a tick refers to.
        self._number = secrets.randbits(48)
        configuration = Configuration(
            number=self._number,
            policy=controller.policy.spec.name,
            policy_sha256=fingerprint(controller.policy.spec),
            settings=controller.settings,
            adaptation=controller.adaptation.snapshot() if learnt else None,
            reduced=True,
            runtime=controller.policy.runtime,
        )
        self._configuration_out.publish(String(data=configuration.to_json()))

    def publish_tick(self, decision: Decision) -> None:
        """
        Publish inputs, state and command of a tick.

        :param decision: its outcome
        """
        row = tick_row(decision, self._ticks, self._number)
        self._ticks += 1
        message = JointState(name=self._tick_names, position=array('d', row))
        message.header.stamp = stamp(decision.stamp_ns)
        message.header.frame_id = decision.reason
        message.velocity = array('d', decision.state.hx.astype(np.float64).tobytes())
        self._ticks_out.publish(message)

    def publish_at_rate(self, decision: Decision, values: Mapping[str, Any]) -> None:
        """
        Publish the neurons' states and what is learnt, each at its rate.

        :param decision: the tick's outcome
        :param values: the node's parameters
        """
        # Half a tick of grace, so that a divisor of the control rate is met exactly.
        now_ns, grace_ns, rate_hz = decision.stamp_ns, 0.5e9 / values['control_rate_hz'], values['neurons_rate_hz']
        if rate_hz and self._neurons_turn.is_due(now_ns, 1e9 / rate_hz, grace_ns):
            self._neurons_out.publish(neurons_message(now_ns, self._names, decision.neurons, decision.time_constants))
        if values['adaptation.mode'] == 'frozen':
            return
        if self._adaptation_turn.is_due(now_ns, ADAPTATION_PERIOD_NS, grace_ns):
            figures = self._controller.adaptation.figures()
            message = JointState(name=list(figures), position=array('d', figures.values()))
            message.header.stamp = stamp(now_ns)
            self._adaptation_out.publish(message)
