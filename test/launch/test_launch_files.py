"""The launch files with the real ``ros2 launch``: run where it is installed and the workspace is sourced."""

import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

pytest.importorskip('launch_ros.actions', reason='the launch files need ROS 2 launch')

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from ros_domains import own_domain

LAUNCH = Path(__file__).parents[2] / 'launch'
DEADLINE_S = 60.0


@pytest.fixture
def domain_id():
    with own_domain() as number:
        yield number


@pytest.fixture
def launch(tmp_path, domain_id):
    """Start ``ros2 launch`` of a file of the source tree; ended with the test."""
    try:
        get_package_prefix('lnn_controller')
    except PackageNotFoundError:
        pytest.skip('the package is not built in a sourced workspace')
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


def test_the_end_of_the_controller_ends_the_drive(launch):
    drive = launch('drive.launch.py', 'policy:=nowhere')
    said = drive.communicate(timeout=DEADLINE_S)[0]
    assert 'a policy must be a folder or one of the shipped names' in said
    assert 'Traceback' not in said


def test_drive_a_robot_without_the_simulator(launch, tiny_bundle):
    drive = launch('drive.launch.py', 'sim:=false', f'policy:={tiny_bundle}')
    # On the system's clock: with simulated time it would wait for /clock for ever.
    said = read_until(drive, r'no camera image has arrived yet') + end(drive)
    assert 'sim_node' not in said


def test_record(launch, tmp_path):
    record = launch('record.launch.py', f'bag:={tmp_path / "bag"}', "topics:=['/a','/b']", 'storage:=sqlite3')
    read_until(record, r'waiting for /a, /b')
    end(record)
    assert record.returncode == 0
    usual = launch('record.launch.py', f'bag:={tmp_path / "usual"}')
    read_until(usual, r'waiting for /image_raw, ')


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
