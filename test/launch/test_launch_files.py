"""The launch files with the real ``ros2 launch``: run where it is installed and the workspace is sourced."""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import rclpy

pytest.importorskip('launch_ros.actions', reason='the launch files need ROS 2 launch')

from bundles import DRONE, make_tiny_bundle
from documented import commands
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient

LAUNCH = Path(__file__).parents[2] / 'launch'
DEADLINE_S = 60.0


@pytest.fixture
def launch(tmp_path, workspace, domain_id):
    """Start ``ros2 launch`` of a file of the source tree; ended with the test."""
    if shutil.which('ros2') is None:
        pytest.skip('there is no ros2 command')
    started = []

    def start(file, *arguments):
        process = subprocess.Popen(
            ['ros2', 'launch', LAUNCH / file, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
            env=dict(os.environ, ROS_DOMAIN_ID=str(domain_id), ROS_LOG_DIR=str(tmp_path / 'log')),
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=DEADLINE_S)


def read_until(process, pattern):
    """Everything a launch printed up to a line that holds the pattern."""
    killer = threading.Timer(DEADLINE_S, process.kill)
    killer.start()
    text = ''
    for line in process.stdout:
        text += line
        if re.search(pattern, line):
            killer.cancel()
            return text
    killer.cancel()
    return pytest.fail(f'"{pattern}" was never printed:\n{text}')


def end(process):
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=DEADLINE_S)[0]


