"""The operator's side: override, emergency stop, and parameters, all at their worst."""

import json
import math
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from bundles import CAR
from geometry_msgs.msg import TwistStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rig import PERIOD_S, moves, nothing
from ros_probe import ACTIVATE, DEACTIVATE, status
from std_msgs.msg import Bool, Empty
from std_srvs.srv import SetBool

MAX_ACCELERATION = 3.0  # rad/s²
FLAPS = 30
STORM, STORM_HZ = 2000, 1000
BUTTON_HZ = 20.0
GRAPH_LOOK_S = 0.1  # between two looks at who is there


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


@pytest.mark.fault('emergency stop, best effort')
def test_a_best_effort_emergency_stop(rig, outcome):
    quiet = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    button = rig.probe.node.create_publisher(Bool, 'emergency_stop', quiet)
    rig.probe.until(button.get_subscription_count, 'the controller listens')
    since_ns = rig.now_ns()
    rig.probe.feed('button', button, BUTTON_HZ, lambda _: Bool(data=True))
    rig.stops(outcome, reason='emergency_stop', since_ns=since_ns, timeout_s=0.0)
    outcome.limit_s += 1 / BUTTON_HZ
    rig.probe.silence('button')
    rig.probe.feed('button', button, BUTTON_HZ, lambda _: Bool(data=False))
    rig.recovers(outcome)
    outcome.note = f'it sends {BUTTON_HZ:g} times a second, at first after one period'


@pytest.mark.fault('emergency stop of another type')
def test_an_emergency_stop_of_another_type(rig, another, outcome):
    told, since_ns = rig.statuses(), rig.now_ns()
    button = another.create_publisher(Empty, 'emergency_stop', 1)
    rig.stops(outcome, reason='unheard_publisher', since_ns=since_ns, timeout_s=0.0)
    outcome.limit_s += GRAPH_LOOK_S
    outcome.said = rig.says('/emergency_stop: node /another has the type std_msgs/msg/Empty')
    assert rig.diagnostics(told, 'graph_errors') == '1'
    another.destroy_publisher(button)
    rig.recovers(outcome)
    outcome.note = 'the graph is looked at ten times a second; an ERROR on `/diagnostics` as long as it is there'


@pytest.mark.fault('emergency stop at 1 Hz')
def test_an_emergency_stop_waits_for_no_tick(rig, emergency_stop, outcome):
    assert rig.probe.set_parameters({'control_rate_hz': 1.0})[0].successful
    delays_s = []
    for _ in range(3):  # this process may be late, but not three times
        count = len(rig.commands)
        rig.probe.until(lambda c=count: any(map(moves, rig.commands[c:])), 'a tick')
        since_ns, count = rig.now_ns(), len(rig.commands)
        emergency_stop.publish(Bool(data=True))
        stopped = lambda c=count: next((each for each in rig.commands[c:] if not moves(each)), None)  # noqa: E731
        first = rig.probe.until(stopped, 'zeros')
        delays_s.append((first.received_ns - since_ns) / 1e9)
        emergency_stop.publish(Bool(data=False))
    outcome.stopped_s, outcome.limit_s = min(delays_s), 0.025
    assert min(delays_s) < 0.25, 'a quarter of the period'
    stamps = [each.stamp_ns for each in rig.commands]
    assert all(before < after for before, after in pairwise(stamps))
    outcome.said = rig.says(r'robot stopped \(emergency_stop\)')


@pytest.mark.fault('emergency stop, then another policy')
def test_an_emergency_stop_outlives_its_publisher_and_the_policy(rig, emergency_stop, outcome, tiny_bundle, tmp_path):
    engage(rig, emergency_stop, outcome)
    rig.probe.node.destroy_publisher(emergency_stop)
    outcome.note = rig.says('/probe, which holds the emergency stop, is gone').split(':')[0]
    another = shutil.copytree(tiny_bundle, tmp_path / 'another')
    assert rig.probe.change(DEACTIVATE)
    assert rig.probe.set_parameters({'policy': str(another)})[0].successful
    count = len(rig.commands)
    assert rig.probe.change(ACTIVATE)
    rig.probe.until(lambda: len(rig.commands) >= count + 50, 'it goes on commanding')
    assert not any(map(moves, rig.commands[count:])), 'nobody has let go'
    released = rig.probe.call(SetBool, '/controller/emergency_stop', SetBool.Request(data=False))
    assert released.message == 'released'
    rig.recovers(outcome)


@pytest.mark.fault('a second panel')
def test_a_panel_that_boots_releases_nothing(rig, emergency_stop, another, outcome):
    told = rig.statuses()
    holders = lambda: status(told, 'controller: control').get('emergency_stop')  # noqa: E731
    engage(rig, emergency_stop, outcome)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    panel = another.create_publisher(Bool, 'emergency_stop', latched)
    panel.publish(Bool(data=False))
    rig.probe.until(panel.get_subscription_count, 'the controller listens')
    panel.publish(Bool(data=True))
    rig.probe.until(lambda: holders() == '/another, /probe', 'both hold it')
    count = len(rig.commands)
    panel.publish(Bool(data=False))
    rig.probe.until(lambda: holders() == '/probe', 'the first holds it')
    assert not any(map(moves, rig.commands[count:]))
    emergency_stop.publish(Bool(data=False))
    rig.recovers(outcome)
    outcome.note = 'each publisher lets go of its own stop'


@pytest.mark.fault("dead man's switch silent")
def test_a_dead_man_s_switch_that_falls_silent(make_rig, outcome):
    rig = make_rig()
    button = rig.probe.node.create_publisher(Bool, 'emergency_stop', 1)
    rig.probe.feed('button', button, BUTTON_HZ, lambda _: Bool(data=False))
    rig.start(emergency_stop_timeout_s=0.5)
    told, since_ns = rig.statuses(), rig.now_ns()
    rig.probe.silence('button')
    rig.stops(outcome, reason='emergency_stop', since_ns=since_ns, timeout_s=0.0)
    outcome.limit_s = 0.5 + PERIOD_S
    silent = lambda: status(told, 'controller: control').get('emergency_stop') == '/probe (silent)'  # noqa: E731
    rig.probe.until(silent, 'it is said who is silent')
    rig.probe.feed('button', button, BUTTON_HZ, lambda _: Bool(data=False))
    rig.recovers(outcome)


@pytest.mark.fault('a second publisher of cmd_vel')
def test_a_second_publisher_of_cmd_vel_is_an_error_by_name(rig, another, outcome):
    told = rig.statuses()
    publisher = another.create_publisher(TwistStamped, 'cmd_vel', 1)
    outcome.said = rig.says('/cmd_vel: node /another publishes here too')
    assert rig.diagnostics(told, 'graph_errors') == '1'
    rig.drives_on(10)
    another.destroy_publisher(publisher)
    rig.probe.until(lambda: rig.diagnostics(told, 'graph_errors') == '0', 'it is gone')
    outcome.note = 'an ERROR on `/diagnostics` as long as it is there'


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
    meanwhile = [moves(each) for each in rig.commands[count:]]
    assert sum(meanwhile) > 0.5 * len(meanwhile), 'it drives in the storm'
    outcome.note = (
        f'{result["answered"]} of {result["sent"]} answered, {len(result["refused"])} refused; '
        f'ticks missed: {rig.diagnostics(told, "missed_ticks")}'
    )
    rig.drives_on()
