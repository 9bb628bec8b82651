"""Record a demonstration: the topics of the recorder's ``topics`` parameter into a new bag."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch_ros.actions import Node

from lnn_controller.nodes.common.launching import LOG_LEVEL, checked, ends_with, environment, ros_arguments, typed

TYPES = {
    'bag': str,
    'storage': str,
    'topics': list[str],
    'all': bool,
    'exclude': str,
    'compression': str,
    'max_size_mb': float,
    'max_duration_s': float,
    'use_sim_time': bool,
}


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument('bag', description='Folder of the new bag.'),
        DeclareLaunchArgument(
            'topics', default_value="['']", description="['/camera/image', …]; empty: the recorder's own list."
        ),
        DeclareLaunchArgument('all', default_value='false', choices=['true', 'false'], description='Every topic.'),
        DeclareLaunchArgument('exclude', default_value='', description='Regular expression: what is left out.'),
        DeclareLaunchArgument(
            'compression', default_value='none', choices=['none', 'zstd'], description='Of what is written.'
        ),
        DeclareLaunchArgument('max_size_mb', default_value='0.0', description='Another file at this size; 0: one.'),
        DeclareLaunchArgument('max_duration_s', default_value='0.0', description='Another file after this; 0: one.'),
        DeclareLaunchArgument('storage', default_value='mcap', choices=['mcap', 'sqlite3'], description='Format.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=['true', 'false'], description='Follow /clock.'
        ),
        LOG_LEVEL,
    ]
    recorder = Node(
        package='lnn_controller',
        executable='record_node',
        parameters=[{name: typed(name, kind) for name, kind in TYPES.items()}],
        arguments=ros_arguments('recorder'),
        on_exit=ends_with('the recorder'),
        output='screen',
        emulate_tty=True,
    )
    return LaunchDescription([*checked(__file__, arguments), *environment(), recorder])