@contextmanager
def looking(domain_id):
    """A node of the test's own."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain_id)
    node = Node('looks', context=context)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def test_drive_and_record_the_simulated_car(launch, tiny_bundle, tmp_path):
    bag = tmp_path / 'bag'
    drive = launch('drive.launch.py', f'policy:={tiny_bundle}', 'scene:=winter', 'track:=33', f'record:={bag}')
    read_until(drive, r'road 33, winter')
    told = read_until(drive, r'the robot drives|recording /diagnostics')  # whichever comes first
    read_until(drive, r'recording /diagnostics' if 'the robot drives' in told else r'the robot drives')
    said = end(drive)
    assert drive.returncode == 0, said
    assert 'robot stopped (shutdown)' in said
    assert said.count('process has finished cleanly') == 3
    assert (bag / 'metadata.yaml').exists()


def test_fly_the_simulated_drone(launch, tmp_path):
    policy = make_tiny_bundle(tmp_path / 'flier', height=72, width=128, outputs=DRONE, robot='drone')
    drive = launch('drive.launch.py', 'robot:=drone', 'task:=hop', f'policy:={policy}', 'scene:=autumn', 'seed:=5003')
    said = read_until(drive, r'hop 5003, autumn')
    if 'the robot drives' not in said:
        read_until(drive, r'the robot drives')
    end(drive)
    assert drive.returncode == 0


def test_the_page_in_the_browser(launch, tiny_bundle):
    pytest.importorskip('rerun')
    with socket.socket() as trial:
        if trial.connect_ex(('127.0.0.1', 9090)) == 0:
            pytest.skip("somebody uses the page's port")
    drive = launch('drive.launch.py', f'policy:={tiny_bundle}', 'namespace:=robot1', 'view:=true')
    read_until(drive, r'http://127\.0\.0\.1:9090/\?url=')
    said = end(drive)
    assert drive.returncode == 0, said
    assert 'Traceback' not in said


@pytest.mark.parametrize(
    ('arguments', 'mistake', 'end'),
    [
        (['policy:=nowhere'], 'a policy must be a folder or one of the shipped names', 'the controller could not be'),
        (['robot:=drone', 'task:=nothing'], "Got 'nothing'", 'the simulator failed'),
    ],
)
def test_what_the_drive_needs_ends_it(launch, arguments, mistake, end):
    drive = launch('drive.launch.py', *arguments)
    said = drive.communicate(timeout=DEADLINE_S)[0]
    assert mistake in said
    assert end in said
    assert 'Traceback' not in said
    assert drive.returncode == 1


@pytest.mark.parametrize(
    ('file', 'argument', 'why'),
    [
        ('drive.launch.py', 'polcy:=mine', 'Got "polcy": did you mean policy?'),
        ('record.launch.py', 'storge:=mcap', 'Got "storge": did you mean storage?'),
        ('replay.launch.py', 'imag:=/camera', 'Got "imag": did you mean image?'),
        ('drive.launch.py', 'params_file:=nofile.yaml', 'params_file must be an existing file. Got "nofile.yaml"'),
        ('drive.launch.py', 'speed_scale:=half', 'speed_scale must be a number from 0 to 1. Got "half"'),
        ('replay.launch.py', 'params_file:=.', 'params_file must be an existing file. Got "."'),
        ('drive.launch.py', 'params_file:=~nobody-of-that-name/x', 'params_file must be an existing file'),
    ],
)
def test_what_nobody_takes_is_refused_before_anything_starts(launch, file, argument, why):
    started = launch(file, 'bag:=bag', argument) if file != 'drive.launch.py' else launch(file, argument)
    said = started.communicate(timeout=DEADLINE_S)[0]
    assert why in said
    assert 'process started' not in said
    assert started.returncode == 1


def test_a_parameters_file_in_the_home_folder_is_the_one_that_is_taken(launch, tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'robot.yaml').write_text('other: {ros__parameters: {speed_scale: 0.0}}\n')
    drive = launch('drive.launch.py', 'sim:=false', 'params_file:=~/robot.yaml')
    said = drive.communicate(timeout=DEADLINE_S)[0]
    assert f'Got {tmp_path}/robot.yaml with those of /other alone' in said
    assert drive.returncode == 1


def test_the_controller_ends_with_a_launch_that_is_killed(launch, tiny_bundle):
    drive = launch('drive.launch.py', 'sim:=false', f'policy:={tiny_bundle}')
    said = read_until(drive, r'no camera image has arrived yet')
    controller = int(re.search(r'controller_node-1.: process started with pid .(\d+)', said)[1])
    drive.kill()
    drive.wait()
    deadline_s = time.monotonic() + DEADLINE_S
    while Path(f'/proc/{controller}').exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_two_simulated_cars_each_with_its_own_time(launch, tiny_bundle, domain_id):
    first, second = (launch('drive.launch.py', f'policy:={tiny_bundle}', f'namespace:=robot{i}') for i in (1, 2))
    read_until(first, r'robot1.controller.*the robot drives')
    read_until(second, r'robot2.controller.*the robot drives')
    with looking(domain_id) as node:
        deadline_s = time.monotonic() + DEADLINE_S
        while not node.count_publishers('/robot1/clock') or not node.count_publishers('/robot2/clock'):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        assert node.count_publishers('/clock') == 0
    end(first)
    end(second)


def test_drive_a_robot_without_the_simulator(launch, tiny_bundle):
    drive = launch('drive.launch.py', 'sim:=false', f'policy:={tiny_bundle}')
    # On the system's clock: with simulated time it would wait for /clock for ever.
    said = read_until(drive, r'no camera image has arrived yet') + end(drive)
    assert 'sim_node' not in said


def topics_of(node, name, namespace, wanted):
    """Topics of a node and their types, as soon as those are among them that are wanted."""
    deadline_s = time.monotonic() + DEADLINE_S
    found = {}
    while not wanted <= found.keys():
        assert time.monotonic() < deadline_s, found
        time.sleep(0.05)
        if (name, namespace) in node.get_node_names_and_namespaces():
            found = dict(node.get_publisher_names_and_types_by_node(name, namespace))
            found |= dict(node.get_subscriber_names_and_types_by_node(name, namespace))
    return found


def parameters_of(node, name, wanted):
    client = AsyncParameterClient(node, name)
    assert client.wait_for_services(DEADLINE_S)
    answer = client.get_parameters(wanted)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    executor.spin_until_future_complete(answer, DEADLINE_S)
    return [parameter_value_to_python(each) for each in answer.result().values]


def test_only_the_start_sets_the_robot_going(launch, tiny_bundle, domain_id, tmp_path):
    """Who configures the controller again, to look at it, finds one that stays inactive."""
    drive = launch('drive.launch.py', 'sim:=false', f'policy:={tiny_bundle}')
    read_until(drive, r'no camera image has arrived yet')
    environment = dict(os.environ, ROS_DOMAIN_ID=str(domain_id), ROS_LOG_DIR=str(tmp_path / 'log'))
    for transition in ('deactivate', *3 * ('cleanup', 'configure')):  # an active one cannot be cleaned up
        command = ['ros2', 'lifecycle', 'set', '/controller', transition]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=DEADLINE_S)
        assert 'Transitioning successful' in done.stdout, (transition, done)
    assert 'no camera image has arrived yet' not in end(drive)


def test_the_robots_own_topics_are_arguments(launch, tiny_bundle, tmp_path, domain_id):
    names = {'/camera/image', '/camera/imu', '/base/cmd_vel'}
    own = ['image:=/camera/image', 'imu:=/camera/imu', 'cmd_vel:=/base/cmd_vel', 'stamped:=false', 'namespace:=r1']
    bag = tmp_path / 'bag'
    drive = launch('drive.launch.py', f'policy:={tiny_bundle}', *own, 'speed_scale:=0.5', f'record:={bag}')
    read_until(drive, r'recording /base/cmd_vel')
    with looking(domain_id) as node:
        for name in ('controller', 'sim'):
            assert topics_of(node, name, '/r1', names)['/base/cmd_vel'] == ['geometry_msgs/msg/Twist']
        assert parameters_of(node, '/r1/controller', ['speed_scale', 'enable_stamped_cmd_vel']) == [0.5, False]
    end(drive)
    assert drive.returncode == 0
    assert all(name in (bag / 'metadata.yaml').read_text() for name in names)


def test_a_compressed_camera_by_argument(launch, tiny_bundle, domain_id):
    drive = launch(
        'drive.launch.py', 'sim:=false', f'policy:={tiny_bundle}', 'image:=/front/image', 'image_transport:=compressed'
    )
    read_until(drive, r'no camera image has arrived yet')
    with looking(domain_id) as node:
        assert '/front/image' not in topics_of(node, 'controller', '/', {'/front/image/compressed', '/cmd_vel'})
    end(drive)


def test_topics_by_a_launch_file_around_ours(launch, tiny_bundle, tmp_path, domain_id):
    """As docs/robots.md has it: what is remapped around our launch file is nearer to the robot than its defaults."""
    page = (LAUNCH.parent / 'docs' / 'robots.md').read_text()
    text = re.search(r'```python\n(# robot.launch.py.*?)```', page, re.DOTALL)[1]
    around = tmp_path / 'robot.launch.py'
    given = text.replace('/home/robot/policies/mine', str(tiny_bundle))
    around.write_text(given.replace('/home/robot/controller.yaml', str(LAUNCH.parent / 'config' / 'controller.yaml')))
    drive = launch(around)
    read_until(drive, r'no camera image has arrived yet')
    with looking(domain_id) as node:
        topics_of(node, 'controller', '/robot1', {'/camera/camera/color/image_raw', '/diff_drive_controller/cmd_vel'})
    end(drive)


def test_record(launch, tmp_path):
    record = launch('record.launch.py', f'bag:={tmp_path / "bag"}', "topics:=['/a','/b']", 'storage:=sqlite3')
    read_until(record, r'waiting for /a, /b')
    end(record)
    assert record.returncode == 0
    usual = launch('record.launch.py', f'bag:={tmp_path / "usual"}')
    read_until(usual, r'waiting for /image_raw, ')


def test_a_recording_that_fails_is_a_launch_that_fails(launch, tmp_path):
    (tmp_path / 'there').mkdir()
    record = launch('record.launch.py', f'bag:={tmp_path / "there"}')
    assert 'exists' in record.communicate(timeout=DEADLINE_S)[0]
    assert record.returncode == 1


def test_the_documented_commands_of_a_running_controller(launch, tiny_bundle, tmp_path, domain_id):
    """In the order of the pages, and with what a reader is to fill in; without those that end by Ctrl-C alone."""
    drive = launch('drive.launch.py', 'sim:=false', f'policy:={tiny_bundle}')
    read_until(drive, r'no camera image has arrived yet')
    groups = {'param', 'lifecycle', 'service', 'node'}
    # Some speak of a controller that is not active.
    others = 'docs/diagnostics.md', 'docs/troubleshooting.md'
    pages = [each.words for each in commands() if each.page not in others and each.words[0] == 'ros2']
    lines = [words for words in pages if groups & {*words[1:2]} and len(words) > 3 and words[3] == '/controller']
    lines += [words for words in pages if words[1:3] == ('service', 'call')]
    assert len(lines) > 10
    lines += [words for words in pages if words[1:3] == ('topic', 'info')]
    lines += [words for words in pages if words[1:4] == ('topic', 'pub', '--once') and len(words) > 4]
    for words in lines:
        filled = [str(tiny_bundle) if word == '/path/to/policy' else word for word in words if word != '>']
        done = subprocess.run(
            filled[: 4 if words[2] == 'dump' else None],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=dict(os.environ, ROS_DOMAIN_ID=str(domain_id)),
            timeout=DEADLINE_S,
        )
        if words[2] == 'dump':
            (tmp_path / 'robot.yaml').write_text(done.stdout)
            assert 'speed_scale: ' in done.stdout
        elif words[2] != 'load':  # which refuses what may be set at the start only, as the page says
            assert (done.returncode, 'failed' in done.stdout + done.stderr) == (0, False), (words, done)
    said = end(drive)
    assert said.count('process has finished cleanly') == 1


def test_replay_with_whatever_plays_bags_here(launch, tiny_bundle_without_imu, tmp_path):
    bag = Path(__file__).parents[1] / 'data' / 'real_car_cut'
    replay = launch(
        'replay.launch.py',
        f'bag:={bag}',
        f'policy:={tiny_bundle_without_imu}',
        'compressed:=true',
        'image:=/camera/image_raw',
        'rate:=2.0',
        f'out:={tmp_path / "report"}',
    )
    said = read_until(replay, r'the robot drives')
    said += replay.communicate(timeout=DEADLINE_S)[0]
    assert 'process has finished cleanly' in said, 'the player ended by itself, with the bag'
    assert 'Traceback' not in said
    assert replay.returncode == 0
    assert (tmp_path / 'report' / 'report.html').exists()
