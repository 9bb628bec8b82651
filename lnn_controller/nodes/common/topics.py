"""The topics and services of each node in one table: what the documentation shows, and the tests compare with ROS."""

from dataclasses import dataclass
from typing import Literal

__all__ = ['CONTROLLER', 'EVALUATOR', 'PLAYER', 'RECORDER', 'SIMULATOR', 'STANDARD', 'Topic', 'resolve']

_SENSOR = 'best effort, depth 1'
_COMMAND = 'reliable, depth 1'
_STATE = 'reliable, depth 10'
_LATCHED = 'reliable, depth 1, latched'
_AS_OFFERED = "as its publishers', depth 1000"
_TWIST_STAMPED, _TWIST = 'geometry_msgs/msg/TwistStamped', 'geometry_msgs/msg/Twist'
_STAMPED, _PLAIN = 'enable_stamped_cmd_vel: true', 'enable_stamped_cmd_vel: false'

# What every rclpy node has.
STANDARD = frozenset(
    {
        '/rosout',
        '/parameter_events',
        '~/describe_parameters',
        '~/get_parameter_types',
        '~/get_parameters',
        '~/get_type_description',
        '~/list_parameters',
        '~/set_parameters',
        '~/set_parameters_atomically',
    }
)


@dataclass(frozen=True)
class Topic:
    """
    A topic or service of a node.

    :param name: as the node gives it: relative, private (``~/``) or absolute
    :param type: ROS type, as ``sensor_msgs/msg/Image``
    :param direction: whether the node listens (``in``), publishes (``out``) or answers (``service``)
    :param qos: reliability and depth, in words; "latched": transient local
    :param when: ``parameter: value`` under which it is there, or another condition in words; empty: always
    :param description: one sentence
    """

    name: str
    type: str
    direction: Literal['in', 'out', 'service']
    qos: str
    when: str
    description: str


def _service(name: str, kind: str, description: str) -> Topic:
    return Topic(name, kind, 'service', 'services', '', description)


CONTROLLER = (
    Topic('image_raw', 'sensor_msgs/msg/Image', 'in', _SENSOR, 'image_transport: raw', 'The camera.'),
    Topic(
        'image_raw/compressed',
        'sensor_msgs/msg/CompressedImage',
        'in',
        _SENSOR,
        'image_transport: compressed',
        'The camera, as JPEG or PNG.',
    ),
    Topic(
        'imu/data',
        'sensor_msgs/msg/Imu',
        'in',
        'best effort, depth 200',
        'the policy reads an IMU',
        'Angular velocity and linear acceleration; the samples between two ticks are averaged.',
    ),
    Topic(
        'cmd_vel_override', _TWIST_STAMPED, 'in', _COMMAND, _STAMPED, "An operator's command; it beats the policy's."
    ),
    Topic('cmd_vel_override', _TWIST, 'in', _COMMAND, _PLAIN, "An operator's command; it beats the policy's."),
    Topic(
        'emergency_stop',
        'std_msgs/msg/Bool',
        'in',
        'three subscriptions: best effort; reliable; reliable, latched. Each publisher is heard',
        '',
        'From true to false of the same publisher the robot stands.',
    ),
    Topic(
        'odom',
        'nav_msgs/msg/Odometry',
        'in',
        _SENSOR,
        'adaptation.odometry: true',
        'The speed that the robot measures, to learn how it answers commands.',
    ),
    Topic('scan', 'sensor_msgs/msg/LaserScan', 'in', _SENSOR, 'guard.source: scan', 'What the obstacle guard sees.'),
    Topic(
        'points', 'sensor_msgs/msg/PointCloud2', 'in', _SENSOR, 'guard.source: points', 'What the obstacle guard sees.'
    ),
    Topic('/clock', 'rosgraph_msgs/msg/Clock', 'in', _SENSOR, 'use_sim_time: true', 'Simulated time.'),
    Topic(
        'cmd_vel', _TWIST_STAMPED, 'out', _COMMAND, _STAMPED, 'The command; while the node is active, at every tick.'
    ),
    Topic('cmd_vel', _TWIST, 'out', _COMMAND, _PLAIN, 'The command; while the node is active, at every tick.'),
    Topic(
        '~/neurons',
        'sensor_msgs/msg/JointState',
        'out',
        _STATE,
        '',
        'Each neuron by name: its state as position, its time constant in s as effort.',
    ),
    Topic(
        '~/ticks',
        'sensor_msgs/msg/JointState',
        'out',
        'reliable, depth 100',
        '',
        'What each tick went by, as named numbers: with the camera it is enough to replay it exactly.',
    ),
    Topic(
        '~/configuration',
        'std_msgs/msg/String',
        'out',
        _LATCHED,
        '',
        'What the ticks were decided by, as JSON: policy, settings, what was learnt before.',
    ),
    Topic(
        '~/adaptation',
        'sensor_msgs/msg/JointState',
        'out',
        _STATE,
        '',
        'What is learnt, at 10 Hz unless `adaptation.mode` is frozen: errors frozen and adapted, ‖ΔW‖, gain, trim.',
    ),
    Topic('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', 'out', _STATE, '', 'The state of control, at 1 Hz.'),
    Topic(
        '~/transition_event',
        'lifecycle_msgs/msg/TransitionEvent',
        'out',
        'reliable',
        '',
        'Each change of the lifecycle state.',
    ),
    _service('~/reset', 'std_srvs/srv/Trigger', 'Set hidden state and command to zero.'),
    _service('~/adaptation/save', 'std_srvs/srv/Trigger', 'Write what was learnt to `adaptation.snapshot`.'),
    _service('~/adaptation/reset', 'std_srvs/srv/Trigger', 'Forget what was learnt.'),
    _service('~/adaptation/roll_back', 'std_srvs/srv/Trigger', 'Go back to what was last saved or read.'),
    _service(
        '~/emergency_stop',
        'std_srvs/srv/SetBool',
        'Engage the stop (true), or release it, and those whose publishers are gone; says who still holds it.',
    ),
    _service(
        '~/change_state', 'lifecycle_msgs/srv/ChangeState', 'Configure, activate, deactivate, clean up, shut down.'
    ),
    _service('~/get_state', 'lifecycle_msgs/srv/GetState', 'The lifecycle state.'),
    _service('~/get_available_states', 'lifecycle_msgs/srv/GetAvailableStates', 'All lifecycle states.'),
    _service(
        '~/get_available_transitions', 'lifecycle_msgs/srv/GetAvailableTransitions', 'What change_state would take now.'
    ),
    _service('~/get_transition_graph', 'lifecycle_msgs/srv/GetAvailableTransitions', 'All lifecycle transitions.'),
)

