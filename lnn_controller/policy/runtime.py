"""A loaded policy: the encoder and the liquid core as onnxruntime sessions, one thread, float32."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.policy.bundle import Bundle, find_policy, read_bundle
from lnn_controller.policy.spec import PolicySpec

__all__ = ['Policy', 'PolicyStep']

Array = NDArray[np.float32]


class PolicyStep(NamedTuple):
    """
    What one step of the liquid core gives; whether it is finite is for the controller to check.

    :param command: in the spec's units and order, (C,) float32
    :param hx: next hidden state, (S,) float32
    :param basis: the neurons' states, which the readout is linear in, (N,) float32
    :param time_constants: effective time constants, s, (N,) float32, or ``None`` where the cell has none
    """

    command: Array
    hx: Array
    basis: Array
    time_constants: Array | None


class Policy:
    """
    A policy that can drive: :meth:`encode` once per camera frame, :meth:`step` once per control tick.

    It keeps no state of a drive: the hidden state goes in and comes out. One thread may encode while another steps.

    :param bundle: a checked bundle
    :param threads: threads per session; 1 is fastest for networks of this size and leaves the other cores alone
    :raises InputError: if a graph cannot be loaded, or its inputs and outputs are not those that the spec calls for
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        if threads < 1:
            raise InputError(f'threads must be at least 1. Got {threads}')
        self.spec: PolicySpec = bundle.spec
        self.path: Path = bundle.path
        spec = self.spec
        image, network = spec.image, spec.network
        shape = (1, image.height, image.width, image.channels)
        self._encoder = _session(bundle.path / 'encoder.onnx', bundle.encoder, threads)
        _check(bundle.path / 'encoder.onnx', 'inputs', self._encoder.get_inputs(), {'image': ('tensor(uint8)', shape)})
        features = _floats(features=network.features)
        _check(bundle.path / 'encoder.onnx', 'outputs', self._encoder.get_outputs(), features)

        self._core = _session(bundle.path / 'core.onnx', bundle.core, threads)
        given = features | (_floats(imu=6) if spec.imu else {}) | _floats(hx=network.state_size, dt=1)
        _check(bundle.path / 'core.onnx', 'inputs', self._core.get_inputs(), given)
        made = _floats(command=len(spec.outputs), hx_next=network.state_size, basis=network.units)
        names = [output.name for output in self._core.get_outputs()]
        if 'time_constants' in names:
            made |= _floats(time_constants=network.units)
        _check(bundle.path / 'core.onnx', 'outputs', self._core.get_outputs(), made)
        self._made = list(made)
        self._image_shape = shape

    @classmethod
    def load(cls, name_or_path: str | Path, *, threads: int = 1) -> 'Policy':
        """
        Load a policy and run it once, so that no later step pays for first use.

        :param name_or_path: folder of a bundle, or a shipped policy's name
        :param threads: threads per session
        :returns: the policy
        :raises InputError: if there is no such policy or its bundle is not whole (see :func:`read_bundle`)
        """
        policy = cls(read_bundle(find_policy(name_or_path)), threads=threads)
        policy.warmup()
        return policy

    def initial_state(self) -> Array:
        """
        Return the hidden state that a drive starts with.

        :returns: zeros, (S,) float32
        """
        return np.zeros(self.spec.network.state_size, np.float32)

    def warmup(self) -> None:
        """
        Run both graphs once on zeros.

        :raises InputError: if a graph loads but cannot run
        """
        try:
            features = self.encode(np.zeros(self._image_shape[1:], np.uint8))
            imu = np.zeros(6, np.float32) if self.spec.imu else None
            self.step(features, imu, self.initial_state(), self.spec.dt_min_s)
        except Exception as error:  # onnxruntime's errors share no base class below Exception
            raise InputError(
                f'{self.path}: both graphs must run on a frame of zeros. Got: {_one_line(error)}'
            ) from None

    def encode(self, image: NDArray[np.uint8]) -> Array:
        """
        Turn a frame into features.

        :param image: rgb8 frame of the spec's size (see :func:`fit_frame`), (H, W, 3) uint8
        :returns: features, (F,) float32
        :raises InputError: if the frame has another shape or type
        """
        if image.shape != self._image_shape[1:] or image.dtype != np.uint8:
            wanted = self._image_shape[1:]
            raise InputError(f'a frame must be {wanted}, uint8 (use fit_frame). Got {image.shape}, {image.dtype}')
        # run() and not I/O binding: the encoder gains nothing by it; the core's gain, 5 of 12 µs, goes half to the
        # copies that then keep one step's arrays from being overwritten by the next.
        features: Array = self._encoder.run(['features'], {'image': image[np.newaxis]})[0][0]
        return features

    def step(self, features: Array, imu: Array | None, hx: Array, dt_s: float) -> PolicyStep:
        """
        Advance the liquid core by one control period.

        :param features: encoder output of the newest frame, (F,) float32
        :param imu: gyro (rad/s) xyz then accelerometer (m/s²) xyz, unscaled, (6,) float32; ``None`` (or ignored) for
            a policy without IMU
        :param hx: hidden state, (S,) float32
        :param dt_s: time since the last step, s, > 0
        :returns: command, next hidden state, basis and time constants, in arrays of their own
        :raises ValueError: if ``dt_s`` is not positive, the IMU is missing, or a shape differs from the spec
        """
        if not dt_s > 0:
            raise ValueError(f'dt_s must be positive. Got {dt_s}')
        network = self.spec.network
        if features.shape != (network.features,) or hx.shape != (network.state_size,):
            wanted = f'features ({network.features},) and hx ({network.state_size},)'
            raise ValueError(f'step needs {wanted}. Got {features.shape} and {hx.shape}')
        feed: dict[str, Any] = {
            'features': features[np.newaxis],
            'hx': hx[np.newaxis],
            'dt': np.array([[dt_s]], np.float32),
        }
        if self.spec.imu is not None:
            if imu is None or imu.shape != (6,):
                raise ValueError(f'step needs imu (6,) for this policy. Got {None if imu is None else imu.shape}')
            feed['imu'] = imu[np.newaxis]
        made = self._core.run(self._made, feed)
        return PolicyStep(made[0][0], made[1][0], made[2][0], made[3][0] if len(made) > 3 else None)


