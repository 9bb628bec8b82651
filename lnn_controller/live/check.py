"""``lnn check``: looks at the ROS graph as it is, before the first drive; it publishes nothing."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible, qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Bool

from lnn_controller.data.messages.cdr import imu_from_cdr
from lnn_controller.data.messages.images import compressed_from_cdr, image_from_cdr
from lnn_controller.data.topic_names import (
    CLOCK,
    COMMAND,
    COMPRESSED_IMAGE,
    CONTROLLER_NODE,
    EMERGENCY_STOP,
    IMAGE,
    IMU,
    OVERRIDE,
    check_ros_name,
    resolve,
)
from lnn_controller.doctor.findings import Finding
from lnn_controller.errors import InputError
from lnn_controller.live.sensor_findings import judge_camera, judge_clock, judge_imu
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.environment import dds_environment
from lnn_controller.nodes.common.message_types import type_name
from lnn_controller.nodes.common.qos import TWISTS, UNREADABLE, node_of
from lnn_controller.nodes.common.topics import CONTROLLER
from lnn_controller.nodes.controller.waiting import waiting_for
from lnn_controller.policy.spec import PolicySpec

__all__ = ['GraphCheck', 'Names', 'run_check']

DISCOVERY_S = 10.0
SETTLED_S = 1.0
LISTEN_S = 3.0
ENOUGH = 20  # messages of a sensor: more tell nothing new
TIMEOUT_HINT = 'kill what sends and see that it stops within 0.25 s: only its own timeout can (cmd_vel_timeout)'
# Who listens to commands and drives nothing: ours, ros2 topic echo and the like, ros2 bag, graphical tools.
WATCHER = re.compile(r'(recorder|evaluator|top|foxglove_bridge)$|_|rosbag2_|rqt_|plotjuggler')
KINDS: dict[str, Any] = {IMAGE: image_from_cdr, COMPRESSED_IMAGE: compressed_from_cdr, IMU: imu_from_cdr}


@dataclass(frozen=True)
class Names:
    """
    Topics as the controller's launch remaps them.

    :param namespace: the robot's
    :param image: of the camera, raw or compressed; empty: ``image_raw`` or, if that is not there, its JPEGs
    :param imu: of the IMU
    :param command: of the base's commands
    """

    namespace: str = '/'
    image: str = ''
    imu: str = IMU
    command: str = COMMAND


@dataclass
class Heard:
    """
    What came on a sensor's topic.

    :param received_s: when, by a steady clock, s
    :param lag_s: how old the stamps were at that time, s; of messages that have one
    :param samples: of an IMU: gyro and accelerometer
    :param size: of a camera: height and width, px
    :param error: why the last that could not be read could not
    """

    received_s: list[float] = field(default_factory=list)
    lag_s: list[float] = field(default_factory=list)
    samples: list[tuple[float, ...]] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    error: str = ''

    @property
    def rate_hz(self) -> float:
        """By the usual time between two; 0 with fewer than two."""
        between = np.diff(self.received_s)
        return 1.0 / max(float(np.median(between)), 1e-6) if len(between) else 0.0


class GraphCheck:
    """
    Listens for a few seconds, and judges.

    :param names: of the topics
    :param policy: that is to drive; ``None``: whichever
    :param context: of the domain to look at
    """

    def __init__(self, names: Names, policy: PolicySpec | None, context: Context) -> None:
        self._names, self._policy = names, policy
        self.node = Node('check', context=context, enable_rosout=False, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._heard: dict[str, Heard] = {}
        self._simulated = False

    def findings(self) -> list[Finding]:
        """
        Look.

        :returns: what was found
        """
        self._discover()
        image, compressed = self._camera_topic()
        imu = self._resolve(self._names.imu)
        needs_imu = self._policy.imu is not None if self._policy else bool(self._types(imu))
        self._listen(image, COMPRESSED_IMAGE if compressed else IMAGE)
        if needs_imu:
            self._listen(imu, IMU)
        end_s = time.monotonic() + LISTEN_S
        while time.monotonic() < end_s and any(len(each.received_s) < ENOUGH for each in self._heard.values()):
            self._executor.spin_once(timeout_sec=0.1)
        return [*self._sensors(image, compressed, imu), *self._base(), *self._operator()]

    def close(self) -> None:
        """Give back the node."""
        self._executor.shutdown()
        self.node.destroy_node()

    def _discover(self) -> None:
        """Wait until the graph has been the same for a second."""
        begun_s = changed_s = time.monotonic()
        before: Any = None
        while time.monotonic() - changed_s < SETTLED_S and time.monotonic() - begun_s < DISCOVERY_S:
            self._executor.spin_once(timeout_sec=0.05)
            now = self.node.get_topic_names_and_types(), self.node.get_node_names()
            if now != before:
                before, changed_s = now, time.monotonic()
        if self.node.count_publishers(CLOCK):
            self._simulated = True
            self.node.set_parameters([Parameter('use_sim_time', value=True)])

    def _resolve(self, name: str) -> str:
        return resolve(name, namespace=f'/{self._names.namespace.strip("/")}')

    def _types(self, topic: str) -> set[str]:
        return {each.topic_type for each in self.node.get_publishers_info_by_topic(topic)}

    def _camera_topic(self) -> tuple[str, bool]:
        compressed = type_name(find(CONTROLLER, COMPRESSED_IMAGE, {'image_transport': 'compressed'}).type)
        if self._names.image:
            topic = self._resolve(self._names.image)
            return topic, compressed in self._types(topic)
        raw, packed = self._resolve(IMAGE), self._resolve(COMPRESSED_IMAGE)
        return (packed, True) if not self._types(raw) and compressed in self._types(packed) else (raw, False)

    def _listen(self, topic: str, kind: str) -> None:
        heard = self._heard[topic] = Heard()
        values = {'image_transport': 'compressed' if kind == COMPRESSED_IMAGE else 'raw'}
        message = find(CONTROLLER, kind, values).type
        self.node.create_subscription(
            message, topic, partial(self._take, heard, kind), qos_profile_sensor_data, raw=True
        )

    def _take(self, heard: Heard, kind: str, data: bytes) -> None:
        now_ns = self.node.get_clock().now().nanoseconds
        try:
            stamp_ns, *rest = KINDS[kind](data)
        except InputError as error:
            heard.error = str(error)
            return
        heard.received_s.append(time.monotonic())
        if stamp_ns and now_ns:
            heard.lag_s.append((now_ns - stamp_ns) * 1e-9)
        if kind == IMU:
            heard.samples.append((*rest[0], *rest[1]))
        else:
            heard.size = rest[1].shape[:2]

    def _sensors(self, image: str, compressed: bool, imu: str) -> Iterator[Finding]:
        yield self._arrived('camera', image, COMPRESSED_IMAGE if compressed else IMAGE) or judge_camera(
            image, self._heard[image].rate_hz, self._heard[image].size, self._policy, compressed=compressed
        )
        if imu in self._heard:
            yield self._arrived('IMU', imu, IMU) or judge_imu(
                imu, self._heard[imu].rate_hz, np.array(self._heard[imu].samples)
            )
        else:
            yield Finding('IMU', 'none, and none is needed')
        for topic, heard in self._heard.items():
            if heard.received_s:
                yield judge_clock(topic, heard.lag_s, simulated=self._simulated)

    def _arrived(self, subject: str, topic: str, kind: str) -> Finding | None:
        """What is wrong with a sensor of which nothing came."""
        heard = self._heard[topic]
        if heard.received_s:
            return None
        if heard.error:
            return Finding(subject, f'{topic}: nothing can be read: {heard.error}', False, True)
        values = {'image_transport': 'compressed' if kind == COMPRESSED_IMAGE else 'raw'}
        published = {
            name: sorted(self._types(name)) for name, _ in self.node.get_topic_names_and_types() if self._types(name)
        }
        return Finding(
            subject, waiting_for(topic, type_name(find(CONTROLLER, kind, values).type), published), False, True
        )

    def _base(self) -> Iterator[Finding]:
        topic = self._resolve(self._names.command)
        listeners = [
            each
            for each in self.node.get_subscriptions_info_by_topic(topic)
            if each.topic_type in TWISTS and not WATCHER.match(each.node_name)
        ]
        kinds = {each.topic_type for each in listeners}
        who = ', '.join(sorted({node_of(each) for each in listeners}))
        if not listeners:
            text = f'nobody listens to {topic}: start the base, or remap: cmd_vel:=its topic'
            yield Finding('base', text, False, True)
        elif len(kinds) > 1:
            yield Finding('base', f'{topic} is heard as Twist and as TwistStamped ({who}): use one', False, True)
        else:
            stamped = kinds == {'geometry_msgs/msg/TwistStamped'}
            text = 'TwistStamped' if stamped else 'Twist: start the controller with enable_stamped_cmd_vel:=false'
            yield Finding('base', f'{who} hears {topic} as {text}. {TIMEOUT_HINT}', essential=True)
        senders = sorted({node_of(each) for each in self.node.get_publishers_info_by_topic(topic)})
        others = [each for each in senders if each.rpartition('/')[2] != CONTROLLER_NODE]
        if others or len(senders) > 1:
            text = f'{", ".join(senders)} publish {topic}: stop them, or remap an operator to {OVERRIDE}'
            yield Finding('who drives', text, False, True)
        else:
            yield Finding('who drives', f'nobody but {senders[0] if senders else "the controller to come"}', True, True)

    def _operator(self) -> Iterator[Finding]:
        for subject, name, kinds, advice in (
            ('operator', OVERRIDE, TWISTS, 'a joystick or keyboard that overrides the policy'),
            ('emergency stop', EMERGENCY_STOP, {type_name(Bool)}, 'a button, and the robot’s own stop at hand'),
        ):
            topic = self._resolve(name)
            senders = self.node.get_publishers_info_by_topic(topic)
            who = ', '.join(sorted({node_of(each) for each in senders}))
            listeners = [
                each
                for each in self.node.get_subscriptions_info_by_topic(topic)
                if each.node_name.rpartition('/')[2] == CONTROLLER_NODE
            ]
            if not senders:
                yield Finding(subject, f'nobody publishes {topic}: have {advice}', False)
            elif wrong := [each for each in senders if each.topic_type not in kinds]:
                text = f'{node_of(wrong[0])} publishes {topic} as {wrong[0].topic_type}, which is not heard: '
                yield Finding(subject, text + f'use {" or ".join(sorted(kinds))}', False, True)
            elif not listeners:
                yield Finding(
                    subject, f'{who} publishes {topic}; no controller listens yet: check again when it runs', False
                )
            elif unheard := [each for each in senders if not _is_heard(each, listeners)]:
                text = f'{node_of(unheard[0])} publishes {topic} so that the controller does not hear it: type or QoS'
                yield Finding(subject, text + ' differs (reliable is heard)', False, True)
            else:
                yield Finding(subject, f'{who} on {topic} is heard by {node_of(listeners[0])}', essential=True)


def _is_heard(sender: Any, listeners: Sequence[Any]) -> bool:
    def core(qos: QoSProfile) -> QoSProfile:
        return QoSProfile(depth=1, reliability=qos.reliability, durability=qos.durability)

    return any(
        each.topic_type == sender.topic_type
        and qos_check_compatible(core(sender.qos_profile), core(each.qos_profile))[0] != QoSCompatibility.ERROR
        for each in listeners
    )


def run_check(names: Names, policy: PolicySpec | None) -> list[Finding]:
    """
    Look at the graph of this shell's domain.

    :param names: of the topics
    :param policy: that is to drive; ``None``: whichever
    :returns: what was found
    :raises InputError: if a name is none that ROS has, or one in the graph is no text
    """
    given = {'--namespace': names.namespace, '--image': names.image, '--imu': names.imu, '--cmd-vel': names.command}
    for flag, name in given.items():
        if name:
            check_ros_name(flag, name)
    os.environ.update(dds_environment())
    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    check = GraphCheck(names, policy, context)
    try:
        return check.findings()
    except UnicodeDecodeError:
        raise InputError(f'names in the graph must be text. Got another: {UNREADABLE}') from None
    finally:
        check.close()
        rclpy.try_shutdown(context=context)
