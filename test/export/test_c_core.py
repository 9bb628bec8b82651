"""The core as C against the core in ONNX Runtime."""

import numpy as np
import pytest
from compiled import build, needs_compiler

from lnn_controller.export.c import read_network
from lnn_controller.policy import Policy, find_policy, read_bundle

pytestmark = [needs_compiler, pytest.mark.slow]
POLICIES = ['car_lane', 'car_lane_gru', 'car_lane_lstm', 'drone_forest', 'drone_forest_none', 'real_car']


@pytest.mark.parametrize('straight_line', [False, True], ids=['tables', 'straight line'])
def test_shipped_policies_drive_as_in_onnx_runtime(straight_line, tmp_path):
    policies = [Policy.load(name) for name in POLICIES]
    networks = [read_network(read_bundle(find_policy(name))) for name in POLICIES]
    for policy, core in zip(policies, build(networks, tmp_path, straight_line=straight_line), strict=True):
        rng, hx = np.random.default_rng(), policy.initial_state()
        state = hx
        for _ in range(200):
            features = np.tanh(rng.normal(size=policy.spec.network.features)).astype(np.float32)
            imu = rng.normal(0, [1, 1, 1, 3, 3, 3]).astype(np.float32) if policy.spec.imu else None
            dt_s = float(rng.uniform(policy.spec.dt_min_s, policy.spec.dt_max_s))
            wanted = policy.step(features, imu, hx, dt_s)
            reason, command, state, tau = core.advance(features, imu, state, dt_s)
            hx = wanted.hx
            assert reason == ''
            np.testing.assert_allclose(command, wanted.command, rtol=0, atol=2e-6)
            np.testing.assert_allclose(state, hx, rtol=0, atol=4e-6)
            if wanted.time_constants is not None:
                np.testing.assert_allclose(tau, wanted.time_constants, rtol=2e-5)
