"""Play a bag into the graph: the recorded bytes, in its time, at a rate, with /clock; like ``ros2 bag play``."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import ReliabilityPolicy
from rclpy.task import Future
from rosgraph_msgs.msg import Clock as ClockMessage
from std_srvs.srv import Trigger

from lnn_controller.data.bags.damage import explain_damage
from lnn_controller.data.bags.reader import Bag, Message
from lnn_controller.data.topic_names import CLOCK
from lnn_controller.errors import InputError, printable
from lnn_controller.nodes.common.bag_settings import PLAYER_SETTINGS
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.executor import executing
from lnn_controller.nodes.common.message_types import message_class
from lnn_controller.nodes.common.messages import stamp
from lnn_controller.nodes.common.parameters import declare, on_change
from lnn_controller.nodes.common.playback_clock import Timeline
from lnn_controller.nodes.common.qos import qos_profile
from lnn_controller.nodes.common.run import run_node
from lnn_controller.nodes.common.topics import PLAYER

__all__ = ['PARAMETERS', 'PlayNode', 'main']

PARAMETERS = PLAYER_SETTINGS
DEPTH = 100
ACK_S = 1.0
# Nobody waits longer than this for the next message: a night's pause, or a clock that was set while it was recorded.
SKIP_S = 60.0
LONGEST_WAIT_S = 0.05  # services, parameters and Ctrl-C are seen so often


class PlayNode(Node):
    """
    The player: paused, resumed and stepped by services, at a rate that may be changed on the way.

    :raises InputError: if a parameter is wrong, the bag cannot be read, or nothing of it is to be played
    """

    def __init__(self) -> None:
        super().__init__('player')
        values = self._values = declare(self, PARAMETERS)
        self._bag = Bag(values['bag'])
        self._begin_ns = self._bag.start_ns + round(values['start_s'] * 1e9)
        if self._begin_ns > self._bag.end_ns:
            length_s = (self._bag.end_ns - self._bag.start_ns) / 1e9
            raise InputError(f'start_s must lie within the bag, {length_s:.1f} s. Got {values["start_s"]:g}')
        self._publishers_by_topic = self._advertise()
        self._clock_out = find(PLAYER, CLOCK).advertise(self) if values['clock_hz'] else None
        self._clock_due_s = 0.0
        self._steps = 0
        self.timeline = Timeline(self._begin_ns, time.monotonic(), rate=values['rate'], paused=values['paused'])
        actions: dict[str, Callable[[], str]] = {
            'pause': partial(self._pause, True),
            'resume': partial(self._pause, False),
            'toggle_paused': self.toggle,
            'play_next': self.step,
        }
        for name, action in actions.items():
            find(PLAYER, f'~/{name}').serve(self, partial(self._on_service, action))
        on_change(self, PARAMETERS, values, lambda _: None, self._change, active=lambda: True)
        what = ', '.join(self._publishers_by_topic)
        self.get_logger().info(f'playing {values["bag"]} at {values["rate"]:g}: {what}')

    def close(self) -> None:
        """Close the bag."""
        self._bag.close()

    def toggle(self) -> str:
        """
        Pause, or go on.

        :returns: which, in a word
        """
        return self._pause(not self.timeline.paused)

    def step(self) -> str:
        """
        Play the next message alone, while paused.

        :returns: what happens, in words
        """
        if not self.timeline.paused:
            return 'it plays already: pause it first'
        self._steps += 1
        return 'the next message is played'

    def set_rate(self, rate: float) -> None:
        """
        Play faster or slower from here.

        :param rate: within the parameter's range
        """
        self.timeline.set_rate(rate, time.monotonic())

    def run(self, stop: Future[None]) -> None:
        """
        Play until the end, or until it shall stop.

        :param stop: done when it shall stop
        """
        with executing(self) as executor:
            played, again = 0, True
            while again and not stop.done():
                self._latch()
                self.timeline.move(self._begin_ns, time.monotonic())
                before_ns = self._begin_ns
                for message in self._messages():
                    self._skip(message.stamp_ns - before_ns, message.stamp_ns)
                    before_ns = message.stamp_ns
                    if not self._await(message.stamp_ns, executor, stop):
                        break
                    self._publishers_by_topic[message.topic].publish(message.data)
                    played += 1
                for line in explain_damage(self._bag.damage):
                    self.get_logger().warning(printable(f'the bag is damaged: {line}'))
                again = self._values['loop']
            for publisher in self._publishers_by_topic.values():
                if publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE and not stop.done():
                    publisher.wait_for_all_acked(Duration(seconds=ACK_S))
            self.get_logger().info(f'{played} messages were played')

    def _advertise(self) -> dict[str, Publisher[Any]]:
        chosen = [self._bag.topic(name).name for name in self._values['topics'] if name] or list(self._bag.topics)
        try:
            exclude = re.compile(self._values['exclude'])
        except re.error as error:
            pattern = self._values['exclude']
            raise InputError(f'exclude must be a regular expression. Got {pattern!r}: {error}') from None
        publishers = {}
        for name in chosen:
            topic = self._bag.topics[name]
            clock_twice = name == CLOCK and self._values['clock_hz']
            if not topic.count or exclude.fullmatch(name) or clock_twice:
                continue
            try:
                message = message_class(topic.msgtype)
            except InputError as error:
                self.get_logger().error(printable(f'{name} is not played: {error}'))
                continue
            offered = self._bag.offered(name)
            depth = 1 if offered.latched else DEPTH
            profile = qos_profile(depth, reliable=offered.reliable, latched=offered.latched)
            # Relative, so that a namespace and remappings of relative names hold for them.
            publishers[name] = self.create_publisher(message, name, profile)
        if not publishers:
            raise InputError(f'something of the bag must be played. Got none of {self._bag.describe_topics()}')
        return publishers

    def _messages(self) -> Iterator[Message]:
        for message in self._bag.messages(list(self._publishers_by_topic)):
            if message.stamp_ns >= self._begin_ns:
                yield message

    def _latch(self) -> None:
        """Publish what was latched before the beginning: who listens must know it."""
        last: dict[str, Message] = {}
        latched = [name for name in self._publishers_by_topic if self._bag.offered(name).latched]
        for message in self._bag.messages(latched) if latched and self._values['start_s'] else ():
            if message.stamp_ns < self._begin_ns:
                last[message.topic] = message
        for topic, message in last.items():
            self._publishers_by_topic[topic].publish(message.data)

    def _skip(self, gap_ns: int, stamp_ns: int) -> None:
        if gap_ns > SKIP_S * 1e9:
            self.get_logger().warning(f'nothing was recorded for {gap_ns / 1e9:,.0f} s: that is skipped')
            self.timeline.move(stamp_ns, time.monotonic())

    def _await(self, stamp_ns: int, executor: SingleThreadedExecutor, stop: Future[None]) -> bool:
        """Serve services and the clock until a message is due; whether it is to be played still."""
        while not stop.done():
            now_s = time.monotonic()
            self._publish_time(now_s)
            wait_s = self.timeline.wait_s(stamp_ns, now_s)
            if self.timeline.paused and self._steps:
                self._steps -= 1
                self.timeline.move(max(stamp_ns, self.timeline.at_ns(now_s)), now_s)
                self._clock_due_s = 0.0
                self._publish_time(now_s)
                return True
            if not self.timeline.paused and not wait_s:
                return True
            clock_s = max(0.0, self._clock_due_s - now_s) if self._clock_out else LONGEST_WAIT_S
            executor.spin_once(timeout_sec=min(wait_s or LONGEST_WAIT_S, clock_s, LONGEST_WAIT_S))
        return False

    def _publish_time(self, now_s: float) -> None:
        if self._clock_out is not None and now_s >= self._clock_due_s:
            self._clock_due_s = now_s + 1.0 / self._values['clock_hz']
            self._clock_out.publish(ClockMessage(clock=stamp(self.timeline.at_ns(now_s))))

    def _pause(self, paused: bool) -> str:
        self.timeline.pause(time.monotonic(), paused=paused)
        return 'paused' if paused else 'playing'

    def _change(self, changed: Mapping[str, Any]) -> None:
        if 'rate' in changed:
            self.set_rate(changed['rate'])

    def _on_service(
        self, action: Callable[[], str], _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        response.success, response.message = True, action()
        return response


def main(args: Sequence[str] | None = None, report_mistake: Callable[[str], int] | None = None) -> int:
    """
    Play until the bag's end, SIGINT or SIGTERM.

    :param args: command line without the program's name; ``None``: this process's
    :param report_mistake: reports a user's mistake, as of :func:`~lnn_controller.nodes.common.run.run_node`
    :returns: exit code
    """
    purpose = 'Plays a bag into the graph, with /clock, at any rate.'
    return run_node(
        PlayNode,
        args,
        executable='play_node',
        purpose=purpose,
        table=PARAMETERS,
        loop=PlayNode.run,
        report_mistake=report_mistake,
    )


if __name__ == '__main__':
    sys.exit(main())
