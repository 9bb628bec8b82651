"""The guard's geometry, against a simulation that moves the robot a little at a time and looks."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lnn_controller.control.safety.guard import clearance, guard_scale, outside, thin
from lnn_controller.control.settings.guard import Footprint, GuardSettings
from lnn_controller.errors import InputError

BOX = Footprint(front_m=0.3, rear_m=0.2, left_m=0.25, right_m=0.15)
REACH_M = 1.5
STEP_M = 1e-3

edge = st.floats(0.05, 0.6) | st.sampled_from([0.1, 0.2, 0.3, 0.5])
footprints = st.builds(Footprint, front_m=edge, rear_m=edge, left_m=edge, right_m=edge)
near = st.floats(-2.5, 2.5) | st.integers(-25, 25).map(lambda tenths: tenths / 10)
clouds = st.lists(st.tuples(near, near), min_size=1, max_size=12).map(np.array)
dense_clouds = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).uniform(-2.0, 2.0, (400, 2)))
speed = st.floats(-2.0, 2.0) | st.sampled_from([0.0, 0.5, -1.0])
twists = st.tuples(speed, speed, speed).filter(lambda twist: max(map(abs, twist)) > 1e-3)


def points(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def rate(velocity, footprint):
    """The clearance's measure of a twist, m/s."""
    return max(math.hypot(*velocity[:2]), abs(velocity[2]) * footprint.circumradius_m)


def depths(velocity, obstacles, footprint, distance_m):
    """
    How deep each point is in the footprint along the way, by small steps: (poses, N), m, negative outside.

    The robot's pose is summed up step by step (midpoint rule), with no closed form in it.
    """
    steps = math.ceil(distance_m / STEP_M)
    dt_s = distance_m / rate(velocity, footprint) / max(steps, 1)
    heading = velocity[2] * dt_s * np.arange(steps + 1)
    moves = complex(*velocity[:2]) * dt_s * np.exp(1j * (heading[:-1] + velocity[2] * dt_s / 2))
    position = np.concatenate(([0], np.cumsum(moves)))
    seen = (obstacles @ [1, 1j] - position[:, None]) * np.exp(-1j * heading)[:, None]
    along = np.minimum(footprint.front_m - seen.real, seen.real + footprint.rear_m)
    return np.minimum(along, np.minimum(footprint.left_m - seen.imag, seen.imag + footprint.right_m))


@pytest.mark.parametrize(
    ('velocity', 'point', 'expected'),
    [
        ((1.0, 0.0, 0.0), (1.0, 0.0), 0.7),
        ((1.0, 0.0, 0.0), (1.0, 0.25), 0.7),  # the corner touches
        ((1.0, 0.0, 0.0), (1.0, 0.26), math.inf),
        ((0.01, 0.0, 0.0), (1.0, 0.0), 0.7),  # a way, not a time
        ((1.0, 0.0, 0.0), (2.0, 0.0), math.inf),  # out of reach
        ((-1.0, 0.0, 0.0), (-1.0, 0.0), 0.8),
        ((-1.0, 0.0, 0.0), (1.0, 0.0), math.inf),
        ((0.0, 1.0, 0.0), (0.0, 1.0), 0.75),
        ((0.0, -1.0, 0.0), (0.0, -1.0), 0.85),
        ((0.0, -1.0, 0.0), (0.0, 1.0), math.inf),
        ((1.0, 1.0, 0.0), (0.8, 0.5), 0.5 * math.sqrt(2.0)),
        ((0.0, 0.0, 0.0), (0.31, 0.0), math.inf),
    ],
)
def test_straight_sideways_and_standing(velocity, point, expected):
    assert clearance(velocity, points(point), BOX, REACH_M) == pytest.approx(expected)


def test_turning_in_place_sweeps_the_corners():
    square = Footprint(0.3, 0.3, 0.3, 0.3)
    for turn, beside in ((1.0, 0.4), (-1.0, 0.4), (1.0, 0.301), (-1.0, 0.301)):
        # Seen from the robot the point goes round; it comes down to the edge at acos(0.3 / beside).
        way = clearance((0.0, 0.0, turn), points((0.0, beside)), square, REACH_M)
        assert way == pytest.approx(square.circumradius_m * math.acos(0.3 / beside))
    assert clearance((0.0, 0.0, 1.0), points((0.0, 0.43)), square, REACH_M) == math.inf


