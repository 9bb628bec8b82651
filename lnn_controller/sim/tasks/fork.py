"""A road that forks: which branch to take, a coloured stretch of its surface has told before."""

from typing import Literal

import numpy as np

from lnn_controller.sim.interface import check_seed
from lnn_controller.sim.tasks.track import POINTS, SECTION, Array, Piece, Track

__all__ = ['COLOURS', 'Fork', 'SignedFork']

Colour = tuple[float, float, float]
Side = Literal[-1, 1]

COLOURS: dict[Side, Colour] = {1: (0.88, 0.07, 0.05), -1: (0.04, 0.16, 0.88)}  # left: red, right: blue
STREAM = 5  # of the seed: beside those of other worlds, trials and scenery
PAINT_M = 4.0, 5.5  # from the start to the coloured stretch…
LONG_M, WIDE_M = 2.0, 1.3  # …which lies between the edge lines…
BARE_M = 3.8, 5.5  # …and on from its end to the fork: it is out of view 1.2 m before the rear axle reaches its end
WINDING = 0.07  # 1/m, of the stem at most
BEND, RAMP_M, BEND_M = 0.34, 0.5, 3.0  # of a branch: its curvature, 1/m, where it has reached that, how long it is
GOAL_M, BEYOND_M = 4.6, 7.0  # from the fork to where a trial ends, and on from there
START_X_M = -9.0


class Fork(Track):
    """
    A road of one lane that forks into two branches, each the mirror image of the other.

    A stretch of its stem is coloured: red tells the left branch, blue the right one. It is out of view 2.5 to 3.5 s
    before the fork; there nothing in the picture tells any more. The road is that along the branch that is told:
    places along it are arc lengths from the start, as on a :class:`Track`. It does not close.

    Roads come in pairs: an even seed and the odd one after it have the same road, and tell the left and the right
    branch. Whoever goes by habit takes the wrong one in half of them.

    :param seed: which road, ≥ 0
    :param told: 1: the left branch is told, -1: the right one; ``None``: as the seed has it
    :raises InputError: if the seed is not an integer ≥ 0
    """

    width_m = 1.6
    lane_offset_m = 0.0
    two_lanes = False
    barrels = 0  # they would tell the branches apart

    def __init__(self, seed: int, told: Side | None = None) -> None:
        self.seed = check_seed(seed, 'a fork')
        rng = np.random.default_rng([self.seed // 2, STREAM])
        by_seed: Side = 1 if self.seed % 2 == 0 else -1
        self.told: Side = by_seed if told is None else told
        self.paint_m = float(rng.uniform(*PAINT_M))
        self.fork_m = self.paint_m + LONG_M + float(rng.uniform(*BARE_M))
        self.goal_m = self.fork_m + GOAL_M
        self.length_m = self.goal_m + BEYOND_M
        self._winding = rng.uniform(-WINDING, WINDING)
        self.s = np.linspace(0.0, self.length_m, POINTS, endpoint=False)
        self._other = self._line(-self.told)
        self.centre, self.heading, self.curvature = self._line(self.told)
        self._s_closed = np.append(self.s, self.length_m)
        self._measure_lane()

    def _line(self, side: int) -> tuple[Array, Array, Array]:
        """Points, headings and curvatures of the way along a branch."""
        beyond = self.s - self.fork_m
        stem = self._winding * np.sin(2 * np.pi * self.s / self.fork_m) * (beyond < 0)
        curvature = stem + side * BEND * np.clip(np.minimum(beyond, BEND_M - beyond) / RAMP_M, 0.0, 1.0)
        step = self.length_m / POINTS
        # Trapezoids: heading from curvature, place from heading.
        heading = np.concatenate([[0.0], np.cumsum((curvature[1:] + curvature[:-1]) / 2 * step)])
        ways = np.stack([np.cos(heading), np.sin(heading)], axis=1)
        centre = np.concatenate([np.zeros((1, 2)), np.cumsum((ways[1:] + ways[:-1]) / 2 * step, axis=0)])
        return centre + (START_X_M, 0.0), heading, curvature

    @property
    def other_branch(self) -> Array:
        """The middle of the branch that is not told, with the stem, (N, 2), m."""
        return self._other[0]

    def distance(self, x: float, y: float) -> float:
        """
        How far a place is from the middle of stem and branches.

        :param x: m
        :param y: m
        :returns: m
        """
        return min(super().distance(x, y), self.other_distance(x, y))

    def other_distance(self, x: float, y: float) -> float:
        """
        How far a place is from the middle of the way along the branch that is not told.

        :param x: m
        :param y: m
        :returns: m
        """
        return float(np.hypot(self.other_branch[:, 0] - x, self.other_branch[:, 1] - y).min())

    def pieces(self) -> list[Piece]:
        """
        Return what it is laid from.

        :returns: the stem; where the branches overlap asphalt without lines; the branches; the left before the right
        """
        lines = {self.told: (self.centre, self.heading), -self.told: self._other[:2]}
        apart = np.hypot(*(lines[1][0] - lines[-1][0]).T)
        fork, free = (int(np.argmax(where)) for where in (self.s >= self.fork_m, apart >= self.width_m))
        pieces = [self._piece(*lines[1], 0, fork + 1)]
        pieces += [self._piece(*lines[side], fork, free + 1, lined=False) for side in (1, -1)]
        return pieces + [self._piece(*lines[side], free, POINTS) for side in (1, -1)]

    def _piece(
        self, centre: Array, heading: Array, start: int, stop: int, *, lined: bool = True, width_m: float = width_m
    ) -> Piece:
        index = np.unique(np.append(np.arange(start, stop, SECTION), stop - 1))
        across = np.stack([-np.sin(heading[index]), np.cos(heading[index])], axis=1) * width_m / 2
        return Piece(centre[index] - across, centre[index] + across, self.s[index], self.length_m, lined=lined)

    @property
    def surroundings(self) -> int:
        """Seed of what stands about it: the same for a pair, or whoever knows the place would know the way."""
        return self.seed // 2

    @property
    def painted(self) -> list[tuple[Piece, Colour]]:
        """The coloured stretch that tells the branch: where it is; red, green and blue in 0…1."""
        middle, heading = (self.centre + self._other[0]) / 2, (self.heading + self._other[1]) / 2
        start, stop = np.searchsorted(self.s, (self.paint_m, self.paint_m + LONG_M))
        return [(self._piece(middle, heading, int(start), int(stop), width_m=WIDE_M), COLOURS[self.told])]


class SignedFork(Fork):
    """
    The same road, but the coloured stretch lies where the branches part, in view until then.

    It needs no memory: the control of :class:`Fork`, and what eyes learn the colours from.
    """

    def __init__(self, seed: int, told: Side | None = None) -> None:
        super().__init__(seed, told)
        self.paint_m = self.fork_m
