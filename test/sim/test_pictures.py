import numpy as np
import pytest
from fingerprints import fingerprints

from lnn_controller.sim import LANE_OFFSET_M, SCENES, CarWorld, PurePursuit
from lnn_controller.sim.render.gl import Renderer
from lnn_controller.sim.render.textures import ROAD_TILE_M

pytestmark = pytest.mark.slow

HORIZON_ROW = 19  # of 66

FINGERPRINT = """
import hashlib
from lnn_controller.sim import CarWorld, PurePursuit
digest = hashlib.sha256()
for scene in ('winter', 'summer'):
    with CarWorld(21, scene, scenery_seed=4) as world:
        expert = PurePursuit(world.track)
        world.set_pose(*world.track.at(7.0, -0.3))
        for _ in range(40):
            world.apply(expert.command(*world.pose()))
            world.advance(CarWorld.clock.odometry)
            digest.update(world.camera().tobytes() + repr(world.pose()).encode() + world.imu()[1].tobytes())
print(digest.hexdigest())
"""


def yellow(image):
    """Where the centre line's paint is, (H, W) bool."""
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    return (red > 150) & (green > 110) & (blue < 110) & (red - blue > 80)


@pytest.fixture(scope='module')
def summer():
    with CarWorld(5) as world:
        yield world


def test_the_same_seed_gives_the_same_bits_in_any_process_and_thread_count():
    assert len(fingerprints(FINGERPRINT)) == 1


def test_a_forgotten_world_does_not_spoil_the_next():
    with CarWorld(5) as world:
        expected = world.camera()
    world = CarWorld(5)
    world = CarWorld(5)  # the first is dropped unclosed while the second's context is current
    assert np.array_equal(world.camera(), expected)
    world.close()


def test_the_centre_line_is_seen_left_from_the_right_lane_and_right_from_the_left_lane(summer):
    for lateral, is_left in ((-0.6, True), (0.6, False)):
        columns = []
        for s in np.arange(0.0, summer.track.length_m, 3.0):
            summer.set_pose(*summer.track.at(s, lateral))
            columns.extend(np.nonzero(yellow(summer.camera())[45:])[1])
        assert len(columns) > 50
        share_left = np.mean(np.array(columns) < 100)
        assert share_left > 0.9 if is_left else share_left < 0.1


