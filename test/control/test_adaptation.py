import json
import math
import os
import resource
from dataclasses import replace

import numpy as np
import pytest
from bundles import make_tiny_bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from lnn_controller.control import Adaptation, AdaptationSettings, Controller, ControlSettings
from lnn_controller.control.adaptation.actuator import MAX_GAIN, MIN_GAIN, ActuatorModel
from lnn_controller.control.adaptation.imitation import WEIGHT_ROOM, Imitation
from lnn_controller.control.adaptation.snapshots import read_snapshot, write_snapshot
from lnn_controller.control.attitude import heading_frame
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy

DT_S = 0.02
MS = 1_000_000
LEVEL = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
REACH = np.array([2.0, 1.5])
ON = AdaptationSettings(mode='live', bound=0.5, memory_s=30.0)


def states(count, neurons=6, seed=0):
    """Neurons' states that wander smoothly."""
    phase = np.random.default_rng(seed).uniform(0.0, 6.0, neurons)
    at_s = np.arange(count)[:, None] * DT_S
    return np.tanh(np.sin(at_s * (1.0 + np.arange(neurons)) + phase)).astype(np.float32)


def teach(imitation, basis, command, target):
    return sum(imitation.learn(*row, DT_S) for row in zip(basis, command, target, strict=True))


def lesson(count=500, seed=0):
    """A network that says little, and an operator who says something linear in its state."""
    basis = states(count, seed=seed)
    command = np.stack([0.5 + 0.1 * basis[:, 0], 0.2 * basis[:, 1]], axis=1).astype(np.float64)
    target = command + np.stack([0.2 * basis[:, 2] - 0.1, 0.3 * basis[:, 3] + 0.15], axis=1)
    return basis, command, target


def test_it_imitates_what_is_linear_in_the_state():
    imitation = Imitation(REACH, 6, ON)
    basis, command, target = lesson()
    assert teach(imitation, basis, command, target) > 100
    later = states(200, seed=4)
    wanted = np.stack([0.2 * later[:, 2] - 0.1, 0.3 * later[:, 3] + 0.15], axis=1)
    given_ = np.array([imitation.correction(row) for row in later])
    assert np.abs(given_ - wanted).max() < 0.05
    frozen, adapted = imitation.judge.rms
    assert (adapted < 0.2 * frozen).all()
    assert imitation.rollbacks == 0


def test_lms_imitates_too():
    imitation = Imitation(REACH, 6, replace(ON, method='lms', rate=0.2))
    basis, command, target = lesson(1500)
    teach(imitation, basis, command, target)
    frozen, adapted = imitation.judge.rms
    assert (adapted < 0.5 * frozen).all()


@pytest.mark.parametrize('bound', [0.0, 0.05, 0.3])
def test_the_correction_and_the_weights_are_bounded(bound):
    imitation = Imitation(REACH, 6, replace(ON, bound=bound, rate=100.0))
    basis, command, _ = lesson()
    full = np.where(basis[:, :2] > 0.0, 1.0, -1.0) * REACH
    for row, said, target in zip(basis, command, full, strict=True):
        imitation.learn(row, said, target, DT_S)
        assert (np.abs(imitation.correction(row)) <= bound * REACH + 1e-12).all()
        assert (np.linalg.norm(imitation.weights, axis=1) <= WEIGHT_ROOM * bound + 1e-12).all()
        assert (imitation.norm <= 1.0 + 1e-9).all()


def test_a_stuck_stick_and_a_standing_picture_teach_nothing():
    basis, command, target = lesson()
    imitation = Imitation(REACH, 6, ON)
    assert teach(imitation, basis, command, np.tile([1.0, 1.0], (500, 1))) == 0
    imitation.end_override()
    assert teach(imitation, np.tile(basis[0], (500, 1)), command, target) == 0
    assert not imitation.weights.any()


def test_an_error_within_the_dead_zone_teaches_nothing():
    basis, command, _ = lesson()
    imitation = Imitation(REACH, 6, replace(ON, dead_zone=0.1))
    assert teach(imitation, basis, command, command + 0.09 * REACH) == 0
    assert teach(imitation, basis, command, command + 0.11 * REACH) > 0


