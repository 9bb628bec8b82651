"""The controller's subscriptions: what arrives on them becomes events of the controller, each in its turn."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import LaserScan

from lnn_controller.control import Controller
from lnn_controller.data.messages.cdr import IncompleteImuError, imu_from_cdr, points_down
from lnn_controller.data.messages.images import compressed_from_cdr, image_from_cdr
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.data.topic_names import COMPRESSED_IMAGE, IMAGE, IMU, ODOMETRY, OVERRIDE, POINTS, SCAN
from lnn_controller.errors import InputError
from lnn_controller.nodes.common.diagnostics import Rate
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.exclusive import Exclusive
from lnn_controller.nodes.common.messages import channel_velocities, pose_and_twist
from lnn_controller.nodes.common.topics import CAMERA_DEPTH, CONTROLLER, uses_odometry
from lnn_controller.nodes.controller.event_log import EventLog
from lnn_controller.nodes.controller.obstacles import Seen, place, scan_points, supported
from lnn_controller.nodes.controller.point_clouds import Tilt, cloud_from_cdr, cloud_points
from lnn_controller.nodes.controller.polled import Polled, take_all, take_newest
from lnn_controller.nodes.controller.subscription_thread import SubscriptionThread

__all__ = ['InputTopics']

ENCODER_ENDS_S = 0.2
#: parameters by which a point cloud is read
CLOUD = (
    *('slice_m', 'min_valid', 'min_height_m', 'max_height_m'),
    *('sensor_x_m', 'sensor_y_m', 'sensor_z_m', 'sensor_yaw_rad'),
)


class InputTopics:
    """
    What a controller subscribes to, the emergency stop apart.

    Camera frames are taken by the encoder's thread, which decodes and encodes the newest; the obstacle guard's messages
    are read in the executor's; IMU, odometry and override wait for the tick, which takes them by itself.

    :param node: the node
    :param controller: takes the events
    :param exclusive: the turn of whoever uses the controller
    :param values: the node's parameters, as they are now
    :param log: the node's log
    :param active: whether the controller drives; frames that come before are left
    :param on_frame: called in the encoder's thread when the controller has taken a frame
    :param show: called there after that with the frame: stamp, frame_id, and what the network saw of it
    :param failed: called in the encoder's thread with what ended it
    """

    def __init__(
        self,
        node: Node,
        controller: Controller,
        exclusive: Exclusive,
        values: Mapping[str, Any],
        log: EventLog,
        *,
        active: Callable[[], bool],
        on_frame: Callable[[], None],
        show: Callable[[int, str, NDArray[np.uint8]], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._node, self._clock, self._controller, self._exclusive = node, node.get_clock(), controller, exclusive
        self._values, self._log, self._active, self._on_frame = values, log, active, on_frame
        self._show = show
        self._spec = controller.policy.spec
        self._undecodable: Counter[str] = Counter()
        compressed, source = values['image_transport'] == 'compressed', values['guard.source']
        decode = partial(compressed_from_cdr, fit=self._spec.image) if compressed else image_from_cdr
        self._decode: Callable[[bytes, int], Any] = partial(decode, bits=self._spec.image.bits)
        self._camera = self._poll(COMPRESSED_IMAGE if compressed else IMAGE, raw=True)
        self._imu = self._poll(IMU, raw=True) if self._spec.imu is not None else None
        self._odometry = self._poll(ODOMETRY) if uses_odometry(values) else None
        self.override = self._poll(OVERRIDE)
        guard = None
        if source != 'none':
            name, callback = {'scan': (SCAN, self._on_scan), 'points': (POINTS, self._on_points)}[source]
            guard = self._subscribe(name, callback, raw=source == 'points')
        sensors = {'image': self._camera, 'imu': self._imu, 'scan': guard}
        self._rates = {name: Rate() for name, each in sensors.items() if each is not None}
        self._awaited = {f'no_{name}': each for name, each in (sensors | {'height': self._odometry}).items()}
        used = (self.override, self._odometry, *sensors.values())
        self.subscriptions = [each for each in used if each is not None]
        self._dropped = 0
        self._encoder = SubscriptionThread('encoder', self._camera, node.context, self._take_images, failed)

    def awaited(self, reason: str) -> Subscription[Any] | None:
        """
        Return the subscription whose first message is waited for.

        :param reason: why the controller stops
        :returns: the subscription; ``None`` where it stops for something else
        """
        return self._awaited.get(reason)

    def discard(self) -> None:
        """Leave what has arrived for the tick."""
        for subscription in (self._imu, self._odometry, self.override):
            if subscription is not None:
                list(take_all(subscription))

    def take(self, now_ns: int) -> None:
        """
        Hand the controller what has arrived for the tick; in its turn.

        :param now_ns: the tick's time, ns
        """
        controller = self._controller
        for message in take_all(self.override):
            controller.on_override(now_ns, channel_velocities(self._spec.channels, message))
        if self._odometry is not None:
            for message in take_all(self._odometry):
                self._take_odometry(message, now_ns)
        if self._imu is not None:
            for data in take_all(self._imu):
                self._take_imu(data, now_ns)

    def figures(self, now_ns: int) -> dict[str, float]:
        """
        Return what diagnostics report of the inputs.

        :param now_ns: now, ns
        :returns: rates since the last call, frames dropped, messages that could not be read, by key
        """
        rates = {f'{name}_rate_hz': rate.measure(now_ns) for name, rate in self._rates.items()}
        measured = {key: rate for key, rate in rates.items() if rate is not None}
        return measured | {'image_dropped': self._dropped} | dict(self._undecodable)

    def close(self) -> None:
        """End the encoder's thread, and give back the subscriptions."""
        if not self._encoder.stop(ENCODER_ENDS_S):
            self._log.warn('encoder', 'the encoder has not ended: it is left behind')
        for subscription in self.subscriptions:
            self._node.destroy_subscription(subscription)

    def _subscribe(self, name: str, callback: Callable[[Any], None], **options: Any) -> Subscription[Any]:
        return find(CONTROLLER, name, self._values).subscribe(
            self._node,
            callback,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),  # QosWatch says it better
            **options,
        )

    def _poll(self, name: str, **options: Any) -> Subscription[Any]:
        return self._subscribe(name, lambda _: None, callback_group=Polled(), **options)

    def _take_imu(self, data: bytes, now_ns: int) -> None:
        self._rates['imu'].tick()
        try:
            stamp_ns, gyro, accel = imu_from_cdr(data)
        except InputError as error:
            self._count_undecodable('imu', error)
            return
        if not self._controller.on_imu(stamp_ns or now_ns, gyro, accel, now_ns):
            why = 'its stamp is old or ahead of the clock, or its values are beyond what an IMU measures'
            self._log.warn('imu', f'an IMU sample was refused: {why}')

    def _take_odometry(self, message: Odometry, now_ns: int) -> None:
        if down := points_down(message.header.frame_id, message.child_frame_id):
            # Its heights have the other sign: below the floor all would be a free way down.
            self._undecodable['odometry_undecodable'] += 1
            self._log.warn('odometry', f'odometry was refused: z points down in {down}; REP-103 has it up')
            return
        if not self._controller.on_odometry(stamp_ns_of(message) or now_ns, *pose_and_twist(message), now_ns):
            why = 'its stamp is old or ahead of the clock, or it is not finite'
            self._log.warn('odometry', f'odometry was refused: {why}')

    def _take_images(self) -> None:
        try:
            count, (data, info) = take_newest(self._camera, CAMERA_DEPTH)
        except Exception as error:  # no message, however made, ends the node
            self._count_undecodable('image', InputError(f'a message could not be taken: {error!r}'))
            return
        for _ in range(count):
            self._rates['image'].tick()
        if count and self._active():
            self._dropped += count - 1
            self._encode(data, self._arrived_ns(info['received_timestamp']))

    def _arrived_ns(self, received_ns: int) -> int:
        """When a message came, by the node's clock; it may have waited while the frame before it was encoded."""
        waited_ns = max(0, time.time_ns() - received_ns) if received_ns > 0 else 0
        return max(0, self._now_ns() - waited_ns)

    def _encode(self, data: bytes, arrived_ns: int) -> None:
        try:
            stamp_ns, frame_id, image = self._decode(data, round(self._values['image_max_megapixels'] * 1e6))
            taken = self._controller.inputs.takes_image(stamp_ns or arrived_ns, arrived_ns)
            encoded = self._controller.encode(image) if taken else None
        except InputError as error:
            self._count_undecodable('image', error)
            return
        if encoded is not None:
            with self._exclusive.turn():
                taken = self._controller.on_encoded(stamp_ns or arrived_ns, encoded, arrived_ns)
        if taken and encoded is not None:
            self._on_frame()
            self._show(stamp_ns or arrived_ns, frame_id, encoded.frame)
        elif arrived_ns:  # before the first /clock it is not the stamp that is wrong
            self._log.warn('image', 'a camera image was refused: its stamp is old, or ahead of the clock')

    def _on_scan(self, message: LaserScan) -> None:
        self._take_obstacles(message, lambda scan: scan_points(scan, self._values['guard.min_valid']))

    def _on_points(self, data: bytes) -> None:
        try:
            message = cloud_from_cdr(data)
        except InputError as error:
            self._rates['scan'].tick()
            self._count_undecodable('scan', error)
            return
        values = {name: self._values[f'guard.{name}'] for name in CLOUD}
        slice_m, min_valid = values['slice_m'], values['min_valid']
        if not slice_m:
            limits = values['min_height_m'], values['max_height_m'], values['sensor_z_m'], min_valid
            self._take_obstacles(message, lambda cloud: cloud_points(cloud, *limits))
        elif (frame := self._controller.inputs.heading_frame(self._now_ns())) is None:
            self._undecodable['scan_without_attitude'] += 1
            why = 'without fresh odometry nobody knows how the robot is tilted (guard.slice_m)'
            self._log.warn('scan', f'scan_without_attitude: a point cloud was refused: {why}')
        else:
            tilt = Tilt.of(frame, *(values[f'sensor_{name}'] for name in ('x_m', 'y_m', 'z_m', 'yaw_rad')))
            self._take_obstacles(message, lambda cloud: cloud_points(cloud, -slice_m, slice_m, 0.0, min_valid, tilt))

    def _take_obstacles(self, message: Any, read: Callable[[Any], Seen]) -> None:
        self._rates['scan'].tick()
        now_ns, settings = self._now_ns(), self._controller.settings
        guard = settings.guard
        assert guard is not None
        x_m, y_m, yaw_rad = (self._values[f'guard.sensor_{name}'] for name in ('x_m', 'y_m', 'yaw_rad'))
        try:
            reach_m = settings.guard_reach_m(self._spec) + math.hypot(x_m, y_m) + guard.footprint.circumradius_m
            seen = supported(read(message), self._values['guard.min_points'], reach_m)
            points, sight = place(seen, x_m, y_m, yaw_rad, guard.footprint)
        except InputError as error:
            self._count_undecodable('scan', error)
            return
        stamp_ns = stamp_ns_of(message) or now_ns
        self._exclusive.post(lambda: self._controller.on_obstacles(stamp_ns, points, now_ns, sight))

    def _count_undecodable(self, sensor: str, error: InputError) -> None:
        reason = f'{sensor}_incomplete' if isinstance(error, IncompleteImuError) else f'{sensor}_undecodable'
        self._undecodable[reason] += 1
        self._log.warn(sensor, f'{reason}: {error}')

    def _now_ns(self) -> int:
        return self._clock.now().nanoseconds
