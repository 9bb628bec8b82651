"""The node of micro-ROS in an exported folder, on this computer: rcl is the same, the transport is not."""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from ros_probe import stands, values
from std_msgs.msg import Float32MultiArray

from lnn_controller.export.c import check_files, project_files, read_network, write_files
from lnn_controller.nodes.common.environment import dds_environment
from lnn_controller.policy import Policy, find_policy, read_bundle

INCLUDE, LIBRARIES = Path(sys.prefix) / 'include', Path(sys.prefix) / 'lib'
MESSAGES = ('geometry_msgs', 'std_msgs')
NEEDED = ['rcl', 'rosidl_runtime_c', *(f'{each}__rosidl_generator_c' for each in MESSAGES)]
NEEDED += [f'{each}__rosidl_typesupport_c' for each in MESSAGES]
# What a board would bring: a clock, and an IMU that lies still.
BOARD = """
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <time.h>
int64_t board_time_ns(void);
void board_read_imu(float imu[6]);
int64_t board_time_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return INT64_C(1000000000) * now.tv_sec + now.tv_nsec;
}
void board_read_imu(float imu[6]) {
    for (int i = 0; i < 6; i++) imu[i] = i < 5 ? 0.0f : 9.81f;
}
"""
IMU = np.array([0, 0, 0, 0, 0, 9.81], np.float32)
# The libraries of the wheels lean on what Python has loaded, so Python hosts the node.
HOST = 'import ctypes, sys, rclpy\nsys.exit(ctypes.CDLL(sys.argv[1]).car_lane_run())'


@pytest.fixture
def policy():
    return Policy.load('car_lane', runtime='onnx')


@pytest.fixture
def node(domain_id, tmp_path, policy):
    """The node in a process of its own."""
    if not shutil.which('cc') or not (INCLUDE / 'rcl').is_dir():
        pytest.skip('needs a C compiler, and the headers of rcl beside this Python, as the wheels of ROS 2 bring them')
    network = read_network(read_bundle(find_policy('car_lane')))
    folder = write_files(project_files(network) | check_files(network, policy), tmp_path / 'c')
    (folder / 'board.c').write_text(BOARD)
    sources = [folder / name for name in ('micro_ros.c', 'board.c', 'car_lane_core.c', 'car_lane_step.c')]
    command = [
        'cc',
        '-std=c99',
        '-pedantic',
        '-Wall',
        '-Wextra',
        '-Werror',
        '-O2',
        '-ffp-contract=off',
        '-shared',
        '-fPIC',
    ]
    command += [part for each in INCLUDE.iterdir() if each.is_dir() for part in ('-isystem', each)]
    command += [*sources, '-o', tmp_path / 'node.so', f'-L{LIBRARIES}', f'-Wl,-rpath,{LIBRARIES}']
    subprocess.run([*command, *(f'-l{each}' for each in NEEDED)], check=True)
    environment = dds_environment() | {'ROS_DOMAIN_ID': str(domain_id)}
    with subprocess.Popen([sys.executable, '-c', HOST, tmp_path / 'node.so'], env=environment) as process:
        yield process
        process.kill()


def stamp_s(message):
    return message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec


def test_it_commands_as_the_policy_does_and_stops_without_features(node, probe, policy):
    lowest, highest = ([getattr(out, end) for out in policy.spec.outputs] for end in ('minimum', 'maximum'))
    features = policy.encode(np.random.default_rng(0).integers(0, 256, (53, 200, 3), np.uint8))
    publisher = probe.node.create_publisher(Float32MultiArray, 'features', qos_profile_sensor_data)
    commands = probe.commands()
    probe.until(lambda: len(commands) >= 3, 'it sends commands')
    assert all(map(stands, commands)), 'it moves before there are features'

    probe.feed('features', publisher, 30.0, lambda now_ns: Float32MultiArray(data=features.tolist()))
    probe.until(lambda: sum(not stands(each) for each in commands) >= 20, 'it moves')
    probe.silence('features')
    probe.until(lambda: stands(commands[-1]), 'it stops without features')
    assert node.poll() is None

    hx = policy.initial_state()
    for before, command in itertools.pairwise(commands):
        if stands(command):  # no features in time: it starts anew
            hx = policy.initial_state()
            continue
        dt_s = float(np.clip(stamp_s(command) - stamp_s(before), policy.spec.dt_min_s, policy.spec.dt_max_s))
        step = policy.step(features, IMU, hx, dt_s)
        hx = step.hx
        speed, *_, turn = values(command)
        np.testing.assert_allclose([speed, turn], np.clip(step.command, lowest, highest), atol=1e-5)
