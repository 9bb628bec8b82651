import math

import numpy as np
import pytest
from drone_tasks import begun, face_target

from lnn_controller.sim.drone.expert import BURST_ROOM_M, MOST, BlindPilot, Pilot, disturb_flight
from lnn_controller.sim.tasks.targets import clearance_m


@pytest.fixture
def asked():
    """The drone high above all that it could touch, the target 5 m ahead."""
    asked = begun('fly', 5000)
    asked.world.obstacles = np.array([(50.0, 50.0, 0.2)])
    put(asked, 5.0, 0.0)
    return asked


def put(asked, ahead_m, left_m, up_m=0.0):
    asked.world.set_pose(0.0, 0.0, 30.0, 0.0)
    asked.world.set_target(ahead_m, left_m, 30.0 + up_m)


@pytest.mark.parametrize(('left_m', 'up_m', 'signs'), [(1.0, 0.3, (1, 1, 1, 1)), (-1.0, -0.3, (1, -1, -1, -1))])
def test_it_flies_to_what_it_sees_faces_it_and_climbs_to_its_height(asked, left_m, up_m, signs):
    put(asked, 5.0, left_m, up_m)
    assert np.sign(Pilot(asked).command()).tolist() == list(signs)


def test_it_stops_before_the_target_and_backs_off_from_it(asked):
    speeds = []
    for ahead_m in (8.0, 3.0, 2.0, 1.2):
        put(asked, ahead_m, 0.0)
        speeds.append(Pilot(asked).command()[0])
    assert speeds == pytest.approx([1.8, 0.7, 0.0, -0.56], abs=0.02)


def test_what_it_has_never_seen_it_seeks_to_the_left_on_the_spot(asked):
    for left_m in (5.0, -5.0):
        put(asked, -3.0, left_m)
        assert Pilot(asked).command().tolist() == [0.0, 0.0, 0.0, 0.9]


@pytest.mark.parametrize('side', [1.0, -1.0])
def test_what_went_out_of_view_it_turns_to_where_it_went_for_some_seconds(asked, side):
    pilot = Pilot(asked)
    put(asked, 4.0, 2.0 * side)
    pilot.command()
    put(asked, 0.0, 4.0 * side)
    assert pilot.command().tolist() == [0.0, 0.0, 0.0, 0.9 * side]
    put(asked, -4.0, -1.0 * side)  # it has gone round behind: turning on is as good
    assert pilot.command()[3] == 0.9 * side
    asked._updates += 9 * 30
    assert pilot.command()[3] == 0.9, 'forgotten'


def test_another_target_is_sought_anew(asked):
    pilot = Pilot(asked)
    pilot.command()
    asked.reached = 1
    put(asked, 0.0, -4.0)
    assert pilot.command()[3] == 0.9


def test_a_target_behind_a_tree_is_not_seen_but_remembered(asked):
    world = begun('fly', 5000).world
    x, y, radius = world.obstacles[world.obstacles[:, 2].argmax()]
    asked.world.set_pose(x - radius - 2.0, y, 1.4, 0.0)
    asked.world.set_target(x + radius + 2.0, y, 1.4)
    assert asked.in_view
    pilot = Pilot(asked)
    assert pilot.command()[3] == 0.9
    asked.world.set_target(x - radius - 0.5, y, 1.4)
    pilot.command()
    asked.world.set_target(x + radius + 2.0, y, 1.4)
    assert pilot.command() == pytest.approx([1.8, 0.0, 0.0, 0.0], abs=0.01)


@pytest.mark.parametrize('side', [1.0, -1.0])
def test_it_slides_past_what_is_in_the_way_and_slows_before_it_but_not_if_blind(asked, side):
    put(asked, 8.0, 0.0)
    asked.world.obstacles = np.array([(1.5, -0.1 * side, 0.2)])
    command = Pilot(asked).command()
    assert command[1] * side > 0.5
    assert command[0] < 1.8
    assert BlindPilot(asked).command() == pytest.approx([1.8, 0.0, 0.0, 0.0], abs=0.01)
    asked.world.obstacles = np.array([(0.0, -0.7 * side, 0.2)])
    assert Pilot(asked).command()[1] * side > 0.3, 'what is close pushes'


def test_commands_keep_within_their_bounds():
    rng = np.random.default_rng(0)
    asked = begun('tight', 5003)
    pilot = Pilot(asked)
    for _ in range(300):
        asked.world.set_pose(*rng.uniform(-10, 10, 2), 1.4, rng.uniform(-math.pi, math.pi))
        assert (np.abs(pilot.command()) <= MOST).all()


def test_bursts_disturb_every_channel_now_and_then_but_not_next_to_an_obstacle():
    asked = begun('fly', 5000)
    command = np.array([1.0, 0.0, 0.0, 0.0])

    def biases(seconds):
        disturbed = disturb_flight(asked, np.random.default_rng(0))
        return np.array([disturbed(command) - command for _ in range(seconds * 30)])

    running = biases(600)
    on = running.any(axis=1)
    begins = np.count_nonzero(on[1:] & ~on[:-1])
    assert begins / 600 == pytest.approx(0.35 / (1 + 0.35 * 0.65), rel=0.2)
    assert running[on].std(axis=0) == pytest.approx([0.6, 0.6, 0.3, 0.6], rel=0.25)
    assert np.abs(running.mean(axis=0)).max() < 0.05
    assert np.array_equal(running, biases(600))
    x, y, radius = asked.world.obstacles[0]
    asked.world.set_pose(x - radius - BURST_ROOM_M + 0.1, y, 1.4, 0.0)
    assert clearance_m(asked.world.obstacles, *asked.world.pose()[:2]) < BURST_ROOM_M
    assert not biases(600).any()


def test_the_target_is_faced_from_anywhere():
    asked = begun('fly', 5001)
    for turned in (-0.5, 0.5):
        face_target(asked, 3.0, turned)
        assert asked.to_target() == pytest.approx((3.0, -turned, 0.0), abs=0.01)
