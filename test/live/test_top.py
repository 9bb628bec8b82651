"""``lnn top``: the page by itself, and the real command beside a node that says what a controller says."""

import io
import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Twist, TwistStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.node import Node
from rich.console import Console
from ros_probe import DEADLINE_S, one_line, values
from sensor_msgs.msg import JointState

from lnn_controller.errors import printable
from lnn_controller.live.top.page import State, page
from lnn_controller.nodes.common.diagnostics import diagnostics

ROLES = ['motor'] * 2 + ['command'] * 6 + ['inter'] * 11
NAMES = [f'{role}_{index}' for index, role in enumerate(ROLES)]
VALUES = {
    'state': 'active',
    'mode': 'policy',
    'reason': '',
    'policy': 'car_lane',
    'policy_hash': '0123456789ab',
    'control_rate_wanted_hz': '50',
    'control_rate_hz': '49.98',
    'image_rate_hz': '30.01',
    'imu_rate_hz': '100.02',
    'image_age_ms': '23',
    'imu_age_ms': '8',
    'image_dropped': '7',
    'image_too_old': '2',
    'image_not_newer': '3',
    'missed_ticks': '4',
    'ticks': '61234',
    'tick_lateness_p50_us': '101.2',
    'tick_lateness_p99_us': '420.0',
    'tick_lateness_max_us': '2311.0',
    'tick_work_p50_us': '801.2',
    'stop_image_stale': '5',
    'stop_obstacle': '0',
    'limit_linear_x_maximum': '120',
}


def state(**changes):
    command = [1.42, 0.0, 0.0, 0.0, 0.0, -0.31]
    neurons = {'names': NAMES, 'neurons': [0.5] * 19, 'time_constants': [0.25] * 19}
    known = {'message': 'driving', 'values': VALUES, 'command': command, 'peaks': [2.4, 0, 0, 0, 0, 1.1]}
    return State(**(known | neurons | changes))


def many(count):
    names = [f'neuron_{index}' for index in range(count)]
    return {'names': names, 'neurons': [(-1.0) ** index for index in range(count)], 'time_constants': [0.1] * count}


def draw(shown, width=80, height=24, *, colour=False):
    """The lines of a page, without the blanks at their ends."""
    file = io.StringIO()
    console = Console(
        file=file, width=width, height=height or 25, force_terminal=colour, color_system='standard' if colour else None
    )
    console.print(page(shown, height=height))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_nineteen_neurons_fit_a_small_terminal():
    lines = draw(state())
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    for text in ('inter ', 'command ', 'motor ', 'linear.x ', 'angular.z '):
        assert any(line.startswith(text) for line in lines)
    assert sum(line.count('+0.50') for line in lines) == 19
    assert sum(line.count(' 250ms') for line in lines) == 19


def test_the_page_shows_every_figure():
    text = '\n'.join(draw(state()))
    for each in (
        *('POLICY', '/controller', 'active', 'car_lane 0123456789ab', 'driving', '49.98 of 50 Hz', 'missed 4'),
        *('ticks 61234', '30.01', '100.02', '0.10', '0.42', '2.31', '0.80', 'image_stale 5', 'linear_x_maximum 120'),
        *('+1.420 m/s', '-0.310 rad/s', 'of ±2.4', '19 neurons'),
    ):
        assert each in text, each
    assert 'obstacle' not in text
    camera = next(line for line in text.splitlines() if 'camera' in line)
    assert camera.split('camera')[1].split() == ['30.01', '23', '7', '5']
    scan = next(line for line in text.splitlines() if ' scan ' in f'{line} ')
    assert scan.split('scan')[1].split() == ['–'] * 4


@pytest.mark.parametrize(
    ('mode', 'reason', 'colour'), [('policy', '', '42'), ('override', '', '43'), ('stop', 'image_stale', '41')]
)
def test_the_mode_has_its_colour(mode, reason, colour):
    first = draw(state(values=VALUES | {'mode': mode, 'reason': reason}), colour=True)[0]
    assert f';{colour}m {mode.upper()}' in first
    assert reason in first