def _floats(**widths: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: ('tensor(float)', (1, width)) for name, width in widths.items()}


def _session(file: Path, graph: bytes, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A waiting thread that spins would steal the core that the camera driver needs.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.add_session_config_entry('session.inter_op.allow_spinning', '0')
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(graph, options, providers=['CPUExecutionProvider'])
    except Exception as error:  # onnxruntime's errors share no base class below Exception
        raise InputError(f'{file}: must be an ONNX graph that onnxruntime loads. Got: {_one_line(error)}') from None


def _one_line(error: Exception) -> str:
    return re.sub(r'\s+', ' ', str(error)).strip()[:200]


def _check(file: Path, kind: str, found: list[Any], wanted: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    """Compare a graph's inputs or outputs with the spec; the batch dimension may be left open in the graph."""
    graph = {item.name: (item.type, tuple(item.shape)) for item in found}
    if set(graph) != set(wanted):
        raise InputError(f'{file}: must have the {kind} {", ".join(sorted(wanted))}. Got {", ".join(sorted(graph))}')
    for name, (type_, shape) in wanted.items():
        got_type, got_shape = graph[name]
        batch_fits = got_shape[:1] == (1,) or (len(got_shape) > 0 and not isinstance(got_shape[0], int))
        if got_type != type_ or not batch_fits or got_shape[1:] != shape[1:]:
            raise InputError(
                f'{file}: "{name}" must be {type_} {shape}, as {kind} of this spec. Got {got_type} {got_shape}'
            )
