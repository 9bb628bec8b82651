import resource
import signal
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from ros_probe import one_line
from sensor_msgs.msg import Image
from std_msgs.msg import UInt32

from lnn_controller.data import Bag
from lnn_controller.nodes.convert import stamp

RECORD = 'lnn_controller.nodes.record_node'


def start(graph, bag, **parameters):
    return graph.start('record', RECORD, parameters={'bag': str(bag)} | parameters)


def same(recorded, sent):
    """Fast DDS appends up to three zero bytes to a payload."""
    return recorded[: len(sent)] == sent and recorded[len(sent) :] in (b'', b'\0', b'\0\0', b'\0\0\0')


@pytest.mark.parametrize(('storage', 'number'), [('mcap', signal.SIGINT), ('sqlite3', signal.SIGTERM)])
def test_a_bag_holds_what_was_sent(graph, probe, tmp_path, storage, number):
    bag = tmp_path / 'new' / 'bag'
    topics = ['camera/image', '/cmd_vel', 'count', 'never']
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    best_effort = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    images = probe.node.create_publisher(Image, 'camera/image', best_effort)
    commands = probe.node.create_publisher(TwistStamped, 'cmd_vel', 100)
    count = probe.node.create_publisher(UInt32, 'count', latched)
    count.publish(UInt32(data=7))  # before the recorder is there
    process = start(graph, bag, storage=storage, topics=topics)
    publishers = (images, commands, count)
    probe.until(lambda: all(each.get_subscription_count() for each in publishers), 'the recorder has found the topics')
    sent = {'/camera/image': [], '/cmd_vel': [], '/count': [serialize_message(UInt32(data=7))]}
    for index in range(50):
        command = TwistStamped()
        command.header.stamp = stamp(1_000 + index)
        command.header.frame_id = 'x' * (index % 4)  # every length of padding
        command.twist.linear.x = float(index)
        picture = probe.picture(2_000 + index)
        for topic, publisher, message in (('/cmd_vel', commands, command), ('/camera/image', images, picture)):
            sent[topic].append(serialize_message(message))
            publisher.publish(sent[topic][-1])  # as bytes: padding inside a message is whatever the memory held
    commands.wait_for_all_acked()
    process.send_signal(number)
    probe.until(lambda: process.poll() is not None, 'the recorder ends')
    assert process.returncode == 0
    with Bag(bag) as recorded:
        got = {topic: [] for topic in recorded.topics}
        stamps = []
        for message in recorded.messages():
            got[message.topic].append(bytes(message.data))
            stamps.append(message.stamp_ns)
    assert sorted(got) == sorted(sent)
    assert all(np.diff(stamps) >= 0)
    for topic in ('/cmd_vel', '/count'):
        assert len(got[topic]) == len(sent[topic])
        for recorded, given in zip(got[topic], sent[topic], strict=True):
            assert same(recorded, given), (recorded, given)
    # Best effort may lose some, and loses them whole.
    assert got['/camera/image']
    assert all(any(same(one, other) for other in sent['/camera/image']) for one in got['/camera/image'])
    log = (tmp_path / 'logs' / 'record.log').read_text()
    assert 'is complete: ' in log
    assert 'Traceback' not in log


def test_nothing_arrived_is_a_whole_bag_too(graph, probe, tmp_path):
    process = start(graph, tmp_path / 'bag', topics=['never'])
    storage = tmp_path / 'bag' / 'bag.mcap'
    probe.until(lambda: storage.exists() or process.poll() is not None, 'the bag is begun')
    probe.until(lambda: 'waiting for /never' in (tmp_path / 'logs' / 'record.log').read_text(), 'it waits')
    assert graph.stop('record') == {'record': 0}
    assert (tmp_path / 'bag' / 'metadata.yaml').exists()


def test_a_disk_that_takes_no_more_is_told_in_one_line(graph, probe, tmp_path):
    images = probe.camera_out()
    process = start(graph, tmp_path / 'bag', topics=['image_raw'])
    probe.until(images.get_subscription_count, 'the recorder listens')
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
    probe.image = np.zeros((48, 64, 3), np.uint8)
    probe.feed('camera', images, 200.0, probe.picture)
    probe.until(lambda: process.poll() is not None, 'the recorder gives up')
    assert process.returncode == 1
    told = [line for line in (tmp_path / 'logs' / 'record.log').read_text().splitlines() if '[INFO]' not in line]
    assert len(told) == 1
    assert told[0].startswith('record_node: bag ')
    assert 'cannot be' in told[0]


@pytest.mark.parametrize(
    ('bag', 'arguments', 'said'),
    [
        ('.', [], 'exists already and is not overwritten'),
        ('/proc/bag', [], 'cannot be written'),
        ('new', ['-p', 'storage:=tape'], "parameter storage must be one of mcap, sqlite3. Got 'tape'"),
    ],
)
def test_a_mistake_is_one_line(run_node, tmp_path, bag, arguments, said):
    result = run_node('record_node', '--ros-args', '-p', f'bag:={Path(tmp_path, bag)}', *arguments)
    assert result.returncode == 1
    assert said in one_line(result)
