"""One tick as a function of its inputs: what watches first, then the network, then the safety chain."""

from collections.abc import Sequence
from math import isnan
from time import perf_counter_ns
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.adaptation.adaptation import Adaptation
from lnn_controller.control.decision import (
    FLICKERING,
    GUARD_STOPS,
    NETWORK_STOPS,
    Decision,
    DriveState,
    Hold,
    TickInputs,
)
from lnn_controller.control.safety.chain import GuardVerdict, SafetyChain
from lnn_controller.control.safety.height import Height
from lnn_controller.control.safety.limits import all_finite
from lnn_controller.control.safety.override import Returning, blend
from lnn_controller.control.safety.travel import Paces, add_pace, distance_since
from lnn_controller.control.sensors import Reading, StillImage, judge
from lnn_controller.control.settings.control import ControlSettings
from lnn_controller.policy import Policy, PolicyStep

__all__ = ['decide']

Scalar = TypeVar('Scalar', bound='np.generic[Any]')
_Holds = tuple[Hold | None, Hold | None]  # whoever drives, and while the network does


class _Watched(NamedTuple):
    """
    What is known before anything runs.

    :param reason: why the robot stops; empty where somebody may drive
    :param fault: why the network cannot drive, though the operator may; empty where it can
    :param blocked: by which of :data:`GUARD_STOPS` the robot is still held, though the network runs; empty: by none
    :param still_image: whether the camera is frozen
    :param holds: what holds the robot from here
    """

    reason: str
    fault: str
    blocked: str
    still_image: StillImage
    holds: _Holds


class _Run(NamedTuple):
    """The network at a tick: ``made`` is ``None`` where it did not run, or its outputs are not finite."""

    made: PolicyStep | None = None
    step_us: float = 0.0
    dt_outside_training: bool = False


_NOT_RUN = _Run()


class _Wanted(NamedTuple):
    """What the operator or the policy wants, within its range; and where the passage between them goes on from."""

    command: Sequence[float]
    limited: tuple[str, ...]
    returning: Returning | None


def decide(
    policy: Policy, chain: SafetyChain, adaptation: Adaptation, inputs: TickInputs, state: DriveState
) -> tuple[Decision, DriveState]:
    """
    Decide one tick. The same arguments give the same decision to the bit; only ``step_us`` is measured.

    Nothing is changed but what ``adaptation`` has learnt, and that only where its mode is not 'frozen'.

    :param policy: the policy
    :param chain: how to drive, and what may happen to a command
    :param adaptation: what is learnt on top of the policy
    :param inputs: what the tick is computed from
    :param state: what the last tick left
    :returns: the decision; never a command that is not finite or outside the limits, and always zeros where a sensor
        that is needed is stale, the clock jumped, the network's output is not finite, or the emergency stop is
        engaged; and what it leaves for the next tick
    """
    settings = chain.settings
    watched = _watch(policy, chain, inputs, state)
    if watched.reason:
        return _stop(policy, chain, inputs, state, watched)
    dt_s = settings.nominal_dt_s
    if state.previous_ns is not None and not state.is_first_step:
        dt_s = (inputs.stamp_ns - state.previous_ns) / 1e9
    # The network runs on while the operator drives, so that it knows where it is when it takes over.
    run = _NOT_RUN if watched.fault else _run(policy, settings, inputs, state, dt_s)
    if run.made is None and not watched.fault:
        watched = watched._replace(holds=_hold(settings, inputs.stamp_ns, watched.holds, 'not_finite'))
        if inputs.operator is None:
            return _stop(policy, chain, inputs, state, watched._replace(reason='not_finite'), run)
    if not state.is_first_step and settings.adaptation.mode != 'frozen':
        _learn(adaptation, settings, inputs, state, dt_s, run.made)
    wanted = _want(chain, adaptation, inputs, state, run.made)
    return _send(policy, chain, inputs, state, watched, run, dt_s, wanted)


def _watch(policy: Policy, chain: SafetyChain, inputs: TickInputs, state: DriveState) -> _Watched:
    """Judge clock, sensors and stops: first what stops everybody, then what stops the network alone."""
    settings, now_ns, operated = chain.settings, inputs.stamp_ns, inputs.operator is not None
    still_image = state.still_image.update(
        now_ns,
        inputs.image_changed_ns,
        settings.image_frozen_timeout_s,
        repeated=inputs.image is not None and inputs.image.stamp_ns != inputs.image_changed_ns,
        moving=state.moving,
    )
    fault = _sensor_fault(policy, settings, inputs, frozen=still_image.frozen)
    unguarded = '' if settings.guard is None else _fault('scan', inputs.scan, now_ns, settings.scan_timeout_s)
    unlimited = '' if chain.height is None else _fault('height', inputs.odometry, now_ns, chain.height.timeout_s)
    reason = inputs.stop or _stop_reason(chain, inputs, state) or unguarded or unlimited
    holds = state.hold, state.network_hold
    if state.previous_ns is not None and now_ns < state.previous_ns:
        holds = None, None  # by a clock that was set back since, they would last too long
    holds = _hold(settings, now_ns, holds, fault, unguarded, unlimited, reason)
    held, network_held = (each.cause if each is not None and now_ns < each.until_ns else '' for each in holds)
    blocked = held if held in GUARD_STOPS else ''
    reason = reason or ('' if operated else fault) or ('' if blocked else held) or ('' if operated else network_held)
    return _Watched(reason, fault, blocked, still_image, holds)