def test_an_arc_bends_into_what_is_beside_it():
    """About a centre 1 m to the left: whatever is 0.75 m to 1.19 m from it lies in the way."""
    velocity, beside = (1.0, 0.0, 1.0), points((0.0, 2.0))
    assert clearance((1.0, 0.0, 0.0), beside, BOX, 10.0) == math.inf
    # The front edge, 0.3 m ahead of the radius, meets the point on the far side of the circle.
    assert clearance(velocity, beside, BOX, 10.0) == pytest.approx(math.pi - math.asin(0.3))
    assert clearance((-1.0, 0.0, -1.0), beside, BOX, 10.0) == pytest.approx(math.pi - math.asin(0.2))
    assert clearance(velocity, points((0.0, 1.0)), BOX, 10.0) == math.inf


@given(twists, clouds, footprints)
@pytest.mark.slow
def test_as_the_simulation(velocity, cloud, footprint):
    cloud = outside(cloud, footprint)
    assume(len(cloud))
    found = clearance(velocity, cloud, footprint, REACH_M)
    before = depths(velocity, cloud, footprint, min(found, REACH_M))
    assert before.max() <= 2e-5  # nothing was touched on the way there …
    if found <= REACH_M:
        assert before[-1].max() >= -2e-5  # … and there something is


@given(twists, clouds, footprints, st.floats(1e-9, 1e-4))
@pytest.mark.slow
def test_hardly_bent_is_straight(velocity, cloud, footprint, bend):
    """Far centres of turning lose no precision: beyond rounding, only grazing contacts may differ."""
    straight = (velocity[0], velocity[1], 0.0)
    assume(math.hypot(*straight) > 1e-3)
    bent = (velocity[0], velocity[1], math.copysign(bend, velocity[2]) * math.hypot(*straight))
    slim, wide = (
        Footprint(*(getattr(footprint, f'{name}_m') + more for name in ('front', 'rear', 'left', 'right')))
        for more in (-1e-3, 1e-3)
    )
    cloud = outside(cloud, wide)
    way = clearance(bent, cloud, footprint, REACH_M)
    assert clearance(straight, cloud, wide, REACH_M + 0.1) <= way
    assert way <= clearance(straight, cloud, slim, REACH_M - 0.1)


@given(twists, clouds, footprints)
@pytest.mark.slow
def test_mirrored(velocity, cloud, footprint):
    turned = Footprint(footprint.front_m, footprint.rear_m, footprint.right_m, footprint.left_m)
    way = clearance(velocity, cloud, footprint, REACH_M)
    mirrored = clearance((velocity[0], -velocity[1], -velocity[2]), cloud * [1, -1], turned, REACH_M)
    assert mirrored == pytest.approx(way, abs=1e-6)


def test_away_from_what_is_touched():
    touched = outside(points((0.3, 0.0), (0.3, 0.1)), BOX)
    assert len(touched) == 2
    assert clearance((1.0, 0.0, 0.0), touched, BOX, REACH_M) == 0.0
    assert clearance((0.1, 0.0, 0.5), touched, BOX, REACH_M) == 0.0
    assert clearance((-1.0, 0.0, 0.0), touched, BOX, REACH_M) == math.inf
    assert clearance((-1.0, 0.0, 0.5), touched, BOX, REACH_M) == math.inf
    assert clearance((0.0, 0.01, 0.0), touched, BOX, REACH_M) == math.inf


@given(footprints, st.floats(0.0, 1.0), st.floats(0.01, 2.0), speed, st.integers(0, 3))
def test_into_what_is_touched(footprint, share, inward, turn, side):
    """However the point's place is rounded, there is no way into it: not a full circle, not a little back."""
    front, rear, left, right = footprint.front_m, footprint.rear_m, footprint.left_m, footprint.right_m
    along, across = share * (front + rear) - rear, share * (left + right) - right
    velocity, touched = [
        ((inward, 0.0), (front, across)),
        ((-inward, 0.0), (-rear, across)),
        ((0.0, inward), (along, left)),
        ((0.0, -inward), (along, -right)),
    ][side]
    # The turn moves the edge at this point; let it still move inward.
    turn = max(-0.5, min(0.5, turn)) * inward
    assert clearance((*velocity, turn), points(touched), footprint, REACH_M) == 0.0


