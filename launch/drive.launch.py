"""Drive: the controller, and with ``sim:=true`` a simulated robot; with ``record:=FOLDER`` a bag of it all."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import LifecycleNode, Node, PushROSNamespace, SetRemap

from lnn_controller.data.topic_names import CLOCK
from lnn_controller.nodes.common.launching import (
    LOG_LEVEL,
    PARAMS_FILE,
    checked,
    driven,
    ends_with,
    environment,
    ros_arguments,
    typed,
)
from lnn_controller.share import find_share

# Of each robot that can be simulated; the simulator itself is not on every robot's computer.
POLICIES = {'car': 'car_lane', 'drone': 'drone_forest'}


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument(
            'sim', default_value='true', choices=['true', 'false'], description='Start the simulated robot too.'
        ),
        DeclareLaunchArgument('robot', default_value='car', choices=['car', 'drone'], description='Which robot.'),
        DeclareLaunchArgument(
            'policy',
            default_value=PythonExpression([str(POLICIES), "['", LaunchConfiguration('robot'), "']"]),
            description="Folder or shipped name of a policy; by default the robot's.",
        ),
        PARAMS_FILE,
        DeclareLaunchArgument('namespace', default_value='', description="Of everything, e.g. robot1; empty: none's."),
        DeclareLaunchArgument('record', default_value='', description='Folder of a new bag; empty: none.'),
        DeclareLaunchArgument(
            'task', default_value='', description='What the simulated robot is asked; empty: the first of its tasks.'
        ),
        DeclareLaunchArgument('scene', default_value='summer', description='How the simulated world looks.'),
        DeclareLaunchArgument(
            'scenario', default_value='', description='YAML file of perturbations and when they begin.'
        ),
        DeclareLaunchArgument(
            'seed',
            default_value='-1',
            description='Of the simulated world; -1: one that the shipped policy has not seen.',
        ),
        DeclareLaunchArgument('track', default_value='-1', description='The same, by the name that it has for a road.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value=LaunchConfiguration('sim'), description='Follow /clock; as sim:= by default.'
        ),
        LOG_LEVEL,
    ]
    common = {'package': 'lnn_controller', 'output': 'screen', 'emulate_tty': True}
    time = {'use_sim_time': typed('use_sim_time', bool)}
    recording = IfCondition(PythonExpression(["'", LaunchConfiguration('record'), "' != ''"]))
    controller = LifecycleNode(
        executable='controller_node',
        name='controller',
        namespace='',
        parameters=[LaunchConfiguration('params_file'), {'policy': typed('policy', str)}, time],
        arguments=ros_arguments('controller'),
        on_exit=ends_with('the controller'),
        **common,
    )
    nodes = [
        Node(
            executable='sim_node',
            parameters=[
                str(find_share('config/sim.yaml')),
                {name: typed(name, str) for name in ('robot', 'task', 'scene', 'scenario')},
                {name: typed(name, int) for name in ('seed', 'track')},
            ],
            condition=IfCondition(LaunchConfiguration('sim')),
            arguments=ros_arguments('sim'),
            **common,
        ),
        controller,
        *driven(controller),
        Node(
            executable='record_node',
            parameters=[{'bag': typed('record', str)}, time],
            condition=recording,
            arguments=ros_arguments('recorder'),
            **common,
        ),
    ]
    # Each simulated robot has a time of its own, which is not to reach the others.
    clock = SetRemap(CLOCK, CLOCK.removeprefix('/'), condition=IfCondition(LaunchConfiguration('sim')))
    robot = GroupAction([PushROSNamespace(LaunchConfiguration('namespace')), clock, *nodes])
    return LaunchDescription([*checked(__file__, arguments), *environment(), robot])
