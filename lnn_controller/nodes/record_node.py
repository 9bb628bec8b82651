"""Record topics of the graph into a bag: serialised bytes as they came, stamped with the time of their arrival."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.subscription import Subscription
from rclpy.task import Future
from std_msgs.msg import String
from std_srvs.srv import Trigger

from lnn_controller.data.bags.last_seconds import LastSeconds
from lnn_controller.data.bags.writer import BagWriter, offered_qos
from lnn_controller.data.messages.types import STRING
from lnn_controller.data.topic_names import EPISODE, KEEP, check_ros_name
from lnn_controller.errors import InputError, printable
from lnn_controller.nodes.common.arrival import Arrival
from lnn_controller.nodes.common.bag_settings import MARKS, RECORDER_SETTINGS
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.marker import Marker
from lnn_controller.nodes.common.message_definitions import message_definition
from lnn_controller.nodes.common.message_types import message_class
from lnn_controller.nodes.common.parameters import declare
from lnn_controller.nodes.common.qos import UNREADABLE, all_latched, all_reliable, qos_profile, read_graph
from lnn_controller.nodes.common.run import drain, run_node, spin
from lnn_controller.nodes.common.topics import QUEUE_DEPTH, RECORDED, RECORDER
from lnn_controller.nodes.controller.polled import take_all

__all__ = ['PARAMETERS', 'RecordNode', 'main']

# The usual topics stand in the table of topics, which a command that only prints its help does not load.
PARAMETERS = tuple(replace(each, default=RECORDED) if each.name == 'topics' else each for each in RECORDER_SETTINGS)
DISCOVERY_PERIOD_S = 0.1
LOOKS = 5  # of them, after which the publishers of what is recorded are looked at again
FLUSH_S = 0.5  # so much is lost at most when the process is killed
CHANGE, LEAST_CHANGE_HZ = 0.2, 0.5  # of a rate, to be logged
HIDDEN = '/_'  # topics that ROS's own tools make, as ros2 bag's


class _Taken(NamedTuple):
    """How a topic is recorded: the strictest terms that all its publishers offered when they were looked at."""

    type_name: str
    subscription: Subscription[Any]
    reliable: bool
    latched: bool


class RecordNode(Node):
    """
    The recorder: waits for its topics to appear, takes their publishers' QoS, and writes what arrives.

    :raises InputError: if a parameter is wrong, or the bag exists or cannot be written
    """

    def __init__(self) -> None:
        super().__init__('recorder')
        values = declare(self, PARAMETERS)
        topics = [topic for topic in values['topics'] if topic] or RECORDED
        self._wanted = [self.resolve_topic_name(check_ros_name('a topic', topic)) for topic in topics]
        self._all = values['all']
        self._exclude = _pattern(values['exclude'])
        make = partial(
            BagWriter,
            storage=values['storage'],
            compress=values['compression'] == 'zstd',
            max_bytes=int(values['max_size_mb'] * 1e6),
            max_seconds=values['max_duration_s'],
        )
        self._last = (
            LastSeconds(values['bag'], values['keep_last_s'], int(values['keep_last_mb'] * 1e6), make)
            if values['keep_last_s']
            else None
        )
        self._bag: BagWriter | LastSeconds = self._last or make(values['bag'])
        self.written = 0
        self._arrival = Arrival()
        self._taken: dict[str, _Taken] = {}
        self._refused: set[tuple[str, str]] = set()  # topic and type that were logged
        self._complete = self._ended = False
        self._looks = 0
        self._lost: Counter[str] = Counter()
        self._reported = (time.monotonic(), dict[str, int]())
        self._logged: dict[str, tuple[float, int]] = {}  # rate and losses by topic
        buttons = {word: values[f'joy_{word}_button'] for word in MARKS}
        self._marks_topic = self.resolve_topic_name(EPISODE)
        self._marker = Marker(self, self._mark, buttons, keys=values['mark_by_keys'])
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DISCOVERY_PERIOD_S, self._discover, clock=steady)
        self.create_timer(FLUSH_S / 2, self._bag.flush, clock=steady)
        if values['report_s']:
            self.create_timer(values['report_s'], self._report, clock=steady)
        if self._last:
            find(RECORDER, '~/keep', values).serve(self, self._on_keep)
            self.get_logger().info(
                f'the last {values["keep_last_s"]:g} s are kept in memory: ~/keep or the mark keep writes them'
            )
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
        self._ended = True

    def close(self) -> None:
        """
        Finish the bag; whatever is called later is ignored.

        :raises InputError: if the disk does not take its end, or nothing arrived
        """
        self._marker.close()
        self._bag.close()
        if not self.written:
            looked_at = 'any topic' if self._all else ', '.join(self._wanted)
            raise InputError(f'messages must arrive to be recorded. Got none on {looked_at}: {self._bag.path} is empty')
        counts = ', '.join(
            f'{topic} {count}' + (f' ({self._lost[topic]} lost)' if self._lost[topic] else '')
            for topic, count in self._bag.counts.items()
        )
        if self._last:
            self.get_logger().info(f'{len(self._last.kept)} bag(s) in {self._last.path}; of what came: {counts}')
            return
        state = 'is complete' if self._ended else 'ends here'
        self.get_logger().info(f'bag {self._bag.path} {state}: {counts}')

    def _discover(self) -> None:
        # In simulated time nothing can be stamped before the first /clock.
        if self.get_clock().now().nanoseconds == 0:
            return
        there = dict(self.get_topic_names_and_types())
        names = [name for name in there if HIDDEN not in name] if self._all else self._wanted
        if self._last:
            names = [*names, self._marks_topic]
        self._looks += 1
        again = self._looks % LOOKS == 0
        for topic in names:
            if there.get(topic) and (again or topic not in self._taken) and not self._exclude.fullmatch(topic):
                self._follow(topic)
        if not self._complete and not self._all and self._taken.keys() >= set(self._wanted):
            self._complete = True
            self.get_logger().info('every topic is being recorded')

    def _follow(self, topic: str) -> None:
        """Record a topic on terms that all its publishers keep: those of one that comes back may be others."""
        publishers = read_graph(self.get_publishers_info_by_topic, topic)
        if publishers is None:
            self._refuse(topic, '', f'{topic}: {UNREADABLE}')
        if not publishers:
            return
        taken = self._taken.get(topic)
        type_name = taken.type_name if taken else publishers[0].topic_type
        for other in {item.topic_type for item in publishers} - {type_name}:
            self._refuse(topic, other, f'{topic} is recorded as {type_name}. Got a publisher of {other} too')
        publishers = [item for item in publishers if item.topic_type == type_name]
        if not publishers or (topic, type_name) in self._refused:
            return
        reliable, latched = all_reliable(publishers), all_latched(publishers)
        # Never stricter than before: a latched message would come twice.
        if taken is not None and (reliable or not taken.reliable) and (latched or not taken.latched):
            return
        try:
            self._record(topic, type_name, reliable=reliable, latched=latched)
        except InputError as error:
            self._refuse(topic, type_name, f'{topic} is not recorded: {error}')

    def _refuse(self, topic: str, type_name: str, why: str) -> None:
        if (topic, type_name) not in self._refused:
            self._refused.add((topic, type_name))
            self.get_logger().error(printable(why))

    def _report(self) -> None:
        """Log the topics whose rates changed since they were logged, or of which messages were lost; else the sum."""
        now_s, counts = time.monotonic(), self._bag.counts
        then_s, before = self._reported
        self._reported = (now_s, counts)
        rates = {topic: (count - before.get(topic, 0)) / (now_s - then_s) for topic, count in counts.items()}
        news = []
        for topic, rate in rates.items():
            rate_logged, lost_logged = self._logged.get(topic, (0.0, 0))
            lost = self._lost[topic]
            if abs(rate - rate_logged) > max(CHANGE * max(rate, rate_logged), LEAST_CHANGE_HZ) or lost != lost_logged:
                self._logged[topic] = (rate, lost)
                news.append(f'{topic} {rate:.1f} Hz' + (f' ({lost} lost)' if lost else ''))
        if self._last and self._last.cut_short_s is not None:
            news.append(f'memory has room for {self._last.cut_short_s:.1f} s alone: give it more (keep_last_mb)')
        total = sum(rates.values())
        what = ', '.join(news) or (f'{total:.0f} messages/s, as before' if total else 'nothing arrives')
        self.get_logger().info(f'{self._bag.bytes / 1e6:.1f} MB; {what}')

    def _record(self, topic: str, type_name: str, *, reliable: bool, latched: bool) -> None:
        message = message_class(type_name)
        write: Callable[[bytes], None] = partial(self._write, topic)
        if self._last and topic == self._marks_topic and type_name == STRING:
            write = self._on_mark
        before = self._taken.get(topic)
        if before is None:
            if topic not in self._bag.topics:
                qos = offered_qos(reliable=reliable, transient_local=latched)
                self._bag.add_topic(topic, type_name, qos=qos, definition=message_definition(type_name))
        else:
            reliable, latched = reliable and before.reliable, latched and before.latched
            for data in take_all(before.subscription):
                write(data)
            self.destroy_subscription(before.subscription)
        profile = qos_profile(QUEUE_DEPTH, reliable=reliable, latched=latched)
        events = SubscriptionEventCallbacks(message_lost=partial(self._on_lost, topic), use_default_callbacks=False)
        subscription = self.create_subscription(message, topic, write, profile, raw=True, event_callbacks=events)
        self._taken[topic] = _Taken(type_name, subscription, reliable, latched)
        terms = f'{"reliable" if reliable else "best effort"}{", latched" if latched else ""}'
        self.get_logger().info(f'recording {topic} ({type_name}), {terms}')

    def _on_lost(self, topic: str, event: Any) -> None:
        self._lost[topic] = event.total_count

    def _on_mark(self, data: bytes) -> None:
        """Take a mark that somebody published, where marks say what of the memory becomes a bag."""
        word = deserialize_message(data, String).data.strip()
        if word in MARKS:
            self._mark(word)
        else:
            self.get_logger().error(printable(f'a mark must be one of {", ".join(MARKS)}. Got {word[:40]!r}'))

    def _on_keep(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._keep()
        return response

    def _keep(self) -> tuple[bool, str]:
        """Write what is in memory; whether that has begun, and what to say of it."""
        assert self._last
        seconds = self._last.seconds
        try:
            text = f'writing {seconds:.1f} s to {self._last.keep()}'
        except InputError as error:
            self.get_logger().warning(str(error))
            return False, str(error)
        self.get_logger().info(text)
        return True, text

    def _mark(self, word: str) -> None:
        """Write a mark that was set here, as others would publish it; of the memory, keep it or let go of it."""
        if self._last:
            if word == KEEP:
                self._keep()
            else:
                self._last.forget()
                self.get_logger().info(f'episode: {word} (memory begins anew)')
            return
        if self.get_clock().now().nanoseconds == 0:
            return  # no simulated time yet
        if self._marks_topic not in self._bag.topics:
            self._bag.add_topic(self._marks_topic, STRING, qos=offered_qos())
        if self._bag.topics[self._marks_topic] == STRING:
            # Not counted as written: an empty recording with marks is an empty recording.
            self._put(self._marks_topic, serialize_message(String(data=word)))
            self.get_logger().info(f'episode: {word} ({MARKS[word]})')

    def _write(self, topic: str, data: bytes) -> None:
        self._put(topic, data)
        self.written += 1

    def _put(self, topic: str, data: bytes) -> None:
        ahead_ns = self._arrival.ahead_ns
        stamp_ns = self._arrival.stamp(self.get_clock().now().nanoseconds)
        if self._arrival.ahead_ns > ahead_ns:
            ahead_s = self._arrival.ahead_ns / 1e9
            self.get_logger().warning(
                f'the clock was set back: what arrives is stamped {ahead_s:.3f} s later than it, to keep its order'
            )
        self._bag.write(topic, stamp_ns, data)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(f'parameter exclude must be a regular expression. Got {text!r}: {error}') from None


def main(args: Sequence[str] | None = None, report_mistake: Callable[[str], int] | None = None) -> int:
    """
    Run the recorder until SIGINT or SIGTERM.

    :param args: command line without the program's name; ``None``: this process's
    :param report_mistake: reports a user's mistake, as of :func:`~lnn_controller.nodes.common.run.run_node`
    :returns: exit code
    """
    purpose = 'Records topics of the graph into a bag.'
    return run_node(
        RecordNode,
        args,
        executable='record_node',
        purpose=purpose,
        table=PARAMETERS,
        loop=RecordNode.run,
        report_mistake=report_mistake,
    )


if __name__ == '__main__':
    sys.exit(main())
