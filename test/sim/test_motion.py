"""What a picture that takes time shows: against geometry, and against the mean of pictures of that time."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lnn_controller.sim import LANE_OFFSET_M, SCENES, CarWorld
from lnn_controller.sim.render.lens import Lens, Optics

SIZE = (200, 66)
FOCAL = 33 / math.tan(math.radians(25))  # pixels
LEVEL = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # looks along x: right is −y, up z, back −x
LEFT = np.array([0.0, 0.0, 1.0])  # a rad/s
AHEAD = np.array([1.0, 0.0, 0.0])  # a m/s


def lens(seed=3, **optics):
    return Lens(Optics(**optics), SIZE, fovy_deg=50.0, seed=seed, sun=AHEAD, ground_m=0.5, step_s=1 / 600)


def edge():
    """Dark on the left, bright on the right of the middle."""
    return np.where(np.arange(200)[None, :, None] < 100, 20, 220).repeat(66, 0).repeat(3, 2).astype(np.uint8)


def noise():
    return np.random.default_rng(0).integers(0, 256, (66, 200, 3), dtype=np.uint8)


def middle_of_edge(picture):
    return np.argmax(picture[..., 0] > 120, axis=1)


def test_a_camera_at_rest_sees_what_is_there():
    assert np.array_equal(lens(exposure_s=0.05, readout_s=0.03)(noise(), 5, LEVEL), noise())


def test_a_turning_camera_blurs_by_as_much_as_it_turns_in_its_exposure():
    seen = lens(exposure_s=0.2)(edge(), 0, LEVEL, turning=LEFT)
    between = np.count_nonzero((seen[33, :, 0] > 30) & (seen[33, :, 0] < 210))
    assert between == pytest.approx(0.2 * FOCAL, rel=0.25)
    assert abs(middle_of_edge(seen)[33] - 100) <= 2, 'about the moment of the picture'


def test_rows_of_a_rolling_shutter_are_later_further_down():
    left = middle_of_edge(lens(readout_s=0.2)(edge(), 0, LEVEL, turning=LEFT))
    assert left[-1] - left[0] == pytest.approx(0.2 * FOCAL, abs=1.5), 'the world goes to the right'
    right = middle_of_edge(lens(readout_s=0.2)(edge(), 0, LEVEL, turning=-LEFT))
    assert right[0] - right[-1] == pytest.approx(0.2 * FOCAL, abs=1.5)


def test_who_drives_ahead_blurs_the_ground_and_not_the_sky():
    seen = lens(exposure_s=0.1)(noise(), 0, LEVEL, velocity=AHEAD).astype(float)
    assert np.array_equal(seen[:33], noise()[:33])
    assert seen[60:].std() < 0.7 * noise()[60:].std()
    # y = f·h / depth: a mark of the ground goes down by y²·v·t / (f·h).
    line = np.zeros((66, 200, 3), np.uint8)
    line[53] = 255  # y = 20.5
    late = lens(readout_s=0.2)(line, 0, LEVEL, velocity=AHEAD)[..., 0]
    time_s = 0.2 * 20.5 / 66
    assert np.nonzero(late[:, 100])[0].mean() == pytest.approx(53 + 20.5**2 * time_s / (FOCAL * 0.5), abs=1.0)


def test_a_mount_that_shakes_moves_the_whole_picture_by_no_more_than_its_amplitude():
    shaken = [middle_of_edge(lens(shake_deg=3.0)(edge(), step, LEVEL)) - 100 for step in range(0, 600, 20)]
    assert 1 <= np.abs(shaken).max() <= math.radians(3.0) * (FOCAL + 33) + 1
    assert np.ptp(shaken) >= 2
    assert not np.array_equal(shaken[1], middle_of_edge(lens(seed=4, shake_deg=3.0)(edge(), 20, LEVEL)) - 100)


@pytest.mark.slow
def test_a_blurred_picture_is_the_mean_of_those_that_the_simulator_draws_meanwhile(monkeypatch):
    exposed, middle = 60, 430  # steps
    monkeypatch.setitem(SCENES, 'blurred', replace(SCENES['summer'], optics=Optics(exposure_s=exposed / 600)))
    pictures = {}
    for scene in ('summer', 'blurred'):
        with CarWorld(21, scene) as world:
            world.set_pose(*world.track.at(22.0, LANE_OFFSET_M))
            world.apply((1.5, 0.8))
            world.advance(middle - exposed // 2)
            for step in range(-exposed // 2, exposed // 2 + 1):
                if (scene == 'summer' and step % 5 == 0) or step == 0:
                    pictures[scene, step] = world.camera()[24:].astype(float)  # the ground
                world.advance(1)
    mean = np.mean([picture for (scene, _), picture in pictures.items() if scene == 'summer'], axis=0)
    wrong, sharp = (np.abs(pictures[scene, 0] - mean).mean() for scene in ('blurred', 'summer'))
    assert wrong < 0.6 * sharp
