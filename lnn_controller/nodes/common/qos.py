"""QoS profiles; and who on our topics, by name, cannot be heard, cannot hear us, or speaks in our place."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

from lnn_controller.errors import printable
from lnn_controller.nodes.common.message_types import type_name

__all__ = [
    *('TWISTS', 'UNREADABLE', 'QosWatch', 'all_latched', 'all_reliable'),
    *('node_of', 'qos_profile', 'qos_text', 'read_graph'),
]

UNKNOWN = '_NODE_NAME_UNKNOWN_'  # of rmw: an endpoint of a program that names no node
NAMELESS = 'without a name'
UNREADABLE = 'the name of a node here is no text (UTF-8), so nobody knows who else is here. Stop that node'
LISTED = 4
TWISTS = {'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'}


def qos_profile(depth: int, *, reliable: bool = True, latched: bool = False) -> QoSProfile:
    """
    Make a profile of the last messages.

    :param depth: how many are kept
    :param reliable: reliable, else best effort
    :param latched: transient local, else volatile
    :returns: the profile
    """
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def qos_text(qos: QoSProfile) -> str:
    """
    Describe a profile.

    :param qos: the profile
    :returns: e.g. ``reliable, depth 1, latched``
    """
    reliability = 'best effort' if qos.reliability == ReliabilityPolicy.BEST_EFFORT else 'reliable'
    latched = ', latched' if qos.durability == DurabilityPolicy.TRANSIENT_LOCAL else ''
    return f'{reliability}, depth {qos.depth}{latched}'


def all_reliable(endpoints: Iterable[TopicEndpointInfo]) -> bool:
    """
    Return whether a reliable subscription would hear every one of a topic's publishers.

    :param endpoints: the publishers, as the graph describes them
    :returns: whether all are reliable
    """
    return all(each.qos_profile.reliability == ReliabilityPolicy.RELIABLE for each in endpoints)


def all_latched(endpoints: Iterable[TopicEndpointInfo]) -> bool:
    """
    Return whether a latched subscription would hear every one of a topic's publishers.

    :param endpoints: the publishers, as the graph describes them
    :returns: whether all are transient local
    """
    return all(each.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for each in endpoints)


def read_graph(ask: Callable[[str], list[TopicEndpointInfo]], topic: str) -> list[TopicEndpointInfo] | None:
    """
    Ask the graph who is on a topic.

    :param ask: a node's ``get_publishers_info_by_topic`` or ``get_subscriptions_info_by_topic``
    :param topic: the topic
    :returns: the endpoints; ``None`` where one of them has a name that is no text, of which rclpy reads none then
    """
    try:
        return ask(topic)
    except UnicodeDecodeError:
        return None


class Mismatch(NamedTuple):
    """
    What does not fit.

    :param text: who, what, and what to do
    :param unheard: whether it is somebody who must be heard before the robot may drive
    """

    text: str
    unheard: bool = False


class QosWatch:
    """
    Compares type and QoS of a node's topics with those of the other ends, and looks for others who send its commands,
    and for sensors that are there twice.

    :param node: whose topics they are
    :param publishers: its publishers
    :param subscriptions: its subscriptions
    :param alone: the publisher that must be the only one of its topic
    :param heard: those of the subscriptions that must hear every publisher of their topics; the others need one alone
    :param error: called once with each thing that does not fit
    """

    def __init__(
        self,
        node: Node,
        publishers: Iterable[Publisher[Any]],
        subscriptions: Iterable[Subscription[Any]],
        *,
        alone: Publisher[Any],
        heard: Iterable[Subscription[Any]],
        error: Callable[[str], None],
    ) -> None:
        self._node, self._error = node, error
        self._publishers, self._subscriptions = list(publishers), list(subscriptions)
        self._alone, self._heard = alone, list(heard)
        self._found: tuple[Mismatch, ...] = ()
        self._counts: tuple[int, ...] = ()
        self._due: list[str] = []

    @property
    def errors(self) -> tuple[str, ...]:
        """What did not fit at the last look."""
        return tuple(each.text for each in self._found)

    @property
    def unheard(self) -> bool:
        """Whether there is somebody who must be heard and cannot be."""
        return any(each.unheard for each in self._found)

    def look_at_change(self) -> None:
        """Look if somebody came or left who must be heard; cheap enough for ten times a second."""
        if self._count() != self._counts:
            self.look()

    def look(self) -> None:
        """Look at who is there now; cheap enough for once a second."""
        self._counts = self._count()
        before = self.errors
        found = (*self._listeners(), *self._talkers(), *self._strangers(), *self._crowds())
        # Two ends of one node are one matter. Names are others'.
        self._found = tuple(dict.fromkeys(Mismatch(printable(text), unheard) for text, unheard in found))
        # Who has just been discovered may have no name yet.
        self._due = [each for each in self.errors if each not in before or each in self._due]
        for text in [each for each in self._due if NAMELESS not in each or each in before]:
            self._due.remove(text)
            self._error(text)

    def _count(self) -> tuple[int, ...]:
        # By the topic's name: those of another type too.
        return tuple(self._node.count_publishers(each.topic_name) for each in self._heard)

    def _listeners(self) -> Iterator[Mismatch]:
        for publisher in self._publishers:
            found = read_graph(self._node.get_subscriptions_info_by_topic, publisher.topic_name)
            if found is None:
                yield _unreadable(publisher.topic_name)
            for other in found or ():
                yield from map(Mismatch, _compare(publisher, other, other.qos_profile, publisher.qos_profile))

    def _talkers(self) -> Iterator[Mismatch]:
        for subscription in self._subscriptions:
            unheard = subscription in self._heard
            found = read_graph(self._node.get_publishers_info_by_topic, subscription.topic_name)
            if found is None:
                yield _unreadable(subscription.topic_name, unheard=unheard)
            for other in found or ():
                for text in _compare(subscription, other, subscription.qos_profile, other.qos_profile):
                    yield Mismatch(text, unheard)

    def _strangers(self) -> Iterator[Mismatch]:
        topic, own = self._alone.topic_name, self._node.get_fully_qualified_name()
        found = read_graph(self._node.get_publishers_info_by_topic, topic)
        if found is None:
            yield _unreadable(topic)
        others = [node_of(each) for each in found or ()]
        for who in sorted(set(others) - {own}):
            yield Mismatch(
                f'{topic}: node {who} publishes here too, and the robot gets the commands of both. Stop it, or remap '
                f'its topic: to cmd_vel_override, where it is an operator'
            )
        if others.count(own) > 1:
            yield Mismatch(
                f'{topic}: another node {own} publishes here too, and the robot gets the commands of both. Stop it, or '
                f'start it under another name and namespace'
            )

    def _crowds(self) -> Iterator[Mismatch]:
        for each in self._subscriptions:
            if each in self._heard:
                continue
            topic, kind = each.topic_name, type_name(each.msg_type)
            others = read_graph(self._node.get_publishers_info_by_topic, topic) or ()
            found = sorted(node_of(other) for other in others if other.topic_type == kind)
            if len(found) > 1:
                names = ', '.join(found[:LISTED]) + ', …' * (len(found) > LISTED)
                yield Mismatch(
                    f'{topic}: {len(found)} publishers ({names}), and the node takes the messages of all of them. '
                    f'Stop all but one, or remap their topics'
                )


def node_of(endpoint: TopicEndpointInfo) -> str:
    """
    Return the name of the node of an endpoint.

    :param endpoint: as the graph describes it
    :returns: its full name
    """
    if endpoint.node_name in ('', UNKNOWN):
        return NAMELESS
    return printable(f'{endpoint.node_namespace.rstrip("/")}/{endpoint.node_name}')


def _unreadable(topic: str, *, unheard: bool = False) -> Mismatch:
    return Mismatch(f'{topic}: {UNREADABLE}', unheard)


def _compare(
    ours: Publisher[Any] | Subscription[Any], other: TopicEndpointInfo, requested: QoSProfile, offered: QoSProfile
) -> Iterator[str]:
    topic, who, kind = ours.topic_name, node_of(other), type_name(ours.msg_type)
    if other.topic_type != kind:
        remedy = f'Let it use {kind}, or remap one of the two'
        if {other.topic_type, kind} == TWISTS:
            remedy += '; or change the parameter enable_stamped_cmd_vel (true: TwistStamped, false: Twist)'
        yield f'{topic}: node {who} has the type {other.topic_type}, and ours is {kind}: no message passes. {remedy}'
        return
    compatibility, reason = qos_check_compatible(_core(offered), _core(requested))
    if compatibility == QoSCompatibility.ERROR:
        yield (
            f'{topic}: the QoS of node {who} does not fit ours: no message passes ({reason.strip(" ;")}). '
            f'Change its QoS, or ours by the parameters qos_overrides.{topic}.*'
        )


def _core(qos: QoSProfile) -> QoSProfile:
    # Deadlines and leases are left out: where none is set, the graph has infinity and our own profile zero.
    return QoSProfile(depth=1, reliability=qos.reliability, durability=qos.durability)
