"""``launch_test`` of record.launch.py: what was published until the end is in the bag, once and in order."""

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
from rclpy.duration import Duration
from rosbags.highlevel import AnyReader

DEADLINE_S = 60.0
SPEEDS = [i / 64 for i in range(50)]


def generate_test_description():
    bag = Path(tempfile.mkdtemp()) / 'bag'
    record = IncludeLaunchDescription(
        PathJoinSubstitution([FindPackageShare('lnn_controller'), 'launch', 'record.launch.py']),
        launch_arguments={'bag': str(bag)}.items(),
    )
    return LaunchDescription([record, launch_testing.actions.ReadyToTest()]), {'bag': bag}


class TestRecord(unittest.TestCase):
    def test_commands_reach_the_recorder(self):
        rclpy.init()
        node = rclpy.create_node('driver')
        publisher = node.create_publisher(TwistStamped, 'cmd_vel', len(SPEEDS))
        deadline_s = time.monotonic() + DEADLINE_S
        while not publisher.get_subscription_count():
            self.assertLess(time.monotonic(), deadline_s, 'the recorder never subscribed')
            rclpy.spin_once(node, timeout_sec=0.1)
        for speed in SPEEDS:
            command = TwistStamped()
            command.header.stamp = node.get_clock().now().to_msg()
            command.twist.linear.x = speed
            publisher.publish(command)
        self.assertTrue(publisher.wait_for_all_acked(Duration(seconds=DEADLINE_S)))
        node.destroy_node()
        rclpy.shutdown()


@launch_testing.post_shutdown_test()
class TestBag(unittest.TestCase):
    def test_the_recorder_ends_cleanly(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)

    def test_the_bag_holds_them_all(self, bag):
        with AnyReader([bag]) as reader:
            connections = [each for each in reader.connections if each.topic == '/cmd_vel']
            messages = [reader.deserialize(raw, each.msgtype) for each, _, raw in reader.messages(connections)]
        self.assertEqual([message.twist.linear.x for message in messages], SPEEDS)
