"""What a configured controller node has: policy, topics, encoder thread; and, while it is active, the control loop."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image, Imu, LaserScan, PointCloud2

from lnn_controller.control import Controller, Decision
from lnn_controller.control.snapshots import read_snapshot, write_snapshot
from lnn_controller.data.cdr import IncompleteImuError
from lnn_controller.data.images import compressed_from_cdr, image_from_cdr, imu_from_cdr, stamp_from_cdr
from lnn_controller.errors import InputError
from lnn_controller.nodes.control_loop import ControlLoop
from lnn_controller.nodes.controller_parameters import control_settings
from lnn_controller.nodes.convert import channel_velocities, stamp, stamp_ns_of, twist
from lnn_controller.nodes.diagnostics import Rate, Spread
from lnn_controller.nodes.emergency_stop import EmergencyStop
from lnn_controller.nodes.encoder_thread import EncoderThread
from lnn_controller.nodes.obstacles import cloud_points, place, require_point_clouds, scan_points
from lnn_controller.nodes.polled import Polled, take_all
from lnn_controller.nodes.qos_watch import QosWatch
from lnn_controller.nodes.report import Reporter
from lnn_controller.nodes.telemetry import Telemetry
from lnn_controller.policy import Policy

__all__ = ['Driving']

IMU_DEPTH = 200  # samples between two ticks are averaged: all of them at 2 kHz and 10 Hz
ACK_S = 0.2
LISTEN_S = 0.5


class Driving:
    """
    A :class:`~lnn_controller.control.Controller` behind ROS topics, from configure to cleanup.

    Three threads: the executor's hands camera frames to the encoder's; the control loop's takes everything else that a
    tick needs straight from its subscriptions, decides and publishes.

    :param node: the node that it belongs to
    :param values: its parameters
    :param emergency: the node's emergency stop, which outlives this
    :raises InputError: if there is no such policy, whole, or a library is missing
    """

    def __init__(self, node: Node, values: Mapping[str, Any], emergency: EmergencyStop) -> None:
        self.values = dict(values)
        self._node, self._clock, self._emergency = node, node.get_clock(), emergency
        self.policy = Policy.load(values['policy'])
        if values['guard.source'] == 'points':
            require_point_clouds()
        spec = self.policy.spec
        self.controller = Controller(self.policy, control_settings(values, spec))
        self.lock = threading.Lock()
        self.decision: Decision | None = None
        self.rates = {name: Rate() for name in ('image', 'imu', 'scan')}
        self.spreads = {name: Spread() for name in ('step_latency', 'encode')}
        self.undecodable: Counter[str] = Counter()
        self.loop: ControlLoop | None = None
        self._report = Reporter(node.get_logger())
        self._last_stamp_ns = 0
        self._sending = threading.Lock()  # held while a command goes out, and no longer
        self._imu: Subscription[Imu] | None = None
        self._odometry: Subscription[Odometry] | None = None
        self._load_adaptation()
        self._advertise()
        self._subscribe()
        self.qos = QosWatch(
            node,
            self._publishers,
            [*self._subscriptions, emergency.subscription],
            alone=self._command_out,
            heard=[self._override, emergency.subscription],
            error=self._report.error,
        )
        self.encoder: EncoderThread[tuple[int, bytes]] = EncoderThread(self._encode)

    def _advertise(self) -> None:
        overriding = QoSOverridingOptions.with_default_policies()
        create = partial(self._node.create_publisher, qos_overriding_options=overriding)
        kind = TwistStamped if self.values['enable_stamped_cmd_vel'] else Twist
        self._command_out = create(kind, 'cmd_vel', 1)
        self.telemetry = Telemetry(self._node, self.controller)
        self._publishers = [self._command_out, *self.telemetry.publishers]

    def _subscribe(self) -> None:
        silent = SubscriptionEventCallbacks(use_default_callbacks=False)  # QosWatch says it better
        subscribe = partial(
            self._node.create_subscription,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            event_callbacks=silent,
        )
        polled = partial(subscribe, callback=lambda _: None, callback_group=Polled())
        # A frame older than the newest is of no use.
        if self.values['image_transport'] == 'raw':
            self._decode: Callable[[bytes, int], Any] = image_from_cdr
            camera = subscribe(Image, 'image_raw', self._on_image, _sensor_qos(1), raw=True)
        else:
            self._decode = compressed_from_cdr
            camera = subscribe(CompressedImage, 'image_raw/compressed', self._on_image, _sensor_qos(1), raw=True)
        if self.policy.spec.imu is not None:
            self._imu = polled(Imu, 'imu/data', qos_profile=_sensor_qos(IMU_DEPTH), raw=True)
        if self.values['adaptation.odometry']:
            self._odometry = polled(Odometry, 'odom', qos_profile=_sensor_qos(1))
        kind = TwistStamped if self.values['enable_stamped_cmd_vel'] else Twist
        self._override = polled(kind, 'cmd_vel_override', qos_profile=1)
        self._subscriptions = [camera, self._override]
        self._subscriptions += [each for each in (self._imu, self._odometry) if each is not None]
        if self.values['guard.source'] == 'scan':
            self._subscriptions.append(subscribe(LaserScan, 'scan', self._on_scan, _sensor_qos(1)))
        elif self.values['guard.source'] == 'points':
            self._subscriptions.append(subscribe(PointCloud2, 'points', self._on_points, _sensor_qos(1)))

    def activate(self) -> None:
        """Begin to drive: fresh hidden state, and nothing that arrived before counts."""
        # A latched emergency stop arrives when its publisher has been discovered, which may be after the first image.
        time.sleep(max(0.0, self._emergency.since_s + LISTEN_S - time.monotonic()))
        self.qos.look()
        self.controller.reset()
        for subscription in (self._imu, self._odometry, self._override):
            if subscription is not None:
                list(take_all(subscription))
        self.loop = ControlLoop(
            self._clock,
            self.values['control_rate_hz'],
            self._tick,
            silent=lambda: self._stop('clock_stopped'),
            simulated=self._node.get_parameter('use_sim_time').value,
        )
        self.loop.start()

    def deactivate(self, reason: str) -> None:
        """
        Stop the robot: no tick comes after these zeros.

        :param reason: why, in one word
        """
        if self.loop is not None:
            self.loop.stop()
            self.loop = None
        self._stop(reason)
        # Without this the process could be gone before the command has left it.
        self._command_out.wait_for_all_acked(Duration(seconds=ACK_S))

    def halt(self) -> None:
        """Send zeros now, between two ticks: the emergency stop, which the next tick sees, waits for none."""
        with self._sending:
            if self.loop is not None:
                self._send(self._now_ns(), np.zeros(len(self.policy.spec.outputs)))

    def close(self) -> None:
        """Give back topics and threads."""
        self.encoder.stop()
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
        with self.lock:
            self.controller.settings = settings
            self.telemetry.configure(learnt=False)
        if 'control_rate_hz' in changed and self.loop is not None:
            self.loop.set_rate(changed['control_rate_hz'])

    def change_adaptation(self, action: Callable[[], None]) -> None:
        """
        Change what was learnt, between two ticks.

        :param action: what does it
        :raises InputError: as the action
        """
        with self.lock:
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
        with self.lock:
            kept = self.controller.adaptation.keep()
        return write_snapshot(name, kept)

    def _load_adaptation(self) -> None:
        name = self.values['adaptation.snapshot']
        if name and Path(name).expanduser().exists():
            try:
                self.controller.adaptation.load(read_snapshot(name))
            except InputError as error:
                raise InputError(f'parameter adaptation.snapshot, {name}: {error}') from None

    def _on_image(self, data: bytes) -> None:
        self.rates['image'].tick()
        if self.loop is not None:
            self.encoder.put((self._now_ns(), data))

    def _encode(self, item: tuple[int, bytes]) -> None:
        arrived_ns, data = item
        try:
            stamp_ns = stamp_from_cdr(data) or arrived_ns
            with self.lock:
                taken = self.controller.takes_image(stamp_ns, arrived_ns)
            if not taken:
                self._report.throttled('image', 'a camera image was refused: its stamp is old, or ahead of the clock')
                return
            encoded = self.controller.encode(self._decode(data, round(self.values['image_max_megapixels'] * 1e6))[2])
        except InputError as error:
            self._undecodable('image', error)
            return
        with self.lock:
            self.controller.on_encoded(stamp_ns, encoded, arrived_ns)

    def _on_scan(self, message: LaserScan) -> None:
        self._take_obstacles(message, scan_points)

    def _on_points(self, message: PointCloud2) -> None:
        values = self.values
        heights = (values['guard.min_height_m'], values['guard.max_height_m'], values['guard.sensor_z_m'])
        self._take_obstacles(message, lambda cloud: cloud_points(cloud, *heights))

    def _take_obstacles(self, message: Any, read: Callable[[Any], Any]) -> None:
        self.rates['scan'].tick()
        values, now_ns = self.values, self._now_ns()
        try:
            points = place(
                read(message), values['guard.sensor_x_m'], values['guard.sensor_y_m'], values['guard.sensor_yaw_rad']
            )
        except InputError as error:
            self._undecodable('scan', error)
            return
        stamp_ns = stamp_ns_of(message.header.stamp)
        with self.lock:
            self.controller.on_obstacles(stamp_ns or now_ns, points, now_ns)

    def _tick(self, now_ns: int) -> None:
        with self.lock:
            self._take_inputs(now_ns)
            if self._unheard and not self._emergency.holders:
                decision = self.controller.stop(now_ns, 'unheard_publisher')
            else:
                decision = self.controller.step(now_ns)
        if not self._publish(decision):
            self._stop('emergency_stop')
            return
        self.telemetry.show(decision, self.values)
        if decision.mode != 'stop':
            self.spreads['step_latency'].add(decision.encode_us + decision.step_us)
            if decision.encode_us:
                self.spreads['encode'].add(decision.encode_us)

    def _take_inputs(self, now_ns: int) -> None:
        controller = self.controller
        self._emergency.take()
        self._take_emergency_stop()
        for message in take_all(self._override):
            controller.on_override(now_ns, channel_velocities(self.policy.spec.channels, message))
        if self._odometry is not None:
            for message in take_all(self._odometry):
                speed_m_s = message.twist.twist.linear.x
                controller.on_odometry(stamp_ns_of(message.header.stamp) or now_ns, speed_m_s, now_ns)
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
        self.controller.set_emergency_stop('node', bool(self._emergency.holders))

    @property
    def _unheard(self) -> bool:
        return self.qos.unheard and not self.values['allow_unheard_publishers']

    def _stop(self, reason: str) -> None:
        with self.lock:
            self._take_emergency_stop()
            decision = self.controller.stop(self._now_ns(), reason)
        self._publish(decision)

    def _publish(self, decision: Decision) -> bool:
        """Send a decision, unless it is to move and the emergency stop was engaged since it was made."""
        with self._sending:
            if decision.mode != 'stop' and self._emergency.holders:
                return False
            if decision.reason == 'clock_jump':
                self._last_stamp_ns = 0  # stamps rise strictly within one time; a new one has begun
            self._send(decision.stamp_ns, decision.command)
        self.telemetry.tick(decision)
        self.decision = decision
        self._report.decided(decision)
        return True

    def _send(self, stamp_ns: int, command: NDArray[np.float64]) -> None:
        self._last_stamp_ns = max(stamp_ns, self._last_stamp_ns + 1)
        velocity = twist(self.policy.spec.channels, command)
        if self.values['enable_stamped_cmd_vel']:
            message = TwistStamped(twist=velocity)
            message.header.stamp = stamp(self._last_stamp_ns)
            message.header.frame_id = self.values['frame_id']
            self._command_out.publish(message)
        else:
            self._command_out.publish(velocity)

    def _undecodable(self, sensor: str, error: InputError) -> None:
        reason = f'{sensor}_incomplete' if isinstance(error, IncompleteImuError) else f'{sensor}_undecodable'
        self.undecodable[reason] += 1
        self._report.throttled(sensor, f'{reason}: {error}')

    def _now_ns(self) -> int:
        return self._clock.now().nanoseconds


def _sensor_qos(depth: int) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)
