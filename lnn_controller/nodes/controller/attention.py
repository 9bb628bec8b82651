"""What the encoder looks at, published at a rate of its own while somebody subscribes: nothing waits for it."""

import array
import queue
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image

from lnn_controller.control.tick_times import Turn
from lnn_controller.data.topic_names import ATTENTION
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.messages import stamp
from lnn_controller.nodes.common.topics import CONTROLLER
from lnn_controller.nodes.controller.event_log import EventLog
from lnn_controller.policy import Policy

__all__ = ['AttentionTopic', 'Seen']

ENDS_S = 0.2
FRAME_GRACE_NS = 1e6  # a camera's frames come unevenly


class Seen(NamedTuple):
    """
    A frame to be shown.

    :param stamp_ns: when it was taken, ns
    :param frame_id: of the camera
    :param frame: as the encoder saw it, (H, W, 3) uint8
    """

    stamp_ns: int
    frame_id: str
    frame: NDArray[np.uint8]


class AttentionTopic:
    """
    The topic ``~/attention``, computed and published in a thread that no command waits for.

    One frame waits at the most: one that comes while another is worked on is left out. Whatever goes wrong here is
    logged and ends this topic alone.

    :param node: the node that publishes
    :param policy: that drives
    :param values: the node's parameters, as they are now
    :param log: the node's log
    """

    def __init__(self, node: Node, policy: Policy, values: Mapping[str, Any], log: EventLog) -> None:
        self._node, self._policy, self._values, self._log = node, policy, values, log
        self._turn = Turn()
        self._waiting: queue.Queue[Seen | None] = queue.Queue(1)
        self._publisher: Publisher[Any] | None = None
        self._thread: threading.Thread | None = None
        if policy.has_attention:
            overriding = QoSOverridingOptions.with_default_policies()
            self._publisher = find(CONTROLLER, ATTENTION).advertise(node, qos_overriding_options=overriding)
            self._thread = threading.Thread(target=self._run, name='attention', daemon=True)
            self._thread.start()

    @property
    def subscribers(self) -> int:
        """How many there are."""
        return self._publisher.get_subscription_count() if self._publisher is not None else 0

    def offer(self, stamp_ns: int, frame_id: str, frame: NDArray[np.uint8]) -> None:
        """
        Show a frame, if it is due and somebody looks; returns at once.

        :param stamp_ns: when it was taken, ns
        :param frame_id: of the camera
        :param frame: as the encoder saw it, (H, W, 3) uint8; not written to any more
        """
        rate_hz = self._values['attention_rate_hz']
        if self._thread is None or not rate_hz:
            return
        try:
            if self.subscribers and self._turn.is_due(stamp_ns, 1e9 / rate_hz, FRAME_GRACE_NS):
                with suppress(queue.Full):
                    self._waiting.put_nowait(Seen(stamp_ns, frame_id, frame))
        except Exception as error:  # in the thread that the robot drives by: a topic must not end it
            self._fail(error)

    def close(self) -> None:
        """End the thread, and give back the publisher."""
        if self._thread is not None:
            thread, self._thread = self._thread, None
            try:
                self._waiting.put(None, timeout=ENDS_S)
            except queue.Full:
                self._log.warn('attention', 'the map of attention has not ended: it is left behind')
                return
            thread.join(ENDS_S)
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)

    def _run(self) -> None:
        try:
            while (seen := self._waiting.get()) is not None:
                self.publish(seen)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._thread = None
        self._log.warn('attention', f'no attention is shown any more: {error!r}')

    def publish(self, seen: Seen) -> None:
        """
        Compute and publish a map, in the thread that calls.

        :param seen: the frame
        """
        assert self._publisher is not None
        shades = (255.0 * self._policy.attention(seen.frame)).astype(np.uint8)
        height, width = shades.shape
        message = Image(height=height, width=width, encoding='mono8', step=width)
        message.data = array.array('B', shades.tobytes())
        message.header.stamp = stamp(seen.stamp_ns)
        message.header.frame_id = seen.frame_id
        self._publisher.publish(message)
