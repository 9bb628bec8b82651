"""Perturbations of a car, and when they begin: actuators, grip, load, camera pose, IMU bias, latency."""

import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError, short
from lnn_controller.policy.files import parse_yaml, read_text

__all__ = ['PERTURBATION_RANGES', 'Perturbation', 'Scenario', 'read_scenario']

# Smallest and largest value, unit, meaning.
PERTURBATION_RANGES = {
    'steering_gain': (0.1, 3.0, '', 'Actuator gain: achieved / commanded yaw rate.'),
    'steering_trim_rad_s': (-2.0, 2.0, 'rad/s', 'Actuator offset: yaw rate at a command of zero, positive left.'),
    'speed_gain': (0.1, 3.0, '', 'Actuator gain: achieved / commanded speed.'),
    'slip': (0.0, 0.95, '', "Share of the road's grip that is lost."),
    'payload_kg': (0.0, 20.0, 'kg', 'Load amidships.'),
    'camera_pitch_deg': (-45.0, 45.0, '°', 'The camera turned, positive up.'),
    'camera_roll_deg': (-90.0, 90.0, '°', 'The camera turned about its view, positive to the left.'),
    'camera_shift_m': (-0.5, 0.5, 'm', 'The camera moved aside, positive left.'),
    'gyro_bias_rad_s': (-1.0, 1.0, 'rad/s', "Offset of the IMU's yaw rate."),
    'accel_bias_m_s2': (-5.0, 5.0, 'm/s²', "Offset of the IMU's forward acceleration."),
    'latency_s': (0.0, 1.0, 's', 'Commands act so much later.'),
}


@dataclass(frozen=True)
class Perturbation:
    """
    How a car differs from the nominal one; without arguments not at all.

    :param steering_gain: actuator gain, achieved / commanded yaw rate
    :param steering_trim_rad_s: actuator offset, yaw rate at a command of zero, rad/s, positive left
    :param speed_gain: actuator gain, achieved / commanded speed
    :param slip: share of the road's grip that is lost
    :param payload_kg: load amidships, kg
    :param camera_pitch_deg: the camera turned, °, positive up
    :param camera_roll_deg: the camera turned about its view, °, positive to the left
    :param camera_shift_m: the camera moved aside, m, positive left
    :param gyro_bias_rad_s: offset of the IMU's yaw rate, rad/s
    :param accel_bias_m_s2: offset of the IMU's forward acceleration, m/s²
    :param latency_s: commands act so much later, s
    :raises InputError: if a value is out of its range (:data:`PERTURBATION_RANGES`)
    """

    steering_gain: float = 1.0
    steering_trim_rad_s: float = 0.0
    speed_gain: float = 1.0
    slip: float = 0.0
    payload_kg: float = 0.0
    camera_pitch_deg: float = 0.0
    camera_roll_deg: float = 0.0
    camera_shift_m: float = 0.0
    gyro_bias_rad_s: float = 0.0
    accel_bias_m_s2: float = 0.0
    latency_s: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high, unit, _) in PERTURBATION_RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise InputError(
                    f'{name} must be a number from {low:g} to {high:g} {unit}'.rstrip() + f'. Got {short(value)}'
                )


@dataclass(frozen=True)
class Scenario:
    """
    Perturbation over time.

    :param changes: time (s) and the perturbation from then on, in order of time
    """

    changes: tuple[tuple[float, Perturbation], ...] = ()

    def at(self, at_s: float) -> Perturbation:
        """
        Look the perturbation at a time up.

        :param at_s: time since the drive began, s
        :returns: the perturbation; before the first change that of the nominal car
        """
        index = bisect_right(self.changes, at_s, key=lambda change: change[0])
        return self.changes[index - 1][1] if index else Perturbation()


def read_scenario(source: str | Path | Sequence[Mapping[str, Any]]) -> Scenario:
    """
    Read a scenario: a list of changes, each with its time ``at_s`` and what is different from then on.

    What a change does not name stays as it was.

    :param source: a YAML file, or its content
    :returns: the scenario
    :raises InputError: if the file cannot be read, or is no such list; times must rise, and fields be those of
        :class:`Perturbation`, within their ranges
    """
    rows, where = _content(source)
    if not isinstance(rows, list | tuple):
        raise InputError(f'{where} must be a list of changes, such as "- {{at_s: 20.0, slip: 0.3}}". Got {short(rows)}')
    known = [each.name for each in fields(Perturbation)]
    perturbation = Perturbation()
    changes: list[tuple[float, Perturbation]] = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or 'at_s' not in row:
            raise InputError(f'{where}, change {number} must have its time, at_s, and what changes. Got {short(row)}')
        at_s, values = row['at_s'], {name: value for name, value in row.items() if name != 'at_s'}
        finite = isinstance(at_s, int | float) and not isinstance(at_s, bool) and abs(at_s) <= sys.float_info.max
        if not finite or at_s < 0.0 or (changes and at_s <= changes[-1][0]):
            raise InputError(
                f'{where}, change {number}: at_s must be s ≥ 0 and rise from change to change. Got {short(at_s)}'
            )
        for name in values:
            if name not in known:
                raise InputError(f'{where}, change {number} may change {", ".join(known)}. Got {short(name)}')
        try:
            perturbation = replace(perturbation, **values)
        except InputError as error:
            raise InputError(f'{where}, change {number}: {error}') from None
        changes.append((float(at_s), perturbation))
    return Scenario(tuple(changes))


def _content(source: str | Path | Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    if not isinstance(source, str | Path):
        return source, 'a scenario'
    return parse_yaml(read_text(source, 'a scenario'), f'scenario {source} must be'), f'scenario {source}'
