import math

import pytest
from bundles import tiny_spec

from lnn_controller.control import ControlSettings, Limits
from lnn_controller.errors import InputError


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'control_rate_hz': 0}, r'control_rate_hz must be a number from 1 to 500 Hz. Got 0'),
        ({'control_rate_hz': math.inf}, r'control_rate_hz must be a number from 1 to 500 Hz. Got inf'),
        ({'image_timeout_s': -1.0}, r'image_timeout_s must be a number from 0.02 to 10 s. Got -1.0'),
        ({'imu_timeout_s': math.nan}, r'imu_timeout_s must be a number from 0.02 to 10 s. Got nan'),
        ({'max_step_gap_s': '1'}, r"max_step_gap_s must be a positive number of s. Got '1'"),
        ({'max_step_gap_s': True}, r'max_step_gap_s must be a positive number of s. Got True'),
        ({'speed_scale': 1.5}, r'speed_scale must be a number from 0 to 1. Got 1.5'),
        ({'minimum': {'linear_x': 0.5}}, r'minimum of linear_x must be a number from -100 to 0. Got 0.5'),
        ({'maximum': {'angular_z': -0.5}}, r'maximum of angular_z must be a number from 0 to 100. Got -0.5'),
        ({'maximum': {'angular_z': math.inf}}, r'maximum of angular_z must be a number from 0 to 100. Got inf'),
        (
            {'max_acceleration': {'linear_x': 0.0}},
            r'max_acceleration of .* must be a positive number of at most 1000. Got 0',
        ),
        ({'maximum': {'steering': 1.0}}, r'maximum must name one of the channels linear_x.*Got "steering"'),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(InputError, match=message):
        ControlSettings(**changes)


def test_limits_are_what_policy_and_settings_both_allow():
    settings = ControlSettings(
        minimum={'linear_x': -1.0, 'linear_z': -3.0},
        maximum={'linear_x': 1, 'angular_z': 9.0},
        max_acceleration={'angular_z': 4.0, 'linear_x': math.inf},
    )
    assert settings.limits(tiny_spec()) == Limits(
        channels=('linear_x', 'angular_z'),
        minimum=(0.0, -1.5),
        maximum=(1.0, 1.5),
        max_acceleration=(math.inf, 4.0),
        max_deceleration=(math.inf, 4.0),
        deadband=(0.0, 0.0),
    )
    assert ControlSettings().limits(tiny_spec()) == Limits(
        channels=('linear_x', 'angular_z'),
        minimum=(0.0, -1.5),
        maximum=(2.0, 1.5),
        max_acceleration=(math.inf, math.inf),
        max_deceleration=(math.inf, math.inf),
        deadband=(0.0, 0.0),
    )


def test_a_slow_rate_is_no_clock_jump():
    assert ControlSettings().step_gap_s == 0.5
    assert ControlSettings(control_rate_hz=1).step_gap_s == 3.0


def test_an_operator_may_go_as_fast_as_the_policy_either_way():
    settings = ControlSettings(
        minimum={'linear_x': -0.5}, max_deceleration={'linear_x': 9.0}, deadband={'angular_z': 0.1}
    )
    limits = settings.override_limits(tiny_spec())
    assert (limits.minimum, limits.maximum) == ((-0.5, -1.5), (2.0, 1.5))
    assert (limits.max_deceleration, limits.deadband) == ((9.0, math.inf), (0.0, 0.1))
