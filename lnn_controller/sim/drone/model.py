"""The MuJoCo model of a place: ground, things and the drone, for a scene; a seed then moves the things."""

import copy
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from lnn_controller.sim.drone.body import drone_xml
from lnn_controller.sim.drone.scenery import Place, Shape, Thing, backdrop, houses, things
from lnn_controller.sim.drone.scenes import SCENES, FlightScene
from lnn_controller.sim.render.gl import mujoco
from lnn_controller.sim.render.meshes import Mesh
from lnn_controller.sim.render.mjcf import (
    add_ground,
    add_material,
    add_mesh,
    add_textures,
    fill_textures,
    set_light,
)
from lnn_controller.sim.render.textures import facade_tile, ground_tile, leaf_faces, sky_faces

__all__ = ['Compiled', 'build_model', 'move_things']

HIDDEN_GROUP = 3

FORMS = {'box': mujoco.mjtGeom.mjGEOM_BOX, 'cylinder': mujoco.mjtGeom.mjGEOM_CYLINDER}


class Compiled(NamedTuple):
    """A scene's model, and which things and houses it has: bodies ``thing0`` … and ``house0`` …, at the origin."""

    model: Any
    stock: list[Thing]
    houses: list[Thing]


def _add_shape(spec: Any, body: Any, name: str, shape: Shape) -> None:
    options: dict[str, Any] = {'pos': shape.at}
    if isinstance(shape.form, Mesh):
        add_mesh(spec, name, shape.form)
        options |= {'type': mujoco.mjtGeom.mjGEOM_MESH, 'meshname': name}
    else:
        options |= {'type': FORMS[shape.form], 'size': (*shape.size, 0.0, 0.0)[:3]}
    if shape.material:
        options['material'] = shape.material
    if shape.colour is not None:
        options['rgba'] = (*shape.colour, 1.0)
    if not shape.shown:
        options['group'] = HIDDEN_GROUP
    body.add_geom(spec.find_default('solid' if shape.solid else 'look'), **options)


def _add_materials(spec: Any, scene: FlightScene) -> None:
    look = scene.look
    for name in ('trunk', 'foliage', 'treetop'):
        add_material(spec, name, colour=getattr(look, name), texture='leaves' if name != 'trunk' else '')
    for k, (red, green, blue) in enumerate(scene.crowns):
        # The leaves' texture is darker than white: what wears it is painted lighter.
        light = min(1.25 * red, 1.0), min(1.25 * green, 1.0), min(1.25 * blue, 1.0)
        add_material(spec, f'crown{k}', texture='leaves', colour=light)
    glow = 0.8 if scene.lit else 0.0
    for k in range(len(scene.walls)):
        add_material(spec, f'wall{k}', texture=f'wall{k}', emission=0.25 * glow)
    for name, colour, emission in (
        ('stone', (0.50, 0.50, 0.48), 0.0),
        ('glass', (0.12, 0.15, 0.20), 0.0),
        ('rubber', (0.06, 0.06, 0.06), 0.0),
        ('iron', (0.25, 0.27, 0.28), 0.0),
        ('bin', (0.20, 0.35, 0.30), 0.0),
        ('kerb', (0.55, 0.54, 0.52), 0.0),
        ('line', (0.85, 0.85, 0.83), 0.0),
        ('roof', (0.35, 0.33, 0.33), 0.0),
        ('lamp', (0.95, 0.92, 0.80), glow),
        ('tail', (0.50, 0.05, 0.05), 0.5 * glow),
    ):
        add_material(spec, name, colour=colour, emission=emission)


@lru_cache(maxsize=8)
def _compile(name: str, scenery_seed: int) -> Compiled:
    scene = SCENES[name]
    # Separate streams: sizes must not depend on looks.
    sizing, painting = (np.random.default_rng([scenery_seed, 17, k]) for k in range(2))
    spec = mujoco.MjSpec.from_string(drone_xml())
    set_light(spec, scene.look)
    images = {
        'sky': sky_faces(scene.look),
        'ground': ground_tile(scene.look, painting),
        'leaves': leaf_faces(painting),
    } | {f'wall{k}': facade_tile(wall, scene.lit, painting) for k, wall in enumerate(scene.walls)}
    add_textures(spec, images)
    _add_materials(spec, scene)
    add_ground(spec, scene.look)
    stock, row = things(scene, sizing, painting), houses(scene, sizing, painting)
    for kind, each in (('thing', stock), ('house', row)):
        for k, thing in enumerate(each):
            body = spec.worldbody.add_body(name=f'{kind}{k}')
            for part, shape in enumerate(thing.shapes):
                _add_shape(spec, body, f'{kind}{k}_{part}', shape)
    for k, shape in enumerate(backdrop(scene, sizing, painting)):
        _add_shape(spec, spec.worldbody, f'backdrop{k}', shape)
    model = spec.compile()
    fill_textures(model, images)
    return Compiled(model, stock, row)


def build_model(name: str, scenery_seed: int) -> Compiled:
    """
    Compile a scene, or copy it where that has been done: seconds against milliseconds.

    :param name: a key of :data:`~lnn_controller.sim.drone.scenes.SCENES`
    :param scenery_seed: of sizes and looks of what stands about, ≥ 0
    :returns: a model of one's own, and what is in it; the drone is the body ``drone``
    """
    compiled = _compile(name, scenery_seed)
    return compiled._replace(model=copy.copy(compiled.model))


def move_things(model: Any, kind: str, places: Sequence[Place]) -> None:
    """
    Put things where a seed wants them: bodies that never move by themselves may stand anywhere.

    :param model: MuJoCo's
    :param kind: ``thing`` or ``house``
    :param places: of each
    """
    for k, place in enumerate(places):
        body = model.body(f'{kind}{k}').id
        model.body_pos[body] = place.x, place.y, 0.0
        model.body_quat[body] = math.cos(place.yaw / 2), 0.0, 0.0, math.sin(place.yaw / 2)
