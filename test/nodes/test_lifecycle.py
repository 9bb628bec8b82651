"""The managed controller node from outside: its transitions, a swap of the policy, and what is stopped in between."""

import subprocess
import sys

import pytest
import yaml
from bundles import make_tiny_bundle
from diagnostic_msgs.msg import DiagnosticArray
from foreign_names import renamed_publisher
from geometry_msgs.msg import Twist, TwistStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_probe import ACTIVATE, CLEAN_UP, CONFIGURE, DEACTIVATE, Probe, stands, status
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from lnn_controller.nodes.common.environment import dds_environment
from lnn_controller.nodes.common.messages import stamp

CONTROLLER = 'lnn_controller.nodes.controller_node'


def state(probe):
    return probe.call(GetState, '/controller/get_state', GetState.Request()).current_state.label


def drives(commands):
    return lambda: commands and not stands(commands[-1])


def stopped(commands):
    return lambda: commands and stands(commands[-1])


def test_from_unconfigured_to_finalized_with_another_policy_in_between(graph, probe, tiny_bundle, tmp_path):
    process = graph.start('controller', CONTROLLER, parameters={'policy': str(tiny_bundle)})
    commands = probe.commands()
    assert state(probe) == 'unconfigured'
    probe.camera()
    probe.imu()
    assert probe.change(CONFIGURE)
    assert state(probe) == 'inactive'
    assert not commands, 'an inactive node commands nothing'
    assert probe.change(ACTIVATE)
    probe.until(drives(commands), 'it drives')
    other = make_tiny_bundle(tmp_path / 'other', seed=5)
    refused = probe.set_parameters({'policy': str(other)})[0]
    assert not refused.successful
    assert 'deactivate' in refused.reason
    assert probe.change(DEACTIVATE)
    probe.until(stopped(commands), 'zeros come last')
    count = len(commands)
    (unknown,) = probe.set_parameters({'policy': str(tmp_path / 'nowhere')})
    assert not unknown.successful, 'it is refused at once'
    assert probe.set_parameters({'policy': str(other)})[0].successful
    assert len(commands) == count
    assert probe.change(ACTIVATE)
    probe.until(lambda: len(commands) > count and not stands(commands[-1]), 'it drives by the other policy')
    assert probe.change(DEACTIVATE, CLEAN_UP)
    assert state(probe) == 'unconfigured'
    probe.until(stopped(commands), 'it stands')
    assert probe.change(CONFIGURE, ACTIVATE)
    probe.until(drives(commands), 'it drives after a cleanup too')
    assert probe.change(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert state(probe) == 'finalized'
    probe.until(stopped(commands), 'a shutdown stops it')
    assert process.poll() is None
    assert 'policy other at 50 Hz' in (tmp_path / 'logs' / 'controller.log').read_text()


def test_a_failed_configure_is_one_line_and_can_be_repeated(graph, probe, tmp_path):
    policy = tmp_path / 'late'
    make_tiny_bundle(policy)
    core = (policy / 'core.onnx').read_bytes()
    (policy / 'core.onnx').write_bytes(core[:-10])
    graph.start('controller', CONTROLLER, parameters={'policy': str(policy)})
    assert not probe.change(CONFIGURE)
    assert state(probe) == 'unconfigured'
    log = (tmp_path / 'logs' / 'controller.log').read_text()
    (line,) = [line for line in log.splitlines() if 'not configured' in line]
    assert 'core.onnx' in line
    assert 'Traceback' not in log
    (policy / 'core.onnx').write_bytes(core)
    assert probe.change(CONFIGURE)


@pytest.mark.parametrize('durability', [DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE])
def test_the_emergency_stop_by_topic_and_by_service(graph, probe, tiny_bundle, durability):
    button = probe.node.create_publisher(Bool, 'emergency_stop', QoSProfile(depth=1, durability=durability))
    if durability == DurabilityPolicy.TRANSIENT_LOCAL:
        button.publish(Bool(data=True))  # before there is anyone to hear it
    graph.start('controller', CONTROLLER, parameters={'policy': str(tiny_bundle), 'autostart': True})
    commands = probe.commands()
    probe.camera()
    probe.imu()
    if durability == DurabilityPolicy.TRANSIENT_LOCAL:
        probe.until(lambda: len(commands) > 50, 'it ticks')
        assert [stands(command) for command in commands] == [True] * len(commands)
        button.publish(Bool(data=False))
    probe.until(drives(commands), 'it drives')
    button.publish(Bool(data=True))
    probe.until(stopped(commands), 'it stops')
    engaged = probe.call(SetBool, '/controller/emergency_stop', SetBool.Request(data=True))
    assert (engaged.success, engaged.message) == (True, 'engaged')
    released = probe.call(SetBool, '/controller/emergency_stop', SetBool.Request(data=False))
    assert released.message == 'released here, and still engaged by /probe'
    assert probe.call(Trigger, '/controller/reset', Trigger.Request()).success
    assert stands(commands[-1])
    button.publish(Bool(data=False))
    probe.until(drives(commands), 'it drives again')


def test_the_operator_overrides_and_lets_go(graph, probe, tiny_bundle):
    graph.start('controller', CONTROLLER, parameters={'policy': str(tiny_bundle), 'autostart': True})
    commands = probe.commands()
    probe.camera()
    probe.imu()
    probe.until(drives(commands), 'it drives')
    joystick = probe.node.create_publisher(TwistStamped, 'cmd_vel_override', 1)
    backwards = TwistStamped()
    backwards.twist.linear.x = -0.25
    probe.feed('joystick', joystick, 20.0, lambda _: backwards)
    probe.until(lambda: commands[-1].twist.linear.x == -0.25, 'the operator drives')
    probe.silence('camera')
    before = len(commands)
    # Longer than a camera may be silent; anew where this process was late with the joystick, for then zeros are right.
    probe.until(
        lambda: len(commands) > before + 60 and {each.twist.linear.x for each in commands[-30:]} == {-0.25},
        'a blind robot can be driven home',
    )
    probe.silence('joystick')
    probe.until(stopped(commands), 'nobody drives a blind robot')
    probe.camera()
    probe.until(lambda: commands[-1].twist.linear.x >= 0.0 and not stands(commands[-1]), 'the policy drives')


def test_types_and_qos_that_do_not_fit_are_told_by_name(graph, probe, domain_id, tiny_bundle, tmp_path):
    from rclpy.qos import ReliabilityPolicy

    graph.start('controller', CONTROLLER, parameters={'policy': str(tiny_bundle), 'autostart': True})
    quiet = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    probe.node.create_publisher(TwistStamped, 'cmd_vel_override', quiet)
    probe.commands()
    log = tmp_path / 'logs' / 'controller.log'
    probe.until(lambda: '/cmd_vel_override: the QoS of node /probe does not fit ours' in log.read_text(), 'it is told')
    assert log.read_text().count('does not fit') == 1, 'of what fits nothing is said'
    other = Probe(domain_id)  # one process knows one type of a topic
    other.node.create_publisher(Twist, 'cmd_vel_override', 1)
    other.commands(Twist)
    for topic in ('/cmd_vel_override', '/cmd_vel'):
        line = f'{topic}: node /probe has the type geometry_msgs/msg/Twist, and ours is geometry_msgs/msg/TwistStamped'
        probe.until(lambda text=line: text in log.read_text(), line)
    assert 'enable_stamped_cmd_vel' in log.read_text()
    other.close()


def test_a_name_that_is_no_text_ends_nothing_and_hides_nobody(graph, probe, domain_id, tiny_bundle, tmp_path):
    graph.start('controller', CONTROLLER, parameters={'policy': str(tiny_bundle), 'autostart': True})
    commands, told = probe.commands(), probe.collect(DiagnosticArray, '/diagnostics')
    probe.camera()
    probe.imu()
    probe.until(drives(commands), 'it drives')
    said = '/emergency_stop: the name of a node here is no text (UTF-8)'
    log = tmp_path / 'logs' / 'controller.log'
    with renamed_publisher(domain_id, Bool, 'emergency_stop'):
        probe.until(lambda: said in log.read_text(), 'it is told')
        probe.until(stopped(commands), 'nobody knows who else would stop it')
        assert probe.set_parameters({'allow_unheard_publishers': True})[0].successful
        probe.until(drives(commands), 'the operator wants it nevertheless')
        assert probe.set_parameters({'allow_unheard_publishers': False})[0].successful
        probe.until(stopped(commands), 'and no longer')
        button = probe.node.create_publisher(Bool, 'emergency_stop', 10)
        probe.until(button.get_subscription_count, 'the controller listens')
        button.publish(Bool(data=True))
        holders = lambda: (status(told, 'controller: control') or {}).get('emergency_stop')  # noqa: E731
        probe.until(lambda: holders() not in (None, 'released'), 'a stop is heard, and diagnostics go on')
        button.publish(Bool(data=False))
        probe.until(lambda: holders() == 'released', 'it is let go')
    probe.until(drives(commands), 'it drives again')


def test_a_name_that_acts_on_a_terminal_is_shown(graph, probe, domain_id, tiny_bundle, tmp_path):
    graph.start('controller', CONTROLLER, parameters={'policy': str(tiny_bundle), 'autostart': True})
    log = tmp_path / 'logs' / 'controller.log'
    with renamed_publisher(domain_id, TwistStamped, 'cmd_vel', b'\x1b[2J\x07ABCD'):
        probe.until(lambda: r'/\x1b[2J\x07ABCD publishes here too' in log.read_text(), 'it is told by name')
    assert '\x1b[2J' not in log.read_text()


def test_the_log_says_what_it_waits_for(graph, probe, tmp_path):
    policy = make_tiny_bundle(tmp_path / 'policy', attention=True)
    parameters = {'policy': str(policy), 'autostart': True, 'use_sim_time': True}
    graph.start('controller', CONTROLLER, parameters=parameters)
    log = tmp_path / 'logs' / 'controller.log'
    camera = probe.node.create_publisher(Image, 'camera/image_raw', 1)
    said = lambda text: probe.until(lambda: text in log.read_text(), text)  # noqa: E731
    said('waits for /clock (use_sim_time)')
    clock = probe.node.create_publisher(Clock, '/clock', 1)
    probe.feed('clock', clock, 50.0, lambda now_ns: Clock(clock=stamp(now_ns)))
    said('remap it with -r /image_raw:=/camera/image_raw')
    assert '/controller/attention' not in log.read_text(), 'its own pictures are no camera'
    probe.node.destroy_publisher(camera)


def dump(probe):
    """All parameters and their values, as `ros2 param dump` asks for them."""
    names = probe.call(ListParameters, '/controller/list_parameters', ListParameters.Request()).result.names
    request = GetParameters.Request(names=names)
    answer = probe.call(GetParameters, '/controller/get_parameters', request)
    return dict(zip(names, map(parameter_value_to_python, answer.values), strict=True))


def test_a_node_started_with_a_dump_is_the_same_node(graph, probe, tiny_bundle, tmp_path):
    given = {'speed_scale': 0.5, 'linear.x.max_velocity': 0.25, 'guard.source': 'scan', 'image_transport': 'compressed'}
    first = graph.start('first', CONTROLLER, parameters=given | {'policy': str(tiny_bundle), 'autostart': True})
    dumped = dump(probe)
    assert dumped.items() >= given.items()
    first.terminate()
    probe.until(lambda: first.poll() is not None and not probe.node.count_publishers('cmd_vel'), 'it is gone')
    file = tmp_path / 'dump.yaml'
    file.write_text(yaml.safe_dump({'/controller': {'ros__parameters': dumped}}))
    graph.start('second', CONTROLLER, arguments=('--params-file', str(file)))
    assert dump(probe) == dumped
    assert state(probe) == 'active'


SEGMENTS = """
import rclpy
from pathlib import Path
from lnn_controller.nodes.controller_node import ControllerNode

rclpy.init()
node = ControllerNode()
node.trigger_configure()
maps = Path('/proc/self/maps').read_text().split()
segments = [Path(part) for part in set(maps) if part.startswith('/dev/shm/fastdds_')]
assert any(path.stat().st_size >= 12 << 20 for path in segments), 'the profile is in force'
node.close()
node.destroy_node()
rclpy.shutdown()
ours = [path.name for path in segments if not path.name.startswith('fastdds_port')]
print('left:', [name for name in ours if Path('/dev/shm', name).exists()])
"""


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='shared memory is looked up in /dev/shm')
def test_a_controller_that_ends_leaves_no_shared_memory(domain_id):
    environment = dds_environment() | {'ROS_DOMAIN_ID': str(domain_id)}
    done = subprocess.run([sys.executable, '-c', SEGMENTS], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, 'left: []\n'), done.stderr
