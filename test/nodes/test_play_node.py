import subprocess
import sys

import pytest
from geometry_msgs.msg import TwistStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_probe import DEADLINE_S, one_line
from rosgraph_msgs.msg import Clock
from std_msgs.msg import UInt32
from std_srvs.srv import Trigger

from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.bags.writer import offered_qos
from lnn_controller.data.messages.build import twist_stamped_message
from lnn_controller.data.messages.stamp import stamp_ns_of

PLAY = 'lnn_controller.nodes.play_node'
S, MS = 1_000_000_000, 1_000_000
START = 1_700_000_000 * S


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """Three seconds of commands at 50 Hz, and a latched number that changes at one second."""
    path = tmp_path_factory.mktemp('play') / 'bag'
    with BagWriter(path) as writer:
        writer.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped', qos=offered_qos())
        writer.add_topic('/number', 'std_msgs/msg/UInt32', qos=offered_qos(transient_local=True))
        for tick in range(150):
            stamp = START + tick * 20 * MS
            if tick in (0, 50):
                writer.write('/number', stamp, b'\0\1\0\0' + tick.to_bytes(4, 'little'))
            writer.write('/cmd_vel', stamp, twist_stamped_message(stamp, linear=(tick, 0, 0)))
    return path


def start(graph, bag, **parameters):
    return graph.start('player', PLAY, parameters={'bag': str(bag), 'paused': True} | parameters)


def ask(probe, name):
    return probe.call(Trigger, f'/player/{name}', Trigger.Request())


def ticks(commands):
    return [int(each.twist.linear.x) for each in commands]


def test_a_clock_that_was_set_while_it_was_recorded_is_not_waited_for(graph, probe, tmp_path):
    """2.5 years lie between the fifth command and the sixth."""
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped', qos=offered_qos())
        for tick in range(10):
            stamp = START + tick * 20 * MS + (tick >= 5) * 80_000_000 * S
            writer.write('/cmd_vel', stamp, twist_stamped_message(stamp, linear=(tick, 0, 0)))
    commands = probe.commands()
    process = start(graph, tmp_path / 'bag')
    probe.until(lambda: probe.node.count_publishers('cmd_vel'), 'it offers its topics')
    assert ask(probe, 'resume').success
    probe.until(lambda: process.poll() is not None, 'it ends with the bag')
    probe.until(lambda: len(commands) == 10, 'all has arrived')
    assert ticks(commands) == list(range(10))
    assert 'nothing was recorded for 80,000,000 s: that is skipped' in (tmp_path / 'logs' / 'player.log').read_text()


def test_every_message_is_played_in_order_with_its_latched_ones(graph, probe, bag):
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    numbers = []
    probe.node.create_subscription(UInt32, 'number', numbers.append, latched)
    commands, clock = probe.commands(), probe.collect(Clock, '/clock')
    process = start(graph, bag, rate=5.0, clock_hz=200.0)
    probe.until(lambda: len(clock) > 10, 'the clock tells')
    assert {each.clock.sec * S + each.clock.nanosec for each in clock} == {START}
    probe.until(lambda: probe.node.count_publishers('cmd_vel'), 'it offers its topics')
    assert ask(probe, 'resume').success
    probe.until(lambda: process.poll() is not None, 'it ends with the bag')
    assert process.returncode == 0
    probe.until(lambda: len(commands) == 150, 'all have arrived')
    assert ticks(commands) == list(range(150))
    assert [each.data for each in numbers] == [0, 50]
    assert stamp_ns_of(commands[-1]) == START + 149 * 20 * MS
    told = [each.clock.sec * S + each.clock.nanosec for each in clock]
    assert told == sorted(told)
    assert told[-1] > START + 2 * S


