"""What an operator may set about control; checked when made, so that a controller never runs on nonsense."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from lnn_controller.errors import InputError
from lnn_controller.policy import PolicySpec
from lnn_controller.policy.spec import CHANNEL_UNITS

__all__ = ['ControlSettings', 'Limits']

PerChannel = Mapping[str, float]


@dataclass(frozen=True)
class Limits:
    """
    The limits of one robot with one policy, in the order of the policy's channels.

    :param channels: names, C of them
    :param minimum: smallest commands, (C,), ≤ 0, in the channels' units
    :param maximum: largest commands, (C,), ≥ 0
    :param max_acceleration: largest changes per second, (C,), > 0; ``inf``: no limit
    """

    channels: tuple[str, ...]
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]
    max_acceleration: tuple[float, ...]


@dataclass(frozen=True)
class ControlSettings:
    """
    How a controller drives.

    :param control_rate_hz: how often :meth:`Controller.step` is to be called, Hz; gives the first step's Δt
    :param image_timeout_s: age of the newest frame beyond which the robot stops, s
    :param imu_timeout_s: age of the newest IMU sample beyond which the robot stops, s
    :param max_step_gap_s: time between two steps beyond which the clock is held to have jumped, s; never less than
        three control periods
    :param speed_scale: factor on every command, 0 … 1; all channels alike, so that a car keeps its curvature
    :param minimum: smallest command by channel, ≤ 0, m/s or rad/s; a channel not named has the policy's own
    :param maximum: largest command by channel, ≥ 0, m/s or rad/s; a channel not named has the policy's own
    :param max_acceleration: largest change by channel, > 0, m/s² or rad/s²; a channel not named has no limit
    :raises InputError: if a value is out of its range or a channel is unknown
    """

    control_rate_hz: float = 50.0
    image_timeout_s: float = 0.3
    imu_timeout_s: float = 0.3
    max_step_gap_s: float = 0.5
    speed_scale: float = 1.0
    minimum: PerChannel = field(default_factory=dict)
    maximum: PerChannel = field(default_factory=dict)
    max_acceleration: PerChannel = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, unit in (('control_rate_hz', 'Hz'), *((f'{key}_s', 's') for key in ('image_timeout', 'imu_timeout'))):
            _check(name, getattr(self, name), f'a positive number of {unit}', 0.0, math.inf, open_low=True)
        _check('max_step_gap_s', self.max_step_gap_s, 'a positive number of s', 0.0, math.inf, open_low=True)
        _check('speed_scale', self.speed_scale, 'from 0 to 1', 0.0, 1.0)
        for key, wanted, low, high in (
            ('minimum', 'a number of at most 0', -math.inf, 0.0),
            ('maximum', 'a number of at least 0', 0.0, math.inf),
            ('max_acceleration', 'a positive number, or inf for no limit', 0.0, math.inf),
        ):
            accelerates = key == 'max_acceleration'
            for channel, value in getattr(self, key).items():
                if channel not in CHANNEL_UNITS:
                    msg = f'{key} must name one of the channels {", ".join(CHANNEL_UNITS)}. Got "{channel}"'
                    raise InputError(msg)
                _check(f'{key} of {channel}', value, wanted, low, high, open_low=accelerates, infinite=accelerates)

    @property
    def nominal_dt_s(self) -> float:
        """The control period, s: the Δt of a step that has no step before it."""
        return 1.0 / self.control_rate_hz

    @property
    def step_gap_s(self) -> float:
        """The time between two steps beyond which the clock is held to have jumped, s."""
        return max(self.max_step_gap_s, 3.0 * self.nominal_dt_s)

    def limits(self, spec: PolicySpec) -> Limits:
        """
        Intersect the policy's range with the settings'.

        Both hold 0, so the intersection is never empty. Settings for channels that the policy lacks do nothing: one
        file may serve several policies.

        :param spec: the policy's spec
        :returns: the limits in the order of the policy's channels
        """
        return Limits(
            channels=spec.channels,
            minimum=tuple(
                max(float(out.minimum), float(self.minimum.get(out.name, -math.inf))) for out in spec.outputs
            ),
            maximum=tuple(min(float(out.maximum), float(self.maximum.get(out.name, math.inf))) for out in spec.outputs),
            max_acceleration=tuple(float(self.max_acceleration.get(out.name, math.inf)) for out in spec.outputs),
        )


def _check(
    name: str, value: object, wanted: str, low: float, high: float, *, open_low: bool = False, infinite: bool = False
) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Compared, not math.isfinite: an integer of a thousand digits cannot become a float.
    if not number or not low <= value <= high or (open_low and value == low):  # type: ignore[operator]
        raise InputError(f'{name} must be {wanted}. Got {value!r}')
    if abs(value) > sys.float_info.max and not (infinite and value == math.inf):  # type: ignore[arg-type]
        raise InputError(f'{name} must be {wanted}. Got {value!r}')
