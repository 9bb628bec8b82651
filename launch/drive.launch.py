"""Drive: the controller, and with ``sim:=true`` the simulated car; with ``record:=FOLDER`` a bag of it all."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import LifecycleNode, Node, PushROSNamespace, SetRemap
from launch_ros.parameter_descriptions import ParameterValue

from lnn_controller.nodes.common.launching import checked, driven, ends_with, environment

# Beside this folder, in the source tree as in the installed share/.
CONFIG = Path(__file__).parent.parent / 'config'


def typed(name, kind):
    return ParameterValue(LaunchConfiguration(name), value_type=kind)


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument('sim', default_value='true', choices=['true', 'false'], description='Start the car too.'),
        DeclareLaunchArgument('policy', default_value='car_lane', description='Folder or shipped name of a policy.'),
        DeclareLaunchArgument(
            'params_file', default_value=str(CONFIG / 'controller.yaml'), description="The controller's parameters."
        ),
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
        DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn, error or fatal.'),
    ]
    common = {'package': 'lnn_controller', 'output': 'screen', 'emulate_tty': True}

    # The enclave is where SROS2 keeps a node's keys (docs/security.md); without security it is a name and no more.
    def arguments_of(enclave):
        return [
            '--ros-args',
            '--log-level',
            LaunchConfiguration('log_level'),
            '--enclave',
            f'/lnn_controller/{enclave}',
        ]

    time = {'use_sim_time': typed('use_sim_time', bool)}
    recording = IfCondition(PythonExpression(["'", LaunchConfiguration('record'), "' != ''"]))
    controller = LifecycleNode(
        executable='controller_node',
        name='controller',
        namespace='',
        parameters=[LaunchConfiguration('params_file'), {'policy': typed('policy', str)}, time],
        arguments=arguments_of('controller'),
        on_exit=ends_with('the controller'),
        **common,
    )
    nodes = [
        Node(
            executable='sim_node',
            parameters=[
                str(CONFIG / 'sim.yaml'),
                {name: typed(name, kind) for name, kind in (('scene', str), ('scenario', str), ('track', int))},
            ],
            condition=IfCondition(LaunchConfiguration('sim')),
            arguments=arguments_of('sim'),
            **common,
        ),
        controller,
        *driven(controller),
        Node(
            executable='record_node',
            parameters=[{'bag': typed('record', str)}, time],
            condition=recording,
            arguments=arguments_of('recorder'),
            **common,
        ),
    ]
    # Each simulated car has a time of its own, which is not to reach the others.
    clock = SetRemap('/clock', 'clock', condition=IfCondition(LaunchConfiguration('sim')))
    car = GroupAction([PushROSNamespace(LaunchConfiguration('namespace')), clock, *nodes])
    return LaunchDescription([*checked(__file__, arguments), *environment(CONFIG), car])
