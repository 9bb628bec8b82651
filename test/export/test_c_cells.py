"""Every cell, mode and wiring as C against PyTorch in float64."""

import math

import numpy as np
import pytest
import torch
from compiled import build, needs_compiler
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lnn_controller.control.safety.limits import limit
from lnn_controller.control.settings.control import Limits
from lnn_controller.errors import InputError
from lnn_controller.export.c import Network
from lnn_controller.export.c import cells as cells_in_c
from lnn_controller.export.c.core import core_source
from lnn_controller.liquid import auto_ncp, fully_connected, make_cell, random_wiring
from lnn_controller.liquid.cells import CELLS, WIRED, cell_options
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.policy import ImageSpec, ImuSpec, NetworkSpec, OutputSpec, PolicySpec

CHANNELS = ('linear_x', 'linear_y', 'linear_z', 'angular_z')
MODES = st.sampled_from(['default', 'no_gate', 'pure'])
OPTIONS = {
    'cfc': {
        'mode': MODES,
        'backbone_units': st.integers(1, 9),
        'backbone_layers': st.integers(0, 3),
        'backbone_activation': st.sampled_from(['lecun_tanh', 'tanh', 'relu', 'silu', 'gelu']),
        'mixed_memory': st.booleans(),
    },
    'ncp_cfc': {
        'mode': MODES,
        'layers': st.sampled_from(['wired', 'dense']),
        'self_state': st.booleans(),
        'mixed_memory': st.booleans(),
    },
    'ltc': {
        'ode_unfolds': st.integers(1, 6),
        'input_mapping': st.sampled_from(['affine', 'linear', 'none']),
        'mixed_memory': st.booleans(),
    },
    'dlinoss': {},
    'lstm': {'elapsed_time': st.booleans()},
    'gru': {'elapsed_time': st.booleans()},
    'ctrnn': {},
    'none': {},
}


def make(cell, *, features=3, units=6, outputs=2, imu=True, wiring='ncp', seed=0, **options):
    """A network of random weights in PyTorch, and the same for C."""
    torch.manual_seed(seed)
    inputs = features + 6 * imu
    wires = None
    if cell in WIRED:
        draw = {'ncp': auto_ncp, 'full': fully_connected, 'random': random_wiring}[wiring]
        wires = draw(inputs, units, outputs, seed=seed)
    made = make_cell(cell, input_size=inputs, units=units, outputs=outputs, wiring=wires, **options)
    network = PolicyNetwork(
        encoder=ConvEncoder(47, 47, features),
        cell=made,
        channels=outputs,
        imu_scale=(2.0, 9.81) if imu else None,
        time_scale=12.5,
    )
    network.command_mean.normal_()
    network.command_scale.uniform_(0.1, 2.0)
    spec = PolicySpec(
        name=f'n{seed}',
        image=ImageSpec(47, 47),
        imu=ImuSpec(2.0, 9.81) if imu else None,
        outputs=tuple(
            OutputSpec(name, 'rad/s' if name == 'angular_z' else 'm/s', -1.0, 1.0) for name in CHANNELS[:outputs]
        ),
        network=NetworkSpec(
            cell, units, made.state_size, features, 12.5, None if wires is None else wires.to_dict(), options
        ),
        dt_min_s=0.01,
        dt_max_s=0.2,
        files=dict.fromkeys(('weights.safetensors', 'encoder.onnx', 'core.onnx'), 64 * '0'),
    )
    weights = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    return network.double().eval(), Network(spec, weights, spec.name)


@st.composite
def cases(draw):
    """Arguments of :func:`make`."""
    cell = draw(st.sampled_from(sorted(OPTIONS)))
    options = {key: draw(values) for key, values in OPTIONS[cell].items()}
    if options.get('layers') == 'dense':
        options['self_state'] = False
    outputs = draw(st.integers(1, 4))
    sizes = {'features': draw(st.integers(1, 6)), 'outputs': outputs, 'units': draw(st.integers(outputs + 2, 11))}
    wiring = draw(st.sampled_from(['ncp', 'full', 'random']))
    return {'cell': cell, 'imu': draw(st.booleans()), 'wiring': wiring, **sizes, **options}


