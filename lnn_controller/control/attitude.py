"""The heading frame: that of the body, level, turned about the vertical alone; commands are in it, sensors are not."""

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ['HeadingFrame', 'heading_frame']

Vector = tuple[float, float, float]
_UPRIGHT = 1e-6  # shortest level part of the body's x axis that still is a heading


class HeadingFrame(NamedTuple):
    """
    The axes of the heading frame, each in the body's own: x ahead and level, y left and level, z up.

    Of a body that is level they are its own axes, exactly.

    :param ahead: unit vector
    :param left: unit vector
    :param up: unit vector
    :param level: length of what is level of the body's x axis: the cosine of its pitch
    """

    ahead: Vector
    left: Vector
    up: Vector
    level: float

    def velocity(self, linear: Sequence[float], angular: Sequence[float]) -> tuple[float, float, float, float]:
        """
        Turn a body's velocity into the heading frame.

        :param linear: in the body's frame, m/s, (3,)
        :param angular: in the body's frame, rad/s, (3,)
        :returns: ahead, left and up, m/s; and how fast the heading turns, rad/s
        """
        # The body's x axis moves by angular × x; what of that goes to the left turns the heading.
        turning = angular[2] * self.left[1] - angular[1] * self.left[2]
        ahead, left, up = (_dot(axis, linear) for axis in self[:3])
        return ahead, left, up, turning / self.level


def heading_frame(orientation: Sequence[float]) -> HeadingFrame | None:
    """
    Find the heading frame of a body.

    :param orientation: quaternion x, y, z, w of the body in a frame whose z is up; zeros, as of who does not know it,
        count as level
    :returns: its axes; ``None`` where the body's x axis points straight up or down, or a number is not finite
    """
    x, y, z, w = orientation
    square = x * x + y * y + z * z + w * w or 1.0
    up = (2.0 * (x * z - w * y) / square, 2.0 * (y * z + w * x) / square, 1.0 - 2.0 * (x * x + y * y) / square)
    level = math.sqrt(max(1.0 - up[0] * up[0], 0.0))
    if not (square < math.inf and level > _UPRIGHT):
        return None
    ahead = (level, -up[0] * up[1] / level, -up[0] * up[2] / level)
    left = (0.0, up[2] / level, -up[1] / level)
    return HeadingFrame(ahead, left, up, level)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
