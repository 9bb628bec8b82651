from dataclasses import replace

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.sim.render.looks import LOOKS
from lnn_controller.sim.render.scenes import SCENES, find_scene
from lnn_controller.sim.render.textures import ROAD_TEXELS, ground_tile, road_tile, sky_faces


def test_an_unknown_scene_lists_those_there_are():
    with pytest.raises(InputError, match=rf"one of {', '.join(SCENES)}\. Got 'spring'"):
        find_scene('spring')


@pytest.mark.parametrize('name', SCENES)
def test_every_scene_paints_whole_pictures(name):
    scene = find_scene(name)
    road = road_tile(scene, np.random.default_rng(0))
    assert road.shape == (*ROAD_TEXELS, 3)
    assert road.dtype == np.uint8


@pytest.mark.parametrize('name', LOOKS)
def test_every_look_paints_whole_pictures(name):
    ground = ground_tile(LOOKS[name], np.random.default_rng(0))
    assert sky_faces(LOOKS[name]).shape == (384, 64, 3)
    assert ground.dtype == np.uint8
    assert ground.std() > 2  # not flat: the picture must move when the robot does


@pytest.mark.parametrize('name', LOOKS)
def test_a_tile_repeats_without_a_seam(name):
    tile = ground_tile(LOOKS[name], np.random.default_rng(0)).astype(float)
    inner = np.abs(np.diff(tile, axis=0)).mean()
    assert np.abs(tile[0] - tile[-1]).mean() < 1.3 * inner


def test_the_same_generator_paints_the_same():
    scene = find_scene('winter')
    a, b = (road_tile(scene, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(a, b)


def test_lines_are_painted_where_they_belong_and_are_muted_in_winter():
    contrast = {}
    for name in ('summer', 'winter', 'night', 'shadows'):
        tile = road_tile(find_scene(name), np.random.default_rng(0)).astype(float)
        middle, beside = tile[:, 126:130], tile[:, 100:120]
        dashes = middle[..., 0].mean(1) > beside[..., 0].mean() + 40
        assert 0.35 < dashes.mean() < 0.6  # a metre of paint, a metre of gap
        contrast[name] = middle[dashes].mean() - beside.mean()
    assert contrast['winter'] < 0.7 * contrast['summer']


@pytest.mark.parametrize(('name', 'than'), [('blizzard', 'winter'), ('worn', 'winter'), ('rain', 'summer')])
def test_what_covers_the_lines_leaves_less_of_them(name, than):
    def contrast(scene):
        tile = road_tile(scene, np.random.default_rng(0)).astype(float).mean(2)
        return np.median(np.abs(tile[:, 126:130] - np.median(tile[:, 60:100])).max(axis=1))  # along the centre line

    assert contrast(find_scene(name)) < 0.9 * contrast(find_scene(than))


def test_filled_cracks_run_along_the_road_and_are_no_lines():
    worn = find_scene('worn')
    plain, cracked = (road_tile(replace(worn, seams=count), np.random.default_rng(0)).astype(int) for count in (0, 7))
    changed = np.abs(cracked - plain).max(2) > 40
    assert 0.02 < changed.mean() < 0.4
    assert changed.any(axis=1).mean() > 0.9, 'hardly a place without one'
    assert np.ptp(np.nonzero(changed[:, 30:-30])[1]) > 100, 'not where lines are'


def bright(scene):
    """Where the tile is much brighter than asphalt, without grain and wear, (rows, columns)."""
    plain = replace(scene, road_grain=0.0, line_wear=0.0, drift=scene.road, dusting=0.0)
    return road_tile(plain, np.random.default_rng(0)).astype(float)[..., 0] > 255 * scene.road[0] + 60


def test_lines_are_laid_as_the_markings_say():
    town, abroad = bright(find_scene('urban')), bright(find_scene('other_lines'))
    assert not town[:, :60].any(), 'no edge lines'
    dashes = town[:, 128]
    assert np.count_nonzero(dashes[1:] != dashes[:-1]) in (11, 12), 'six dashes of 2 m in 24 m'
    centre = abroad[:, 110:146]
    assert (centre == centre[0]).all(), 'unbroken'
    assert np.count_nonzero(np.diff(centre[0].astype(int)) == 1) == 2, 'side by side'
    edge = abroad[:, round(0.1 / 2.4 * 256)]
    assert 0.4 < edge.mean() < 0.6
    assert np.count_nonzero(edge[1:] & ~edge[:-1]) in (23, 24), 'a dash a metre'


def test_snow_drifts_in_from_the_border_only():
    tile = road_tile(find_scene('winter'), np.random.default_rng(0)).astype(float).mean(2)
    border, lane = tile[:, [0, 1, 2, -3, -2, -1]], tile[:, 60:100]
    assert border.mean() > lane.mean() + 60
    assert np.ptp(border) > 40  # ragged, not a second kerb
