"""From what the network or the operator wants to what the robot is sent: the safety chain with its one memory."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.safety.guard import clearance, guard_scale
from lnn_controller.control.safety.limits import apply_deadband, limit, limit_speed
from lnn_controller.control.safety.sight import Sight
from lnn_controller.control.settings.control import ControlSettings
from lnn_controller.policy import PolicySpec

__all__ = ['SafetyChain', 'Sent']


class Sent(NamedTuple):
    """
    What came out of the chain.

    :param command: to publish, C numbers
    :param limited: which limits bit, in the order they were applied
    :param blocked: why the guard made it zeros: an obstacle, or a way that its sensor did not see; '' where it did not
    """

    command: list[float]
    limited: tuple[str, ...]
    blocked: Literal['', 'obstacle', 'way_unseen']


class _View(NamedTuple):
    """What the guard's sensor saw: as of :meth:`SafetyChain.send`."""

    points: NDArray[np.float64]
    sight: Sight | None
    moved_m: float


class _Verdict(NamedTuple):
    """
    The guard's judgement of a command.

    :param share: of the robot's range that its way leaves, 0 … 1
    :param stoppable: the factor that lets it come to rest in time, 0 … 1
    :param unseen: whether its way was not seen
    """

    share: float
    stoppable: float
    unseen: bool = False


class SafetyChain:
    """
    Obstacle guard → speed limits → acceleration limits → deadband → obstacle guard on what came out of that.

    The guard judges twice. A wanted command that leads to an obstacle is slowed as a whole. But with acceleration
    limits or a deadband, what is sent may lead elsewhere than what is wanted (the operator lets go, and the ramp still
    drives ahead): its speed may not pass the share of the robot's range that its own way leaves.

    What it leaves is a share of the robot's range, by the distances; and no more than the pace from which the robot
    comes to rest at the stop distance, by its reaction time and deceleration.

    A way that the guard's sensor did not see counts as blocked.

    ``ramp`` is the last command before its deadband, which accelerations count from. ``guard_scale`` is what the guard
    left of the last wanted command, ``ramp_scale`` what it left of that after the ramp; ``given_guard_scales`` takes
    the place of both judgements where a recording has them, and ``given_blocked`` of why they blocked it.

    :param spec: of the policy: its channels and their ranges
    :param settings: how to drive; may be replaced between two commands
    """

    def __init__(self, spec: PolicySpec, settings: ControlSettings) -> None:
        self._spec = spec
        self.settings = settings
        self.guard_scale = self.ramp_scale = 1.0
        self.given_guard_scales: tuple[float, float] | None = None
        self.given_blocked: Literal['obstacle', 'way_unseen'] = 'obstacle'
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
        ends = zip(self._wide_limits.minimum, self._wide_limits.maximum, strict=True)
        self._most = tuple(max(-low, high) for low, high in ends)

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

    def send(
        self,
        wanted: Sequence[float],
        points: NDArray[np.float64],
        dt_s: float,
        sight: Sight | None = None,
        moved_m: float = 0.0,
    ) -> Sent:
        """
        Take a wanted command to what is sent.

        :param wanted: within its range, (C,)
        :param points: obstacles in the robot's frame, m, (P, 2)
        :param dt_s: time since the last command, s, > 0
        :param sight: where the sensor of the obstacles measured; ``None``: that is not known
        :param moved_m: how far the robot has gone since the obstacles were measured: all are taken to be nearer by that
        :returns: what to publish
        """
        given = self.given_guard_scales
        view = _View(points, sight, moved_m)
        self.ramp_scale = 1.0
        if given and any(wanted):
            scale, unseen = given[0], False
        else:
            verdict = self._guard(wanted, view)
            scale, unseen = min(verdict.share, verdict.stoppable), verdict.unseen
        self.guard_scale = scale
        if scale == 0.0:
            return self._blocked(unseen=unseen)
        bitten: tuple[str, ...] = ()
        if scale < 1.0:
            wanted = [value * scale for value in wanted]
            bitten = ('obstacle_slow',)
        ramp, ramped = limit(wanted, self.ramp, dt_s, self._wide_limits)
        if given:
            self.ramp_scale = given[1]
            self.ramp = [value * self.ramp_scale for value in ramp]
            sent = apply_deadband(self.ramp, self._wide_limits)
        else:
            sent, unseen = self._slow_ramp(wanted, ramp, view)
        if self.ramp_scale == 0.0:
            return self._blocked(unseen=unseen)
        if self.ramp_scale < 1.0:
            bitten = ('obstacle_slow',)
        return Sent(sent, bitten + ramped, '')

    def _slow_ramp(self, judged: Sequence[float], ramp: Sequence[float], view: _View) -> tuple[list[float], bool]:
        """
        Slow what came out of the ramp until the guard agrees to what is sent; sets ramp and ramp_scale.

        :returns: what is sent, (C,); whether the way of what it slowed last was unseen
        """
        unseen = False
        while True:
            self.ramp = [value * self.ramp_scale for value in ramp]
            sent = apply_deadband(self.ramp, self._wide_limits)
            if sent == judged or not any(sent):
                return sent, unseen
            # A share of the robot's range, not of the ramp: that would be slowed anew at each tick.
            share, stoppable, unseen = self._guard(sent, view)
            pairs = zip(sent, self._most, strict=True)
            allowed = min((share * most / abs(value) for value, most in pairs if value), default=1.0)
            allowed = min(allowed, stoppable)
            if allowed > 1.0 - 1e-9:
                return sent, unseen
            # Again, for the slower command may have other channels within their deadband: it leads elsewhere.
            self.ramp_scale *= allowed

    def _blocked(self, *, unseen: bool) -> Sent:
        self.reset()  # past the ramp, as every stop
        blocked = self.given_blocked if self.given_guard_scales else 'way_unseen' if unseen else 'obstacle'
        return Sent([0.0] * len(self._spec.outputs), ('obstacle_stop',), blocked)

    def _guard(self, command: Sequence[float], view: _View) -> _Verdict:
        guard = self._settings.guard
        if guard is None or not any(command):
            return _Verdict(1.0, 1.0)
        by_channel = dict(zip(self._spec.channels, command, strict=True))
        velocity = tuple(by_channel.get(name, 0.0) for name in ('linear_x', 'linear_y', 'angular_z'))
        pace = guard.footprint.pace(velocity)
        if not pace:  # straight up or down: the robot stays where it is seen from above
            return _Verdict(1.0, 1.0)
        points, sight, moved_m = view
        reach_m = guard.reach_m(pace) + moved_m
        if sight is not None and not sight.covers(velocity, guard.footprint, reach_m, guard.min_valid):
            return _Verdict(0.0, 0.0, unseen=True)
        free_m = clearance(velocity, points, guard.footprint, reach_m) - moved_m
        return _Verdict(guard_scale(free_m, guard), min(guard.most_pace(free_m) / pace, 1.0))
