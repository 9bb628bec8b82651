"""Pictures painted by numpy for a scene: the road's tile, the ground's tile and the sky."""

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.render.looks import Look
from lnn_controller.sim.render.scenes import Scene
from lnn_controller.sim.tasks.track import ROAD_WIDTH_M

__all__ = [
    'GROUND_TILE_M',
    'ROAD_TILE_M',
    'facade_tile',
    'ground_tile',
    'leaf_faces',
    'road_tile',
    'sky_faces',
]

Image = NDArray[np.uint8]
Array = NDArray[np.float64]

# The tile is fine across the road and coarse along it: seen from the car, the road is squeezed along its length,
# the GPU picks a mipmap by the worse direction, and a tile as fine along as across would blur the lines.
ROAD_TEXELS = (384, 256)  # along, across
ROAD_TILE_M = 24.0
GROUND_TEXELS = 512
GROUND_TILE_M = 11.0
SKY_TEXELS = 64

SEAM = (0.80, 0.79, 0.74)  # colour of a filled crack
EDGE_INSET_M = 0.1  # from the road's border to the middle of the edge line


def _noise(shape: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator) -> Array:
    """Smooth value noise in 0…1 that tiles in both directions, with ``cells`` random knots."""
    knots = rng.random(cells)
    for axis, texels in enumerate(shape):
        position = np.arange(texels) / texels * cells[axis]
        low = position.astype(int)
        t = position - low
        t = (t * t * (3 - 2 * t)).reshape((-1, 1) if axis == 0 else (1, -1))
        high = (low + 1) % cells[axis]
        knots = np.take(knots, low, axis) * (1 - t) + np.take(knots, high, axis) * t
    return knots


def _mix(image: Array, colour: tuple[float, float, float], share: Array) -> Array:
    """Paint a colour over an image by a share per texel."""
    return image + (np.asarray(colour) - image) * share[..., None]


def _bytes(image: Array) -> Image:
    return np.ascontiguousarray(np.rint(image.clip(0.0, 1.0) * 255).astype(np.uint8))


def road_tile(scene: Scene, rng: np.random.Generator) -> Image:
    """
    Paint the tile that repeats along the road: asphalt, lines, and what drifts in from the border.

    :param scene: looks
    :param rng: source of grain and drift
    :returns: rows along the road, columns from its right to its left border, (384, 256, 3) rgb8
    """
    rows, columns = shape = ROAD_TEXELS
    across = ((np.arange(columns) + 0.5) / columns - 0.5) * ROAD_WIDTH_M
    along = (np.arange(rows) + 0.5) / rows * ROAD_TILE_M
    texel_across, texel_along = ROAD_WIDTH_M / columns, ROAD_TILE_M / rows
    from_border = ROAD_WIDTH_M / 2 - np.abs(across)

    def inside(distance: Array, texel: float) -> Array:
        """1 where the distance to an outline is positive, 0 where negative, one texel soft between."""
        return np.clip(distance / texel + 0.5, 0.0, 1.0)

    shade = scene.road_grain * (rng.standard_normal(shape) + 3 * (_noise(shape, (48, 12), rng) - 0.5))
    image = np.asarray(scene.road) + shade[..., None]

    worn = 1 - scene.line_wear * (0.4 + 1.2 * _noise(shape, (96, 16), rng))

    def line(distance: Array, dash_m: float) -> Array:
        """A line about what is 0 m away, (rows, columns)."""
        painted = inside(marks.width_m / 2 - np.abs(distance), texel_across)[None, :]
        if not dash_m:
            return painted
        return painted * inside(dash_m / 2 - np.abs(np.mod(along, 2 * dash_m) - dash_m), texel_along)[:, None]

    marks = scene.markings
    if marks.edges:
        edge = line(from_border - EDGE_INSET_M, marks.edge_dash_m) * worn
        image = _mix(image, scene.edge_line, edge.clip(0, 1))
    for k in range(marks.centre_lines):
        aside = 2 * marks.width_m * (k - (marks.centre_lines - 1) / 2)
        image = _mix(image, scene.centre_line, (line(across - aside, marks.centre_dash_m) * worn).clip(0, 1))

    patches = (_noise(shape, (30, 5), rng) * 0.6 + _noise(shape, (90, 14), rng) * 0.4 - 0.5).clip(0, 1) * 2
    image = _mix(image, scene.drift, (scene.dusting * patches).clip(0, 1))
    # Each border has its own outline of the drift, in long waves with a ragged rim.
    for side in (-1, 1):
        outline = 0.65 * _noise((rows, 1), (12, 1), rng) ** 1.5 + 0.35 * _noise((rows, 1), (64, 1), rng)
        rim = 0.25 * (_noise(shape, (128, 32), rng) - 0.5)
        depth = scene.drift_m * (outline + rim) - from_border[None, :]
        cover = np.clip(depth / 0.05 + 0.5, 0.0, 1.0) * (np.sign(across) == side)[None, :]
        image = _mix(image, scene.drift, cover)
    for _ in range(scene.seams):
        image = _mix(image, SEAM, _seam(along, across, rng))
    return _bytes(image)


