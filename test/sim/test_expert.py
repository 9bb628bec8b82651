import numpy as np
import pytest

from lnn_controller.sim import LANE_OFFSET_M, CarWorld, Lane, PurePursuit, Track

pytestmark = pytest.mark.slow


def drive(track, *, seconds, lateral=LANE_OFFSET_M):
    with CarWorld(track, render=False) as world:
        lane, expert = Lane(world), PurePursuit(world.track)
        world.set_pose(*world.track.at(0.0, lateral))
        errors, speeds = [], []
        for _ in range(round(seconds * 50)):
            world.apply(expert.command(*world.pose()))
            world.advance(CarWorld.clock.odometry)
            errors.append(lane.cross_track_error_m)
            speeds.append(world.speed_m_s)
    return np.array(errors), np.array(speeds)


@pytest.mark.parametrize(('track', 'seconds'), [(21, 60), (0, 15), (33, 15)])
def test_it_keeps_the_lane_for_a_minute(track, seconds):
    errors, speeds = drive(track, seconds=seconds)
    assert np.sqrt(np.mean(errors**2)) < 0.02
    assert np.abs(errors).max() < 0.1
    assert speeds[100:].min() > 1.4
    assert speeds.max() < 2.1


@pytest.mark.parametrize('aside', [0.4, -0.4])
@pytest.mark.parametrize('track', [5, 33])
def test_it_recovers_from_beside_the_lane(track, aside):
    errors, _ = drive(track, seconds=4, lateral=LANE_OFFSET_M + aside)
    assert errors[0] == pytest.approx(aside, abs=0.02)
    assert np.abs(errors[100:]).max() < 0.06
    assert (-np.sign(aside) * errors).max() < 0.06  # no overshoot to the other side


def test_it_steers_towards_the_lane():
    track = Track(5)
    expert = PurePursuit(track)
    x, y, yaw = track.at(8.0, LANE_OFFSET_M)
    _, on = expert.command(x, y, yaw)
    _, from_left = expert.command(*track.at(8.0, LANE_OFFSET_M + 0.3))
    _, from_right = expert.command(*track.at(8.0, LANE_OFFSET_M - 0.3))
    assert from_left < on < from_right


def test_the_command_is_a_smooth_function_of_the_pose():
    track = Track(5)
    expert = PurePursuit(track)
    commands = np.array([expert.command(*track.at(s, LANE_OFFSET_M)) for s in np.arange(0, track.length_m, 0.05)])
    steps = np.abs(np.diff(commands, axis=0))
    assert steps[:, 0].max() < 0.02
    assert steps[:, 1].max() < 0.06


def test_it_slows_for_bends_and_nowhere_asks_for_more_than_the_steering_gives():
    track = Track(5)
    expert = PurePursuit(track)
    places = np.arange(0, track.length_m, 0.5)
    speeds = np.array([expert.command(*track.at(s, LANE_OFFSET_M))[0] for s in places])
    bend = np.array([np.abs(track.curvature_ahead(s, 3.0)).mean() for s in places])
    assert speeds[bend.argmax()] < 1.85 < 1.95 < speeds[bend.argmin()]
    x, y, yaw = track.at(8.0, LANE_OFFSET_M)
    speed, turn = expert.command(x, y, yaw + np.pi / 2)
    assert turn == pytest.approx(-0.9 * speed)
