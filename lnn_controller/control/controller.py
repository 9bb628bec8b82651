"""The controller: stamped events in, one decision per tick out. It knows no ROS, no clock of its own and no log."""

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.adaptation.adaptation import Adaptation
from lnn_controller.control.decision import FLICKERING, GUARD_STOPS, NETWORK_STOPS, Decision, DriveState, Hold, Used
from lnn_controller.control.inputs import Inputs
from lnn_controller.control.safety.chain import SafetyChain
from lnn_controller.control.safety.limits import all_finite
from lnn_controller.control.safety.travel import Travel
from lnn_controller.control.settings.control import ControlSettings
from lnn_controller.policy import Policy, PolicyStep

__all__ = ['Controller']


class Controller(Inputs):
    """
    Drive by a policy: the encoder per frame, the liquid core per tick with the real Δt, then the safety chain.

    The same stamped events give the same decisions, bit for bit, on a robot, from a bag or in a simulation; only
    ``encode_us`` and ``step_us`` are measured. All stamps are of one clock, the caller's. Call it from one thread at
    a time; :meth:`encode` alone may run beside everything else.

    ``counters`` holds how often things happened: ticks of each kind, frames, IMU samples, scans and overrides taken
    and refused by cause, ``limit_<which>`` ticks, ``dt_outside_training`` (the network was given the nearest Δt it
    knows), and ``stop_<reason>``: once for each stretch of ticks that were stopped for that reason.

    ``adaptation`` is what it learns while it drives; it outlives stops and resets.

    :param policy: the policy
    :param settings: how to drive; default: :class:`ControlSettings`'s defaults
    """

    def __init__(self, policy: Policy, settings: ControlSettings | None = None) -> None:
        settings = settings or ControlSettings()
        self._safety = SafetyChain(policy.spec, settings)
        self.adaptation = Adaptation(policy.spec, settings.adaptation)
        super().__init__(policy, settings)
        self.resets = 0
        self._zeros = _frozen(np.zeros(len(policy.spec.outputs)))
        self._no_neurons = _frozen(np.zeros(policy.spec.network.units, np.float32))
        self._hold: Hold | None = None
        self._network_hold: Hold | None = None
        self._travel = Travel()
        self._begin()

    @property
    def settings(self) -> ControlSettings:
        """How it drives; may be replaced between two ticks and holds from the next one on."""
        return self._safety.settings

    @settings.setter
    def settings(self, settings: ControlSettings) -> None:
        self._safety.settings = settings
        self.adaptation.settings = settings.adaptation

    @property
    def state(self) -> DriveState:
        """What it carries from tick to tick; may be set, to go on where another controller was."""
        return DriveState(
            hx=self._hx,
            ramp=tuple(self._safety.ramp),
            previous_ns=self._previous_ns,
            begins=self._begins,
            running=self._running,
            returning=self._override.returning,
            stopped_for=self._stopped_for,
            hold=self._hold,
            network_hold=self._network_hold,
        )

    @state.setter
    def state(self, state: DriveState) -> None:
        self._hx, self._safety.ramp = state.hx, list(state.ramp)
        self._previous_ns, self._begins, self._running = state.previous_ns, state.begins, state.running
        self._override.returning = state.returning
        self._stopped_for, self._hold, self._network_hold = state.stopped_for, state.hold, state.network_hold

    def step(self, now_ns: int) -> Decision:
        """
        Decide: the watchdogs first, then the network, then the safety chain.

        :param now_ns: now, by the clock of the stamps, ns
        :returns: the decision; never a command that is not finite or outside the limits, and always zeros where
            a sensor that is needed is stale, the clock jumped, the network's output is not finite, or the emergency
            stop is engaged
        """
        self.counters['ticks'] += 1
        settings, state = self.settings, self.state
        imu = self._imu.take()
        blind = self._blind(now_ns, moving=self._safety.moving)
        unguarded = self._unguarded(now_ns)
        reason = self._barred(now_ns) or unguarded
        self._note_causes(now_ns, blind, unguarded, reason)
        if reason:
            return self._stop(now_ns, reason, state, imu)
        operator = self._override.take(now_ns, settings.override_timeout_s)
        if blind and operator is None:
            return self._stop(now_ns, blind, state, imu)
        held, network_held = (
            each.cause if each is not None and now_ns < each.until_ns else ''
            for each in (self._hold, self._network_hold)
        )
        if held and held not in GUARD_STOPS:
            return self._stop(now_ns, held, state, imu)
        if network_held and operator is None:
            return self._stop(now_ns, network_held, state, imu)
        dt_s = settings.nominal_dt_s
        if self._previous_ns is not None and not self._begins:
            dt_s = (now_ns - self._previous_ns) / 1e9
        made, step_us = (None, 0.0) if blind else self._run(imu, dt_s if self._running else settings.nominal_dt_s)
        if made is None and not blind:
            self._note_causes(now_ns, 'not_finite')
        if made is None and operator is None:
            return self._stop(now_ns, 'not_finite', state, imu, step_us=step_us)
        # The network runs on while the operator drives, so that it knows where it is when it takes over.
        self._running = made is not None
        self._hx = self.policy.initial_state() if made is None else made.hx
        if not self._begins:
            self._learn(now_ns, dt_s, imu, made, operator)
        command, limited, stopped = self._chain(now_ns, made, operator, dt_s)
        if stopped:
            self._note_causes(now_ns, stopped)
        elif held:
            self._safety.reset()
            command, limited, stopped = self._zeros, ('obstacle_stop',), held
        self._note_travel(now_ns, command)
        self._previous_ns, self._begins, self._sent = now_ns, False, command.tolist()
        mode: Literal['policy', 'override', 'stop'] = 'policy' if operator is None else 'override'
        if stopped:
            mode = 'stop'
            self._count_stop(stopped)
            self.adaptation.rest()
        else:
            self._stopped_for = ''
        self._count(mode, limited)
        return Decision(
            stamp_ns=now_ns,
            command=command,
            mode=mode,
            reason=stopped,
            dt_s=0.0 if stopped else dt_s,
            neurons=self._no_neurons if made is None else made.basis,
            time_constants=None if made is None else made.time_constants,
            image_age_s=self._sensors['image'].age_s(now_ns),
            limited=limited,
            encode_us=self._taken_encode_us(),
            step_us=step_us,
            used=self._used(state, imu, operator),
        )

    def stop(self, now_ns: int, reason: str) -> Decision:
        """
        Stop for a reason of the caller's: zeros at once, hidden state reset. The next :meth:`step` may drive again.

        :param now_ns: now, ns
        :param reason: one word, such as 'shutdown'
        :returns: the decision
        :raises ValueError: if the reason is empty
        """
        if not reason:
            raise ValueError('a stop needs a reason. Got an empty one')
        self.counters['ticks'] += 1
        state = self.state
        blind, unguarded = self._blind(now_ns, moving=self._safety.moving), self._unguarded(now_ns)
        self._note_causes(now_ns, blind, unguarded, reason)
        return self._stop(now_ns, reason, state, self._imu.take())

    def give_guard_scales(self, wanted: float, ramp: float, reason: str) -> None:
        """
        Take the guard's verdict as given, as where a recording is replayed that has it; sensors are watched as ever.

        :param wanted: what it leaves of the wanted command, 0 … 1
        :param ramp: what it leaves of that after the ramp, 0 … 1
        :param reason: why the tick stopped; empty where it did not
        """
        self._safety.given_guard_scales = wanted, ramp
        self._safety.given_blocked = 'way_unseen' if reason == 'way_unseen' else 'obstacle'

    def reset(self) -> None:
        """
        Begin a new drive: hidden state and last command zero, no previous step.

        What the sensors said last stays; the watchdogs judge it by its age. The emergency stop stays. Counters go on.
        """
        self.resets += 1
        self._begin()

    def _begin(self) -> None:
        self._hx = self.policy.initial_state()
        self._safety.reset()
        self._sent = self._zeros.tolist()
        self._previous_ns = None
        self._begins, self._running = True, False
        self._stopped_for, self._hold, self._network_hold = '', None, None
        self._override.forget_return()
        self.adaptation.rest()

    def _run(self, imu: NDArray[np.float32], dt_s: float) -> tuple[PolicyStep | None, float]:
        """Run the liquid core; ``None`` where what it gave is not finite."""
        spec = self.policy.spec
        scaled_s = dt_s * self.settings.time_scale
        network_dt_s = min(max(scaled_s, spec.dt_min_s), spec.dt_max_s)
        if network_dt_s != scaled_s:
            self.counters['dt_outside_training'] += 1
        started = perf_counter_ns()
        made = self.policy.step(self._features, imu if spec.imu else None, self._hx, network_dt_s)
        step_us = (perf_counter_ns() - started) / 1e3
        # A hidden state that is not finite would spoil every later command, a basis what is learnt: they count as well.
        finite = all(all_finite(each.tolist()) for each in (made.command, made.hx, made.basis))
        return made if finite else None, step_us

    def _learn(
        self,
        now_ns: int,
        dt_s: float,
        imu: NDArray[np.float32],
        made: PolicyStep | None,
        operator: Sequence[float] | None,
    ) -> None:
        """Learn from what followed the last command, and from what the operator says now."""
        scale = self.settings.speed_scale
        if self.settings.adaptation.mode == 'frozen':
            return
        # What the network shall say is said before the scale; and a robot that stands before an obstacle shows nothing.
        shown = None if operator is None or not scale or self._stopped_for else [value / scale for value in operator]
        self.adaptation.learn(
            dt_s,
            measured=self._measured(now_ns, imu),
            sent=self._sent,
            basis=None if made is None else made.basis,
            command=() if made is None else made.command.tolist(),
            operator=shown,
        )

    def _chain(
        self, now_ns: int, made: PolicyStep | None, operator: list[float] | None, dt_s: float
    ) -> tuple[NDArray[np.float64], tuple[str, ...], str]:
        """Take the command from the network or the operator to what is published; and why the guard stops it."""
        if operator is not None:
            wanted, bitten = self._safety.hold(operator, operator=True)
            self._override.held(wanted)
        else:
            assert made is not None
            adapted = self.adaptation.wanted(made.basis, made.command)
            scaled = [value * self.settings.speed_scale for value in adapted]
            wanted, bitten = self._safety.hold(self.adaptation.sent(scaled), operator=False)
            wanted = self._override.blend(wanted, now_ns, self.settings.override_return_s)
        # Where an obstacle stops it, the network runs on, so that it can steer away.
        seen_ns = self._sensors['scan'].since_ns
        moved_m, guard = 0.0, self.settings.guard
        if guard is not None and seen_ns is not None:
            # What was commanded within the reaction time before the reading, the robot does after it.
            moved_m = self._travel.since(seen_ns - round(guard.reaction_s * 1e9), now_ns)
        sent = self._safety.send(wanted, self._points, dt_s, self._sight, moved_m)
        if sent.blocked:
            return self._zeros, sent.limited, sent.blocked
        return _frozen(np.array(sent.command)), bitten + sent.limited, ''

    def _stop(
        self,
        now_ns: int,
        reason: str,
        state: DriveState,
        imu: NDArray[np.float32],
        *,
        step_us: float = 0.0,
    ) -> Decision:
        self._count_stop(reason)
        self._count('stop', ())
        hold, network_hold = self._hold, self._network_hold
        self._begin()
        self._previous_ns, self._stopped_for = now_ns, reason
        self._hold, self._network_hold = hold, network_hold
        if reason == 'clock_jump':
            self._travel.forget()
        self._note_travel(now_ns, self._zeros)
        return Decision(
            stamp_ns=now_ns,
            command=self._zeros,
            mode='stop',
            reason=reason,
            dt_s=0.0,
            neurons=self._no_neurons,
            time_constants=None,
            image_age_s=self._sensors['image'].age_s(now_ns),
            limited=(),
            encode_us=self._taken_encode_us(),
            step_us=step_us,
            used=self._used(state, imu, None),
        )

    def _used(self, state: DriveState, imu: NDArray[np.float32], operator: Sequence[float] | None) -> Used:
        stamps = {name: sensor.since_ns for name, sensor in self._sensors.items()}
        return Used(
            state=state,
            image_stamp_ns=self._sensors['image'].stamp_ns,
            image_since_ns=stamps['image'],
            imu_stamp_ns=stamps['imu'],
            imu=imu,
            scan_stamp_ns=stamps['scan'],
            odometry_stamp_ns=stamps['odometry'],
            speed_m_s=self._speed_m_s,
            operator=None if operator is None else tuple(operator),
            emergency_stop=bool(self._emergency),
            guard_scale=self._safety.guard_scale,
            ramp_scale=self._safety.ramp_scale,
            resets=self.resets,
        )

    def _note_travel(self, now_ns: int, command: NDArray[np.float64]) -> None:
        guard = self.settings.guard
        if guard is not None:
            sent = dict(zip(self.policy.spec.channels, command.tolist(), strict=True))
            velocity = [sent.get(name, 0.0) for name in ('linear_x', 'linear_y', 'angular_z')]
            keep_s = self.settings.scan_timeout_s + guard.reaction_s
            self._travel.note(now_ns, guard.footprint.pace(velocity), keep_s)

    def _note_causes(self, now_ns: int, *causes: str) -> None:
        """
        Have each cause that is there now hold the robot for a while after it, if it is of those that flicker.

        Whatever else stops the robot meanwhile, or drives it, takes nothing off that. Of two that hold whoever drives,
        the last holds the longest.
        """
        if self._previous_ns is not None and now_ns < self._previous_ns:
            self._hold = self._network_hold = None  # by a clock that was set back since, they would last too long
        after_ns = round(self.settings.resume_after_s * 1e9)
        for cause in causes:
            hold = Hold(cause, now_ns + after_ns) if after_ns else None
            if cause in NETWORK_STOPS:
                self._network_hold = hold
            elif cause in FLICKERING:
                self._hold = hold

    def _count_stop(self, reason: str) -> None:
        if reason != self._stopped_for:
            self.counters[f'stop_{reason}'] += 1
        self._stopped_for = reason

    def _count(self, mode: str, limited: Sequence[str]) -> None:
        counters = self.counters
        counters['stopped_ticks'] += mode == 'stop'
        counters['override_ticks'] += mode == 'override'
        counters['limited_ticks'] += bool(limited)
        for which in limited:
            counters[f'limit_{which}'] += 1


def _frozen(array: NDArray) -> NDArray:
    array.flags.writeable = False
    return array