def _seam(along: Array, across: Array, rng: np.random.Generator) -> Array:
    """How much of each texel a filled crack covers: it wanders along some of the tile, (rows, columns)."""
    middle, start = rng.uniform(-0.4, 0.4) * ROAD_WIDTH_M, rng.uniform(0.0, ROAD_TILE_M)
    length, width = rng.uniform(0.2, 0.6) * ROAD_TILE_M, rng.uniform(0.05, 0.10)
    wander = 0.9 * (_noise((along.size, 1), (5, 1), rng) - 0.5) + 0.12 * (_noise((along.size, 1), (48, 1), rng) - 0.5)
    inside = np.clip((width / 2 - np.abs(across[None, :] - middle - wander)) / 0.02 + 0.5, 0.0, 1.0)
    return inside * (np.mod(along - start, ROAD_TILE_M) < length)[:, None]


def ground_tile(look: Look, rng: np.random.Generator) -> Image:
    """
    Paint the tile that repeats over the ground.

    :param look: colours
    :param rng: source of the pattern
    :returns: (512, 512, 3) rgb8
    """
    shape = (GROUND_TEXELS, GROUND_TEXELS)
    weights = {7: 0.30, 23: 0.25, 71: 0.25, 181: 0.20}
    share = sum(weight * _noise(shape, (cells, cells), rng) for cells, weight in weights.items())
    low, high = np.asarray(look.ground[0]), np.asarray(look.ground[1])
    # The octaves' mean has little spread: stretch it, then let single blades (or crystals) stand out.
    share = ((np.asarray(share) - 0.5) * 2.0 + 0.5 + 0.12 * rng.standard_normal(shape)).clip(0, 1)[..., None]
    return _bytes(low * (1 - share) + high * share)


def sky_faces(look: Look) -> Image:
    """
    Paint the sky box: the horizon's colour below, fading into the zenith's above.

    :param look: colours
    :returns: the faces right, left, up, down, front, back, one below the other, (384, 64, 3) rgb8
    """
    n = SKY_TEXELS
    zenith, horizon = (np.asarray(colour) for colour in look.sky)
    height = (1 - 2 * (np.arange(n) + 0.5) / n)[:, None, None]
    share = (height * 1.4).clip(0, 1) ** 0.8
    side = np.broadcast_to(horizon * (1 - share) + zenith * share, (n, n, 3))
    up, down = np.broadcast_to(zenith, (n, n, 3)), np.broadcast_to(horizon, (n, n, 3))
    return _bytes(np.concatenate([side, side, up, down, side, side]))


def leaf_faces(rng: np.random.Generator) -> Image:
    """
    Paint foliage that whatever wears it tints: light and shade on the six faces of a cube.

    :param rng: source of the pattern
    :returns: the faces, one below the other, (384, 64, 3) rgb8
    """
    n = SKY_TEXELS
    faces = []
    for _ in range(6):
        shade = 0.5 * _noise((n, n), (9, 9), rng) + 0.5 * _noise((n, n), (24, 24), rng)
        faces.append(np.clip(0.72 + 0.9 * (shade - 0.5) + 0.05 * rng.standard_normal((n, n)), 0.0, 1.0))
    return _bytes(np.repeat(np.concatenate(faces)[..., None], 3, axis=2))


def facade_tile(wall: tuple[float, float, float], lit: bool, rng: np.random.Generator) -> Image:
    """
    Paint the walls of a house, four windows wide and four floors high.

    :param wall: colour
    :param lit: whether there is light in some of the rooms
    :param rng: source of who is in, and of the plaster's grain
    :returns: (256, 256, 3) rgb8
    """
    n, rooms = 256, 4
    image = np.asarray(wall) + 0.03 * rng.standard_normal((n, n))[..., None]
    across = np.mod((np.arange(n) + 0.5) / n * rooms, 1.0)
    inside = (np.abs(across - 0.5) < 0.24)[None, :] & (np.abs(across - 0.52) < 0.27)[:, None]
    frame = (np.abs(across - 0.5) < 0.29)[None, :] & (np.abs(across - 0.52) < 0.32)[:, None]
    light = rng.random((rooms, rooms)) < (0.4 if lit else 0.0)
    lights = np.kron(light, np.ones((n // rooms, n // rooms), bool))
    dark = np.array((0.20, 0.26, 0.33)) + 0.1 * (1 - across)[:, None, None]
    glass = np.where(lights[..., None], (1.0, 0.85, 0.50), dark)
    image = _mix(image, (0.88, 0.87, 0.84), frame.astype(float))
    return _bytes(np.where(inside[..., None], glass, image))
