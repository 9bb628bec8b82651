"""A node's process ends when it is asked to, whatever its callbacks do, and only then."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from std_msgs.msg import String

NODE = """
import sys, time
from rclpy.node import Node
from std_msgs.msg import String
from lnn_controller.nodes.common.run import run_node

class Hears(Node):
    def __init__(self):
        super().__init__('hears')
        self.heard = self.create_publisher(String, 'heard', 10)
        self.create_subscription(String, 'said', self.hear, 10)
        print('hears', flush=True)

    def hear(self, message):
        if message.data == 'fail':
            raise KeyError('nobody expects this')
        if message.data == 'hang':
            print('hangs', flush=True)
            while True:
                time.sleep(100)
        self.heard.publish(message)

    def close(self):
        print('closes', flush=True)

resort = lambda node: print('last resort', flush=True)
sys.exit(run_node(Hears, None, executable='hears', purpose='', table=(), last_resort=resort))
"""


@pytest.fixture
def hears(domain_id, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain_id))
    with subprocess.Popen(
        [sys.executable, '-c', NODE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as it:
        assert it.stdout.readline() == 'hears\n'
        yield it
        it.kill()


@pytest.fixture
def say(probe, hears):
    publisher = probe.node.create_publisher(String, 'said', 10)
    probe.until(publisher.get_subscription_count, 'it listens')
    return lambda text: publisher.publish(String(data=text))


def test_a_callback_that_raises_is_one_message_less(probe, hears, say):
    heard = probe.collect(String, 'heard')
    probe.until(lambda: probe.node.count_publishers('heard'), 'it answers')

    def both():
        say('fail')
        say('well')
        return len(heard) > 3

    probe.until(both, 'it goes on')
    hears.send_signal(signal.SIGTERM)
    output = hears.communicate()[0]
    assert hears.returncode == 0
    assert output.count('a callback failed and is left out: KeyError') == 1, 'once, not each time'
    assert output.endswith('closes\n')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_callback_that_hangs_does_not_keep_the_process(hears, say, number):
    say('hang')
    while 'hangs' not in hears.stdout.readline():
        pass
    hears.send_signal(number)
    output = hears.communicate()[0]
    assert hears.returncode == 128 + number
    assert output.startswith('last resort')


def test_a_second_signal_changes_nothing(hears):
    for _ in range(20):
        hears.send_signal(signal.SIGINT)
    output = hears.communicate()[0]
    assert hears.returncode == 0
    assert output == 'closes\n'


REAL_CAR = Path(__file__).parents[2] / 'bags' / 'real_car'
STARTED = {  # with what, and what it may say where the signal has met it when it had started already
    'controller_node': ('autostart:=true', None),
    'sim_node': ('track:=3', None),
    'play_node': (f'bag:={REAL_CAR}', None),
    'record_node': ('bag:=new', 'Got none'),
    'evaluate_node': ('out:=report', 'an evaluation needs commands'),
}


def catches_signals(process):
    """Whether it has a handler for SIGTERM: the interpreter's own start is over."""
    status = Path(f'/proc/{process.pid}/status').read_text()
    caught = int(re.search(r'SigCgt:\s*(\w+)', status).group(1), 16)
    return caught >> (signal.SIGTERM - 1) & 1


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_of_the_start_ends_a_node_without_a_word(domain_id, tmp_path, monkeypatch, number):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain_id))
    started = []
    for node, (parameter, _) in STARTED.items():
        module = f'lnn_controller.nodes.{node}'
        command = [sys.executable, '-m', 'lnn_controller.start', module, '--ros-args', '-p', parameter]
        output = (tmp_path / node).open('w')
        started.append((node, subprocess.Popen(command, stdout=output, stderr=output, cwd=tmp_path)))
    for delay_s, (_, process) in zip([0.3, 0.3, 0.1, 0.1, 0.0], started, strict=True):
        while process.poll() is None and not catches_signals(process):
            time.sleep(0.001)
        time.sleep(delay_s)  # to meet another moment
        process.send_signal(number)
    for node, process in started:
        code, output = process.wait(30.0), (tmp_path / node).read_text()
        may_say = STARTED[node][1]
        assert code == 0 or (code == 1 and may_say and may_say in output), f'{node}: {code}, {output}'
        assert 'Traceback' not in output
