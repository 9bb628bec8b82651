"""Record topics of the graph into a bag: serialised bytes as they came, stamped with the time of their arrival."""

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from rclpy.topic_endpoint_info import TopicEndpointInfo

from lnn_controller.data.writer import BagWriter, offered_qos
from lnn_controller.errors import InputError
from lnn_controller.nodes.parameters import Setting, declare
from lnn_controller.nodes.run import drain, run_node, spin

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
    Setting('all', False, 'Record every topic of the graph, also those that come later.'),
    Setting('exclude', '', 'Regular expression: topics that match it as a whole are not recorded.'),
    Setting('compression', 'none', 'Of what is written: none, or zstd (mcap alone).', choices=('none', 'zstd')),
    Setting(
        'max_size_mb', 0.0, 'Begin another file when one has grown to this; 0: never (mcap alone).', 'MB', 0.0, 1e6
    ),
    Setting('max_duration_s', 0.0, 'Begin another file after this time; 0: never (mcap alone).', 's', 0.0, 1e6),
    Setting('report_s', 5.0, 'Tell rates and losses in the log at this interval; 0: never.', 's', 0.0, 3600.0),
)
DISCOVERY_PERIOD_S = 0.1
QUEUE_DEPTH = 1000  # messages per topic: seconds of a stalled disk
FLUSH_S = 0.5  # so much is lost at most when the process is killed
HIDDEN = '/_'  # topics that ROS's own tools make, as ros2 bag's


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
        self._all = values['all']
        self._exclude = _pattern(values['exclude'])
        self._bag = BagWriter(
            values['bag'],
            storage=values['storage'],
            compress=values['compression'] == 'zstd',
            max_bytes=int(values['max_size_mb'] * 1e6),
            max_seconds=values['max_duration_s'],
        )
        self.written = 0
        self._last_ns = 0
        self._settled: set[str] = set()  # recorded, or never to be
        self._lost: Counter[str] = Counter()
        self._told = (time.monotonic(), dict[str, int]())
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DISCOVERY_PERIOD_S, self._discover, clock=steady)
        self.create_timer(FLUSH_S / 2, self._bag.flush, clock=steady)
        if values['report_s']:
            self.create_timer(values['report_s'], self._report, clock=steady)
        waiting = 'every topic' if self._all else ', '.join(self._wanted)
        self.get_logger().info(f'recording to {self._bag.path}: waiting for {waiting}')

    def run(self, stop: Future[None]) -> None:
        """
        Record until it shall stop, then take what had arrived by then.

        :param stop: done when it shall stop
        :raises InputError: if the disk takes no more
        """
        spin(self, stop)
        drain(self, lambda: self.written)

    def close(self) -> None:
        """
        Finish the bag; whatever is called later is ignored.

        :raises InputError: if the disk does not take its end
        """
        self._bag.close()
        counts = ', '.join(
            f'{topic} {count}' + (f' ({self._lost[topic]} lost)' if self._lost[topic] else '')
            for topic, count in self._bag.counts.items()
        )
        self.get_logger().info(f'bag {self._bag.path} is complete: {counts or "no message arrived"}')

    def _discover(self) -> None:
        # In simulated time nothing can be stamped before the first /clock.
        if self.get_clock().now().nanoseconds == 0:
            return
        there = dict(self.get_topic_names_and_types())
        names = [name for name in there if HIDDEN not in name] if self._all else self._wanted
        for topic in names:
            if topic in self._settled or not there.get(topic) or self._exclude.fullmatch(topic):
                continue
            publishers = self.get_publishers_info_by_topic(topic)
            if not publishers:
                continue
            self._settled.add(topic)
            try:
                self._record(topic, there[topic][0], publishers)
            except InputError as error:
                self.get_logger().error(f'{topic} is not recorded: {error}')
            if not self._all and self._settled.issuperset(self._wanted):
                self.get_logger().info('every topic is being recorded')

    def _report(self) -> None:
        """Tell what came since the last time."""
        then_s, before = self._told
        now_s, counts = time.monotonic(), self._bag.counts
        self._told = (now_s, counts)
        rates = [
            f'{topic} {(count - before.get(topic, 0)) / (now_s - then_s):.1f} Hz'
            + (f' ({self._lost[topic]} lost)' if self._lost[topic] else '')
            for topic, count in counts.items()
        ]
        self.get_logger().info(f'{self._bag.bytes / 1e6:.1f} MB; {", ".join(rates) or "nothing arrives"}')

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
        events = SubscriptionEventCallbacks(message_lost=partial(self._on_lost, topic), use_default_callbacks=False)
        self.create_subscription(message, topic, write, profile, raw=True, event_callbacks=events)
        self.get_logger().info(f'recording {topic} ({type_name})')

    def _on_lost(self, topic: str, event: Any) -> None:
        self._lost[topic] = event.total_count

    def _write(self, topic: str, data: bytes) -> None:
        # Arrival order is kept even where the clock steps back: a reader orders by these stamps.
        self._last_ns = max(self._last_ns, self.get_clock().now().nanoseconds)
        self._bag.write(topic, self._last_ns, data)
        self.written += 1


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(f'parameter exclude must be a regular expression. Got {text!r}: {error}') from None


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
