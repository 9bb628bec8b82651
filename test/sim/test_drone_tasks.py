import math

import numpy as np
import pytest
from drone_tasks import DRONE, Steady, begun, face_target, fly

from lnn_controller.errors import InputError
from lnn_controller.sim.drone.expert import BlindPilot, Pilot
from lnn_controller.sim.tasks.targets import clearance_m, path_clearance_m

SEEDS = range(5000, 5012)


@pytest.mark.slow
@pytest.mark.parametrize(('task', 'scene'), [*((task, 'summer') for task in DRONE.tasks), ('tight', 'urban')])
def test_the_pilot_succeeds(task, scene):
    asked = begun(task, SEEDS[0], scene)
    assert fly(asked, Pilot(asked)) == 'success'
    assert asked.figures(np.zeros((1, 7))) == {
        'success': 1,
        'time_s': pytest.approx(asked.elapsed_s),
        'reached': 3 if task == 'hop' else 1,
        'collisions': 0,
    }
    assert 2.0 < asked.elapsed_s <= asked.time_limit_s + 1e-9


@pytest.mark.slow
def test_who_is_blind_to_obstacles_hits_about_half_of_those_in_the_way():
    def outcomes(pilot, task, seeds):
        flights = [begun(task, seed) for seed in seeds]
        return [fly(asked, pilot(asked)) for asked in flights]

    hit = outcomes(BlindPilot, 'tight', SEEDS)
    assert 3 <= hit.count('crash') <= 10
    assert outcomes(BlindPilot, 'fly', SEEDS[:4]).count('success') >= 3
    in_the_way = [seed for seed, outcome in zip(SEEDS, hit, strict=True) if outcome == 'crash'][:4]
    assert outcomes(Pilot, 'tight', in_the_way).count('success') >= 3


@pytest.mark.parametrize('task', ['fly', 'tight', 'hidden'])
@pytest.mark.slow
def test_a_world_without_a_free_place_is_refused_by_its_seed(task):
    asked = begun(task, 5000)
    asked.world.obstacles = np.array([[0.0, 0.0, 50.0]])
    with pytest.raises(InputError, match=r'must have a free place for the drone\. Seed 5000 has none'):
        asked.begin()
    asked.world.obstacles = np.array([[0.0, 0.0, 0.2]])
    asked.world.field_m = 0.0
    with pytest.raises(InputError, match=r'must have a free place for the target .* Seed 5000 has none'):
        asked.begin()


def test_touching_something_is_a_crash():
    asked = begun('fly', 5000)
    world = asked.world
    x, y, radius = world.obstacles[np.hypot(*world.obstacles[:, :2].T).argmax()]
    world.set_pose(x - radius - 0.6, y, 1.4, 0.0)
    seen = []
    assert fly(asked, Steady(1.0, 0.0, 0.0, 0.0), lambda _, verdict: seen.append(verdict)) == 'crash'
    assert seen[-1].event == 'the drone has touched something'
    assert asked.elapsed_s < 2.0
    figures = asked.figures(np.zeros((1, 7)))
    assert math.isnan(figures.pop('time_s'))
    assert figures == {'success': 0, 'reached': 0, 'collisions': 1}


@pytest.mark.parametrize(
    ('away_m', 'turned_deg', 'updates'), [(2.2, 0.0, 60), (2.2, 12.0, 60), (2.2, 20.0, None), (2.8, 0.0, None)]
)
def test_a_target_is_reached_near_before_the_nose_and_for_two_seconds(away_m, turned_deg, updates):
    asked = begun('fly', 5000)
    face_target(asked, away_m, math.radians(turned_deg))
    status = asked.status()
    assert status['distance_m'] == pytest.approx(away_m, abs=0.01)
    assert status['bearing_rad'] == pytest.approx(-math.radians(turned_deg), abs=0.01)
    asked.world.apply(np.zeros(4))
    outcomes = []
    for _ in range(100):
        outcomes.append(asked.update().outcome)
        if outcomes[-1]:
            break
        asked.world.advance(asked.world.clock.odometry)
    assert (outcomes.index('success') + 1 if 'success' in outcomes else None) == updates
    assert asked.status()['reached'] == (updates is not None)


def test_the_time_counts_from_the_first_update_and_is_up_with_the_last():
    asked = begun('fly', 5000)
    asked.world.advance(600)
    outcomes = []
    assert fly(asked, Steady(0.0, 0.0, 0.0, 0.0), lambda _, verdict: outcomes.append(verdict.outcome)) == 'timeout'
    assert len(outcomes) == round(asked.time_limit_s * 30)


def test_a_target_is_placed_in_plain_sight_or_just_past_an_obstacle():
    for seed in SEEDS:
        for task in ('fly', 'tight'):
            asked = begun(task, seed, 'winter')
            x, y, z, _ = asked.world.pose()
            target, obstacles = asked.world.target, asked.world.obstacles
            assert 1.0 <= z <= 2.0
            assert 5.0 <= math.dist((x, y), target[:2]) <= 15.0
            assert 1.1 <= target[2] <= 1.8
            assert clearance_m(obstacles, *target[:2]) > 1.2
            assert clearance_m(obstacles, x, y) > 1.3
            assert asked.in_view
            assert asked.is_visible()
            passes = path_clearance_m(obstacles, (x, y), tuple(target[:2]))
            assert passes > 0.15 if task == 'fly' else passes < 0.45


