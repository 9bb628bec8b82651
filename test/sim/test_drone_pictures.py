"""What the drone's camera shows, and what people see from behind."""

import math

import numpy as np
import pytest
from fingerprints import fingerprints

from lnn_controller.sim.drone.body import FOVY_DEG
from lnn_controller.sim.drone.perturbation import DronePerturbation
from lnn_controller.sim.drone.scenes import SCENES
from lnn_controller.sim.drone.world import CAMERA_SIZE, DroneWorld
from lnn_controller.sim.render.gl import Renderer
from lnn_controller.sim.tasks.targets import TARGET_RADIUS_M

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = CAMERA_SIZE
FOCAL_PX = HEIGHT / 2 / math.tan(math.radians(FOVY_DEG / 2))
CALM = DronePerturbation(wind_m_s=0.0)
CAMERA_AHEAD_M = 0.09

FINGERPRINT = """
import hashlib
from lnn_controller.sim.drone.world import DroneWorld
digest = hashlib.sha256()
for scene in ('dusk',):
    with DroneWorld(21, scene, scenery_seed=4) as world:
        for k in range(8):
            world.apply((0.8, 0.2, 0.1, 0.9))
            world.advance(world.clock.camera)
            digest.update(world.camera().tobytes() + repr(world.pose()).encode() + world.imu()[1].tobytes())
        digest.update(world.chase(160, 90).tobytes())
print(digest.hexdigest())
"""


@pytest.fixture(scope='module')
def worlds():
    made = {scene: DroneWorld(4, scene) for scene in SCENES}
    for each in made.values():
        each.perturbation = CALM
    yield made
    for each in made.values():
        each.close()


def place(made, distance, bearing):
    """A heading from which the target is in plain sight at a distance and bearing; the target's place."""
    for yaw in np.arange(0.0, 2 * np.pi, 0.1):
        x, y = distance * math.cos(yaw + bearing), distance * math.sin(yaw + bearing)
        made.set_pose(0.0, 0.0, 1.4, yaw)
        aside = np.array([-math.sin(yaw + bearing), math.cos(yaw + bearing), 0.0])
        points = [np.array([x, y, 1.4]) + offset * aside for offset in (-0.45, 0.0, 0.45)]
        if all(map(made.sight, points)):
            return yaw, (x, y, 1.4)
    raise AssertionError('no free sight')


def target_pixels(made, distance, bearing=0.0, up=0.0):
    yaw, (x, y, z) = place(made, distance, bearing)
    made.set_pose(0.0, 0.0, 1.4, yaw)
    made.set_target(0.0, 0.0, -50.0)
    without = made.camera().astype(int)
    made.set_target(x, y, z + up)
    picture = made.camera().astype(int)
    rows, columns = np.nonzero(np.abs(picture - without).max(axis=2) > 12)
    return picture, rows, columns


@pytest.mark.parametrize('scene', SCENES)
@pytest.mark.parametrize('distance', [3.0, 6.0])
def test_the_target_is_a_red_ball_of_the_size_that_geometry_says(worlds, scene, distance):
    picture, rows, columns = target_pixels(worlds[scene], distance)
    radius = FOCAL_PX * math.tan(math.asin(TARGET_RADIUS_M / (distance - CAMERA_AHEAD_M)))
    assert len(rows) == pytest.approx(math.pi * radius**2, rel=0.15)
    assert np.ptp(columns) + 1 == pytest.approx(2 * radius, abs=1.5)
    assert columns.mean() == pytest.approx((WIDTH - 1) / 2, abs=1.0)
    assert rows.mean() == pytest.approx((HEIGHT - 1) / 2, abs=1.0)
    red, green, blue = picture[rows, columns].mean(axis=0)
    assert red > 110
    assert red - max(green, blue) > 90, 'plainly red in every light'


@pytest.mark.parametrize('bearing', [0.4, -0.4])
def test_what_is_left_is_drawn_left(worlds, bearing):
    made = worlds['summer']
    _, _, columns = target_pixels(made, 6.0, bearing)
    ahead = 6.0 * math.cos(bearing) - CAMERA_AHEAD_M
    expected = (WIDTH - 1) / 2 - FOCAL_PX * 6.0 * math.sin(bearing) / ahead
    assert columns.mean() == pytest.approx(expected, abs=1.5)


def test_what_is_above_is_drawn_above(worlds):
    _, rows, _ = target_pixels(worlds['winter'], 5.0, up=0.6)
    assert rows.mean() == pytest.approx((HEIGHT - 1) / 2 - FOCAL_PX * 0.6 / (5.0 - CAMERA_AHEAD_M), abs=1.5)


def test_half_the_field_of_view_is_where_the_picture_ends(worlds):
    made = worlds['summer']
    inside = made.half_field_of_view_rad - 0.06
    assert len(target_pixels(made, 5.0, inside)[1]) > 20
    assert len(target_pixels(made, 5.0, made.half_field_of_view_rad + 0.15)[1]) == 0


def test_a_picture_is_of_its_own_shape_and_a_new_array(worlds):
    made = worlds['urban']
    first = made.camera()
    kept = first.copy()
    assert (first.shape, first.dtype) == ((72, 128, 3), np.uint8)
    made.set_pose(0.0, 0.0, 1.4, made.pose()[3] + 1.0)
    assert (made.camera() != kept).mean() > 0.2
    assert np.array_equal(first, kept)


