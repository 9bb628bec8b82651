"""
The topics and services of each node in one table.

The nodes create their endpoints from it, the documentation and the security policy are written out of it, and the tests
compare it with what ROS reports.
"""

import json
from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from lifecycle_msgs.msg import TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, Imu, JointState, Joy, LaserScan, PointCloud2
from std_msgs.msg import Bool, Float64, String, UInt32
from std_srvs.srv import SetBool, Trigger

from lnn_controller.data.topic_names import (
    ADAPTATION,
    ATTENTION,
    BEARING,
    CLOCK,
    COMMAND,
    COMPRESSED_IMAGE,
    CONFIGURATION,
    CONTROLLER_NODE,
    CROSS_TRACK_ERROR,
    DEPARTURES,
    DIAGNOSTICS,
    DISTANCE,
    EMERGENCY_STOP,
    EPISODE,
    IMAGE,
    IMU,
    JOY,
    NEURONS,
    ODOMETRY,
    OUTCOME,
    OVERRIDE,
    POINTS,
    REACHED,
    RECORDED_COMMAND,
    SCAN,
    SIMULATOR_NODE,
    STEERED,
    TARGET,
    TICKS,
    relative,
)
from lnn_controller.nodes.common.endpoint import Endpoint, When
from lnn_controller.nodes.common.qos import qos_profile

__all__ = [
    'ACKERMANN',
    'CONTROLLER',
    'EVALUATOR',
    'PLAYER',
    'QUEUE_DEPTH',
    'RECORDED',
    'RECORDER',
    'SIMULATOR',
    'STANDARD',
    'uses_odometry',
]

CAMERA_DEPTH = 4  # frames that come while one is encoded: all are counted, the newest is encoded
_CAMERA = qos_profile(CAMERA_DEPTH, reliable=False)
_SENSOR = qos_profile(1, reliable=False)  # a frame or scan older than the newest is of no use
_COMMAND = qos_profile(1)
_STATE = qos_profile(10)
_LATCHED = qos_profile(1, latched=True)
QUEUE_DEPTH = 1000  # messages of a topic that is recorded or compared: seconds of a stalled disk
_DEEP = qos_profile(QUEUE_DEPTH)

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


def _set(parameter: str, value: bool | str) -> When:
    shown = value if isinstance(value, str) else json.dumps(value)
    return When(f'`{parameter}: {shown}`', lambda values: bool(values[parameter] == value))


def _if(text: str) -> When:
    return When(text, lambda values: None)


def uses_odometry(values: Mapping[str, Any]) -> bool:
    """
    Return whether a controller needs odometry.

    :param values: its parameters by name
    :returns: whether anything in them does
    """
    tilts = values['guard.source'] == 'points' and values['guard.slice_m']
    return bool(values['adaptation.odometry'] or values['height.source'] == 'odometry' or tilts)


_STAMPED, _PLAIN = _set('enable_stamped_cmd_vel', True), _set('enable_stamped_cmd_vel', False)
_SIMULATED = _set('use_sim_time', True)
_CAR, _DRONE = _set('robot', 'car'), _set('robot', 'drone')


def _service(name: str, kind: Any, description: str) -> Endpoint:
    return Endpoint(name, kind, 'service', None, description)


