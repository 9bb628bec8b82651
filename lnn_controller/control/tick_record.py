"""Inputs, state and command of each control tick as a row of named numbers, for exact replay."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control import (
    STOP_REASONS,
    AdaptationSettings,
    ControlSettings,
    Decision,
    DriveState,
    Footprint,
    GuardSettings,
    HeightSettings,
    Hold,
    TickInputs,
)
from lnn_controller.control.decision import FLICKERING
from lnn_controller.control.safety.chain import GuardVerdict
from lnn_controller.control.sensors import Reading
from lnn_controller.control.settings.adaptation import FORMER_MODES
from lnn_controller.errors import InputError, short
from lnn_controller.policy.files import parse_json

__all__ = ['Configuration', 'Tick', 'read_tick', 'tick_names', 'tick_row']

STAMPED = ('image', 'imu', 'scan', 'odometry')
IMU = ('gyro_x', 'gyro_y', 'gyro_z', 'accel_x', 'accel_y', 'accel_z')
AGES = ('previous_age_ns', *(f'{name}_age_ns' for name in STAMPED))
FIRST = ('tick', 'configuration', 'latency_us', 'resets', *AGES, *IMU)
# Of what earlier recordings lack: its meaning there.
SINCE = {
    'ramp_scale': 1.0,
    'image_since_age_ns': math.nan,
    'resume_age_ns': math.nan,
    'network_resume_age_ns': math.nan,
    **dict.fromkeys(('speed_y_m_s', 'speed_z_m_s', 'yaw_rate_rad_s', 'height_m'), math.nan),
}
FLAGS = ('speed_m_s', 'guard_scale', 'emergency_stop', 'override', 'begins', 'running', 'returning_age_ns', *SINCE)
BY_CHANNEL = ('override', 'returning', 'ramp', 'command')


@dataclass(frozen=True)
class Configuration:
    """
    What a controller's ticks are decided by, until the next one.

    :param number: of this configuration, which ticks refer to
    :param policy: name of the policy
    :param policy_sha256: its fingerprint (:func:`lnn_controller.control.adaptation.adaptation.fingerprint`)
    :param settings: how it drove
    :param adaptation: what it had learnt, where that was set from outside: at the start, loaded, reset, rolled back;
        ``None`` where only the settings changed
    :param reduced: whether a JPEG was decoded no larger than the network's frame needs; earlier recordings, which do
        not say, have it whole
    :param runtime: what computed the policy, ``onnx`` or ``native``: they round differently
    """

    number: int
    policy: str
    policy_sha256: str
    settings: ControlSettings
    adaptation: Mapping[str, Any] | None
    reduced: bool = False
    runtime: str = 'onnx'

    def to_json(self) -> str:
        """
        Write it as JSON.

        :returns: one line; infinite limits are written as JavaScript does
        """
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> 'Configuration':
        """
        Read one.

        :param text: as :meth:`to_json` wrote it
        :returns: the configuration
        :raises InputError: if it is another text, such as that of another version
        """
        try:
            row = parse_json(text, 'it is no')
            # What earlier recordings lack.
            settings = {'resume_after_s': 0.0, 'tick_on_frame': False} | row.pop('settings')
            guard = settings.pop('guard')
            if guard is not None:
                guard = GuardSettings(**{**guard, 'footprint': Footprint(**guard['footprint'])})
            height = settings.pop('height', None)
            height = None if height is None else HeightSettings(**height)
            adaptation = settings.pop('adaptation')
            mode = adaptation['mode']
            adaptation = AdaptationSettings(**{**adaptation, 'mode': FORMER_MODES.get(mode, mode)})
            read = cls(settings=ControlSettings(**settings, guard=guard, height=height, adaptation=adaptation), **row)
            kinds = {
                'number': int,
                'policy': str,
                'policy_sha256': str,
                'adaptation': Mapping | None,
                'reduced': bool,
                'runtime': str,
            }
            for name, kind in kinds.items():
                if not isinstance(value := getattr(read, name), kind):
                    raise InputError(f'{name} is {short(value)}')
            return read
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            msg = f"a controller's configuration must be as this version writes it. Got another: {error}"
            raise InputError(msg) from None


@dataclass(frozen=True)
class Tick:
    """
    One tick of a recording.

    :param number: how many ticks the controller had made before, since it was configured
    :param configuration: number of what it was decided by
    :param reason: why it stopped; empty while it drives
    :param inputs: what it was computed from, but for what only the frame tells
    :param state: what was carried into it, as far as it is recorded
    :param command: what it published, (C,), m/s and rad/s
    """

    number: int
    configuration: int
    reason: str
    inputs: TickInputs
    state: DriveState
    command: tuple[float, ...]


def tick_names(channels: Sequence[str]) -> list[str]:
    """
    Name the numbers of a row.

    :param channels: of the policy, C
    :returns: names, in the order of :func:`tick_row`
    """
    return [*FIRST, *FLAGS, *(f'{what}_{name}' for what in BY_CHANNEL for name in channels)]


def tick_row(decision: Decision, number: int, configuration: int) -> list[float]:
    """
    Lay out a decision: its inputs, its state, its command.

    Stamps are ages: a float holds ns of days exactly, but not a stamp.

    :param decision: the decision
    :param number: of the tick
    :param configuration: number of what it was decided by
    :returns: numbers in the order of :func:`tick_names`; NaN stands for "none"
    """
    inputs, state, verdict = decision.inputs, decision.state, decision.verdict
    image_ns, image_since_ns = inputs.image or (None, None)

    def age(stamp_ns: int | None) -> float:
        return math.nan if stamp_ns is None else float(inputs.stamp_ns - stamp_ns)

    since = (None if each is None else each.since_ns for each in (inputs.imu, inputs.scan, inputs.odometry))
    until = (None if hold is None else hold.until_ns for hold in (state.hold, state.network_hold))
    nobody = (math.nan,) * decision.command.size
    returned_ns, returning = state.returning or (None, nobody)
    return [
        *(float(number), float(configuration), decision.encode_us + decision.step_us, float(state.resets)),
        *(age(each) for each in (state.previous_ns, image_ns, *since)),
        *inputs.imu_mean.tolist(),
        *(inputs.velocity[0], verdict.scale, float(inputs.emergency_stop), float(inputs.operator is not None)),
        *(float(state.is_first_step), float(state.network_ran)),
        age(returned_ns),
        verdict.ramp_scale,
        *(age(each) for each in (image_since_ns, *until)),
        *inputs.velocity[1:],
        inputs.height_m,
        *(inputs.operator or nobody),
        *returning,
        *state.ramp,
        *decision.command.tolist(),
    ]


@lru_cache(maxsize=8)
def _known_names(channels: tuple[str, ...]) -> list[list[str]]:
    """Names of a row as this version and earlier ones wrote it."""
    names, since = tick_names(channels), list(SINCE)
    return [[name for name in names if name not in since[first:]] for first in range(len(since) + 1)]


def read_tick(row: Any, channels: Sequence[str]) -> Tick:
    """
    Read a row as a controller published it.

    :param row: a ``sensor_msgs/msg/JointState``, whoever decoded it
    :param channels: of the policy, C
    :returns: the tick
    :raises InputError: if the row is not of these channels
    """
    if list(row.name) not in _known_names(tuple(channels)):
        raise InputError(f'the ticks must be of channels {", ".join(channels)}. Got others')
    values = _Row(row, channels)
    return Tick(
        number=int(values['tick']),
        configuration=int(values['configuration']),
        reason=values.reason,
        inputs=_inputs(values),
        state=_state(values, row.velocity.astype(np.float32)),
        command=values.by_channel('command'),
    )


class _Row:
    """The numbers of a row by name, and what they stand for."""

    def __init__(self, row: Any, channels: Sequence[str]) -> None:
        self.stamp_ns = int(row.header.stamp.sec) * 1_000_000_000 + int(row.header.stamp.nanosec)
        self.reason = row.header.frame_id
        self.names = row.name
        self._values = SINCE | dict(zip(row.name, row.position.tolist(), strict=True))
        self._channels = channels

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def stamp(self, name: str) -> int | None:
        age = self._values[f'{name}_age_ns']
        return None if math.isnan(age) else self.stamp_ns - int(age)

    def reading(self, name: str) -> Reading | None:
        since_ns = self.stamp(name)
        return None if since_ns is None else Reading(since_ns, since_ns)

    def hold(self, name: str) -> Hold | None:
        # Of a tick that a hold stopped the reason is that hold's cause; of others it does not matter.
        until_ns = self.stamp(name)
        return None if until_ns is None else Hold(self.reason, until_ns)

    def by_channel(self, what: str) -> tuple[float, ...]:
        return tuple(self._values[f'{what}_{name}'] for name in self._channels)


def _inputs(values: _Row) -> TickInputs:
    image_ns, image_since_ns, reason = values.stamp('image'), values.stamp('image_since'), values.reason
    return TickInputs(
        stamp_ns=values.stamp_ns,
        features=np.zeros(0, np.float32),
        image=None if image_ns is None else Reading(image_ns, image_ns if image_since_ns is None else image_since_ns),
        image_changed_ns=0,
        imu_mean=np.array([values[name] for name in IMU], np.float32),
        imu=values.reading('imu'),
        scan=values.reading('scan'),
        odometry=values.reading('odometry'),
        velocity=(values['speed_m_s'], values['speed_y_m_s'], values['speed_z_m_s'], values['yaw_rate_rad_s']),
        height_m=values['height_m'],
        operator=values.by_channel('override') if values['override'] else None,
        emergency_stop=bool(values['emergency_stop']),
        view=GuardVerdict(
            values['guard_scale'], values['ramp_scale'], 'way_unseen' if reason == 'way_unseen' else 'obstacle'
        ),
        stop='' if reason in STOP_REASONS else reason,
        encode_us=0.0,
    )


def _state(values: _Row, hx: NDArray[np.float32]) -> DriveState:
    # Where earlier recordings tell one hold for all, it was over once anything else stopped or drove the robot.
    over = 'network_resume_age_ns' not in values.names and values.reason not in FLICKERING
    returned_ns = values.stamp('returning')
    return DriveState(
        hx=hx,
        ramp=values.by_channel('ramp'),
        sent=values.by_channel('ramp'),
        previous_ns=values.stamp('previous'),
        is_first_step=bool(values['begins']),
        network_ran=bool(values['running']),
        returning=None if returned_ns is None else (returned_ns, values.by_channel('returning')),
        stopped_for=values.reason,
        hold=None if over else values.hold('resume'),
        network_hold=values.hold('network_resume'),
        resets=int(values['resets']),
    )
