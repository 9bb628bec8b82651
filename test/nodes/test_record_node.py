import fcntl
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import TwistStamped
from rclpy.context import Context
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from ros_probe import DEADLINE_S, one_line
from sensor_msgs.msg import Image, Joy
from std_msgs.msg import String, UInt32
from std_srvs.srv import Trigger

from lnn_controller.data import Bag
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.nodes.common.messages import stamp

RECORD = 'lnn_controller.nodes.record_node'
RATE_HZ = 100.0


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


def test_nothing_arrived_is_a_whole_bag_and_a_failure(graph, probe, tmp_path):
    process = start(graph, tmp_path / 'bag', topics=['never'])
    storage = tmp_path / 'bag' / 'bag.mcap'
    probe.until(lambda: storage.exists() or process.poll() is not None, 'the bag is begun')
    log = tmp_path / 'logs' / 'record.log'
    probe.until(lambda: 'waiting for /never' in log.read_text(), 'it waits')
    assert graph.stop('record') == {'record': 1}
    assert (tmp_path / 'bag' / 'metadata.yaml').exists()
    assert 'record_node: messages must arrive to be recorded. Got none on /never' in log.read_text()


def test_a_publisher_that_comes_back_on_other_terms_is_followed(graph, probe, domain_id, tmp_path):
    latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    best_effort = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    before = probe.node.create_publisher(UInt32, 'count', latched)
    start(graph, tmp_path / 'bag', topics=['count'], report_s=0.5)
    log = tmp_path / 'logs' / 'record.log'
    probe.until(before.get_subscription_count, 'it listens')
    before.publish(UInt32(data=1))
    before.wait_for_all_acked()
    probe.node.destroy_publisher(before)
    after = probe.node.create_publisher(UInt32, 'count', best_effort)
    elsewhere = Context()
    rclpy.init(context=elsewhere, domain_id=domain_id)
    node = rclpy.create_node('other', context=elsewhere)
    other = node.create_publisher(TwistStamped, 'count', 10)
    probe.until(after.get_subscription_count, 'it listens again')
    probe.feed('count', after, 50.0, lambda _: UInt32(data=2))  # best effort may lose some
    said = '/count is recorded as std_msgs/msg/UInt32. Got a publisher of geometry_msgs/msg/TwistStamped too'
    heard = re.compile(r'/count \(std_msgs/msg/UInt32\), best effort.*MB; /count [1-9]\d', re.DOTALL)
    probe.until(lambda: said in log.read_text() and heard.search(log.read_text()), 'it is recorded again')
    assert other.get_subscription_count() == 0
    node.destroy_node()
    rclpy.shutdown(context=elsewhere)
    assert graph.stop() == {'record': 0}
    with Bag(tmp_path / 'bag') as recorded:
        numbers = [recorded.deserialize(message).data for message in recorded.messages()]
    assert numbers[0] == 1
    assert set(numbers[1:]) == {2}


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


@pytest.mark.parametrize('part', [0, *(pytest.param(part, marks=pytest.mark.soak) for part in range(1, 4))])
def test_a_recorder_that_is_killed_loses_a_second_at_most(graph, probe, tmp_path, part):
    """Five recorders at once, each killed at a moment of its own: with all parts (`make soak`) twenty."""
    rng = np.random.default_rng(part)
    publisher = probe.node.create_publisher(TwistStamped, 'cmd_vel', 100)
    sent = []

    def command(now_ns):
        message = TwistStamped()
        message.header.stamp = stamp(now_ns)
        sent.append(now_ns)
        return message

    recorders = []
    for number in range(5):
        options = {'topics': ['cmd_vel'], 'compression': ('none', 'zstd')[number % 2]}
        options |= {'max_duration_s': 0.3} if number > 2 else {}
        options |= {'storage': 'sqlite3'} if number == 2 else {}
        parameters = {'bag': str(tmp_path / f'bag_{number}')} | options
        recorders.append(graph.start(f'record_{number}', RECORD, parameters=parameters))
    probe.until(lambda: publisher.get_subscription_count() == 5, 'they listen')
    probe.feed('commands', publisher, RATE_HZ, command)
    probe.until(lambda: len(sent) > 60, 'there is something to lose')
    killed = {}
    for number in rng.permutation(5).tolist():
        wanted = len(sent) + int(rng.integers(1, 30))
        probe.until(lambda wanted=wanted: len(sent) >= wanted, 'time goes by')
        recorders[number].kill()
        recorders[number].wait()
        killed[number] = len(sent)
    for number, sent_by_then in killed.items():
        bag = tmp_path / f'bag_{number}'
        assert not (bag / 'metadata.yaml').exists()
        with Bag(bag) as recorded:
            assert recorded.recovered or number >= 2, 'whole may be sqlite3, and a bag that is split, between two files'
            stamps = [stamp_ns_of(recorded.deserialize(message)) for message in recorded.messages()]
        first = sent.index(stamps[0])
        assert stamps == sent[first : first + len(stamps)], 'none is missing between'
        # A second's messages, not a second: while the whole machine stands still nothing is sent, and nothing lost.
        assert sent_by_then - first - len(stamps) <= RATE_HZ


