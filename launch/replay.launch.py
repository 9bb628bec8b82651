"""
Replay a bag into the controller, live: ``ros2 bag play --clock`` beside controller_node in the bag's time.

To see what the controller does on a real recording. The replay is not exact to the tick; ``lnn replay`` is.
"""

import os
import shutil
from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, SetEnvironmentVariable, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

CONFIG = Path(__file__).parent.parent / 'config'
PROFILES = 'FASTDDS_DEFAULT_PROFILES_FILE'


def has_ros2_bag():
    try:
        import ros2bag  # noqa: F401
    except ImportError:
        return False
    return shutil.which('ros2') is not None


def play(context):
    if not has_ros2_bag():
        raise RuntimeError(
            '"ros2 bag" is needed to play a bag live. Got an environment without it: install ros-$ROS_DISTRO-rosbag2, '
            'or use "lnn replay BAG", which needs no rosbag2'
        )
    # What the bag holds of the controller's own output would mix with what the controller says now.
    remaps = ['cmd_vel:=recorded/cmd_vel', '/diagnostics:=recorded/diagnostics']
    remaps += ['controller/neurons:=recorded/neurons']
    bag = LaunchConfiguration('bag').perform(context)
    rate = LaunchConfiguration('rate').perform(context)
    command = ['ros2', 'bag', 'play', bag, '--clock', '200', '--rate', rate, '--remap', *remaps]
    return [ExecuteProcess(cmd=command, output='screen', on_exit=Shutdown(reason='the bag has been played'))]


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument('bag', description='The bag to play.'),
        DeclareLaunchArgument('policy', default_value='car_lane', description='Folder or shipped name of a policy.'),
        DeclareLaunchArgument(
            'params_file', default_value=str(CONFIG / 'controller.yaml'), description="The controller's parameters."
        ),
        DeclareLaunchArgument('rate', default_value='1.0', description='How fast: 1.0 is as recorded.'),
        DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn, error or fatal.'),
    ]
    profile = [] if os.environ.get(PROFILES) else [SetEnvironmentVariable(PROFILES, str(CONFIG / 'fastdds.xml'))]
    controller = Node(
        package='lnn_controller',
        executable='controller_node',
        parameters=[
            LaunchConfiguration('params_file'),
            {
                'policy': ParameterValue(LaunchConfiguration('policy'), value_type=str),
                'use_sim_time': True,
                'autostart': True,
            },
        ],
        arguments=[
            '--ros-args',
            '--log-level',
            LaunchConfiguration('log_level'),
            '--enclave',
            '/lnn_controller/controller',
        ],
        output='screen',
        emulate_tty=True,
    )
    return LaunchDescription([*arguments, *profile, OpaqueFunction(function=play), controller])
