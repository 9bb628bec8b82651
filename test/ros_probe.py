"""A node of the test's own: it watches the graph, feeds it, and waits for events."""

import time

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import Twist, TwistStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, Imu

from lnn_controller.data.messages.build import image_message, imu_message, serialize
from lnn_controller.nodes.common.message_types import message_class

DEADLINE_S = 30.0
ASK_AGAIN_S = 5.0
CONFIGURE, CLEAN_UP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP
ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE


def to_ros(message):
    """The message that a ROS 2 program gets for one that was built without ROS."""
    return deserialize_message(bytes(serialize(message)), message_class(message.__msgtype__))


class Probe:
    """Subscribes, publishes, feeds a camera and an IMU, and spins until something has happened."""

    def __init__(self, domain_id):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain_id)
        self.node = Node('probe', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.image = np.full((12, 16, 3), 128, np.uint8)
        self.noise = 0
        self.feeds = {}

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def collect(self, kind, topic, *, latched=False):
        """A list that every message of a topic is appended to."""
        messages = []
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=1000, durability=durability)
        if kind in (Image, Imu):
            qos = qos_profile_sensor_data
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def commands(self, kind=TwistStamped):
        return self.collect(kind, 'cmd_vel')

    def until(self, happened, what, *, deadline_s=DEADLINE_S):
        """Spin until ``happened()``; its value is returned. ``what`` may be made when it did not."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            value = happened()
            if value:
                return value
            self.executor.spin_once(timeout_sec=0.05)
        pytest.fail(f'{what() if callable(what) else what}: did not happen within {deadline_s} s')

    def feed(self, name, publisher, rate_hz, make):
        """Publish ``make(now_ns)`` at a rate while the probe spins, until :meth:`silence`."""
        tick = lambda: publisher.publish(make(self.node.get_clock().now().nanoseconds))  # noqa: E731
        self.feeds[name] = self.node.create_timer(1.0 / rate_hz, tick)

    def silence(self, name):
        self.node.destroy_timer(self.feeds.pop(name))

    def camera_out(self):
        return self.node.create_publisher(Image, 'image_raw', qos_profile_sensor_data)

    def imu_out(self):
        return self.node.create_publisher(Imu, 'imu/data', qos_profile_sensor_data)

    def picture(self, now_ns):
        self.noise = (self.noise + 1) % 3  # no two frames of a real camera are the same
        return to_ros(image_message(now_ns, self.image + np.uint8(self.noise)))

    def sample(self, now_ns):
        return to_ros(imu_message(now_ns, (0.0, 0.0, 0.1), (0.0, 0.0, 9.81)))

    def camera(self, rate_hz=30.0):
        publisher = self.camera_out()
        self.feed('camera', publisher, rate_hz, self.picture)
        return publisher

    def imu(self, rate_hz=100.0):
        self.feed('imu', self.imu_out(), rate_hz, self.sample)

    def call(self, kind, service, request):
        client = self.node.create_client(kind, service)
        self.until(client.service_is_ready, f'{service} is offered')
        asked = []

        def answered():
            # Fast DDS drops an answer to a client that the other side has not discovered within 100 ms: ask again.
            if time.monotonic() >= len(asked) * ASK_AGAIN_S + begun_s:
                asked.append(client.call_async(request))
            return next((each for each in asked if each.done()), None)

        begun_s = time.monotonic()
        future = self.until(answered, f'{service} answers')
        self.node.destroy_client(client)  # else whoever offers the service would remember it for ever
        return future.result()

    def change(self, *transitions, node='/controller'):
        """Take a lifecycle node through transitions, up to one that fails; whether all succeeded."""
        requests = (ChangeState.Request(transition=Transition(id=each)) for each in transitions)
        return all(self.call(ChangeState, f'{node}/change_state', each).success for each in requests)

    def set_parameters(self, values, node='/controller'):
        """Set parameters, by name; the result of each."""
        given = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        return self.call(SetParameters, f'{node}/set_parameters', SetParameters.Request(parameters=given)).results


def values(message):
    """The six numbers of a Twist or TwistStamped."""
    twist = message if isinstance(message, Twist) else message.twist
    return [*(getattr(twist.linear, axis) for axis in 'xyz'), *(getattr(twist.angular, axis) for axis in 'xyz')]


def stands(message):
    return values(message) == [0.0] * 6


def status(messages, name):
    """The newest status of that name on /diagnostics, as text by key."""
    for message in reversed(messages):
        for each in message.status:
            if each.name == name:
                return {item.key: item.value for item in each.values}
    return {}


def one_line(result):
    """The one line of an ended process's stderr."""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert 'Traceback' not in result.stderr
    return lines[0]