def _stop_reason(chain: SafetyChain, inputs: TickInputs, state: DriveState) -> str:
    """Return why nobody may drive now, not even the operator, whatever the sensors see; empty where somebody may."""
    previous_ns = state.previous_ns
    if previous_ns is not None and not 0 < inputs.stamp_ns - previous_ns <= chain.step_gap_s * 1e9:
        return 'clock_jump'
    return 'emergency_stop' if inputs.emergency_stop else ''


def _sensor_fault(policy: Policy, settings: ControlSettings, inputs: TickInputs, *, frozen: bool) -> str:
    """Return why the network cannot drive now; empty where it can."""
    now_ns = inputs.stamp_ns
    fault = _fault('image', inputs.image, now_ns, settings.image_timeout_s) or ('image_frozen' if frozen else '')
    if fault or policy.spec.imu is None:
        return fault
    return _fault('imu', inputs.imu, now_ns, settings.imu_timeout_s)


def _fault(name: str, newest: Reading | None, now_ns: int, timeout_s: float) -> str:
    return {'': '', 'missing': f'no_{name}', 'stale': f'{name}_stale'}[judge(newest, now_ns, timeout_s)]


def _run(policy: Policy, settings: ControlSettings, inputs: TickInputs, state: DriveState, dt_s: float) -> _Run:
    """Run the liquid core."""
    spec = policy.spec
    scaled_s = (dt_s if state.network_ran else settings.nominal_dt_s) * settings.time_scale
    network_dt_s = min(max(scaled_s, spec.dt_min_s), spec.dt_max_s)
    started = perf_counter_ns()
    made = policy.step(inputs.features, inputs.imu_mean if spec.imu else None, state.hx, network_dt_s)
    step_us = (perf_counter_ns() - started) / 1e3
    # A hidden state that is not finite would spoil every later command, a basis what is learnt: they count as well.
    finite = all(all_finite(each.tolist()) for each in (made.command, made.hx, made.basis))
    return _Run(made if finite else None, step_us, network_dt_s != scaled_s)


def _learn(
    adaptation: Adaptation,
    settings: ControlSettings,
    inputs: TickInputs,
    state: DriveState,
    dt_s: float,
    made: PolicyStep | None,
) -> None:
    """Learn from what followed the last command, and from what the operator demonstrates now."""
    scale, now_ns, operator = settings.speed_scale, inputs.stamp_ns, inputs.operator
    measured = {}
    if judge(inputs.imu, now_ns, settings.imu_timeout_s) == '':
        measured['angular_z'] = float(inputs.imu_mean[2])
    if judge(inputs.odometry, now_ns, settings.odometry_timeout_s) == '':
        # What flies tilts, and its gyroscope's z axis with it: how fast its heading turns, the odometry knows better.
        names = ('linear_x', 'linear_y', 'linear_z', 'angular_z' if 'linear_z' in adaptation.actuators else '')
        measured |= {name: value for name, value in zip(names, inputs.velocity, strict=True) if not isnan(value)}
    # It is demonstrated before the scale; and a robot that stands before an obstacle demonstrates nothing.
    demonstrated = None if operator is None or not scale or state.stopped_for else [each / scale for each in operator]
    adaptation.learn(
        dt_s,
        measured=measured,
        sent=state.sent,
        basis=None if made is None else made.basis,
        command=() if made is None else made.command.tolist(),
        operator=demonstrated,
    )


def _want(
    chain: SafetyChain, adaptation: Adaptation, inputs: TickInputs, state: DriveState, made: PolicyStep | None
) -> _Wanted:
    """Ask the operator, else the policy: by what was learnt, and on the way back from the operator's last command."""
    settings, now_ns = chain.settings, inputs.stamp_ns
    if inputs.operator is not None:
        wanted, limited = chain.hold(inputs.operator, operator=True)
        return _Wanted(wanted, limited, (now_ns, tuple(wanted)))
    assert made is not None
    adapted = adaptation.correct(made.basis, made.command)
    scaled = [value * settings.speed_scale for value in adapted]
    wanted, limited = chain.hold(adaptation.invert(scaled), operator=False)
    wanted, returning = blend(wanted, state.returning, now_ns, settings.override_return_s)
    return _Wanted(wanted, limited, returning)