@pytest.mark.parametrize('turn', [0.0, 0.5, -0.5])
def test_touched_but_for_rounding(turn):
    assert clearance((1.0, 0.0, turn), points((0.3 - 1e-9, 0.1)), BOX, 100.0) == 0.0


def test_hardly_bent_but_far():
    """At 50 m a bend of 1 mm/m² is 1.25 m aside; a bend that is next to none is none."""
    aside = points((50.0, 1.25))
    assert clearance((1.0, 0.0, 0.001), aside, BOX, 60.0) == pytest.approx(49.7, abs=0.05)
    assert clearance((1.0, 0.0, 0.0), aside, BOX, 60.0) == math.inf
    for turn in (1e-6, 1e-9, 1e-15, 1e-20, 5e-324):
        assert clearance((1.0, 0.0, turn), points((1.0, 0.2)), BOX, REACH_M) == pytest.approx(0.7, abs=1e-6)
        assert clearance((1.0, 0.0, turn), points((1.0, 0.26)), BOX, REACH_M) == math.inf


def test_along_a_wall_that_is_touched():
    wall = np.stack((np.linspace(-0.19, 0.29, 50), np.full(50, 0.25)), axis=1)
    assert clearance((1.0, 0.0, 0.0), wall, BOX, REACH_M) == math.inf
    assert clearance((0.0, 1.0, 0.0), wall, BOX, REACH_M) == 0.0
    assert clearance((0.0, -1.0, 0.0), wall, BOX, REACH_M) == math.inf
    assert clearance((1.0, 0.0, 0.3), wall, BOX, REACH_M) == 0.0


def test_nothing_to_see():
    for velocity in ((1.0, 0.0, 0.0), (1.0, 0.0, 1.0), (0.0, 0.0, 1.0)):
        assert clearance(velocity, np.empty((0, 2)), BOX, REACH_M) == math.inf
        unseen = points((math.nan, 0.0), (math.inf, 0.0), (0.0, -math.inf), (1e300, 1e300))
        assert clearance(velocity, unseen, BOX, REACH_M) == math.inf


def test_single_precision_will_do():
    assert clearance((1.0, 0.0, 0.0), points((1.0, 0.0)).astype(np.float32), BOX, REACH_M) == pytest.approx(0.7)


@given(st.lists(st.tuples(st.floats() | near, st.floats() | near), max_size=20), footprints)
@pytest.mark.slow
def test_self_returns(rows, footprint):
    cloud = points(*rows)
    kept = outside(cloud, footprint)
    expected = [
        row
        for row in cloud.tolist()
        if all(map(math.isfinite, row))
        and not (-footprint.rear_m < row[0] < footprint.front_m and -footprint.right_m < row[1] < footprint.left_m)
    ]
    assert kept.tolist() == expected


@given(
    st.sampled_from([(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)]), dense_clouds, footprints
)
def test_thin_changes_nothing_straight_and_sideways(velocity, cloud, footprint):
    cloud = outside(cloud, footprint)
    kept = thin(cloud, REACH_M, footprint, 0.2)
    assert len(kept) < len(cloud)
    assert clearance(velocity, kept, footprint, REACH_M) == clearance(velocity, cloud, footprint, REACH_M)


@given(twists, dense_clouds, footprints, st.floats(0.02, 0.3))
@pytest.mark.slow
def test_thin_is_conservative_for_a_larger_footprint(velocity, cloud, footprint, cell_m):
    margin = math.sqrt(2.0) * cell_m + 1e-6
    large = Footprint(*(getattr(footprint, f'{name}_m') + margin for name in ('front', 'rear', 'left', 'right')))
    cloud = outside(cloud, large)
    kept = thin(cloud, REACH_M, footprint, cell_m)
    time_s = clearance(velocity, cloud, footprint, REACH_M) / rate(velocity, footprint)
    reach_m = REACH_M * rate(velocity, large) / rate(velocity, footprint)
    assert clearance(velocity, kept, large, reach_m) / rate(velocity, large) <= time_s + 1e-6


