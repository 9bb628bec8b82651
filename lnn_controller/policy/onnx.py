"""A policy's network in ONNX Runtime: encoder and liquid core as sessions of one thread, float32."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.policy.bundle import Bundle
from lnn_controller.policy.step import Array, PolicyStep, check_frame, check_step

__all__ = ['OnnxNetwork', 'check_ports', 'one_line', 'session']


class OnnxNetwork:
    """
    The two graphs of a bundle, run once, so that no later step pays for first use.

    :param bundle: a checked bundle
    :param threads: threads per session
    :raises InputError: if a graph cannot be loaded or does not run, or its inputs and outputs are not those that the
        spec calls for
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        if threads < 1:
            raise InputError(f'threads must be at least 1. Got {threads}')
        self._spec = spec = bundle.spec
        image, network = spec.image, spec.network
        shape = (1, image.height, image.width, image.channels)
        self._encoder = session(bundle.path / 'encoder.onnx', bundle.encoder, threads)
        check_ports(
            bundle.path / 'encoder.onnx', 'inputs', self._encoder.get_inputs(), {'image': ('tensor(uint8)', shape)}
        )
        features = _floats(features=network.features)
        check_ports(bundle.path / 'encoder.onnx', 'outputs', self._encoder.get_outputs(), features)

        self._core = session(bundle.path / 'core.onnx', bundle.core, threads)
        given = features | (_floats(imu=6) if spec.imu else {}) | _floats(hx=network.state_size, dt=1)
        check_ports(bundle.path / 'core.onnx', 'inputs', self._core.get_inputs(), given)
        made = _floats(command=len(spec.outputs), hx_next=network.state_size, basis=network.units)
        names = [output.name for output in self._core.get_outputs()]
        if 'time_constants' in names:
            made |= _floats(time_constants=network.units)
        check_ports(bundle.path / 'core.onnx', 'outputs', self._core.get_outputs(), made)
        self._made = list(made)
        self._warm_up(bundle.path, shape[1:])

    def encode(self, image: NDArray[np.uint8]) -> Array:
        """
        As :meth:`Policy.encode`.

        :param image: rgb8 frame of the spec's size, (H, W, 3) uint8
        :returns: features, (F,) float32
        :raises InputError: if the frame has another shape or type
        """
        check_frame(self._spec, image)
        # run() and not I/O binding: the encoder gains nothing by it; the core's gain, 5 of 12 µs, goes half to the
        # copies that then keep one step's arrays from being overwritten by the next.
        features: Array = self._encoder.run(['features'], {'image': image[np.newaxis]})[0][0]
        return features

    def step(self, features: Array, imu: Array | None, hx: Array, dt_s: float) -> PolicyStep:
        """
        As :meth:`Policy.step`.

        :param features: encoder output of the newest frame, (F,) float32
        :param imu: gyro, then accelerometer, (6,) float32
        :param hx: hidden state, (S,) float32
        :param dt_s: time since the last step, s, > 0
        :returns: command, next hidden state, basis and time constants
        :raises ValueError: if ``dt_s`` is not positive, the IMU is missing, or a shape or type differs from the spec
        """
        check_step(self._spec, features, imu, hx, dt_s)
        feed: dict[str, Any] = {
            'features': features[np.newaxis],
            'hx': hx[np.newaxis],
            'dt': np.array([[dt_s]], np.float32),
        }
        if self._spec.imu is not None and imu is not None:
            feed['imu'] = imu[np.newaxis]
        made = self._core.run(self._made, feed)
        return PolicyStep(made[0][0], made[1][0], made[2][0], made[3][0] if len(made) > 3 else None)

    def _warm_up(self, path: Path, shape: tuple[int, ...]) -> None:
        try:
            features = self.encode(np.zeros(shape, np.uint8))
            imu = np.zeros(6, np.float32) if self._spec.imu else None
            self.step(features, imu, np.zeros(self._spec.network.state_size, np.float32), self._spec.dt_min_s)
        except Exception as error:  # onnxruntime's errors share no base class below Exception
            raise InputError(f'{path}: both graphs must run on a frame of zeros. Got: {one_line(error)}') from None


def _floats(**widths: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: ('tensor(float)', (1, width)) for name, width in widths.items()}


def session(file: Path, graph: bytes, threads: int) -> ort.InferenceSession:
    """
    Load a graph.

    :param file: where it is from, for errors
    :param graph: ONNX
    :param threads: of its own
    :returns: what runs it
    :raises InputError: if it does not load
    """
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
        raise InputError(f'{file}: must be an ONNX graph that onnxruntime loads. Got: {one_line(error)}') from None


def one_line(error: Exception) -> str:
    """
    Write what onnxruntime raised in a line.

    :param error: of any class
    :returns: at most 200 characters
    """
    return re.sub(r'\s+', ' ', str(error)).strip()[:200]


def check_ports(file: Path, kind: str, found: list[Any], wanted: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """
    Compare a graph's inputs or outputs with the spec; the batch dimension may be left open in the graph.

    :param file: where it is from, for errors
    :param kind: ``inputs`` or ``outputs``
    :param found: as onnxruntime lists them
    :param wanted: type and shape by name
    :raises InputError: if they differ
    """
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