def test_the_road_tile_is_not_mirrored(summer):
    """Column 0 of the tile lies at the road's right border, row 0 at its beginning."""
    with CarWorld(5, render=False) as world:
        texture = world._model.texture('road')
        shape = (int(texture.height[0]), int(texture.width[0]), 3)
        tile = np.zeros(shape, np.uint8)
        tile[:, : shape[1] // 2, 0] = 255
        tile[:, shape[1] // 2 :, 2] = 255
        tile[: shape[0] // 2, :, 1] = 255
        world._model.tex_data[texture.adr[0] : texture.adr[0] + tile.size] = tile.ravel()
        renderer = Renderer(world._model, 200, 66)
        length = world.track.length_m / round(world.track.length_m / ROAD_TILE_M)
        for s, green in ((2.0, True), (length / 2 + 2.0, False)):
            world.set_pose(*world.track.at(s))
            picture = renderer.render(world._data, 'front').astype(int)
            left, right = picture[60, 70], picture[60, 130]
            assert left[2] > 150 > left[0]
            assert right[0] > 150 > right[2]
            assert bool(left[1] > 150) is green
        renderer.close()


def test_the_road_eight_metres_ahead_is_in_view(summer):
    """At fovy 50° and half a metre up, the ground eight metres ahead lies four rows below the horizon."""
    straightest = min(summer.track.s[::20], key=lambda s: np.abs(summer.track.curvature_ahead(float(s), 9.0)).max())
    summer.set_pose(*summer.track.at(float(straightest), LANE_OFFSET_M))
    row = summer.camera()[HORIZON_ROW + 4].astype(int)
    asphalt = (np.ptp(row, axis=1) < 20) & (row.mean(1) < 150)
    assert 8 < asphalt.sum() < 32  # 2.4 m at 8 m: 21 columns, the lines among them
    grass = row[:, 1] > row[:, 2] + 25
    assert grass[:60].mean() > 0.8
    assert grass[-40:].mean() > 0.8


def test_the_camera_does_not_see_the_car(summer):
    summer.set_pose(*summer.track.at(30.0, LANE_OFFSET_M))
    shown = Renderer(summer._model, 200, 66)
    for turn in (-3.0, 3.0):
        summer.apply((2.0, turn))
        summer.advance(200)
        assert np.array_equal(shown.render(summer._data, 'front'), summer.camera())
    shown.close()


def test_the_picture_moves_with_the_car_and_is_a_new_array(summer):
    summer.set_pose(*summer.track.at(0.0, LANE_OFFSET_M))
    before = summer.camera()
    kept = before.copy()
    summer.apply((2.0, 0.0))
    summer.advance(10 * CarWorld.clock.camera)
    after = summer.camera()
    assert before.shape == (66, 200, 3)
    assert before.dtype == np.uint8
    assert np.array_equal(before, kept)
    assert (after != before).mean() > 0.1


def test_winter_is_white_and_its_sky_grey(summer):
    summer.set_pose(*summer.track.at(22.0, LANE_OFFSET_M))
    with CarWorld(5, 'winter') as winter:
        winter.set_pose(*winter.track.at(22.0, LANE_OFFSET_M))
        cold, warm = winter.camera().astype(float), summer.camera().astype(float)
    ground = np.s_[30:45, 180:]
    assert cold[ground].mean() > 190 > 120 > warm[ground].mean()
    assert np.ptp(cold[ground].mean((0, 1))) < 40
    sky = np.s_[:4]
    assert np.median(cold[sky][..., 2] - cold[sky][..., 0]) < np.median(warm[sky][..., 2] - warm[sky][..., 0])


@pytest.mark.parametrize('scene', [name for name, scene in SCENES.items() if scene.optics is None])
def test_the_horizon_is_level(scene):
    with CarWorld(5, scene) as world:
        sky = world.scene.look.sky[1]
        for s in (3.0, 25.0, 60.0):
            world.set_pose(*world.track.at(s, LANE_OFFSET_M))
            picture = world.camera().astype(float)
            near_sky = np.abs(picture - np.array(sky) * 255).max(2) < 6
            # Below the horizon's row nothing has the sky's colour, to either side.
            below = picture[HORIZON_ROW + 6 :]
            assert not (np.abs(below - np.array(sky) * 255).max(2) < 2).all(1).any()
            assert near_sky[:HORIZON_ROW, :60].any()
            assert near_sky[:HORIZON_ROW, 140:].any()


def test_the_scenerys_seed_moves_the_trees_but_not_the_road():
    with CarWorld(5, scenery_seed=1) as other, CarWorld(5) as world:
        assert np.array_equal(other.track.centre, world.track.centre)
        assert not np.array_equal(other.camera(), world.camera())


def test_the_chase_view_shows_the_car(summer):
    summer.set_pose(*summer.track.at(22.0, LANE_OFFSET_M))
    picture = summer.chase(320, 180).astype(int)
    assert picture.shape == (180, 320, 3)
    red = (picture[..., 0] > 110) & (picture[..., 1] < 60) & (picture[..., 2] < 60)
    _, columns = np.nonzero(red)
    assert red.mean() > 0.005
    assert 130 < columns.mean() < 190
    assert summer.chase(64, 36).shape == (36, 64, 3)


def test_the_camera_is_unchanged_by_a_chase_view(summer):
    summer.set_pose(*summer.track.at(22.0, LANE_OFFSET_M))
    before = summer.camera()
    summer.chase(64, 36)
    assert np.array_equal(summer.camera(), before)


def test_the_expert_sees_what_it_steers_for(summer):
    """The pursuit's goal lies within the picture or at its lower rim: the label is visible."""
    expert = PurePursuit(summer.track)
    nearest_ground = 0.5 + 0.5 / np.tan(0.2 + np.radians(25))
    assert expert.lookahead_m > nearest_ground - 0.2
