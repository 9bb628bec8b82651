"""A topic or service of a node as a row of a table, of which its endpoint is made."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from lnn_controller.nodes.common.message_types import type_name

__all__ = ['ALWAYS', 'Endpoint', 'When', 'find']


class When(NamedTuple):
    """
    Under which condition a topic is there.

    :param text: the condition as the documentation has it; empty: always
    :param holds: whether it holds, by the node's parameters; ``None`` where these do not decide
    """

    text: str
    holds: Callable[[Mapping[str, Any]], bool | None]


ALWAYS = When('', lambda values: True)


@dataclass(frozen=True, eq=False)
class Endpoint:
    """
    A topic or service of a node.

    :param name: as the node gives it: relative, private (``~/``) or absolute
    :param type: class of its messages, or of the service; the name of a type that need not be installed
    :param direction: whether the node listens (``in``), publishes (``out``) or answers (``service``)
    :param qos: its profile; ``None`` of services, and where it is that of the publishers, at the depth
        :data:`.topics.QUEUE_DEPTH`
    :param description: one sentence
    :param when: under which condition it is there
    :param other_type: what its publishers' type may be too
    """

    name: str
    type: Any
    direction: Literal['in', 'out', 'service']
    qos: QoSProfile | None
    description: str
    when: When = ALWAYS
    other_type: Any = None

    @property
    def type_text(self) -> str:
        """The type's name, as ``sensor_msgs/msg/Image``; of two ``geometry_msgs/msg/TwistStamped or Twist``."""
        name = self.type if isinstance(self.type, str) else type_name(self.type)
        return name + (f' or {self.other_type.__name__}' if self.other_type else '')

    def advertise(self, node: Node, **options: Any) -> Publisher[Any]:
        """
        Create the publisher.

        :param node: the node
        :param options: of ``create_publisher``
        :returns: the publisher
        """
        assert self.qos is not None
        return node.create_publisher(self.type, self.name, self.qos, **options)

    def subscribe(self, node: Node, callback: Callable[[Any], None], **options: Any) -> Subscription[Any]:
        """
        Create a subscription.

        :param node: the node
        :param callback: called with each message
        :param options: of ``create_subscription``
        :returns: the subscription
        """
        assert self.qos is not None
        return node.create_subscription(self.type, self.name, callback, self.qos, **options)

    def serve(self, node: Node, callback: Callable[[Any, Any], Any]) -> None:
        """
        Create the service.

        :param node: the node
        :param callback: called with request and response; returns the response
        """
        node.create_service(self.type, self.name, callback)


def find(table: Sequence[Endpoint], name: str, values: Mapping[str, Any] | None = None) -> Endpoint:
    """
    Return a topic or service of a table.

    :param table: of a node
    :param name: of the topic, as the node gives it
    :param values: the node's parameters by name, where the type depends on them
    :returns: the row
    :raises KeyError: if the table has none of this name under these parameters
    """
    for row in table:
        if row.name == name and row.when.holds(values or {}) is not False:
            return row
    raise KeyError(name)