def test_what_is_worse_than_nothing_is_rolled_back_until_the_operator_lets_go():
    basis, command, target = lesson()
    imitation = Imitation(REACH, 6, ON)
    teach(imitation, basis, command, target)
    assert imitation.weights.any()
    ticks = 0
    for row, said in zip(basis, command, strict=True):  # now the operator does as the network says
        ticks += 1
        imitation.learn(row, said + 0.02 * np.sign(row[:2]), said + 0.02 * np.sign(row[:2]) * 2, DT_S)
        if imitation.rollbacks:
            break
    assert imitation.rollbacks == 1
    assert ticks * DT_S <= 2.0
    assert not imitation.weights.any()
    assert teach(imitation, basis, command, target) == 0
    imitation.end_override()
    assert teach(imitation, basis, command, target) > 0


def drive(actuator, gain, trim, seconds=20.0, *, moving=True, seed=0, lag_s=0.1):
    """A body with a lag, under a command that swings."""
    rng, body, sent = np.random.default_rng(seed), 0.0, 0.0
    for tick in range(round(seconds / DT_S)):
        body += (1.0 - math.exp(-DT_S / lag_s)) * (gain * sent + trim - body)
        actuator.learn(sent, body + rng.normal(0.0, 0.02), DT_S, moving=moving)
        sent = 0.6 * math.sin(1.3 * tick * DT_S) + 0.3 * math.sin(3.1 * tick * DT_S)


@pytest.mark.parametrize(('gain', 'trim'), [(0.6, 0.15), (1.4, -0.2), (1.0, 0.0)])
def test_it_finds_gain_and_trim(gain, trim):
    actuator = ActuatorModel(1.5, ON)
    drive(actuator, gain, trim)
    assert actuator.gain == pytest.approx(gain, abs=0.05)
    assert actuator.offset == pytest.approx(trim, abs=0.03)
    assert gain * actuator.invert(0.7) + trim == pytest.approx(0.7, abs=0.05)
    assert actuator.predict(actuator.invert(0.7)) == pytest.approx(0.7)
    assert actuator.invert(0.0) == 0.0
    assert actuator.rollbacks == 0


def test_nothing_is_learnt_from_standing_or_from_a_command_that_never_changes():
    actuator = ActuatorModel(1.5, ON)
    drive(actuator, 0.6, 0.15, moving=False)
    assert (actuator.gain, actuator.offset) == (1.0, 0.0)
    for _ in range(500):
        assert not actuator.learn(0.5, 0.4, DT_S, moving=True)
    assert (actuator.gain, actuator.offset) == (1.0, 0.0)


def test_an_imu_that_is_mounted_upside_down_is_not_acted_on():
    actuator = ActuatorModel(1.5, ON)
    drive(actuator, -1.0, 0.0)
    assert actuator.rollbacks > 0
    assert actuator.gain >= MIN_GAIN
    assert abs(actuator.offset) <= ON.bound * 1.5


numbers = st.floats(-1e3, 1e3) | st.sampled_from([1e300, -1e300, 0.0])


@settings(max_examples=60)
@given(st.lists(st.tuples(numbers, numbers, st.floats(0.001, 0.5), st.booleans()), min_size=5, max_size=80))
def test_gain_and_trim_stay_within_their_bounds_whatever_is_measured(rows):
    actuator = ActuatorModel(1.5, ON)
    for sent, measured, dt_s, moving in rows:
        actuator.learn(max(min(sent, 1.5), -1.5), measured, dt_s, moving=moving)
        assert MIN_GAIN <= actuator.gain <= MAX_GAIN
        assert abs(actuator.offset) <= ON.bound * 1.5 + 1e-12


def learnt(policy):
    adaptation = Adaptation(policy.spec, replace(ON, respond=False))
    rng = np.random.default_rng(0)
    for basis in states(300, policy.spec.network.units):
        said = [0.5, 0.1]
        adaptation.learn(
            DT_S, measured={}, sent=said, basis=basis, command=said, operator=[0.7, float(rng.normal(0.3, 0.1))]
        )
    return adaptation