def test_the_camera_does_not_see_the_drone(worlds):
    made = worlds['summer']
    made.set_pose(0.0, 0.0, 1.4, 0.0)
    drone = made._model.geom_group == 2
    before, colours = made.camera(), made._model.geom_rgba[drone].copy()
    made._model.geom_rgba[drone] = 1.0, 0.0, 1.0, 1.0
    assert np.array_equal(made.camera(), before)
    made._model.geom_rgba[drone] = colours


@pytest.mark.parametrize('scene', ['winter', 'urban'])
def test_what_is_not_drawn_is_not_in_the_picture(worlds, scene):
    made = worlds[scene]
    everything = Renderer(made._model, *CAMERA_SIZE, hidden_groups=(2,))
    everything._radii[:] = np.inf
    for x, y, z, yaw in ((0.0, 0.0, 1.4, 0.3), (15.0, 3.0, 4.0, 2.0), (0.0, 0.0, 0.4, 5.0)):
        made.set_pose(x, y, z, yaw)
        made.apply((2.0, 1.0, 0.0, 0.5))
        made.advance(40)  # it leans
        assert np.array_equal(made.camera(), everything.render(made._data, 'front'))
        left_out = made._cameras._front._out_of_view(made._data)
        assert 0.3 < left_out.mean() < 0.95
    everything.close()


def test_every_scene_looks_different(worlds):
    pictures = {}
    for scene, made in worlds.items():
        made.set_target(0.0, 0.0, -50.0)
        made.set_pose(0.0, 0.0, 1.4, 0.3)
        pictures[scene] = made.camera().astype(float)
    names = list(pictures)
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            assert np.abs(pictures[one] - pictures[other]).mean() > 12, (one, other)
    ground = {scene: picture[-12:].mean(axis=(0, 1)) for scene, picture in pictures.items()}
    assert ground['winter'].min() > 170
    assert np.argmax(ground['summer']) == 1
    assert ground['autumn'][0] > ground['autumn'][1] > ground['autumn'][2]
    assert np.ptp(ground['urban']) < 12
    assert ground['dusk'].mean() < ground['urban'].mean() - 20


def reds(made):
    """Share of the pictures all around that is as red as the target, without one."""
    made.set_target(0.0, 0.0, -50.0)
    share = []
    for yaw in np.arange(0.0, 2 * np.pi, 0.7):
        made.set_pose(0.0, 0.0, 1.4, yaw)
        picture = made.camera().astype(int)
        share.append((picture[..., 0] - picture[..., 1:].max(axis=2) > 60).mean())
    return np.mean(share)


def test_red_things_that_are_not_the_target_stand_in_autumn_and_in_town(worlds):
    assert reds(worlds['summer']) == reds(worlds['winter']) == 0.0
    assert reds(worlds['autumn']) > 0.01
    assert any(reds(DroneWorld(seed, 'urban')) > 0.0005 for seed in range(3))


def test_a_turned_camera_sees_what_lies_there(worlds):
    made = worlds['winter']
    _, rows, columns = target_pixels(made, 5.0)
    made.perturbation = DronePerturbation(wind_m_s=0.0, camera_pitch_deg=8.0)
    _, lower, same = target_pixels(made, 5.0)
    assert lower.mean() - rows.mean() == pytest.approx(FOCAL_PX * math.tan(math.radians(8.0)), abs=1.5)
    assert same.mean() == pytest.approx(columns.mean(), abs=1.0)
    made.perturbation = CALM


def test_leaning_moves_the_horizon(worlds):
    """Thrust forwards leans the drone forwards: the target rises in the picture."""
    made = worlds['summer']
    _, rows, _ = target_pixels(made, 6.0)
    made.apply((2.0, 0.0, 0.0, 0.0))
    made.advance(60)
    picture = made.camera().astype(int)
    red, _ = np.nonzero(picture[..., 0] - picture[..., 1:].max(axis=2) > 80)
    assert red.mean() < rows.mean() - 6


def test_the_chase_view_shows_the_drone_and_the_target_before_it(worlds):
    made = worlds['winter']
    yaw, place_ = place(made, 5.0, 0.0)
    made.set_pose(0.0, 0.0, 1.4, yaw)
    made.set_target(*place_)
    picture = made.chase(320, 180).astype(int)
    assert picture.shape == (180, 320, 3)
    yellow = (picture[..., 0] > 110) & (picture[..., 1] > 75) & (picture[..., 2] < 60)
    _, columns = np.nonzero(yellow[90:])
    assert 150 < columns.mean() < 170, 'the rotors in front are yellow: which way it looks shows'
    _, columns = np.nonzero(picture[..., 0] - picture[..., 1:].max(axis=2) > 90)
    assert columns.mean() == pytest.approx(160, abs=4)
    before = made.camera()
    made.chase(64, 36)
    assert np.array_equal(made.camera(), before)


def test_a_scenerys_seed_paints_other_things(worlds):
    with DroneWorld(4, 'urban', scenery_seed=1) as other:
        made = worlds['urban']
        for each in (made, other):
            each.set_pose(0.0, 0.0, 1.4, 0.3)
            each.set_target(0.0, 0.0, -50.0)
        assert not np.array_equal(other.camera(), made.camera())


def test_the_same_seed_gives_the_same_bits_in_any_process_and_thread_count():
    assert len(fingerprints(FINGERPRINT)) == 1