def test_every_topic_but_those_excluded_also_late_ones(graph, probe, tmp_path):
    bag = tmp_path / 'bag'
    first = probe.node.create_publisher(UInt32, 'robot/count', 10)
    hidden = probe.node.create_publisher(UInt32, 'robot/secret', 10)
    start(graph, bag, all=True, exclude='/rosout|/parameter_events|.*secret', report_s=0.2)
    probe.until(first.get_subscription_count, 'the first is heard')
    later = probe.node.create_publisher(UInt32, 'later', 10)
    probe.until(later.get_subscription_count, 'the later one too')
    for publisher in (first, hidden, later):
        publisher.publish(UInt32(data=1))
        publisher.wait_for_all_acked()
    log = tmp_path / 'logs' / 'record.log'
    told = 'MB; /robot/count '
    probe.until(lambda: told in log.read_text() and '/later' in log.read_text().split(told)[-1], 'rates are told')
    assert hidden.get_subscription_count() == 0
    assert graph.stop() == {'record': 0}
    with Bag(bag) as recorded:
        assert {name: topic.count for name, topic in recorded.topics.items()} == {'/robot/count': 1, '/later': 1}


def test_parameters_of_the_recorder_that_make_no_sense(run_node, tmp_path):
    for name, value, message in (
        ('exclude', '(', r'parameter exclude must be a regular expression. Got'),
        ('compression', 'zip', r'one of none, zstd'),
    ):
        arguments = ('--ros-args', '-p', f'bag:={tmp_path / "bag"}', '-p', f'{name}:="{value}"')
        result = run_node('record_node', *arguments)
        assert result.returncode == 1
        assert re.search(message, one_line(result))


