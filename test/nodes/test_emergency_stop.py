"""The emergency stop behind real publishers, in this process: what is said among much that is said by others."""

import time

import pytest
from foreign_names import renamed_publisher
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_probe import DEADLINE_S
from std_msgs.msg import Bool

from lnn_controller.nodes.controller.emergency_stop import DEPTH, FILTERS, NOT_COUNTED, EmergencyStop
from lnn_controller.nodes.controller.stop_holders import ANYBODY

FLOOD = 50 * DEPTH


@pytest.fixture
def controller(probe):
    """The node that listens."""
    node = Node('controller', context=probe.context)
    yield node
    node.destroy_node()


@pytest.fixture
def calls():
    """One for each time that the stop was engaged."""
    return []


@pytest.fixture
def stop(controller, calls):
    """The emergency stop."""
    stop = EmergencyStop(controller, lambda: calls.append(None))
    yield stop
    stop.close()
    assert stop.failure is None


def until(happened, again=lambda: None):
    end_s = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < end_s
        again()
        time.sleep(0.005)


@pytest.mark.parametrize('reliability', [ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
@pytest.mark.parametrize('durability', [DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL])
def test_a_single_true_is_heard_among_a_flood_of_false(stop, probe, reliability, durability):
    qos = QoSProfile(depth=1, reliability=reliability, durability=durability)
    button = probe.node.create_publisher(Bool, 'emergency_stop', qos)
    panel = probe.node.create_publisher(Bool, 'emergency_stop', 10)
    fit = 1 if reliability == ReliabilityPolicy.BEST_EFFORT else 2 if durability == DurabilityPolicy.VOLATILE else 3
    until(lambda: button.get_subscription_count() == fit * len(FILTERS))
    until(lambda: panel.get_subscription_count() == 2 * len(FILTERS))
    for _ in range(5):
        button.publish(Bool(data=True))
        for _ in range(FLOOD):
            panel.publish(Bool(data=False))
        until(lambda: stop.holders == ('/probe',))
        # Late enough, the flood is over, and the button's own word is heard again.
        until(lambda: not stop.holders, lambda: button.publish(Bool(data=False)))


@pytest.mark.parametrize('reliability', [ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
def test_a_press_that_is_let_go_of_at_once_is_one(stop, calls, probe, reliability):
    button = probe.node.create_publisher(Bool, 'emergency_stop', QoSProfile(depth=10, reliability=reliability))
    fit = 1 if reliability == ReliabilityPolicy.BEST_EFFORT else 2
    until(lambda: button.get_subscription_count() == fit * len(FILTERS))
    for tap in range(1, 21):
        button.publish(Bool(data=True))
        button.publish(Bool(data=False))
        until(lambda tap=tap: len(calls) >= tap)
        until(lambda: not stop.holders)
    assert len(calls) == 20


def test_a_publisher_whose_name_is_no_text_is_heard(stop, probe, domain_id):
    with renamed_publisher(domain_id, Bool, 'emergency_stop') as stranger:
        until(lambda: stranger.get_subscription_count() == 2 * len(FILTERS))
        stranger.publish(Bool(data=True))
        until(lambda: stop.holders)
        stop.look()
        assert stop.set_service(False) == ('an unknown publisher',), 'that it has gone is not known'
        stranger.publish(Bool(data=False))
        until(lambda: not stop.holders)


@pytest.mark.parametrize(
    ('told', 'wanted'),
    [
        ({'publication_sequence_number': 7}, 7),
        ({'publication_sequence_number': NOT_COUNTED}, None),
        ({}, None),
    ],
)
def test_a_number_that_the_middleware_does_not_count_is_none(stop, told, wanted):
    info = {'source_timestamp': 5, 'publisher_gid': {'data': b'\x01' * 16}} | told
    word = stop._word(b'\0\1\0\0\1', info)
    assert (word.publisher, word.engaged, word.sequence, word.stamp_ns) == (b'\x01' * 16, True, wanted, 5)


def test_publishers_without_a_gid_are_anybody(stop):
    info = {'source_timestamp': 5, 'publisher_gid': {'data': bytes(16)}}
    assert stop._word(b'\0\1\0\0\1', info).publisher == ANYBODY