def test_pause_step_and_rate(graph, probe, bag):
    commands = probe.commands()
    start(graph, bag, topics=['cmd_vel'])
    probe.until(lambda: probe.node.count_publishers('cmd_vel'), 'it offers its topic')
    for number in range(3):
        assert ask(probe, 'play_next').message == 'the next message is played'
        probe.until(lambda number=number: len(commands) == number + 1, 'one comes')
    assert ticks(commands) == [0, 1, 2]
    assert ask(probe, 'toggle_paused').message == 'playing'
    probe.until(lambda: len(commands) > 20, 'it plays on')
    assert ask(probe, 'play_next').message == 'it plays already: pause it first'
    assert ask(probe, 'pause').message == 'paused'
    count = len(commands)
    ask(probe, 'play_next')
    probe.until(lambda: len(commands) > count, 'one more')  # and what was under way when it paused
    assert probe.set_parameters({'rate': 50.0}, '/player')[0].successful
    assert ask(probe, 'resume').message == 'playing'
    probe.until(lambda: len(commands) == 150, 'to the end')
    assert ticks(commands) == list(range(150))


def test_a_start_within_the_bag_tells_what_was_latched_and_a_loop_begins_there_again(graph, probe, bag):
    commands = probe.collect(TwistStamped, 'recorded/cmd_vel')
    numbers = probe.collect(UInt32, 'number', latched=True)
    graph.start(
        'player',
        PLAY,
        parameters={'bag': str(bag), 'paused': True, 'start_s': 2.0, 'loop': True, 'rate': 10.0},
        remappings={'/cmd_vel': 'recorded/cmd_vel'},
    )
    probe.until(lambda: numbers, 'the number is told')
    assert numbers[0].data == 50
    ask(probe, 'resume')
    probe.until(lambda: len(commands) > 120, 'round and round')
    assert ticks(commands)[:100] == [*range(100, 150), *range(100, 150)]
    assert graph.stop() == {'player': 0}


@pytest.mark.parametrize(
    ('parameters', 'message'),
    [
        ({'bag': '/none'}, r'no bag at /none'),
        ({'start_s': 9.0}, r'start_s must lie within the bag, 3.0 s. Got 9'),
        ({'topics': '["never"]'}, r'has no topic never'),
        ({'exclude': '.*'}, r'something of the bag must be played. Got none of /cmd_vel'),
        ({'exclude': '('}, r'exclude must be a regular expression'),
    ],
)
def test_mistakes(run_node, bag, parameters, message):
    values = {'bag': str(bag)} | parameters
    quoted = [
        part
        for name, value in values.items()
        for part in ('-p', f'{name}:={value if isinstance(value, float) or name == "topics" else repr(value)}')
    ]
    result = run_node('play_node', '--ros-args', *quoted)
    assert result.returncode == 1
    assert message.replace('\\', '') in one_line(result).replace('\\', '')


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [(['/none'], 'no bag at /none'), (['{bag}', '--start-offset', '9'], 'must lie within the bag')],
)
def test_a_mistake_in_the_command_ends_as_others_of_lnn_do(domain_id, bag, arguments, said, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain_id))
    command = [sys.executable, '-m', 'lnn_controller.cli', 'play', *(each.format(bag=bag) for each in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 2
    assert one_line(done).startswith('lnn: error: ')
    assert said in done.stderr


def test_the_command_plays_a_recording(domain_id, probe, bag, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain_id))
    commands = probe.collect(TwistStamped, 'other')
    command = [
        sys.executable,
        '-m',
        'lnn_controller.cli',
        'play',
        str(bag),
        '-r',
        '20',
        '-p',
        '--remap',
        'cmd_vel:=other',
    ]
    with subprocess.Popen([*command, '/cmd_vel:=other']) as process:
        probe.until(lambda: probe.node.count_publishers('other'), 'it offers its topics')
        ask(probe, 'resume')
        probe.until(lambda: process.poll() is not None, 'it ends')
    assert process.returncode == 0
    probe.until(lambda: len(commands) == 150, 'all have arrived')


def test_what_the_publishers_offered_is_known(bag):
    with Bag(bag) as opened:
        assert opened.offered('cmd_vel') == (True, False)
        assert opened.offered('number') == (True, True)
