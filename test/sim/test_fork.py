"""The road that forks: told by its post, and by nothing else; and how a trial there is judged."""

from contextlib import closing
from functools import partial

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.sim import CarWorld, find_robot
from lnn_controller.sim.tasks.cue import Cue
from lnn_controller.sim.tasks.fork import COLOURS, Fork, SignedFork


def test_roads_come_in_pairs_that_tell_either_way_whatever_the_side_of_the_post():
    roads = [Fork(seed) for seed in range(200)]
    assert [road.told for road in roads] == [1, -1] * 100
    for left, right in zip(roads[::2], roads[1::2], strict=True):
        assert np.array_equal(left.centre, right.other_branch)
        assert left.post_m == right.post_m
        assert np.allclose(left.posts[0][:2], right.posts[0][:2])
    assert 0.35 < np.mean([road.project(*road.posts[0][:2])[1] > 0 for road in roads[::2]]) < 0.65
    assert all(road.posts[0][2] == COLOURS[road.told] for road in roads)
    with pytest.raises(InputError, match=r'a fork must be named by an integer seed ≥ 0. Got -1'):
        Fork(-1)


@pytest.mark.parametrize('seed', range(4))
def test_the_branches_are_alike_and_part_at_the_fork(seed):
    left, right = Fork(seed, 1), Fork(seed, -1)
    assert np.array_equal(left.other_branch, right.centre)
    apart = np.hypot(*(left.centre - right.centre).T)
    stem = left.s < left.fork_m
    assert np.all(apart[stem] < 0.01)
    assert np.all(np.diff(apart[~stem]) >= 0)
    x, y, yaw = left.at(left.fork_m)
    across = (right.centre - (x, y)) @ (-np.sin(yaw), np.cos(yaw)), (left.centre - (x, y)) @ (-np.sin(yaw), np.cos(yaw))
    assert np.allclose(across[0][~stem], -across[1][~stem], atol=0.03)
    assert apart[left.s > left.goal_m].min() > 2 * left.width_m
    for s_m in (1.0, left.post_m, left.goal_m):
        assert left.project(*left.at(s_m, 0.2)[:2]) == pytest.approx((s_m, 0.2), abs=2e-3)


@pytest.mark.slow
def test_the_post_tells_the_branch_and_is_out_of_view_long_before_the_fork():
    pictures = []
    for told in (1, -1):
        with CarWorld(3, road=partial(Fork, told=told)) as world:
            road = world.track
            places = [road.post_m - 3.0, *np.linspace(road.post_m - 1.3, road.fork_m - 0.1, 8)]
            pictures.append([])
            for s_m in places:
                world.set_pose(*road.at(s_m, 0.1))
                pictures[-1].append(world.camera())
    assert road.fork_m - (road.post_m - 1.3) > 2.5 * 2.0  # seconds at the fastest
    seen = [image.astype(int) for image in (pictures[0][0], pictures[1][0])]
    assert np.count_nonzero(seen[0][..., 0] - seen[1][..., 0] > 60) > 30, 'red on the one, blue on the other'
    assert all(np.array_equal(*pair) for pair in list(zip(*pictures, strict=True))[2:]), 'nothing else tells them apart'


@pytest.mark.slow
@pytest.mark.parametrize('seed', [0, 2, 4])
def test_a_sign_is_in_view_until_the_branches_part_and_its_road_is_that_of_a_cue(seed):
    pictures = []
    for told in (1, -1):
        with CarWorld(seed, road=partial(SignedFork, told=told)) as world:
            road = world.track
            assert np.array_equal(road.centre, Fork(seed, told).centre)
            assert road.distance(*road.posts[0][:2]) > road.width_m / 2 + 0.2, 'beside the branches'
            _, _, yaw = road.at(road.fork_m)
            views = [(*road.at(s_m)[:2], yaw) for s_m in np.linspace(road.fork_m - 4.0, road.fork_m - 0.3, 5)]
            pictures.append([])
            for place in views:
                world.set_pose(*place)
                pictures[-1].append(world.camera().astype(int))
    for left, right in zip(*pictures, strict=True):
        assert np.count_nonzero(left[..., 0] - right[..., 0] > 60) > 10, 'red on the one, blue on the other'


@pytest.fixture
def cue():
    with CarWorld(3, render=False, road=Fork) as world:
        yield Cue(world)


def put(cue, s_m, lateral_m=0.0):
    cue.world.set_pose(*cue.world.track.at(s_m, lateral_m))


def test_how_a_trial_ends(cue):
    road = cue.world.track
    for s_m, aside_m, outcome in ((2.0, 0.5, ''), (2.0, 0.7, 'off_road'), (2.0, -0.7, 'off_road')):
        cue.begin()
        put(cue, s_m, aside_m)
        assert (cue.update().outcome, cue.departures) == (outcome, int(bool(outcome)))
    cue.begin()
    put(cue, road.goal_m + 0.1, 0.3)
    assert cue.update().outcome == 'success'
    assert cue.figures(np.zeros((1, 7)))['success'] == 1
    cue.begin()
    cue.world.set_pose(*road.other_branch[np.searchsorted(road.s, road.goal_m)], 0.0)
    assert cue.update().outcome == 'wrong_branch'
    figures = cue.figures(np.zeros((1, 7)))
    assert (figures['success'], figures['departures'], np.isnan(figures['time_s'])) == (0, 1, True)
    cue.begin()
    outcomes = [cue.update().outcome for _ in range(1000)]
    assert (outcomes[998], outcomes[999]) == ('', 'timeout')


def test_demonstrations_begin_here_and_there_and_a_trial_at_the_start(cue):
    rng, starts = np.random.default_rng(0), set()
    for _ in range(10):
        cue.begin(rng)
        starts.add(cue.world.pose())
        assert 0.0 <= cue.world.track.project(*cue.world.pose()[:2])[0] <= 1.6
        assert abs(cue.cross_track_error_m) <= 0.31
    assert len(starts) == 10
    cue.begin()
    assert cue.world.pose() == pytest.approx(cue.world.track.at(0.0), abs=1e-3)


def test_the_map_shows_both_branches_the_post_and_the_goal():
    task = find_robot('car').begin('cue', 3, 'summer', render=False)
    with closing(task.world) as world:
        drawn = task.map()
        assert [name for name, _ in drawn.lines].count('edge') == 6
        assert drawn.obstacles[0, :2] == pytest.approx(world.track.posts[0][:2])
        assert world.track.project(*drawn.targets[0]) == pytest.approx((world.track.goal_m, 0.0), abs=2e-3)