_COMMANDED = 'The command; while the node is active, at every tick; while it is inactive, zeros at `keepalive_hz`.'
CONTROLLER = (
    Endpoint(IMAGE, Image, 'in', _CAMERA, 'The camera.', _set('image_transport', 'raw')),
    Endpoint(
        COMPRESSED_IMAGE,
        CompressedImage,
        'in',
        _CAMERA,
        'The camera, as JPEG or PNG.',
        _set('image_transport', 'compressed'),
    ),
    Endpoint(
        IMU,
        Imu,
        'in',
        qos_profile(200, reliable=False),  # all of them between two ticks at 2 kHz and 10 Hz
        'Angular velocity and linear acceleration; the samples between two ticks are averaged.',
        _if('the policy reads an IMU'),
    ),
    Endpoint(OVERRIDE, TwistStamped, 'in', _COMMAND, "An operator's command; it beats the policy's.", _STAMPED),
    Endpoint(OVERRIDE, Twist, 'in', _COMMAND, "An operator's command; it beats the policy's.", _PLAIN),
    Endpoint(
        EMERGENCY_STOP,
        Bool,
        'in',
        qos_profile(10, reliable=False),
        'From true to false of the same publisher the robot stands. Best effort hears every publisher.',
    ),
    Endpoint(EMERGENCY_STOP, Bool, 'in', qos_profile(10), 'The same: nothing of a reliable publisher is lost.'),
    Endpoint(
        EMERGENCY_STOP,
        Bool,
        'in',
        qos_profile(10, latched=True),
        'The same: what a latched publisher sent before is heard.',
    ),
    Endpoint(
        ODOMETRY,
        Odometry,
        'in',
        _SENSOR,
        'Pose, z up, and twist, in its own frame: for adaptation, floor and ceiling, and the tilt.',
        When('`adaptation.odometry`, `height.source: odometry`, or `guard.slice_m` with points', uses_odometry),
    ),
    Endpoint(SCAN, LaserScan, 'in', _SENSOR, 'What the obstacle guard sees.', _set('guard.source', 'scan')),
    Endpoint(POINTS, PointCloud2, 'in', _SENSOR, 'What the obstacle guard sees.', _set('guard.source', 'points')),
    Endpoint(CLOCK, Clock, 'in', _SENSOR, 'Simulated time.', _SIMULATED),
    Endpoint(COMMAND, TwistStamped, 'out', _COMMAND, _COMMANDED, _STAMPED),
    Endpoint(COMMAND, Twist, 'out', _COMMAND, _COMMANDED, _PLAIN),
    Endpoint(
        NEURONS,
        JointState,
        'out',
        _STATE,
        'Each neuron by name: its state as position, its time constant in s as effort.',
    ),
    Endpoint(
        TICKS,
        JointState,
        'out',
        qos_profile(100),  # a recorder that is held up for a second misses none
        'Inputs, state and command of every control tick, for exact replay.',
    ),
    Endpoint(
        CONFIGURATION,
        String,
        'out',
        _LATCHED,
        'What the ticks were decided by, as JSON: policy, settings, what was learnt before.',
    ),
    Endpoint(
        ADAPTATION,
        JointState,
        'out',
        _STATE,
        'What is learnt, at 10 Hz unless `adaptation.mode` is frozen: errors frozen and adapted, ‖ΔW‖, gain, trim.',
    ),
    Endpoint(
        ATTENTION,
        Image,
        'out',
        qos_profile(1),
        'Where in its frame the encoder looks, mono8, of its size, stamped as the picture; while somebody subscribes.',
        _if('the policy has `attention.onnx`'),
    ),
    Endpoint(DIAGNOSTICS, DiagnosticArray, 'out', _STATE, 'The state of control, at 1 Hz.'),
    Endpoint('~/transition_event', TransitionEvent, 'out', _STATE, 'Each change of the lifecycle state.'),
    _service('~/reset', Trigger, 'Set hidden state and command to zero.'),
    _service('~/adaptation/save', Trigger, 'Write what was learnt to `adaptation.snapshot`.'),
    _service('~/adaptation/reset', Trigger, 'Forget what was learnt.'),
    _service('~/adaptation/roll_back', Trigger, 'Go back to what was last saved or read.'),
    _service(
        '~/emergency_stop',
        SetBool,
        'Engage the stop (true), or release it, and those whose publishers are gone; says who still holds it.',
    ),
    _service('~/change_state', ChangeState, 'Configure, activate, deactivate, clean up, shut down.'),
    _service('~/get_state', GetState, 'The lifecycle state.'),
    _service('~/get_available_states', GetAvailableStates, 'All lifecycle states.'),
    _service('~/get_available_transitions', GetAvailableTransitions, 'What change_state would take now.'),
    _service('~/get_transition_graph', GetAvailableTransitions, 'All lifecycle transitions.'),
)

SIMULATOR = (
    Endpoint(COMMAND, TwistStamped, 'in', _COMMAND, 'The command that the robot follows.', _STAMPED),
    Endpoint(COMMAND, Twist, 'in', _COMMAND, 'The command that the robot follows.', _PLAIN),
    Endpoint(CLOCK, Clock, 'out', _COMMAND, 'Simulated time.'),
    Endpoint(IMAGE, Image, 'out', qos_profile_sensor_data, 'The camera: rgb8, 200 × 66 of a car, 128 × 72 of a drone.'),
    Endpoint(IMU, Imu, 'out', qos_profile(50), 'Angular velocity and acceleration.'),
    Endpoint(ODOMETRY, Odometry, 'out', _STATE, 'True pose and velocity.'),
    Endpoint(CROSS_TRACK_ERROR, Float64, 'out', _STATE, "Distance left of the lane's middle, m.", _CAR),
    Endpoint(DEPARTURES, UInt32, 'out', _LATCHED, 'How often the car left its lane so far.', _CAR),
    Endpoint(TARGET, PoseStamped, 'out', _STATE, 'Where the target is.', _DRONE),
    Endpoint(DISTANCE, Float64, 'out', _STATE, "Distance to the target's centre, m.", _DRONE),
    Endpoint(
        BEARING, Float64, 'out', _STATE, 'Direction of the target from straight ahead, rad, positive left.', _DRONE
    ),
    Endpoint(REACHED, UInt32, 'out', _LATCHED, 'How many targets were reached so far.', _DRONE),
    Endpoint(
        OUTCOME,
        String,
        'out',
        _LATCHED,
        'How the trial has ended, in a word: success, crash, timeout, lost, …; of the lane never. From then on a drone '
        'hovers, a car stands.',
    ),
    Endpoint(DIAGNOSTICS, DiagnosticArray, 'out', _STATE, 'The state of the world, at 1 Hz.'),
)