@needs_compiler
@pytest.mark.slow
# Not shrunk: each try compiles.
@settings(max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(chosen=st.lists(cases(), min_size=12, max_size=12), straight_line=st.booleans(), seed=st.integers(0, 2**31))
def test_any_network_computes_what_torch_does(tmp_path_factory, chosen, straight_line, seed):
    made = [make(**case, seed=i) for i, case in enumerate(chosen)]
    folder = tmp_path_factory.mktemp('cells')
    cores = build([c for _, c in made], folder, straight_line=straight_line, parts=('core',), flags=('-O0',))
    rng = np.random.default_rng(seed)
    for (network, _), core in zip(made, cores, strict=True):
        state = rng.uniform(-1, 1, network.cell.state_size).astype(np.float32)
        for _ in range(4):
            compare(network, core, rng, state)
            state = core.advance(*inputs(core, rng), state, 0.05)[2]


def inputs(core, rng):
    features = rng.uniform(-1, 1, core.spec.network.features).astype(np.float32)
    return features, rng.normal(0, [1, 1, 1, 3, 3, 3]).astype(np.float32) if core.spec.imu else None


def compare(network, core, rng, state):
    """One step of both from the same state."""
    features, imu = inputs(core, rng)
    dt_s = np.float32(np.exp(rng.uniform(math.log(0.001), math.log(1.0))))
    reason, command, state_c, tau = core.advance(features, imu, state, dt_s)
    batch = [None if each is None else torch.from_numpy(each).double()[None] for each in (features, imu, state)]
    with torch.no_grad():
        wanted = network.core(*batch, torch.full((1, 1), float(dt_s), dtype=torch.float64))
    assert reason == ''
    near = {'rtol': 1e-5, 'atol': 1e-5}
    np.testing.assert_allclose(state_c, wanted.hx[0].numpy(), **near)
    np.testing.assert_allclose(command, wanted.command[0].numpy(), **near)
    if wanted.time_constants is None:
        assert np.isnan(tau).all()
    else:
        np.testing.assert_allclose(tau, wanted.time_constants[0].numpy(), rtol=1e-4)


def test_every_cell_and_option_is_known():
    known = {cell: set(options) for cell, options in cells_in_c.OPTIONS.items()}
    assert known == {cell: set(cell_options(cell)) for cell in CELLS}


def test_a_neuron_has_a_comment_with_its_role_and_sources():
    _, network = make('ncp_cfc')
    text = ' '.join(core_source(network).split())
    roles = network.spec.network.wiring['roles']
    synapses = network.spec.network.wiring['sensory_synapses']
    for neuron, role in enumerate(roles):
        said = text.partition(f'Neuron {neuron}, {role}: ')[2].partition('.')[0]
        excited, _, inhibited = said.partition('inhibited by')
        for source, destination, polarity in synapses:
            if destination == neuron and source < network.spec.network.features:
                assert f'feature {source}' in (excited if polarity > 0 else inhibited)


@pytest.mark.parametrize(
    ('cell', 'options', 'said'),
    [
        ('transformer', {}, 'C can be made of the cells cfc, ncp_cfc, ltc, .*Got .transformer.'),
        ('gru', {'mixed_memory': True}, r'mixed_memory: cfc, ncp_cfc, ltc\). Got .gru. with mixed_memory'),
        ('ncp_cfc', {'mode': 'fast'}, 'mode of .ncp_cfc. must be default, no_gate, pure. Got .fast.'),
        ('ltc', {'solver': 'rk4'}, 'with the options ode_unfolds, .*Got .solver.'),
        ('ltc', {'ode_unfolds': 0.5}, 'ode_unfolds of .ltc. must be of type int. Got 0.5'),
    ],
)
def test_what_there_is_no_c_for_is_named(cell, options, said):
    _, network = make('none')
    spec = network.spec.to_json().replace('"cell": "none"', f'"cell": "{cell}"')
    spec = PolicySpec.from_json(spec)
    spec.network.options.update(options)
    with pytest.raises(InputError, match=said):
        core_source(Network(spec, network.weights, 'x'))


@pytest.mark.parametrize(
    'key', ['readout.weight', 'sequence.cell.stages.0.bias', 'sequence.cell.stages.1.neurons.weight']
)
def test_weights_that_do_not_fit_the_spec_are_refused(key):
    _, network = make('ncp_cfc')
    short = network.weights | {key: network.weights[key][..., :-1]}
    with pytest.raises(InputError, match=f'must hold "{key}"'):
        core_source(Network(network.spec, short, 'x'))
    broken = network.weights | {key: np.full_like(network.weights[key], np.nan)}
    with pytest.raises(InputError, match=f'"{key}".*must hold finite float32'):
        core_source(Network(network.spec, broken, 'x'))


@pytest.fixture(scope='module')
def core(tmp_path_factory):
    _, network = make('ncp_cfc')
    return build([network], tmp_path_factory.mktemp('one'))[0]


commands = st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=2)
accelerations = st.lists(st.just(0.0) | st.floats(0.0625, 100, width=32), min_size=2, max_size=2)


