"""The road that forks: told by its coloured stretch, and by nothing else; and how a trial there is judged."""

from contextlib import closing

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.sim import CarWorld, find_robot
from lnn_controller.sim.tasks.cue import Cue
from lnn_controller.sim.tasks.fork import COLOURS, LONG_M, Fork, SignedFork


def test_roads_come_in_pairs_that_tell_either_way_by_the_colour_alone():
    roads = [Fork(seed) for seed in range(200)]
    assert [road.told for road in roads] == [1, -1] * 100
    for left, right in zip(roads[::2], roads[1::2], strict=True):
        assert np.array_equal(left.centre, right.other_branch)
        assert left.surroundings == right.surroundings
        (ours, red), (theirs, blue) = *left.painted, *right.painted
        assert (red, blue) == (COLOURS[1], COLOURS[-1])
        assert np.allclose(ours.left, theirs.left)
        assert np.allclose(ours.right, theirs.right)
    assert len({road.surroundings for road in roads}) == 100
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
    for s_m in (1.0, left.paint_m, left.goal_m):
        assert left.project(*left.at(s_m, 0.2)[:2]) == pytest.approx((s_m, 0.2), abs=2e-3)


def views(world, places):
    pictures = []
    for place in places:
        world.set_pose(*place)
        pictures.append(world.camera().astype(int))
    return pictures


@pytest.mark.slow
def test_the_colour_tells_the_branch_and_is_out_of_view_long_before_the_fork():
    pictures = []
    for seed in (6, 7):
        with CarWorld(seed, road=Fork) as world:
            road = world.track
            gone_m = road.paint_m + LONG_M - 1.17
            places = [road.paint_m - 2.0, gone_m - 0.8, *np.linspace(gone_m, road.fork_m - 0.1, 8)]
            pictures.append(views(world, [road.at(s_m, 0.1) for s_m in places]))
    assert 2.5 * 2.0 < road.fork_m - gone_m < 3.5 * 2.0, 'seconds at 2 m/s'
    for number, (left, right) in enumerate(zip(*pictures, strict=True)):
        if number < 2:
            told = left[..., 0] - right[..., 0] > 60
            assert np.count_nonzero(told) > (500 if number else 100), 'red on the one, blue on the other'
            differ = np.any(left != right, axis=2)
            assert np.count_nonzero(differ & ~told) < 0.2 * np.count_nonzero(told), 'but for its rim nothing else is'
        else:
            assert np.array_equal(left, right), 'nothing else tells them apart'


@pytest.mark.slow
def test_a_sign_is_in_view_until_the_branches_part_and_its_road_is_that_of_a_cue():
    pictures = []
    for seed in (4, 5):
        with CarWorld(seed, road=SignedFork) as world:
            road = world.track
            assert np.array_equal(road.centre, Fork(seed).centre)
            _, _, yaw = road.at(road.fork_m)
            places = [(*road.at(s_m)[:2], yaw) for s_m in np.linspace(road.fork_m - 4.0, road.fork_m + 0.5, 6)]
            pictures.append(views(world, places))
    for left, right in zip(*pictures, strict=True):
        assert np.count_nonzero(left[..., 0] - right[..., 0] > 60) > 50, 'red on the one, blue on the other'


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


def test_the_map_shows_both_branches_the_coloured_stretch_and_the_goal():
    task = find_robot('car').begin('cue', 3, 'summer', render=False)
    with closing(task.world) as world:
        drawn = task.map()
        assert [name for name, _ in drawn.lines].count('edge') == 6
        outline = dict(drawn.lines)['coloured stretch']
        along = [world.track.project(*corner)[0] for corner in outline]
        assert (min(along), max(along)) == pytest.approx((world.track.paint_m, world.track.paint_m + LONG_M), abs=0.05)
        assert world.track.project(*drawn.targets[0]) == pytest.approx((world.track.goal_m, 0.0), abs=2e-3)
