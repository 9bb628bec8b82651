"""Drive: the controller, and with ``sim:=true`` the simulated car; with ``record:=FOLDER`` a bag of it all."""

import os
from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterValue
from lifecycle_msgs.msg import Transition

# Beside this folder, in the source tree as in the installed share/.
CONFIG = Path(__file__).parent.parent / 'config'
PROFILES = 'FASTDDS_DEFAULT_PROFILES_FILE'


def typed(name, kind):
    return ParameterValue(LaunchConfiguration(name), value_type=kind)


def change(node, transition):
    return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition))


def driven(node):
    """The transitions from the start of the process to driving; the drive ends where one of them fails."""

    def on(start, goal, action):
        return RegisterEventHandler(
            # Once: who configures the node by hand later, to look at it, does not set the robot going.
            OnStateTransition(
                target_lifecycle_node=node, start_state=start, goal_state=goal, entities=[action], handle_once=True
            )
        )

    return [
        RegisterEventHandler(
            OnProcessStart(target_action=node, on_start=[change(node, Transition.TRANSITION_CONFIGURE)])
        ),
        on('configuring', 'inactive', change(node, Transition.TRANSITION_ACTIVATE)),
        on('configuring', 'unconfigured', Shutdown(reason='the controller could not be configured')),
        on('activating', 'inactive', Shutdown(reason='the controller could not be activated')),
    ]


def require_parameters(context):
    """launch_ros would go on without a file that is missing, and the robot would drive by the defaults."""
    file = Path(LaunchConfiguration('params_file').perform(context)).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f'params_file must be an existing file. Got {file}')
    return []


def end(_event, context):
    """Without a controller nothing drives. A second shutdown after Ctrl-C's would make launch complain."""
    return [] if context.is_shutdown else [Shutdown(reason='nothing drives any more')]


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument('sim', default_value='true', choices=['true', 'false'], description='Start the car too.'),
        DeclareLaunchArgument('policy', default_value='car_lane', description='Folder or shipped name of a policy.'),
        DeclareLaunchArgument(
            'params_file', default_value=str(CONFIG / 'controller.yaml'), description="The controller's parameters."
        ),
        DeclareLaunchArgument('record', default_value='', description='Folder of a new bag; empty: none.'),
        DeclareLaunchArgument('scene', default_value='summer', description='How the simulated world looks.'),
        DeclareLaunchArgument(
            'scenario', default_value='', description='YAML file: how the car wears; empty: it does not.'
        ),
        DeclareLaunchArgument('track', default_value='21', description='Seed of the simulated road.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value=LaunchConfiguration('sim'), description='Follow /clock; as sim:= by default.'
        ),
        DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn, error or fatal.'),
    ]
    # Large images do not fit Fast DDS' default shared memory segment; who has set a profile keeps it.
    profile = [] if os.environ.get(PROFILES) else [SetEnvironmentVariable(PROFILES, str(CONFIG / 'fastdds.xml'))]
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
        on_exit=end,
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
    return LaunchDescription([*arguments, OpaqueFunction(function=require_parameters), *profile, *nodes])
