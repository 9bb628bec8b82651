"""Lesions of the shipped car's policy, whose motor neurons hear command neurons alone."""

import numpy as np
import pytest

from lnn_controller.explain.held import HeldPolicy, Lesion, Log, run_lesions
from lnn_controller.explain.neurons import describe_neurons, synapses
from lnn_controller.policy import Policy, find_policy, read_bundle

pytestmark = pytest.mark.slow

MOTOR, COMMAND = range(2), range(2, 8)


@pytest.fixture(scope='module')
def bundle():
    return read_bundle(find_policy('car_lane'))


def inputs(count, seed=0):
    random = np.random.default_rng(seed)
    for _ in range(count):
        imu = random.normal(0, 1, 6).astype(np.float32)
        yield random.uniform(-1, 1, 32).astype(np.float32), imu, float(random.uniform(0.01, 0.1))


def run(policy, count=30, seed=0):
    hx, steps = policy.initial_state(), []
    for features, imu, dt_s in inputs(count, seed):
        steps.append(policy.step(features, imu, hx, dt_s))
        hx = steps[-1].hx
    return steps


@pytest.fixture(scope='module')
def log(bundle):
    log = Log()
    run(HeldPolicy(bundle, Lesion('intact'), log))
    return log


def test_without_a_lesion_it_is_the_policy(bundle, log):
    for held, graph in zip(log.steps, run(Policy(bundle, runtime='onnx')), strict=True):
        for ours, theirs in zip(held, graph, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_who_hears_a_held_neuron_hears_its_value(bundle):
    policy = HeldPolicy(bundle, Lesion('commands', dict.fromkeys(COMMAND, 0.25)))
    one, other = run(policy)[0], run(policy, seed=1)[0]
    assert one.basis[COMMAND].tolist() == [0.25] * 6
    assert one.hx[COMMAND].tolist() == [0.25] * 6
    # The same Δt would be needed for equal motor states: their gates know it. Inputs apart, they hear the same.
    features, imu, _ = next(inputs(1))
    motors = [policy.step(each, imu, policy.initial_state(), 0.02).basis[MOTOR] for each in (features, -features)]
    np.testing.assert_array_equal(*motors)
    assert (one.basis[8:] != other.basis[8:]).all(), 'the others go on'


def test_the_command_is_read_from_what_is_held(bundle):
    all_of_them = Lesion('all', dict.fromkeys(range(19), 0.1))
    commands = np.array([each.command for each in run(HeldPolicy(bundle, all_of_them))])
    np.testing.assert_array_equal(commands, commands[:1].repeat(len(commands), 0))


def test_a_wiped_state_remembers_nothing(bundle):
    policy = HeldPolicy(bundle, Lesion('wiped', memory=False))
    features, imu, _ = next(inputs(1))
    states = (policy.initial_state(), np.ones_like(policy.initial_state()))
    one, other = (policy.step(features, imu, hx, 0.02) for hx in states)
    np.testing.assert_array_equal(one.command, other.command)


def test_side_by_side_they_are_what_each_is_alone(bundle, log):
    lesions = [
        Lesion('intact'),
        Lesion('neuron 11', {11: -0.5}),
        Lesion('wiped', memory=False),
        Lesion('the camera', features=(0.0,) * 32),
        Lesion('the IMU', imu=(0.0,) * 6),
    ]
    together = run_lesions(bundle, lesions, log)
    for row, lesion in enumerate(lesions):
        alone = [each.command for each in run(HeldPolicy(bundle, lesion))]
        np.testing.assert_allclose(together[:, row], alone, atol=1e-4)
    assert all(np.abs(together[:, row] - together[:, 0]).max() > 1e-3 for row in range(1, len(lesions)))


def test_what_the_neurons_do(bundle, log):
    found = describe_neurons(bundle, log)
    assert [each.role for each in found.each] == ['motor'] * 2 + ['command'] * 6 + ['inter'] * 11
    assert sum(each.readout for each in found.each) == pytest.approx(1.0)
    assert found.recurrent == (4, 5, 7)  # 4 and 5 hear each other, 7 itself
    assert 0.0 < found.components[-1] <= found.components[0] <= 1.0
    states = np.array([each.basis for each in log.steps])
    assert found.each[11].mean == pytest.approx(states[:, 11].mean(), abs=1e-5)
    commands = np.array([each.command[1] for each in log.steps])
    assert found.each[11].correlation[1] == pytest.approx(np.corrcoef(states[:, 11], commands)[0, 1], abs=1e-5)
    low, high = found.each[11].time_constants_s
    assert 0.0 < low <= high


def test_weights_are_where_the_wiring_has_synapses(bundle):
    found, wiring = synapses(bundle), bundle.spec.network.wiring
    for matrix, name in ((found.between, 'synapses'), (found.sensory, 'sensory_synapses')):
        wanted = np.zeros(matrix.shape, bool)
        for source, destination, _ in wiring[name]:
            wanted[source, destination] = True
        np.testing.assert_array_equal(matrix != 0, wanted)
