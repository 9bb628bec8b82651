"""What one may set about the controller node, and what follows from it for the pure controller."""

from collections.abc import Mapping
from typing import Any

from lnn_controller.control import ControlSettings
from lnn_controller.nodes.parameters import Setting
from lnn_controller.policy import PolicySpec

__all__ = ['PARAMETERS', 'control_settings', 'neuron_names']

PARAMETERS = (
    Setting('policy', 'car_lane', 'What drives: folder of a policy bundle, or the name of one that ships.'),
    Setting('control_rate_hz', 50.0, 'Commands per second.', 'Hz', 1.0, 500.0, live=True),
    Setting(
        'image_transport', 'raw', 'Camera topic: image_raw, or image_raw/compressed.', choices=('raw', 'compressed')
    ),
    Setting('image_timeout_s', 0.3, 'Without a newer image for this long the robot stops.', 's', 0.02, 10.0, live=True),
    Setting(
        'imu_timeout_s', 0.3, 'Without a newer IMU sample for this long the robot stops.', 's', 0.02, 10.0, live=True
    ),
    Setting('speed_scale', 1.0, 'Factor on every velocity command.', '', 0.0, 1.0, live=True),
    Setting('max_linear_acceleration', 0.0, 'Limit of linear commands; 0: none.', 'm/s²', 0.0, 100.0, live=True),
    Setting('max_angular_acceleration', 0.0, 'Limit of angular commands; 0: none.', 'rad/s²', 0.0, 1000.0, live=True),
    Setting('enable_stamped_cmd_vel', True, 'Send commands as TwistStamped; false: as Twist.'),
    Setting('frame_id', 'base_link', 'Frame of the commands.'),
    Setting('neurons_rate_hz', 25.0, 'Messages per second on ~/neurons; 0: none.', 'Hz', 0.0, 500.0, live=True),
)


def control_settings(values: Mapping[str, Any], spec: PolicySpec) -> ControlSettings:
    """
    Make the controller's settings out of the parameters.

    :param values: parameters by name
    :param spec: of the policy: names the channels that the accelerations belong to
    :returns: the settings
    """
    limits = {'linear': values['max_linear_acceleration'], 'angular': values['max_angular_acceleration']}
    by_channel = {name: limits[name.split('_')[0]] for name in spec.channels}
    return ControlSettings(
        control_rate_hz=values['control_rate_hz'],
        image_timeout_s=values['image_timeout_s'],
        imu_timeout_s=values['imu_timeout_s'],
        speed_scale=values['speed_scale'],
        max_acceleration={name: limit for name, limit in by_channel.items() if limit > 0.0},
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
