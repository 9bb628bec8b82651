"""Processes end, files vanish, disks fill up: what is left of the robot stands or drives on."""

import resource
import shutil
import signal

import numpy as np
import pytest
from bundles import make_tiny_bundle
from nav_msgs.msg import Odometry
from rig import PERIOD_S, moves
from ros_probe import ACTIVATE, CLEAN_UP, CONFIGURE, DEACTIVATE, values

from lnn_controller.data.messages.stamp import stamp_ns_of

RECORD = 'lnn_controller.nodes.record_node'
SIM = 'lnn_controller.nodes.sim_node'
STANDS_M_S, AT_REST = 0.02, 25
LOOKS_S = 0.05  # how often the process looks for signals


@pytest.fixture
def graph(real_graph):
    """What is broken here is the process itself."""
    return real_graph


def start_again(rig, outcome):
    since_ns, count = rig.now_ns(), len(rig.commands)
    rig.start()
    first = next(each for each in rig.commands[count:] if moves(each))
    outcome.recovered_s = (first.received_ns - since_ns) / 1e9


@pytest.mark.parametrize(
    'number',
    [
        pytest.param(signal.SIGTERM, marks=pytest.mark.fault('SIGTERM')),
        pytest.param(signal.SIGINT, marks=pytest.mark.fault('SIGINT')),
    ],
)
def test_a_controller_that_is_asked_to_end(rig, outcome, number):
    since_ns = rig.now_ns()
    rig.process.send_signal(number)
    rig.probe.until(lambda: rig.process.poll() is not None, 'it ends')
    assert rig.process.returncode == 0
    assert 'Traceback' not in rig.log.read_text()
    rig.probe.until(lambda: not moves(rig.commands[-1]), 'zeros are the last command')
    # This process is the camera too: where it was late, the robot had stopped for that before.
    driving = max(index for index, each in enumerate(rig.commands) if moves(each))
    first = rig.commands[driving + 1]
    outcome.stopped_s, outcome.limit_s = (first.received_ns - since_ns) / 1e9, LOOKS_S + PERIOD_S
    outcome.said = rig.says(r'robot stopped \(shutdown\)')
    start_again(rig, outcome)


@pytest.mark.fault('SIGKILL')
def test_a_controller_that_is_killed_leaves_a_car_that_stops(graph, probe, outcome):
    sim_time = {'use_sim_time': True}
    graph.start('sim', SIM)
    odometry, commands = probe.collect(Odometry, 'odom'), probe.commands()
    control = {'policy': 'car_lane', 'autostart': True} | sim_time
    controller = graph.start('controller', 'lnn_controller.nodes.controller_node', parameters=control)
    speed = lambda: odometry[-1].twist.twist.linear.x if odometry else 0.0  # noqa: E731
    probe.until(lambda: commands and speed() > 0.9, 'it drives, and is heard')
    controller.kill()
    controller.wait()
    # On its springs it may swing back once after it has come to rest.
    rests = lambda messages: all(abs(each.twist.twist.linear.x) < STANDS_M_S for each in messages)  # noqa: E731
    probe.until(lambda: len(odometry) >= AT_REST and rests(odometry[-AT_REST:]), 'it stands')
    begun, last_ns = len(odometry) - AT_REST, stamp_ns_of(commands[-1])
    assert any(values(commands[-1])), 'nobody sent zeros'
    stood_s = (stamp_ns_of(odometry[begun]) - last_ns) / 1e9
    probe.until(lambda: len(odometry) >= begun + 4 * AT_REST, 'time goes on')
    assert rests(odometry[begun:])
    outcome.kept = f'the car stands {1e3 * stood_s:.0f} ms after the last command'
    outcome.note = 'its base stops it: `cmd_vel_timeout_s` 0.3, and the way to brake; simulated time'
    since_ns = probe.node.get_clock().now().nanoseconds
    graph.start('controller again', 'lnn_controller.nodes.controller_node', parameters=control)
    probe.until(lambda: speed() > STANDS_M_S, 'it drives again')
    outcome.recovered_s = (probe.node.get_clock().now().nanoseconds - since_ns) / 1e9


@pytest.mark.fault('subscriber gone')
def test_a_subscriber_that_is_killed(rig, outcome, tmp_path):
    publisher_count = lambda: rig.probe.node.count_subscribers('cmd_vel')  # noqa: E731
    alone = publisher_count()
    listener = rig.graph.start('listener', RECORD, parameters={'bag': str(tmp_path / 'bag'), 'topics': ['cmd_vel']})
    rig.probe.until(lambda: publisher_count() > alone, 'it listens')
    listener.kill()
    rig.drives_on()


@pytest.mark.fault('disk full while recording')
def test_a_disk_that_is_full(rig, outcome, tmp_path):
    topics = ['cmd_vel', 'controller/neurons', 'image_raw', 'imu/data']
    recorder = rig.graph.start('recorder', RECORD, parameters={'bag': str(tmp_path / 'bag'), 'topics': topics})
    log = rig.folder / 'recorder.log'
    rig.probe.until(lambda: log.exists() and 'every topic is being recorded' in log.read_text(), 'it records')
    rig.probe.image = np.zeros((48, 64, 3), np.uint8)  # so that it fills
    resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
    rig.probe.until(lambda: recorder.poll() is not None, 'the recorder gives up')
    assert recorder.returncode == 1
    told = [line for line in log.read_text().splitlines() if '[INFO]' not in line]
    assert len(told) == 1
    outcome.said = told[0].replace(str(tmp_path), '…')
    outcome.note = 'the recorder ends'
    rig.drives_on()


@pytest.mark.fault('policy deleted')
def test_a_policy_that_is_deleted(make_rig, outcome, tmp_path):
    policy = make_tiny_bundle(tmp_path / 'policy')
    rig = make_rig(policy)
    rig.start()
    shutil.move(policy, tmp_path / 'elsewhere')
    rig.drives_on()
    assert rig.probe.change(DEACTIVATE, CLEAN_UP)
    assert not rig.probe.change(CONFIGURE)
    outcome.said = rig.says('a policy must be').replace(str(tmp_path), '…')
    shutil.move(tmp_path / 'elsewhere', policy)
    assert rig.probe.change(CONFIGURE, ACTIVATE)
    outcome.note = 'only the next configure fails, and can be repeated when the folder is back'
    rig.recovers(outcome)


@pytest.mark.fault('policy replaced')
def test_a_policy_that_is_replaced(make_rig, outcome, tmp_path):
    policy = make_tiny_bundle(tmp_path / 'policy')
    rig = make_rig(policy)
    rig.start()
    told = rig.statuses()
    loaded = rig.diagnostics(told, 'policy_hash')
    shutil.rmtree(policy)
    make_tiny_bundle(policy, seed=5)
    rig.drives_on()
    assert rig.diagnostics(told, 'policy_hash') == loaded
    assert rig.probe.change(DEACTIVATE, CLEAN_UP, CONFIGURE, ACTIVATE)
    rig.recovers(outcome)
    outcome.note = 'it drives by what it has loaded until it is configured again'
