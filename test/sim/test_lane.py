import numpy as np
import pytest

from lnn_controller.sim import LANE_OFFSET_M, CarWorld, Lane
from lnn_controller.sim.tasks.lane import cross_track_errors


@pytest.fixture
def lane():
    with CarWorld(5, render=False) as world:
        yield Lane(world)


def put(lane, s_m, lateral_m):
    lane.world.set_pose(*lane.world.track.at(s_m, lateral_m))


def test_positive_error_is_left_of_the_lane(lane):
    put(lane, 10.0, -0.6)
    assert lane.cross_track_error_m == pytest.approx(0, abs=1e-3)
    put(lane, 10.0, -0.3)
    before = lane.cross_track_error_m
    assert before == pytest.approx(0.3, abs=1e-3)
    lane.world.apply((1.0, 0.8))
    lane.world.advance(480)
    assert lane.cross_track_error_m > before


@pytest.mark.parametrize(('lateral', 'departed'), [(-0.6, False), (-0.02, False), (0.02, True), (-1.22, True)])
def test_a_car_out_of_its_lane_is_counted_and_put_back_where_it_was_along_the_road(lane, lateral, departed):
    lane.begin()
    put(lane, 40.0, lateral)
    verdict = lane.update()
    assert (verdict.moved, verdict.outcome, lane.departures) == (departed, '', int(departed))
    assert verdict.event.startswith('lane departure 1 (') is departed
    x, y, _ = lane.world.pose()
    expected = LANE_OFFSET_M if departed else lateral
    assert lane.world.track.project(x, y) == pytest.approx((40.0, expected), abs=2e-3)


def test_a_demonstration_goes_on_out_of_the_lane_and_ends_off_the_road(lane):
    rng = np.random.default_rng(0)
    starts = []
    for _ in range(20):
        lane.begin(rng)
        starts.append((*lane.world.pose(), lane.cross_track_error_m))
        assert abs(starts[-1][-1]) <= 0.41
    assert len(set(starts)) == 20
    put(lane, 40.0, LANE_OFFSET_M + 1.0)
    assert lane.update() == ('', '', False)
    put(lane, 40.0, LANE_OFFSET_M + 1.15)
    assert lane.update().outcome == 'off_road'
    lane.begin()
    assert lane.status() == {'cross_track_error': pytest.approx(0.0, abs=1e-3), 'departures': 0}


def test_figures_are_of_the_path_and_the_departures(lane):
    lane.begin()
    poses = np.zeros((3, 7))
    for row, aside in zip(poses, (0.0, 0.3, -0.4), strict=True):
        row[:2] = lane.world.track.at(12.0, LANE_OFFSET_M + aside)[:2]
    assert cross_track_errors(lane.world.track, poses) == pytest.approx([0.0, 0.3, -0.4], abs=1e-3)
    put(lane, 12.0, 0.5)
    lane.update()
    figures = lane.figures(poses)
    assert figures['departures'] == 1
    assert figures['cross_track_error_max_m'] == pytest.approx(0.4, abs=1e-3)


def test_the_map_is_the_road(lane):
    lines = dict(lane.map().lines)
    assert list(lines) == ['left edge', 'right edge', 'lane centre']
    assert all(np.array_equal(points[0], points[-1]) for points in lines.values())
    assert np.abs(cross_track_errors(lane.world.track, lines['lane centre'][::50])).max() < 1e-3
    assert cross_track_errors(lane.world.track, lines['right edge'][::50]) == pytest.approx(-0.6, abs=1e-3)
