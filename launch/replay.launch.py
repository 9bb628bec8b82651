"""
Replay a bag into the controller, live: ``ros2 bag play --clock`` beside controller_node in the bag's time.

Where ``ros2 bag`` is missing, play_node plays it. This shows what the controller does on a real recording; it is not
exact to the tick, ``lnn replay`` is. evaluate_node compares the controller's commands with the bag's all the while, and
writes a report when it ends.
"""

import shutil

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import LifecycleNode, Node

from lnn_controller.data.topic_names import (
    ADAPTATION,
    COMMAND,
    COMPRESSED_IMAGE,
    CONFIGURATION,
    CONTROLLER_NODE,
    DIAGNOSTICS,
    IMAGE,
    IMU,
    NEURONS,
    RECORDED_COMMAND,
    TICKS,
    resolve,
)
from lnn_controller.nodes.common.launching import (
    LOG_LEVEL,
    PARAMS_FILE,
    POLICY,
    checked,
    driven,
    ends_with,
    environment,
    ros_arguments,
    typed,
)


def has_ros2_bag():
    try:
        import ros2bag  # noqa: F401
    except ImportError:
        return False
    return shutil.which('ros2') is not None


# What the bag holds of the controller's own output would mix with its output now.
REMAPPINGS = {
    resolve(COMMAND): '/recorded/other_cmd_vel',  # where the commands to compare with are another topic
    DIAGNOSTICS: f'/recorded{DIAGNOSTICS}',
    **{
        resolve(name, CONTROLLER_NODE): f'/recorded/{name.removeprefix("~/")}'
        for name in (NEURONS, TICKS, CONFIGURATION, ADAPTATION)
    },
}


def play(context):
    bag, rate, command_topic = (LaunchConfiguration(name).perform(context) for name in ('bag', 'rate', 'command'))
    remappings = REMAPPINGS | {f'/{command_topic.lstrip("/")}': resolve(RECORDED_COMMAND)}
    end = ends_with('the player')
    if has_ros2_bag():
        remaps = [f'{old}:={new}' for old, new in remappings.items()]
        command = ['ros2', 'bag', 'play', bag, '--clock', '200', '--rate', rate, '--remap', *remaps]
        return [ExecuteProcess(cmd=command, output='screen', on_exit=end)]
    player = Node(
        package='lnn_controller',
        executable='play_node',
        parameters=[{'bag': bag, 'rate': float(rate), 'clock_hz': 200.0}],
        remappings=list(remappings.items()),
        output='screen',
        emulate_tty=True,
        on_exit=end,
    )
    return [player]


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument('bag', description='The bag to play.'),
        POLICY,
        PARAMS_FILE,
        DeclareLaunchArgument('rate', default_value='1.0', description='How fast: 1.0 is as recorded.'),
        DeclareLaunchArgument('image', default_value=IMAGE, description="The bag's camera topic, without /compressed."),
        DeclareLaunchArgument(
            'compressed', default_value='false', choices=['true', 'false'], description='Its camera is compressed.'
        ),
        DeclareLaunchArgument('command', default_value=COMMAND, description="The bag's topic of commands."),
        DeclareLaunchArgument('out', default_value='evaluation', description='Folder for the report.'),
        DeclareLaunchArgument('imu', default_value=IMU, description="The bag's IMU topic."),
        LOG_LEVEL,
    ]
    controller = LifecycleNode(
        package='lnn_controller',
        executable='controller_node',
        name='controller',
        namespace='',
        parameters=[
            LaunchConfiguration('params_file'),
            {
                'policy': typed('policy', str),
                'use_sim_time': True,
                'image_transport': PythonExpression(
                    ["'compressed' if '", LaunchConfiguration('compressed'), "' == 'true' else 'raw'"]
                ),
            },
        ],
        remappings=[
            (IMAGE, LaunchConfiguration('image')),
            (COMPRESSED_IMAGE, [LaunchConfiguration('image'), '/compressed']),
            (IMU, LaunchConfiguration('imu')),
        ],
        arguments=ros_arguments('controller'),
        on_exit=ends_with('the controller'),
        output='screen',
        emulate_tty=True,
    )
    evaluator = Node(
        package='lnn_controller',
        executable='evaluate_node',
        parameters=[
            {
                'use_sim_time': True,
                'out': typed('out', str),
                'recording': typed('bag', str),
            }
        ],
        output='screen',
        emulate_tty=True,
        sigterm_timeout='60',  # it writes its report then
    )
    # Only when the controller drives is the bag played, so that none of it is missed.
    driving = driven(controller, OpaqueFunction(function=play))
    return LaunchDescription([*checked(__file__, arguments), *environment(), *driving, evaluator, controller])
