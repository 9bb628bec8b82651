import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from bundles import make_tiny_bundle, tiny_core, tiny_encoder, tiny_spec

from lnn_controller.errors import InputError
from lnn_controller.policy import NetworkSpec, Policy, read_bundle

IMU = np.array([0.1, -0.2, 0.3, 0.0, 0.5, 9.81], np.float32)


@pytest.fixture(scope='module')
def policy(tiny_bundle):
    return Policy.load(tiny_bundle)


def frame(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)


def test_the_encoder_sees_the_pixels(policy):
    image = frame()
    stripes = image.reshape(12, 4, 4, 3).mean(axis=(0, 2)) / 255  # (stripe, colour)
    np.testing.assert_allclose(policy.encode(image), stripes.T.ravel(), atol=1e-6)


def test_a_read_only_frame_is_taken(policy):
    image = np.frombuffer(frame().tobytes(), np.uint8).reshape(12, 16, 3)
    np.testing.assert_array_equal(policy.encode(image), policy.encode(frame()))


def test_a_step_is_the_leaky_integrator(policy):
    random = np.random.default_rng(0)
    W, V = random.normal(0.0, 0.5, (18, 5)), random.normal(0.0, 1.0, (5, 2))
    features, hx = policy.encode(frame()), np.linspace(-1, 1, 5, dtype=np.float32)
    made = policy.step(features, IMU, hx, 0.05)
    drive = np.concatenate([features, IMU / [1, 1, 1, 9.81, 9.81, 9.81]]) @ W
    expected = hx + 0.05 * 4.0 * (drive - hx)
    np.testing.assert_allclose(made.hx, expected, atol=1e-5)
    np.testing.assert_allclose(made.command, expected @ V, atol=1e-5)
    np.testing.assert_array_equal(made.basis, made.hx)
    np.testing.assert_allclose(made.time_constants, np.full(5, 0.25))
    assert {array.dtype for array in made} == {np.dtype(np.float32)}
    assert [array.shape for array in made] == [(2,), (5,), (5,), (5,)]


