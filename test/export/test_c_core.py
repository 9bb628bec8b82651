"""The shipped policies as C against ONNX Runtime: step by step, over a recording, and at the wheel."""

from pathlib import Path

import numpy as np
import pytest
from compiled import build, needs_compiler

from lnn_controller.data.episode import read_episode
from lnn_controller.evaluation.closed_loop import run_trial
from lnn_controller.evaluation.trial import summarise
from lnn_controller.export.c import read_network
from lnn_controller.policy import Policy, PolicyStep, find_policy, read_bundle

pytestmark = [needs_compiler, pytest.mark.slow]
POLICIES = ['car_lane', 'car_lane_gru', 'car_lane_lstm', 'drone_forest', 'drone_forest_none', 'real_car']
RECORDING = Path(__file__).parents[1] / 'data' / 'real_car_cut'


def network_of(policy):
    return read_network(read_bundle(find_policy(policy)))


@pytest.fixture(scope='module')
def compiled(tmp_path_factory):
    """Every policy by its name."""
    made = build([network_of(name) for name in POLICIES], tmp_path_factory.mktemp('core'), flags=('-O1',))
    return dict(zip(POLICIES, made, strict=True))


def inputs(spec, rng):
    features = np.tanh(rng.normal(size=spec.network.features)).astype(np.float32)
    imu = rng.normal(0, [1, 1, 1, 3, 3, 3]).astype(np.float32) if spec.imu else None
    return features, imu, float(rng.uniform(spec.dt_min_s, spec.dt_max_s))


@pytest.mark.parametrize('name', POLICIES)
def test_any_drive_is_that_of_onnx_runtime(compiled, name):
    policy, core, rng = Policy.load(name, runtime='onnx'), compiled[name], np.random.default_rng()
    hx = state = policy.initial_state()
    for _ in range(200):
        features, imu, dt_s = inputs(policy.spec, rng)
        wanted = policy.step(features, imu, hx, dt_s)
        reason, command, state, tau = core.advance(features, imu, state, dt_s)
        hx = wanted.hx
        assert reason == ''
        np.testing.assert_allclose(command, wanted.command, rtol=0, atol=2e-6)
        np.testing.assert_allclose(state, hx, rtol=0, atol=4e-6)
        if wanted.time_constants is not None:
            np.testing.assert_allclose(tau, wanted.time_constants, rtol=5e-5)


def test_a_recorded_drive_is_that_of_onnx_runtime(compiled):
    policy, core = Policy.load('real_car', runtime='onnx'), compiled['real_car']
    episode = read_episode(RECORDING, image=policy.spec.image)
    hx = state = policy.initial_state()
    for image, dt_ns in zip(episode.images, np.diff(episode.image_stamps_ns)):
        features, dt_s = policy.encode(image), float(dt_ns * 1e-9)
        wanted = policy.step(features, None, hx, dt_s)
        _, command, state, _ = core.advance(features, None, state, dt_s)
        hx = wanted.hx
        np.testing.assert_allclose(command, wanted.command, rtol=0, atol=2e-6)


@pytest.mark.parametrize('name', ['car_lane', 'car_lane_gru', 'drone_forest_none'])
def test_straight_lines_give_the_bits_of_the_tables(compiled, name, tmp_path):
    straight = build([network_of(name)], tmp_path, straight_line=True, flags=('-O0',))[0]
    rng, state = np.random.default_rng(), np.zeros(compiled[name].spec.network.state_size, np.float32)
    for _ in range(50):
        given = inputs(straight.spec, rng)
        features, imu, dt_s = given
        wanted, made = (core.advance(features, imu, state, dt_s) for core in (compiled[name], straight))
        for each, other in zip(made[1:], wanted[1:], strict=True):
            np.testing.assert_array_equal(each, other)
        state = made[2]


class InC(Policy):
    """A policy whose encoder and core are the C."""

    def use(self, compiled):
        self.compiled = compiled
        return self

    def encode(self, image):
        return self.compiled.encode(image)

    def step(self, features, imu, hx, dt_s):
        reason, command, state, tau = self.compiled.advance(features, imu, hx, dt_s)
        assert reason == ''
        return PolicyStep(command, state, state[: self.spec.network.units], tau)


def test_it_keeps_the_lane_as_onnx_runtime_does(tmp_path):
    parts = build([network_of('car_lane')], tmp_path, parts=('core', 'encoder'))
    bundle = read_bundle(find_policy('car_lane'))
    policies = Policy(bundle, runtime='onnx'), InC(bundle, runtime='onnx').use(parts[0])
    wanted, made = (summarise(run_trial(policy, seed=33, seconds=5.0)) for policy in policies)
    assert made['departures'] == wanted['departures'] == 0
    assert made['cross_track_error_rms_m'] == pytest.approx(wanted['cross_track_error_rms_m'], rel=0.01)
