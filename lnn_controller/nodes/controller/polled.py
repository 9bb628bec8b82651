"""Subscriptions that the control tick reads by itself: no thread wakes for their messages."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

from collections.abc import Iterator
from itertools import islice
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.qos import HistoryPolicy
from rclpy.subscription import Subscription

__all__ = ['Polled', 'take_all', 'take_all_with_info', 'take_newest']

# Taken at once of a queue that keeps all, as qos_overrides may ask: its depth says nothing.
MOST_OF_ALL = 1000


class Polled(CallbackGroup):
    """
    The group of subscriptions that no executor serves, nor the middleware's events of them.

    (Fast DDS wakes for such an event whenever there is a message too: an executor that waited for the one and left
    the other would never sleep.)

    An IMU at 200 Hz would wake an executor 200 times a second, each time for more work than the sample itself needs,
    only to leave it for the next tick.
    """

    def can_execute(self, entity: Any) -> bool:
        """
        Return whether the executor serves an entity.

        :param entity: of this group
        :returns: ``False``
        """
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """
        Let the executor serve the rest.

        :param entity: of this group
        :returns: ``True``
        """
        return True

    def ending_execution(self, entity: Any) -> None:
        """
        Do nothing.

        :param entity: of this group
        """


def take_all(subscription: Subscription[Any]) -> Iterator[Any]:
    """
    Take what has arrived, oldest first.

    No more than the queue holds, and never more than a thousand: who publishes without end must not keep the tick.

    :param subscription: of a :class:`Polled` group
    :returns: messages, or bytes where the subscription is raw
    """
    qos = subscription.qos_profile
    most = MOST_OF_ALL if qos.history == HistoryPolicy.KEEP_ALL else max(qos.depth, 1)
    return (message for message, _ in islice(take_all_with_info(subscription), most))


def take_all_with_info(subscription: Subscription[Any]) -> Iterator[tuple[Any, Any]]:
    """
    Take what has arrived, oldest first, each with the middleware's information about it.

    :param subscription: of a :class:`Polled` group
    :returns: messages, or bytes where the subscription is raw, each with ``publisher_gid``,
        ``publication_sequence_number``, ``source_timestamp`` …
    """
    # rclpy's public way, callbacks, needs an executor that wakes for each message. Executors take messages by this same
    # call, in 7.1 (Jazzy) as in 9.1 (Kilted).
    with subscription.handle:
        while (taken := subscription.handle.take_message(subscription.msg_type, subscription.raw)) is not None:
            yield taken


def take_newest(subscription: Subscription[Any], most: int) -> tuple[int, tuple[Any, Any]]:
    """
    Take what has arrived, of which only the newest matters.

    :param subscription: of a :class:`Polled` group
    :param most: messages that are taken: who publishes without end must not keep the caller
    :returns: how many there were, and the newest with the middleware's information about it; ``None`` and ``None``
        where there was none
    """
    count, newest = 0, (None, None)
    for taken in islice(take_all_with_info(subscription), most):
        count, newest = count + 1, taken
    return count, newest