def test_a_terminal_that_grows_shows_more():
    narrow, wide = draw(state()), draw(state(), 200, 60)
    assert max(map(len, wide)) == 200
    bars = [next(line for line in lines if line.startswith('linear.x')) for lines in (narrow, wide)]
    assert bars[0].count('█') < bars[1].count('█')
    assert len(draw(state(), 20, 24)) <= 24


@pytest.mark.parametrize(('width', 'height'), [(80, 24), (40, 12), (120, 40), (10, 3), (1, 1)])
@pytest.mark.parametrize('count', [1, 64, 1000])
def test_no_policy_and_no_terminal_is_too_large(count, width, height):
    lines = draw(state(**many(count)), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_sixty_four_neurons_become_a_character_each_where_there_is_no_room():
    lines = draw(state(**many(64)))
    assert '█▁' * 32 in lines[-1]
    slow = many(64) | {'time_constants': [0.0052] + [3.14] * 62 + [2000.0]}
    assert '\n'.join(draw(state(**(slow | {'names': NAMES * 3 + NAMES[:7]})))).count('5ms to 3.1s') == 1
    assert sum(line.count('+1.00') for line in draw(state(**many(64)), height=None)) == 32


def test_what_is_not_known_is_a_dash():
    text = '\n'.join(draw(State(values={'state': 'unconfigured', 'mode': 'stop', 'reason': 'unconfigured'})))
    assert 'STOP: unconfigured' in text
    assert '– of – Hz' in text
    assert 'commands' not in text
    assert 'neurons' not in text


def test_numbers_that_are_none_are_shown():
    worst = [float('nan'), float('inf'), -float('inf')]
    neurons = {'names': NAMES[:3], 'neurons': worst, 'time_constants': worst}
    command = [*worst, 0.0, 0.0, 0.0]
    for height in (24, 19):
        text = '\n'.join(draw(state(values=VALUES | {'ticks': 'x'}, command=command, **neurons), height=height))
        assert 'nan m/s' in text


@given(st.text(max_size=12), st.text(max_size=12), st.floats())
@pytest.mark.slow
def test_no_text_of_the_graph_acts_on_the_terminal(key, value, number):
    hostile = f'{value}\x1b]0;title\x07\x9b2J\u202e[red]x[/red]\r\n'
    keys = ('mode', 'reason', 'state', 'policy', 'emergency_stop', 'image_rate_hz', 'stop_' + key, 'tick_work_p50_us')
    values = dict.fromkeys(keys, hostile)
    shown = state(node=hostile, message=hostile, names=[hostile, key], values=values, neurons=[number] * 2)
    for each in (shown, State(node=hostile, hint=(hostile,))):
        out = io.StringIO()
        Console(file=out, width=4000, highlight=False).print(page(each))
        text = out.getvalue()
        assert printable(text) == text
        assert '\\x1b]0;title\\x07\\x9b2J\\u202e[red]x[/red]' in text


def test_silence_and_the_emergency_stop_are_told():
    assert 'silent for 7 s' in draw(state(status_age_s=7.0))[1]
    assert 'EMERGENCY STOP: topic' in draw(state(values=VALUES | {'emergency_stop': 'topic'}))[1]
    assert 'EMERGENCY' not in draw(state(values=VALUES | {'emergency_stop': 'released'}))[1]
    assert draw(State(hint=('one', 'two')))[1:] == ['one', 'two']


def lnn_top(domain_id, *arguments, **options):
    """Start ``lnn top``."""
    environment = os.environ | {'ROS_DOMAIN_ID': str(domain_id), 'TERM': 'xterm-256color', 'COLUMNS': '80'}
    command = [sys.executable, '-m', 'lnn_controller.cli', 'top', *arguments]
    return subprocess.Popen(command, env=environment, text=True, **options)


def piped(domain_id, *arguments):
    return lnn_top(domain_id, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def result(process):
    """What an ended process said."""
    out, error = process.communicate(timeout=DEADLINE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


@contextmanager
def controller(probe, kind=TwistStamped, namespace=''):
    """A node that publishes what a controller does, while the probe spins."""
    node = Node('controller', namespace=namespace, context=probe.context)
    probe.executor.add_node(node)
    said = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
    neurons = node.create_publisher(JointState, '~/neurons', 10)
    commands = node.create_publisher(kind, 'cmd_vel', 1)

    def tell():
        said.publish(diagnostics(node, 'control', DiagnosticStatus.OK, 'driving', VALUES, hardware='car_lane'))
        neurons.publish(JointState(name=NAMES, position=[0.5] * 19, effort=[0.25] * 19))
        message = kind()
        getattr(message, 'twist', message).linear.x = 1.25
        commands.publish(message)

    node.create_timer(0.05, tell)
    yield
    probe.executor.remove_node(node)
    node.destroy_node()


def ended(process):
    return lambda: process.poll() is not None


def test_one_page_of_a_real_controller_shows_its_neurons(graph, probe, domain_id, tiny_bundle):
    """Its ticks are named numbers as well, and come more often."""
    parameters = {'policy': str(tiny_bundle), 'autostart': True, 'neurons_rate_hz': 5.0}
    graph.start('controller', 'lnn_controller.nodes.controller_node', parameters=parameters)
    probe.camera()
    probe.imu()
    commands = probe.commands()
    probe.until(lambda: commands and any(values(commands[-1])), 'it drives')
    process = piped(domain_id, '--once')
    probe.until(ended(process), 'the page is printed')
    done = result(process)
    assert (done.returncode, done.stderr) == (0, '')
    assert '5 neurons' in done.stdout
    assert 'latency_us' not in done.stdout


@pytest.mark.parametrize('kind', [TwistStamped, Twist])
def test_one_page_of_a_running_controller(probe, domain_id, kind):
    with controller(probe, kind):
        process = piped(domain_id, '--once')
        probe.until(ended(process), 'the page is printed')
    done = result(process)
    assert (done.returncode, done.stderr) == (0, '')
    for each in ('POLICY', '49.98 of 50 Hz', '+1.250 m/s', '19 neurons', '+0.50'):
        assert each in done.stdout
    assert '\x1b' not in done.stdout
    assert len(done.stdout.splitlines()) <= 24


def test_a_controller_in_a_namespace_and_a_domain_given_by_hand(probe, domain_id):
    with controller(probe, namespace='/robot_1'):
        # Without --once: what is no terminal gets one page as well.
        process = piped('', '--node', 'robot_1/controller', '--domain', str(domain_id))
        probe.until(ended(process), 'the page is printed')
    done = result(process)
    assert (done.returncode, done.stderr) == (0, '')
    assert '/robot_1/controller' in done.stdout
    assert '19 neurons' in done.stdout


def test_once_without_a_controller_says_what_is_there(probe, domain_id):
    process = piped(domain_id, '--once')
    probe.until(ended(process), 'it gives up')
    done = result(process)
    assert (done.returncode, done.stdout) == (2, '')
    line = one_line(done)
    for each in ('/controller must publish on /diagnostics', f'ROS domain {domain_id}', '/probe', 'ROS_DOMAIN_ID'):
        assert each in line


@pytest.mark.parametrize(('arguments', 'domain'), [((), 'x'), (('--domain', '233'), ''), (('--domain', '-1'), '')])
def test_a_domain_that_is_none(arguments, domain):
    done = result(piped(domain, '--once', *arguments))
    assert done.returncode == 2
    assert 'must be a number from 0 to 232' in one_line(done)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_live_page_until_it_is_ended(probe, domain_id, number):
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    process = lnn_top(domain_id, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = bytearray()

    def shows(text):
        def happened():
            with suppress(OSError):  # nothing new, or the other side is closed
                shown.extend(os.read(ours, 1 << 16))
            return text in shown.decode(errors='ignore')

        return happened

    try:
        probe.until(shows('is waited for in ROS domain'), 'it says what it waits for')
        with controller(probe):
            probe.until(shows('19 neurons'), 'the page is drawn')
            process.send_signal(number)
            probe.until(shows('\x1b[?1049l'), 'the terminal is given back')
            probe.until(ended(process), 'it ends')
        shows('')()
        after = shown.decode(errors='ignore').rpartition('\x1b[?1049l')[2]
        assert (process.returncode, after.strip()) == (0, '')
    finally:
        process.kill()
        process.wait()
        os.close(ours)
