"""What the C is made of: a bundle's spec and its weights, by name and shape."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from lnn_controller.errors import InputError
from lnn_controller.policy import Bundle, PolicySpec

__all__ = ['Array', 'Network', 'read_network']

# Of headers that every policy has, of C's own, and the one with which micro_ros.c would be part of the policy.
_TAKEN = ('lnn_cells', 'lnn_math', 'mps2', 'vectors', 'float', 'stddef', 'stdint', 'stdio', 'string', 'micro')

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """
    A policy's network.

    :param spec: the policy's spec
    :param weights: tensors by name, as training wrote them
    :param name: the policy's name as a C identifier
    """

    spec: PolicySpec
    weights: Mapping[str, Array]
    name: str

    @property
    def inputs(self) -> int:
        """Numbers at the cell's input, I: features, then the IMU where there is one."""
        return self.spec.network.features + (6 if self.spec.imu else 0)

    def tensor(self, key: str, *shape: int) -> Array:
        """
        Return a tensor.

        :param key: its name, such as ``encoder.project.weight``
        :param shape: what its shape must be
        :returns: it, float32
        :raises InputError: if there is none, or its shape is another, or a number of it is not finite
        """
        found = self.weights.get(key)
        if found is None or found.shape != shape:
            got = 'none' if found is None else f'{found.shape}'
            raise InputError(f'weights.safetensors must hold "{key}", {shape}, for this spec. Got {got}')
        if found.dtype != np.float32 or not np.isfinite(found).all():
            raise InputError(f'"{key}" of weights.safetensors must hold finite float32. Got {found.dtype} or NaN')
        return found


def read_network(bundle: Bundle) -> Network:
    """
    Read the weights of a bundle.

    :param bundle: a checked bundle
    :returns: its network
    :raises InputError: if its weights are no safetensors
    """
    try:
        weights = load(bundle.weights)
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f'{bundle.path}: weights.safetensors must be safetensors. Got: {error}') from None
    name = re.sub(r'\W', '_', bundle.spec.name, flags=re.ASCII)
    return Network(bundle.spec, weights, f'policy_{name}' if name[0].isdigit() or name.lower() in _TAKEN else name)
