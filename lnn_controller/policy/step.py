"""What goes into a network and what comes out, whichever runtime computes it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.policy.spec import PolicySpec

__all__ = ['Array', 'PolicyStep', 'check_frame', 'check_step']

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


def check_frame(spec: PolicySpec, image: NDArray[np.uint8]) -> None:
    """
    Refuse a frame that is not of the encoder's size.

    :param spec: of the policy
    :param image: the frame
    :raises InputError: if it has another shape or type
    """
    wanted = spec.image.height, spec.image.width, spec.image.channels
    if image.shape != wanted or image.dtype != np.uint8:
        raise InputError(f'a frame must be {wanted}, uint8 (use fit_frame). Got {image.shape}, {image.dtype}')


def check_step(spec: PolicySpec, features: Array, imu: Array | None, hx: Array, dt_s: float) -> None:
    """
    Refuse what is no input of a step.

    :param spec: of the policy
    :param features: as of :meth:`Policy.step`, like the others
    :param imu: gyro and accelerometer
    :param hx: hidden state
    :param dt_s: time since the last step, s
    :raises ValueError: if ``dt_s`` is not positive, the IMU is missing, or a shape or type differs from the spec
    """
    if not dt_s > 0:
        raise ValueError(f'dt_s must be positive. Got {dt_s}')
    network = spec.network
    if features.shape != (network.features,) or hx.shape != (network.state_size,):
        wanted = f'features ({network.features},) and hx ({network.state_size},)'
        raise ValueError(f'step needs {wanted}. Got {features.shape} and {hx.shape}')
    if spec.imu is not None and (imu is None or imu.shape != (6,)):
        raise ValueError(f'step needs imu (6,) for this policy. Got {None if imu is None else imu.shape}')
    given = [features, hx] if spec.imu is None or imu is None else [features, hx, imu]
    if any(each.dtype != np.float32 for each in given):
        raise ValueError(f'step needs float32. Got {", ".join(str(each.dtype) for each in given)}')
