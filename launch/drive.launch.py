"""Drive: the controller, and with ``sim:=true`` the simulated car; with ``record:=FOLDER`` a bag of it all."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import LifecycleNode, Node, PushROSNamespace, SetRemap

from lnn_controller.data.topic_names import CLOCK
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
from lnn_controller.share import find_share


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument('sim', default_value='true', choices=['true', 'false'], description='Start the car too.'),
        POLICY,
        PARAMS_FILE,
        DeclareLaunchArgument('namespace', default_value='', description="Of everything, e.g. robot1; empty: none's."),
        DeclareLaunchArgument('record', default_value='', description='Folder of a new bag; empty: none.'),
        DeclareLaunchArgument('scene', default_value='summer', description='How the simulated world looks.'),
        DeclareLaunchArgument(
            'scenario', default_value='', description='YAML file of perturbations and when they begin.'
        ),
        DeclareLaunchArgument('track', default_value='21', description='Seed of the simulated road.'),
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
                {name: typed(name, kind) for name, kind in (('scene', str), ('scenario', str), ('track', int))},
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
    # Each simulated car has a time of its own, which is not to reach the others.
    clock = SetRemap(CLOCK, CLOCK.removeprefix('/'), condition=IfCondition(LaunchConfiguration('sim')))
    car = GroupAction([PushROSNamespace(LaunchConfiguration('namespace')), clock, *nodes])
    return LaunchDescription([*checked(__file__, arguments), *environment(), car])
