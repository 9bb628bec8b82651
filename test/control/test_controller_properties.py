"""Whatever happens, in whatever order: what the controller promises holds."""

import contextlib
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lnn_controller.control import AdaptationSettings, Controller, ControlSettings, Footprint, GuardSettings
from lnn_controller.control.sensors import FUTURE_TOLERANCE_S
from lnn_controller.errors import InputError

MS = 1_000_000
SETTINGS = ControlSettings(
    image_timeout_s=0.2,
    imu_timeout_s=0.15,
    maximum={'linear_x': 1.2},
    max_acceleration={'linear_x': 3.0, 'angular_z': 5.0},
    max_deceleration={'linear_x': 6.0},
    deadband={'angular_z': 0.05},
    override_timeout_s=0.12,
    adaptation=AdaptationSettings(mode='live', rate=10.0, bound=1.0),
)
GUARDED = replace(
    SETTINGS, guard=GuardSettings(Footprint(), slow_distance_m=1.0, stop_distance_m=0.2), scan_timeout_s=0.1
)


# Time between events: mostly ordinary, now and then none, backwards, or a leap.
gaps_ms = st.integers(0, 40) | st.sampled_from([-5000, -30, -1, 150, 250, 450, 501, 3000])
number = st.floats(-20, 20) | st.sampled_from([math.nan, math.inf, -math.inf, 1e9, 3e38, 1e300])
# Stamps of sensors against now: mostly now, now and then off.
off_ms = st.just(0) | st.sampled_from([-3000, -250, -50, 50, 101, 10_000])
images = st.tuples(st.just('image'), off_ms, st.integers(0, 3))
bad_images = st.tuples(st.just('bad_image'), off_ms, st.just(0))
imus = st.tuples(st.just('imu'), off_ms, st.tuples(*[number] * 6))
steps = st.tuples(st.just('step'), st.just(0), st.just(0))
others = st.tuples(st.sampled_from(['stop', 'reset']), st.just(0), st.just(0))
ordinary = st.tuples(st.just('all'), st.just(0), st.integers(0, 3))
overrides = st.tuples(st.just('override'), st.just(0), st.tuples(number, number))
emergencies = st.tuples(st.just('emergency'), st.just(0), st.sampled_from([True, False, False]))
near = st.floats(-2.0, 2.0)
scans = st.tuples(st.just('scan'), off_ms, st.lists(st.tuples(near, near), max_size=5))
sensors = images | bad_images | imus | scans
events = st.lists(
    st.tuples(gaps_ms, sensors | steps | ordinary | ordinary | ordinary | others | overrides | emergencies), max_size=60
)
FRAMES = np.random.default_rng(0).integers(0, 256, (4, 12, 16, 3), np.uint8)


class Told:
    """What the controller was told and took, as the promises need it."""

    def __init__(self):
        self.stamps = dict.fromkeys(('image', 'imu', 'scan', 'override'))
        self.emergency = False


def play(policy, sequence, settings=SETTINGS):
    """Play events into a controller; yields every decision with what had been told by then."""
    controller = Controller(policy, settings)
    now_ns, told = 10**10, Told()
    for gap_ms, (kind, offset_ms, value) in sequence:
        now_ns += gap_ms * MS
        stamp_ns = now_ns + offset_ms * MS
        if kind in ('image', 'all') and controller.on_image(stamp_ns, FRAMES[value], now_ns):
            told.stamps['image'] = stamp_ns
        if kind == 'bad_image':
            with contextlib.suppress(InputError):
                controller.on_image(stamp_ns, FRAMES[0, 0])
        if kind == 'imu' and controller.on_imu(stamp_ns, value[:3], value[3:], now_ns):
            told.stamps['imu'] = stamp_ns
        if kind == 'all' and controller.on_imu(stamp_ns, (0, 0, 0), (0, 0, 9.81)):
            told.stamps['imu'] = stamp_ns
        points = np.array(value if kind == 'scan' else [], float).reshape(-1, 2)
        if kind in ('scan', 'all') and controller.on_obstacles(stamp_ns, points, now_ns):
            told.stamps['scan'] = stamp_ns
        if kind == 'override' and controller.on_override(now_ns, value):
            told.stamps['override'] = now_ns
        if kind == 'emergency':
            controller.set_emergency_stop('button', value)
            told.emergency = value
        if kind == 'reset':
            controller.reset()
            yield 'reset', None, told
        if kind in ('step', 'all'):
            yield 'step', controller.step(now_ns), told
        if kind == 'stop':
            yield 'stop', controller.stop(now_ns, 'shutdown'), told


def fresh(stamp_ns, now_ns, timeout_s):
    return stamp_ns is not None and -FUTURE_TOLERANCE_S * 1e9 <= now_ns - stamp_ns <= timeout_s * 1e9


@given(which=st.integers(0, 2), sequence=events, given_settings=st.sampled_from([SETTINGS, GUARDED]))
def test_no_sequence_of_events_has_it_drive_by_what_is_stale(policies, which, sequence, given_settings):
    """So a stop comes within timeout + one period of a sensor's last message."""
    policy = policies[which]
    for kind, decision, told in play(policy, sequence, given_settings):
        if decision is None or decision.mode == 'stop':
            continue
        now_ns = decision.stamp_ns
        assert kind == 'step'
        assert not told.emergency
        if decision.mode == 'override':
            assert fresh(told.stamps['override'], now_ns, given_settings.override_timeout_s)
        else:
            assert which != 2, 'NaN never drives'
            assert fresh(told.stamps['image'], now_ns, given_settings.image_timeout_s)
            assert policy.spec.imu is None or fresh(told.stamps['imu'], now_ns, given_settings.imu_timeout_s)
        assert given_settings.guard is None or fresh(told.stamps['scan'], now_ns, given_settings.scan_timeout_s)


@settings(max_examples=60)
@given(which=st.integers(0, 1), sequence=events)
def test_the_same_events_give_the_same_bits(policies, which, sequence):
    def bits():
        return [
            None if decision is None else (decision.command.tobytes(), decision.reason, decision.neurons.tobytes())
            for _, decision, _ in play(policies[which], sequence, GUARDED)
        ]

    assert bits() == bits()


@settings(max_examples=60)
@given(which=st.integers(0, 1), sequence=events)
@pytest.mark.slow
def test_after_anything_a_second_of_good_sensors_drives_again(policies, which, sequence):
    ticks = [(20, ('all', 0, tick % 4)) for tick in range(50)]
    *_, (_, last, _) = play(policies[which], [*sequence, (0, ('emergency', 0, False)), *ticks], GUARDED)
    assert last.mode == 'policy'
