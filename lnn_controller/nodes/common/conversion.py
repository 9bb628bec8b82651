"""From messages that are built without ROS to those of rclpy; a controller has no use for it, nor for the builders."""

from typing import Any

from rclpy.serialization import deserialize_message

from lnn_controller.data.messages.build import serialize
from lnn_controller.nodes.common.message_types import message_class

__all__ = ['to_ros']


def to_ros(message: Any) -> Any:
    """
    Return the message of rclpy for one that was built without ROS.

    :param message: as :mod:`lnn_controller.data.messages.build` makes it
    :returns: the same, of the class of the message package
    """
    return deserialize_message(bytes(serialize(message)), message_class(message.__msgtype__))
