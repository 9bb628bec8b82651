"""From what the network or the operator wants to what the robot is sent: the safety chain with its one memory."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.guard import clearance, guard_scale
from lnn_controller.control.safety import apply_deadband, limit, limit_speed
from lnn_controller.control.settings import ControlSettings
from lnn_controller.policy import PolicySpec

__all__ = ['SafetyChain', 'Sent']


class Sent(NamedTuple):
    """
    What came out of the chain.

    :param command: to publish, C numbers
    :param limited: which limits bit, in the order they were applied
    :param blocked: whether an obstacle made it zeros
    """

    command: list[float]
    limited: tuple[str, ...]
    blocked: bool


class SafetyChain:
    """
    Obstacle guard → speed limits → acceleration limits → deadband.

    ``ramp`` is the last command before its deadband, which accelerations count from. ``guard_scale`` is what the guard
    left of the last command; ``given_guard_scale`` takes the place of its judgement where a recording tells it.

    :param spec: of the policy: its channels and their ranges
    :param settings: how to drive; may be replaced between two commands
    """

    def __init__(self, spec: PolicySpec, settings: ControlSettings) -> None:
        self._spec = spec
        self.settings = settings
        self.guard_scale = 1.0
        self.given_guard_scale: float | None = None
        self.reset()

    @property
    def settings(self) -> ControlSettings:
        """How to drive."""
        return self._settings

    @settings.setter
    def settings(self, settings: ControlSettings) -> None:
        self._settings = settings
        self._limits = settings.limits(self._spec)
        self._wide_limits = settings.override_limits(self._spec)

    @property
    def moving(self) -> bool:
        """Whether the robot was last commanded to move."""
        return any(self.ramp)

    def reset(self) -> None:
        """Begin from standstill."""
        self.ramp = [0.0] * len(self._spec.outputs)

    def hold(self, command: Sequence[float], *, operator: bool) -> tuple[list[float], tuple[str, ...]]:
        """
        Hold a wanted command within the range of who wants it: the operator may also drive backwards.

        :param command: finite, (C,)
        :param operator: whether the operator wants it
        :returns: the command, (C,); which limits bit
        """
        return limit_speed(command, self._wide_limits if operator else self._limits)

    def send(self, wanted: Sequence[float], points: NDArray[np.float64], dt_s: float) -> Sent:
        """
        Take a wanted command to what is sent.

        :param wanted: within its range, (C,)
        :param points: obstacles in the robot's frame, m, (P, 2)
        :param dt_s: time since the last command, s, > 0
        :returns: what to publish
        """
        scale = self.guard_scale = self._guard(wanted, points)
        if scale == 0.0:
            self.reset()  # past the ramp, as every stop
            return Sent([0.0] * len(wanted), ('obstacle_stop',), True)
        bitten: tuple[str, ...] = ()
        if scale < 1.0:
            wanted = [value * scale for value in wanted]
            bitten = ('obstacle_slow',)
        self.ramp, ramped = limit(wanted, self.ramp, dt_s, self._wide_limits)
        return Sent(apply_deadband(self.ramp, self._wide_limits), bitten + ramped, False)

    def _guard(self, wanted: Sequence[float], points: NDArray[np.float64]) -> float:
        guard = self._settings.guard
        if guard is None or not any(wanted):
            return 1.0
        if self.given_guard_scale is not None:
            return self.given_guard_scale
        by_channel = dict(zip(self._spec.channels, wanted, strict=True))
        velocity = tuple(by_channel.get(name, 0.0) for name in ('linear_x', 'linear_y', 'angular_z'))
        return guard_scale(clearance(velocity, points, guard.footprint, guard.slow_distance_m), guard)