def test_a_later_step_does_not_write_into_an_earlier_one(policy):
    features = policy.encode(frame())
    kept = features.copy()
    first = policy.step(features, IMU, policy.initial_state(), 0.02)
    copies = [array.copy() for array in first]
    policy.encode(frame(1))
    policy.step(features, IMU, first.hx, 0.1)
    np.testing.assert_array_equal(features, kept)
    for array, copy in zip(first, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_without_imu_and_time_constants(tmp_path):
    policy = Policy.load(make_tiny_bundle(tmp_path / 'bare', imu=False, time_constants=False))
    made = policy.step(policy.encode(frame()), None, policy.initial_state(), 0.02)
    assert made.time_constants is None
    ignored = policy.step(policy.encode(frame()), IMU, policy.initial_state(), 0.02)
    np.testing.assert_array_equal(ignored.command, made.command)


def test_what_is_not_finite_is_passed_on(tmp_path):
    policy = Policy.load(make_tiny_bundle(tmp_path / 'nan', not_finite='command'))
    assert np.isnan(policy.step(policy.encode(frame()), IMU, policy.initial_state(), 0.02).command).all()


def test_wrong_frames(policy):
    for image in (np.zeros((12, 15, 3), np.uint8), np.zeros((12, 16, 3), np.float32)):
        with pytest.raises(InputError, match=r'a frame must be \(12, 16, 3\), uint8 \(use fit_frame\). Got'):
            policy.encode(image)


def test_wrong_steps(policy):
    features, hx = policy.encode(frame()), policy.initial_state()
    for dt_s in (0.0, -0.02, float('nan')):
        with pytest.raises(ValueError, match='dt_s must be positive'):
            policy.step(features, IMU, hx, dt_s)
    with pytest.raises(ValueError, match=r'step needs features \(12,\) and hx \(5,\). Got \(11,\) and \(5,\)'):
        policy.step(features[1:], IMU, hx, 0.02)
    with pytest.raises(ValueError, match=r'Got \(12,\) and \(4,\)'):
        policy.step(features, IMU, hx[1:], 0.02)
    with pytest.raises(ValueError, match=r'step needs imu \(6,\) for this policy. Got None'):
        policy.step(features, None, hx, 0.02)
    with pytest.raises(ValueError, match=r'step needs imu \(6,\) for this policy. Got \(5,\)'):
        policy.step(features, IMU[1:], hx, 0.02)


def test_wrong_threads(tiny_bundle):
    with pytest.raises(InputError, match=r'threads must be at least 1. Got 0'):
        Policy.load(tiny_bundle, threads=0)


def test_several_threads_give_the_same(tiny_bundle, policy):
    np.testing.assert_array_equal(Policy.load(tiny_bundle, threads=2).encode(frame()), policy.encode(frame()))


def test_no_such_policy():
    with pytest.raises(InputError, match='a policy must be a folder or one of the shipped names'):
        Policy.load('no_such_policy')


def refused(tmp_path, **changes):
    with pytest.raises(InputError) as error:
        Policy.load(make_tiny_bundle(tmp_path / 'odd', **changes))
    assert '\n' not in str(error.value)
    return str(error.value)


def test_what_is_no_graph(tmp_path):
    assert 'encoder.onnx: must be an ONNX graph that onnxruntime loads. Got:' in refused(tmp_path, encoder=b'text')
    assert 'core.onnx: must be an ONNX graph' in refused(tmp_path, core=tiny_core(tiny_spec())[:200])


def test_graphs_that_do_not_fit_the_spec(tmp_path):
    spec = tiny_spec()
    other_size = tiny_encoder(tiny_spec(height=24))
    assert '"image" must be tensor(uint8) (1, 12, 16, 3), as inputs of this spec. Got tensor(uint8) (1, 24, 16, 3)' in (
        refused(tmp_path, encoder=other_size)
    )
    assert '"features" must be tensor(float) (1, 12)' in refused(tmp_path, encoder=tiny_encoder(spec, features=7))
    assert 'must have the inputs dt, features, hx, imu. Got dt, features, hx' in (
        refused(tmp_path, core=tiny_core(tiny_spec(imu=False)))
    )
    assert '"command" must be tensor(float) (1, 1)' in (
        refused(tmp_path, outputs=spec.outputs[:1], core=tiny_core(spec))
    )
    network = NetworkSpec('leaky_integrator', 5, 6, 12, 4.0)
    assert '"hx" must be tensor(float) (1, 6)' in refused(tmp_path, network=network)
    assert 'encoder.onnx: must have the inputs image. Got dt' in refused(tmp_path, encoder=tiny_core(spec))


def test_a_graph_that_loads_but_cannot_run(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    # A gather past the end is found out only when it runs.
    nodes = [helper.make_node('Gather', ['image', 'far'], ['row'], axis=1)]
    nodes += [helper.make_node('Cast', ['row'], ['real'], to=TensorProto.FLOAT)]
    nodes += [
        helper.make_node('Flatten', ['real'], ['wide']),
        helper.make_node('MatMul', ['wide', 'mix'], ['features']),
    ]
    far = helper.make_tensor('far', TensorProto.INT64, [1], [99])
    mix = helper.make_tensor('mix', TensorProto.FLOAT, [48, 12], [0.0] * 576)
    image = helper.make_tensor_value_info('image', TensorProto.UINT8, [1, 12, 16, 3])
    features = helper.make_tensor_value_info('features', TensorProto.FLOAT, [1, 12])
    graph = helper.make_graph(nodes, 'broken', [image], [features], [far, mix])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.checker.check_model(model)
    assert 'both graphs must run on a frame of zeros. Got:' in refused(tmp_path, encoder=model.SerializeToString())


def test_the_bundle_may_leave_the_batch_open(tiny_bundle):
    import onnx

    bundle = read_bundle(tiny_bundle)
    model = onnx.load_from_string(bundle.encoder)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = 'batch'
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = 'batch'
    opened = Policy(replace(bundle, encoder=model.SerializeToString()))
    assert opened.encode(frame()).shape == (12,)


def test_driving_loads_no_heavy_library(tiny_bundle):
    code = (
        'import sys\n'
        'import numpy as np\n'
        'from lnn_controller.control import Controller\n'
        'from lnn_controller.policy import Policy\n'
        'controller = Controller(Policy.load(sys.argv[1]))\n'
        'controller.on_image(10**9, np.zeros((12, 16, 3), np.uint8))\n'
        'controller.on_imu(10**9, (0, 0, 0), (0, 0, 9.81))\n'
        'assert controller.step(10**9).mode == "policy"\n'
        'heavy = "torch mujoco rosbags rclpy matplotlib cv2 onnx lightning safetensors".split()\n'
        'print([name for name in heavy if name in sys.modules])\n'
    )
    done = subprocess.run([sys.executable, '-c', code, str(tiny_bundle)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_driving_reports_to_nobody(tiny_bundle, tmp_path):
    # ONNX Runtime keeps what it is to report in the cache, unless it is told before; it holds back by itself in CI.
    code = 'import sys; from lnn_controller.policy import Policy; Policy.load(sys.argv[1], runtime="onnx")'
    environment = {'PATH': os.environ['PATH'], 'HOME': str(tmp_path), 'PYTHONPATH': os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, '-c', code, str(tiny_bundle)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob('*')) == []
