"""Whether a sensor saw the way that a command takes, whatever it saw elsewhere."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lnn_controller.control import Footprint
from lnn_controller.control.safety.guard import clearance
from lnn_controller.control.safety.sight import Sight

ROBOT = Footprint(front_m=0.3, rear_m=0.3, left_m=0.25, right_m=0.25)
DEGREES = np.arange(-180, 180)
AHEAD, BACK, LEFT, RIGHT = (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)
CURVE_LEFT, TURN = (1.0, 0.0, 1.0), (0.0, 0.0, 1.0)


def sight(blind=(), *, position=(0.0, 0.0), degrees=DEGREES):
    """A scanner of a ray a degree, blind from one angle to the other."""
    measured = np.ones(len(degrees))
    for low, high in blind:
        measured[(degrees >= low) & (degrees <= high)] = 0.0
    return Sight(position, np.radians(degrees), measured, math.radians(degrees[1] - degrees[0]))


def covers(seen, velocity, min_valid=0.1, reach_m=1.0):
    return seen.covers(velocity, ROBOT, reach_m, min_valid)


@pytest.mark.parametrize('way', [AHEAD, BACK, LEFT, RIGHT, CURVE_LEFT, TURN])
@pytest.mark.parametrize('position', [(0.0, 0.0), (0.3, 0.0), (0.3, 0.25), (0.5, 0.0), (-0.2, 0.1)])
def test_who_sees_all_sees_the_way(way, position):
    assert covers(sight(position=position), way, 1.0)


@pytest.mark.parametrize('position', [(0.0, 0.0), (0.3, 0.0), (0.2, 0.1)])
def test_a_blind_front(position):
    blind = sight([(-60, 60)], position=position)
    assert not covers(blind, AHEAD)
    assert not covers(blind, CURVE_LEFT)
    assert covers(blind, BACK)
    assert covers(blind, LEFT)


@pytest.mark.parametrize('half', [11, 15, 30, 90])
def test_a_blind_sector_that_hides_the_far_end_of_the_way(half):
    """Near the robot its way is as wide as ±40°, but ±11° a metre on: that is where it goes."""
    assert not covers(sight([(-half, half)]), AHEAD)


def test_a_ray_here_and_there_is_enough():
    rng = np.random.default_rng(0)
    for share, min_valid in ((0.5, 0.1), (0.9, 0.5)):
        for way in (AHEAD, BACK, CURVE_LEFT, TURN):
            measured = (rng.random(len(DEGREES)) < share).astype(float)
            assert Sight((0.0, 0.0), np.radians(DEGREES), measured, math.radians(1)).covers(way, ROBOT, 1.0, min_valid)
    half = Sight((0.0, 0.0), np.radians(DEGREES), np.tile([0.0, 1.0], 180), math.radians(1))
    assert covers(half, AHEAD, 0.4)
    assert not covers(half, AHEAD, 0.6)


def test_beside_the_way_nothing_matters():
    assert covers(sight([(-180, -60), (60, 180)]), AHEAD, 1.0)
    assert not covers(sight([(-180, -60), (60, 180)]), TURN, 0.5)


def test_where_it_does_not_look_is_not_judged():
    front = sight([(-20, 20)], degrees=np.arange(-45, 46))
    assert covers(front, BACK, 1.0)
    assert not covers(front, AHEAD)


def test_rays_wider_apart_than_the_way():
    """Eight rays all around: the one ahead is asked, although the way ends between two of them."""
    degrees = np.arange(-180, 180, 45)
    assert covers(sight(degrees=degrees), AHEAD, 1.0)
    assert not covers(sight([(0, 0)], degrees=degrees), AHEAD, reach_m=3.0)
    assert covers(sight([(180, 180), (-180, -180)], degrees=degrees), AHEAD, reach_m=3.0)


@settings(max_examples=60)
@given(
    st.tuples(st.floats(-2.0, 2.0), st.floats(-1.0, 1.0), st.floats(-3.0, 3.0)),
    st.tuples(st.floats(-0.3, 0.3), st.floats(-0.25, 0.25)),
    st.floats(0.3, 3.0),
    st.floats(0.0, 2.0 * math.pi),
)
@pytest.mark.slow
def test_a_sensor_that_is_blind_all_along_the_way_never_covers_it(velocity, position, reach_m, yaw):
    """Rays are blind where any point of theirs is in the way; the others see: still it is no way that was seen."""
    if max(map(abs, velocity)) < 1e-3:
        velocity = AHEAD
    bearings = np.radians(DEGREES) + yaw
    ranges = np.linspace(0.01, reach_m + 1.0, 60)
    rays = np.stack((np.cos(bearings), np.sin(bearings)), axis=1)
    measured = np.array(
        [
            clearance(velocity, np.array(position) + ray * ranges[:, np.newaxis], ROBOT, reach_m) == math.inf
            for ray in rays
        ],
        dtype=float,
    )
    # A ray that passes between two of its points, or along the very border of the way.
    measured = np.minimum(measured, np.minimum(np.roll(measured, 1), np.roll(measured, -1)))
    seen = Sight(position, bearings, measured, math.radians(1))
    assert not seen.covers(velocity, ROBOT, reach_m, 0.1)
    assert Sight(position, bearings, np.ones(360), math.radians(1)).covers(velocity, ROBOT, reach_m, 1.0)
