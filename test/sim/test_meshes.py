import numpy as np
import pytest

from lnn_controller.sim.drone.scenery import CABIN_FACES
from lnn_controller.sim.render.meshes import blobs, cones, kerb, rods, walls


def volume(mesh):
    """Signed: positive where the faces look outwards."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return float(np.einsum('ij,ij->i', a, np.cross(b, c)).sum() / 6)


def is_closed(mesh):
    """Whether each edge is passed once in either direction."""
    edges = np.concatenate([mesh.faces[:, [k, (k + 1) % 3]] for k in range(3)]).tolist()
    passed = set(map(tuple, edges))
    return len(passed) == len(edges) and all((b, a) in passed for a, b in passed)


def test_blobs_are_closed_ellipsoids():
    centres, radii = np.array([(0.0, 0.0, 1.0), (5.0, 2.0, 3.0)]), np.array([(1.0, 2.0, 0.5), (0.5, 0.5, 0.5)])
    fine = blobs(centres, radii, slices=48, stacks=32)
    assert is_closed(fine)
    assert volume(fine) == pytest.approx(4 / 3 * np.pi * (1.0 + 0.125), rel=0.01)
    coarse = blobs(centres[1:], radii[1:])
    assert np.abs(coarse.vertices - centres[1]).max() <= 0.5 + 1e-12
    assert 0.5 < volume(coarse) / (4 / 3 * np.pi * 0.125) < 1.0


def test_a_rough_blob_is_rough():
    rough = np.full((1, 7 * 4), 0.9)
    rough[0, 3] = 1.2
    mesh = blobs(np.zeros((1, 3)), np.ones((1, 3)), roughness=rough, slices=7)
    away = np.linalg.norm(mesh.vertices, axis=1)
    assert sorted(set(away.round(9).tolist())) == [0.9, 1.0, 1.2]
    assert is_closed(mesh)


@pytest.mark.parametrize('end', [(0.0, 0.0, 2.0), (2.0, 0.0, 0.0), (0.0, -2.0, 0.0), (-1.2, 1.6, 0.0)])
def test_rods_are_closed_cones_from_end_to_end(end):
    start = np.array([(1.0, 1.0, 1.0)])
    mesh = rods(start, start + end, np.array([0.5]), np.array([0.2]), sides=64)
    assert is_closed(mesh)
    assert volume(mesh) == pytest.approx(np.pi * 2.0 / 3 * (0.25 + 0.1 + 0.04), rel=0.01)
    along = (mesh.vertices - start) @ np.array(end) / 2.0
    assert (along.min(), along.max()) == pytest.approx((0.0, 2.0))


def test_cones_stand_upright_on_their_bases():
    mesh = cones(np.array([(1.0, 2.0, 0.5)]), np.array([0.7]), np.array([1.5]))
    assert mesh.vertices[-1].tolist() == [1.0, 2.0, 2.0]
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    outwards = (a + b + c) / 3 - (1.0, 2.0, 0.5)
    assert (np.einsum('ij,ij->i', np.cross(b - a, c - a), outwards) > 0).all()


@pytest.mark.parametrize('clockwise', [False, True])
@pytest.mark.parametrize('outside', [False, True])
def test_a_kerb_faces_the_road_and_the_sky(clockwise, outside):
    angle = np.arange(40) / 40 * 2 * np.pi * (-1 if clockwise else 1)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    inner, outer = (10.0 * ring, 10.5 * ring) if outside else (8.0 * ring, 7.5 * ring)
    mesh = kerb(inner, outer, 0.1)
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    level = normals[:, 2] > 0.5
    assert level.sum() == 80
    np.testing.assert_allclose(normals[level], [(0.0, 0.0, 1.0)] * 80, atol=1e-12)
    upright, middle = normals[~level], ((a + b + c) / 3)[~level]
    towards_road = np.einsum('ij,ij->i', upright, middle) / np.linalg.norm(middle[:, :2], axis=1)
    assert len(upright) == 80
    assert (towards_road * (-1 if outside else 1) > 0.9).all()
    assert mesh.vertices[:, 2].min() == 0.0
    assert mesh.vertices[:, 2].max() == 0.1


def test_walls_look_outwards_and_wear_whole_tiles():
    mesh = walls(4.0, 3.0, 9.0, (2.5, 3.0))
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    outwards = ((a + b + c) / 3)[:, :2]
    assert (np.einsum('ij,ij->i', np.cross(b - a, c - a)[:, :2], outwards) > 0).all()
    assert np.abs(np.cross(b - a, c - a)).sum() / 2 == pytest.approx(2 * 9.0 * (8.0 + 6.0))
    assert set(mesh.uv[:, 0]) == {0.0, 2.0, 3.0}
    assert set(mesh.uv[:, 1]) == {0.0, 3.0}


def test_the_windows_of_a_car_look_outwards():
    low = np.array([(-1, -1, 0), (-1, 1, 0), (1, 1, 0), (1, -1, 0)], float)
    corners = np.vstack([low, 0.8 * low + (0.0, 0.0, 1.0)])
    a, b, c = (corners[CABIN_FACES[:, k]] for k in range(3))
    outwards = (a + b + c) / 3 - (0.0, 0.0, 0.4)
    assert (np.einsum('ij,ij->i', np.cross(b - a, c - a), outwards) > 0).all()
