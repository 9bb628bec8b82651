"""A policy's network in its own C, and how it is held against ONNX Runtime before it is used."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.policy.frame import rows_kept
from lnn_controller.policy.native import Native
from lnn_controller.policy.spec import PolicySpec
from lnn_controller.policy.step import Array, PolicyStep, check_frame, check_step

__all__ = ['Differences', 'NativeNetwork', 'check_agreement']

MISFIT = -1
_OF_ANOTHER = 'a compiled policy must take what its spec says. Got a library that does not: run lnn compile again'
# Of features, which are within ±1; of commands and states, as shares of the largest; of time constants, of each.
MOST_FEATURES, MOST_STEP, MOST_TIME_CONSTANTS = 5e-5, 2e-5, 1e-3
CHECK_STEPS = 12


class Network(Protocol):
    """What either runtime offers."""

    def encode(self, image: NDArray[np.uint8]) -> Array: ...
    def step(self, features: Array, imu: Array | None, hx: Array, dt_s: float) -> PolicyStep: ...


class NativeNetwork:
    """
    The functions of a compiled library as those of a policy.

    :param spec: of the policy
    :param native: its functions
    """

    def __init__(self, spec: PolicySpec, native: Native) -> None:
        self._spec, self._encode, self._step, self._fit = spec, native.encode, native.step, native.fit
        network, image = spec.network, spec.image
        self._shape = image.height, image.width, image.channels
        self._features = network.features
        # What a picture's size makes of the weights is kept in it; each thread that fits has one of its own.
        self._rooms: list[NDArray[np.uint8]] = []
        command, state, units = len(spec.outputs), network.state_size, network.units
        self._command = slice(0, command)
        self._hx = slice(command, command + state)
        self._basis = slice(command + state, command + state + units)
        self._time_constants = slice(command + state + units, command + state + 2 * units)
        self._made = self._time_constants.stop if native.has_time_constants else self._basis.stop

    def encode(self, image: NDArray[np.uint8]) -> Array:
        """
        As :meth:`Policy.encode`; other threads go on meanwhile.

        :param image: rgb8 frame of the spec's size, (H, W, 3) uint8
        :returns: features, (F,) float32
        :raises InputError: if the frame has another shape or type
        """
        features = np.empty(self._features, np.float32)
        if self._encode(image, features):
            check_frame(self._spec, image)
            if self._encode(np.ascontiguousarray(image), features):
                raise InputError(_OF_ANOTHER)
        return features

    def step(self, features: Array, imu: Array | None, hx: Array, dt_s: float) -> PolicyStep:
        """
        As :meth:`Policy.step`; what is not finite makes all of it NaN.

        :param features: encoder output of the newest frame, (F,) float32
        :param imu: gyro, then accelerometer, (6,) float32
        :param hx: hidden state, (S,) float32
        :param dt_s: time since the last step, s, > 0
        :returns: command, next hidden state, basis and time constants
        :raises ValueError: if ``dt_s`` is not positive, the IMU is missing, or a shape or type differs from the spec
        """
        made = np.empty(self._made, np.float32)
        reason = self._step(features, imu, hx, dt_s, made)
        if reason:
            check_step(self._spec, features, imu, hx, dt_s)
            if reason == MISFIT:
                imu = None if imu is None else np.ascontiguousarray(imu)
                reason = self._step(np.ascontiguousarray(features), imu, np.ascontiguousarray(hx), dt_s, made)
            if reason == MISFIT:
                raise InputError(_OF_ANOTHER)
            if reason:
                made.fill(np.nan)
        time_constants = made[self._time_constants] if self._made > self._basis.stop else None
        return PolicyStep(made[self._command], made[self._hx], made[self._basis], time_constants)

    def fit(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """
        Crop and shrink a frame; other threads go on meanwhile.

        :param image: rgb8 frame, (H, W, 3) uint8
        :returns: contiguous frame of the spec's size; ``None`` for one that must be enlarged, is right as it is, or is
            no frame
        """
        if getattr(image, 'ndim', 0) != 3 or image.shape == self._shape:
            return None
        image = image[rows_kept(len(image), self._spec.image)]
        frame = np.empty(self._shape, np.uint8)
        try:
            room = self._rooms.pop()
        except IndexError:  # other threads have them
            room = np.zeros(0, np.uint8)
        needed = self._fit(image, frame, room)
        if needed > 0:
            room = np.zeros(needed, np.uint8)
            needed = self._fit(image, frame, room)
        self._rooms.append(room)
        return frame if needed == 0 else None


@dataclass
class Differences:
    """
    Largest differences between two runtimes.

    :param features: of the features
    :param step: of command, state and neurons, relative to the largest of each where that is above 1
    """

    features: float = 0.0
    step: float = 0.0


def check_agreement(spec: PolicySpec, onnx: Network, native: Network, steps: int = CHECK_STEPS) -> Differences:
    """
    Hold a compiled network against ONNX Runtime: frames of noise, of a smooth picture and of one colour, each through
    both, then single steps from the states of a drive with Δt and IMU at random.

    :param spec: of the policy
    :param onnx: the reference
    :param native: the other
    :param steps: how many
    :returns: the largest differences
    :raises InputError: if they are larger than rounding explains, or one gives what is not finite where the other does
        not
    """
    rng, found = np.random.default_rng(0), Differences()
    image = spec.image
    y, x = np.mgrid[: image.height, : image.width]
    smooth = np.stack([128 + 100 * np.sin(x / 7), 255 * y / image.height, 128 + 90 * np.cos((x + y) / 20)], -1)
    frames = [smooth.astype(np.uint8), np.full_like(smooth, 37, np.uint8)]
    frames += [rng.integers(0, 256, smooth.shape, np.uint8) for _ in range(2)]
    features = [onnx.encode(frame) for frame in frames]
    for frame, expected in zip(frames, features, strict=True):
        found.features = max(found.features, _difference('features', native.encode(frame), expected, MOST_FEATURES))
    hx = np.zeros(spec.network.state_size, np.float32)
    scales = np.repeat((spec.imu.gyro_scale, spec.imu.accel_scale), 3) if spec.imu else np.zeros(6)
    for number in range(steps):
        imu = rng.normal(0.0, scales).astype(np.float32) if spec.imu else None
        given = features[number % len(features)], imu, hx, rng.uniform(spec.dt_min_s, spec.dt_max_s)
        wanted = onnx.step(*given)
        found.step = max(found.step, _step_difference(native.step(*given), wanted))
        hx = wanted.hx if np.isfinite(wanted.hx).all() else np.zeros_like(hx)
    return found


def _step_difference(made: PolicyStep, wanted: PolicyStep) -> float:
    if not all(np.isfinite(each).all() for each in wanted[:3]):
        if all(np.isfinite(each).all() for each in made[:3]):
            raise InputError(
                'a compiled policy must give NaN where ONNX Runtime does. Got numbers: run lnn compile again'
            )
        return 0.0
    largest = 0.0
    for name in ('command', 'hx', 'basis'):
        values, scale = getattr(wanted, name), max(1.0, float(np.abs(getattr(wanted, name)).max()))
        largest = max(largest, _difference(name, getattr(made, name) / scale, values / scale, MOST_STEP))
    if (made.time_constants is None) != (wanted.time_constants is None):
        raise InputError('a compiled policy must have time constants where ONNX Runtime has. Got them of one alone')
    if made.time_constants is not None and wanted.time_constants is not None:
        ratio = made.time_constants / wanted.time_constants
        _difference('time constants', ratio, np.ones_like(ratio), MOST_TIME_CONSTANTS)
    return largest


def _difference(what: str, made: Array, expected: Array, most: float) -> float:
    difference = float(np.abs(made - expected).max()) if made.shape == expected.shape else np.inf
    if not difference <= most:
        raise InputError(
            f'a compiled policy must give the {what} of ONNX Runtime, within {most:.1g}. Got a difference of '
            f'{difference:.1g}: run lnn compile again'
        )
    return difference