def test_the_seed_decides_a_trial_and_the_source_a_demonstration():
    def start(*args, **options):
        asked = begun(*args, **options)
        return [*asked.world.pose(), *asked.world.target]

    for task in DRONE.tasks:
        first = start(task, 5000)
        assert start(task, 5000) == first
        assert start(task, 5000, rng=np.random.default_rng(0)) != first
        assert start(task, 5000, rng=np.random.default_rng(0)) == start(task, 5000, rng=np.random.default_rng(0))
    asked, rng, unseen = begun('fly', 3), np.random.default_rng(0), 0
    for _ in range(60):
        asked.begin(rng)
        unseen += not asked.in_view
    assert 10 <= unseen <= 40, 'some begin with the target out of view'


def test_the_next_target_of_a_hop_is_another_one_to_be_sought():
    asked = begun('hop', 5001)
    for count in (1, 2, 3):
        assert asked.reached == count - 1
        assert len(asked.map().targets) == count
        assert asked.map().targets[-1] == pytest.approx(asked.world.target[:2])
        face_target(asked, 2.2)
        asked.world.apply(np.zeros(4))
        before = asked.world.target
        for _ in range(60):
            verdict = asked.update()
            asked.world.advance(asked.world.clock.odometry)
        assert verdict.event == f'target {count} of 3 reached'
        if count < 3:
            assert not verdict.outcome
            assert 5.0 <= math.dist(asked.world.pose()[:2], asked.world.target[:2]) <= 10.1
            assert abs(asked.to_target()[1]) <= math.radians(151.0)
            assert not np.array_equal(asked.world.target, before)
    assert verdict.outcome == 'success'


def test_a_target_that_is_followed_wanders_steadily_among_the_trees():
    asked = begun('follow', 5002)
    places = []
    outcome = fly(asked, Steady(0.0, 0.0, 0.0, 0.0), lambda *_: places.append(asked.world.target))
    assert outcome == 'lost', 'who hovers does not follow'
    assert asked.figures(np.zeros((1, 7)))['success'] == 0
    steps = np.hypot(*np.diff(np.array(places)[:, :2], axis=0).T) * 30
    assert np.median(steps) == pytest.approx(steps.max(), abs=1e-9)
    assert 0.3 <= steps.max() <= 0.8
    assert len({place[2] for place in places}) == 1
    assert min(clearance_m(asked.world.obstacles, *place[:2]) for place in places) > 0.4


@pytest.mark.slow
def test_hidden_goes_out_of_view_and_nothing_tells_where_it_will_be():
    sides = set()
    for seed in SEEDS[:4]:
        asked = begun('hidden', seed)
        world, seen = asked.world, []

        def watch(_command, _verdict, asked=asked, world=world, seen=seen):
            seen.append((asked.elapsed_s, asked.in_view, asked.to_target()[1], world.imu()[0][2], world.target[2]))

        assert fly(asked, Pilot(asked), watch) == 'success'
        elapsed_s, in_view, bearing, turning, height = map(np.array, zip(*seen, strict=True))
        assert in_view[0]
        goes = int(np.flatnonzero(height > height[0] + 0.01)[0]) - 1
        assert 4.4 < elapsed_s[goes] < 5.6
        assert in_view[:goes].all()
        # By then the drone looks at it and turns no more: the side is in neither picture nor gyroscope.
        assert abs(bearing[goes]) < math.radians(6.0)
        assert abs(turning[goes]) < 0.12
        lands = goes + int(np.flatnonzero(height[goes:] > height[0] + 0.01)[-1]) + 1
        assert 2.0 <= elapsed_s[lands] - elapsed_s[goes] <= 3.6
        assert not in_view[goes + 8 : lands - 8].any()
        sides.add(np.sign(bearing[0]))
    assert sides == {-1.0, 1.0}


@pytest.mark.parametrize('has_room', [True, False])
def test_hidden_comes_down_without_a_free_place_too_and_says_so(has_room):
    asked = begun('hidden', 5000)
    height_m = asked.world.target[2]
    if not has_room:
        asked.world.obstacles = np.array([[0.0, 0.0, 50.0]])
    events = []
    assert fly(asked, Steady(0.0, 0.0, 0.0, 0.0), lambda _, verdict: events.append(verdict.event)) == 'lost'
    said = [] if has_room else ['the target comes down where there is no free place']
    assert [event for event in events if event] == [*said, 'the target was not met where it went']
    assert asked.world.target == pytest.approx((*asked.map().targets[-1], height_m))


class Remembering(Pilot):
    """Who turns to one side when the target is out of view, always at the same rate."""

    def __init__(self, task, side):
        super().__init__(task)
        self.turn = 0.7 * side

    def command(self):
        if self._task.in_view and self._task.is_visible():
            return self._approach()
        return np.array([0.0, 0.0, 0.0, self.turn])


@pytest.mark.slow
def test_hidden_is_met_by_who_turns_to_the_side_where_it_went_alone():
    for seed in SEEDS[:3]:
        side = -math.copysign(1.0, begun('hidden', seed).to_target()[1])  # it crosses the view
        for turned, expected in ((side, 'success'), (-side, 'lost'), (0.0, 'lost')):
            again = begun('hidden', seed)
            assert fly(again, Remembering(again, turned)) == expected, (seed, turned)
            assert again.reached == (expected == 'success')