def _recorded(name: str, kind: Any, other: Any = None) -> Endpoint:
    description = 'Recorded, unless the parameter `topics` names others.'
    return Endpoint(name, kind, 'in', None, description, _if('it is published'), other)


RECORDER = (
    _recorded(IMAGE, Image),
    _recorded(COMPRESSED_IMAGE, CompressedImage),
    _recorded(IMU, Imu),
    _recorded(ODOMETRY, Odometry),
    _recorded(COMMAND, TwistStamped, Twist),
    _recorded(OVERRIDE, TwistStamped, Twist),
    _recorded(EMERGENCY_STOP, Bool),
    _recorded(relative(NEURONS, CONTROLLER_NODE), JointState),
    _recorded(relative(TICKS, CONTROLLER_NODE), JointState),
    _recorded(relative(CONFIGURATION, CONTROLLER_NODE), String),
    _recorded(relative(ADAPTATION, CONTROLLER_NODE), JointState),
    _recorded(relative(CROSS_TRACK_ERROR, SIMULATOR_NODE), Float64),
    _recorded(relative(DEPARTURES, SIMULATOR_NODE), UInt32),
    _recorded(relative(TARGET, SIMULATOR_NODE), PoseStamped),
    _recorded(relative(DISTANCE, SIMULATOR_NODE), Float64),
    _recorded(relative(BEARING, SIMULATOR_NODE), Float64),
    _recorded(relative(REACHED, SIMULATOR_NODE), UInt32),
    _recorded(relative(OUTCOME, SIMULATOR_NODE), String),
    _recorded(DIAGNOSTICS, DiagnosticArray),
    _recorded(EPISODE, String),
    Endpoint(
        JOY, Joy, 'in', _SENSOR, 'Its buttons mark episodes.', _if('`joy_start_button` or another names a button')
    ),
    Endpoint(CLOCK, Clock, 'in', _SENSOR, 'Simulated time.', _SIMULATED),
    Endpoint(
        '~/keep',
        Trigger,
        'service',
        None,
        'Write what is in memory as a bag.',
        When('`keep_last_s` above 0', lambda values: values['keep_last_s'] > 0),
    ),
)

RECORDED = [row.name for row in RECORDER if row.direction == 'in' and row.qos is None]

PLAYER = (
    Endpoint(CLOCK, Clock, 'out', _STATE, 'The time of the bag.', _if('clock_hz above 0')),
    _service('~/pause', Trigger, 'Stand still.'),
    _service('~/resume', Trigger, 'Go on.'),
    _service('~/toggle_paused', Trigger, 'The one or the other.'),
    _service('~/play_next', Trigger, 'While paused: play the next message.'),
)

EVALUATOR = (
    Endpoint(
        RECORDED_COMMAND,
        TwistStamped,
        'in',
        None,
        "The recording's commands, which the player of its bag is to be remapped to.",
        _if('it is published'),
        other_type=Twist,
    ),
    Endpoint(
        relative(TICKS, CONTROLLER_NODE),
        JointState,
        'in',
        _DEEP,
        "The running controller's commands, and why it stops.",
    ),
    Endpoint(relative(CONFIGURATION, CONTROLLER_NODE), String, 'in', _LATCHED, "The policy's name."),
    Endpoint(CLOCK, Clock, 'in', _SENSOR, 'The time of the bag.', _SIMULATED),
)

ACKERMANN = (
    Endpoint(COMMAND, TwistStamped, 'in', _COMMAND, "The controller's command.", _STAMPED),
    Endpoint(COMMAND, Twist, 'in', _COMMAND, "The controller's command.", _PLAIN),
    Endpoint(CLOCK, Clock, 'in', _SENSOR, 'Simulated time.', _SIMULATED),
    Endpoint(
        STEERED,
        'ackermann_msgs/msg/AckermannDriveStamped',
        'out',
        _COMMAND,
        'For each command a speed and a steering angle, with its stamp; zeros from `timeout_s` on, until one comes.',
    ),
)
