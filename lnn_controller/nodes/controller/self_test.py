"""A node that only starts, as ours do, and tells what it runs on: for ``lnn doctor``."""

import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import rclpy

from lnn_controller.nodes.common.environment import PROFILES_VARIABLE, check_environment, dds_environment
from lnn_controller.nodes.controller.control_loop import PRIORITY, ask_for_punctuality

__all__ = ['segment_bytes', 'start_node']

DEFAULT_SEGMENT = 512 * 1024  # Fast DDS', bytes


def start_node() -> dict[str, Any]:
    """
    Start a node with the environment that the package gives its nodes, ask for real-time priority, and end it.

    :returns: ``rmw``: the middleware's name; ``domain``; ``profile``: the file of Fast DDS profiles, and ``segment``:
        the shared memory of a process by it, bytes; ``priority``: that a control tick asks for, and ``real_time``:
        whether it was given
    :raises InputError: if the shell is one in which no node starts
    """
    check_environment()
    os.environ.update(dds_environment())
    rclpy.init(args=[])
    node = rclpy.create_node('doctor', enable_rosout=False, start_parameter_services=False)
    ask_for_punctuality(PRIORITY)
    profile = os.environ[PROFILES_VARIABLE]
    answer = {
        'rmw': rclpy.get_rmw_implementation_identifier(),
        'domain': node.context.get_domain_id(),
        'profile': profile,
        'segment': segment_bytes(Path(profile)),
        'priority': PRIORITY,
        'real_time': os.sched_getscheduler(0) == os.SCHED_FIFO,
    }
    node.destroy_node()
    rclpy.try_shutdown()
    return answer


def segment_bytes(profile: Path) -> int:
    """
    Read how much shared memory Fast DDS takes for a process.

    :param profile: a file of profiles
    :returns: bytes; the default's where the file says nothing, or Fast DDS cannot read it either
    """
    try:
        sizes = [int(each.text or '') for each in ElementTree.parse(profile).findall('.//{*}segment_size')]
    except (OSError, ElementTree.ParseError, ValueError):
        sizes = []
    return min(sizes, default=DEFAULT_SEGMENT)
