"""Record a demonstration: the topics of the recorder's ``topics`` parameter into a new bag."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch_ros.actions import Node

from lnn_controller.nodes.common.bag_settings import RECORDER_SETTINGS
from lnn_controller.nodes.common.launching import (
    LOG_LEVEL,
    checked,
    declared,
    ends_with,
    environment,
    passed,
    ros_arguments,
    typed,
)


def generate_launch_description():
    arguments = [
        *declared(RECORDER_SETTINGS, required='bag'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=['true', 'false'], description='Follow /clock.'
        ),
        LOG_LEVEL,
    ]
    recorder = Node(
        package='lnn_controller',
        executable='record_node',
        parameters=[{**passed(RECORDER_SETTINGS), 'use_sim_time': typed('use_sim_time', bool)}],
        arguments=ros_arguments('recorder'),
        on_exit=ends_with('the recorder'),
        output='screen',
        emulate_tty=True,
    )
    return LaunchDescription([*checked(__file__, arguments), *environment(), recorder])
