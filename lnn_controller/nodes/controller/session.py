"""What a configured controller node has: policy, topics, encoder thread; and, while it is active, the control loop."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import Imu, LaserScan, PointCloud2

from lnn_controller.control import Controller, Decision
from lnn_controller.control.adaptation.snapshots import read_snapshot, write_snapshot
from lnn_controller.data.messages.cdr import IncompleteImuError
from lnn_controller.data.messages.images import compressed_from_cdr, image_from_cdr, imu_from_cdr, stamp_from_cdr
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.data.topic_names import COMMAND, COMPRESSED_IMAGE, IMAGE, IMU, ODOMETRY, OVERRIDE, POINTS, SCAN
from lnn_controller.errors import InputError, short
from lnn_controller.nodes.common.diagnostics import Rate, Spread
from lnn_controller.nodes.common.exclusive import WAIT_S, Exclusive
from lnn_controller.nodes.common.message_types import type_name
from lnn_controller.nodes.common.messages import channel_velocities
from lnn_controller.nodes.common.process import end_process
from lnn_controller.nodes.common.qos import QosWatch
from lnn_controller.nodes.common.topics import CONTROLLER, find
from lnn_controller.nodes.controller.command_output import CommandOutput
from lnn_controller.nodes.controller.control_loop import ControlLoop
from lnn_controller.nodes.controller.emergency_stop import EmergencyStop
from lnn_controller.nodes.controller.encoder_thread import EncoderThread
from lnn_controller.nodes.controller.event_log import Reporter
from lnn_controller.nodes.controller.obstacles import cloud_points, place, scan_points, supported
from lnn_controller.nodes.controller.parameters import control_settings
from lnn_controller.nodes.controller.polled import Polled, take_all
from lnn_controller.nodes.controller.telemetry import Telemetry
from lnn_controller.nodes.controller.waiting import waiting_for
from lnn_controller.nodes.controller.watchdog import Watchdog
from lnn_controller.policy import Policy
from lnn_controller.policy.files import expand

__all__ = ['Driving']

LISTEN_S = 0.5
TICK_ENDS_S = 0.1  # a tick that runs, when it shall be the last
TICK_GIVEN_UP_S = 0.3
ENCODER_ENDS_S = 0.2


class Driving:
    """
    A :class:`~lnn_controller.control.Controller` behind ROS topics, from configure to cleanup.

    Three threads: the executor's hands camera frames to the encoder's; the control loop's takes everything else that a
    tick needs straight from its subscriptions, decides and publishes. A fourth watches that ticks come. What a tick
    decided is published only if nothing that stops or resets the robot came while it ran.

    :param node: the node that it belongs to
    :param values: its parameters
    :param emergency: the node's emergency stop, which outlives this
    :param failed: called in one of the threads with what ended it; the robot has been sent zeros
    :raises InputError: if there is no such policy, whole, or a library is missing
    """

    def __init__(
        self, node: Node, values: Mapping[str, Any], emergency: EmergencyStop, failed: Callable[[BaseException], None]
    ) -> None:
        self.values = dict(values)
        self._node, self._clock, self._emergency, self._tell_failure = node, node.get_clock(), emergency, failed
        self.policy = Policy.load(values['policy'])
        spec = self.policy.spec
        self.controller = Controller(self.policy, control_settings(values, spec))
        self.exclusive = Exclusive(self._posted_failed)
        self._overtaken = self._overdue = False
        self.decision: Decision | None = None
        self.rates = {name: Rate() for name in ('image', 'imu', 'scan')}
        self.spreads = {name: Spread() for name in ('step_latency', 'encode')}
        self.undecodable: Counter[str] = Counter()
        self.loop: ControlLoop | None = None
        self._report = Reporter(node.get_logger())
        self._halted = False
        self._sending = threading.Lock()  # held while a command goes out, and no longer
        self._imu: Subscription[Imu] | None = None
        self._odometry: Subscription[Odometry] | None = None
        self._load_adaptation()
        self._advertise()
        self._subscribe()
        self._listening_since_s = time.monotonic()
        self.qos = QosWatch(
            node,
            self._publishers,
            [*self._subscriptions, emergency.subscription],
            alone=self._publishers[0],
            heard=[self._override, emergency.subscription],
            error=self._report.error,
        )
        self.encoder: EncoderThread[tuple[int, bytes]] = EncoderThread(self._encode, self._thread_failed)

    def _advertise(self) -> None:
        overriding = QoSOverridingOptions.with_default_policies()
        topic = find(CONTROLLER, COMMAND, self.values)
        command_out = topic.advertise(self._node, qos_overriding_options=overriding)
        self.output = CommandOutput(command_out, self.policy.spec.channels, self.values, self._clock)
        self.telemetry = Telemetry(self._node, self.controller)
        self._publishers = [command_out, *self.telemetry.publishers]

    def _subscribe(self) -> None:
        silent = SubscriptionEventCallbacks(use_default_callbacks=False)  # QosWatch says it better
        overriding = QoSOverridingOptions.with_default_policies()

        def subscribe(name: str, callback: Callable[[Any], None], **options: Any) -> Subscription[Any]:
            options |= {'qos_overriding_options': overriding, 'event_callbacks': silent}
            return find(CONTROLLER, name, self.values).subscribe(self._node, callback, **options)

        def polled(name: str, **options: Any) -> Subscription[Any]:
            return subscribe(name, lambda _: None, callback_group=Polled(), **options)

        bits = self.policy.spec.image.bits
        if self.values['image_transport'] == 'raw':
            self._decode: Callable[[bytes, int], Any] = partial(image_from_cdr, bits=bits)
            camera = subscribe(IMAGE, self._on_image, raw=True)
        else:
            self._decode = partial(compressed_from_cdr, bits=bits)
            camera = subscribe(COMPRESSED_IMAGE, self._on_image, raw=True)
        if self.policy.spec.imu is not None:
            self._imu = polled(IMU, raw=True)
        if self.values['adaptation.odometry']:
            self._odometry = polled(ODOMETRY)
        self._override = polled(OVERRIDE)
        self._awaited = {'no_image': camera, 'no_imu': self._imu}
        if self.values['guard.source'] == 'scan':
            self._awaited['no_scan'] = subscribe(SCAN, self._on_scan)
        elif self.values['guard.source'] == 'points':
            self._awaited['no_scan'] = subscribe(POINTS, self._on_points)
        used = (self._override, self._odometry, *self._awaited.values())
        self._subscriptions = [each for each in used if each is not None]

    def activate(self) -> None:
        """Begin to drive: fresh hidden state, and nothing that arrived before counts."""
        # A latched emergency stop arrives when its publisher has been discovered, which may be after the first image.
        time.sleep(max(0.0, self._listening_since_s + LISTEN_S - time.monotonic()))
        self.qos.look()
        with self.exclusive.turn():
            self.controller.reset()
        self.decision = None
        for subscription in (self._imu, self._odometry, self._override):
            if subscription is not None:
                list(take_all(subscription))
        self.loop = ControlLoop(
            self._clock,
            self.values['control_rate_hz'],
            self._tick,
            silent=lambda: self._stop('clock_stopped'),
            failed=self._thread_failed,
            simulated=self._node.get_parameter('use_sim_time').value,
        )
        self.loop.start()
        Watchdog(self.loop, zeros=self.output.zeros, overdue=self._on_overdue, end=self._end)

    def look(self) -> None:
        """Look at the graph, once a second: who does not fit, and where that is which it waits for."""
        self.qos.look()
        if self.loop is None:
            return
        if self.decision is None:
            if self._node.get_parameter('use_sim_time').value:
                self._report.waits('waits for /clock (use_sim_time): nobody has told the time yet')
        elif (awaited := self._awaited.get(self.decision.reason)) is not None:
            names = self._node.get_topic_names_and_types()
            published = {name: kinds for name, kinds in names if self._node.count_publishers(name)}
            self._report.waits(waiting_for(awaited.topic_name, type_name(awaited.msg_type), published))

    def deactivate(self, reason: str) -> None:
        """
        Stop the robot: no tick comes after these zeros.

        :param reason: why, in one word
        """
        loop, self.loop = self.loop, None
        if loop is not None and not loop.stop(TICK_ENDS_S):
            self.output.zeros()  # what that tick decides is not published any more
            if not loop.stop(max(TICK_GIVEN_UP_S, loop.period_s)):
                self.output.shut()
                self._tell_failure(TimeoutError(f'the control tick must end. Got one that still runs ({reason})'))
                return
        try:
            self._stop(reason)
        except BaseException:
            self.output.shut()
            raise
        self.output.flush()

    def halt(self) -> None:
        """Send zeros now, between two ticks: the emergency stop, which the next tick sees, waits for none."""
        with self._sending:
            if self.loop is not None:
                self._halted = True
                self.output.zeros()

    def close(self) -> None:
        """Give back topics and threads."""
        if not self.encoder.stop(ENCODER_ENDS_S):
            self._report.throttled('encoder', 'the encoder has not ended: it is left behind')
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)

    def apply(self, changed: Mapping[str, Any]) -> None:
        """
        Take live parameters.

        :param changed: new values by name
        """
        self.values |= changed
        settings = control_settings(self.values, self.policy.spec)

        def take() -> None:
            self.controller.settings = settings
            self.telemetry.configure(learnt=False)

        self.exclusive.post(take)
        if 'control_rate_hz' in changed and self.loop is not None:
            self.loop.set_rate(changed['control_rate_hz'])

    def change_adaptation(self, action: Callable[[], None]) -> None:
        """
        Change what was learnt, between two ticks.

        :param action: what does it
        :raises InputError: as the action; or if a tick runs too long
        """
        with self.exclusive.turn(WAIT_S):
            action()
            self.telemetry.configure(learnt=True)

    def save_adaptation(self) -> Path:
        """
        Write what was learnt to the file of the parameter ``adaptation.snapshot``.

        :returns: the file
        :raises InputError: if there is no such parameter, or it cannot be written
        """
        name = self.values['adaptation.snapshot']
        if not name:
            raise InputError('the parameter adaptation.snapshot must name the file. Got an empty one: set it first')
        with self.exclusive.turn(WAIT_S):
            kept = self.controller.adaptation.keep()
        return write_snapshot(name, kept)

    def _load_adaptation(self) -> None:
        name = self.values['adaptation.snapshot']
        if not name:
            return
        try:
            if expand(name).exists():
                self.controller.adaptation.load(read_snapshot(name))
        except InputError as error:
            raise InputError(f'parameter adaptation.snapshot, {short(name)}: {error}') from None

    def _on_image(self, data: bytes) -> None:
        self.rates['image'].tick()
        if self.loop is not None:
            self.encoder.put((self._now_ns(), data))

    def _encode(self, item: tuple[int, bytes]) -> None:
        arrived_ns, data = item
        try:
            stamp_ns = stamp_from_cdr(data) or arrived_ns
            with self.exclusive.turn():
                taken = self.controller.takes_image(stamp_ns, arrived_ns)
            if not taken:
                why = 'its stamp is old, or ahead of the clock'
                if arrived_ns:  # before the first /clock it is not the stamp that is wrong
                    self._report.throttled('image', f'a camera image was refused: {why}')
                return
            encoded = self.controller.encode(self._decode(data, round(self.values['image_max_megapixels'] * 1e6))[2])
        except InputError as error:
            self._undecodable('image', error)
            return
        with self.exclusive.turn():
            self.controller.on_encoded(stamp_ns, encoded, arrived_ns)

    def _on_scan(self, message: LaserScan) -> None:
        self._take_obstacles(message, lambda scan: scan_points(scan, self.values['guard.min_valid']))

    def _on_points(self, message: PointCloud2) -> None:
        values = self.values
        names = ('min_height_m', 'max_height_m', 'sensor_z_m', 'min_valid')
        self._take_obstacles(message, lambda cloud: cloud_points(cloud, *(values[f'guard.{name}'] for name in names)))

    def _take_obstacles(self, message: Any, read: Callable[[Any], Any]) -> None:
        self.rates['scan'].tick()
        now_ns, settings = self._now_ns(), self.controller.settings
        guard = settings.guard
        assert guard is not None
        x_m, y_m, yaw_rad = (self.values[f'guard.sensor_{name}'] for name in ('x_m', 'y_m', 'yaw_rad'))
        try:
            reach_m = settings.guard_reach_m(self.policy.spec) + math.hypot(x_m, y_m) + guard.footprint.circumradius_m
            seen = supported(read(message), self.values['guard.min_points'], reach_m)
            points, sight = place(seen, x_m, y_m, yaw_rad, guard.footprint)
        except InputError as error:
            self._undecodable('scan', error)
            return
        stamp_ns = stamp_ns_of(message)
        self.exclusive.post(lambda: self.controller.on_obstacles(stamp_ns or now_ns, points, now_ns, sight))

    def interrupt(self, action: Callable[[], None]) -> None:
        """
        Have the controller reset; returns at once, and what the tick that runs now decides does not count.

        :param action: does it
        """
        self._overtaken = True
        self.exclusive.post(action)

    def _tick(self, now_ns: int) -> None:
        loop = self.loop
        with self.exclusive.turn():
            decision = self._decide(now_ns)
            if loop is None or loop.stopping:
                return
            if not self._publish(decision):
                self._stop_in_turn('emergency_stop')
                return
        self.telemetry.show(decision, self.values)
        if decision.mode != 'stop':
            self.spreads['step_latency'].add(decision.encode_us + decision.step_us)
            if decision.encode_us:
                self.spreads['encode'].add(decision.encode_us)

    def _decide(self, now_ns: int) -> Decision:
        controller = self.controller
        self._overtaken = False
        self.exclusive.catch_up()
        self._take_inputs(now_ns)
        before = controller.state
        decision = self._step(now_ns)
        if self._overdue:
            self._overdue = False
            controller.state = before
            return controller.stop(self._now_ns(), 'tick_late')
        if self._overtaken:
            controller.state = before
            self.exclusive.catch_up()
            return self._step(now_ns)
        return decision

    def _step(self, now_ns: int) -> Decision:
        if self._unheard and not self._emergency.holders:
            return self.controller.stop(now_ns, 'unheard_publisher')
        return self.controller.step(now_ns)

    def _take_inputs(self, now_ns: int) -> None:
        controller = self.controller
        self._emergency.take()
        self._take_emergency_stop()
        for message in take_all(self._override):
            controller.on_override(now_ns, channel_velocities(self.policy.spec.channels, message))
        if self._odometry is not None:
            for message in take_all(self._odometry):
                speed_m_s = message.twist.twist.linear.x
                controller.on_odometry(stamp_ns_of(message) or now_ns, speed_m_s, now_ns)
        if self._imu is None:
            return
        for data in take_all(self._imu):
            self.rates['imu'].tick()
            try:
                stamp_ns, gyro, accel = imu_from_cdr(data)
            except InputError as error:
                self._undecodable('imu', error)
            else:
                if not controller.on_imu(stamp_ns or now_ns, gyro, accel, now_ns):
                    why = 'its stamp is old or ahead of the clock, or its values are beyond what an IMU measures'
                    self._report.throttled('imu', f'an IMU sample was refused: {why}')

    def _take_emergency_stop(self) -> None:
        with self._sending:
            # A stop that was let go again before this tick is one too: the drive begins anew.
            halted, self._halted = self._halted, False
        # What a latched publisher said before takes a moment to come: until then the robot does not set off.
        stands = self.decision is None or self.decision.mode == 'stop'
        engaged = halted or bool(self._emergency.holders) or (stands and self._emergency.pending)
        self.controller.set_emergency_stop('node', engaged)

    @property
    def _unheard(self) -> bool:
        return self.qos.unheard and not self.values['allow_unheard_publishers']

    def _stop(self, reason: str) -> None:
        with self.exclusive.turn(TICK_GIVEN_UP_S):
            self._stop_in_turn(reason)

    def _stop_in_turn(self, reason: str) -> None:
        self._take_emergency_stop()
        self._publish(self.controller.stop(self._now_ns(), reason))

    def _publish(self, decision: Decision) -> bool:
        """Send a decision, unless it is to move and the emergency stop was engaged since it was made."""
        with self._sending:
            if decision.mode != 'stop' and (self._halted or self._emergency.holders):
                return False
            # Stamps rise strictly within one time; a new one has begun where the clock jumped.
            self.output.send(decision.command, decision.stamp_ns, restart=decision.reason == 'clock_jump')
        self.telemetry.tick(decision)
        self.decision = decision
        self._report.decided(decision)
        return True

    def _on_overdue(self, waited_s: float) -> None:
        self._overdue = True
        self._report.throttled('tick', f'the control tick has not ended for {waited_s:.2f} s: zeros are published')

    def _end(self, reason: str) -> None:
        try:
            self.output.shut()  # a tick that comes back now must not have the last word
        finally:
            end_process(reason)

    def _thread_failed(self, error: BaseException) -> None:
        try:
            self.output.shut()
        finally:
            self._tell_failure(error)

    def _posted_failed(self, error: Exception) -> None:
        self._report.throttled('posted', f'what a message or a service asked for failed: {error!r}')

    def _undecodable(self, sensor: str, error: InputError) -> None:
        reason = f'{sensor}_incomplete' if isinstance(error, IncompleteImuError) else f'{sensor}_undecodable'
        self.undecodable[reason] += 1
        self._report.throttled(sensor, f'{reason}: {error}')

    def _now_ns(self) -> int:
        return self._clock.now().nanoseconds