def test_a_snapshot_brings_back_what_was_learnt(policy):
    adaptation = learnt(policy)
    kept = json.loads(json.dumps(adaptation.snapshot()))
    basis, command = states(1, policy.spec.network.units)[0], np.array([0.5, 0.1], np.float32)
    assert adaptation.correct(basis, command) != command.tolist()
    fresh = Adaptation(policy.spec, replace(ON, respond=False))
    fresh.load(kept)
    assert fresh.correct(basis, command) == adaptation.correct(basis, command)
    wanted = adaptation.correct(basis, command)
    adaptation.keep()
    adaptation.reset()
    assert adaptation.correct(basis, command) == command.tolist()
    adaptation.roll_back()
    assert adaptation.correct(basis, command) == wanted


def test_a_snapshot_of_another_policy_or_format_is_refused(policy, tmp_path):
    kept = learnt(policy).snapshot()
    other = Adaptation(Policy.load(make_tiny_bundle(tmp_path / 'other', seed=9)).spec, ON)
    with pytest.raises(InputError, match=r'learnt on this policy: policy_sha256 .* Got'):
        other.load(kept)
    same = Adaptation(policy.spec, ON)
    for damage, message in (
        ({'imitate': [[1.0]]}, r'"imitate" must be finite numbers, \(2, \d+\). Got'),
        ({'imitate': (np.array(kept['imitate']) * math.nan).tolist()}, r'"imitate" must be finite numbers'),
        ({'respond': {}}, r'"respond" must name linear_x, angular_z. Got'),
        ({'respond': kept['respond'] | {'angular_z': [0.0, 0.0]}}, r'gain of angular_z must be from 0.4 to 2.5. Got 0'),
        ({'respond': kept['respond'] | {'angular_z': ['x', 0.0]}}, r'"respond.angular_z" must be finite numbers'),
        ({'format_version': 2}, r'format_version 1. Got 2'),
        ({'more': 1}, r'must be an object with format_version, .*. Got another'),
    ):
        with pytest.raises(InputError, match=message):
            same.load({**kept, **damage})
        assert not any(np.ravel(same.snapshot()['imitate']))
    with pytest.raises(InputError, match=r'must be an object'):
        same.load([])


def test_shadow_learns_but_does_not_act(policy):
    adaptation = learnt(policy)
    adaptation.settings = replace(ON, mode='shadow')
    basis, command = states(1, policy.spec.network.units)[0], np.array([0.5, 0.1], np.float32)
    assert adaptation.correct(basis, command) == command.tolist()
    assert adaptation.invert([0.5, 0.1]) == [0.5, 0.1]
    assert adaptation.figures()['angular_z.imitate_norm'] > 0.0
    before = adaptation.updates
    adaptation.learn(DT_S, measured={}, sent=[0.5, 0.1], basis=basis, command=[0.5, 0.1], operator=[0.9, 0.5])
    adaptation.settings = replace(ON, mode='frozen')
    adaptation.learn(DT_S, measured={}, sent=[0.5, 0.1], basis=basis, command=[0.5, 0.1], operator=[0.9, 0.5])
    assert adaptation.updates <= before + 1


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'mode': 'maybe'}, r'mode must be one of frozen, shadow, live. Got'),
        ({'method': 'sgd'}, r'method must be one of rls, lms. Got'),
        ({'bound': 1.5}, r'bound must be a number from 0 to 1. Got 1.5'),
        ({'rate': 0.0}, r'rate must be a number from 1e-06 to 100. Got 0.0'),
        ({'method': 'lms', 'rate': 3.0}, r'rate must be a number from 1e-06 to 2. Got 3.0'),
        ({'memory_s': math.nan}, r'memory_s must be a number from'),
        ({'lag_s': -1.0}, r'lag_s must be a number from 0 to 10'),
        ({'window_s': True}, r'window_s must be a number from 0.1 to 60 s. Got True'),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        AdaptationSettings(**wrong)


