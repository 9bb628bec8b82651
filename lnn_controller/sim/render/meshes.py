"""Triangle meshes made by numpy: the road's ribbon and the trees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.render.textures import ROAD_TILE_M
from lnn_controller.sim.tasks.track import Track

__all__ = ['Mesh', 'cones', 'road_ribbon']

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Mesh:
    """
    Triangles, counter-clockwise seen from outside.

    ``vertices`` (V, 3) m; ``faces`` (F, 3) indices; ``uv`` (V, 2) texture coordinates, or None.
    """

    vertices: Array
    faces: NDArray[np.int64]
    uv: Array | None = None


def road_ribbon(track: Track, *, step: int = 4) -> Mesh:
    """
    The road's surface with texture coordinates: u from its right (0) to its left border (1), v along it in tiles.

    A texture on the ground plane would blur within metres; this one stays crisp to the horizon.

    :param track: the road
    :param step: one cross section per so many samples of the track
    :returns: the closed ribbon at z = 0
    """
    right, left = track.right_edge[::step], track.left_edge[::step]
    s = np.append(track.s[::step], track.length_m)
    right, left = np.vstack([right, right[:1]]), np.vstack([left, left[:1]])
    # A whole number of tiles, so that the pattern closes where the road does.
    tiles = max(1, round(track.length_m / ROAD_TILE_M))
    n = len(s)
    vertices = np.zeros((2 * n, 3))
    vertices[0::2, :2], vertices[1::2, :2] = right, left
    uv = np.empty((2 * n, 2))
    uv[0::2, 0], uv[1::2, 0] = 0.0, 1.0
    uv[:, 1] = np.repeat(s / track.length_m * tiles, 2)
    a = np.arange(0, 2 * n - 2, 2)
    faces = np.concatenate([np.stack([a, a + 2, a + 1], 1), np.stack([a + 1, a + 2, a + 3], 1)])
    return Mesh(vertices, faces, uv)


def cones(bases: Array, radii: Array, tips: Array, *, sides: int = 9) -> Mesh:
    """
    Many upright cones in one mesh: one draw call for a whole wood.

    :param bases: centres of the base circles, (N, 3), m
    :param radii: of the base circles, (N,), m
    :param tips: heights of the tips over the bases, (N,), m
    :param sides: facets of each
    :returns: the cones, open below
    """
    angle = np.arange(sides) / sides * 2 * np.pi
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], 1)
    around = np.arange(sides)
    face = np.stack([around, (around + 1) % sides, np.full(sides, sides)], 1)
    vertices, faces = [], []
    for k, (base, radius, tip) in enumerate(zip(bases, radii, tips, strict=True)):
        vertices += [base + radius * ring, base[None] + (0.0, 0.0, tip)]
        faces.append(face + k * (sides + 1))
    return Mesh(np.concatenate(vertices), np.concatenate(faces))
