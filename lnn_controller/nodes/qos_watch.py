"""Says by name who on our topics cannot be heard, or cannot hear us, because its QoS does not fit."""

from collections.abc import Callable, Iterable

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from rclpy.subscription import Subscription

__all__ = ['QosWatch']


class QosWatch:
    """
    Compares the QoS of a node's topics with that of the other end, each pair once.

    :param node: whose topics they are
    :param publishers: its publishers
    :param subscriptions: its subscriptions
    :param warn: told what does not fit
    """

    def __init__(
        self,
        node: Node,
        publishers: Iterable[Publisher],
        subscriptions: Iterable[Subscription],
        warn: Callable[[str], None],
    ) -> None:
        self._node, self._warn = node, warn
        self._publishers, self._subscriptions = list(publishers), list(subscriptions)
        self._seen: set[tuple[int, ...]] = set()

    def look(self) -> None:
        """Look at who is there now; cheap enough for once a second."""
        for publisher in self._publishers:
            for other in self._node.get_subscriptions_info_by_topic(publisher.topic_name):
                if self._is_new(other.endpoint_gid):
                    self._compare(publisher.topic_name, other.node_name, publisher.qos_profile, other.qos_profile)
        for subscription in self._subscriptions:
            for other in self._node.get_publishers_info_by_topic(subscription.topic_name):
                if self._is_new(other.endpoint_gid):
                    self._compare(subscription.topic_name, other.node_name, other.qos_profile, subscription.qos_profile)

    def _is_new(self, endpoint: Iterable[int]) -> bool:
        key = tuple(endpoint)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _compare(self, topic: str, who: str, offered: QoSProfile, requested: QoSProfile) -> None:
        compatibility, reason = qos_check_compatible(_core(offered), _core(requested))
        if compatibility == QoSCompatibility.ERROR:
            self._warn(
                f'{topic}: the QoS of node {who} does not fit ours: no message passes ({reason.strip(" ;")}). '
                f'Change its QoS, or ours by the parameters qos_overrides.{topic}.*'
            )


def _core(qos: QoSProfile) -> QoSProfile:
    # Deadlines and leases are left out: where none is set, the graph says infinity and our own profile zero.
    return QoSProfile(depth=1, reliability=qos.reliability, durability=qos.durability)
