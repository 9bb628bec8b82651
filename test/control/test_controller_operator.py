"""Who may stop the robot or drive it by hand: the emergency stop and the override."""

import math

import numpy as np
import pytest
from robot import PERIOD, Robot

from lnn_controller.control import ControlSettings


def test_the_emergency_stop_holds_until_all_who_hold_it_let_go(policy):
    robot = Robot(policy)
    controller = robot.controller
    robot.tick(3)
    controller.set_emergency_stop('topic', True)
    controller.set_emergency_stop('service', True)
    controller.on_override(robot.now_ns + PERIOD, [1.0, 0.0])
    decision = robot.tick()
    assert (decision.mode, decision.reason) == ('stop', 'emergency_stop')
    assert not decision.command.any()
    controller.set_emergency_stop('topic', False)
    assert robot.tick().reason == 'emergency_stop'
    controller.set_emergency_stop('service', False)
    assert robot.tick(60).mode == 'policy'
    assert controller.counters['stop_emergency_stop'] == 1


def test_a_fresh_override_wins_and_the_policy_takes_over_without_a_bump(policy):
    settings = ControlSettings(override_timeout_s=0.1, override_return_s=0.2)
    robot, alone = Robot(policy, settings), Robot(policy, settings)
    robot.tick(5)
    alone.tick(5)
    robot.controller.on_override(robot.now_ns, [-0.5, 1.0])
    for _ in range(5):
        decision = robot.tick()
        expected = alone.tick()
        assert (decision.mode, decision.command.tolist()) == ('override', [-0.5, 1.0])
        np.testing.assert_array_equal(decision.neurons, expected.neurons, 'the network runs on')
    previous = decision.command
    for tick in range(12):
        decision, expected = robot.tick(), alone.tick()
        assert decision.mode == 'policy'
        assert np.abs(decision.command - previous).max() <= 0.35, tick
        previous = decision.command
    np.testing.assert_array_equal(decision.command, expected.command)


def test_the_operator_can_drive_a_blind_robot(policy):
    robot = Robot(policy)
    robot.tick(3)
    robot.camera = robot.imu = False
    robot.tick(30)
    robot.controller.on_override(robot.now_ns, [-0.5, 0.0])
    decision = robot.tick()
    assert (decision.mode, decision.command.tolist()) == ('override', [-0.5, 0.0])
    assert not decision.neurons.any()
    assert robot.tick(30).reason == 'image_stale', 'an override that ends leaves no robot driving'
    assert not robot.controller.on_override(robot.now_ns, [math.nan, 0.0])
    assert robot.controller.counters['override_not_finite'] == 1
    with pytest.raises(ValueError, match=r'an override needs 2 channels. Got 1'):
        robot.controller.on_override(robot.now_ns, [0.0])


def test_the_operator_is_held_to_the_limits(policy):
    robot = Robot(policy, ControlSettings(maximum={'linear_x': 0.7}, max_acceleration={'linear_x': 1.0}))
    robot.controller.on_override(robot.now_ns, [9.0, 9.0])
    first = robot.tick()
    assert first.command.tolist() == [pytest.approx(0.02), 1.5]
    assert first.limited == ('linear_x_maximum', 'angular_z_maximum', 'linear_x_acceleration')
