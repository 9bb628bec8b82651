"""A camera that goes dark in bends, and one that sees seldom and late; a lane kept at one go."""

from functools import partial

import numpy as np
import pytest

from lnn_controller.sim import CarWorld, Track, schedule
from lnn_controller.sim.car.eyes import DARK, SLOW, Darkness, Eyes
from lnn_controller.sim.tasks.stretch import Stretch

SEED = 33


def test_it_is_dark_for_its_time_from_the_beginning_of_each_bend():
    track = Track(SEED)
    darkness = Darkness(track, (1.5, 3.0), 600)
    bend = np.abs(track.curvature)
    step, lengths, since, places = 0, [], None, []
    for s_m in np.arange(0.0, track.length_m - 1.0, 2.0 / 30):  # 2 m/s at 30 Hz
        dark = darkness(step, s_m)
        if dark and since is None:
            since = step
            places.append(s_m)
        elif not dark and since is not None:
            lengths.append((step - since) / 600)
            since = None
        step += 20
    assert len(lengths) >= 3
    assert all(1.5 <= each <= 3.05 for each in lengths)
    assert all(bend[np.searchsorted(track.s, s_m + 1.0)] > 0.07 for s_m in places)
    # Who stands where a bend begins sees again, and is not dark for ever.
    step += 3000
    standing = [darkness(step + 20 * k, places[0]) for k in range(200)]
    assert standing[0] and not any(standing[100:])


@pytest.mark.slow
def test_in_the_dark_there_is_noise_alone_and_the_imu_goes_on():
    with CarWorld(SEED, eyes=DARK) as world:
        mark = Darkness(world.track, (1.5, 3.0), 600).marks_m[0]
        world.set_pose(*world.track.at(mark - 1.0, -0.6))
        assert world.camera().mean() > 40
        world.set_pose(*world.track.at(mark + 0.1, -0.6))
        first = world.camera()
        world.apply((1.0, 0.5))
        world.advance(600)
        second = world.camera()
        assert first.mean() < 5 > second.mean()
        assert first.max() < 25
        assert np.mean(first != second) > 0.5, 'no two pictures are the same: the camera has not stopped'
        assert abs(world.imu()[0][2]) > 0.2
        world.apply((0.0, 0.0))
        world.advance(1800)
        assert world.camera().mean() > 40
        assert world.clock == CarWorld.clock


@pytest.mark.slow
def test_a_late_camera_shows_what_was_before():
    period, late = 60, 45
    with (
        CarWorld(SEED, eyes=Eyes(period=period, late=late)) as slow,
        CarWorld(SEED) as good,
    ):
        assert slow.clock.camera == period
        pictures = {}
        for world, moments in ((good, ()), (slow, (0, 120, 300))):
            for due in schedule(world, steps=301):
                world.apply((1.5, 0.4))
                if world is good and due.step % 3 == 0:
                    pictures[due.step] = world.camera()
                elif due.step in moments:
                    image = world.camera().astype(int)
                    differences = {step: np.abs(image - picture).mean() for step, picture in pictures.items()}
                    assert abs(min(differences, key=differences.get) - max(0, due.step - late)) <= 3
        slow.set_pose(*slow.track.at(30.0, -0.6))
        good.set_pose(*good.track.at(30.0, -0.6))
        assert np.array_equal(slow.camera(), good.camera()), 'who was put somewhere else sees that at once'
    assert (SLOW.period, SLOW.late) == (600 // 5, 0.15 * 600)


@pytest.fixture
def stretch():
    with CarWorld(SEED, render=False) as world:
        yield Stretch(world)


def test_a_stretch_ends_with_the_first_departure_or_when_the_time_is_up(stretch):
    stretch.begin()
    outcomes = [stretch.update().outcome for _ in range(2000)]
    assert (outcomes[1998], outcomes[1999]) == ('', 'success')
    figures = stretch.figures(stretch.world.odometry().pose[None])
    assert (figures['success'], figures['time_s'], figures['departures']) == (1, pytest.approx(40.0), 0)
    stretch.begin()
    stretch.world.set_pose(*stretch.world.track.at(10.0, 0.1))
    verdict = stretch.update()
    assert (verdict.outcome, verdict.moved, stretch.departures) == ('departure', False, 1)
    assert stretch.figures(np.zeros((1, 7)))['success'] == 0


def test_its_demonstrations_are_those_of_the_lane(stretch):
    stretch.begin(np.random.default_rng(0))
    stretch.world.set_pose(*stretch.world.track.at(10.0, 0.3))
    assert stretch.update().outcome == ''
    stretch.world.set_pose(*stretch.world.track.at(10.0, 0.7))
    assert stretch.update().outcome == 'off_road'


@pytest.mark.parametrize('eyes', [DARK, SLOW])
@pytest.mark.slow
def test_worse_eyes_repeat_themselves(eyes):
    seen = []
    for _ in range(2):
        with partial(CarWorld, SEED, eyes=eyes)() as world:
            world.set_pose(*world.track.at(44.0, -0.6))
            frames = []
            for due in schedule(world, steps=400):
                world.apply((1.5, 0.2))
                if due.camera:
                    frames.append(world.camera())
            seen.append(np.array(frames))
    assert np.array_equal(*seen)
