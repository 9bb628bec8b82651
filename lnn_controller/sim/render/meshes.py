"""Triangle meshes made by numpy: the road's ribbon, trees, walls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.render.textures import ROAD_TILE_M
from lnn_controller.sim.tasks.track import Piece

__all__ = ['Mesh', 'blobs', 'cones', 'kerb', 'road_ribbon', 'rods', 'shadows', 'walls']

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


def road_ribbon(piece: Piece) -> Mesh:
    """
    A road's surface with texture coordinates: u from its right (0) to its left border (1), v along it in tiles.

    A texture on the ground plane would blur within metres; this one stays crisp to the horizon.

    :param piece: of the road
    :returns: the ribbon at z = 0
    """
    right, left, s = piece.right, piece.left, piece.s
    tiles = piece.length_m / ROAD_TILE_M
    if piece.closed:
        # A whole number of tiles, so that the pattern closes where the road does.
        right, left, s = np.vstack([right, right[:1]]), np.vstack([left, left[:1]]), np.append(s, piece.length_m)
        tiles = max(1, round(tiles))
    n = len(s)
    vertices = np.zeros((2 * n, 3))
    vertices[0::2, :2], vertices[1::2, :2] = right, left
    uv = np.empty((2 * n, 2))
    uv[0::2, 0], uv[1::2, 0] = 0.0, 1.0
    uv[:, 1] = np.repeat(s / piece.length_m * tiles, 2)
    a = np.arange(0, 2 * n - 2, 2)
    faces = np.concatenate([np.stack([a, a + 2, a + 1], 1), np.stack([a + 1, a + 2, a + 3], 1)])
    return Mesh(vertices, faces, uv)


def kerb(inner: Array, outer: Array, height_m: float) -> Mesh:
    """
    A closed kerb: an upright face along its inner side, a level top, each of its own corners, so that edges are sharp.

    :param inner: its side towards the road, in the direction of driving, (N, 2), m; the last point leads to the first
    :param outer: its other side, (N, 2), m
    :param height_m: of the top
    :returns: what is seen of it from the road
    """
    n = len(inner)
    heights = (0.0, height_m, height_m, height_m)
    lines = [
        np.column_stack([line, np.full(n, z)]) for line, z in zip((inner, inner, inner, outer), heights, strict=True)
    ]
    here, there = np.arange(n), (np.arange(n) + 1) % n
    along, aside = inner[1] - inner[0], outer[0] - inner[0]
    right_of_road = along[0] * aside[1] < along[1] * aside[0]
    faces = []
    for low, high in ((0, 1), (2, 3)):
        a, b, c, d = low * n + here, low * n + there, high * n + there, high * n + here
        faces += [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
    return Mesh(np.concatenate(lines), np.concatenate(faces)[:, :: -1 if right_of_road else 1])


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


def blobs(centres: Array, radii: Array, *, roughness: Array | None = None, slices: int = 8, stacks: int = 5) -> Mesh:
    """
    Many ellipsoids in one mesh: foliage, stones.

    :param centres: (N, 3), m
    :param radii: along x, y and z, (N, 3), m
    :param roughness: factors of the radii at each of slices · (stacks − 1) corners between the poles, (N, that)
    :param slices: corners around
    :param stacks: rings of facets from pole to pole
    :returns: the ellipsoids
    """
    around = np.arange(slices) / slices * 2 * np.pi
    down = np.arange(1, stacks) / stacks * np.pi
    ring = np.stack([np.cos(around), np.sin(around)], 1)
    corners = np.concatenate([np.column_stack([np.sin(a) * ring, np.full(slices, np.cos(a))]) for a in down])
    bottom, here = len(corners) + 1, np.arange(slices)
    there = (here + 1) % slices
    face = [np.stack([np.full(slices, bottom - 1), here, there], 1)]
    for k in range(stacks - 2):
        above, below = k * slices, (k + 1) * slices
        face += [
            np.stack([above + here, below + here, below + there], 1),
            np.stack([above + here, below + there, above + there], 1),
        ]
    last = (stacks - 2) * slices
    face.append(np.stack([last + here, np.full(slices, bottom), last + there], 1))
    faces, poles = np.concatenate(face), np.array([(0.0, 0.0, 1.0), (0.0, 0.0, -1.0)])
    vertices = []
    for k, (centre, radius) in enumerate(zip(centres, radii, strict=True)):
        rough = corners if roughness is None else corners * roughness[k][:, None]
        vertices.append(centre + radius * np.concatenate([rough, poles]))
    return Mesh(np.concatenate(vertices), np.concatenate([faces + k * (bottom + 1) for k in range(len(vertices))]))


def rods(starts: Array, ends: Array, start_radii: Array, end_radii: Array, *, sides: int = 6) -> Mesh:
    """
    Many tapered rods with flat ends in one mesh: branches, trunks, wheels.

    :param starts: (N, 3), m
    :param ends: (N, 3), m
    :param start_radii: (N,), m
    :param end_radii: (N,), m
    :param sides: facets of each
    :returns: the rods
    """
    around = np.arange(sides) / sides * 2 * np.pi
    here = np.arange(sides)
    there = (here + 1) % sides
    first, last = np.full(sides, 2 * sides), np.full(sides, 2 * sides + 1)
    face = np.concatenate(
        [
            np.stack([here, there, sides + there], 1),
            np.stack([here, sides + there, sides + here], 1),
            np.stack([first, there, here], 1),
            np.stack([last, sides + here, sides + there], 1),
        ]
    )
    vertices, faces = [], []
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = (end - start) / np.linalg.norm(end - start)
        aside = np.cross(axis, (1.0, 0.0, 0.0) if abs(axis[0]) < 0.9 else (0.0, 1.0, 0.0))
        aside /= np.linalg.norm(aside)
        ring = np.cos(around)[:, None] * aside + np.sin(around)[:, None] * np.cross(axis, aside)
        vertices += [start + start_radii[k] * ring, end + end_radii[k] * ring, start[None], end[None]]
        faces.append(face + k * (2 * sides + 2))
    return Mesh(np.concatenate(vertices), np.concatenate(faces))


def walls(half_x: float, half_y: float, height: float, tile: tuple[float, float]) -> Mesh:
    """
    The four walls of a house on the origin, with texture coordinates in whole tiles.

    :param half_x: half of its side along x, m
    :param half_y: half of its side along y, m
    :param height: m
    :param tile: width and height of the texture on a wall, about, m
    :returns: the walls, u around from left to right as seen from outside, v upwards
    """
    corners = np.array([(1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0)]) * (half_x, half_y)
    vertices, faces, uv = [], [], []
    up = max(1, round(height / tile[1]))
    for k in range(4):
        left, right = corners[k], corners[(k + 1) % 4]
        across = max(1, round(float(np.hypot(*(right - left))) / tile[0]))
        vertices += [(*left, 0.0), (*right, 0.0), (*right, height), (*left, height)]
        uv += [(0.0, 0.0), (across, 0.0), (across, up), (0.0, up)]
        faces += [(4 * k, 4 * k + 1, 4 * k + 2), (4 * k, 4 * k + 2, 4 * k + 3)]
    return Mesh(np.array(vertices), np.array(faces), np.array(uv, np.float64))


def shadows(bases: Array, radii: Array, tips: Array, away: Array) -> Mesh:
    """
    The shadows of many upright cones on the ground, in one mesh.

    :param bases: centres of the base circles, (N, 3), m
    :param radii: of the base circles, (N,), m
    :param tips: heights of the tips over the bases, (N,), m
    :param away: where the shadow of a point one metre up falls, from below it, (2,), m
    :returns: a kite for each at z = 0, seen from above
    """
    ahead = away / np.linalg.norm(away)
    aside = np.array([-ahead[1], ahead[0]])
    middle = bases[:, :2] + bases[:, 2:] * away
    corners = np.stack(
        [
            middle - radii[:, None] * ahead,
            middle - radii[:, None] * aside,
            middle + tips[:, None] * away,
            middle + radii[:, None] * aside,
        ],
        axis=1,
    )
    vertices = np.concatenate([corners, np.zeros((*corners.shape[:2], 1))], axis=2).reshape(-1, 3)
    first = 4 * np.arange(len(bases))[:, None]
    return Mesh(vertices, np.concatenate([first + (0, 1, 2), first + (0, 2, 3)]))
