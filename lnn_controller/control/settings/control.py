"""What an operator may set about control; checked when made, so that a controller never runs on nonsense."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lnn_controller.control.settings.adaptation import AdaptationSettings
from lnn_controller.control.settings.guard import GuardSettings
from lnn_controller.errors import InputError
from lnn_controller.policy import PolicySpec
from lnn_controller.policy.spec import CHANNEL_UNITS

__all__ = ['ControlSettings', 'Limits']

PerChannel = Mapping[str, float]
_S = 'a positive number of s'
_POSITIVE = {'control_rate_hz': 'a positive number of Hz', 'time_scale': 'a positive number'} | dict.fromkeys(
    ('image_timeout_s', 'imu_timeout_s', 'scan_timeout_s', 'max_step_gap_s', 'override_timeout_s'), _S
)
_ACCELERATION = ('a positive number, or inf for no limit', 0.0, math.inf)
_PER_CHANNEL = {
    'minimum': ('a number of at most 0', -math.inf, 0.0),
    'maximum': ('a number of at least 0', 0.0, math.inf),
    'max_acceleration': _ACCELERATION,
    'max_deceleration': _ACCELERATION,
    'deadband': ('a number of at least 0', 0.0, math.inf),
}


@dataclass(frozen=True)
class Limits:
    """
    The limits of one robot with one policy, in the order of the policy's channels.

    :param channels: names, C of them
    :param minimum: smallest commands, (C,), ≤ 0, in the channels' units
    :param maximum: largest commands, (C,), ≥ 0
    :param max_acceleration: largest changes per second away from zero, (C,), > 0; ``inf``: no limit
    :param max_deceleration: largest changes per second towards zero, (C,), > 0; ``inf``: no limit
    :param deadband: commands smaller than this are sent as zero, (C,), ≥ 0
    """

    channels: tuple[str, ...]
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]
    max_acceleration: tuple[float, ...]
    max_deceleration: tuple[float, ...]
    deadband: tuple[float, ...]


@dataclass(frozen=True)
class ControlSettings:
    """
    How a controller drives.

    :param control_rate_hz: how often :meth:`Controller.step` is to be called, Hz; gives the first step's Δt
    :param time_scale: how fast the network's time runs: factor on its Δt, > 0
    :param image_timeout_s: age of the newest frame beyond which the robot stops, s
    :param image_frozen_timeout_s: how long the camera may show the very same picture while the robot is commanded to
        move, s; 0: for ever
    :param imu_timeout_s: age of the newest IMU sample beyond which the robot stops, s
    :param scan_timeout_s: age of the newest obstacles beyond which the robot stops, s; with a guard only
    :param max_step_gap_s: time between two steps beyond which the clock is held to have jumped, s; never less than
        three control periods
    :param override_timeout_s: time after which an operator's command no longer holds, s
    :param override_return_s: time over which the command goes back from the operator's to the policy's, s
    :param resume_after_s: for how long the cause of a stop that may come back at once (:data:`~.decision.FLICKERING`)
        must have been gone before the robot drives on, s
    :param speed_scale: factor on the policy's commands, 0 … 1; all channels alike, so that a car keeps its curvature
    :param minimum: smallest command by channel, ≤ 0, m/s or rad/s; a channel not named has the policy's own
    :param maximum: largest command by channel, ≥ 0, m/s or rad/s; a channel not named has the policy's own
    :param max_acceleration: largest change away from zero by channel, > 0, m/s² or rad/s²; not named: no limit
    :param max_deceleration: largest change towards zero by channel, > 0; not named: as ``max_acceleration``
    :param deadband: what is smaller is sent as zero, by channel, ≥ 0; not named: 0
    :param guard: the obstacle guard; ``None``: none
    :param adaptation: how to learn while driving
    :raises InputError: if a value is out of its range or a channel is unknown
    """

    control_rate_hz: float = 50.0
    time_scale: float = 1.0
    image_timeout_s: float = 0.2
    image_frozen_timeout_s: float = 0.3
    imu_timeout_s: float = 0.2
    scan_timeout_s: float = 0.3
    max_step_gap_s: float = 0.5
    override_timeout_s: float = 0.5
    override_return_s: float = 0.5
    resume_after_s: float = 0.5
    speed_scale: float = 1.0
    minimum: PerChannel = field(default_factory=dict)
    maximum: PerChannel = field(default_factory=dict)
    max_acceleration: PerChannel = field(default_factory=dict)
    max_deceleration: PerChannel = field(default_factory=dict)
    deadband: PerChannel = field(default_factory=dict)
    guard: GuardSettings | None = None
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)

    def __post_init__(self) -> None:
        for name, wanted in _POSITIVE.items():
            _check(name, getattr(self, name), wanted, 0.0, math.inf, open_low=True)
        for name in ('image_frozen_timeout_s', 'override_return_s', 'resume_after_s'):
            _check(name, getattr(self, name), 'a number of s of at least 0', 0.0, math.inf)
        _check('speed_scale', self.speed_scale, 'from 0 to 1', 0.0, 1.0)
        for key, (wanted, low, high) in _PER_CHANNEL.items():
            accelerates = 'celeration' in key
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

    def guard_reach_m(self, spec: PolicySpec) -> float:
        """
        Tell how far away a point may matter to the guard, with what the robot goes until its data are stale.

        :param spec: the policy's spec
        :returns: m; 0 without a guard
        """
        if self.guard is None:
            return 0.0
        limits = self.override_limits(spec)
        most = {
            name: max(-low, high) for name, low, high in zip(spec.channels, limits.minimum, limits.maximum, strict=True)
        }
        fastest = self.guard.footprint.pace([most.get(name, 0.0) for name in ('linear_x', 'linear_y', 'angular_z')])
        return self.guard.reach_m(fastest) + fastest * (self.scan_timeout_s + self.guard.reaction_s)

    def limits(self, spec: PolicySpec) -> Limits:
        """
        Intersect the policy's range with the settings'.

        Both hold 0, so the intersection is never empty. Settings for channels that the policy lacks do nothing: one
        file may serve several policies.

        :param spec: the policy's spec
        :returns: the limits of the policy's commands, in the order of its channels
        """
        return self._limits(spec, [out.minimum for out in spec.outputs], [out.maximum for out in spec.outputs])

    def override_limits(self, spec: PolicySpec) -> Limits:
        """
        Give the operator's limits: as fast as the policy may, in either direction, within the settings' range.

        A policy that never reverses has a range without negative speeds; its operator must get out of a corner.

        :param spec: the policy's spec
        :returns: limits that hold those of :meth:`limits`
        """
        most = [max(abs(out.minimum), abs(out.maximum)) for out in spec.outputs]
        return self._limits(spec, [-value for value in most], most)

    def _limits(self, spec: PolicySpec, minimum: Sequence[float], maximum: Sequence[float]) -> Limits:
        def of(mapping: PerChannel, otherwise: Mapping[str, float], value: float) -> tuple[float, ...]:
            return tuple(float(mapping.get(name, otherwise.get(name, value))) for name in spec.channels)

        return Limits(
            channels=spec.channels,
            minimum=tuple(max(float(a), b) for a, b in zip(minimum, of(self.minimum, {}, -math.inf), strict=True)),
            maximum=tuple(min(float(a), b) for a, b in zip(maximum, of(self.maximum, {}, math.inf), strict=True)),
            max_acceleration=of(self.max_acceleration, {}, math.inf),
            max_deceleration=of(self.max_deceleration, self.max_acceleration, math.inf),
            deadband=of(self.deadband, {}, 0.0),
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
