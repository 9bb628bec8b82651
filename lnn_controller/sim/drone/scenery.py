"""What stands in a forest and in a town: shapes of things, and where a seed puts them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.sim.drone.scenes import FlightScene
from lnn_controller.sim.render.looks import Colour
from lnn_controller.sim.render.meshes import Mesh, blobs, cones, rods, walls

__all__ = [
    'FIELD_M',
    'Place',
    'Shape',
    'Thing',
    'backdrop',
    'houses',
    'obstacles',
    'place_houses',
    'place_things',
    'things',
]

Floats = NDArray[np.float64]

FIELD_M = 20.0  # half of the square in which things stand
CLEARING_M = 1.6  # about the middle, where the drone begins
CROWN_CORNERS = 28  # of a blob with 7 slices and 5 stacks, between its poles
HOUSES_A_SIDE = 5
HOUSE_HALF_M = 4.0
FAR_TREES, FAR_SECTORS = 120, 8
UP = np.array([0.0, 0.0, 1.0])
# Of a car's windows: corners 0…3 below, 4…7 above, clockwise seen from above.
CABIN_FACES = np.array(
    [(0, 7, 4), (0, 3, 7), (3, 6, 7), (3, 2, 6), (2, 5, 6), (2, 1, 5), (1, 4, 5), (1, 0, 4), (4, 6, 5), (4, 7, 6)]
)


@dataclass(frozen=True)
class Shape:
    """
    A part of a thing.

    :param form: ``box``, ``cylinder`` or a mesh
    :param material: name of its material, where it has no colour of its own
    :param colour: its colour
    :param size: of a box half its sides, of a cylinder its radius and half its height, m
    :param at: its middle relative to the thing's foot, m
    :param solid: whether the drone can hit it
    :param shown: whether it can be seen
    """

    form: str | Mesh
    material: str = ''
    colour: Colour | None = None
    size: tuple[float, ...] = ()
    at: tuple[float, float, float] = (0.0, 0.0, 0.0)
    solid: bool = False
    shown: bool = True


@dataclass(frozen=True)
class Thing:
    """
    What a seed may put anywhere.

    :param shapes: what it is made of
    :param circles: what bars the way at flight height: x, y, radius about its foot, m
    :param clearance_m: how far from its foot others keep away, m
    :param square: whether it stands along one of the axes
    """

    shapes: tuple[Shape, ...]
    circles: tuple[tuple[float, float, float], ...] = ()
    clearance_m: float = 1.0
    square: bool = False


@dataclass(frozen=True)
class Place:
    """Where a thing's foot is (m) and where its front looks to (rad)."""

    x: float
    y: float
    yaw: float


Make = Callable[[FlightScene, np.random.Generator, np.random.Generator], Thing]


def _rough(painting: np.random.Generator, count: int) -> Floats:
    return painting.uniform(0.82, 1.15, (count, CROWN_CORNERS))


def _crown(painting: np.random.Generator, width: float, foot: float, top: float) -> Mesh:
    """Some blobs of leaves about a trunk, between two heights."""
    count = 4
    angle = painting.uniform(0, 2 * np.pi) + np.arange(count) * 2.4
    away = np.array([0.0, 0.5, 0.55, 0.5]) * width
    middle = np.linspace(0.62, 0.38, count) * (top - foot) + foot
    centres = np.column_stack([away * np.cos(angle), away * np.sin(angle), middle])
    radii = np.column_stack([np.full((count, 2), 0.62 * width), np.full(count, 0.36 * (top - foot))])
    radii[0] = 0.72 * width, 0.72 * width, 0.42 * (top - foot)
    return blobs(centres, radii, roughness=_rough(painting, count), slices=7)


def _branches(painting: np.random.Generator, foot: float, top: float) -> Mesh:
    """The bare top of a tree: its trunk goes on, and branches rise from it."""
    count = 9
    angle = painting.uniform(0, 2 * np.pi) + np.arange(count) * 2.4
    base = np.linspace(foot, foot + 0.75 * (top - foot), count)
    reach = painting.uniform(0.6, 1.0, count) * np.linspace(1.6, 0.6, count)
    starts = np.column_stack([np.zeros((count, 2)), base])
    tips = np.column_stack([reach * np.cos(angle), reach * np.sin(angle), base + painting.uniform(0.7, 1.1, count)])
    starts, tips = np.vstack([starts, (0.0, 0.0, foot)]), np.vstack([tips, (0.0, 0.0, top)])
    thick = np.append(np.full(count, 0.05), 0.12)
    return rods(starts, tips, thick, 0.25 * thick, sides=4)


