"""What one may set about the controller node, and what follows from it for the pure controller."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import partial
from typing import Any, get_args

from lnn_controller.control import AdaptationSettings, ControlSettings
from lnn_controller.control.settings.adaptation import FORMER_MODES, AdaptationMode, Method
from lnn_controller.control.settings.guard import Footprint, GuardSettings
from lnn_controller.errors import InputError
from lnn_controller.policy import PolicySpec
from lnn_controller.policy.spec import CHANNEL_UNITS
from lnn_controller.settings import Setting

__all__ = ['CONFIGURED', 'PARAMETERS', 'check_parameters', 'control_settings', 'neuron_names']

MODES, METHODS = get_args(AdaptationMode), get_args(Method)
_live = partial(Setting, change='live')
_inactive = partial(Setting, change='inactive')


def _channel(name: str, unit: str) -> Iterator[Setting]:
    """One channel's limits, by the names that ros2_control's controllers use."""
    key = name.replace('_', '.')
    faster = 'Largest change per second away from zero; 0: no limit.'
    slower = 'Largest change per second towards zero; 0: the same as max_acceleration. A stop ignores it.'
    yield _live(
        f'{key}.min_velocity', -100.0, "Smallest command; the policy's own range holds besides.", unit, -100.0, 0.0
    )
    yield _live(
        f'{key}.max_velocity', 100.0, "Largest command; the policy's own range holds besides.", unit, 0.0, 100.0
    )
    yield _live(f'{key}.max_acceleration', 0.0, faster, f'{unit}²', 0.0, 1000.0)
    yield _live(f'{key}.max_deceleration', 0.0, slower, f'{unit}²', 0.0, 1000.0)
    yield _live(f'{key}.deadband', 0.0, 'A command smaller than this is sent as zero.', unit, 0.0, 1.0)


PARAMETERS = (
    _inactive('policy', 'car_lane', 'What drives: folder of a policy bundle, or the name of one that ships.'),
    Setting('autostart', False, 'Configure and activate at the start, without a lifecycle manager.'),
    _live('control_rate_hz', 50.0, 'Commands per second.', 'Hz', 1.0, 500.0),
    _live('time_scale', 1.0, "How fast the network's time runs: 2 makes it react twice as fast.", '', 0.1, 10.0),
    _inactive(
        'image_transport', 'raw', 'Camera topic: image_raw, or image_raw/compressed.', choices=('raw', 'compressed')
    ),
    _live('image_timeout_s', 0.2, 'Without a newer image for this long the robot stops.', 's', 0.02, 10.0),
    _inactive(
        'image_max_megapixels',
        16.0,
        'A larger image is refused before it is decoded: a few bytes can say that they are a picture of gigabytes.',
        '',
        0.01,
        200.0,
    ),
    _live(
        'image_frozen_timeout_s',
        0.3,
        'When the camera shows the very same picture for this long while the robot moves, it stops; 0: never.',
        's',
        0.0,
        10.0,
    ),
    _live('imu_timeout_s', 0.2, 'Without a newer IMU sample for this long the robot stops.', 's', 0.02, 10.0),
    _live('speed_scale', 1.0, "Factor on the policy's commands, on all channels alike.", '', 0.0, 1.0),
    *(setting for name, unit in CHANNEL_UNITS.items() for setting in _channel(name, unit)),
    _live('override_timeout_s', 0.5, "An operator's command on cmd_vel_override holds for this long.", 's', 0.05, 10.0),
    _live('override_return_s', 0.5, "Time of the passage from the operator's commands to the policy's.", 's', 0.0, 5.0),
    _live(
        'resume_after_s',
        0.5,
        'After a stop (obstacle, sensor, clock) the robot stands until the cause has been gone for this long.',
        's',
        0.0,
        60.0,
    ),
    _live(
        'emergency_stop_timeout_s',
        0.0,
        'Whoever sends on emergency_stop must go on: silence for this long, or nobody there, stops; 0: no such thing.',
        's',
        0.0,
        60.0,
    ),
    _live(
        'allow_unheard_publishers',
        False,
        'Drive although a publisher on emergency_stop or cmd_vel_override cannot be heard (its type, or its QoS).',
    ),
    _inactive(
        'guard.source',
        'none',
        'What the obstacle guard looks at: nothing, a laser scan, or a point cloud.',
        choices=('none', 'scan', 'points'),
    ),
    _live('guard.slow_distance_m', 1.0, 'The robot slows down with less free way than this ahead.', 'm', 0.0, 100.0),
    _live('guard.stop_distance_m', 0.3, 'The robot stops with less free way than this ahead.', 'm', 0.0, 100.0),
    _live('guard.reaction_s', 0.1, 'From zeros on cmd_vel until the robot brakes.', 's', 0.0, 5.0),
    _live(
        'guard.deceleration',
        2.0,
        'How hard the robot brakes: it goes no faster than it can stop before the stop distance.',
        'm/s²',
        0.05,
        100.0,
    ),
    _live(
        'guard.timeout_s', 0.3, 'Without a newer scan or point cloud for this long the robot stops.', 's', 0.02, 10.0
    ),
    _live(
        'guard.min_valid',
        0.1,
        'The share of rays or points that must have measured, of all and along the way: else the robot stops.',
        '',
        0.001,
        1.0,
    ),
    _live(
        'guard.min_points',
        1,
        'A point with fewer than this around it (within 0.1 m, itself counted) is taken for noise; 1: none is.',
        '',
        1,
        100,
    ),
    _live('guard.front_m', 0.3, "Distance of the robot's front edge from base_link.", 'm', 0.0, 10.0),
    _live('guard.rear_m', 0.3, "Distance of the robot's rear edge from base_link.", 'm', 0.0, 10.0),
    _live('guard.left_m', 0.25, "Distance of the robot's left edge from base_link.", 'm', 0.0, 10.0),
    _live('guard.right_m', 0.25, "Distance of the robot's right edge from base_link.", 'm', 0.0, 10.0),
    _live('guard.sensor_x_m', 0.0, 'Where the scanner or depth camera sits, forward of base_link.', 'm', -10.0, 10.0),
    _live('guard.sensor_y_m', 0.0, 'Where the scanner or depth camera sits, left of base_link.', 'm', -10.0, 10.0),
    _live('guard.sensor_z_m', 0.0, 'Height of the depth camera above the ground.', 'm', -10.0, 10.0),
    _live('guard.sensor_yaw_rad', 0.0, 'Where it looks, counter-clockwise from forward.', 'rad', -6.2832, 6.2832),
    _live('guard.min_height_m', 0.05, 'Points of a cloud lower above the ground are no obstacles.', 'm', -10.0, 10.0),
    _live('guard.max_height_m', 1.0, 'Points of a cloud higher above the ground are no obstacles.', 'm', -10.0, 10.0),
    _live(
        'adaptation.mode',
        'frozen',
        'Online adaptation: frozen: none; shadow: learn, but drive as if not; live: learn and drive by it.',
        choices=MODES,
        former=FORMER_MODES,
    ),
    _live('adaptation.imitate', True, "Learn from the operator's commands what the network should have said."),
    _live('adaptation.respond', True, 'Learn gain and trim of the body from what it does, and undo them.'),
    _inactive('adaptation.odometry', False, 'Learn the answer in speed too, from the topic odom.'),
    _live('adaptation.method', 'rls', 'Recursive least squares, or least mean squares.', choices=METHODS),
    _live(
        'adaptation.rate', 0.1, "How fast it learns: rls: the weights' variance at first; lms: step.", '', 1e-6, 100.0
    ),
    _live('adaptation.memory_s', 10.0, 'Forgetting: time of learning after which a sample counts 1/e.', 's', 0.1, 1e6),
    _live('adaptation.bound', 0.3, "Largest correction, as a share of the channel's largest command.", '', 0.0, 1.0),
    _live('adaptation.dead_zone', 0.01, 'A smaller error, as such a share, teaches nothing.', '', 0.0, 1.0),
    _live('adaptation.lag_s', 0.1, 'Time in which the body follows a command.', 's', 0.0, 10.0),
    _live('adaptation.window_s', 1.0, 'What was worse than nothing over this time is rolled back.', 's', 0.1, 60.0),
    _inactive('adaptation.snapshot', '', 'File of what was learnt: read when configured if it is there, and saved to.'),
    _inactive('enable_stamped_cmd_vel', True, 'Send and take commands as TwistStamped; false: as Twist.'),
    _inactive('frame_id', 'base_link', 'Frame of the commands.'),
    _live('neurons_rate_hz', 25.0, 'Messages per second on ~/neurons; 0: none.', 'Hz', 0.0, 500.0),
    _live('diagnostics.warn_rate', 0.95, 'Warn below this share of the wanted control rate.', '', 0.0, 1.0),
    _live('diagnostics.error_rate', 0.8, 'An error below this share of the wanted control rate.', '', 0.0, 1.0),
    _live('diagnostics.warn_lateness_ms', 5.0, 'Warn when the 99th percentile of ticks is later.', 'ms', 0.0, 10000.0),
    _live(
        'diagnostics.error_lateness_ms',
        20.0,
        'An error when the 99th percentile of ticks is later.',
        'ms',
        0.0,
        10000.0,
    ),
    _live(
        'diagnostics.warn_work', 0.5, "Warn when a tick's work (p99) takes more of the period than this.", '', 0.0, 10.0
    ),
    _live('diagnostics.error_work', 0.9, "An error when a tick's work (p99) takes more of the period.", '', 0.0, 10.0),
)
#: those that a session is made by: another value makes another session
CONFIGURED = tuple(setting.name for setting in PARAMETERS if setting.change == 'inactive')


def check_parameters(values: Mapping[str, Any]) -> None:
    """
    Check what parameters must be to each other.

    :param values: all parameters by name, each allowed by itself
    :raises InputError: if they do not fit together
    """
    _guard(values)  # also while no guard looks: it must not fail when one is chosen
    _in_order(values, 'guard.min_height_m', 'less than', 'guard.max_height_m')
    _in_order(values, 'diagnostics.error_rate', 'at most', 'diagnostics.warn_rate')
    _in_order(values, 'diagnostics.warn_lateness_ms', 'at most', 'diagnostics.error_lateness_ms')
    _in_order(values, 'diagnostics.warn_work', 'at most', 'diagnostics.error_work')
    control_settings(values)


def control_settings(values: Mapping[str, Any], spec: PolicySpec | None = None) -> ControlSettings:
    """
    Make the controller's settings out of the parameters.

    :param values: all parameters by name
    :param spec: of the policy: limits of channels that it lacks are left out; ``None``: those of all channels
    :returns: the settings
    :raises InputError: if the parameters do not fit together
    """
    channels = CHANNEL_UNITS if spec is None else spec.channels

    def limits(of: str, *, zero_is_none: bool = False) -> dict[str, float]:
        by_channel = {name: values[f'{name.replace("_", ".")}.{of}'] for name in channels}
        return {name: value for name, value in by_channel.items() if value or not zero_is_none}

    return ControlSettings(
        control_rate_hz=values['control_rate_hz'],
        time_scale=values['time_scale'],
        image_timeout_s=values['image_timeout_s'],
        image_frozen_timeout_s=values['image_frozen_timeout_s'],
        imu_timeout_s=values['imu_timeout_s'],
        scan_timeout_s=values['guard.timeout_s'],
        override_timeout_s=values['override_timeout_s'],
        override_return_s=values['override_return_s'],
        resume_after_s=values['resume_after_s'],
        speed_scale=values['speed_scale'],
        minimum=limits('min_velocity'),
        maximum=limits('max_velocity'),
        max_acceleration=limits('max_acceleration', zero_is_none=True),
        max_deceleration=limits('max_deceleration', zero_is_none=True),
        deadband=limits('deadband'),
        guard=None if values['guard.source'] == 'none' else _guard(values),
        adaptation=AdaptationSettings(
            **{each.name: values[f'adaptation.{each.name}'] for each in fields(AdaptationSettings)}
        ),
    )


def neuron_names(spec: PolicySpec) -> list[str]:
    """
    Name the neurons whose states are published: role and number, as ``motor_0``.

    :param spec: of the policy
    :returns: N names, in the order of the policy's basis
    """
    roles = (spec.network.wiring or {}).get('roles', [])
    if len(roles) != spec.network.units:
        roles = ['neuron'] * spec.network.units
    return [f'{role}_{index}' for index, role in enumerate(roles)]


def _guard(values: Mapping[str, Any]) -> GuardSettings:
    try:
        return GuardSettings(
            footprint=Footprint(**{key: values[f'guard.{key}'] for key in ('front_m', 'rear_m', 'left_m', 'right_m')}),
            slow_distance_m=values['guard.slow_distance_m'],
            stop_distance_m=values['guard.stop_distance_m'],
            reaction_s=values['guard.reaction_s'],
            deceleration=values['guard.deceleration'],
            min_valid=values['guard.min_valid'],
        )
    except InputError as error:
        raise InputError(f'guard.{error}') from None  # its message begins with the field's name


def _in_order(values: Mapping[str, Any], low: str, relation: str, high: str) -> None:
    fits = values[low] < values[high] if relation == 'less than' else values[low] <= values[high]
    if not fits:
        raise InputError(f'parameter {low} must be {relation} {high}. Got {values[low]:g} and {values[high]:g}')
