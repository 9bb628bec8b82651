"""Shells in which ROS 2 does not start: one line that says what to do, and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lnn_controller.errors import InputError
from lnn_controller.nodes.common.environment import check_environment

REAL_CAR = Path(__file__).parents[1] / 'data' / 'real_car_cut'


def lnn(*words, **environment):
    """Run the command in a shell with these variables; ``None``: without them."""
    variables = {name: value for name, value in (os.environ | environment).items() if value is not None}
    command = [sys.executable, '-m', 'lnn_controller.cli', *map(str, words)]
    return subprocess.run(command, env=variables, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize('domain', ['', '0', '232'])
def test_domains(monkeypatch, tmp_path, domain):
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path))
    monkeypatch.setenv('ROS_DOMAIN_ID', domain)
    check_environment()


@pytest.mark.parametrize('domain', ['233', '500', 'abc', '-1', '1.5', ' 3', '²'])
def test_what_is_no_domain(monkeypatch, tmp_path, domain):
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path))
    monkeypatch.setenv('ROS_DOMAIN_ID', domain)
    with pytest.raises(InputError, match=rf'ROS_DOMAIN_ID must be a number from 0 to 232, or unset. Got "{domain}"'):
        check_environment()


@pytest.mark.parametrize(
    ('variables', 'told'),
    [
        (
            {'ROS_LOG_DIR': '/proc/none'},
            'go to /proc/none, which cannot be written: No such file or directory. Set ROS_L',
        ),
        (
            {'ROS_HOME': '/proc/none'},
            'go to /proc/none/log, which cannot be written: No such file or directory. Set ROS_',
        ),
        (
            {'HOME': '/proc/none'},
            'go to ~/.ros/log, which cannot be written: No such file or directory. Set ROS_LOG_DIR',
        ),
        ({}, 'go to ~/.ros/log, and HOME is not set: set it, or ROS_LOG_DIR to a folder that you may write to'),
    ],
)
def test_logs_that_cannot_be_written(monkeypatch, variables, told):
    for name in ('ROS_LOG_DIR', 'ROS_HOME', 'HOME', 'ROS_DOMAIN_ID'):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f'the logs of ROS {told}'):
        check_environment()
    check_environment(['--ros-args', '--disable-external-lib-logs'])


def test_a_middleware_that_is_not_installed():
    done = lnn('play', REAL_CAR, RMW_IMPLEMENTATION='rmw_nobody_has_cpp', AMENT_PREFIX_PATH=None)
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(
        'lnn_controller: error: RMW_IMPLEMENTATION must name a middleware that is installed. Got rmw_n'
    )


def test_a_ros_of_another_python(tmp_path):
    package = tmp_path / 'rclpy'
    package.mkdir()
    (package / '__init__.py').write_text('')
    (package / '_rclpy_pybind11.cpython-35m-x86_64-linux-gnu.so').touch()
    path = os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')])
    done = lnn('record', '--out', tmp_path / 'bag', PYTHONPATH=path)
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert f'the ROS 2 that is sourced ({package}) was built for another Python than this one' in line


@pytest.mark.parametrize('encoding', ['ascii', 'latin-1'])
def test_an_output_without_the_signs_that_are_printed(encoding):
    done = lnn('inspect', 'car_lane', PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b'')
    assert b'?' in done.stdout
    done.stdout.decode(encoding)


def test_a_domain_that_is_none_ends_the_command_before_anything_starts(tmp_path):
    done = lnn('record', '--out', tmp_path / 'bag', ROS_DOMAIN_ID='500', ROS_LOG_DIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.decode() == 'lnn: error: ROS_DOMAIN_ID must be a number from 0 to 232, or unset. Got "500"\n'
