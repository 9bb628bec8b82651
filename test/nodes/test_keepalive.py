"""Zeros while the node is configured and does not drive (keepalive_hz), and when there are none."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from ros_probe import ACTIVATE, CLEAN_UP, CONFIGURE, DEACTIVATE, stands, status
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from lnn_controller.data.messages.stamp import stamp_ns_of

CONTROLLER = 'lnn_controller.nodes.controller_node'
KEEPALIVE_HZ = 20.0


@pytest.fixture
def commands(probe):
    return probe.commands()


@pytest.fixture
def told(probe):
    return probe.collect(DiagnosticArray, '/diagnostics')


@pytest.fixture
def start(graph, probe, commands, told, tiny_bundle):
    """Starts the controller, which is left unconfigured."""

    def start(**parameters):
        graph.start('controller', CONTROLLER, parameters={'policy': str(tiny_bundle)} | parameters)
        probe.camera()
        probe.imu()

    return start


def seconds_pass(probe, told):
    """Wait for two more of what comes once a second."""
    count = len(told)
    probe.until(lambda: len(told) >= count + 2, 'time passes')


def flow(probe, commands, count=20):
    """Wait for so many more commands, and give them."""
    before = len(commands)
    probe.until(lambda: len(commands) >= before + count, 'commands flow')
    return commands[before:]


def test_zeros_from_configure_to_cleanup_and_the_tick_alone_while_it_drives(start, probe, commands, told):
    ticks = probe.collect(JointState, '/controller/ticks')
    start(keepalive_hz=KEEPALIVE_HZ)
    probe.until(lambda: status(told, 'controller: control').get('state') == 'unconfigured', 'it is there')
    seconds_pass(probe, told)
    assert not commands, 'who is not configured commands nothing'
    assert probe.change(CONFIGURE)
    zeros = flow(probe, commands)
    assert all(map(stands, zeros))
    stamps_ns = [stamp_ns_of(each) for each in zeros]
    assert np.all(np.diff(stamps_ns) > 0)
    # Each begins a period after the one before it began, and is stamped after that, however late: only the first
    # can be so late that the next follows it sooner.
    assert stamps_ns[-1] - stamps_ns[0] > 0.99 * (len(zeros) - 2) / KEEPALIVE_HZ * 1e9
    for _ in range(2):
        assert probe.change(ACTIVATE)
        probe.until(lambda: not stands(commands[-1]), 'it drives')
        driven = {stamp_ns_of(each) for each in flow(probe, commands, 50)}
        probe.until(lambda stamps=driven: stamps <= {stamp_ns_of(each) for each in ticks}, 'each is of a tick')
        assert probe.change(DEACTIVATE)
        probe.until(lambda: stands(commands[-1]), 'it stands')
        assert all(map(stands, flow(probe, commands)))
    assert probe.change(CLEAN_UP)
    probe.until(lambda: not probe.node.count_publishers('cmd_vel'), 'its topic is gone')
    seconds_pass(probe, told)
    count = len(commands)
    seconds_pass(probe, told)
    assert len(commands) == count
    assert all(np.diff([stamp_ns_of(each) for each in commands]) > 0)


def test_the_emergency_stop_holds_beside_it(start, probe, commands, told):
    start(keepalive_hz=KEEPALIVE_HZ)
    assert probe.change(CONFIGURE)
    assert probe.call(SetBool, '/controller/emergency_stop', SetBool.Request(data=True)).success
    assert all(map(stands, flow(probe, commands)))
    assert probe.change(ACTIVATE)
    probe.until(lambda: status(told, 'controller: control').get('reason') == 'emergency_stop', 'it is held')
    assert all(map(stands, flow(probe, commands)))
    assert probe.change(DEACTIVATE)
    assert all(map(stands, flow(probe, commands)))
    assert probe.change(ACTIVATE)
    assert all(map(stands, flow(probe, commands))), 'nobody has let go'
    assert probe.call(SetBool, '/controller/emergency_stop', SetBool.Request(data=False)).success
    probe.until(lambda: not stands(commands[-1]), 'it drives')


def test_who_else_commands_the_robot_is_not_disturbed(start, probe, commands, told, tmp_path):
    start(keepalive_hz=KEEPALIVE_HZ)
    assert probe.change(CONFIGURE)
    flow(probe, commands)
    other = probe.node.create_publisher(TwistStamped, 'cmd_vel', 1)
    log = tmp_path / 'logs' / 'controller.log'
    probe.until(lambda: 'no zeros (keepalive_hz) as long as it is there' in log.read_text(), 'the log says so')
    moving = TwistStamped()
    moving.twist.linear.x = 0.7
    probe.feed('other', other, 50.0, lambda _: moving)
    probe.until(lambda: not stands(commands[-1]), 'the other is heard')
    assert not any(map(stands, flow(probe, commands, 100)))
    probe.silence('other')
    seconds_pass(probe, told)
    assert not stands(commands[-1]), 'whose publisher is there has the say, silent or not'
    probe.node.destroy_publisher(other)
    probe.until(lambda: stands(commands[-1]), 'zeros again')
    assert all(map(stands, flow(probe, commands)))


def test_none_by_default_and_any_rate_at_any_time(start, probe, commands, told):
    start()
    assert probe.change(CONFIGURE)
    seconds_pass(probe, told)
    assert not commands
    assert probe.set_parameters({'keepalive_hz': 50.0})[0].successful
    assert all(map(stands, flow(probe, commands)))
    assert probe.set_parameters({'keepalive_hz': 1e-300})[0].successful, 'the period is longer than can be waited for'
    assert probe.set_parameters({'keepalive_hz': 50.0})[0].successful
    assert all(map(stands, flow(probe, commands)))
    assert probe.set_parameters({'keepalive_hz': 0.0})[0].successful
    seconds_pass(probe, told)
    count = len(commands)
    seconds_pass(probe, told)
    assert len(commands) == count
