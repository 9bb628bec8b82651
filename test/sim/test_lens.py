"""What scenes beyond the seasons do to a picture, as relations: no two machines draw the same pixels."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lnn_controller.sim import LANE_OFFSET_M, SCENES, CarWorld
from lnn_controller.sim.render.lens import Lens, Optics
from lnn_controller.sim.render.meshes import shadows

SIZE = (200, 66)
LEVEL = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # looks along x: right is −y, up z, back −x
AHEAD, BEHIND = np.array([1.0, 0.0, 0.0]), np.array([-1.0, 0.0, 0.0])


def lens(sun=AHEAD, seed=3, **optics):
    return Lens(Optics(**optics), SIZE, fovy_deg=50.0, seed=seed, sun=sun, ground_m=0.5, step_s=1 / 600)


def scene_picture():
    rows, columns = np.mgrid[:66, :200]
    return np.stack([rows + 60, columns + 20, 100 + 0 * rows], axis=2).astype(np.uint8)


def test_without_optics_a_picture_is_what_it_was():
    assert np.array_equal(lens()(scene_picture(), 5, LEVEL), scene_picture())


@pytest.mark.parametrize(
    'optics', [{'drops': 20}, {'rain': 50}, {'snow': 50}, {'noise': 5.0}, {'drops': 9, 'snow': 9, 'glare': 0.5}]
)
def test_a_picture_depends_on_seed_and_step_and_not_on_how_often_it_is_asked_for(optics):
    often, seldom = lens(**optics), lens(**optics)
    seen = [often(scene_picture(), step, LEVEL) for step in range(0, 2700, 300)]
    again = [seldom(scene_picture(), step, LEVEL) for step in (2400, 600, 2400)]
    assert np.array_equal(again[0], seen[-1])
    assert np.array_equal(again[1], seen[2])
    assert np.array_equal(again[2], again[0])
    assert not np.array_equal(seen[2], seen[-1])
    assert not np.array_equal(lens(seed=4, **optics)(scene_picture(), 600, LEVEL), seen[2])


def test_the_sun_dazzles_where_it_stands():
    picture = scene_picture()
    before = lens(glare=1.0)(picture, 0, LEVEL).astype(int)
    assert before[28:38, 95:105].min() > 200
    assert before[28:38, 5:15].mean() < 190
    aside = np.array([math.cos(0.7), math.sin(0.7), 0.0])  # 40° to the left
    left = lens(sun=aside, glare=1.0)(picture, 0, LEVEL).astype(int)
    assert left.mean(axis=(0, 2)).argmax() == pytest.approx(
        100 - math.tan(0.7) * 33 / math.tan(math.radians(25)), abs=3
    )
    assert np.array_equal(lens(sun=BEHIND, glare=1.0)(picture, 0, LEVEL), picture)


def test_headlights_light_the_road_before_them_and_no_further():
    grey = np.full((66, 200, 3), 200, np.uint8)
    near, far = (lens(headlights_m=reach)(grey, 0, LEVEL).astype(float).mean(2) for reach in (4.0, 8.0))
    assert near[60, 100] > 150
    assert near[60, 100] > 3 * near[60, 3]
    assert near[:25].max() < 20
    assert near[36:45].mean() < 0.8 * far[36:45].mean(), 'four metres and more ahead'
    np.testing.assert_allclose(near, near[:, ::-1], atol=1.0)


def test_barrel_distortion_keeps_the_middle_and_the_corners_and_enlarges_between():
    picture = scene_picture()
    bent = lens(distortion=0.4)(picture, 0, LEVEL).astype(int)
    for row, column in ((33, 100), (0, 0), (65, 199), (0, 199)):
        assert np.abs(bent[row, column] - picture[row, column].astype(int)).max() <= 2
    assert bent[33, 150, 1] < picture[33, 150, 1] - 5, 'shows what lies further in'


def test_drops_show_what_is_around_them_upside_down_and_leave_the_rest():
    picture = scene_picture()
    wet = lens(drops=12)(picture, 0, LEVEL).astype(int)
    dry = np.abs(wet - picture).max(2) == 0
    assert 0.3 < dry.mean() < 0.97
    rise = np.diff(wet[..., 0], axis=0)[~(dry[1:] | dry[:-1])]
    assert (rise < 0).mean() > 0.3  # the picture brightens downwards


def test_shadows_fall_away_from_the_sun():
    mesh = shadows(np.array([[2.0, 1.0, 0.5]]), np.array([0.4]), np.array([1.5]), np.array([3.0, 0.0]))
    assert mesh.vertices.max(0)[0] == pytest.approx(2.0 + 3.0 * 2.0)  # the tip, two metres up
    assert np.ptp(mesh.vertices[:, 1]) == pytest.approx(0.8)
    for face in mesh.faces:
        a, b, c = mesh.vertices[face]
        assert np.cross(b - a, c - a)[2] > 0, 'seen from above'


@pytest.fixture(scope='module')
def seen():
    """What is seen from one place in each scene, (66, 200, 3) float."""
    pictures = {}
    for name in SCENES:
        with CarWorld(5, name) as world:
            world.set_pose(*world.track.at(22.0, LANE_OFFSET_M))
            pictures[name] = world.camera().astype(float)
    return pictures


@pytest.mark.slow
def test_each_scene_looks_otherwise(seen):
    names = list(seen)
    for k, one in enumerate(names):
        assert all(np.abs(seen[one] - seen[other]).mean() > 3 for other in names[:k]), one


@pytest.mark.slow
def test_night_is_dark_but_for_the_road_ahead(seen):
    assert seen['night'].mean() < 0.4 * seen['summer'].mean()
    assert seen['night'][55:, 80:120].mean() > 3 * seen['night'][:15].mean()


@pytest.mark.slow
def test_in_fog_what_is_far_has_little_contrast(seen):
    foggy, clear = seen['blizzard'], seen['winter']
    far, near = np.s_[20:26], np.s_[50:]
    assert foggy[far].std() < 0.6 * clear[far].std()
    assert foggy[near].std() / clear[near].std() > 1.3 * foggy[far].std() / clear[far].std()


@pytest.mark.slow
def test_the_trees_shadows_darken_the_ground_and_not_the_sky(monkeypatch):
    pictures = []
    for shade in (0.0, 0.6):
        monkeypatch.setitem(SCENES, 'shadows', replace(SCENES['shadows'], shade=shade))
        with CarWorld(5, 'shadows') as world:
            for s in np.arange(0.0, world.track.length_m, 9.0):
                world.set_pose(*world.track.at(s, LANE_OFFSET_M))
                pictures.append(world.camera().astype(float))
    bright, dark = np.array_split(np.array(pictures), 2)
    assert np.array_equal(bright[:, :8], dark[:, :8])
    darker = (bright - dark).mean(3) > 30
    assert 0.02 < darker[:, 25:].mean() < 0.5
    assert darker[:, 50:, 80:120].mean((1, 2)).max() > 0.5, 'some of them lie across the road'


@pytest.mark.slow
def test_a_camera_that_is_mounted_otherwise_sees_more_of_the_ground(seen):
    sky = SCENES['other_camera'].look.sky[1]
    rows = [(np.abs(seen[name] - 255 * np.array(sky)).max(2) < 20).any(1).sum() for name in ('summer', 'other_camera')]
    assert rows[1] < rows[0]


@pytest.mark.slow
@pytest.mark.parametrize('name', ['rain', 'night'])
def test_the_same_seed_gives_the_same_bits_however_often_a_picture_is_asked_for(name):
    last = []
    for every in (1, 6):
        with CarWorld(5, name) as world:
            world.apply((2.0, 0.2))
            for k in range(12):
                world.advance(CarWorld.clock.camera)
                if k % every == every - 1:
                    picture = world.camera()
            last.append(picture)
    assert np.array_equal(*last)
