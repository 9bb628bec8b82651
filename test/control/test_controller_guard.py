"""The obstacle guard in the controller."""

from dataclasses import replace

import numpy as np
import pytest
from robot import BOX, PERIOD, Robot

from lnn_controller.control import ControlSettings, Footprint, GuardSettings


def guarded(policy, obstacle, ticks=1, **changes):
    robot = Robot(policy, ControlSettings(guard=BOX, **changes))
    for _ in range(ticks):
        robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array(obstacle, float).reshape(-1, 2))
        robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
        decision = robot.tick()
    return robot, decision


def test_the_guard_slows_then_stops_along_the_path(policy):
    assert guarded(policy, [])[1].command[0] == 1.0
    assert guarded(policy, [[0.5, 0.4]])[1].command[0] == 1.0, 'beside the path'
    assert guarded(policy, [[-0.4, 0.0]])[1].command[0] == 1.0, 'behind'
    assert guarded(policy, [[0.1, 0.1]])[1].command[0] == 1.0, 'the robot itself'
    robot, slowed = guarded(policy, [[0.9, 0.0]])
    assert slowed.command[0] == pytest.approx(0.5)
    assert slowed.limited == ('obstacle_slow',)
    robot, stopped = guarded(policy, [[0.45, 0.0]], ticks=3, max_acceleration={'linear_x': 1.0}, resume_after_s=0.0)
    assert (stopped.mode, stopped.reason, stopped.command.tolist()) == ('stop', 'obstacle', [0.0, 0.0])
    assert stopped.neurons.any(), 'the network runs on: it may steer away'
    assert robot.controller.counters['stop_obstacle'] == 1
    robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array([[0.45, 0.0]]))
    robot.controller.on_override(robot.now_ns + PERIOD, [-1.0, 0.0])
    backwards = robot.tick()
    assert (backwards.mode, backwards.command[0]) == ('override', pytest.approx(-0.02))


def test_obstacles_come_nearer_while_the_robot_drives_on_an_old_reading(policy):
    """What was 1.25 m away at the reading is nearer by what was driven since."""
    robot = Robot(policy, ControlSettings(guard=replace(BOX, reaction_s=0.0), scan_timeout_s=1.0))
    robot.controller.on_obstacles(robot.now_ns, np.array([[0.3 + 1.25, 0.0]]))
    commands = []
    for _ in range(40):
        robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
        decision = robot.tick()
        commands.append(decision.command[0])
    assert commands[0] == 1.0
    # Each is what the way that is left allows: 1.25 m less what was driven so far.
    gone_m = np.concatenate(([0.0], np.cumsum(commands[:-1]) * 0.02))
    np.testing.assert_allclose(commands, np.clip((1.25 - gone_m - 0.2) / 0.8, 0.0, 1.0), atol=1e-9)
    assert 0.2 < commands[-1] < 0.7
    robot.controller.on_obstacles(robot.now_ns, np.array([[0.3 + 1.25, 0.0]]))
    robot.controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
    assert robot.tick().command[0] == 1.0, 'a new reading says where it is'


def test_points_count_as_far_away_as_the_fastest_command_needs_to_stop(policy):
    robot = Robot(policy, ControlSettings(guard=GuardSettings(Footprint(), deceleration=0.5, reaction_s=0.0)))
    robot.controller.on_obstacles(robot.now_ns + PERIOD, np.array([[0.3 + 0.3 + 2.25, 0.0]]))
    robot.controller.on_override(robot.now_ns + PERIOD, [2.0, 0.0])
    assert robot.tick().command[0] == pytest.approx(1.5)  # 1.5² / (2 · 0.5) = 2.25


def test_a_guard_without_its_sensor_stops_even_the_operator(policy):
    robot = Robot(policy, ControlSettings(guard=BOX, scan_timeout_s=0.1))
    robot.controller.on_override(robot.now_ns, [1.0, 0.0])
    assert robot.tick().reason == 'no_scan'
    assert robot.controller.on_obstacles(robot.now_ns, np.zeros((0, 2)))
    assert robot.tick().mode == 'override'
    assert robot.tick(6).reason == 'scan_stale'
    assert not Robot(policy).controller.on_obstacles(0, np.zeros((0, 2))), 'no guard, no obstacles'
