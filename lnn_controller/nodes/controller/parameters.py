"""What one may set about the controller node, and what follows from it for the pure controller."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from lnn_controller.control import AdaptationSettings, ControlSettings
from lnn_controller.control.settings.control import ACCELERATIONS, CHANNEL_SETTINGS
from lnn_controller.control.settings.guard import Footprint, GuardSettings
from lnn_controller.control.settings.height import HeightSettings
from lnn_controller.errors import InputError
from lnn_controller.nodes.common.parameters import as_parameters
from lnn_controller.policy import RUNTIMES, PolicySpec
from lnn_controller.policy.spec import CHANNEL_UNITS
from lnn_controller.settings import Setting

__all__ = ['CONFIGURED', 'PARAMETERS', 'check_parameters', 'control_settings']

_live = partial(Setting, change='live')
_inactive = partial(Setting, change='inactive')

# By field: a setting of the controller is a parameter by what its field says, and its default and range are there.
CONTROL = as_parameters(ControlSettings, change='live')
del CONTROL['max_step_gap_s']
SCAN_TIMEOUT = CONTROL['scan_timeout_s'] = replace(CONTROL['scan_timeout_s'], name='guard.timeout_s')
GUARD = as_parameters(GuardSettings, 'guard.', change='live')
HEIGHT = as_parameters(HeightSettings, 'height.', change='live')
FOOTPRINT = as_parameters(Footprint, 'guard.', change='live')
ADAPTATION = as_parameters(AdaptationSettings, 'adaptation.', change='live')


def _channel(name: str, unit: str) -> Iterator[Setting]:
    """One channel's limits, by the names that ros2_control's controllers use."""
    for key, each in CHANNEL_SETTINGS.items():
        of = f'{unit}²' if key in ACCELERATIONS else unit
        yield replace(each, name=f'{name.replace("_", ".")}.{each.name}', unit=of, change='live')


PARAMETERS = (
    _inactive('policy', 'car_lane', 'What drives: folder of a policy bundle, or the name of one that ships.'),
    Setting(
        'runtime', 'auto', 'What computes it: C where lnn compile made it here, else ONNX Runtime.', choices=RUNTIMES
    ),
    Setting('autostart', False, 'Configure and activate at the start, without a lifecycle manager.'),
    _inactive(
        'image_transport', 'raw', 'Camera topic: image_raw, or image_raw/compressed.', choices=('raw', 'compressed')
    ),
    _inactive(
        'image_max_megapixels',
        16.0,
        'A larger image is refused before it is decoded: a few bytes can say that they are a picture of gigabytes.',
        '',
        0.01,
        200.0,
    ),
    *(each for each in CONTROL.values() if each is not SCAN_TIMEOUT),
    *(setting for name, unit in CHANNEL_UNITS.items() for setting in _channel(name, unit)),
    _live(
        'emergency_stop_timeout_s',
        0.0,
        'Whoever sends on emergency_stop must go on: silence for this long, or nobody there, stops; 0: no such thing.',
        's',
        0.0,
        60.0,
    ),
    _live(
        'keepalive_hz',
        0.0,
        'Zeros per second while configured and inactive, for a flight controller that must hear something; 0: none.',
        'Hz',
        0.0,
        100.0,
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
    *GUARD.values(),
    SCAN_TIMEOUT,
    _live(
        'guard.min_points',
        1,
        'A point with fewer than this around it (within 0.1 m, itself counted) is taken for noise; 1: none is.',
        '',
        1,
        100,
    ),
    *FOOTPRINT.values(),
    _live('guard.sensor_x_m', 0.0, 'Where the scanner or depth camera sits, forward of base_link.', 'm', -10.0, 10.0),
    _live('guard.sensor_y_m', 0.0, 'Where the scanner or depth camera sits, left of base_link.', 'm', -10.0, 10.0),
    _live(
        'guard.sensor_z_m',
        0.0,
        'Height of the depth camera above the ground; with guard.slice_m above base_link.',
        'm',
        -10.0,
        10.0,
    ),
    _live('guard.sensor_yaw_rad', 0.0, 'Where it looks, counter-clockwise from forward.', 'rad', -6.2832, 6.2832),
    _inactive(
        'guard.slice_m',
        0.0,
        'For what flies: points so far above and below base_link count, the tilt (odom) undone; 0: those by height.',
        'm',
        0.0,
        10.0,
    ),
    _live('guard.min_height_m', 0.05, 'Points of a cloud lower above the ground are no obstacles.', 'm', -10.0, 10.0),
    _live('guard.max_height_m', 1.0, 'Points of a cloud higher above the ground are no obstacles.', 'm', -10.0, 10.0),
    _inactive(
        'height.source',
        'none',
        'What tells a robot that flies how high it is, for floor and ceiling: nothing, or the topic odom.',
        choices=('none', 'odometry'),
    ),
    *HEIGHT.values(),
    *ADAPTATION.values(),
    _inactive('adaptation.odometry', False, 'Learn the answer of every channel, from the topic odom.'),
    _inactive('adaptation.snapshot', '', 'File of what was learnt: read when configured if it is there, and saved to.'),
    _inactive('enable_stamped_cmd_vel', True, 'Send and take commands as TwistStamped; false: as Twist.'),
    _inactive('frame_id', 'base_link', 'Frame of the commands.'),
    _live('neurons_rate_hz', 25.0, 'Messages per second on ~/neurons; 0: none.', 'Hz', 0.0, 500.0),
    _live('attention_rate_hz', 5.0, 'Messages per second on ~/attention at most; 0: none.', 'Hz', 0.0, 60.0),
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
    _height(values)
    if values['guard.slice_m'] and values['guard.source'] == 'scan':
        msg = f'parameter guard.slice_m must be 0 with guard.source scan. Got {values["guard.slice_m"]:g}'
        raise InputError(f'{msg}: a scan has but one plane, which tilts with the robot; points can be cut')
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
    measured = values['height.source'] != 'none'
    if measured and 'linear_z' not in channels:
        msg = 'parameter height.source must be none for a policy that does not command linear_z. '
        raise InputError(f'{msg}Got {values["height.source"]}: floor and ceiling would hold nothing')

    def limits(field: str) -> dict[str, float]:
        of = CHANNEL_SETTINGS[field].name
        by_channel = {name: values[f'{name.replace("_", ".")}.{of}'] for name in channels}
        return {name: value for name, value in by_channel.items() if value or field not in ACCELERATIONS}

    limited: dict[str, Any] = {field: limits(field) for field in CHANNEL_SETTINGS}
    return ControlSettings(
        **_by_field(CONTROL, values),
        **limited,
        guard=None if values['guard.source'] == 'none' else _guard(values),
        height=_height(values) if measured else None,
        adaptation=AdaptationSettings(**_by_field(ADAPTATION, values)),
    )


def _by_field(parameters: Mapping[str, Setting], values: Mapping[str, Any]) -> dict[str, Any]:
    return {field: values[each.name] for field, each in parameters.items()}


def _guard(values: Mapping[str, Any]) -> GuardSettings:
    try:
        return GuardSettings(Footprint(**_by_field(FOOTPRINT, values)), **_by_field(GUARD, values))
    except InputError as error:
        raise InputError(f'guard.{error}') from None  # its message begins with the field's name


def _height(values: Mapping[str, Any]) -> HeightSettings:
    try:
        return HeightSettings(**_by_field(HEIGHT, values))
    except InputError as error:
        raise InputError(f'height.{error}') from None


def _in_order(values: Mapping[str, Any], low: str, relation: str, high: str) -> None:
    fits = values[low] < values[high] if relation == 'less than' else values[low] <= values[high]
    if not fits:
        raise InputError(f'parameter {low} must be {relation} {high}. Got {values[low]:g} and {values[high]:g}')
