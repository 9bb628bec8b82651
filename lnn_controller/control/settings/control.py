"""What an operator may set about control; checked when made, so that a controller never runs on nonsense."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lnn_controller.control.settings.adaptation import AdaptationSettings
from lnn_controller.control.settings.guard import GuardSettings
from lnn_controller.control.settings.height import HeightSettings
from lnn_controller.errors import InputError
from lnn_controller.policy import PolicySpec
from lnn_controller.policy.spec import CHANNEL_UNITS
from lnn_controller.settings import Setting, check_number, check_settings, setting

__all__ = ['ACCELERATIONS', 'CHANNEL_SETTINGS', 'ControlSettings', 'Limits']

PerChannel = Mapping[str, float]
ACCELERATIONS = ('max_acceleration', 'max_deceleration')
#: of one channel, by field of :class:`ControlSettings`; an acceleration of 0, or of inf: no limit
CHANNEL_SETTINGS = {
    'minimum': Setting(
        'min_velocity', -100.0, "Smallest command; the policy's own range holds besides.", '', -100.0, 0.0
    ),
    'maximum': Setting('max_velocity', 100.0, "Largest command; the policy's own range holds besides.", '', 0.0, 100.0),
    'max_acceleration': Setting(
        'max_acceleration', 0.0, 'Largest change per second away from zero; 0: no limit.', '', 0.0, 1000.0
    ),
    'max_deceleration': Setting(
        'max_deceleration',
        0.0,
        'Largest change per second towards zero; 0: the same as max_acceleration. A stop ignores it.',
        '',
        0.0,
        1000.0,
    ),
    'deadband': Setting('deadband', 0.0, 'A command smaller than this is sent as zero.', '', 0.0, 1.0),
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

    :param minimum: smallest command by channel, ≤ 0, m/s or rad/s; a channel not named has the policy's own
    :param maximum: largest command by channel, ≥ 0, m/s or rad/s; a channel not named has the policy's own
    :param max_acceleration: largest change away from zero by channel, > 0, m/s² or rad/s²; not named: no limit
    :param max_deceleration: largest change towards zero by channel, > 0; not named: as ``max_acceleration``
    :param deadband: what is smaller is sent as zero, by channel, ≥ 0; not named: 0
    :param guard: the obstacle guard; ``None``: none
    :param height: floor and ceiling of a robot that flies; ``None``: none
    :param adaptation: how to learn while driving
    :raises InputError: if a value is out of its range or a channel is unknown
    """

    control_rate_hz: float = setting(50.0, 'Commands per second, at least.', 'Hz', 1.0, 500.0)
    tick_on_frame: bool = setting(
        True, 'Whether a camera frame is acted on at once, by up to twice as many commands; false: at the next tick.'
    )
    time_scale: float = setting(1.0, "How fast the network's time runs: 2 makes it react twice as fast.", '', 0.1, 10.0)
    image_timeout_s: float = setting(0.2, 'Without a newer image for this long the robot stops.', 's', 0.02, 10.0)
    image_frozen_timeout_s: float = setting(
        0.3,
        'When the camera shows the very same picture for this long while the robot moves, it stops; 0: never.',
        's',
        0.0,
        10.0,
    )
    imu_timeout_s: float = setting(0.2, 'Without a newer IMU sample for this long the robot stops.', 's', 0.02, 10.0)
    scan_timeout_s: float = setting(
        0.3, 'Without a newer scan or point cloud for this long the robot stops.', 's', 0.02, 10.0
    )
    max_step_gap_s: float = setting(
        0.5,
        'Between two steps; beyond this, and beyond three control periods, the clock is held to have jumped.',
        's',
        above=0.0,
    )
    override_timeout_s: float = setting(
        0.5, "An operator's command on cmd_vel_override holds for this long.", 's', 0.05, 10.0
    )
    override_return_s: float = setting(
        0.5, "Time of the passage from the operator's commands to the policy's.", 's', 0.0, 5.0
    )
    # Of the causes in decision.FLICKERING.
    resume_after_s: float = setting(
        0.5,
        'After a stop (obstacle, sensor, clock) the robot stands until the cause has been gone for this long.',
        's',
        0.0,
        60.0,
    )
    speed_scale: float = setting(1.0, "Factor on the policy's commands, on all channels alike.", '', 0.0, 1.0)
    minimum: PerChannel = field(default_factory=dict)
    maximum: PerChannel = field(default_factory=dict)
    max_acceleration: PerChannel = field(default_factory=dict)
    max_deceleration: PerChannel = field(default_factory=dict)
    deadband: PerChannel = field(default_factory=dict)
    guard: GuardSettings | None = None
    height: HeightSettings | None = None
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)

    def __post_init__(self) -> None:
        check_settings(self)
        for key, each in CHANNEL_SETTINGS.items():
            for channel, value in getattr(self, key).items():
                if channel not in CHANNEL_UNITS:
                    raise InputError(f'{key} must name one of the channels {", ".join(CHANNEL_UNITS)}. Got "{channel}"')
                if key in ACCELERATIONS:
                    if value != math.inf:
                        check_number(f'{key} of {channel}', value, above=0.0, maximum=each.maximum)
                else:
                    each.check(value, f'{key} of {channel}')

    @property
    def nominal_dt_s(self) -> float:
        """The control period, s: the Δt of a step that has no step before it."""
        return 1.0 / self.control_rate_hz

    def shortest_dt_s(self, spec: PolicySpec) -> float:
        """
        Return how soon after a tick a camera frame may bring the next.

        :param spec: the policy's spec: no sooner than the Δt that its network knows
        :returns: s, from half a control period to a whole one, with which frames bring none
        """
        if not self.tick_on_frame:
            return self.nominal_dt_s
        return min(self.nominal_dt_s, max(0.5 * self.nominal_dt_s, spec.dt_min_s / self.time_scale))

    @property
    def step_gap_s(self) -> float:
        """The time between two steps beyond which the clock is held to have jumped, s."""
        return max(self.max_step_gap_s, 3.0 * self.nominal_dt_s)

    @property
    def odometry_timeout_s(self) -> float:
        """The age beyond which odometry says nothing any more, s."""
        return self.imu_timeout_s if self.height is None else max(self.imu_timeout_s, self.height.timeout_s)

    def guard_reach_m(self, spec: PolicySpec) -> float:
        """
        Return how far away a point may matter to the guard, with what the robot goes until its data are stale.

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
        Return the operator's limits: as fast as the policy may, in either direction, within the settings' range.

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
