"""From what the network or the operator wants to what the robot is sent: the safety chain."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.safety.guard import clearance, guard_scale
from lnn_controller.control.safety.height import Height, limit_climb
from lnn_controller.control.safety.limits import apply_deadband, limit, limit_speed
from lnn_controller.control.safety.sight import Sight
from lnn_controller.control.settings.control import ControlSettings
from lnn_controller.policy import PolicySpec

__all__ = ['GuardVerdict', 'Obstacles', 'SafetyChain', 'Sent']

Blocked = Literal['', 'obstacle', 'way_unseen']


class Obstacles(NamedTuple):
    """
    What the guard's sensor saw last.

    :param points: obstacles in the robot's frame, x ahead, y left, m, (P, 2)
    :param sight: where the sensor measured; ``None``: that is not known, and a way without points is free
    """

    points: NDArray[np.float64]
    sight: Sight | None = None


class GuardVerdict(NamedTuple):
    """
    What the guard made of a command; it takes the place of :class:`Obstacles` where a recording has it.

    :param scale: what it left of the wanted command, 0 … 1
    :param ramp_scale: what it left of that after the ramp, 0 … 1
    :param blocked: why it made it zeros: an obstacle, or a way that its sensor did not see; '' where it did not
    """

    scale: float = 1.0
    ramp_scale: float = 1.0
    blocked: Blocked = ''


class Sent(NamedTuple):
    """
    What came out of the chain.

    :param command: to publish, C numbers
    :param ramp: the same before its deadband, which the next command's accelerations count from, (C,)
    :param limited: the active limits, in the order they were applied
    :param verdict: the guard's
    """

    command: list[float]
    ramp: tuple[float, ...]
    limited: tuple[str, ...]
    verdict: GuardVerdict


class _Judgement(NamedTuple):
    """The share of the robot's range that a command's way leaves, the factor that lets it stop, whether it was seen."""

    share: float
    stoppable: float
    unseen: bool = False

    @property
    def blocked(self) -> Blocked:
        return 'way_unseen' if self.unseen else 'obstacle'


class SafetyChain:
    """
    Obstacle guard → speed limits → acceleration limits → deadband → obstacle guard on what came out of that → floor and
    ceiling, on that too, and the deadband again.

    The guard judges twice. A wanted command that leads to an obstacle is slowed as a whole. But with acceleration
    limits or a deadband, what is sent may lead elsewhere than what is wanted (the operator lets go, and the ramp still
    drives ahead): its speed may not pass the share of the robot's range that its own way leaves.

    What it leaves is a share of the robot's range, by the distances; and no more than the pace from which the robot
    comes to rest at the stop distance, by its reaction time and deceleration.

    A way that the guard's sensor did not see counts as blocked.

    It has no memory: what a command leaves for the next comes out with it, and goes in again.

    :param spec: of the policy: its channels and their ranges
    :param settings: how to drive
    :param step_gap_s: the time since the last tick beyond which the clock is held to have jumped, s, where
        that tick was of other settings; ``None``: these settings'
    """

    def __init__(self, spec: PolicySpec, settings: ControlSettings, step_gap_s: float | None = None) -> None:
        self.spec, self.settings = spec, settings
        self.step_gap_s = settings.step_gap_s if step_gap_s is None else step_gap_s
        self._limits = settings.limits(spec)
        self._wide_limits = settings.override_limits(spec)
        ends = zip(self._wide_limits.minimum, self._wide_limits.maximum, strict=True)
        self._most = tuple(max(-low, high) for low, high in ends)
        self._climb = spec.channels.index('linear_z') if 'linear_z' in spec.channels else None
        #: floor and ceiling; ``None``: there are none, or the robot does not fly
        self.height = None if self._climb is None else settings.height

    def hold(self, command: Sequence[float], *, operator: bool) -> tuple[list[float], tuple[str, ...]]:
        """
        Hold a wanted command within the range of who wants it: the operator may also drive backwards.

        :param command: finite, (C,)
        :param operator: whether the operator wants it
        :returns: the command, (C,); the active limits
        """
        return limit_speed(command, self._wide_limits if operator else self._limits)

    def pace(self, command: Sequence[float]) -> float:
        """
        Return how fast a command goes along its way.

        :param command: (C,)
        :returns: pace, m/s, as :meth:`Footprint.pace` returns it; 0 without a guard
        """
        guard = self.settings.guard
        return 0.0 if guard is None else guard.footprint.pace(self._velocity(command))

    def climb(self, command: Sequence[float]) -> float:
        """
        Return how fast a command leads up.

        :param command: (C,)
        :returns: m/s; 0 of a robot that does not fly
        """
        return 0.0 if self._climb is None else command[self._climb]

    def send(
        self,
        wanted: Sequence[float],
        ramp: Sequence[float],
        dt_s: float,
        view: Obstacles | GuardVerdict,
        moved_m: float = 0.0,
        height: Height | None = None,
    ) -> Sent:
        """
        Take a wanted command to what is sent.

        :param wanted: within its range, (C,)
        :param ramp: of the last command, (C,); zeros at standstill
        :param dt_s: time since the last command, s, > 0
        :param view: the obstacles, or what the guard made of them
        :param moved_m: how far the robot has gone since the obstacles were measured: all are taken to be nearer by that
        :param height: where it is, up and down, with floor and ceiling in the settings; ``None``: that is not known
        :returns: what to publish
        """
        limited: tuple[str, ...] = ()
        scale = 1.0
        if any(wanted):
            if isinstance(view, GuardVerdict):
                scale, blocked = view.scale, view.blocked
            else:
                judged = self._judge(wanted, view, moved_m)
                scale, blocked = min(judged.share, judged.stoppable), judged.blocked
            if scale == 0.0:
                return self._stop(GuardVerdict(0.0, 1.0, blocked))
            if scale < 1.0:
                wanted = [value * scale for value in wanted]
                limited = ('obstacle_slow',)
        ramped, active_limits = limit(wanted, ramp, dt_s, self._wide_limits)
        if isinstance(view, GuardVerdict):
            ramp_scale, blocked = view.ramp_scale, view.blocked
        else:
            ramp_scale, blocked = self._slow_ramp(wanted, ramped, view, moved_m)
        if ramp_scale == 0.0:
            return self._stop(GuardVerdict(scale, 0.0, blocked))
        if ramp_scale < 1.0:
            ramped = [value * ramp_scale for value in ramped]
            limited = ('obstacle_slow',)
        if self.height is not None and self._climb is not None:
            climb, at_limit = limit_climb(ramped[self._climb], height or Height(math.nan), self.height)
            if at_limit:
                ramped[self._climb] = climb
                active_limits += at_limit
        sent = apply_deadband(ramped, self._wide_limits)
        return Sent(sent, tuple(ramped), limited + active_limits, GuardVerdict(scale, ramp_scale))

    def _slow_ramp(
        self, judged: Sequence[float], ramp: Sequence[float], view: Obstacles, moved_m: float
    ) -> tuple[float, Blocked]:
        """Find what is left of what came out of the ramp when the guard agrees to what is sent of it, 0 … 1."""
        scale = 1.0
        blocked: Blocked = ''
        while True:
            sent = apply_deadband([value * scale for value in ramp], self._wide_limits)
            if sent == judged or not any(sent):
                return scale, blocked
            # A share of the robot's range, not of the ramp: that would be slowed anew at each tick.
            way = self._judge(sent, view, moved_m)
            pairs = zip(sent, self._most, strict=True)
            allowed = min((way.share * most / abs(value) for value, most in pairs if value), default=1.0)
            allowed = min(allowed, way.stoppable)
            if allowed > 1.0 - 1e-9:
                return scale, ''
            # Again, for the slower command may have other channels within their deadband: it leads elsewhere.
            scale, blocked = scale * allowed, way.blocked

    def _stop(self, verdict: GuardVerdict) -> Sent:
        """Zeros past the ramp, as every stop."""
        zeros = [0.0] * len(self.spec.outputs)
        return Sent(zeros, tuple(zeros), ('obstacle_stop',), verdict)

    def _judge(self, command: Sequence[float], view: Obstacles, moved_m: float) -> _Judgement:
        guard = self.settings.guard
        if guard is None:
            return _Judgement(1.0, 1.0)
        velocity = self._velocity(command)
        pace = guard.footprint.pace(velocity)
        if not pace:  # straight up or down: the robot stays where it is seen from above
            return _Judgement(1.0, 1.0)
        reach_m = guard.reach_m(pace) + moved_m
        if view.sight is not None and not view.sight.covers(velocity, guard.footprint, reach_m, guard.min_valid):
            return _Judgement(0.0, 0.0, unseen=True)
        free_m = clearance(velocity, view.points, guard.footprint, reach_m) - moved_m
        return _Judgement(guard_scale(free_m, guard), min(guard.most_pace(free_m) / pace, 1.0))

    def _velocity(self, command: Sequence[float]) -> tuple[float, ...]:
        by_channel = dict(zip(self.spec.channels, command, strict=True))
        return tuple(by_channel.get(name, 0.0) for name in ('linear_x', 'linear_y', 'angular_z'))
