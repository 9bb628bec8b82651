"""Whatever happens, in whatever order: what the controller promises holds."""

import contextlib
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from bundles import make_tiny_bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from lnn_controller.control import Controller, ControlSettings
from lnn_controller.control.controller import FUTURE_TOLERANCE_S
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy

MS = 1_000_000
SETTINGS = ControlSettings(
    image_timeout_s=0.2,
    imu_timeout_s=0.15,
    maximum={'linear_x': 1.2},
    max_acceleration={'linear_x': 3.0, 'angular_z': 5.0},
)


@pytest.fixture(scope='module')
def policies():
    """Policies that push against the limits: with IMU, without, and one whose output is NaN."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        yield (
            Policy.load(make_tiny_bundle(root / 'a', gain=5.0)),
            Policy.load(make_tiny_bundle(root / 'b', gain=50.0, imu=False)),
            Policy.load(make_tiny_bundle(root / 'c', not_finite='command')),
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
events = st.lists(
    st.tuples(gaps_ms, images | bad_images | imus | steps | steps | ordinary | ordinary | others), max_size=60
)
FRAMES = np.random.default_rng(0).integers(0, 256, (4, 12, 16, 3), np.uint8)


def play(policy, sequence):
    """Play events into a controller; yields every decision with what the sensors' newest accepted stamps were."""
    controller = Controller(policy, SETTINGS)
    now_ns, image_ns, imu_ns = 10**10, None, None
    for gap_ms, (kind, offset_ms, value) in sequence:
        now_ns += gap_ms * MS
        stamp_ns = now_ns + offset_ms * MS
        if kind in ('image', 'all') and controller.on_image(stamp_ns, FRAMES[value]):
            image_ns = stamp_ns
        if kind == 'bad_image':
            with contextlib.suppress(InputError):
                controller.on_image(stamp_ns, FRAMES[0, 0])
        if kind == 'imu' and controller.on_imu(stamp_ns, value[:3], value[3:]):
            imu_ns = stamp_ns
        if kind == 'all' and controller.on_imu(stamp_ns, (0, 0, 0), (0, 0, 9.81)):
            imu_ns = stamp_ns
        if kind == 'reset':
            controller.reset()
            yield 'reset', None, None, None
        if kind in ('step', 'all'):
            yield 'step', controller.step(now_ns), image_ns, imu_ns
        if kind == 'stop':
            yield 'stop', controller.stop(now_ns, 'shutdown'), image_ns, imu_ns


def fresh(stamp_ns, now_ns, timeout_s):
    return stamp_ns is not None and -FUTURE_TOLERANCE_S * 1e9 <= now_ns - stamp_ns <= timeout_s * 1e9


@settings(max_examples=300, deadline=None)
@given(which=st.integers(0, 2), sequence=events)
def test_no_sequence_of_events_breaks_a_promise(policies, which, sequence):
    policy = policies[which]
    limits = SETTINGS.limits(policy.spec)
    published, previous_ns = np.zeros(2), None
    for kind, decision, image_ns, imu_ns in play(policy, sequence):
        if kind == 'reset':
            published, previous_ns = np.zeros(2), None
            continue
        now_ns, command = decision.stamp_ns, decision.command
        assert np.isfinite(command).all()
        assert (command >= limits.minimum).all()
        assert (command <= limits.maximum).all()
        assert (decision.mode == 'stop') == bool(decision.reason)
        if decision.mode == 'stop':
            assert not command.any()
            assert not decision.neurons.any()
        else:
            assert kind == 'step'
            assert which != 2, 'NaN never drives'
            # Fresh sensors, or it would have stopped: so a stop comes within timeout + one period of a sensor's last.
            assert fresh(image_ns, now_ns, SETTINGS.image_timeout_s)
            assert policy.spec.imu is None or fresh(imu_ns, now_ns, SETTINGS.imu_timeout_s)
            assert previous_ns is None or 0 < now_ns - previous_ns <= SETTINGS.step_gap_s * 1e9
            most = np.array(limits.max_acceleration) * decision.dt_s
            assert (np.abs(command - published) <= most + 1e-9).all()
            assert np.isfinite(decision.neurons).all()
        published, previous_ns = command, now_ns


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 1), sequence=events)
def test_the_same_events_give_the_same_bits(policies, which, sequence):
    def bits():
        return [
            None if decision is None else (decision.command.tobytes(), decision.reason, decision.neurons.tobytes())
            for _, decision, _, _ in play(policies[which], sequence)
        ]

    assert bits() == bits()


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 1), sequence=events)
def test_after_anything_a_second_of_good_sensors_drives_again(policies, which, sequence):
    ticks = [(20, ('all', 0, tick % 4)) for tick in range(50)]
    *_, (_, last, _, _) = play(policies[which], [*sequence, *ticks])
    assert last.mode == 'policy'
