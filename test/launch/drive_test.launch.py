"""``launch_test`` of drive.launch.py: the simulated car drives, a parameter takes effect at once, all end cleanly."""

import time
import unittest

import launch_testing
import launch_testing.actions
import launch_testing.asserts
import rclpy
from geometry_msgs.msg import TwistStamped
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient

DEADLINE_S = 60.0
COMMANDS = 100


def generate_test_description():
    drive = IncludeLaunchDescription(
        PathJoinSubstitution([FindPackageShare('lnn_controller'), 'launch', 'drive.launch.py']),
        launch_arguments={'scene': 'winter'}.items(),
    )
    return LaunchDescription([drive, launch_testing.actions.ReadyToTest()])


class TestDrive(unittest.TestCase):
    def setUp(self):
        rclpy.init()
        self.node = rclpy.create_node('listener')
        self.commands = []
        self.node.create_subscription(TwistStamped, 'cmd_vel', self.commands.append, 10)

    def tearDown(self):
        self.node.destroy_node()
        rclpy.shutdown()

    def spin_until(self, happened, what):
        deadline_s = time.monotonic() + DEADLINE_S
        while not happened():
            self.assertLess(time.monotonic(), deadline_s, f'waited in vain until {what}')
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def set_speed_scale(self, scale):
        client = AsyncParameterClient(self.node, '/controller')
        self.assertTrue(client.wait_for_services(DEADLINE_S))
        answer = client.set_parameters([Parameter('speed_scale', value=scale)])
        self.spin_until(answer.done, 'the parameter is answered')
        self.assertTrue(answer.result().results[0].successful)

    def moves(self):
        return bool(self.commands) and self.commands[-1].twist.linear.x > 0.5

    def stands(self):
        twist = self.commands[-1].twist
        return twist.linear.x == twist.angular.z == 0.0

    def test_it_drives_and_obeys_a_parameter(self):
        self.spin_until(self.moves, 'it drives')
        first = len(self.commands)
        self.spin_until(lambda: len(self.commands) >= first + COMMANDS, 'commands follow')
        self.assertGreater(sum(command.twist.linear.x > 0.0 for command in self.commands[first:]), COMMANDS / 2)
        self.set_speed_scale(0.0)
        self.spin_until(self.stands, 'it stands')
        self.set_speed_scale(1.0)
        self.spin_until(self.moves, 'it drives again')


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_every_process_ends_cleanly(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
        self.assertEqual(len(proc_info.process_names()), 2)
