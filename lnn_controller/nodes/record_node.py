"""Record topics of the graph into a bag: serialised bytes as they came, stamped with the time of their arrival."""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from rclpy.topic_endpoint_info import TopicEndpointInfo

from lnn_controller.data.writer import BagWriter, offered_qos
from lnn_controller.errors import InputError
from lnn_controller.nodes.parameters import Setting, declare
from lnn_controller.nodes.run import run_node, spin

__all__ = ['PARAMETERS', 'RecordNode', 'main']

TOPICS = [
    'image_raw',
    'image_raw/compressed',
    'imu/data',
    'odom',
    'cmd_vel',
    'cmd_vel_override',
    'emergency_stop',
    'controller/neurons',
    'controller/ticks',
    'controller/configuration',
    'controller/adaptation',
    'sim/cross_track_error',
    'sim/departures',
    '/diagnostics',
]
PARAMETERS = (
    Setting('bag', 'bag', 'Folder of the new bag; an existing one is never overwritten.'),
    Setting('storage', 'mcap', 'Format of the bag.', choices=('mcap', 'sqlite3')),
    Setting(
        'topics',
        TOPICS,
        'What to record, as soon as it is published; "": the usual topics. Relative names are remapped.',
    ),
)
DISCOVERY_PERIOD_S = 0.1
QUEUE_DEPTH = 1000  # messages per topic: seconds of a stalled disk
DRAIN_S = 2.0
IDLE_S = 0.1


class RecordNode(Node):
    """
    The recorder: waits for its topics to appear, takes their publishers' QoS, and writes what arrives.

    :raises InputError: if a parameter is wrong, or the bag exists or cannot be written
    """

    def __init__(self) -> None:
        super().__init__('recorder')
        values = declare(self, PARAMETERS)
        topics = [topic for topic in values['topics'] if topic] or TOPICS
        self._wanted = [self.resolve_topic_name(topic) for topic in topics]
        self._bag = BagWriter(values['bag'], storage=values['storage'])
        self.written = 0
        self._last_ns = 0
        self._discovery = self.create_timer(
            DISCOVERY_PERIOD_S, self._discover, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self.get_logger().info(f'recording to {self._bag.path}: waiting for {", ".join(self._wanted)}')

    def run(self, stop: Future[None]) -> None:
        """
        Record until it shall stop, then take what had arrived by then.

        :param stop: done when it shall stop
        :raises InputError: if the disk takes no more
        """
        spin(self, stop)
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        deadline_s = time.monotonic() + DRAIN_S  # topics that still flow would never run dry
        written = -1
        while written < self.written and time.monotonic() < deadline_s:
            written = self.written
            executor.spin_once(timeout_sec=IDLE_S)
        executor.shutdown()

    def close(self) -> None:
        """
        Finish the bag; whatever is called later is ignored.

        :raises InputError: if the disk does not take its end
        """
        self._bag.close()
        counts = ', '.join(f'{topic} {count}' for topic, count in self._bag.counts.items())
        self.get_logger().info(f'bag {self._bag.path} is complete: {counts or "no message arrived"}')

    def _discover(self) -> None:
        # In simulated time nothing can be stamped before the first /clock.
        if self.get_clock().now().nanoseconds == 0:
            return
        there = dict(self.get_topic_names_and_types())
        for topic in [topic for topic in self._wanted if there.get(topic)]:
            publishers = self.get_publishers_info_by_topic(topic)
            if not publishers:
                continue
            self._wanted.remove(topic)
            try:
                self._record(topic, there[topic][0], publishers)
            except InputError as error:
                self.get_logger().error(f'{topic} is not recorded: {error}')
        if not self._wanted:
            self.destroy_timer(self._discovery)
            self.get_logger().info('every topic is being recorded')

    def _record(self, topic: str, type_name: str, publishers: Sequence[TopicEndpointInfo]) -> None:
        reliable = all(item.qos_profile.reliability == ReliabilityPolicy.RELIABLE for item in publishers)
        latched = all(item.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for item in publishers)
        message = _message_class(topic, type_name)
        self._bag.add_topic(topic, type_name, qos=offered_qos(reliable=reliable, transient_local=latched))
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=QUEUE_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        write: Callable[[bytes], None] = partial(self._write, topic)
        self.create_subscription(message, topic, write, profile, raw=True)
        self.get_logger().info(f'recording {topic} ({type_name})')

    def _write(self, topic: str, data: bytes) -> None:
        # Arrival order is kept even where the clock steps back: a reader orders by these stamps.
        self._last_ns = max(self._last_ns, self.get_clock().now().nanoseconds)
        self._bag.write(topic, self._last_ns, data)
        self.written += 1


def _message_class(topic: str, type_name: str) -> Any:
    package, _, name = type_name.partition('/msg/')
    try:
        return getattr(import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError):
        raise InputError(f'its type must be installed here. Got {type_name} on {topic}') from None


def main(args: Sequence[str] | None = None) -> int:
    """
    Run the recorder until SIGINT or SIGTERM.

    :param args: command line without the program's name; ``None``: this process's
    :returns: exit code
    """
    purpose = 'Records topics of the graph into a bag.'
    return run_node(RecordNode, args, executable='record_node', purpose=purpose, table=PARAMETERS, loop=RecordNode.run)


if __name__ == '__main__':
    sys.exit(main())
