"""Names of the topics that our nodes make and that recordings hold."""

import re

from lnn_controller.errors import InputError, short

__all__ = [
    'ADAPTATION',
    'ATTENTION',
    'BEARING',
    'CLOCK',
    'COMMAND',
    'COMPRESSED_IMAGE',
    'CONFIGURATION',
    'CONTROLLER_NODE',
    'CROSS_TRACK_ERROR',
    'DEPARTURES',
    'DIAGNOSTICS',
    'DISCARD',
    'DISTANCE',
    'EMERGENCY_STOP',
    'EPISODE',
    'IMAGE',
    'IMU',
    'JOY',
    'KEEP',
    'MARKS',
    'NEURONS',
    'ODOMETRY',
    'OUTCOME',
    'OVERRIDE',
    'POINTS',
    'REACHED',
    'RECORDED_COMMAND',
    'SCAN',
    'SIMULATOR_NODE',
    'START',
    'STEERED',
    'TARGET',
    'TICKS',
    'check_ros_name',
    'relative',
    'resolve',
]

# Nodes, whose private topics begin with their names.
CONTROLLER_NODE, SIMULATOR_NODE = 'controller', 'sim'

CLOCK, DIAGNOSTICS = '/clock', '/diagnostics'
IMAGE, COMPRESSED_IMAGE, IMU, ODOMETRY = 'image_raw', 'image_raw/compressed', 'imu/data', 'odom'
SCAN, POINTS = 'scan', 'points'
COMMAND, OVERRIDE, EMERGENCY_STOP = 'cmd_vel', 'cmd_vel_override', 'emergency_stop'
STEERED = 'drive'  # commands as a speed and an angle of the wheels
# Marks of whoever records: what is said on the one, and whose buttons may say it.
EPISODE, JOY = 'episode', 'joy'
MARKS = START, KEEP, DISCARD = 'start', 'keep', 'discard'
# The controller's own.
NEURONS, TICKS, CONFIGURATION, ADAPTATION = '~/neurons', '~/ticks', '~/configuration', '~/adaptation'
ATTENTION = '~/attention'
# The simulator's own, of a road and of a flight.
CROSS_TRACK_ERROR, DEPARTURES = '~/cross_track_error', '~/departures'
TARGET, DISTANCE, BEARING, REACHED, OUTCOME = '~/target', '~/distance_m', '~/bearing_rad', '~/reached', '~/outcome'
# What a player's commands are remapped to, where a controller drives beside it.
RECORDED_COMMAND = 'recorded/cmd_vel'

_ROS_NAME = re.compile(r'/|~?/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*/?', re.ASCII)


def check_ros_name(what: str, name: str) -> str:
    """
    Check that a topic, node or namespace can have a name: ROS's own error is an exception deep in rclpy.

    :param what: what has the name, for the error
    :param name: the name, absolute or relative; a namespace may be ``/``
    :returns: the name
    :raises InputError: if nothing in a graph can have it
    """
    if not _ROS_NAME.fullmatch(name):
        raise InputError(
            f'{what} must be a name of ROS: letters, digits and _ between single slashes, no part beginning with a '
            f'digit. Got {short(name)}'
        )
    return name


def relative(name: str, node: str) -> str:
    """
    Return the name that others of the same namespace use for a topic of a node.

    :param name: as the node names it: relative, private (``~/``) or absolute
    :param node: name of the node
    :returns: a relative or absolute name
    """
    return f'{node}/{name[2:]}' if name.startswith('~/') else name


def resolve(name: str, node: str = '', namespace: str = '/') -> str:
    """
    Return the name that a topic or service has in the graph, without remappings.

    :param name: as the node names it: relative, private (``~/``) or absolute
    :param node: name of the node; of private names alone
    :param namespace: the node's namespace
    :returns: an absolute name
    """
    name = relative(name, node)
    return name if name.startswith('/') else f'{namespace.rstrip("/")}/{name}'
