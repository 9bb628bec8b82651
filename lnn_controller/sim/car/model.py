"""The MuJoCo model of a world: ground, road, scenery and the car, for a track and a scene."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.car.body import car_xml
from lnn_controller.sim.render.gl import mujoco
from lnn_controller.sim.render.meshes import Mesh, cones, kerb, road_ribbon, shadows
from lnn_controller.sim.render.mjcf import (
    add_ground,
    add_material,
    add_mesh,
    add_textures,
    fill_textures,
    set_light,
    turned_camera,
)
from lnn_controller.sim.render.scenes import Scene
from lnn_controller.sim.render.textures import ground_tile, road_tile, sky_faces
from lnn_controller.sim.tasks.track import SECTION, Piece, Track

__all__ = ['build_model']

TREES = 110
TREE_CLEARANCE_M = 2.6
KERB_M, PAVEMENT_M = 0.12, 0.9  # widths of what is behind the border in a town
KERB_COLOUR, PAVEMENT_COLOUR = (0.60, 0.59, 0.57), (0.40, 0.40, 0.39)
PAINT_Z_M = 0.01  # over the road's pieces, or the two flicker
SHADOW_Z_M = 0.02  # over both


def _sunlight(sun_deg: tuple[float, float]) -> NDArray[np.float64]:
    """Where the light of a sun at an azimuth and elevation goes, a unit vector."""
    azimuth, elevation = np.radians(sun_deg)
    level = np.cos(elevation)
    return -np.array([np.cos(azimuth) * level, np.sin(azimuth) * level, np.sin(elevation)])


def _add_look(spec: Any, name: str, mesh: Mesh, material: str, *, z_m: float = 0.0) -> None:
    add_mesh(spec, name, mesh)
    spec.worldbody.add_geom(
        spec.find_default('look'),
        name=name,
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        material=material,
        pos=(0.0, 0.0, z_m),
    )


def _places(track: Track, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where trees stand: beside the road, two thirds of them near it, (TREES, 2)."""
    places: list[tuple[float, float]] = []
    while len(places) < TREES:
        spread = 1.35 if len(places) % 3 else 2.6
        x, y = rng.uniform(-1, 1, 2) * np.array([24.0, 18.0]) * spread
        if track.distance(x, y) >= TREE_CLEARANCE_M:
            places.append((x, y))
    return np.array(places)


def _add_trees(spec: Any, track: Track, scene: Scene, rng: np.random.Generator) -> None:
    """Conifers of two tiers; the upper has the treetop's colour (snow lies there); and their shadows."""
    places = _places(track, rng)
    size = rng.uniform(0.8, 1.6, TREES)
    slender = rng.uniform(0.85, 1.15, TREES)

    def tier(name: str, foot: float, radius: float, height: float, material: str) -> None:
        bases = np.column_stack([places, foot * size])
        _add_look(spec, name, cones(bases, radius * size / slender, height * size * slender), material)

    tier('trunks', 0.0, 0.13, 2.0, 'trunk')
    tier('foliage', 0.45, 0.75, 1.45, 'foliage')
    tier('treetops', 1.05, 0.56, 1.25, 'treetop')
    if scene.shade:
        east, north, up = spec.light('sun').dir
        away = np.array([east, north]) / -up
        ground = np.zeros(TREES)
        bases = np.concatenate([np.column_stack([places, ground]), np.column_stack([places, 0.45 * size])])
        radii = np.concatenate([0.13 * size / slender, 0.75 * size / slender])
        cast = shadows(bases, radii, np.concatenate([2 * size, (0.6 + 1.25 * slender) * size]), away)
        spec.add_material(name='tree_shade', rgba=(0.0, 0.0, 0.02, scene.shade), specular=0.0)
        _add_look(spec, 'tree_shades', cast, 'tree_shade', z_m=SHADOW_Z_M)


def _add_barrels(spec: Any, track: Track, rng: np.random.Generator) -> None:
    """Obstacles beside the road: solid barrels with a white band."""
    cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
    for k in range(track.barrels):
        s = (k + rng.uniform(0.2, 0.8)) / track.barrels * track.length_m
        lateral = rng.choice((-1, 1)) * rng.uniform(1.5, 2.1)
        x, y, _ = track.at(s, lateral)
        spec.worldbody.add_geom(
            name=f'barrel_{k}', type=cylinder, size=(0.15, 0.28, 0), pos=(x, y, 0.28), material='barrel'
        )
        spec.worldbody.add_geom(
            spec.find_default('look'), type=cylinder, size=(0.153, 0.06, 0), pos=(x, y, 0.36), material='band'
        )