def _send(
    policy: Policy,
    chain: SafetyChain,
    inputs: TickInputs,
    state: DriveState,
    watched: _Watched,
    run: _Run,
    dt_s: float,
    wanted: _Wanted,
) -> tuple[Decision, DriveState]:
    """Send what is wanted through the chain; where an obstacle stops it, the network runs on, to steer away."""
    settings, now_ns, made = chain.settings, inputs.stamp_ns, run.made
    height = None if chain.height is None else _height(chain, inputs, state)
    moved_m = _moved_m(settings, inputs, state)
    sent = chain.send(wanted.command, state.ramp, dt_s, inputs.view, moved_m, height)
    command, ramp, limited = np.array(sent.command), sent.ramp, wanted.limited + sent.limited
    stopped = sent.verdict.blocked or watched.blocked
    if stopped:
        command[:], ramp, limited = 0.0, (0.0,) * len(ramp), ('obstacle_stop',)
    hold, network_hold = _hold(settings, now_ns, watched.holds, sent.verdict.blocked)
    decision = Decision(
        command=_frozen(command),
        mode='stop' if stopped else 'policy' if inputs.operator is None else 'override',
        reason=stopped,
        dt_s=0.0 if stopped else dt_s,
        dt_outside_training=run.dt_outside_training,
        neurons=_no_neurons(policy) if made is None else made.basis,
        time_constants=None if made is None else made.time_constants,
        limited=limited,
        step_us=run.step_us,
        verdict=sent.verdict,
        inputs=inputs,
        state=state,
    )
    return decision, DriveState(
        hx=policy.initial_state() if made is None else made.hx,
        ramp=ramp,
        sent=tuple(command.tolist()),
        previous_ns=now_ns,
        is_first_step=False,
        network_ran=made is not None,
        returning=wanted.returning,
        stopped_for=stopped,
        hold=hold,
        network_hold=network_hold,
        still_image=watched.still_image,
        paces=_paces(chain, state.paces, now_ns, command),
        resets=state.resets,
    )


def _stop(
    policy: Policy, chain: SafetyChain, inputs: TickInputs, state: DriveState, watched: _Watched, run: _Run = _NOT_RUN
) -> tuple[Decision, DriveState]:
    """Stop at once, past every ramp, and begin anew."""
    command, now_ns, reason = np.zeros(len(policy.spec.outputs)), inputs.stamp_ns, watched.reason
    decision = Decision(
        command=_frozen(command),
        mode='stop',
        reason=reason,
        dt_s=0.0,
        dt_outside_training=run.dt_outside_training,
        neurons=_no_neurons(policy),
        time_constants=None,
        limited=(),
        step_us=run.step_us,
        verdict=GuardVerdict(),
        inputs=inputs,
        state=state,
    )
    hold, network_hold = watched.holds
    return decision, state.begin()._replace(
        previous_ns=now_ns,
        stopped_for=reason,
        hold=hold,
        network_hold=network_hold,
        still_image=watched.still_image,
        paces=_paces(chain, () if reason == 'clock_jump' else state.paces, now_ns, command),
    )


def _hold(settings: ControlSettings, now_ns: int, holds: _Holds, *causes: str) -> _Holds:
    """
    Have each cause that is there now hold the robot for a while after it, if it is of those that flicker.

    Whatever else stops the robot meanwhile, or drives it, takes nothing off that. Of two that hold whoever drives, the
    last holds the longest.
    """
    hold, network_hold = holds
    for cause in filter(None, causes):
        after_ns = round(settings.resume_after_s * 1e9)
        new = Hold(cause, now_ns + after_ns) if after_ns else None
        if cause in NETWORK_STOPS:
            network_hold = new
        elif cause in FLICKERING:
            hold = new
    return hold, network_hold


def _moved_m(settings: ControlSettings, inputs: TickInputs, state: DriveState) -> float:
    """Return how far the robot has gone since the guard's sensor saw what it saw, m."""
    if settings.guard is None or inputs.scan is None:
        return 0.0
    # What was commanded within the reaction time before the reading, the robot does after it.
    since_ns = inputs.scan.since_ns - round(settings.guard.reaction_s * 1e9)
    return distance_since(state.paces, since_ns, inputs.stamp_ns)


def _height(chain: SafetyChain, inputs: TickInputs, state: DriveState) -> Height:
    """Return where the robot is, up and down: as measured, and gone on since as it then went, or was last sent."""
    assert inputs.odometry is not None
    age_s = (inputs.stamp_ns - inputs.odometry.since_ns) / 1e9
    climbs = chain.climb(state.ramp), inputs.velocity[2]
    return Height(inputs.height_m, max(0.0, *climbs) * age_s, -min(0.0, *climbs) * age_s)


def _paces(chain: SafetyChain, paces: Paces, now_ns: int, command: NDArray[np.float64]) -> Paces:
    """Add a command's pace, where there is a guard that asks how far the robot has gone."""
    guard = chain.settings.guard
    if guard is None:
        return paces
    return add_pace(paces, now_ns, chain.pace(command.tolist()), chain.settings.scan_timeout_s + guard.reaction_s)


def _no_neurons(policy: Policy) -> NDArray[np.float32]:
    return _frozen(np.zeros(policy.spec.network.units, np.float32))


def _frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array.flags.writeable = False
    return array