def test_the_command_records(domain_id, probe, tmp_path):
    publisher = probe.node.create_publisher(UInt32, 'true', 10)  # a name that YAML would read as something else
    command = [sys.executable, '-m', 'lnn_controller.cli', 'record', '-o', str(tmp_path / 'bag'), '--topics', 'true']
    with subprocess.Popen(
        command, env=os.environ | {'ROS_DOMAIN_ID': str(domain_id)}, stderr=subprocess.PIPE
    ) as process:
        probe.until(publisher.get_subscription_count, 'it listens')
        publisher.publish(UInt32(data=3))
        publisher.wait_for_all_acked()
        process.send_signal(signal.SIGINT)
        probe.until(lambda: process.poll() is not None, 'it ends')
    assert process.returncode == 0
    with Bag(tmp_path / 'bag') as recorded:
        assert recorded.topics['/true'].count == 1


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--out', '.'], 'exists already and is not overwritten'),
        (['--out', 'new', '--exclude', '('], 'regular expression'),
        (['--out', 'new', '--topics', '/odom', 'x y'], 'a topic must be a name of ROS'),
    ],
)
def test_a_mistake_in_the_command_ends_as_others_of_lnn_do(domain_id, tmp_path, arguments, said, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain_id))
    command = [sys.executable, '-m', 'lnn_controller.cli', 'record', *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 2
    assert one_line(done).startswith('lnn: error: ')
    assert said in done.stderr


def marks_in(bag):
    with Bag(bag) as recorded:
        return [recorded.deserialize(each).data for each in recorded.messages(['/episode'])]


def test_marks_of_a_joystick_and_of_others(graph, probe, tmp_path):
    process = start(graph, tmp_path / 'bag', topics=['count', 'episode'], joy_start_button=0, joy_discard_button=2)
    joy = probe.node.create_publisher(Joy, 'joy', 10)
    others, count = probe.node.create_publisher(String, 'episode', 10), probe.node.create_publisher(UInt32, 'count', 10)
    there = (joy, others, count)
    probe.until(lambda: all(each.get_subscription_count() for each in there), 'the recorder listens')
    log = tmp_path / 'logs' / 'record.log'
    count.publish(UInt32(data=1))
    for buttons, marks in (([1, 0], 1), ([1, 1, 0], 1), ([0, 0, 0], 1), ([0, 0, 1], 2), ([0], 2), ([1], 3)):
        joy.publish(Joy(buttons=buttons))
        joy.wait_for_all_acked()
        probe.until(lambda marks=marks: log.read_text().count('episode: ') == marks, f'{buttons} are taken')
    others.publish(String(data='keep'))
    others.wait_for_all_acked()
    process.send_signal(signal.SIGINT)
    probe.until(lambda: process.poll() is not None, 'the recorder ends')
    assert process.returncode == 0
    assert marks_in(tmp_path / 'bag') == ['start', 'discard', 'start', 'keep']


def test_marks_by_keys_of_a_terminal(domain_id, probe, tmp_path):
    keyboard, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    bag, log = tmp_path / 'bag', tmp_path / 'log'
    with log.open('w') as stream:
        process = subprocess.Popen(
            [sys.executable, '-m', 'lnn_controller.cli', 'record', '--topics', 'count', '--out', str(bag)],
            stdin=terminal,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=os.environ | {'ROS_DOMAIN_ID': str(domain_id)},
        )
    count = probe.node.create_publisher(UInt32, 'count', 10)
    probe.until(count.get_subscription_count, 'the recorder listens')
    count.publish(UInt32(data=1))
    os.write(keyboard, b'sxk\nd')
    probe.until(lambda: log.read_text().count('episode: ') == 3, 'the keys are taken')
    os.write(keyboard, b'\x03')  # Ctrl-C
    probe.until(lambda: process.poll() is not None, 'the recorder ends')
    assert process.returncode == 0, log.read_text()
    assert marks_in(bag) == ['start', 'keep', 'discard']
    assert termios.tcgetattr(terminal) == before
    os.close(keyboard)
    os.close(terminal)


def test_the_last_second_is_kept_when_somebody_asks(graph, probe, tmp_path):
    sent = []

    def number(_now_ns):
        sent.append(len(sent))
        return UInt32(data=sent[-1])

    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    here = probe.node.create_publisher(String, 'map', latched)
    here.publish(String(data='here'))
    count, marks = probe.node.create_publisher(UInt32, 'count', 100), probe.node.create_publisher(String, 'episode', 10)
    moments, log = tmp_path / 'moments', tmp_path / 'logs' / 'record.log'
    start(graph, moments, topics=['count', 'map'], keep_last_s=1.0, report_s=0.5)
    probe.until(
        lambda: all(each.get_subscription_count() for each in (here, count, marks)),
        'the recorder listens, to marks too',
    )
    probe.feed('count', count, RATE_HZ, number)
    probe.until(lambda: len(sent) > 5 * RATE_HZ, 'more has come than is kept')
    answer = probe.call(Trigger, '/recorder/keep', Trigger.Request())
    assert answer.success
    assert re.fullmatch(r'writing [01]\.\d s to .*/moments/moments_000', answer.message)
    assert not [path for path in moments.iterdir() if path.name != 'moments_000'], 'nothing else is on the disk'
    later = len(sent) + 10
    probe.until(lambda: len(sent) > later and (moments / 'moments_000' / 'metadata.yaml').exists(), 'it is written')
    probe.until(lambda: probe.call(Trigger, '/recorder/keep', Trigger.Request()).success, 'it is ready for another')
    marks.publish(String(data='what'))
    marks.publish(String(data='discard'))
    probe.until(lambda: 'episode: discard' in log.read_text(), 'the memory begins anew')
    discarded, later = len(sent), len(sent) + RATE_HZ
    assert "a mark must be one of start, keep, discard. Got 'what'" in log.read_text()
    probe.until(lambda: len(sent) > later, 'something comes')
    marks.publish(String(data='keep'))
    probe.until(lambda: 'moments_002' in log.read_text(), 'the mark keeps too')
    assert graph.stop() == {'record': 0}
    assert '3 bag(s) in ' in log.read_text()
    assert re.search(r' MB; .*/count \d+\.\d Hz', log.read_text())
    kept = []
    for name in ('moments_000', 'moments_001', 'moments_002'):
        with Bag(moments / name) as bag:
            assert [bag.deserialize(each).data for each in bag.messages(['/map'])] == ['here']
            assert sorted(bag.topics) == ['/count', '/map'], 'marks are no part of it'
            assert bag.end_ns - bag.start_ns <= 1_000_000_000
            kept.append([bag.deserialize(each).data for each in bag.messages(['/count'])])
        assert kept[-1] == list(range(kept[-1][0], kept[-1][-1] + 1)), 'none is missing between'
    assert kept[0][0] > 0, 'what came first is gone'
    assert kept[0][-1] < kept[1][0]
    assert kept[1][-1] < discarded <= kept[2][-1]
