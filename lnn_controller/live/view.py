"""``lnn view`` of a running controller: a node beside it, which listens and hands on what it hears to the page."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import os
import signal
import sys
import threading
import time
from collections import OrderedDict, deque
from dataclasses import replace
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node, NodeNameNonExistentError
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image, JointState

from lnn_controller.control.tick_times import Turn
from lnn_controller.data.messages.cdr import odometry_from_cdr, stamp_from_cdr
from lnn_controller.data.messages.images import compressed_from_cdr, decode_image, image_from_cdr
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.data.topic_names import (
    ATTENTION,
    DIAGNOSTICS,
    NEURONS,
    ODOMETRY,
    SIMULATOR_NODE,
    TARGET,
    TICKS,
    check_ros_name,
    resolve,
)
from lnn_controller.errors import InputError, printable
from lnn_controller.live.domain import listening_domain
from lnn_controller.live.waited import waited_for
from lnn_controller.nodes.common.environment import dds_environment
from lnn_controller.nodes.common.executor import executing
from lnn_controller.nodes.common.process import orphaned
from lnn_controller.nodes.common.qos import qos_profile
from lnn_controller.policy import ImageSpec, find_policy, read_spec
from lnn_controller.policy.neurons import by_role
from lnn_controller.report.video_attention import lay_over
from lnn_controller.view.layout import OPERATOR, TIMES, Contents, Shown
from lnn_controller.view.page import PICTURE_PERIOD_NS, Page
from lnn_controller.view.server import Server
from lnn_controller.view.status import StatusLine

__all__ = ['ViewNode', 'run_view']

MEMORY = '256MB'  # of what the page's server keeps for browsers that come later: minutes
LOOK_S = 0.5
SAY_S = 5.0  # without a word of the controller
RECENT_FRAMES = 10  # among which that of a map of attention is
GRACE_NS = 10e6  # frames come unevenly
STEP_M, WAY_PERIOD_NS, LONGEST_WAY = 0.1, 1e9, 2000  # of the drawn path: from point to point, how often, points
COMMAND, OVERRIDE = 'command_', 'override_'
IMAGES: dict[str, Any] = {'sensor_msgs/msg/Image': Image, 'sensor_msgs/msg/CompressedImage': CompressedImage}


class ViewNode(Node):
    """
    A node that shows a controller on a page.

    It publishes nothing and asks the controller for one parameter, its policy. What it listens to is there anyway, but
    for the map of attention, which the controller computes while somebody subscribes.

    :param controller: the controller's full name, e.g. ``/controller``
    :param page: where it is shown
    :param context: the context of the domain to listen in
    """

    def __init__(self, controller: str, page: Page, context: Context) -> None:
        super().__init__('view', context=context, enable_rosout=False, start_parameter_services=False)
        self.controller = controller
        namespace, _, self._name = controller.rpartition('/')
        self._namespace = namespace or '/'
        self._page = page
        self._contents = self._laid_out = Contents(live=True)
        self._shown = Shown(name=self._name)
        self.status = StatusLine(page, self._namespace)
        self._now_ns = 0
        self._image: ImageSpec | None = None
        self._asked: Any = None
        self._answered = False
        self._camera: tuple[str, str] | None = None
        self._camera_subscription: Any = None
        self._frames: OrderedDict[int, bytes] = OrderedDict()
        self._way: deque[tuple[float, float]] = deque(maxlen=LONGEST_WAY)
        self._picture_turn, self._robot_turn, self._way_turn = Turn(), Turn(), Turn()
        self.heard = False
        page.lay_out(self._laid_out)
        self._questions = AsyncParameterClient(self, controller)
        best = qos_profile_sensor_data  # hears every publisher, and holds none up
        ticks = qos_profile(100, reliable=False)
        self.create_subscription(JointState, self._topic(TICKS), self._on_tick, ticks)
        self.create_subscription(JointState, self._topic(NEURONS), self._on_neurons, best)
        self.create_subscription(Image, self._topic(ATTENTION), self._on_attention, best)
        self.create_subscription(DiagnosticArray, DIAGNOSTICS, self._on_diagnostics, qos_profile(10, reliable=False))
        self.create_subscription(Odometry, self._topic(ODOMETRY), self._on_odometry, best, raw=True)
        target = resolve(TARGET, SIMULATOR_NODE, self._namespace)
        self.create_subscription(PoseStamped, target, self._on_target, best)
        self.create_timer(LOOK_S, self._look)

    @property
    def contents(self) -> Contents:
        """What the page shows now."""
        return self._contents

    def _topic(self, name: str) -> str:
        return resolve(name, self._name, self._namespace)

    def _look(self) -> None:
        if self._contents != self._laid_out:
            self._laid_out = self._contents
            self._page.lay_out(self._contents)
        self._find()

    def _find(self) -> None:
        """Find the camera that the controller listens to now, and its policy: both may change while it is inactive."""
        try:
            topics = self.get_subscriber_names_and_types_by_node(self._name, self._namespace)
        except NodeNameNonExistentError:
            return
        cameras = [(topic, kind) for topic, kinds in topics for kind in kinds if kind in IMAGES]
        if cameras and self._camera not in cameras:
            if self._camera_subscription is not None:
                self.destroy_subscription(self._camera_subscription)
            self._camera = topic, kind = cameras[0]
            self._frames.clear()
            self._camera_subscription = self.create_subscription(
                IMAGES[kind], topic, self._on_image, qos_profile_sensor_data, raw=True
            )
            self._image = self._asked = None
            self._answered = False
        if self._asked is None and self._questions.services_are_ready():
            self._asked = self._questions.get_parameters(['policy'])
            self._asked.add_done_callback(self._on_policy)

    def _on_policy(self, future: Any) -> None:
        """What of a picture the policy sees stands in its bundle, where that lies on this computer too."""
        self._answered = True
        try:
            spec = read_spec(find_policy(future.result().values[0].string_value))
        except (InputError, AttributeError, IndexError):
            return  # the map of attention is shown by itself
        self._image = spec.image

    def _lay_out(self, **changes: Any) -> None:
        """Note what there is to show; the views follow with the next look, for much of it comes at once."""
        self._contents = replace(self._contents, policies=(self._shown,), **changes)

    def _at(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array([self._now_ns], np.int64)

    def _on_tick(self, message: JointState) -> None:
        if len(message.name) != len(message.position):
            return
        self.heard = True
        self._now_ns = stamp_ns_of(message)
        values = dict(zip(message.name, message.position, strict=True))
        commands, name = _by_channel(values, COMMAND), self._shown.name
        self._lay_out(channels=tuple(commands))
        self._page.commands(self._at(), name, commands)
        driven = bool(values.get('override'))
        if driven:
            self._page.commands(self._at(), OPERATOR, _by_channel(values, OVERRIDE))
        reason = message.header.frame_id
        self._page.mode(self._now_ns, name, 'stop' if reason else 'override' if driven else 'policy', reason)
        latency_ms = 1e-3 * values.get('latency_us', float('nan'))
        self._page.figures(self._at(), TIMES, {'step': np.array([latency_ms])})

    def _on_neurons(self, message: JointState) -> None:
        names, states, seconds = message.name, np.array(message.position), np.array(message.effort)
        if len(names) != len(states) or not self._now_ns:
            return
        roles = tuple((role, len(members)) for role, members in by_role(names).items())
        self._shown = replace(self._shown, roles=roles, time_constants=len(seconds) > 0 or self._shown.time_constants)
        self._lay_out()
        self._page.neurons(self._at(), self._shown.name, names, states[None])
        if len(seconds) == len(names):
            self._page.time_constants(self._at(), self._shown.name, names, seconds[None])

    def _on_image(self, data: bytes) -> None:
        try:
            stamp_ns = stamp_from_cdr(data) or self._now_ns
            self._frames[stamp_ns] = data
            if len(self._frames) > RECENT_FRAMES:
                self._frames.popitem(last=False)
            if stamp_ns and self._picture_turn.is_due(stamp_ns, PICTURE_PERIOD_NS, GRACE_NS):
                self._page.picture(stamp_ns, self._decode(data))
        except InputError:
            return  # the controller refuses it, and says so in its diagnostics

    def _decode(self, data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
        assert self._camera is not None
        decode = image_from_cdr if self._camera[1] == 'sensor_msgs/msg/Image' else compressed_from_cdr
        return decode(data)[2]

    def _on_attention(self, message: Image) -> None:
        stamp_ns = stamp_ns_of(message)
        frame = self._frames.get(stamp_ns)
        # The viewer takes the pictures of one view for a video: all of one size.
        if not self._answered or (self._image is not None and frame is None):
            return
        try:
            shown = decode_image(message)
            if self._image is not None and frame is not None:
                shown = lay_over(self._decode(frame), shown[..., 0].astype(np.float32) / 255.0, self._image)
        except InputError:
            return
        if not self._shown.attention:
            self._shown = replace(self._shown, attention=True)
            self._lay_out()
        self._page.picture(stamp_ns, shown, self._shown.name)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        stamp_ns = stamp_ns_of(message)
        if stamp_ns and self.status.take(stamp_ns, message.status):
            self.heard = True
            self._lay_out(status=True)

    def _on_odometry(self, data: bytes) -> None:
        try:
            odometry = odometry_from_cdr(data)
        except InputError:
            return
        stamp_ns, (x, y, _) = odometry.stamp_ns, odometry.position
        if not (stamp_ns and np.isfinite((x, y)).all()):
            return
        self._lay_out(place=True)
        if not self._way or np.hypot(x - self._way[-1][0], y - self._way[-1][1]) > STEP_M:
            self._way.append((x, y))
        if self._robot_turn.is_due(stamp_ns, PICTURE_PERIOD_NS, GRACE_NS):
            self._page.robot(stamp_ns, x, y)
        if len(self._way) > 1 and self._way_turn.is_due(stamp_ns, WAY_PERIOD_NS, GRACE_NS):
            self._page.went(stamp_ns, np.array(self._way))

    def _on_target(self, message: PoseStamped) -> None:
        at = message.pose.position
        if stamp_ns := stamp_ns_of(message):
            self._page.target(stamp_ns, at.x, at.y)


def _by_channel(values: dict[str, float], prefix: str) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    return {name.removeprefix(prefix): np.array([value]) for name, value in values.items() if name.startswith(prefix)}


def run_view(*, node: str, port: int, bind: str, domain: int | None = None) -> int:
    """
    Show a controller until SIGINT (Ctrl-C), SIGTERM or SIGHUP.

    :param node: its name in the graph, e.g. ``/robot_1/controller``
    :param port: of the page; its data has the next
    :param bind: address that the page is served at
    :param domain: ROS domain to listen in; ``None``: ROS_DOMAIN_ID, or 0
    :returns: exit status 0
    :raises InputError: if the name or the domain is none, or the page cannot be served
    """
    check_ros_name('--node', node)
    os.environ.update(dds_environment())
    # Not KeyboardInterrupt: raised while rclpy converts a message, it comes out as some other error.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    listened = listening_domain(domain)
    if orphaned():
        return 0
    with Server(port=port, bind=bind, memory=MEMORY) as server, Page() as page:
        page.connect(server.uri)
        context = Context()
        rclpy.init(args=[], context=context, domain_id=listened, signal_handler_options=SignalHandlerOptions.NO)
        try:
            watcher = ViewNode('/' + node.strip('/'), page, context)
            with executing(watcher) as executor:
                print(server.url, flush=True)
                begun_s, checked_s, said = time.monotonic(), 0.0, False
                while not stop.is_set():
                    executor.spin_once(timeout_sec=0.2)
                    now_s = time.monotonic()
                    if now_s - checked_s > 1.0:
                        server.check()
                        checked_s = now_s
                    if not (said or watcher.heard) and now_s - begun_s > SAY_S:
                        said = True
                        told = '; '.join(waited_for(watcher, watcher.controller))
                        print(printable(told), file=sys.stderr, flush=True)
            watcher.destroy_node()
        finally:
            rclpy.try_shutdown(context=context)
    return 0
