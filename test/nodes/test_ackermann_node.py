"""The converter as a process: what it makes of commands, and that it stops the car when none come."""

import importlib.util
import math
import signal

import pytest
from geometry_msgs.msg import Twist, TwistStamped
from ros_probe import one_line

from lnn_controller.data import Bag
from lnn_controller.data.commands import command_from_cdr
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.nodes.common.message_types import message_class
from lnn_controller.nodes.common.messages import stamp

NODE = 'lnn_controller.nodes.ackermann_node'
WHEELBASE = 0.5
INSTALLED = importlib.util.find_spec('ackermann_msgs') is not None
needs_messages = pytest.mark.skipif(not INSTALLED, reason='ackermann_msgs is not installed: not on PyPI, but in apt')


@pytest.fixture
def start(graph):
    """Start the converter."""

    def start(**parameters):
        return graph.start('ackermann', NODE, parameters={'wheelbase': WHEELBASE} | parameters)

    return start


@pytest.fixture
def given(probe):
    """What the car is given."""
    return probe.collect(message_class('ackermann_msgs/msg/AckermannDriveStamped'), 'drive')


def stamped(probe, speed, yaw_rate, *, late_s=0.0):
    message = TwistStamped()
    message.header.stamp = stamp(probe.node.get_clock().now().nanoseconds - round(late_s * 1e9))
    message.twist.linear.x, message.twist.angular.z = speed, yaw_rate
    return message


def answered(probe, given, publisher, make):
    """The answer to a command, which is sent until it has one."""
    sent = set()

    def again():
        message = make()
        publisher.publish(message)
        sent.add(stamp_ns_of(message) if hasattr(message, 'header') else None)
        return [each for each in given if each.drive.speed]

    answers = probe.until(again, 'a command is answered')
    return answers[0], sent


@needs_messages
def test_each_command_becomes_speed_and_angle_and_zeros_follow_the_last(start, probe, given):
    converter = start(timeout_s=1.0)  # a busy machine may hold a command up
    publisher = probe.node.create_publisher(TwistStamped, 'cmd_vel', 1)
    answer, sent = answered(probe, given, publisher, lambda: stamped(probe, 1.5, 0.6))
    assert answer.drive.speed == pytest.approx(1.5)
    assert answer.drive.steering_angle == pytest.approx(math.atan(WHEELBASE * 0.6 / 1.5), rel=1e-6)
    assert stamp_ns_of(answer) in sent
    assert answer.header.frame_id == 'base_link'
    probe.until(lambda: len([each for each in given if not each.drive.speed]) > 3, 'zeros, again and again')
    stamps = [stamp_ns_of(each) for each in given if each.drive.speed]
    assert len(stamps) == len(set(stamps)), 'none is repeated'
    given.clear()
    answered(probe, given, publisher, lambda: stamped(probe, -0.5, 0.6))
    assert next(each.drive.speed for each in given if each.drive.speed) == pytest.approx(-0.5)
    converter.send_signal(signal.SIGTERM)
    assert converter.wait(30.0) == 0
    probe.until(lambda: given[-1].drive.speed == 0.0, 'zeros are the last')


@needs_messages
def test_a_command_that_is_old_moves_nothing(start, probe, given):
    start(timeout_s=1.0)
    publisher = probe.node.create_publisher(TwistStamped, 'cmd_vel', 10)
    answered(probe, given, publisher, lambda: stamped(probe, 1.0, 0.0))
    given.clear()

    def again():
        publisher.publish(stamped(probe, 1.7, 0.0, late_s=5.0))
        return len([each for each in given if not each.drive.speed]) > 3

    probe.until(again, 'zeros in spite of what is sent')
    assert not [each for each in given if each.drive.speed > 1.5]


@needs_messages
def test_a_command_stands_for_the_timeout_from_its_stamp_however_long_it_was_on_its_way(start, probe, given):
    start(timeout_s=2.0)
    publisher = probe.node.create_publisher(TwistStamped, 'cmd_vel', 1)
    answered(probe, given, publisher, lambda: stamped(probe, 1.0, 0.0, late_s=1.6))
    probe.until(lambda: given[-1].drive.speed == 0.0, 'the car stands')
    last = max(stamp_ns_of(each) for each in given if each.drive.speed)
    first = min(stamp_ns_of(each) for each in given if not each.drive.speed)
    assert 1.9 < (first - last) * 1e-9 < 3.5, 'from its arrival it would be 3.6 s and more'


@needs_messages
def test_twist(start, probe, given):
    start(enable_stamped_cmd_vel=False, max_steering_angle=0.2, max_speed=0.8)
    publisher = probe.node.create_publisher(Twist, 'cmd_vel', 1)
    message = Twist()
    message.linear.x, message.angular.z = 1.0, 2.0
    answer, _ = answered(probe, given, publisher, lambda: message)
    assert (answer.drive.speed, answer.drive.steering_angle) == (pytest.approx(0.8), pytest.approx(0.2))
    assert stamp_ns_of(answer) > 0


def test_a_wheelbase_is_asked_for(run_node):
    done = run_node('ackermann_node')
    assert done.returncode == 1
    assert 'parameter wheelbase must be given, in m: -p wheelbase:=0.32. Got none' in one_line(done)


@pytest.mark.skipif(INSTALLED, reason='ackermann_msgs is installed')
def test_without_the_messages_it_says_how_to_get_them(run_node):
    done = run_node('ackermann_node', '--ros-args', '-p', 'wheelbase:=0.5')
    assert done.returncode == 1
    assert 'apt install ros-$ROS_DISTRO-ackermann-msgs' in one_line(done)


@needs_messages
def test_what_the_car_is_given_is_recorded_and_read_as_a_command(start, graph, probe, given, tmp_path):
    start(timeout_s=1.0)
    graph.start(
        'record', 'lnn_controller.nodes.record_node', parameters={'bag': str(tmp_path / 'bag'), 'topics': ['drive']}
    )
    publisher = probe.node.create_publisher(TwistStamped, 'cmd_vel', 1)
    log = tmp_path / 'logs' / 'record.log'
    again = lambda: publisher.publish(stamped(probe, 1.5, 0.6)) or 'every topic is being recorded' in log.read_text()  # noqa: E731
    probe.until(again, 'it is recorded')
    given.clear()
    answered(probe, given, publisher, lambda: stamped(probe, 1.5, 0.6))
    assert graph.stop() == {'ackermann': 0, 'record': 0}
    with Bag(tmp_path / 'bag') as bag:
        read = [command_from_cdr(each.data, each.msgtype, wheelbase_m=WHEELBASE)[1] for each in bag.messages()]
    assert any(each == pytest.approx([1.5, 0, 0, 0, 0, 0.6]) for each in read)
