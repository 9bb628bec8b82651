"""``lnn check`` on real graphs, and what it says of what it heard."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from geometry_msgs.msg import Twist
from rclpy.node import Node
from ros_probe import to_ros
from sensor_msgs.msg import Image, Imu
from std_msgs.msg import Empty

from lnn_controller.cli import main
from lnn_controller.data.messages.build import image_message, imu_message
from lnn_controller.live.check import Names, run_check
from lnn_controller.live.sensor_findings import judge_camera, judge_clock, judge_imu
from lnn_controller.policy import find_policy, read_spec


@pytest.fixture(scope='module')
def car_lane():
    return read_spec(find_policy('car_lane'))


@pytest.fixture
def watchers():
    """Nodes that are destroyed in the end."""
    nodes = []
    yield nodes
    for each in nodes:
        each.destroy_node()


def test_a_simulated_robot_can_be_driven(graph, probe, domain_id, monkeypatch, capsys):
    graph.start('sim', 'lnn_controller.nodes.sim_node', parameters={'track': 3})
    images = probe.collect(Image, 'image_raw')
    probe.until(lambda: images, 'the simulator runs')
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain_id))
    code = main(['check', '--policy', 'car_lane'])
    lines = capsys.readouterr().out.splitlines()
    found = {line[2:].partition(':')[0]: line for line in lines}
    assert code == 0, lines
    assert found['camera'].startswith('✓ camera: /image_raw: 200×66 px at ')
    assert found['IMU'].startswith('✓ IMU: /imu/data: ')
    assert ', +9.8' in found['IMU']
    assert found['clock of /image_raw'].endswith('/clock')
    assert found['base'].startswith('✓ base: /sim hears /cmd_vel as TwistStamped. ')
    assert found['who drives'] == '✓ who drives: nobody but the controller to come'
    assert found['operator'].startswith('! operator: nobody publishes /cmd_vel_override: ')
    assert found['emergency stop'].startswith('! emergency stop: nobody publishes /emergency_stop: ')
    assert {'node', 'real time'} <= set(found)
    assert lines[-1] == 'It can be driven: wheels off the ground first.'


def test_a_graph_that_lacks_what_driving_needs(probe, domain_id, monkeypatch, car_lane, watchers):
    node = probe.node
    ends = [
        node.create_publisher(Twist, '/robot/cmd_vel', 1),
        node.create_publisher(Empty, '/robot/emergency_stop', 1),
        node.create_publisher(Twist, '/robot/cmd_vel_override', 1),
    ]
    images = node.create_publisher(Image, '/robot/camera/image', 1)
    imu = node.create_publisher(Imu, '/robot/imu/data', 100)
    ends.append(node.create_timer(0.05, lambda: images.publish(to_ros(image_message(1, probe.image)))))
    late = lambda: node.get_clock().now().nanoseconds - 5 * 10**9  # noqa: E731
    ends.append(node.create_timer(0.01, lambda: imu.publish(to_ros(imu_message(late(), (0, 0, 0), (0, -9.81, 0))))))
    for name in ('rosbag2_recorder', '_ros2cli_77', 'rqt_plot_1', 'recorder'):  # they listen, and are no base
        watcher = Node(name, context=node.context, start_parameter_services=False)
        ends.append(watcher.create_subscription(Twist, '/robot/cmd_vel', lambda _: None, 1))
        watchers.append(watcher)
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain_id))
    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(run_check, Names('robot'), car_lane)
        probe.until(checked.done, 'it is checked')
    found = {each.subject: each for each in checked.result()}
    wrong = {subject: each.text for subject, each in found.items() if not each.ok and each.essential}
    assert 'waits for /robot/image_raw (sensor_msgs/msg/Image): nobody publishes it' in wrong['camera']
    assert 'remap it with -r /robot/image_raw:=/robot/camera/image' in wrong['camera']
    assert 'Got up on −y' in wrong['IMU']
    assert wrong['clock of /robot/imu/data'].startswith('stamps are 50')
    assert wrong['base'].startswith('nobody listens to /robot/cmd_vel')
    assert wrong['who drives'].startswith('/probe publish /robot/cmd_vel: stop them')
    assert '/probe publishes /robot/emergency_stop as std_msgs/msg/Empty' in wrong['emergency stop']
    assert (found['operator'].ok, found['operator'].essential) == (False, False)
    assert found['operator'].text.startswith('/probe publishes /robot/cmd_vel_override; no controller listens yet')


@pytest.mark.parametrize(
    'arguments',
    [
        ('check', '--namespace', 'robot one'),
        ('check', '--image', '/camera!'),
        ('check', '--cmd-vel', '9/cmd_vel'),
        ('check', '--imu', '//imu'),
        ('view', '--node', '/robot 1/controller'),
        ('top', '--node', 'a!b'),
    ],
)
def test_a_name_that_ros_does_not_have_is_one_line(arguments, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f'lnn: error: {arguments[1]} must be a name of ROS: letters, digits and _ ')
    assert arguments[2] in error
    assert error.count('\n') == 1


def samples(accel, gyro=(0, 0, 0)):
    return np.array([[*gyro, *accel]] * 3, float)


@pytest.mark.parametrize(
    ('values', 'rate_hz', 'told'),
    [
        (samples((0.3, -0.2, 9.7)), 100, ''),
        (samples((0.3, -0.2, 9.7)), 49.7, ''),
        (samples((0.3, -0.2, 9.7)), 49.4, 'below 50 Hz'),
        (samples((0, 0, 1)), 100, 'm/s², not g'),
        (samples((0, 0, 0.02)), 100, 'gravity not taken out'),
        (samples((0, 0, -9.81)), 100, 'Got up on −z'),
        (samples((9.81, 0, 0)), 100, 'Got up on +x'),
        (samples((0, 0, 9.81), (0, 0, 5)), 100, 'it turns at 5.00 rad/s'),
        (samples((0, 0, 9.81)), 20, 'below 50 Hz'),
    ],
)
def test_axes_and_units_of_an_imu(values, rate_hz, told):
    finding = judge_imu('/imu', rate_hz, values)
    assert finding.ok is not bool(told)
    assert told in finding.text


@pytest.mark.parametrize(
    ('size', 'rate_hz', 'told'),
    [
        ((66, 200), 30, ''),
        ((660, 2000), 10, ''),
        ((480, 640), 30, 'the view is squeezed'),
        ((66, 200), 3, 'below 5 Hz'),
        ((66, 200), 4.4, 'below 5 Hz'),
    ],
)
def test_a_camera_against_the_policy(car_lane, size, rate_hz, told):
    finding = judge_camera('/image_raw', rate_hz, size, car_lane, compressed=False)
    assert finding.ok is not bool(told)
    assert told in finding.text
    assert judge_camera('/image_raw', 30, size, None, compressed=False).ok


@pytest.mark.parametrize(
    ('lag_s', 'ok', 'told'),
    [
        ([0.03, 0.02, 9.0], True, '30 ms behind'),
        ([-0.5], False, '500 ms ahead of the clock here: such'),
        ([3.0], False, '3000 ms behind'),
        ([], False, 'no stamps'),
    ],
)
def test_clocks(lag_s, ok, told):
    finding = judge_clock('/image_raw', lag_s, simulated=False)
    assert (finding.ok, told in finding.text) == (ok, True)
