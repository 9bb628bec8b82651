"""Tiny real bundles for tests: an encoder and a core built with onnx, small enough to be checked by hand."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lnn_controller.policy import ImageSpec, ImuSpec, NetworkSpec, OutputSpec, PolicySpec, write_bundle
from lnn_controller.policy.spec import CHANNEL_UNITS

STRIPES = 4
FEATURES = 3 * STRIPES
UNITS = 5
CAR = (OutputSpec('linear_x', 'm/s', 0.0, 2.0), OutputSpec('angular_z', 'rad/s', -1.5, 1.5))
DRONE = tuple(OutputSpec(name, unit, -1.0, 1.0) for name, unit in CHANNEL_UNITS.items())
DRONE = (
    OutputSpec('linear_x', 'm/s', -2.0, 2.0),
    OutputSpec('linear_y', 'm/s', -1.5, 1.5),
    OutputSpec('linear_z', 'm/s', -1.0, 1.0),
    OutputSpec('angular_z', 'rad/s', -1.5, 1.5),
)


def tiny_spec(*, imu=True, name='tiny', height=12, width=16, outputs=CAR, **changes):
    """A spec that fits the tiny graphs; ``changes`` replace any field of it."""
    given = {
        'name': name,
        'image': ImageSpec(height, width),
        'imu': ImuSpec(gyro_scale=1.0, accel_scale=9.81) if imu else None,
        'outputs': tuple(outputs),
        'network': NetworkSpec('leaky_integrator', UNITS, UNITS, FEATURES, time_scale=4.0),
        'dt_min_s': 0.005,
        'dt_max_s': 0.15,
        'provenance': {'seed': 7, 'bags': [], 'parameters': 120, 'metrics': {'cross_track_error_rms_m': 0.03}},
    }
    return PolicySpec(**(given | changes))


def _model(nodes, inputs, outputs, constants):
    initialisers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, 'tiny', inputs, outputs, initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _float(name, width):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width])


def _trouble(kind, features):
    """Nodes that hang, throw or give NaN where all features are near one (a white picture), and else give zero."""
    if kind == 'is NaN':
        nodes = [
            helper.make_node('ReduceMin', [features], ['darkest'], keepdims=0),
            helper.make_node('Greater', ['darkest', 'near_one'], ['is_white']),
            helper.make_node('Where', ['is_white', 'not_a_number', 'zero'], ['trouble']),
        ]
        return nodes, {'near_one': np.float32(0.99), 'not_a_number': np.float32(np.nan)}
    constants = {
        'near_one': np.float32(0.99),
        'steps': np.int64(10**15 if kind == 'hangs' else 0),
        'beyond': np.int64(10**6 if kind == 'throws' else 0),
        'go_on': np.bool_(True),
        'nothing': np.zeros(1, np.float32),
    }
    scalar = helper.make_tensor_value_info('turn', TensorProto.INT64, [])
    go_on, gone_on = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ('on', 'still_on'))
    before, after = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ('before', 'after'))
    turn = helper.make_graph(
        [helper.make_node('Identity', ['on'], ['still_on']), helper.make_node('Neg', ['before'], ['after'])],
        'turn',
        [scalar, go_on, before],
        [gone_on, after],
    )
    nodes = [
        helper.make_node('ReduceMin', [features], ['darkest'], keepdims=0),
        helper.make_node('Greater', ['darkest', 'near_one'], ['is_white']),
        helper.make_node('Cast', ['is_white'], ['white'], to=TensorProto.INT64),
        helper.make_node('Mul', ['white', 'steps'], ['turns']),
        helper.make_node('Loop', ['turns', 'go_on', 'nothing'], ['turned'], body=turn),
        helper.make_node('Mul', ['white', 'beyond'], ['place']),
        helper.make_node('Gather', ['turned', 'place'], ['trouble'], axis=0),
    ]
    return nodes, constants


def tiny_encoder(spec, *, features=FEATURES, trouble=''):
    """uint8 frame → mean of each colour in four stripes from left to right, 0 … 1."""
    height, width = spec.image.height, spec.image.width
    stripe = width // STRIPES
    nodes = [
        helper.make_node('Cast', ['image'], ['pixels'], to=TensorProto.FLOAT),
        helper.make_node('Div', ['pixels', 'full'], ['unit']),
        helper.make_node('Transpose', ['unit'], ['chw'], perm=[0, 3, 1, 2]),
        helper.make_node('AveragePool', ['chw'], ['pooled'], kernel_shape=[height, stripe], strides=[height, stripe]),
        helper.make_node('Flatten', ['pooled'], ['stripes']),
        helper.make_node('MatMul', ['stripes', 'mix'], ['mixed' if trouble else 'features']),
    ]
    more = {}
    if trouble:
        troubles, more = _trouble(trouble, 'mixed')
        nodes += [*troubles, helper.make_node('Add', ['mixed', 'trouble'], ['features'])]
    image = helper.make_tensor_value_info('image', TensorProto.UINT8, [1, height, width, 3])
    constants = {'full': np.float32(255.0), 'mix': np.eye(FEATURES, features, dtype=np.float32)} | more
    return _model(nodes, [image], [_float('features', features)], constants)


def tiny_attention(spec):
    """uint8 frame → its green, 0 … 1."""
    height, width = spec.image.height, spec.image.width
    nodes = [
        helper.make_node('Gather', ['image', 'green'], ['shades'], axis=3),
        helper.make_node('Cast', ['shades'], ['floats'], to=TensorProto.FLOAT),
        helper.make_node('Div', ['floats', 'full'], ['attention']),
    ]
    image = helper.make_tensor_value_info('image', TensorProto.UINT8, [1, height, width, 3])
    seen = helper.make_tensor_value_info('attention', TensorProto.FLOAT, [1, height, width])
    return _model(nodes, [image], [seen], {'green': np.int64(1), 'full': np.float32(255.0)})


def tiny_core(spec, *, seed=0, time_constants=True, not_finite='', gain=1.0, trouble=''):
    """A leaky integrator: hx' = hx + Δt · time_scale · (W inputs − hx), command = V hx'."""
    random = np.random.default_rng(seed)
    channels, inputs = len(spec.outputs), FEATURES + (6 if spec.imu else 0)
    constants = {
        'W': random.normal(0.0, 0.5, (inputs, UNITS)).astype(np.float32),
        'V': (gain * random.normal(0.0, 1.0, (UNITS, channels))).astype(np.float32),
        'time_scale': np.float32(spec.network.time_scale),
        'tau': np.full((1, UNITS), 1.0 / spec.network.time_scale, np.float32),
        'zero': np.float32(0.0),
    }
    nodes = []
    given = [_float('features', FEATURES)]
    if spec.imu:
        given.append(_float('imu', 6))
        scales = [spec.imu.gyro_scale] * 3 + [spec.imu.accel_scale] * 3
        constants['scales'] = np.array([scales], np.float32)
        nodes += [
            helper.make_node('Div', ['imu', 'scales'], ['scaled_imu']),
            helper.make_node('Concat', ['features', 'scaled_imu'], ['inputs'], axis=1),
        ]
    else:
        nodes += [helper.make_node('Identity', ['features'], ['inputs'])]
    nodes += [
        helper.make_node('MatMul', ['inputs', 'W'], ['drive']),
        helper.make_node('Sub', ['drive', 'hx'], ['away']),
        helper.make_node('Mul', ['dt', 'time_scale'], ['network_dt']),
        helper.make_node('Mul', ['away', 'network_dt'], ['change']),
        helper.make_node('Add', ['hx', 'change'], ['neurons']),
        helper.make_node('MatMul', ['neurons', 'V'], ['read' if trouble else 'readout']),
    ]
    if trouble:
        troubles, more = _trouble(trouble, 'features')
        constants |= more
        nodes += [*troubles, helper.make_node('Add', ['read', 'trouble'], ['readout'])]
    if not_finite:  # 0/0 is NaN at run time, whatever the input
        nodes.append(helper.make_node('Div', ['zero', 'zero'], ['nan']))
    for what, output, source in (
        ('command', 'command', 'readout'),
        ('state', 'hx_next', 'neurons'),
        ('basis', 'basis', 'neurons'),
    ):
        nodes.append(helper.make_node('Add', [source, 'nan' if what == not_finite else 'zero'], [output]))
    outputs = [_float('command', channels), _float('hx_next', UNITS), _float('basis', UNITS)]
    if time_constants:
        nodes.append(helper.make_node('Identity', ['tau'], ['time_constants']))
        outputs.append(_float('time_constants', UNITS))
    return _model(nodes, [*given, _float('hx', UNITS), _float('dt', 1)], outputs, constants)


def make_tiny_bundle(
    path,
    *,
    imu=True,
    seed=0,
    time_constants=True,
    not_finite='',
    gain=1.0,
    encoder=None,
    core=None,
    attention=False,
    **changes,
):
    """
    Write a tiny but real bundle.

    :param path: where it goes; also names the policy unless ``changes`` has a name
    :param imu: whether the policy needs an IMU
    :param seed: of the core's weights
    :param time_constants: whether the core tells its time constants
    :param not_finite: 'command', 'state' or 'basis': which output of the core is NaN; '': neither
    :param gain: factor on the commands, to drive them into the limits
    :param encoder: bytes that replace the encoder
    :param core: bytes that replace the core
    :param attention: whether it has a map of attention, or the bytes of one
    :param changes: fields of the spec to replace, and height, width of the image
    :returns: the bundle's folder
    """
    path = Path(path)
    spec = tiny_spec(imu=imu, **({'name': path.name} | changes))
    encoder = tiny_encoder(spec) if encoder is None else encoder
    if core is None:
        core = tiny_core(spec, seed=seed, time_constants=time_constants, not_finite=not_finite, gain=gain)
    if attention is True:
        attention = tiny_attention(spec)
    write_bundle(path, spec, b'no training weights', encoder, core, attention or None)
    return path
