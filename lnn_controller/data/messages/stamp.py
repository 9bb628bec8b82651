"""The stamp of a message's header, of rclpy's classes and of rosbags' alike."""

from typing import Any

__all__ = ['stamp_ns_of']


def stamp_ns_of(message: Any) -> int:
    """
    Return when a message was made.

    :param message: a message with a header
    :returns: ns; 0 where the stamp was not set
    """
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