class Worn:
    """A controller whose commands the body does not follow."""

    def __init__(self, policy, adaptation, gain=0.7, trim=0.2):
        self.controller = Controller(policy, ControlSettings(adaptation=adaptation))
        self.gain, self.trim = gain, trim
        self.now_ns, self.sent = 1_000 * MS, 0.0

    def run(self, ticks, operator=None):
        for tick in range(ticks):
            self.now_ns += 20 * MS
            picture = np.random.default_rng(tick // 10).integers(0, 256, (12, 16, 3), np.uint8)
            self.controller.on_image(self.now_ns, picture)
            measured = self.gain * self.sent + self.trim if self.sent else 0.0
            self.controller.on_imu(self.now_ns, (0.0, 0.0, measured), (0.0, 0.0, 9.81))
            if operator:
                self.controller.on_override(self.now_ns, operator(tick))
            decision = self.controller.step(self.now_ns)
            self.sent = float(decision.command[1])
        return decision


@pytest.mark.slow
def test_a_controller_learns_the_answer_of_its_body(policy):
    worn = Worn(policy, AdaptationSettings(mode='live', lag_s=0.0, memory_s=30.0))
    worn.run(1000, operator=lambda tick: (0.5, 0.6 * math.sin(tick / 20)))
    actuator = worn.controller.adaptation.actuators['angular_z']
    assert actuator.gain == pytest.approx(0.7, abs=0.02)
    assert actuator.offset == pytest.approx(0.2, abs=0.02)
    assert worn.controller.adaptation.actuators['linear_x'].gain == 1.0  # nothing measures it


def test_speed_is_learnt_from_odometry(policy):
    controller = Controller(policy, ControlSettings(adaptation=AdaptationSettings(mode='shadow', lag_s=0.0)))
    sent, now_ns = 0.0, 1_000 * MS
    for tick in range(1000):
        now_ns += 20 * MS
        controller.on_image(now_ns, np.random.default_rng(tick).integers(0, 256, (12, 16, 3), np.uint8))
        controller.on_imu(now_ns, (0.0, 0.0, 0.1), (0.0, 0.0, 9.81))
        assert controller.on_odometry(now_ns, LEVEL, (0.8 * sent, 0.0, 0.0, 0.0, 0.0, 0.0))
        controller.on_override(now_ns, (0.6 + 0.3 * math.sin(tick / 20), 0.1))
        sent = float(controller.step(now_ns).command[0])
    actuator = controller.adaptation.actuators['linear_x']
    assert [actuator.predict(sent) for sent in (0.3, 0.9)] == pytest.approx([0.24, 0.72], abs=0.03)
    assert not controller.on_odometry(now_ns, LEVEL, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0))  # not newer
    assert not controller.on_odometry(now_ns + 1, LEVEL, (math.nan, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert not controller.on_odometry(now_ns + 1, (0.0, 0.0, math.inf, 0.0, 0.0, 0.0, 1.0), (0.0,) * 6)
    assert controller.counters['odometry_not_finite'] == 2


def test_the_answer_of_all_four_channels_of_a_body_that_tilts_is_learnt_in_the_heading_frame(drone_policy):
    """Wind, as an offset ahead and to the left; a weak climb; the gyroscope of the tilted body says something else."""
    learning = AdaptationSettings(mode='shadow', lag_s=0.0, memory_s=30.0)
    controller = Controller(drone_policy, ControlSettings(adaptation=learning))
    gains, offsets = np.array([1.0, 1.0, 0.8, 0.9]), np.array([0.3, -0.2, -0.1, 0.05])
    tilt = (0.12, -0.17, 0.3, 0.9)
    frame = heading_frame(tilt)
    axes = np.array(frame[:3])  # of the heading frame, in the body's
    sent, now_ns = np.zeros(4), 1_000 * MS
    for tick in range(1000):
        now_ns += 20 * MS
        controller.on_image(now_ns, np.random.default_rng(tick).integers(0, 256, (12, 16, 3), np.uint8))
        controller.on_imu(now_ns, (0.0, 0.0, 3.0), (0.0, 0.0, 9.81))
        moves = gains * sent + offsets
        linear, angular = moves[:3] @ axes, moves[3] * axes[2]
        assert controller.on_odometry(now_ns, (0.0, 0.0, 5.0, *tilt), (*linear, *angular))
        controller.on_override(now_ns, [0.5 * math.sin(tick / period) for period in (20, 23, 27, 31)])
        sent = controller.step(now_ns).command
    for actuator, gain, offset in zip(controller.adaptation.actuators.values(), gains, offsets, strict=True):
        assert (actuator.gain, actuator.offset) == pytest.approx((gain, offset), abs=0.03)


def test_a_stop_teaches_nothing_and_forgets_nothing(policy):
    worn = Worn(policy, AdaptationSettings(mode='live'))
    worn.run(500, operator=lambda tick: (0.5, 0.6 * math.sin(tick / 20)))
    adaptation = worn.controller.adaptation
    kept, count = adaptation.snapshot(), adaptation.updates
    worn.controller.set_emergency_stop('test', True)
    assert worn.run(200, operator=lambda tick: (0.5, 0.6 * math.sin(tick / 7))).mode == 'stop'
    assert (adaptation.snapshot(), adaptation.updates) == (kept, count)


def test_what_the_operator_teaches_does_not_depend_on_the_speed_scale(policy):
    corrections = []
    for scale in (1.0, 0.5):
        controller = Controller(
            policy, ControlSettings(speed_scale=scale, adaptation=AdaptationSettings(mode='live', respond=False))
        )
        now_ns = 1_000 * MS
        for tick in range(300):
            now_ns += 20 * MS
            controller.on_image(now_ns, np.random.default_rng(tick // 5).integers(0, 256, (12, 16, 3), np.uint8))
            controller.on_imu(now_ns, (0.0, 0.0, 0.1), (0.0, 0.0, 9.81))
            controller.on_override(now_ns, (scale * 0.4, scale * (0.3 + 0.1 * math.sin(tick / 9))))
            controller.step(now_ns)
        corrections.append(controller.adaptation.imitation.weights.copy())
    assert corrections[0].any()
    np.testing.assert_allclose(corrections[0], corrections[1], atol=1e-12)


def test_a_snapshot_that_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / 'snapshot.json'
    write_snapshot(path, {'a': 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(InputError, match=r'can be written. Got .*snapshot.json: File too large'):
            write_snapshot(path, {'a': 'x' * 10_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_snapshot(path) == {'a': 1}
    assert [each.name for each in tmp_path.iterdir()] == ['snapshot.json']


def test_a_snapshot_is_a_file(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    for path in ('/dev/zero', tmp_path / 'pipe', tmp_path):
        with pytest.raises(InputError, match=r'a snapshot must be a file'):
            read_snapshot(path)
        with pytest.raises(InputError, match=r'the snapshot must go to a file'):
            write_snapshot(path, {})
    (tmp_path / 'large').write_bytes(b' ' * 10_000_001)
    (tmp_path / 'deep').write_text('[' * 100_000)
    for name, said in (('large', 'at most 10 MB'), ('deep', 'nested at most some 50 deep')):
        with pytest.raises(InputError, match=said):
            read_snapshot(tmp_path / name)


def test_a_snapshot_on_disk(policy, tmp_path):
    adaptation, path = learnt(policy), tmp_path / 'new' / 'snapshot.json'
    assert write_snapshot(path, adaptation.snapshot()) == path
    assert read_snapshot(path) == adaptation.snapshot()
    write_snapshot(path, Adaptation(policy.spec, ON).snapshot())
    assert not np.any(read_snapshot(path)['imitate'])
    assert [each.name for each in path.parent.iterdir()] == ['snapshot.json']
    path.write_text('{')
    with pytest.raises(InputError, match=r'must be a snapshot, in JSON. Got a syntax error'):
        read_snapshot(path)
    with pytest.raises(InputError, match=r'must be a file that can be read. Got .*none'):
        read_snapshot(tmp_path / 'none')
    with pytest.raises(InputError, match=r'must go to a file that can be written. Got'):
        write_snapshot(path / 'below', adaptation.snapshot())
