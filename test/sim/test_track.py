import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.sim.tasks.track import HALF_EXTENT_M, LANE_OFFSET_M, MAX_CURVATURE, MIN_CLEARANCE_M, Track

SEEDS = range(12)


@pytest.mark.parametrize('seed', SEEDS)
def test_the_line_is_closed_and_equally_spaced(seed):
    track = Track(seed)
    steps = np.hypot(*(np.roll(track.centre, -1, axis=0) - track.centre).T)
    assert np.allclose(steps, track.length_m / len(track.centre), rtol=1e-2)


@pytest.mark.parametrize('seed', SEEDS)
def test_heading_and_curvature_belong_to_the_line(seed):
    track = Track(seed)
    chord = np.roll(track.centre, -1, axis=0) - np.roll(track.centre, 1, axis=0)
    turned = np.angle(np.exp(1j * (np.arctan2(chord[:, 1], chord[:, 0]) - track.heading)))
    assert np.abs(turned).max() < 2e-3
    turn = np.angle(np.exp(1j * (np.roll(track.heading, -1) - np.roll(track.heading, 1))))
    assert np.allclose(turn / (2 * track.length_m / len(track.s)), track.curvature, atol=5e-3)


@pytest.mark.parametrize('seed', SEEDS)
def test_every_road_is_drivable_and_fits(seed):
    track = Track(seed)
    assert np.abs(track.curvature).max() <= MAX_CURVATURE
    assert track._clearance() >= MIN_CLEARANCE_M
    assert np.all(np.abs(track.centre).max(0) <= np.array(HALF_EXTENT_M) + 1e-3)


def test_roads_are_driven_in_both_directions():
    turns = [np.sign(Track(seed).curvature.mean()) for seed in range(20)]
    assert {-1.0, 1.0} == set(turns)


def test_the_same_seed_gives_the_same_road_and_another_another():
    assert np.array_equal(Track(7).centre, Track(7).centre)
    assert not np.array_equal(Track(7).centre, Track(8).centre)


def test_project_is_the_inverse_of_at():
    track = Track(5)
    rng = np.random.default_rng(0)
    for s, lateral in zip(rng.uniform(0, track.length_m, 300), rng.uniform(-1.2, 1.2, 300), strict=True):
        x, y, _ = track.at(s, lateral)
        found_s, found_lateral = track.project(x, y)
        assert abs((found_s - s + 1) % track.length_m - 1) < 1e-3
        assert abs(found_lateral - lateral) < 1e-3


def test_left_is_left():
    track = Track(5)
    x, y, yaw = track.at(10.0)
    assert track.project(x - 0.5 * np.sin(yaw), y + 0.5 * np.cos(yaw))[1] == pytest.approx(0.5, abs=1e-3)
    assert np.allclose(np.hypot(*(track.left_edge - track.right_edge).T), 2.4)


def test_lane_ahead_lies_on_the_lane_at_the_driven_distance():
    track = Track(5)
    for s in np.linspace(0, track.length_m, 17):
        x0, y0 = track.lane_ahead(s, 0.0)
        x1, y1 = track.lane_ahead(s, 1.0)
        assert track.project(x1, y1)[1] == pytest.approx(LANE_OFFSET_M, abs=2e-3)
        assert 0.9 < np.hypot(x1 - x0, y1 - y0) <= 1.0 + 1e-9


def test_distance_is_to_the_centre_line():
    track = Track(5)
    x, y, _ = track.at(30.0, 2.0)
    assert track.distance(x, y) == pytest.approx(2.0, abs=5e-3)


@pytest.mark.parametrize('seed', [-1, 1.5, '3', True, None])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(InputError, match=r'a track must be named by an integer seed ≥ 0\. Got'):
        Track(seed)
