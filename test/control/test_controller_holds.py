"""A cause that flickers holds the robot for a while after it, whatever else stops or drives it meanwhile."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from robot import BOX, MS, PERIOD, Robot, frame

from lnn_controller.control import ControlSettings


def starts(modes):
    return sum(before == 'stop' != mode for before, mode in pairwise(modes))


@pytest.mark.parametrize(('resume_after_s', 'most'), [(0.0, 1000), (0.5, 4)])
@pytest.mark.parametrize('spread_m', [0.01, 10.0])
@pytest.mark.slow
def test_a_distance_that_flickers_about_the_threshold(policy, resume_after_s, most, spread_m):
    """30 seconds before a wall that is measured with noise, or is there in every third scan only."""
    robot = Robot(policy, ControlSettings(guard=BOX, resume_after_s=resume_after_s))
    rng, modes = np.random.default_rng(3), []
    for tick in range(1500):
        if tick % 2 == 0:
            wall = 0.499 + (rng.normal(0.0, spread_m) if spread_m < 1 else spread_m * (rng.random() > 0.3))
            robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array([[wall, 0.0]]))
        robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
        modes.append(robot.tick().mode)
    assert starts(modes) <= most
    assert resume_after_s or starts(modes) > 100
    # Where the way stays free it drives on after the time, and no sooner.
    robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array([[0.45, 0.0]]))
    robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
    assert robot.tick().reason == 'obstacle'
    waited = 0
    while True:
        robot.controller.on_obstacles(robot.now_ns + PERIOD, np.zeros((0, 2)))
        robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
        waited += 1
        if robot.tick().mode == 'override':
            break
    assert waited == max(round(resume_after_s / 0.02), 1)


@pytest.mark.parametrize(('resume_after_s', 'least', 'most'), [(0.0, 38, 40), (0.5, 0, 0)])
def test_a_camera_slower_than_its_timeout_does_not_stop_and_start_the_robot(policy, resume_after_s, least, most):
    """4 images a second with a timeout of 0.2 s: four starts a second."""
    robot, modes = Robot(policy, ControlSettings(resume_after_s=resume_after_s)), []
    robot.camera, shown = False, 0
    for tick in range(500):
        if tick * 20 >= shown * 250:
            shown += 1
            robot.controller.on_image(robot.now_ns + PERIOD, frame(shown))
        modes.append(robot.tick().mode)
    assert least <= starts(modes) <= most


def test_a_stop_that_is_held_lets_the_operator_drive_where_only_the_network_cannot(policy):
    robot = Robot(policy)
    robot.tick()
    robot.camera = False
    assert robot.tick(12).reason == 'image_stale'
    robot.camera = True
    held = robot.tick(20)
    assert (held.reason, held.command.tolist()) == ('image_stale', [0.0, 0.0])
    robot.controller.on_override(robot.now_ns, [0.5, 0.0])
    assert robot.tick().mode == 'override'
    assert robot.controller.counters['stop_image_stale'] == 1


def test_a_new_drive_waits_for_no_stop_of_the_last(policy):
    robot = Robot(policy)
    robot.tick()
    robot.camera = False
    robot.tick(12)
    robot.camera = True
    assert robot.tick().reason == 'image_stale'
    robot.controller.reset()
    assert robot.tick().mode == 'policy'


@pytest.mark.parametrize(('slow_hz', 'waits_s'), [(2.0, 0.5), (1.0, 1.0), (1.0, 2.9)])
def test_a_faster_control_rate_is_no_jump_of_the_clock(policy, slow_hz, waits_s):
    robot = Robot(policy, ControlSettings(control_rate_hz=slow_hz))
    robot.tick(4, period_ns=round(1e9 / slow_hz))
    robot.controller.settings = replace(robot.controller.settings, control_rate_hz=50.0)
    robot.controller.settings = replace(robot.controller.settings, speed_scale=0.5)
    assert robot.tick(period_ns=round(waits_s * 1e9)).mode == 'policy'
    assert robot.tick(5).mode == 'policy'
    assert robot.tick(period_ns=round(0.6e9)).reason == 'clock_jump'  # by the new rate it is one


def test_a_clock_that_jumps_as_the_control_rate_rises_has_jumped(policy):
    robot = Robot(policy, ControlSettings(control_rate_hz=1.0))
    robot.tick(4, period_ns=round(1e9))
    robot.controller.settings = replace(robot.controller.settings, control_rate_hz=50.0)
    assert robot.tick(period_ns=round(3.1e9)).reason == 'clock_jump'


FREE, WALL = np.zeros((0, 2)), np.array([[0.45, 0.0]])


def held_for(robot, cause):
    """Have one cause stop a robot that drives, and end; how many ticks it holds from here, by whoever drives then."""
    assert robot.tick().mode != 'stop'
    if cause == 'image_stale':
        robot.camera = False
        assert robot.tick(12).reason == cause
        robot.camera = True
    elif cause == 'clock_jump':
        assert robot.tick(period_ns=robot.controller.settings.step_gap_s * 2e9).reason == cause
    else:
        robot.obstacles = None if cause == 'scan_stale' else WALL
        robot.controller.on_override(robot.now_ns, [0.5, 0.0])
        assert robot.tick(30 if cause == 'scan_stale' else 1).reason == cause
        robot.controller.release_override()
        robot.obstacles = FREE
    return 24  # 0.5 s less the tick that drives again


class GuardedRobot(Robot):
    """One whose scanner sees ``obstacles``: ``None`` while it is silent."""

    obstacles = FREE

    def tick(self, count=1, *, period_ns=PERIOD):
        for _ in range(count):
            if self.obstacles is not None:
                self.controller.on_obstacles(self.now_ns + round(period_ns), self.obstacles)
            decision = super().tick(period_ns=round(period_ns))
        return decision


def tap(robot, count):
    robot.controller.set_emergency_stop('button', True)
    assert robot.tick(count).reason == 'emergency_stop'
    robot.controller.set_emergency_stop('button', False)


def wait_outside(robot, count):
    robot.stopped_outside = 'unheard_publisher'
    assert robot.tick(count).reason == 'unheard_publisher'
    robot.stopped_outside = ''


@pytest.mark.parametrize('cause', ['image_stale', 'scan_stale', 'clock_jump', 'obstacle'])
@pytest.mark.parametrize('between', [tap, wait_outside])
@pytest.mark.parametrize('ticks', [1, 7])
def test_another_stop_takes_nothing_off_the_time_that_a_cause_must_have_gone(policy, cause, between, ticks):
    robot = GuardedRobot(policy, ControlSettings(guard=BOX))
    held = held_for(robot, cause)
    between(robot, ticks)
    for _ in range(held - ticks):
        decision = robot.tick()
        assert (decision.reason, decision.command.tolist()) == (cause, [0.0, 0.0])
    assert robot.tick().mode == 'policy'


@pytest.mark.parametrize('between', [tap, wait_outside])
def test_a_cause_that_another_stop_hides_holds_the_robot_after_it_as_well(policy, between):
    """The camera fails and returns while somebody has the robot stopped."""
    robot = Robot(policy)
    robot.tick()
    robot.camera = False
    between(robot, 12)
    robot.camera = True
    between(robot, 5)
    assert [robot.tick().reason for _ in range(20)] == ['image_stale'] * 19 + ['']


def test_an_emergency_stop_alone_ends_at_once(policy):
    robot = Robot(policy)
    robot.tick()
    tap(robot, 1)
    assert robot.tick().mode == 'policy'


@pytest.mark.parametrize('camera_returns', ['while they drive', 'with the last of it'])
def test_an_operator_who_drives_through_a_drop_out_does_not_make_it_over(policy, camera_returns):
    robot = Robot(policy, ControlSettings(override_timeout_s=0.1))
    robot.tick()
    robot.camera = False
    assert robot.tick(12).reason == 'image_stale'
    for _ in range(10):
        robot.controller.on_override(robot.now_ns, [0.5, 0.0])
        assert robot.tick().mode == 'override'
    robot.camera = True
    driven = 10 if camera_returns == 'while they drive' else 0
    for _ in range(driven):
        robot.controller.on_override(robot.now_ns, [0.5, 0.0])
        assert robot.tick().mode == 'override'
    robot.controller.release_override()
    assert [robot.tick().reason for _ in range(25 - driven)] == ['image_stale'] * (24 - driven) + ['']


def test_a_drop_out_that_nobody_stopped_for_holds_the_network_too(policy):
    """The operator drives before, during and after it."""
    robot = Robot(policy)
    robot.tick()
    for camera, ticks in ((True, 2), (False, 15), (True, 3)):
        robot.camera = camera
        for _ in range(ticks):
            robot.controller.on_override(robot.now_ns, [0.5, 0.0])
            assert robot.tick().mode == 'override'
    robot.controller.release_override()
    assert robot.tick(21).reason == 'image_stale'
    assert robot.tick().mode == 'policy'


def test_a_hold_of_the_network_takes_nothing_off_one_of_everybody(policy):
    """An obstacle that has just gone holds the operator too, though the camera has failed since."""
    robot = GuardedRobot(policy, ControlSettings(guard=BOX, image_timeout_s=0.05))
    held = held_for(robot, 'obstacle')
    robot.camera = False
    assert robot.tick(5).reason == 'image_stale'
    robot.camera = True
    reasons = []
    for _ in range(held - 5 + 1):
        robot.controller.on_override(robot.now_ns, [0.5, 0.0])
        reasons.append(robot.tick().reason)
    assert reasons == ['obstacle'] * (held - 5) + ['']
    robot.controller.release_override()
    assert robot.tick().reason == 'image_stale', 'and the network for as long as the camera asks for'


def test_a_clock_that_is_set_back_makes_no_hold_longer(policy):
    robot = Robot(policy)
    robot.tick()
    robot.controller.stop(robot.now_ns, 'tick_late')
    robot.now_ns -= 600 * MS
    wait_outside(robot, 1)
    assert robot.tick(28).mode == 'policy'
