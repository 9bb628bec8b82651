"""The thread that waits for one subscription, which the encoder's is."""

import threading
import time

import pytest
from rclpy.qos import HistoryPolicy, QoSProfile
from ros_probe import DEADLINE_S
from std_msgs.msg import UInt8

from lnn_controller.nodes.controller.polled import Polled, take_all, take_newest
from lnn_controller.nodes.controller.subscription_thread import SubscriptionThread

DEPTH = 4


@pytest.fixture
def numbers(probe):
    """A subscription that no executor serves, and a publisher to it."""
    qos = QoSProfile(depth=DEPTH)
    subscription = probe.node.create_subscription(UInt8, 'numbers', lambda _: None, qos, callback_group=Polled())
    publisher = probe.node.create_publisher(UInt8, 'numbers', QoSProfile(depth=100))
    probe.until(lambda: subscription.get_publisher_count() and publisher.get_subscription_count(), 'they meet')
    return subscription, publisher


def eventually(happened):
    end_s = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_the_newest_is_worked_on_and_those_that_waited_before_it_are_counted(probe, numbers):
    subscription, publisher = numbers
    begun, go_on, taken = threading.Event(), threading.Event(), []

    def work():
        count, (message, _) = take_newest(subscription, DEPTH)
        if message is not None:
            begun.set()
            assert go_on.wait(DEADLINE_S)
            taken.append((count, message.data))

    thread = SubscriptionThread('numbers', subscription, probe.context, work, taken.append)
    publisher.publish(UInt8(data=0))
    assert begun.wait(DEADLINE_S)
    for number in (1, 2, 3):  # while it works on the first
        publisher.publish(UInt8(data=number))
    assert publisher.wait_for_all_acked()
    go_on.set()
    eventually(lambda: taken == [(1, 0), (3, 3)])
    publisher.publish(UInt8(data=4))
    eventually(lambda: taken[2:] == [(1, 4)])
    assert thread.stop(DEADLINE_S)
    publisher.publish(UInt8(data=5))  # nobody waits for it any more
    assert publisher.wait_for_all_acked()
    assert len(taken) == 3


def test_an_end_does_not_wait_for_a_message_and_work_that_hangs_is_left_behind(probe, numbers):
    subscription, publisher = numbers
    begun, go_on, failures = threading.Event(), threading.Event(), []
    assert SubscriptionThread('idle', subscription, probe.context, go_on.set, failures.append).stop(DEADLINE_S)
    assert not go_on.is_set()

    def hang():
        begun.set()
        assert go_on.wait(DEADLINE_S)

    thread = SubscriptionThread('hangs', subscription, probe.context, hang, failures.append)
    publisher.publish(UInt8())
    assert begun.wait(DEADLINE_S)
    assert not thread.stop(0.01)
    probe.node.destroy_subscription(subscription)  # which it has still in its hands
    go_on.set()
    assert thread.stop(DEADLINE_S)
    assert not failures


def test_work_that_fails_is_reported_and_not_done_again(probe, numbers):
    subscription, publisher = numbers
    failures = []

    def fail():
        raise RuntimeError('on purpose')

    thread = SubscriptionThread('fails', subscription, probe.context, fail, failures.append)
    publisher.publish(UInt8())
    eventually(lambda: failures)
    assert thread.stop(DEADLINE_S)
    assert [str(each) for each in failures] == ['on purpose']


def test_no_more_than_asked_for_is_taken_at_once(numbers):
    subscription, publisher = numbers
    for number in range(DEPTH):
        publisher.publish(UInt8(data=number))
    assert publisher.wait_for_all_acked()
    found = []
    eventually(lambda: found.append(take_newest(subscription, 3)) or found[-1][0])
    assert (found[-1][0], found[-1][1][0].data) == (3, 2)
    count, (message, info) = take_newest(subscription, 3)
    assert (count, message.data) == (1, 3)
    assert 0 <= time.time_ns() - info['received_timestamp'] < DEADLINE_S * 1e9
    assert take_newest(subscription, 3) == (0, (None, None))


def test_who_publishes_without_end_keeps_nobody(numbers):
    subscription, publisher = numbers
    publisher.publish(UInt8(data=0))
    assert publisher.wait_for_all_acked()
    taken = []
    for message in take_all(subscription):
        taken.append(message.data)
        assert len(taken) <= DEPTH
        publisher.publish(UInt8(data=len(taken)))
        assert publisher.wait_for_all_acked()
    assert taken == list(range(len(taken)))


def test_of_a_queue_that_keeps_all_none_waits_for_another_tick(probe):
    """As qos_overrides may ask: its depth, 1, would leave commands of an operator who has let go for later ticks."""
    qos = QoSProfile(history=HistoryPolicy.KEEP_ALL, depth=1)
    subscription = probe.node.create_subscription(UInt8, 'all', lambda _: None, qos, callback_group=Polled())
    publisher = probe.node.create_publisher(UInt8, 'all', QoSProfile(depth=100))
    probe.until(lambda: subscription.get_publisher_count() and publisher.get_subscription_count(), 'they meet')
    for number in range(10):
        publisher.publish(UInt8(data=number))
    assert publisher.wait_for_all_acked()
    found = []
    eventually(lambda: found.append([each.data for each in take_all(subscription)]) or found[-1])
    assert found[-1] == list(range(10))
