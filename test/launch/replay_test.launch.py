"""``launch_test`` of replay.launch.py: the controller drives on a recording, and a report compares the commands."""

import json
import tempfile
import time
import unittest
from pathlib import Path

import launch_testing
import launch_testing.actions
import launch_testing.asserts
import rclpy
from geometry_msgs.msg import TwistStamped
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

DEADLINE_S = 60.0
COMMANDS = 50


def generate_test_description():
    out = Path(tempfile.mkdtemp()) / 'report'
    share = FindPackageShare('lnn_controller')
    arguments = {
        'bag': PathJoinSubstitution([share, 'bags', 'real_car']),
        'policy': 'real_car',
        'image': '/camera/image_raw',
        'compressed': 'true',
        'out': str(out),
    }
    replay = IncludeLaunchDescription(
        PathJoinSubstitution([share, 'launch', 'replay.launch.py']), launch_arguments=arguments.items()
    )
    return LaunchDescription([replay, launch_testing.actions.ReadyToTest()]), {'out': out}


class TestReplay(unittest.TestCase):
    def test_it_drives_by_the_recording(self):
        rclpy.init()
        node = rclpy.create_node('listener')
        speeds = []
        node.create_subscription(TwistStamped, 'cmd_vel', lambda command: speeds.append(command.twist.linear.x), 10)
        deadline_s = time.monotonic() + DEADLINE_S
        while sum(speed > 0.0 for speed in speeds) < COMMANDS:
            self.assertLess(time.monotonic(), deadline_s, f'{len(speeds)} commands came, none or few that drive')
            rclpy.spin_once(node, timeout_sec=0.1)
        node.destroy_node()
        rclpy.shutdown()


@launch_testing.post_shutdown_test()
class TestReport(unittest.TestCase):
    def test_controller_and_evaluator_end_cleanly(self, proc_info):
        for process in ('controller_node', 'evaluate_node'):
            launch_testing.asserts.assertExitCodes(proc_info, process=process)

    def test_the_report_compares_what_was_driven(self, out):
        self.assertTrue((out / 'report.html').is_file())
        summary = json.loads((out / 'summary.json').read_text())
        self.assertEqual(summary['policy'], 'real_car')
        self.assertGreaterEqual(summary['compared'], COMMANDS // 2)
        self.assertLess(summary['channels']['linear_x']['mae'], 1.0)
