"""The operator's side: override, emergency stop, and parameters, all at their worst."""

import json
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from bundles import CAR
from geometry_msgs.msg import TwistStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from rig import moves, nothing
from ros_probe import status
from std_msgs.msg import Bool

MAX_ACCELERATION = 3.0  # rad/s²
FLAPS = 30
STORM, STORM_HZ = 2000, 1000


def turn(angular_z, linear_x=0.5):
    message = TwistStamped()
    message.twist.linear.x, message.twist.angular.z = linear_x, angular_z
    return message


@pytest.fixture
def override(rig):
    """Publishes overrides."""
    publisher = rig.probe.node.create_publisher(TwistStamped, 'cmd_vel_override', 1)
    rig.probe.until(publisher.get_subscription_count, 'the controller listens')
    return publisher


@pytest.fixture
def emergency_stop(rig):
    """Publishes emergency stops."""
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = rig.probe.node.create_publisher(Bool, 'emergency_stop', latched)
    rig.probe.until(publisher.get_subscription_count, 'the controller listens')
    return publisher


@pytest.mark.fault('override flaps')
def test_an_override_that_flaps(make_rig, outcome):
    rig = make_rig()
    rig.start(override_timeout_s=0.05, override_return_s=0.0, **{'angular.z.max_acceleration': MAX_ACCELERATION})
    publisher = rig.probe.node.create_publisher(TwistStamped, 'cmd_vel_override', 1)
    rig.probe.until(publisher.get_subscription_count, 'the controller listens')
    told, sent, count = rig.statuses(), [], len(rig.commands)

    def flap():
        sent.append(1e9 if len(sent) % 2 else -1e9)
        publisher.publish(turn(sent[-1], 1e9))

    timer = rig.probe.node.create_timer(0.1, flap)
    rig.probe.until(lambda: len(sent) >= FLAPS, 'it flaps')
    rig.probe.node.destroy_timer(timer)
    seen = rig.commands[count:]
    assert all(-1.5 <= each.values[5] <= 1.5 and 0.0 <= each.values[0] <= CAR[0].maximum for each in seen)
    for before, after in pairwise(seen):
        step = abs(after.values[5] - before.values[5])
        assert step <= MAX_ACCELERATION * (after.stamp_ns - before.stamp_ns) / 1e9 + 1e-9
    outcome.note = f'within the limits of speed and acceleration throughout; {rig.diagnostics(told, "overrides")} taken'
    rig.drives_on(10)


@pytest.mark.fault('override: NaN')
def test_an_override_that_is_not_a_number(rig, override, outcome):
    told = rig.statuses()
    count = len(rig.commands)
    override.publish(turn(math.nan))
    rig.probe.until(
        lambda: status(told, 'controller: control').get('override_not_finite') == '1', 'it is refused and counted'
    )
    assert all(np.isfinite(each.values).all() and moves(each) for each in rig.commands[count:])
    outcome.note = 'refused and counted (`override_not_finite`)'


def engage(rig, emergency_stop, outcome):
    since_ns = rig.now_ns()
    emergency_stop.publish(Bool(data=True))
    rig.stops(outcome, reason='emergency_stop', since_ns=since_ns, timeout_s=0.0)


@pytest.mark.fault('emergency stop, policy drives')
def test_an_emergency_stop_while_the_policy_drives(rig, emergency_stop, outcome):
    engage(rig, emergency_stop, outcome)
    emergency_stop.publish(Bool(data=False))
    rig.recovers(outcome)


@pytest.mark.fault('emergency stop, operator drives')
def test_an_emergency_stop_while_the_operator_drives(rig, emergency_stop, override, outcome):
    rig.probe.node.create_timer(0.05, lambda: override.publish(turn(0.25)))
    rig.probe.until(lambda: rig.commands[-1].values[5] == 0.25, 'the operator drives')
    engage(rig, emergency_stop, outcome)
    emergency_stop.publish(Bool(data=False))
    rig.recovers(outcome)
    rig.probe.until(lambda: rig.commands[-1].values[5] == 0.25, 'the operator drives again')


@pytest.mark.fault('emergency stop, already stopped')
def test_an_emergency_stop_while_it_stands_already(rig, emergency_stop, outcome):
    rig.camera = nothing
    rig.says(r'robot stopped \(image_stale\)')
    engage(rig, emergency_stop, outcome)
    rig.camera = rig.picture
    count = len(rig.commands)
    rig.probe.until(lambda: len(rig.commands) >= count + 20, 'it goes on commanding')
    assert not any(moves(each) for each in rig.commands[count:]), 'the camera is back, the emergency stop still holds'
    emergency_stop.publish(Bool(data=False))
    rig.recovers(outcome)
    outcome.note = 'stood already; a camera that returns does not release it'


@pytest.mark.fault('parameter storm')
def test_a_storm_of_parameters(make_rig, domain_id, outcome):
    rig = make_rig()
    # The storm takes the processor from this process too, which is the robot's sensors: they are late, not the fault.
    rig.start(image_timeout_s=5.0, imu_timeout_s=5.0)
    told, count = rig.statuses(), len(rig.commands)
    script = Path(__file__).with_name('parameter_storm.py')
    environment = os.environ | {'ROS_DOMAIN_ID': str(domain_id)}
    command = [sys.executable, str(script), str(STORM), str(STORM_HZ)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as storm:
        rig.probe.until(lambda: storm.poll() is not None, 'the storm is over')
        result = json.loads(storm.stdout.read())
    assert result['answers'], 'it still answers'
    assert result['refused']
    assert all('speed_scale' in reason and '-1' in reason for reason in result['refused'])
    assert all(moves(each) for each in rig.commands[count:])
    outcome.note = (
        f'{result["answered"]} of {result["sent"]} answered, {len(result["refused"])} refused; '
        f'ticks missed: {rig.diagnostics(told, "missed_ticks")}'
    )
    rig.drives_on()