SIMULATOR = (
    Topic('cmd_vel', _TWIST_STAMPED, 'in', _COMMAND, _STAMPED, 'The command that the car follows.'),
    Topic('cmd_vel', _TWIST, 'in', _COMMAND, _PLAIN, 'The command that the car follows.'),
    Topic('/clock', 'rosgraph_msgs/msg/Clock', 'out', _COMMAND, '', 'Simulated time.'),
    Topic('image_raw', 'sensor_msgs/msg/Image', 'out', 'best effort, depth 5', '', 'The camera: rgb8, 200 × 66.'),
    Topic('imu/data', 'sensor_msgs/msg/Imu', 'out', 'reliable, depth 50', '', 'Angular velocity and acceleration.'),
    Topic('odom', 'nav_msgs/msg/Odometry', 'out', _STATE, '', 'True pose and velocity.'),
    Topic('~/cross_track_error', 'std_msgs/msg/Float64', 'out', _STATE, '', "Distance left of the lane's middle, m."),
    Topic('~/departures', 'std_msgs/msg/UInt32', 'out', _LATCHED, '', 'How often the car left its lane so far.'),
    Topic('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', 'out', _STATE, '', 'The state of the world, at 1 Hz.'),
)


def _recorded(name: str, kind: str) -> Topic:
    return Topic(
        name, kind, 'in', _AS_OFFERED, 'it is published', 'Recorded, unless the parameter `topics` names others.'
    )


RECORDER = (
    _recorded('image_raw', 'sensor_msgs/msg/Image'),
    _recorded('image_raw/compressed', 'sensor_msgs/msg/CompressedImage'),
    _recorded('imu/data', 'sensor_msgs/msg/Imu'),
    _recorded('odom', 'nav_msgs/msg/Odometry'),
    _recorded('cmd_vel', f'{_TWIST_STAMPED} or Twist'),
    _recorded('cmd_vel_override', f'{_TWIST_STAMPED} or Twist'),
    _recorded('emergency_stop', 'std_msgs/msg/Bool'),
    _recorded('controller/neurons', 'sensor_msgs/msg/JointState'),
    _recorded('controller/ticks', 'sensor_msgs/msg/JointState'),
    _recorded('controller/configuration', 'std_msgs/msg/String'),
    _recorded('controller/adaptation', 'sensor_msgs/msg/JointState'),
    _recorded('sim/cross_track_error', 'std_msgs/msg/Float64'),
    _recorded('sim/departures', 'std_msgs/msg/UInt32'),
    _recorded('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray'),
    Topic('/clock', 'rosgraph_msgs/msg/Clock', 'in', _SENSOR, 'use_sim_time: true', 'Simulated time.'),
)


PLAYER = (
    Topic('/clock', 'rosgraph_msgs/msg/Clock', 'out', _STATE, 'clock_hz above 0', 'The time of the bag.'),
    _service('~/pause', 'std_srvs/srv/Trigger', 'Stand still.'),
    _service('~/resume', 'std_srvs/srv/Trigger', 'Go on.'),
    _service('~/toggle_paused', 'std_srvs/srv/Trigger', 'The one or the other.'),
    _service('~/play_next', 'std_srvs/srv/Trigger', 'While paused: play the next message.'),
)

EVALUATOR = (
    Topic(
        'recorded/cmd_vel',
        f'{_TWIST_STAMPED} or Twist',
        'in',
        _AS_OFFERED,
        'it is published',
        "The recording's commands, which the player of its bag is to be remapped to.",
    ),
    Topic(
        'controller/ticks',
        'sensor_msgs/msg/JointState',
        'in',
        'reliable, depth 1000',
        '',
        "The running controller's commands, and why it stops.",
    ),
    Topic('controller/configuration', 'std_msgs/msg/String', 'in', _LATCHED, '', "The policy's name."),
    Topic('/clock', 'rosgraph_msgs/msg/Clock', 'in', _SENSOR, 'use_sim_time: true', 'The time of the bag.'),
)


def resolve(name: str, node: str, namespace: str = '/') -> str:
    """
    Give the name that a topic or service has in the graph, without remappings.

    :param name: as in the tables
    :param node: name of the node
    :param namespace: the node's namespace
    :returns: an absolute name
    """
    if name.startswith('/'):
        return name
    prefix = namespace.rstrip('/')
    return f'{prefix}/{node}/{name[2:]}' if name.startswith('~/') else f'{prefix}/{name}'