def _add_road(spec: Any, track: Track) -> None:
    """Lay the road's pieces; each a hair above the one before, so that two that overlap do not flicker."""
    for k, piece in enumerate(track.pieces()):
        name = 'road' if k == 0 else f'road_{k}'
        _add_look(spec, name, road_ribbon(piece), 'road' if piece.lined else 'asphalt', z_m=0.004 + 0.0005 * k)


def _add_borders(spec: Any, track: Track, scene: Scene) -> None:
    """What runs along a road that has no branches: more asphalt, or kerbs and pavements."""

    def beside(name: str, near_m: float, far_m: float, material: str, z_m: float) -> None:
        for side, way in (('left', 1), ('right', -1)):
            lines = [track.offset_line(way * distance)[::SECTION] for distance in (near_m, far_m)[::way]]
            piece = Piece(lines[0], lines[1], track.s[::SECTION], track.length_m, closed=True)
            _add_look(spec, f'{name}_{side}', road_ribbon(piece), material, z_m=z_m)

    border = track.width_m / 2
    if scene.shoulder_m:
        beside('shoulder', border, border + scene.shoulder_m, 'asphalt', 0.003)
    if scene.kerb_m:
        add_material(spec, 'kerb', colour=KERB_COLOUR)
        add_material(spec, 'pavement', colour=PAVEMENT_COLOUR)
        beside('pavement', border + KERB_M, border + KERB_M + PAVEMENT_M, 'pavement', scene.kerb_m)
        for side, way in (('left', 1), ('right', -1)):
            inner, outer = (track.offset_line(way * distance)[::SECTION] for distance in (border, border + KERB_M))
            _add_look(spec, f'kerb_{side}', kerb(inner, outer, scene.kerb_m), 'kerb')


def _add_paint(spec: Any, track: Track) -> None:
    for k, (piece, colour) in enumerate(track.painted):
        add_material(spec, f'paint_{k}', colour=colour)
        _add_look(spec, f'paint_{k}', road_ribbon(piece), f'paint_{k}', z_m=PAINT_Z_M)


def build_model(track: Track, scene: Scene, seed: int) -> Any:
    """
    Compile the world.

    :param track: the road
    :param scene: looks
    :param seed: of the scenery (trees, barrels, grain), ≥ 0; together with the surroundings of the track
    :returns: the compiled mujoco.MjModel; the car is the body ``car``
    """
    spec = mujoco.MjSpec.from_string(car_xml())
    # Separate streams: where things stand must not depend on how they look.
    placing, painting = (np.random.default_rng([track.surroundings, seed, k]) for k in range(2))

    look = scene.look
    set_light(spec, look)
    if scene.sun_deg is not None:
        spec.light('sun').dir = _sunlight(scene.sun_deg)
    if scene.mount is not None:
        spec.camera('front').pos[2] += scene.mount.up_m
        spec.camera('front').fovy = scene.mount.fovy_deg
    plain = replace(scene, edge_line=scene.road, centre_line=scene.road, drift=scene.road)
    lined = scene if track.two_lanes else replace(scene, centre_line=scene.road)
    images = {'sky': sky_faces(look), 'ground': ground_tile(look, painting), 'road': road_tile(lined, painting)}
    branches = not all(piece.closed for piece in track.pieces())
    if scene.shoulder_m or not all(piece.lined for piece in track.pieces()):
        images['asphalt'] = road_tile(plain, painting)
        add_material(spec, 'asphalt', texture='asphalt')
    add_textures(spec, images)
    add_material(spec, 'road', texture='road')
    for name in ('trunk', 'foliage', 'treetop'):
        add_material(spec, name, colour=getattr(look, name))

    add_ground(spec, look)
    _add_road(spec, track)
    if not branches:
        _add_borders(spec, track, scene)
    _add_paint(spec, track)
    _add_trees(spec, track, scene, placing)
    _add_barrels(spec, track, placing)
    model = spec.compile()
    fill_textures(model, images)
    if scene.mount is not None:
        turned = turned_camera(model.camera('front').quat, scene.mount.pitch_deg, 0.0)
        model.camera('front').quat[:] = turned
    return model
