"""The pictures of a world: what its robot's camera sees, and the robot as people see it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.render.gl import Renderer

__all__ = ['Cameras']


class Cameras:
    """
    The cameras ``front`` and ``chase`` of a model; the second's OpenGL is made when it is first asked for.

    :param model: MuJoCo's
    :param size: of the front camera's pictures: width, height, pixels
    :param hidden_group: what the front camera does not draw: the robot itself
    :param render: False for a world without a front camera, which needs no OpenGL
    :raises InputError: if OpenGL is missing
    """

    def __init__(self, model: Any, size: tuple[int, int], *, hidden_group: int, render: bool) -> None:
        self._model = model
        self._front = Renderer(model, *size, hidden_groups=(hidden_group,)) if render else None
        self._chase: tuple[tuple[int, int], Renderer] | None = None

    def front(self, data: Any) -> NDArray[np.uint8]:
        """
        Take the robot's picture of its surroundings.

        :param data: MuJoCo's state
        :returns: rgb8, (H, W, 3)
        :raises RuntimeError: if there is no front camera, or in another thread than the one that made it
        """
        if self._front is None:
            raise RuntimeError('This world has no pictures: make it with render=True.')
        return self._front.render(data, 'front')

    def chase(self, data: Any, width: int, height: int) -> NDArray[np.uint8]:
        """
        Take a picture of the robot.

        :param data: MuJoCo's state
        :param width: pixels
        :param height: pixels
        :returns: rgb8, (height, width, 3)
        :raises RuntimeError: in another thread than the one that took the first picture of this size
        """
        if self._chase is None or self._chase[0] != (width, height):
            if self._chase is not None:
                self._chase[1].close()
            self._chase = ((width, height), Renderer(self._model, width, height, samples=4))
        return self._chase[1].render(data, 'chase')

    def close(self) -> None:
        """Free the OpenGL contexts; further calls do nothing. In the thread that made them."""
        if self._front is not None:
            self._front.close()
        if self._chase is not None:
            self._chase[1].close()
            self._chase = None