@needs_compiler
@given(commands, commands, accelerations, accelerations, st.floats(0.0078125, 1, width=32))
def test_limit_ramps_as_the_controller_does(core, command, ramp, acceleration, deceleration, dt_s):
    limits = Limits(
        ('linear_x', 'linear_y'),
        (-1.0, -1.0),
        (1.0, 1.0),
        tuple(value or math.inf for value in acceleration),
        tuple(slow or fast or math.inf for slow, fast in zip(deceleration, acceleration)),
        (0.0, 0.0),
    )
    wanted, _ = limit(command, ramp, dt_s, limits)
    reason, sent, ramp, state = core.limit(acceleration, deceleration, 0.2, 0, 0.1, dt_s, [0.5] * 6, ramp, command)
    assert reason == ''
    np.testing.assert_allclose(sent, wanted, atol=1e-5)
    np.testing.assert_array_equal(ramp, sent)
    assert (state == 0.5).all()


@needs_compiler
@pytest.mark.parametrize(
    ('reason', 'age_s', 'dt_s', 'said'),
    [
        (0, 0.21, 0.02, 'image'),
        (0, math.nan, 0.02, 'image'),
        (0, math.inf, 0.02, 'image'),
        (0, 0.1, 0.0, 'time'),
        (0, 0.1, math.nan, 'time'),
        (3, 0.1, 0.02, 'imu'),
    ],
)
def test_a_stop_goes_past_the_ramp_and_resets(core, reason, age_s, dt_s, said):
    made = core.limit([1, 1], [1, 1], 0.2, reason, age_s, dt_s, [0.5] * 6, [0.9, -0.9], [1, 1])
    assert made[0] == said
    for each in made[1:]:
        assert (each == 0.0).all()


@needs_compiler
@pytest.mark.parametrize('which', range(6))
def test_a_step_refuses_what_no_imu_measures(core, which):
    imu = np.zeros(6)
    imu[which] = 100.1 if which < 3 else -2000.1
    reason, command, state, _ = core.step([0.1] * 3, imu, [0.5] * 6, 0.02)
    assert reason == 'imu'
    assert (command == 0.0).all()
    assert (state == 0.0).all()


@needs_compiler
def test_a_step_holds_ranges_and_time(core):
    features, imu = [0.1] * 3, np.zeros(6)
    _, raw, _, _ = core.advance(features, imu, [0.5] * 6, 0.2)
    reason, command, _, _ = core.step(features, imu, [0.5] * 6, 30.0)
    assert reason == ''
    np.testing.assert_array_equal(command, np.clip(raw, -1, 1))


@needs_compiler
@pytest.mark.slow
def test_oscillators_turn_as_torch_says_through_any_angle(tmp_path):
    made, network = make('dlinoss', units=9, features=5)
    with torch.no_grad():
        made.cell.omega_raw.copy_(torch.logspace(-2, 2.3, 9))  # up to 2,500 rad in a step of a second
        network.weights['sequence.cell.omega_raw'][:] = made.cell.omega_raw.numpy()
    core = build([network], tmp_path, parts=('core',))[0]
    rng = np.random.default_rng(2)
    alpha, omega = (getattr(made.cell, each).detach().numpy() for each in ('alpha', 'omega'))
    for _ in range(50):
        state, dt_s = rng.uniform(-1, 1, 27).astype(np.float32), np.float32(rng.uniform(0.001, 1.0))
        given = inputs(core, rng)
        # What a step makes of a state, without what it makes of the inputs, is a turn and a decay.
        moved, still = (core.advance(*given, each, dt_s)[2].astype(float) for each in (state, np.zeros_like(state)))
        turned = (moved - still)[9:18] + 1j * (moved - still)[18:]
        t = dt_s * np.float32(12.5)
        angle = omega.astype(np.float32) * t  # in float32: at 2,500 rad its last digit counts
        wanted = np.exp(-alpha * float(t) - 1j * angle.astype(float)) * (state[9:18] + 1j * state[18:])
        np.testing.assert_allclose(turned, wanted, rtol=0, atol=5e-6)
