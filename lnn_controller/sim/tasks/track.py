"""Closed random roads: a smooth centre line from a seed, with what the world, the expert and the plots ask of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.interface import check_seed

__all__ = ['HALF_EXTENT_M', 'LANE_OFFSET_M', 'ROAD_WIDTH_M', 'SECTION', 'Piece', 'Track']

Array = NDArray[np.float64]

ROAD_WIDTH_M = 2.4  # two lanes of 1.2 m
LANE_OFFSET_M = -0.6  # lateral position of the right lane's centre, +left of the centre line
HALF_EXTENT_M = (21.5, 15.5)  # every centre line just fits into this half width and half height

MAX_CURVATURE = 0.45  # 1/m on the centre line: the right lane then needs at most 0.36 rad of steering
MIN_CLEARANCE_M = 5.0  # between parts of the road that are not neighbours along it
POINTS = 1600
SECTION = 4  # points from one cross section of its surface to the next

# Amplitude bounds of the radius' Fourier terms of order 2…6: large enough for S-bends, too small to cross itself.
ORDERS = np.arange(2, 7)
AMPLITUDES = np.array([0.10, 0.13, 0.08, 0.07, 0.03])


@dataclass(frozen=True)
class Piece:
    """
    What a road is laid from.

    :param right: its right border, (N, 2), m
    :param left: its left border, (N, 2), m
    :param s: arc length of each, increasing, (N,), m
    :param length_m: arc length from end to end
    :param closed: whether its end is its beginning
    :param lined: whether it has lines
    """

    right: Array
    left: Array
    s: Array
    length_m: float
    closed: bool = False
    lined: bool = True


class Track:
    """
    A closed road whose centre line is an ellipse with a random Fourier radius.

    Positions along it are arc lengths ``s`` (m) from its start; positions across it are ``lateral`` (m), positive
    to the left of the driving direction. A coin decides whether it is driven counter-clockwise or clockwise, so
    that left and right bends are equally frequent over many seeds.

    :param seed: which road, ≥ 0; the same seed gives the same road everywhere
    :raises InputError: if the seed is not an integer ≥ 0
    """

    width_m = ROAD_WIDTH_M
    lane_offset_m = LANE_OFFSET_M
    two_lanes = True
    barrels = 16  # that stand beside it

    def __init__(self, seed: int) -> None:
        self.seed = check_seed(seed, 'a track')
        rng = np.random.default_rng(self.seed)
        while True:
            amplitudes = rng.uniform(0.5, 1.0, ORDERS.size) * AMPLITUDES
            phases = rng.uniform(0.0, 2 * np.pi, ORDERS.size)
            clockwise = bool(rng.random() < 0.5)
            self._trace(amplitudes, phases, clockwise)
            if np.abs(self.curvature).max() <= MAX_CURVATURE and self._clearance() >= MIN_CLEARANCE_M:
                break
        self._measure_lane()

    def _measure_lane(self) -> None:
        lane = self.lane_centre
        self._lane = np.vstack([lane, lane[:1]])
        self._lane_arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(self._lane, axis=0).T))])
        self._s_closed = np.append(self.s, self.length_m)

    def _trace(self, amplitudes: Array, phases: Array, clockwise: bool) -> None:
        """Sample the curve at equal arc lengths; heading and curvature come from the analytic derivatives."""

        def derivatives(theta: Array) -> tuple[Array, Array, Array]:
            angle = ORDERS[:, None] * theta + phases[:, None]
            a = amplitudes[:, None]
            r = 1 + (a * np.cos(angle)).sum(0)
            r1 = -(a * ORDERS[:, None] * np.sin(angle)).sum(0)
            r2 = -(a * ORDERS[:, None] ** 2 * np.cos(angle)).sum(0)
            c, s = np.cos(theta), np.sin(theta)
            p = np.stack([r * c, r * s])
            p1 = np.stack([r1 * c - r * s, r1 * s + r * c])
            p2 = np.stack([r2 * c - 2 * r1 * s - r * c, r2 * s + 2 * r1 * c - r * s])
            axes = np.array([[16.0], [11.5]])
            return p * axes, p1 * axes, p2 * axes

        fine = np.linspace(0.0, 2 * np.pi, 6001)
        p, p1, _ = derivatives(fine)
        centre = (p.max(1) + p.min(1)) / 2
        scale = float(np.min(np.array(HALF_EXTENT_M) / ((p.max(1) - p.min(1)) / 2)))
        speed = np.hypot(*p1) * scale
        arc = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(fine))])
        self.length_m = float(arc[-1])
        self.s = np.linspace(0.0, self.length_m, POINTS, endpoint=False)
        p, p1, p2 = derivatives(np.interp(self.s, arc, fine))
        self.centre = ((p - centre[:, None]) * scale).T.copy()
        self.heading = np.arctan2(p1[1], p1[0])
        self.curvature = (p1[0] * p2[1] - p1[1] * p2[0]) / (np.hypot(*p1) ** 3 * scale)
        if clockwise:
            self.centre = self.centre[::-1].copy()
            self.heading = np.angle(np.exp(1j * (self.heading[::-1] + np.pi)))
            self.curvature = -self.curvature[::-1]

    def _clearance(self) -> float:
        """Smallest distance between two centre-line points that are further apart along the road than 10 m."""
        points, s = self.centre[::8], self.s[::8]
        gap = np.abs(s[:, None] - s)
        apart = np.minimum(gap, self.length_m - gap) > 10.0
        distance = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
        return float(distance[apart].min())

    def offset_line(self, lateral_m: float) -> Array:
        """
        A line beside the centre line, for drawing: an edge, or the lane's centre.

        :param lateral_m: distance from the centre line, m, positive to the left
        :returns: points, (N, 2), m; the line closes from the last to the first
        """
        normal = np.stack([-np.sin(self.heading), np.cos(self.heading)], axis=1)
        line: NDArray[np.float64] = self.centre + lateral_m * normal
        return line

    @property
    def left_edge(self) -> Array:
        """The road's left border, (N, 2), m."""
        return self.offset_line(self.width_m / 2)

    @property
    def right_edge(self) -> Array:
        """The road's right border, (N, 2), m."""
        return self.offset_line(-self.width_m / 2)

    @property
    def lane_centre(self) -> Array:
        """The right lane's centre, the line to be driven, (N, 2), m."""
        return self.offset_line(self.lane_offset_m)

    def pieces(self) -> list[Piece]:
        """
        Return what it is laid from.

        :returns: one, closed
        """
        right, left, s = self.right_edge[::SECTION], self.left_edge[::SECTION], self.s[::SECTION]
        return [Piece(right, left, s, self.length_m, closed=True)]

    @property
    def surroundings(self) -> int:
        """Seed of what stands about it."""
        return self.seed

    @property
    def painted(self) -> list[tuple[Piece, tuple[float, float, float]]]:
        """Coloured stretches of its surface: where they are; red, green and blue in 0…1."""
        return []

    def project(self, x: float, y: float) -> tuple[float, float]:
        """
        Find a position's place on the road.

        :param x: m
        :param y: m
        :returns: arc length of the nearest centre-line point, m, in [0, length); lateral distance, m, positive left
        """
        offset = self.centre - (x, y)
        k = int(np.argmin(np.einsum('ij,ij->i', offset, offset)))
        dx, dy = -offset[k]
        cos, sin, kappa = np.cos(self.heading[k]), np.sin(self.heading[k]), self.curvature[k]
        lateral = dy * cos - dx * sin
        along = (dx * cos + dy * sin) / (1 - kappa * lateral)
        # The road bends away from its tangent by κ·along²/2 within one sample's reach.
        return float((self.s[k] + along) % self.length_m), float(lateral - kappa * along**2 / 2)

    def distance(self, x: float, y: float) -> float:
        """
        How far a place is from the road's centre line.

        :param x: m
        :param y: m
        :returns: m, to the nearest of the line's points
        """
        return float(np.hypot(self.centre[:, 0] - x, self.centre[:, 1] - y).min())

    def at(self, s_m: float, lateral_m: float = 0.0) -> tuple[float, float, float]:
        """
        The pose on the road at an arc length.

        :param s_m: arc length, m, taken modulo the length
        :param lateral_m: distance from the centre line, m, positive left
        :returns: x (m), y (m), yaw of the driving direction (rad)
        """
        position = (s_m % self.length_m) / self.length_m * POINTS
        k, fraction = int(position) % POINTS, position % 1.0
        j = (k + 1) % POINTS
        turn = np.angle(np.exp(1j * (self.heading[j] - self.heading[k])))
        yaw = self.heading[k] + fraction * turn
        x, y = self.centre[k] * (1 - fraction) + self.centre[j] * fraction
        return float(x - lateral_m * np.sin(yaw)), float(y + lateral_m * np.cos(yaw)), float(yaw)

    def lane_ahead(self, s_m: float, distance_m: float) -> tuple[float, float]:
        """
        The point of the right lane's centre that lies a driven distance ahead.

        :param s_m: where to start, arc length of the centre line, m
        :param distance_m: how far along the lane's centre, m
        :returns: x (m), y (m)
        """
        arc = float(np.interp(s_m % self.length_m, self._s_closed, self._lane_arc)) + distance_m
        arc %= float(self._lane_arc[-1])
        x = np.interp(arc, self._lane_arc, self._lane[:, 0])
        y = np.interp(arc, self._lane_arc, self._lane[:, 1])
        return float(x), float(y)

    def curvature_ahead(self, s_m: float, distance_m: float) -> Array:
        """
        The centre line's curvature from here on.

        :param s_m: where to start, arc length, m
        :param distance_m: how far, m
        :returns: curvature (1/m, positive to the left) at equally spaced points, nearest first, (K,)
        """
        step = self.length_m / POINTS
        k = int(s_m / step)
        ahead: NDArray[np.float64] = self.curvature[(k + np.arange(max(1, int(distance_m / step)))) % POINTS]
        return ahead
