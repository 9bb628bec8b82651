"""The graph of a bundle that maps where in a frame its encoder's convolutions answer."""

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.policy.bundle import Bundle
from lnn_controller.policy.onnx import check_ports, one_line, session
from lnn_controller.policy.spec import ATTENTION_FILE
from lnn_controller.policy.step import Array, check_frame

__all__ = ['AttentionNetwork']


class AttentionNetwork:
    """
    ``attention.onnx`` in ONNX Runtime, one thread; apart from what drives, so it may run in a thread of its own.

    :param bundle: a checked bundle that has the graph
    :raises InputError: if the graph cannot be loaded or does not run, or its input or output is not of the spec's frame
    """

    def __init__(self, bundle: Bundle) -> None:
        assert bundle.attention is not None
        file, image = bundle.path / ATTENTION_FILE, bundle.spec.image
        self._spec = bundle.spec
        self._session = session(file, bundle.attention, threads=1)
        frame = {'image': ('tensor(uint8)', (1, image.height, image.width, image.channels))}
        check_ports(file, 'inputs', self._session.get_inputs(), frame)
        made = {'attention': ('tensor(float)', (1, image.height, image.width))}
        check_ports(file, 'outputs', self._session.get_outputs(), made)
        try:
            self(np.zeros((image.height, image.width, image.channels), np.uint8))
        except Exception as error:  # onnxruntime's errors share no base class below Exception
            raise InputError(f'{file}: must run on a frame of zeros. Got: {one_line(error)}') from None

    def __call__(self, image: NDArray[np.uint8]) -> Array:
        """
        Compute the map.

        :param image: rgb8 frame of the spec's size, (H, W, 3) uint8
        :returns: 0 … 1, (H, W) float32
        :raises InputError: if the frame has another shape or type
        """
        check_frame(self._spec, image)
        found: Array = self._session.run(['attention'], {'image': image[np.newaxis]})[0][0]
        return found
