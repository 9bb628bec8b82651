"""What a configured controller node has: policy, controller, topics; and, while it is active, the control loop."""

import time
from collections import ChainMap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rclpy.node import Node

from lnn_controller.control import Controller, ControlSettings, Decision
from lnn_controller.control.adaptation.snapshots import read_snapshot, write_snapshot
from lnn_controller.errors import InputError, short
from lnn_controller.nodes.common.exclusive import WAIT_S, Exclusive
from lnn_controller.nodes.common.message_types import type_name
from lnn_controller.nodes.common.process import end_process
from lnn_controller.nodes.common.qos import QosWatch
from lnn_controller.nodes.controller.attention import AttentionTopic
from lnn_controller.nodes.controller.control_loop import ControlLoop
from lnn_controller.nodes.controller.emergency_stop import EmergencyStop
from lnn_controller.nodes.controller.event_log import EventLog
from lnn_controller.nodes.controller.inputs import InputTopics
from lnn_controller.nodes.controller.keepalive import Keepalive
from lnn_controller.nodes.controller.outputs import Outputs
from lnn_controller.nodes.controller.parameters import CONFIGURED, control_settings
from lnn_controller.nodes.controller.waiting import waiting_for
from lnn_controller.nodes.controller.watchdog import Watchdog
from lnn_controller.policy import Policy, PolicySpec
from lnn_controller.policy.files import expand

__all__ = ['Session']

LISTEN_S = 0.5
TICK_ENDS_S = 0.1  # a tick that runs, when it shall be the last
TICK_GIVEN_UP_S = 0.3


