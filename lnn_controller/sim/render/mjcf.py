"""What every world's model is dressed with: light and air, painted textures, materials, meshes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.render.gl import mujoco
from lnn_controller.sim.render.looks import Colour, Look
from lnn_controller.sim.render.meshes import Mesh
from lnn_controller.sim.render.textures import GROUND_TILE_M

__all__ = [
    'add_ground',
    'add_material',
    'add_mesh',
    'add_textures',
    'fill_textures',
    'heading',
    'set_light',
    'turned_camera',
]

GROUND_HALF_M = 200.0  # far beyond the fog, so that the horizon is straight
GROUND_GRID_M = 20.0  # a fine one costs far more than the rest of the picture
# OpenGL fogs a surface at its grid's corners: in dense fog, which hides the ground's end, less of it has finer ones.
DENSE_FOG_M, DENSE_HALF_M, DENSE_GRID_M = 35.0, 64.0, 2.0


def set_light(spec: Any, look: Look) -> None:
    """
    Give a world its light and air.

    :param spec: of the model; has a light ``sun``
    :param look: ambient light, sun and fog
    """
    spec.visual.headlight.ambient = look.ambient
    spec.visual.headlight.diffuse = (0.06, 0.06, 0.06)
    spec.visual.headlight.specular = (0.0, 0.0, 0.0)
    spec.visual.rgba.fog = (*look.sky[1], 1.0)
    spec.visual.map.fogstart, spec.visual.map.fogend = look.fog
    spec.light('sun').diffuse = look.sun


def add_textures(spec: Any, images: Mapping[str, NDArray[np.uint8]]) -> None:
    """
    Make room for pictures; :func:`fill_textures` brings them, for a spec takes texels one Python integer each.

    :param spec: of the model
    :param images: rgb8 by name, (H, W, 3); the one named ``sky`` is a sky box, one of six squares one below the other
        a cube's faces
    """
    kinds = mujoco.mjtTexture
    for name, image in images.items():
        height, width, channels = image.shape
        kind = kinds.mjTEXTURE_CUBE if height == 6 * width else kinds.mjTEXTURE_2D
        kind = kinds.mjTEXTURE_SKYBOX if name == 'sky' else kind
        flat = mujoco.mjtBuiltin.mjBUILTIN_FLAT
        spec.add_texture(name=name, type=kind, builtin=flat, width=width, height=height, nchannel=channels)


def fill_textures(model: Any, images: Mapping[str, NDArray[np.uint8]]) -> None:
    """
    Write pictures into a compiled model.

    :param model: MuJoCo's
    :param images: rgb8 by name, (H, W, 3), as for :func:`add_textures`
    """
    for name, image in images.items():
        start = int(model.texture(name).adr[0])
        model.tex_data[start : start + image.size] = image.ravel()


def add_material(
    spec: Any, name: str, *, texture: str = '', colour: Colour | None = None, repeat: float = 1.0, emission: float = 0.0
) -> None:
    """
    Make a dull material.

    :param spec: of the model
    :param name: of the material
    :param texture: name of its texture, if it has one
    :param colour: its colour, or what its texture is tinted by
    :param repeat: how often the texture repeats
    :param emission: share of the colour that is there without light
    """
    material = spec.add_material(name=name, specular=0.0, shininess=0.0, emission=emission)
    if colour is not None:
        material.rgba = (*colour, 1.0)
    if texture:
        textures = list(material.textures)
        textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = texture
        material.textures = textures
        material.texrepeat = (repeat, repeat)


def add_ground(spec: Any, look: Look) -> None:
    """
    Lay the ground: a wide plane of the material ``ground``, which is made of the texture ``ground``.

    :param spec: of the model
    :param look: its fog
    """
    dense = look.fog[1] <= DENSE_FOG_M
    half, grid = (DENSE_HALF_M, DENSE_GRID_M) if dense else (GROUND_HALF_M, GROUND_GRID_M)
    add_material(spec, 'ground', texture='ground', repeat=2 * half / GROUND_TILE_M)
    spec.worldbody.add_geom(name='ground', type=mujoco.mjtGeom.mjGEOM_PLANE, size=(half, half, grid), material='ground')


def add_mesh(spec: Any, name: str, mesh: Mesh) -> None:
    """
    Add a mesh to the model's assets.

    :param spec: of the model
    :param name: of the mesh
    :param mesh: its triangles
    """
    arrays = {'uservert': mesh.vertices.ravel(), 'userface': mesh.faces.ravel()}
    if mesh.uv is not None:
        arrays['usertexcoord'] = mesh.uv.ravel()
        arrays['userfacetexcoord'] = mesh.faces.ravel()
    spec.add_mesh(name=name, inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL, **arrays)


def heading(turn: Sequence[float]) -> float:
    """
    Return where a body heads.

    :param turn: unit quaternion w, x, y, z, as MuJoCo has it
    :returns: the angle of its x axis about z, rad, −π…π
    """
    w, x, y, z = turn
    return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def turned_camera(attitude: NDArray[np.float64], pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """
    Turn a camera in its mount.

    :param attitude: quaternion w, x, y, z, (4,)
    :param pitch_deg: positive up, °
    :param roll_deg: about its view, positive to the left, °
    :returns: quaternion, (4,)
    """
    # MuJoCo's cameras look along −z, with x to the right and y up.
    attitude = attitude.copy()
    for axis, angle_deg in (((1.0, 0.0, 0.0), pitch_deg), ((0.0, 0.0, 1.0), roll_deg)):
        turn, turned = np.zeros(4), np.zeros(4)
        mujoco.mju_axisAngle2Quat(turn, np.array(axis), math.radians(angle_deg))
        mujoco.mju_mulQuat(turned, attitude, turn)
        attitude = turned
    return attitude