def _tree(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> Thing:
    radius, height, width = sizing.uniform(0.13, 0.23), sizing.uniform(2.5, 2.9), sizing.uniform(1.1, 1.8)
    top = height + sizing.uniform(2.0, 3.2)
    trunk = Shape('cylinder', 'trunk', size=(radius, height / 2 + 0.1), at=(0, 0, height / 2 + 0.1), solid=True)
    if not scene.crowns:
        return Thing((trunk, Shape(_branches(painting, height, top), 'trunk')), ((0.0, 0.0, radius),), 1.1)
    colour = f'crown{painting.integers(len(scene.crowns))}'
    crown = Shape(_crown(painting, width, height, top), colour, solid=True)
    return Thing((trunk, crown), ((0.0, 0.0, radius),), 1.1)


def _street_tree(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> Thing:
    tree = _tree(scene, sizing, painting)
    kerb = Shape('box', 'kerb', size=(0.6, 0.6, 0.08), at=(0, 0, 0.08))
    return Thing((*tree.shapes, kerb), tree.circles, 1.3, square=True)


def _conifer(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> Thing:
    size = sizing.uniform(0.85, 1.2)
    trunk = Shape('cylinder', 'trunk', size=(0.12, 0.35), at=(0, 0, 0.35), solid=True)
    feet, radii = np.array([0.5, 1.35]) * size, np.array([1.0, 0.78]) * size
    skirt = cones(np.column_stack([np.zeros((2, 2)), feet]), radii, np.array([1.9, 1.7]) * size)
    top = cones(np.array([(0.0, 0.0, 2.2 * size)]), np.array([0.56 * size]), np.array([1.8 * size]))
    shapes = (trunk, Shape(skirt, 'foliage', solid=True), Shape(top, 'treetop', solid=True))
    return Thing(shapes, ((0.0, 0.0, 0.85 * size),), 1.6)


def _bush(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> Thing:
    width = sizing.uniform(0.45, 0.75)
    if not scene.crowns:
        count = 7
        angle = np.arange(count) * 2 * np.pi / count
        tips = np.column_stack([0.7 * width * np.cos(angle), 0.7 * width * np.sin(angle), np.full(count, 0.65)])
        twigs = rods(np.zeros((count, 3)), tips, np.full(count, 0.02), np.full(count, 0.006), sides=3)
        return Thing((Shape(twigs, 'trunk'),), (), 0.6)
    leaves = blobs(
        np.array([(0.0, 0.0, 0.22), (0.45 * width, 0.1, 0.15)]),
        np.array([(0.8 * width, 0.8 * width, 0.45), (0.6 * width, 0.6 * width, 0.32)]),
        roughness=_rough(painting, 2),
        slices=7,
    )
    return Thing((Shape(leaves, f'crown{painting.integers(len(scene.crowns))}'),), (), 0.6)


def _stone(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> Thing:
    width = sizing.uniform(0.25, 0.6)
    radii = np.array([(width, 0.8 * width, 0.5 * width)])
    shape = blobs(np.zeros((1, 3)), radii, roughness=_rough(painting, 1), slices=7)
    return Thing((Shape(shape, 'stone'),), (), 0.6)


def _car(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> Thing:
    colour = scene.paint[painting.integers(len(scene.paint))]
    roof = sizing.uniform(0.5, 0.62)
    low, high = ((-1.35, 0.75, 0.82), 0.95), ((-0.92, 0.51, 0.71), 0.95 + roof)
    corners = [(x, y, z) for (back, front, side), z in (low, high) for x, y in
               ((back, -side), (back, side), (front, side), (front, -side))]  # fmt: skip
    axle = [(x, y) for x in (-1.35, 1.3) for y in (-0.89, 0.69)]
    starts = np.array([(x, y, 0.33) for x, y in axle])
    wheels = rods(starts, starts + (0.0, 0.2, 0.0), np.full(4, 0.33), np.full(4, 0.33), sides=10)
    shapes = (
        Shape('box', colour=colour, size=(2.15, 0.88, 0.34), at=(0, 0, 0.62), solid=True),
        Shape(Mesh(np.array(corners), CABIN_FACES), 'glass', solid=True),
        Shape('box', colour=colour, size=(0.66, 0.7, 0.03), at=(-0.2, 0, 0.95 + roof)),
        Shape(wheels, 'rubber'),
        Shape('box', 'lamp', size=(0.02, 0.7, 0.07), at=(2.15, 0, 0.72)),
        Shape('box', 'tail', size=(0.02, 0.75, 0.05), at=(-2.15, 0, 0.78)),
        Shape('box', 'line', size=(2.5, 0.05, 0.004), at=(0, 1.35, 0.004)),
        Shape('box', 'line', size=(2.5, 0.05, 0.004), at=(0, -1.35, 0.004)),
    )
    return Thing(shapes, tuple((x, 0.0, 1.0) for x in (-1.3, 0.0, 1.3)), 2.6, square=True)


def _lamp(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> Thing:
    height = sizing.uniform(4.6, 5.4)
    shapes = (
        Shape('cylinder', 'iron', size=(0.07, height / 2), at=(0, 0, height / 2), solid=True),
        Shape('box', 'iron', size=(0.5, 0.04, 0.04), at=(0.45, 0, height)),
        Shape('box', 'lamp', size=(0.25, 0.11, 0.05), at=(0.9, 0, height - 0.06)),
    )
    return Thing(shapes, ((0.0, 0.0, 0.1),), 1.0, square=True)


def _bollard(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> Thing:
    shape = Shape('cylinder', 'bin', size=(0.28, 0.55), at=(0, 0, 0.55), solid=True)
    return Thing((shape,), ((0.0, 0.0, 0.3),), 1.0)


THINGS: Mapping[str, Make] = {
    'tree': _tree,
    'conifer': _conifer,
    'bush': _bush,
    'stone': _stone,
    'car': _car,
    'lamp': _lamp,
    'bollard': _bollard,
    'street_tree': _street_tree,
}


def things(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> list[Thing]:
    """
    Make what a scene has in stock.

    :param scene: what there is of what, and its looks
    :param sizing: source of sizes; they do not depend on looks
    :param painting: source of looks
    :returns: the things, large ones first, so that there is room for them
    """
    made = [THINGS[kind](scene, sizing, painting) for kind, count in scene.stock.items() for _ in range(count)]
    return sorted(made, key=lambda thing: -thing.clearance_m)


def place_things(stock: Sequence[Thing], rng: np.random.Generator) -> list[Place]:
    """
    Put things about the field, apart from each other and out of the clearing in its middle.

    :param stock: the things
    :param rng: source of the places
    :returns: of each thing
    :raises InputError: if there is no room for one
    """
    spots = [(0.0, 0.0, CLEARING_M)]
    places = []
    for thing in stock:
        for _ in range(200):
            x, y, turn = (FIELD_M * rng.uniform(-1.0, 1.0, 3)).tolist()
            if all(math.hypot(x - a, y - b) > thing.clearance_m + room for a, b, room in spots):
                break
        else:
            raise InputError(f'a place must have a seed by which {len(stock)} things find room')
        spots.append((x, y, thing.clearance_m))
        yaw = turn / FIELD_M * math.pi
        places.append(Place(x, y, round(2 * yaw / math.pi) * math.pi / 2 if thing.square else yaw))
    return places


def obstacles(stock: Sequence[Thing], places: Sequence[Place]) -> Floats:
    """
    List what bars the way at flight height.

    :param stock: things
    :param places: where they are
    :returns: x, y, radius of vertical cylinders, (M, 3), m
    """
    circles = []
    for thing, place in zip(stock, places, strict=True):
        cos, sin = math.cos(place.yaw), math.sin(place.yaw)
        circles += [(place.x + cos * x - sin * y, place.y + sin * x + cos * y, r) for x, y, r in thing.circles]
    return np.array(circles)


def houses(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> list[Thing]:
    """
    Make the houses of a town.

    :param scene: its looks
    :param sizing: source of sizes
    :param painting: source of looks
    :returns: houses, as many as there are places for in :func:`place_houses`; none in a forest
    """
    made = []
    for _ in range(4 * HOUSES_A_SIDE if scene.walls else 0):
        half, height = sizing.uniform(3.6, 4.6), 3.0 * sizing.integers(2, 6)
        shapes = (
            Shape(walls(half, HOUSE_HALF_M, height, (9.6, 12.0)), f'wall{painting.integers(len(scene.walls))}'),
            Shape('box', size=(half, HOUSE_HALF_M, height / 2), at=(0, 0, height / 2), solid=True, shown=False),
            Shape('box', 'roof', size=(half + 0.2, HOUSE_HALF_M + 0.2, 0.2), at=(0, 0, height + 0.1)),
        )
        made.append(Thing(shapes))
    return made


def place_houses(rng: np.random.Generator) -> list[Place]:
    """
    Line the field with houses, in any order.

    :param rng: source of the order and of how far back each stands
    :returns: of each house, its front towards the field
    """
    places = []
    for side in range(4):
        turn = side * math.pi / 2
        cos, sin = math.cos(turn), math.sin(turn)
        for k in range(HOUSES_A_SIDE):
            along = (k - (HOUSES_A_SIDE - 1) / 2) * 9.4 + rng.uniform(-0.3, 0.3)
            back = FIELD_M + 4.0 + HOUSE_HALF_M + rng.uniform(0.0, 1.5)
            places.append(Place(cos * along - sin * back, sin * along + cos * back, turn))
    return [places[k] for k in rng.permutation(len(places))]


def backdrop(scene: FlightScene, sizing: np.random.Generator, painting: np.random.Generator) -> list[Shape]:
    """
    Make what stands still beyond the field: in a forest more forest.

    :param scene: its looks
    :param sizing: source of places and sizes
    :param painting: source of looks
    :returns: shapes relative to the field's middle; nobody gets there, so that nothing is solid
    """
    if scene.walls:
        return []
    count = FAR_TREES
    angle, away = sizing.uniform(0, 2 * np.pi, count), sizing.uniform(FIELD_M + 6.0, 3.2 * FIELD_M, count)
    feet = np.column_stack([away * np.cos(angle), away * np.sin(angle), np.zeros(count)])
    size, kind = sizing.uniform(0.9, 1.5, count), painting.integers(max(1, len(scene.crowns)), size=count)
    rough, conifer = _rough(painting, count), np.arange(count) % 2 == 0
    shapes = []
    # In sectors, so that what is behind the camera need not be drawn.
    sector = (angle / (2 * np.pi) * FAR_SECTORS).astype(int)
    for k in range(FAR_SECTORS):
        firs, others = (np.flatnonzero((sector == k) & chosen) for chosen in (conifer, ~conifer))
        shapes += _far_firs(feet[firs], size[firs])
        shapes += _far_trees(scene, feet[others], size[others], kind[others], rough[others])
    return shapes


def _far_firs(feet: Floats, size: Floats) -> list[Shape]:
    if not len(feet):
        return []
    tops = feet + np.outer(2.3 * size, UP)
    return [
        Shape(cones(feet + 0.5 * UP, 1.1 * size, 3.4 * size, sides=7), 'foliage'),
        Shape(cones(tops, 0.6 * size, 1.9 * size, sides=7), 'treetop'),
    ]


def _far_trees(scene: FlightScene, feet: Floats, size: Floats, kind: NDArray[np.int64], rough: Floats) -> list[Shape]:
    if not len(feet):
        return []
    high = 3.0 if scene.crowns else 5.5
    shapes = [Shape(rods(feet, feet + high * UP, 0.2 * size, 0.06 * size, sides=5), 'trunk')]
    for k in np.unique(kind) if scene.crowns else ():
        chosen = kind == k
        radii = np.outer(size[chosen], (1.7, 1.7, 1.4))
        crowns = blobs(feet[chosen] + 4.2 * UP, radii, roughness=rough[chosen], slices=7)
        shapes.append(Shape(crowns, f'crown{k}'))
    return shapes