@given(dense_clouds, footprints, st.floats(0.02, 0.3))
@pytest.mark.slow
def test_thin_keeps_real_points_near_all_that_matter(cloud, footprint, cell_m):
    cloud = outside(cloud, footprint)
    kept = thin(cloud, 1.0, footprint, cell_m)
    assert set(map(tuple, kept.tolist())) <= set(map(tuple, cloud.tolist()))
    matter = cloud[np.hypot(*cloud.T) <= 1.0 + footprint.circumradius_m]
    between = np.linalg.norm(matter[:, None] - kept[None], axis=2).min(axis=1)
    assert between.max() <= math.sqrt(2.0) * cell_m


def test_thin_makes_a_cloud_no_more_than_a_scan():
    cloud = np.random.default_rng(0).uniform(-3.0, 3.0, (300_000, 2))
    cells = (2 * (1.0 + BOX.circumradius_m) / 0.05 + 3) ** 2
    assert 0 < len(thin(outside(cloud, BOX), 1.0, BOX, 0.05)) < cells
    wall = np.stack((np.full(300_000, 1.0), np.linspace(-0.3, 0.3, 300_000)), axis=1)
    assert len(thin(wall, 1.0, BOX, 0.05)) <= 14


def test_thin_drops_what_is_far_or_nowhere():
    cloud = points((0.5, 0.0), (5.0, 0.0), (math.nan, 0.0), (-math.inf, 0.0), (1e300, 0.0))
    assert thin(cloud, 1.0, BOX).tolist() == [[0.5, 0.0]]
    assert thin(np.empty((0, 2)), 1.0, BOX).shape == (0, 2)


def test_the_scale():
    settings = GuardSettings(BOX, slow_distance_m=1.0, stop_distance_m=0.5)
    ways = (0.0, 0.5, 0.75, 1.0, 7.0, math.inf, math.nan)
    assert [guard_scale(way, settings) for way in ways] == [0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize('value', [-0.1, math.nan, math.inf, -math.inf, 10**400, '1', None, True])
@pytest.mark.parametrize('name', ['front_m', 'rear_m', 'left_m', 'right_m'])
def test_a_wrong_edge(name, value):
    with pytest.raises(InputError, match=f'^{name} must be a number from 0 to 10 m. Got'):
        Footprint(**{name: value})


def test_a_footprint_has_an_area():
    with pytest.raises(InputError, match=r'front_m \+ rear_m must be more than 0'):
        Footprint(front_m=0.0, rear_m=0.0)
    with pytest.raises(InputError, match=r'left_m \+ right_m must be more than 0'):
        Footprint(left_m=0, right_m=0)
    assert Footprint(0.0, 0.4, 0.0, 0.3).circumradius_m == pytest.approx(0.5)


def test_wrong_distances():
    with pytest.raises(
        InputError, match=r'stop_distance_m must be less than slow_distance_m. Got 0.5 and slow_distance_m 0.5'
    ):
        GuardSettings(BOX, slow_distance_m=0.5, stop_distance_m=0.5)
    with pytest.raises(InputError, match='slow_distance_m must be a number from 0 to 100 m'):
        GuardSettings(BOX, slow_distance_m=math.inf)
    with pytest.raises(InputError, match='stop_distance_m must be a number from 0 to 100 m'):
        GuardSettings(BOX, stop_distance_m=-0.1)


def test_wrong_calls():
    with pytest.raises(ValueError, match='finite velocities'):
        clearance((math.nan, 0.0, 0.0), points((1.0, 0.0)), BOX, REACH_M)
    for flat in (np.zeros(4), np.zeros((3, 3))):
        for call in (
            lambda cloud: clearance((0.0, 0.0, 0.0), cloud, BOX, REACH_M),
            lambda cloud: outside(cloud, BOX),
            lambda cloud: thin(cloud, 1.0, BOX),
        ):
            with pytest.raises(ValueError, match=r'shape \(N, 2\)'):
                call(flat)
    for cell_m in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match='cell_m must be positive'):
            thin(points((1.0, 0.0)), 1.0, BOX, cell_m)
