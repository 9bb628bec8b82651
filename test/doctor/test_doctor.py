"""``lnn doctor`` in shells and Pythons that are damaged for real: a line for what is missing, the others unharmed."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lnn_controller.doctor.children import run_probes
from lnn_controller.doctor.findings import hears_multicast, judge_compiler, judge_computer, judge_shared_memory
from lnn_controller.libraries import LIBRARIES

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / 'config' / 'fastdds.xml'
MIB = 2**20
DEADLINE_S = 120


@pytest.fixture
def doctor(domain_id):
    """Run it with these variables; gives its exit status and its lines by subject, each with its mark."""

    def run(**variables):
        done = subprocess.run(
            [sys.executable, '-m', 'lnn_controller.cli', 'doctor'],
            env=os.environ | {'ROS_DOMAIN_ID': str(domain_id), 'PYTHONIOENCODING': 'utf-8'} | variables,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        assert done.stderr == ''
        *lines, last = done.stdout.splitlines()
        assert last == ('No robot can be driven here: see ✗.' if done.returncode else 'A robot can be driven here.')
        return done.returncode, {line[2:].partition(':')[0]: f'{line[0]} {line.partition(": ")[2]}' for line in lines}

    return run


def python_path(folder):
    return os.pathsep.join([str(folder), os.environ.get('PYTHONPATH', '')])


def without(folder, libraries):
    """A Python, this and those that it starts, that has not these libraries."""
    (folder / 'sitecustomize.py').write_text(f'import sys\nsys.modules.update(dict.fromkeys({libraries!r}))\n')
    return python_path(folder)


def test_a_machine_that_can_drive(doctor, domain_id):
    status, lines = doctor()
    assert status == 0
    assert lines['node'] == f'✓ starts with rmw_fastrtps_cpp in domain {domain_id}'
    assert lines['policy'] == '✓ car_lane runs'
    assert lines['ROS 2 libraries'].startswith('✓ rclpy ')
    assert lines['simulated camera'].startswith('✓ renders with ')
    assert f'each process takes 12 MiB by {PROFILE}' in lines['shared memory']
    assert {'package', 'real time', 'multicast on loopback', 'C compiler', 'computer'} <= lines.keys()
    assert f'ROS_DOMAIN_ID={domain_id}' in lines['environment']


def test_what_a_robot_drives_without(doctor, tmp_path):
    profile = tmp_path / 'small.xml'
    profile.write_text(PROFILE.read_text().replace('12582912', '65536'))
    status, lines = doctor(PYOPENGL_PLATFORM='nowhere', FASTDDS_DEFAULT_PROFILES_FILE=str(profile))
    assert status == 0
    assert lines['simulated camera'].startswith('! No off-screen OpenGL works here (egl: ')
    assert lines['simulated camera'].endswith('Install it: sudo apt-get install -y libegl1 libgl1')
    assert lines['shared memory'].startswith('! ')
    assert lines['shared memory'].endswith(
        f'takes 0.0625 MiB by {profile}, and a raw 640×480 image takes 0.88 MiB: unset FASTDDS_DEFAULT_PROFILES_FILE'
    )
    assert lines['node'].startswith('✓')


NAMESPACE = ['unshare', '--map-root-user', '--net', '--mount', 'bash', '-euc']


def namespaces():
    """Whether a user may have a network and mounts of their own here."""
    try:
        return subprocess.run([*NAMESPACE, 'ip link show lo'], capture_output=True, timeout=DEADLINE_S).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not namespaces(), reason='needs unshare, ip and the right to namespaces')
def test_a_container_with_little_and_the_lines_that_bring_more(domain_id):
    """No multicast, 40 MiB of shared memory, no right to real time; then what was told is done."""
    doctor = f'{sys.executable} -m lnn_controller.cli doctor'
    done = subprocess.run(
        [
            *NAMESPACE,
            f"""mount -t tmpfs -o size=40m tmpfs /dev/shm
            page=$({doctor}); echo "$page"
            sed -nE 's/.*: sudo ((ip|mount) [^(]*).*/\\1/p' <<<"$page" >/dev/shm/remedies; . /dev/shm/remedies
            {doctor}""",
        ],
        env=os.environ | {'ROS_DOMAIN_ID': str(domain_id), 'PYTHONIOENCODING': 'utf-8'},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stderr) == (0, '')
    subjects = ('shared memory', 'multicast on loopback', 'real time')
    marks = [line[0] for subject in subjects for line in done.stdout.splitlines() if line[2:].startswith(subject)]
    assert marks == ['!', '✓', '!', '✓', '!', '!']  # for real time one has to log in anew


@pytest.mark.parametrize(
    ('variables', 'told'),
    [
        (
            {'RMW_IMPLEMENTATION': 'rmw_nobody_has_cpp', 'AMENT_PREFIX_PATH': ''},
            'RMW_IMPLEMENTATION must name a middleware that is installed. Got rmw_nobody_has_cpp: install it for this',
        ),
        ({'ROS_DOMAIN_ID': '500'}, 'ROS_DOMAIN_ID must be a number from 0 to 232, or unset. Got "500"'),
        ({'ROS_LOG_DIR': '/proc/none'}, 'the logs of ROS go to /proc/none, which cannot be written'),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else '',
)
def test_a_shell_in_which_no_node_starts(doctor, variables, told):
    status, lines = doctor(**variables)
    assert status == 1
    assert lines['node'].startswith(f'✗ {told}')
    assert lines['policy'].startswith('✓')
    assert lines['simulated camera'].startswith('✓')


def test_a_python_without_ros(doctor, tmp_path):
    status, lines = doctor(PYTHONPATH=without(tmp_path, LIBRARIES['ros']))
    assert status == 1
    assert lines['ROS 2 libraries'].startswith('✗ needs what is not installed (rclpy, nav_msgs, ')
    assert lines['ROS 2 libraries'].endswith("pip install '.[ros]'")
    assert 'node' not in lines
    assert lines['policy'].startswith('✓')


def test_a_python_that_has_nothing(doctor, tmp_path):
    libraries = tuple(library for part in LIBRARIES.values() for library in part)
    status, lines = doctor(PYTHONPATH=without(tmp_path, libraries))
    assert status == 1
    marks = {subject: line[0] for subject, line in lines.items() if subject.endswith('libraries')}
    assert marks == {
        'driving libraries': '✗',
        'ROS 2 libraries': '✗',
        'simulator libraries': '!',
        'training libraries': '!',
    }


def test_a_library_that_crashes(doctor, tmp_path):
    (tmp_path / 'onnxruntime.py').write_text('import os\nos.abort()\n')
    status, lines = doctor(PYTHONPATH=python_path(tmp_path))
    assert status == 1
    assert lines['policy'] == '✗ the process crashed (SIGABRT)'
    assert {'node', 'simulated camera', 'computer'} <= lines.keys()


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_library_that_hangs_is_ended_with_what_it_started(monkeypatch, tmp_path):
    held = tmp_path / 'held'
    (tmp_path / 'onnxruntime.py').write_text(
        'import fcntl, subprocess, sys\n'
        f'file = open({str(held)!r}, "w")\n'
        'fcntl.flock(file, fcntl.LOCK_EX)\n'
        'for_ever = [sys.executable, "-c", "import signal; signal.pause()"]\n'
        'subprocess.run(for_ever, pass_fds=[file.fileno()])\n'
    )
    monkeypatch.setenv('PYTHONPATH', python_path(tmp_path))
    assert run_probes(['policy'], 10.0) == {'policy': 'no answer within 10 s'}
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # free when both have ended


@pytest.mark.parametrize(
    ('free', 'segment', 'told'),
    [
        (64 * MIB, 12 * MIB, ''),
        (
            47 * MIB,
            12 * MIB,
            'and 4 processes 48 MiB: sudo mount -o remount,size=96m /dev/shm (in Docker: docker run --shm-size=96m)',
        ),
        (0, 12 * MIB, 'docker run --shm-size=96m)'),
        (64 * MIB, MIB // 2, 'and a raw 640×480 image takes 0.88 MiB: unset FASTDDS_DEFAULT_PROFILES_FILE'),
    ],
)
def test_shared_memory(free, segment, told):
    finding = judge_shared_memory(free, segment, 'fastdds.xml')
    assert finding.ok is not bool(told)
    assert finding.text.endswith(told or 'each process takes 12 MiB by fastdds.xml')


@pytest.mark.parametrize(
    ('cores', 'free', 'told'),
    [(2, 2 * 10**9, ()), (1, 10**12, ('wants 2 cores',)), (1, 10**9, ('wants 2 cores', 'raw images takes 2 GB'))],
)
def test_the_computer(cores, free, told):
    finding = judge_computer(cores, free)
    assert finding.ok is not bool(told)
    assert all(each in finding.text for each in told)


def test_multicast_by_an_interface_that_is_not_there():
    assert not hears_multicast('192.0.2.1')


def test_without_a_c_compiler_a_policy_runs_in_onnx_runtime():
    found, missing = judge_compiler(['/usr/bin/cc', '-m64']), judge_compiler(None)
    assert found.ok
    assert found.text == '/usr/bin/cc -m64: lnn compile POLICY makes a policy run in C (runtime native)'
    assert not missing.ok
    assert not missing.essential
    assert 'policies run in ONNX Runtime' in missing.text
    assert 'apt install gcc' in missing.text
