"""The emergency stop of a node: heard from its start to its end, in every QoS, by a thread of its own."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy

from lnn_controller.data.topic_names import EMERGENCY_STOP
from lnn_controller.nodes.common.qos import node_of, read_graph
from lnn_controller.nodes.common.topics import CONTROLLER
from lnn_controller.nodes.controller.control_loop import PRIORITY, ask_for_punctuality
from lnn_controller.nodes.controller.polled import Polled, take_all_with_info
from lnn_controller.nodes.controller.stop_holders import ANYBODY, StopHolders, Word

__all__ = ['EmergencyStop']

# Best effort matches every publisher; reliable loses nothing of those that are; latched ones also tell what they said
# before we were there. All three hear the same words, and none can be overridden by parameters.
TOPICS = [row for row in CONTROLLER if row.name == EMERGENCY_STOP]
# Besides a queue for all that is said one for each true: however often others say false, they push none out of that.
FILTERS: list[dict[str, Any]] = [{}]
with suppress(ImportError):  # rclpy before Kilted
    from rclpy.subscription_content_filter_options import ContentFilterOptions

    FILTERS.append({'content_filter_options': ContentFilterOptions('data = TRUE', [])})
# The robot stops this much after a message, whatever the control rate and whatever the executor does.
PERIOD_S = 0.01
LATE_PERIODS = 1.2
JOIN_S = 0.5
LATCHED = DurabilityPolicy.TRANSIENT_LOCAL
GRACE_S = 0.5  # from the discovery of a publisher to what it had said before
DEPTH = 10  # messages that are taken from each queue at once: as many as it holds
NOT_COUNTED = 2**64 - 1  # what rmw gives as the number of a message where the middleware does not count
HEADER = 4  # bytes of a serialised message before its content


class EmergencyStop:
    """
    Listens to the topic ``emergency_stop``, and keeps who holds the stop over every state of the node's lifecycle.

    :param node: the node
    :param engaged: called, from the thread that listens, when the stop is engaged
    """

    def __init__(self, node: Node, engaged: Callable[[], None]) -> None:
        self._node, self._on_engaged = node, engaged
        self._holders = StopHolders()
        polled: dict[str, Any] = {'callback': lambda _: None, 'callback_group': Polled(), 'raw': True}
        silent = SubscriptionEventCallbacks(use_default_callbacks=False)  # a volatile publisher fits but two of them
        self._subscriptions = [
            topic.subscribe(node, event_callbacks=silent, **polled, **filtered)
            for topic in TOPICS
            for filtered in FILTERS
        ]
        self.subscription = self._subscriptions[0]
        self._matched = 0
        self._taken_s = 0.0
        self._expected: dict[bytes, float] = {}
        self.failure: BaseException | None = None
        self._taking = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name='emergency_stop', daemon=True)
        self._thread.start()

    @property
    def holders(self) -> tuple[str, ...]:
        """Who holds the stop, by name; empty: it is released."""
        return self._holders.holders(time.monotonic())

    @property
    def pending(self) -> bool:
        """Whether a publisher that latches has just been discovered, and what it said has not come yet."""
        now_s = time.monotonic()
        return any(now_s < until_s and not self._holders.knows(gid) for gid, until_s in self._expected.items())

    def set_timeout(self, timeout_s: float) -> None:
        """
        Set for how long whoever sends may be silent.

        :param timeout_s: s; 0: for ever
        """
        self._holders.timeout_s = timeout_s

    def set_service(self, engaged: bool) -> tuple[str, ...]:
        """
        Engage or let go by the service; to let go also lets go of the stops whose publishers are gone.

        :param engaged: whether the service holds the robot
        :returns: who holds it now
        """
        self.look()
        self._holders.set_service(engaged)
        holders = self.holders
        if engaged:
            self._on_engaged()
        return holders

    def take_if_late(self) -> None:
        """Take what has arrived where the thread, held up by others, has not; for the control tick, which then does."""
        if time.monotonic() - self._taken_s > LATE_PERIODS * PERIOD_S:
            self.take()

    def take(self) -> None:
        """Take what has arrived; the thread does, and engages the stop within its period."""
        self._taken_s = time.monotonic()
        matched = self.subscription.get_publisher_count()
        strangers, self._matched = matched != self._matched, matched
        with self._taking:
            for subscription in self._subscriptions:
                # No more than was there when it began: who publishes without end must not keep the tick.
                for data, info in islice(take_all_with_info(subscription), DEPTH):
                    if (word := self._word(data, info)) is not None:
                        strangers |= self._holders.hear(word, time.monotonic())
        if strangers:
            self.look()  # now, for in a second it may be gone: its name is to be known

    def look(self) -> None:
        """Look at which publishers there are; cheap enough for once a second."""
        asked_s = time.monotonic()
        found = read_graph(self._node.get_publishers_info_by_topic, self.subscription.topic_name)
        if found is None:
            return  # nobody is known to have gone, and QosWatch does not let the robot drive
        latched = [bytes(each.endpoint_gid) for each in found if each.qos_profile.durability == LATCHED]
        until_s = asked_s + GRACE_S
        self._expected = {gid: self._expected.get(gid, until_s) for gid in latched}
        names = {bytes(each.endpoint_gid): node_of(each) for each in found}
        for name in self._holders.look(names, asked_s):
            self._node.get_logger().warning(
                f'{name}, which holds the emergency stop, is gone: the stop stays until it is let go by the service '
                f'{self._node.get_fully_qualified_name()}/emergency_stop (data: false)'
            )

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        # Above the control tick's thread, as the watchdog: a stop waits for no tick.
        ask_for_punctuality(PRIORITY + 1)
        engaged, presses = False, 0
        try:
            while not self._stopping.wait(PERIOD_S):
                self.take()
                before, engaged = (engaged, presses), bool(self.holders)
                presses = self._holders.presses
                # A press whose release came with it was one too; silence and the service engage it without one.
                if (engaged and not before[0]) or presses != before[1]:
                    self._on_engaged()
        except BaseException as error:
            self.failure = error
            # A node that is deaf must not drive.
            self._holders.set_service(True)
            self._on_engaged()
            raise

    def _word(self, data: bytes, info: Any) -> Word | None:
        # What cannot be read was not sent to let the robot drive.
        engaged = len(data) <= HEADER or data[HEADER] != 0
        sequence, stamp_ns = info.get('publication_sequence_number'), info['source_timestamp']
        if sequence == NOT_COUNTED:
            sequence = None
        if 'publisher_gid' in info and any(gid := bytes(info['publisher_gid']['data'])):
            return Word(gid, engaged, sequence, stamp_ns)
        # rclpy before Kilted does not say who sent it, nor does every middleware: then the only publisher can let go,
        # and the service.
        if not engaged and self._node.count_publishers(self.subscription.topic_name) > 1:
            return None
        return Word(ANYBODY, engaged, None, stamp_ns)
