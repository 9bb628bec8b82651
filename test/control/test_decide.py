"""Whatever a tick's inputs are: what a decision promises holds, and deciding changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from bundles import FEATURES
from hypothesis import given, settings
from hypothesis import strategies as st
from robot import BOX, MS

from lnn_controller.control import STOP_REASONS, Adaptation, ControlSettings, DriveState, TickInputs
from lnn_controller.control.decide import decide
from lnn_controller.control.safety.chain import GuardVerdict, Obstacles, SafetyChain
from lnn_controller.control.safety.sight import Sight
from lnn_controller.control.sensors import Reading

SETTINGS = ControlSettings(
    maximum={'linear_x': 1.2},
    max_acceleration={'linear_x': 3.0, 'angular_z': 5.0},
    max_deceleration={'linear_x': 6.0},
    deadband={'angular_z': 0.05},
    image_frozen_timeout_s=0.1,
)
EVERY = [replace(SETTINGS, guard=guard, resume_after_s=held_s) for guard in (None, BOX) for held_s in (0.0, 0.2)]
BLIND = Sight((0.0, 0.0), np.radians(np.arange(-180, 180)), np.zeros(360), np.radians(1))
NOTHING = np.zeros((0, 2))


number = st.floats(-20, 20)
near = st.floats(-2.0, 2.0)
ages_ms = st.just(0) | st.just(0) | st.none() | st.sampled_from([-150, -50, 100, 199, 200, 201, 5000])
views = (
    st.builds(lambda points: Obstacles(np.array(points, float).reshape(-1, 2)), st.lists(st.tuples(near, near)))
    | st.sampled_from([Obstacles(NOTHING), Obstacles(NOTHING, BLIND)])
    | st.builds(GuardVerdict, st.floats(0, 1), st.floats(0, 1), st.sampled_from(['obstacle', 'way_unseen']))
)
ticks = st.lists(
    st.fixed_dictionaries(
        {
            'gap_ms': st.just(20) | st.integers(-10, 40) | st.sampled_from([-5000, 0.3, 10, 13.333333, 450, 501, 3000]),
            'features': st.integers(0, 3),
            'image': ages_ms,
            'changes': st.booleans(),
            'imu_mean': st.lists(number, min_size=6, max_size=6),
            'imu': ages_ms,
            'scan': ages_ms,
            'operator': st.none() | st.none() | st.tuples(number, number),
            'emergency_stop': st.sampled_from([False] * 9 + [True]),
            'view': views,
            'stop': st.sampled_from([''] * 9 + ['tick_late', 'shutdown']),
        }
    ),
    max_size=40,
)


def inputs_of(tick, now_ns, changed_ns):
    """The inputs of a tick, with readings by their ages."""
    readings = {
        name: None if (age_ms := tick[name]) is None else Reading(now_ns - age_ms * MS, now_ns - age_ms * MS)
        for name in ('image', 'imu', 'scan')
    }
    if tick['changes'] and readings['image'] is not None:
        changed_ns = readings['image'].stamp_ns
    return TickInputs(
        stamp_ns=now_ns,
        features=np.random.default_rng(tick['features']).normal(size=FEATURES).astype(np.float32),
        image_changed_ns=changed_ns,
        imu_mean=np.array(tick['imu_mean'], np.float32),
        odometry=None,
        velocity=(0.0, 0.0, 0.0, 0.0),
        height_m=np.nan,
        encode_us=0.0,
        **readings,
        **{name: tick[name] for name in ('operator', 'emergency_stop', 'view', 'stop')},
    )


def fold(policy, given_settings, sequence):
    """Decide one tick after the other; yields each decision and what it left."""
    chain, zeros = SafetyChain(policy.spec, given_settings), (0.0, 0.0)
    adaptation = Adaptation(policy.spec, given_settings.adaptation)
    state, now_ns, changed_ns = DriveState(policy.initial_state(), zeros, zeros), 10**10, 0
    for tick in sequence:
        now_ns += round(tick['gap_ms'] * MS)
        inputs = inputs_of(tick, now_ns, changed_ns)
        changed_ns = inputs.image_changed_ns
        decision, after = decide(policy, chain, adaptation, inputs, state)
        again, _ = decide(policy, chain, adaptation, inputs, state)
        assert decision.state is state
        for name in ('command', 'neurons'):
            assert getattr(decision, name).tobytes() == getattr(again, name).tobytes(), 'the same again: no memory'
        assert (decision.reason, decision.limited, decision.verdict) == (again.reason, again.limited, again.verdict)
        yield decision, after
        state = after


def fresh(reading, now_ns, timeout_s):
    return reading is not None and -100 * MS <= now_ns - reading.since_ns <= timeout_s * 1e9


@given(which=st.integers(0, 2), sequence=ticks, given_settings=st.sampled_from(EVERY))
@pytest.mark.slow
def test_no_inputs_break_a_promise(policies, which, sequence, given_settings):
    policy = policies[which]
    limits = given_settings.override_limits(policy.spec)
    for decision, after in fold(policy, given_settings, sequence):
        inputs, before, command = decision.inputs, decision.state, decision.command
        now_ns = inputs.stamp_ns
        assert np.isfinite(command).all()
        assert (command >= limits.minimum).all()
        assert (command <= limits.maximum).all()
        assert (decision.mode == 'stop') == bool(decision.reason)
        assert (after.previous_ns, after.sent, after.stopped_for) == (now_ns, tuple(command), decision.reason)
        if decision.mode == 'stop':
            assert decision.reason in (*STOP_REASONS, inputs.stop, before.stopped_for, 'tick_late')
            assert not command.any()
            assert not any(after.ramp)
            guarded = decision.reason in ('obstacle', 'way_unseen')
            assert guarded or not (decision.neurons.any() or after.hx.any())
            assert after.is_first_step != guarded
            continue
        assert not inputs.emergency_stop
        assert not inputs.stop
        assert before.previous_ns is None or 0 < now_ns - before.previous_ns <= given_settings.step_gap_s * 1e9
        assert (decision.mode == 'override') == (inputs.operator is not None)
        if decision.mode == 'policy':
            assert which != 2, 'NaN never drives'
            assert fresh(inputs.image, now_ns, given_settings.image_timeout_s)
            assert policy.spec.imu is None or fresh(inputs.imu, now_ns, given_settings.imu_timeout_s)
        if given_settings.guard is not None:
            assert fresh(inputs.scan, now_ns, given_settings.scan_timeout_s)
            assert not (isinstance(inputs.view, Obstacles) and inputs.view.sight and command.any())
        nominal_s = given_settings.nominal_dt_s
        assert decision.dt_s == (nominal_s if before.is_first_step else (now_ns - before.previous_ns) / 1e9)
        # The deadband may hide a step, never make a larger one than the ramp and itself; the guard may slow at once.
        most = np.maximum(limits.max_acceleration, limits.max_deceleration) * decision.dt_s + limits.deadband
        slowed = 'obstacle_slow' in decision.limited and (np.abs(command) <= np.abs(before.sent))
        assert (slowed | (np.abs(command - before.sent) <= most + 1e-9)).all()
        assert np.isfinite(decision.neurons).all()
        assert np.isfinite(after.hx).all()


@settings(max_examples=60)
@given(which=st.integers(0, 1), sequence=ticks, given_settings=st.sampled_from(EVERY))
@pytest.mark.slow
def test_after_any_inputs_a_second_of_good_ones_drives(policies, which, sequence, given_settings):
    good = {'gap_ms': 20, 'image': 0, 'changes': True, 'imu': 0, 'scan': 0, 'operator': None, 'emergency_stop': False}
    good |= {'features': 0, 'imu_mean': [0, 0, 0, 0, 0, 9.81], 'view': Obstacles(NOTHING), 'stop': ''}
    *_, (last, _) = fold(policies[which], given_settings, [*sequence, *[good] * 50])
    assert last.mode == 'policy'
