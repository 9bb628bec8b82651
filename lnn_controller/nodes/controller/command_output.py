"""The topic ``cmd_vel``: what was decided; and zeros, from whatever thread sees that nothing is decided any more."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from numpy.typing import NDArray
from rclpy.clock import Clock
from rclpy.duration import Duration
from rclpy.publisher import Publisher

from lnn_controller.nodes.common.messages import stamp, twist

__all__ = ['CommandOutput']

ACK_S = 0.2


class CommandOutput:
    """
    Publishes commands, each stamped later than the one before.

    Nothing here waits for another thread of ours.

    :param publisher: of ``cmd_vel``, TwistStamped or Twist
    :param channels: names of the command's channels
    :param values: the node's parameters, as they are now
    :param clock: the node's clock
    """

    def __init__(
        self, publisher: Publisher[Any], channels: Sequence[str], values: Mapping[str, Any], clock: Clock
    ) -> None:
        self._publisher, self._channels, self._values, self._clock = publisher, channels, values, clock
        self._last_ns = 0
        self._shut = False

    def send(self, command: NDArray[np.float64], stamp_ns: int, *, restart: bool = False) -> None:
        """
        Publish a command; after :meth:`shut` none is published any more.

        :param command: m/s and rad/s, by channel, (C,)
        :param stamp_ns: when it was decided, ns
        :param restart: whether a new time has begun, in which stamps may be lower than before
        """
        if not self._shut:
            self._publish(command, stamp_ns, restart=restart)
            if self._shut:
                self.zeros()  # shut while this one went out: it must not be the last

    def zeros(self) -> None:
        """Publish zeros, from any thread."""
        self._publish(np.zeros(len(self._channels)), self._clock.now().nanoseconds)

    def shut(self) -> None:
        """Publish zeros, and nothing but zeros from now on."""
        self._shut = True
        try:
            self.zeros()
        except Exception:
            self.zeros()  # once more: it is the last that can be done for the robot

    def flush(self) -> None:
        """Wait for what was sent to arrive: else the process could be gone before it has left."""
        self._publisher.wait_for_all_acked(Duration(seconds=ACK_S))

    def _publish(self, command: NDArray[np.float64], stamp_ns: int, *, restart: bool = False) -> None:
        self._last_ns = stamp_ns if restart else max(stamp_ns, self._last_ns + 1)
        velocity = twist(self._channels, command)
        if self._values['enable_stamped_cmd_vel']:
            message = TwistStamped(twist=velocity)
            message.header.stamp = stamp(self._last_ns)
            message.header.frame_id = self._values['frame_id']
            self._publisher.publish(message)
        else:
            self._publisher.publish(velocity)
