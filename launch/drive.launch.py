"""
Drive: the controller, and with ``sim:=true`` a simulated robot; with ``record:=FOLDER`` a bag of it all.

``image``, ``imu`` and ``cmd_vel`` name the robot's own topics, of every node that is started here alike.
"""

import shutil

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, GroupAction, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import LifecycleNode, Node, PushROSNamespace, SetRemap

from lnn_controller.data.topic_names import CLOCK, COMMAND, COMPRESSED_IMAGE, IMAGE, IMU
from lnn_controller.errors import InputError
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


# Parameters that an argument stands for; where it is empty, the parameters file holds.
BY_THE_FILE = {'image_transport': 'image_transport', 'stamped': 'enable_stamped_cmd_vel', 'speed_scale': 'speed_scale'}
COMMON = {'package': 'lnn_controller', 'output': 'screen', 'emulate_tty': True}
TIME = {'use_sim_time': typed('use_sim_time', bool)}


ARGUMENTS = [
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
    DeclareLaunchArgument('image', default_value=IMAGE, description="The camera's topic, without /compressed."),
    DeclareLaunchArgument(
        'image_transport',
        default_value='',
        choices=['', 'raw', 'compressed'],
        description="raw or compressed; empty: as the parameters' file says.",
    ),
    DeclareLaunchArgument('imu', default_value=IMU, description="The IMU's topic."),
    DeclareLaunchArgument('cmd_vel', default_value=COMMAND, description="The base's topic of commands."),
    DeclareLaunchArgument(
        'stamped',
        default_value='',
        choices=['', 'true', 'false'],
        description="Whether commands are TwistStamped, or Twist; empty: as the parameters' file says.",
    ),
    DeclareLaunchArgument(
        'speed_scale',
        default_value='',
        description="Factor on the policy's commands, 0 to 1; empty: as the parameters' file says.",
    ),
    DeclareLaunchArgument('record', default_value='', description='Folder of a new bag; empty: none.'),
    DeclareLaunchArgument(
        'view', default_value='false', choices=['true', 'false'], description='Show it in the browser (lnn view).'
    ),
    DeclareLaunchArgument(
        'task', default_value='', description='What the simulated robot is asked; empty: the first of its tasks.'
    ),
    DeclareLaunchArgument('scene', default_value='summer', description='How the simulated world looks.'),
    DeclareLaunchArgument('scenario', default_value='', description='YAML file of perturbations and when they begin.'),
    DeclareLaunchArgument(
        'seed', default_value='-1', description='Of the simulated world; -1: one that the shipped policy has not seen.'
    ),
    DeclareLaunchArgument('track', default_value='-1', description='The same, by the name that it has for a road.'),
    DeclareLaunchArgument(
        'use_sim_time', default_value=LaunchConfiguration('sim'), description='Follow /clock; as sim:= by default.'
    ),
    LOG_LEVEL,
]


def given(context):
    """Parameters by the arguments that are not empty."""
    texts = {name: LaunchConfiguration(name).perform(context) for name in BY_THE_FILE}
    return {BY_THE_FILE[name]: value_of(name, text) for name, text in texts.items() if text}


def value_of(name, text):
    if name == 'stamped':
        return text == 'true'
    if name != 'speed_scale':
        return text
    try:
        return float(text)
    except ValueError:
        raise InputError(f'speed_scale must be a number from 0 to 1. Got "{text}"') from None


def simulator(parameters):
    stamped = {name: value for name, value in parameters.items() if name == BY_THE_FILE['stamped']}
    return Node(
        executable='sim_node',
        parameters=[
            str(find_share('config/sim.yaml')),
            {name: typed(name, str) for name in ('robot', 'task', 'scene', 'scenario')},
            {name: typed(name, int) for name in ('seed', 'track')} | stamped,
        ],
        condition=IfCondition(LaunchConfiguration('sim')),
        arguments=ros_arguments('sim'),
        on_exit=ends_with('the simulator'),
        **COMMON,
    )


def recorder():
    return Node(
        executable='record_node',
        parameters=[{'bag': typed('record', str)}, TIME],
        condition=IfCondition(PythonExpression(["'", LaunchConfiguration('record'), "' != ''"])),
        arguments=ros_arguments('recorder'),
        **COMMON,
    )


def viewer(context):
    if LaunchConfiguration('view').perform(context) != 'true':
        return []
    lnn = shutil.which('lnn')
    if lnn is None:
        raise InputError('view:=true needs the command lnn on the PATH. Got none: source the workspace')
    namespace = LaunchConfiguration('namespace').perform(context).strip('/')
    node = f'/{namespace}/controller' if namespace else '/controller'
    # The robot drives on where it ends.
    return [ExecuteProcess(cmd=[lnn, 'view', '--node', node], name='view', output='screen', emulate_tty=True)]


def nodes(context):
    parameters = given(context)
    controller = LifecycleNode(
        executable='controller_node',
        name='controller',
        namespace='',
        parameters=[LaunchConfiguration('params_file'), {'policy': typed('policy', str)} | parameters, TIME],
        arguments=ros_arguments('controller'),
        on_exit=ends_with('the controller'),
        **COMMON,
    )
    return [simulator(parameters), controller, *driven(controller), recorder(), *viewer(context)]


def generate_launch_description():
    topics = [
        SetRemap(IMAGE, LaunchConfiguration('image')),
        SetRemap(COMPRESSED_IMAGE, [LaunchConfiguration('image'), '/compressed']),
        SetRemap(IMU, LaunchConfiguration('imu')),
        SetRemap(COMMAND, LaunchConfiguration('cmd_vel')),
        # Each simulated robot has a time of its own, which is not to reach the others.
        SetRemap(CLOCK, CLOCK.removeprefix('/'), condition=IfCondition(LaunchConfiguration('sim'))),
    ]
    namespace = PushROSNamespace(LaunchConfiguration('namespace'))
    robot = GroupAction([namespace, *topics, OpaqueFunction(function=nodes)])
    return LaunchDescription([*checked(__file__, ARGUMENTS), *environment(), robot])
