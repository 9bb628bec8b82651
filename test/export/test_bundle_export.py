from dataclasses import replace

import numpy as np
import pytest
import torch
from made_episode import make_episode

from lnn_controller.errors import InputError
from lnn_controller.export.onnx import export
from lnn_controller.learning.build import build_network, new_spec
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.recordings import frame_size
from lnn_controller.policy import bundle
from lnn_controller.policy.runtime import Policy

pytestmark = pytest.mark.slow

CELLS = ['ncp_cfc', 'cfc', 'ltc', 'dlinoss', 'ctrnn', 'lstm', 'gru', 'none']


def build(cell, *, imu=True, **options):
    config = TrainConfig(cell=cell, **options)
    spec = new_spec('made', config, frame_size(48, 64, config), [make_episode(imu=imu)])
    network = build_network(spec, seed=1)
    network.command_mean.copy_(torch.tensor([1.0, -0.2]))
    network.command_scale.copy_(torch.tensor([0.5, 0.8]))
    return network, spec


@pytest.mark.parametrize('imu', [True, False])
@pytest.mark.parametrize('cell', CELLS)
def test_the_bundle_drives_as_the_network_does(tmp_path, cell, imu):
    network, spec = build(cell, imu=imu)
    export(network, spec, tmp_path / 'made', {})
    policy = Policy.load(tmp_path / 'made')
    rng = np.random.default_rng()  # inputs that no one has chosen; the tolerance must hold for all
    hx, hx_torch = policy.initial_state(), network.cell.initial_state(1)
    for _ in range(100):
        frame = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        sample = rng.normal(0, [1, 1, 1, 3, 3, 3]).astype(np.float32) if imu else None
        dt_s = float(rng.uniform(0.005, 0.2))
        step = policy.step(policy.encode(frame), sample, hx, dt_s)
        with torch.no_grad():
            features = network.encode(torch.from_numpy(frame)[None])
            wanted = network.core(
                features,
                None if sample is None else torch.from_numpy(sample)[None],
                hx_torch,
                torch.tensor([[dt_s]]),
            )
        hx, hx_torch = step.hx.copy(), wanted.hx
        np.testing.assert_allclose(step.command, wanted.command[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(hx, hx_torch[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(step.basis, wanted.basis[0].numpy(), atol=1e-4)


def test_options_of_the_cell_go_into_the_bundle(tmp_path):
    network, spec = build('ncp_cfc', mixed_memory=True, cell_options={'self_state': True})
    export(network, spec, tmp_path / 'made', {})
    written = Policy.load(tmp_path / 'made').spec
    assert written.network.options == {'mixed_memory': True, 'self_state': True}
    assert written.network.state_size > written.network.units
    again = build_network(written).state_dict()
    assert {key: value.shape for key, value in again.items()} == {k: v.shape for k, v in network.state_dict().items()}


def test_a_network_too_large_for_a_bundle_is_refused_before_it_is_trained(monkeypatch):
    with pytest.raises(InputError, match=r'must take at most 400 MB.*Got .*1024 neurons.*: take fewer'):
        build('ltc', units=1024)
    # A wiring of megabytes takes seconds to write: one that is too large for a smaller limit is refused as well.
    monkeypatch.setattr(bundle, 'SPEC_LIMIT', bundle.PROVENANCE + 100_000)
    with pytest.raises(InputError, match=r'must take at most 0\.1 MB in policy.json.*Got .*300 neurons.*: take fewer'):
        build('ncp_cfc', units=300)


def test_a_wiring_may_take_nine_megabytes_of_the_spec():
    _, spec = build('ncp_cfc')
    room = 9_000_000 - len(replace(spec, provenance={'of': ''}).to_json())
    bundle.check_wiring_size(replace(spec, provenance={'of': room * 'x'}))
    with pytest.raises(InputError, match=r'must take at most 9 MB in policy\.json'):
        bundle.check_wiring_size(replace(spec, provenance={'of': (room + 1) * 'x'}))


def test_limits_come_from_the_demonstrations():
    _, spec = build('none')
    (low_x, high_x), (low_z, high_z) = [(output.minimum, output.maximum) for output in spec.outputs]
    assert low_x == 0.0
    assert high_x > 0.0
    assert low_z == -high_z  # who demonstrated one direction only gets a robot that can turn both ways


def test_large_frames_are_scaled_and_keep_their_shape():
    image = frame_size(480, 640, TrainConfig())
    assert image.height * image.width <= 20_100
    assert abs(image.width / image.height - 640 / 480) < 0.02
    assert (frame_size(66, 200, TrainConfig()).height, frame_size(66, 200, TrainConfig()).width) == (66, 200)
    config = TrainConfig(image_width=100, image_height=60)
    assert (frame_size(480, 640, config).height, frame_size(480, 640, config).width) == (60, 100)
