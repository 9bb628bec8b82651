"""Perturbations of a car: actuators, grip, load, camera pose, IMU bias, latency; and when any robot's begin."""

import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError, short
from lnn_controller.policy.files import parse_yaml, read_text
from lnn_controller.settings import check_settings, setting, settings_of

__all__ = ['Perturbation', 'Scenario', 'read_scenario']


@dataclass(frozen=True)
class Perturbation:
    """
    How a car differs from the nominal one; without arguments not at all.

    :raises InputError: if a value is out of its range
    """

    steering_gain: float = setting(1.0, 'Actuator gain: achieved / commanded yaw rate.', '', 0.1, 3.0)
    steering_trim_rad_s: float = setting(
        0.0, 'Actuator offset: yaw rate at a command of zero, positive left.', 'rad/s', -2.0, 2.0
    )
    speed_gain: float = setting(1.0, 'Actuator gain: achieved / commanded speed.', '', 0.1, 3.0)
    slip: float = setting(0.0, "Share of the road's grip that is lost.", '', 0.0, 0.95)
    payload_kg: float = setting(0.0, 'Load amidships.', 'kg', 0.0, 20.0)
    camera_pitch_deg: float = setting(0.0, 'The camera turned, positive up.', '°', -45.0, 45.0)
    camera_roll_deg: float = setting(0.0, 'The camera turned about its view, positive to the left.', '°', -90.0, 90.0)
    camera_shift_m: float = setting(0.0, 'The camera moved aside, positive left.', 'm', -0.5, 0.5)
    gyro_bias_rad_s: float = setting(0.0, "Offset of the IMU's yaw rate.", 'rad/s', -1.0, 1.0)
    accel_bias_m_s2: float = setting(0.0, "Offset of the IMU's forward acceleration.", 'm/s²', -5.0, 5.0)
    latency_s: float = setting(0.0, 'Commands act so much later.', 's', 0.0, 1.0)

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class Scenario:
    """
    Perturbation over time.

    :param changes: time (s) and the perturbation from then on, in order of time
    :param nominal: the perturbation before the first change, of the same robot
    """

    changes: tuple[tuple[float, Any], ...] = ()
    nominal: Any = Perturbation()

    def at(self, at_s: float) -> Any:
        """
        Look the perturbation at a time up.

        :param at_s: time since the drive began, s
        :returns: the perturbation
        """
        index = bisect_right(self.changes, at_s, key=lambda change: change[0])
        return self.changes[index - 1][1] if index else self.nominal


def read_scenario(source: str | Path | Sequence[Mapping[str, Any]], kind: type = Perturbation) -> Scenario:
    """
    Read a scenario: a list of changes, each with its time ``at_s`` and what is different from then on.

    What a change does not name stays as it was.

    :param source: a YAML file, or its content
    :param kind: how the robot can be perturbed: a dataclass of settings, see ``Robot.perturbation``
    :returns: the scenario
    :raises InputError: if the file cannot be read, or is no such list; times must rise, and fields be those of the
        kind, within their ranges
    """
    rows, where = _content(source)
    if not isinstance(rows, list | tuple):
        raise InputError(
            f'{where} must be a list of changes, such as "- {{at_s: 20.0, payload_kg: 0.3}}". Got {short(rows)}'
        )
    known = settings_of(kind)
    nominal = perturbation = kind()
    changes: list[tuple[float, Any]] = []
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
    return Scenario(tuple(changes), nominal)


def _content(source: str | Path | Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    if not isinstance(source, str | Path):
        return source, 'a scenario'
    return parse_yaml(read_text(source, 'a scenario'), f'scenario {source} must be'), f'scenario {source}'