class Session:
    """
    A :class:`~lnn_controller.control.Controller` behind ROS topics, from configure to cleanup.

    Three threads: the executor's; the encoder's takes camera frames; the control loop's takes everything else that a
    tick needs straight from its subscriptions, decides and publishes. A fourth watches that ticks come, a fifth sends
    zeros while none does (``keepalive_hz``). What a tick decided is published only if nothing that stops or resets the
    robot came while it ran.

    :param node: the node that it belongs to
    :param values: its parameters, kept up to date; those that are not live hold as they are now
    :param emergency: the node's emergency stop, which outlives this
    :param failed: called in one of the threads with what ended it; the robot has been sent zeros
    :raises InputError: if there is no such policy, whole, or a library is missing
    """

    def __init__(
        self, node: Node, values: dict[str, Any], emergency: EmergencyStop, failed: Callable[[BaseException], None]
    ) -> None:
        self.values = ChainMap({name: values[name] for name in CONFIGURED}, values)
        self._node, self._clock, self._emergency, self._on_failure = node, node.get_clock(), emergency, failed
        policy = Policy.load(values['policy'], runtime=values['runtime'])
        self._controller = Controller(policy, control_settings(values, policy.spec))
        self._exclusive = Exclusive(self._posted_failed)
        self._overtaken = self._overdue = False
        self._loop: ControlLoop | None = None
        self._log = EventLog(node.get_logger())
        self._load_adaptation()  # before any line is logged: a user's mistake is told in one
        self._log.info(f'policy {policy.spec.name}, computed by {policy.runtime_note}')
        self._tell_what_is_unguarded()
        self._outputs = Outputs(node, self._controller, self.values, emergency, self._log, active=lambda: self.active)
        self._attention = AttentionTopic(node, policy, self.values, self._log)
        self._inputs = InputTopics(
            node,
            self._controller,
            self._exclusive,
            self.values,
            self._log,
            active=lambda: self.active,
            on_frame=self._on_frame,
            show=self._attention.offer,
            failed=self._thread_failed,
        )
        self._listening_since_s = time.monotonic()
        self._qos = QosWatch(
            node,
            self._outputs.publishers,
            [*self._inputs.subscriptions, emergency.subscription],
            alone=self._outputs.publishers[0],
            heard=[self._inputs.override, emergency.subscription],
            error=self._log.error,
        )
        self._keepalive = Keepalive(
            lambda: float(self.values['keepalive_hz']),
            zeros=self._outputs.keep_alive,
            alone=lambda: self.active or node.count_publishers(self._outputs.publishers[0].topic_name) <= 1,
            yields=self._on_yield,
            failed=self._thread_failed,
        )

    @property
    def spec(self) -> PolicySpec:
        """What the policy is."""
        return self._controller.policy.spec

    @property
    def runtime(self) -> str:
        """What computes it, ``onnx`` or ``native``."""
        return self._controller.policy.runtime

    @property
    def active(self) -> bool:
        """Whether it drives."""
        return self._loop is not None

    @property
    def decision(self) -> Decision | None:
        """The newest decision that was published; ``None`` before the first tick."""
        return self._outputs.statistics.newest

    @property
    def graph_errors(self) -> tuple[str, ...]:
        """What did not fit in the graph at the last look."""
        return self._qos.errors

    def figures(self, now_ns: int) -> dict[str, float]:
        """
        Return what diagnostics report in numbers.

        :param now_ns: now, ns
        :returns: figures by key, of which those not known yet are left out
        """
        # Without taking a turn: a tick may have it for long, and each of these is read as a whole.
        controller = self._controller
        figures = {} if self._loop is None else self._loop.figures(now_ns)
        figures |= self._inputs.figures(now_ns) | self._outputs.statistics.figures()
        figures |= {f'{name}_age_ms': 1e3 * age_s for name, age_s in controller.inputs.ages_s(now_ns).items()}
        figures |= {f'{name}_repeated_s': each_s for name, each_s in controller.inputs.repeated_s().items()}
        if self.values['adaptation.mode'] != 'frozen':
            figures |= {f'adaptation.{name}': value for name, value in controller.adaptation.figures().items()}
        return figures | dict(controller.counters)

    def activate(self) -> None:
        """Begin to drive: fresh hidden state, and nothing that arrived before counts."""
        # A latched emergency stop arrives when its publisher has been discovered, which may be after the first image.
        time.sleep(max(0.0, self._listening_since_s + LISTEN_S - time.monotonic()))
        self._qos.look()
        with self._exclusive.turn():
            self._controller.reset()
        self._outputs.statistics.newest = None
        self._inputs.discard()
        self._loop = ControlLoop(
            self._clock,
            *self._pace(self._controller.settings),
            self._tick,
            silent=lambda: self._stop('clock_stopped'),
            failed=self._thread_failed,
            simulated=self._simulated,
        )
        self._loop.start()
        Watchdog(self._loop, zeros=self._outputs.command.zeros, overdue=self._on_overdue, end=self._end)

    def look(self) -> None:
        """Look at the graph, once a second: who does not fit, and where that is which it waits for."""
        self._qos.look()
        if self._loop is None:
            return
        if self.decision is None:
            if self._simulated:
                self._log.waiting('waits for /clock (use_sim_time): nobody has published the time yet')
        elif (awaited := self._inputs.awaited(self.decision.reason)) is not None:
            try:
                names = self._node.get_topic_names_and_types()
            except UnicodeDecodeError:  # of a name that is no text, of which rclpy reads none then
                names = []
            own = {each.topic_name for each in self._node.publishers}  # of attention, which are pictures too
            published = {name: kinds for name, kinds in names if name not in own and self._node.count_publishers(name)}
            self._log.waiting(waiting_for(awaited.topic_name, type_name(awaited.msg_type), published))

    def look_at_change(self) -> None:
        """Look at the graph if somebody came or left who must be heard; cheap enough for ten times a second."""
        self._qos.look_at_change()

    def deactivate(self, reason: str) -> None:
        """
        Stop the robot: no tick comes after these zeros.

        :param reason: why, in one word
        :raises InputError: if whoever uses the controller does not give it back; zeros alone are sent from then on
        """
        loop, self._loop = self._loop, None
        command = self._outputs.command
        if loop is not None and not loop.stop(TICK_ENDS_S):
            command.zeros()  # what that tick decides is not published any more
            if not loop.stop(max(TICK_GIVEN_UP_S, loop.period_s)):
                command.shut()
                self._on_failure(TimeoutError(f'the control tick must end. Got one that still runs ({reason})'))
                return
        try:
            self._stop(reason)
        except BaseException:
            command.shut()
            raise
        command.flush()

    def halt(self) -> None:
        """Send zeros now, between two ticks: the emergency stop, which the next tick sees, waits for none."""
        self._outputs.halt()

    def shut(self) -> None:
        """Send zeros from any thread, whatever the others do, and nothing but zeros from now on."""
        self._outputs.command.shut()
        self._outputs.command.flush()

    def close(self) -> None:
        """Give back topics and threads."""
        self._keepalive.end()
        self._inputs.close()
        self._attention.close()
        self._outputs.close()

    def apply(self, changed: Mapping[str, Any]) -> None:
        """
        Take parameters that were set.

        :param changed: new values by name, which the node's values have already
        """
        settings = control_settings(self.values, self.spec)

        def take() -> None:
            self._controller.settings = settings
            self._outputs.telemetry.publish_configuration(learnt=False)

        self._exclusive.post(take)
        if self._loop is not None:
            self._loop.set_pace(*self._pace(settings))
        if 'keepalive_hz' in changed:
            self._keepalive.change()

    def reset(self) -> None:
        """Zero hidden state and command; returns at once, and what the tick that runs now decides does not count."""
        self._overtaken = True
        self._exclusive.post(self._controller.reset)

    def save_adaptation(self) -> Path:
        """
        Write what was learnt to the file of the parameter ``adaptation.snapshot``.

        :returns: the file
        :raises InputError: if there is no such parameter, it cannot be written, or a tick runs too long
        """
        name = self.values['adaptation.snapshot']
        if not name:
            raise InputError('the parameter adaptation.snapshot must name the file. Got an empty one: set it first')
        with self._exclusive.turn(WAIT_S):
            kept = self._controller.adaptation.keep()
        return write_snapshot(name, kept)

    def reset_adaptation(self) -> None:
        """
        Forget what was learnt, between two ticks.

        :raises InputError: if a tick runs too long
        """
        self._change_adaptation(self._controller.adaptation.reset)

    def roll_back_adaptation(self) -> None:
        """
        Go back to what was last saved or read, between two ticks.

        :raises InputError: if a tick runs too long
        """
        self._change_adaptation(self._controller.adaptation.roll_back)

    @property
    def _simulated(self) -> bool:
        return bool(self._node.get_parameter('use_sim_time').value)

    def _pace(self, settings: ControlSettings) -> tuple[float, float]:
        return settings.nominal_dt_s, settings.shortest_dt_s(self.spec)

    def _on_frame(self) -> None:
        if (loop := self._loop) is not None:
            loop.on_frame()

    def _change_adaptation(self, action: Callable[[], None]) -> None:
        with self._exclusive.turn(WAIT_S):
            action()
            self._outputs.telemetry.publish_configuration(learnt=True)

    def _tell_what_is_unguarded(self) -> None:
        source, slice_m = self.values['guard.source'], self.values['guard.slice_m']
        if source == 'none' or 'linear_z' not in self.spec.channels:
            return
        seen = f'{slice_m:g} m above and below base_link' if slice_m else f'by guard.source {source}, seen from above'
        limits = 'floor and ceiling alone limit' if self.values['height.source'] != 'none' else 'nothing limits'
        text = f'the obstacle guard looks {seen}: it does not guard climbing and descending, which {limits}'
        self._log.warn('unguarded', text)

    def _load_adaptation(self) -> None:
        name = self.values['adaptation.snapshot']
        if not name:
            return
        try:
            if expand(name).exists():
                self._controller.adaptation.load(read_snapshot(name))
        except InputError as error:
            raise InputError(f'parameter adaptation.snapshot, {short(name)}: {error}') from None

    def _tick(self, now_ns: int) -> None:
        loop = self._loop
        with self._exclusive.turn():
            decision = self._decide(now_ns)
            if loop is None or loop.stopping:
                return
            if not self._outputs.publish(decision):
                self._stop_in_turn('emergency_stop')
                return
        self._outputs.show(decision)

    def _decide(self, now_ns: int) -> Decision:
        controller = self._controller
        self._overtaken = False
        self._exclusive.catch_up()
        self._emergency.take_if_late()
        self._take_emergency_stop()
        self._inputs.take(now_ns)
        before = controller.state
        decision = self._step(now_ns)
        if self._overdue:
            self._overdue = False
            controller.state = before
            return controller.stop(self._now_ns(), 'tick_late')
        if self._overtaken:
            controller.state = before
            self._exclusive.catch_up()
            return self._step(now_ns)
        return decision

    def _step(self, now_ns: int) -> Decision:
        unheard = self._qos.unheard and not self.values['allow_unheard_publishers']
        if unheard and not self._emergency.holders:
            return self._controller.stop(now_ns, 'unheard_publisher')
        return self._controller.step(now_ns)

    def _take_emergency_stop(self) -> None:
        # A stop that was let go again before this tick is one too: the drive begins anew.
        halted = self._outputs.take_halt()
        # What a latched publisher said before takes a moment to come: until then the robot does not set off.
        stands = self.decision is None or self.decision.mode == 'stop'
        engaged = halted or bool(self._emergency.holders) or (stands and self._emergency.pending)
        self._controller.set_emergency_stop('node', engaged)

    def _stop(self, reason: str) -> None:
        with self._exclusive.turn(TICK_GIVEN_UP_S):
            self._stop_in_turn(reason)

    def _stop_in_turn(self, reason: str) -> None:
        self._take_emergency_stop()
        self._outputs.publish(self._controller.stop(self._now_ns(), reason))

    def _on_overdue(self, waited_s: float) -> None:
        self._overdue = True
        self._log.warn('tick', f'the control tick has not ended for {waited_s:.2f} s: zeros are published')

    def _on_yield(self) -> None:
        topic = self._outputs.publishers[0].topic_name
        self._log.warn('keepalive', f'another node publishes {topic}: no zeros (keepalive_hz) as long as it is there')

    def _end(self, reason: str) -> None:
        try:
            self._outputs.command.shut()  # a tick that comes back now must not have the last word
        finally:
            end_process(reason)

    def _thread_failed(self, error: BaseException) -> None:
        try:
            self._outputs.command.shut()
        finally:
            self._on_failure(error)

    def _posted_failed(self, error: Exception) -> None:
        self._log.warn('posted', f'what a message or a service asked for failed: {error!r}')

    def _now_ns(self) -> int:
        return self._clock.now().nanoseconds
