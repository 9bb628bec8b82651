"""A loaded policy, and what computes it: ONNX Runtime, or the policy's own C where this machine has compiled it."""

import logging
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.policy.attention import AttentionNetwork
from lnn_controller.policy.bundle import Bundle, find_policy, read_bundle
from lnn_controller.policy.frame import fit_frame
from lnn_controller.policy.native import find_native, lanes
from lnn_controller.policy.native_network import NativeNetwork, check_agreement
from lnn_controller.policy.onnx import OnnxNetwork
from lnn_controller.policy.spec import PolicySpec
from lnn_controller.policy.step import Array, PolicyStep

__all__ = ['RUNTIMES', 'Policy']

#: what may compute a policy: C where it was compiled and agrees with ONNX Runtime, else that; or only the one named
RUNTIMES = ('auto', 'onnx', 'native')


class Policy:
    """
    A policy that can drive: :meth:`encode` once per camera frame, :meth:`step` once per control tick.

    It keeps no state of a drive: the hidden state goes in and comes out. One thread may encode while another steps.

    :param bundle: a checked bundle
    :param threads: threads of ONNX Runtime per graph; 1 is fastest for networks of this size and leaves the other
        cores alone
    :param runtime: one of :data:`RUNTIMES`
    :raises InputError: if a graph cannot be loaded or run, its inputs and outputs are not those that the spec calls
        for, or with ``native`` there is no compiled library that agrees with it
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, runtime: str = 'auto') -> None:
        if runtime not in RUNTIMES:
            raise InputError(f'a runtime must be one of {", ".join(RUNTIMES)}. Got {runtime!r}')
        self.spec: PolicySpec = bundle.spec
        self.path: Path = bundle.path
        #: what was asked for, one of :data:`RUNTIMES`
        self.asked = runtime
        #: what computes it, ``onnx`` or ``native``
        self.runtime = 'onnx'
        #: by whom, and why not otherwise, in words
        self.runtime_note = 'ONNX Runtime, as asked'
        onnx = OnnxNetwork(bundle, threads=threads)
        native = None if runtime == 'onnx' else self._native(onnx)
        if native is None and runtime == 'native':
            raise InputError(f'the runtime native needs {bundle.path} compiled. Got {self.runtime_note}')
        self._network: OnnxNetwork | NativeNetwork = native or onnx
        self._bundle = bundle

    @classmethod
    def load(cls, name_or_path: str | Path, *, threads: int = 1, runtime: str = 'auto') -> 'Policy':
        """
        Load a policy and run it once, so that no later step pays for first use.

        :param name_or_path: folder of a bundle, or a shipped policy's name
        :param threads: threads of ONNX Runtime per graph
        :param runtime: one of :data:`RUNTIMES`
        :returns: the policy
        :raises InputError: if there is no such policy, its bundle is not whole (see :func:`read_bundle`), or it cannot
            be computed as asked
        """
        return cls(read_bundle(find_policy(name_or_path)), threads=threads, runtime=runtime)

    def initial_state(self) -> Array:
        """
        Return the hidden state that a drive starts with.

        :returns: zeros, (S,) float32
        """
        return np.zeros(self.spec.network.state_size, np.float32)

    def fit(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """
        Crop and resize a frame to what the encoder takes: as :func:`fit_frame`, to the bit, but faster in C.

        :param image: rgb8 frame of any size, (H, W, 3) uint8
        :returns: contiguous frame, (H, W, 3) uint8 of the spec's size
        :raises InputError: if it is no such frame
        """
        if isinstance(self._network, NativeNetwork) and (frame := self._network.fit(image)) is not None:
            return frame
        return fit_frame(image, self.spec.image)

    def encode(self, image: NDArray[np.uint8]) -> Array:
        """
        Turn a frame into features.

        :param image: rgb8 frame of the spec's size (see :meth:`fit`), (H, W, 3) uint8
        :returns: features, (F,) float32
        :raises InputError: if the frame has another shape or type
        """
        return self._network.encode(image)

    @property
    def has_attention(self) -> bool:
        """Whether its bundle has the graph that :meth:`attention` runs."""
        return self._bundle.attention is not None

    @cached_property
    def _attention(self) -> AttentionNetwork:
        """Loaded when it is first asked for: who only drives need not pay for it."""
        return AttentionNetwork(self._bundle)

    def attention(self, image: NDArray[np.uint8]) -> Array:
        """
        Map where in a frame the encoder's convolutions answer, by VisualBackProp: what it may use, not what it does.

        Driving needs none of it; a thread of its own may call this.

        :param image: rgb8 frame of the spec's size (see :meth:`fit`), (H, W, 3) uint8
        :returns: 0 … 1, (H, W) float32
        :raises InputError: if the frame has another shape or type, or the bundle has no such graph, or one that does
            not fit the policy's frame
        """
        if not self.has_attention:
            raise InputError(
                f'a map of attention needs a bundle with attention.onnx. Got {self.path} without: write it anew with '
                f'lnn export {self.path} --target attention --out DIR'
            )
        return self._attention(image)

    def step(self, features: Array, imu: Array | None, hx: Array, dt_s: float) -> PolicyStep:
        """
        Advance the liquid core by one control period.

        :param features: encoder output of the newest frame, (F,) float32
        :param imu: gyro (rad/s) xyz then accelerometer (m/s²) xyz, unscaled, (6,) float32; ``None`` (or ignored) for
            a policy without IMU
        :param hx: hidden state, (S,) float32
        :param dt_s: time since the last step, s, > 0
        :returns: command, next hidden state, basis and time constants, in arrays of their own
        :raises ValueError: if ``dt_s`` is not positive, the IMU is missing, or a shape or type differs from the spec
        """
        return self._network.step(features, imu, hx, dt_s)

    def _native(self, onnx: OnnxNetwork) -> NativeNetwork | None:
        """Return the compiled network, if this machine has one that may be used, and say why or why not."""
        try:
            found = find_native(self.spec)
            if found is None:
                self.runtime_note = f'ONNX Runtime: not compiled on this machine (lnn compile {self.path})'
                return None
            if lanes() == 'none' and self.asked == 'auto':
                self.runtime_note = 'ONNX Runtime: faster than C on a processor without AVX2 and FMA'
                return None
            network = NativeNetwork(self.spec, found)
            check_agreement(self.spec, onnx, network)
        except InputError as error:
            self.runtime_note = f'ONNX Runtime: {error}'
            logging.getLogger(__name__).warning('%s is computed by %s', self.spec.name, self.runtime_note)
            return None
        self.runtime, self.runtime_note = 'native', f'C, compiled on this machine ({lanes()}, {found.compiler})'
        return network
