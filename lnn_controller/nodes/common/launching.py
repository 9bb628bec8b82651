"""What the launch files have in common: arguments that are checked before anything starts, and the way to driving."""

import os
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterValue
from lifecycle_msgs.msg import Transition

from lnn_controller.errors import InputError, did_you_mean
from lnn_controller.nodes.common.environment import dds_profile
from lnn_controller.nodes.common.process import PARENT_VARIABLE
from lnn_controller.settings import Setting
from lnn_controller.share import find_share

__all__ = [
    'LOG_LEVEL',
    'PARAMS_FILE',
    'POLICY',
    'checked',
    'declared',
    'driven',
    'ends_with',
    'environment',
    'passed',
    'ros_arguments',
    'typed',
]

FILES = 'params_file'
# Arguments of several launch files.
LOG_LEVEL = DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn, error or fatal.')
PARAMS_FILE = DeclareLaunchArgument(
    'params_file', default_value=str(find_share('config/controller.yaml')), description="The controller's parameters."
)
POLICY = DeclareLaunchArgument('policy', default_value='car_lane', description='Folder or shipped name of a policy.')


def typed(name: str, kind: Any) -> ParameterValue:
    """
    Pass a launch argument on as a parameter of a node.

    :param name: of the argument
    :param kind: the parameter's type, such as ``bool`` or ``list[str]``
    :returns: the parameter's value
    """
    return ParameterValue(LaunchConfiguration(name), value_type=kind)


def declared(table: Sequence[Setting], *, required: str) -> list[DeclareLaunchArgument]:
    """
    Make launch arguments of a node's parameters.

    :param table: the parameters
    :param required: the one that must be given, whatever its default
    :returns: an argument for each
    """

    def argument(each: Setting) -> DeclareLaunchArgument:
        if each.name == required:
            return DeclareLaunchArgument(each.name, description=each.help)
        truth = isinstance(each.default, bool)
        default = str(each.default).lower() if truth else str(each.default)
        choices = ['true', 'false'] if truth else list(each.choices) or None
        return DeclareLaunchArgument(each.name, default_value=default, choices=choices, description=each.help)

    return [argument(each) for each in table]


def passed(table: Sequence[Setting]) -> dict[str, ParameterValue]:
    """
    Pass the launch arguments of :func:`declared` on to their node.

    :param table: the parameters
    :returns: the parameters' values by name
    """
    return {
        each.name: typed(each.name, list[str] if isinstance(each.default, list) else type(each.default))
        for each in table
    }


def ros_arguments(enclave: str) -> list[Any]:
    """
    Write the ROS arguments of a node's command line.

    :param enclave: where SROS2 keeps the node's keys (docs/security.md); without security it is a name and no more
    :returns: log level and enclave
    """
    return ['--ros-args', '--log-level', LaunchConfiguration('log_level'), '--enclave', f'/lnn_controller/{enclave}']


def checked(file: str, arguments: Sequence[DeclareLaunchArgument]) -> list[Action]:
    """
    Declare a launch file's arguments, and refuse what nobody would take before anything starts.

    ``ros2 launch`` itself ignores an argument that is misspelt, and launch_ros goes on without a parameters
    file that is missing: the robot would drive by the defaults.

    :param file: the launch file
    :param arguments: all that it takes; ``params_file`` must be a file, in which ``~`` stands for the home folder
    :returns: actions, to come before all others
    """
    names = [argument.name for argument in arguments]

    def check(context: LaunchContext) -> list[Action]:
        # Where another launch file includes this one, the arguments are that one's.
        if any(Path(word).name == Path(file).name for word in sys.argv):
            _refuse_unknown(names, [word.partition(':=')[0] for word in context.argv if ':=' in word])
        if FILES not in names:
            return []
        given = LaunchConfiguration(FILES).perform(context)
        return [SetLaunchConfiguration(FILES, str(_file(given)))]

    return [*arguments, OpaqueFunction(function=check)]


def _refuse_unknown(known: Sequence[str], given: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            meant = did_you_mean(name, known) or f'those are {", ".join(known)}'
            raise InputError(f'an argument must be one of this launch file. Got "{name}": {meant}')


def _file(given: str) -> Path:
    try:
        path = Path(given).expanduser()
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError, RuntimeError):  # none there, none that can be, a user who is not there
        regular = False
    if not regular:
        raise InputError(f'{FILES} must be an existing file. Got "{given}"')
    return path.absolute()


def driven(node: LifecycleNode, *then: Action) -> list[Action]:
    """
    Lead a lifecycle node from the start of its process to driving; the launch ends where one of the steps fails.

    :param node: the node
    :param then: what follows when it drives
    :returns: actions
    """

    def change(transition: int) -> Action:
        return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition))

    def on(start: str, goal: str, *actions: Action) -> Action:
        # Once: who configures the node by hand later, to look at it, does not set the robot going.
        handler: Any = OnStateTransition(
            target_lifecycle_node=node, start_state=start, goal_state=goal, entities=list(actions), handle_once=True
        )
        return RegisterEventHandler(handler)

    return [
        RegisterEventHandler(OnProcessStart(target_action=node, on_start=[change(Transition.TRANSITION_CONFIGURE)])),
        on('configuring', 'inactive', change(Transition.TRANSITION_ACTIVATE)),
        *([on('activating', 'active', *then)] if then else []),
        on('configuring', 'unconfigured', _failure('the controller could not be configured')),
        on('activating', 'inactive', _failure('the controller could not be activated')),
    ]


def _failure(reason: str) -> Action:
    """End the launch with an exit code of 1; a ``Shutdown`` ends it with 0."""

    def fail(context: LaunchContext) -> None:
        raise InputError(reason)

    return OpaqueFunction(function=fail)


def ends_with(what: str) -> Callable[[Any, LaunchContext], list[Action]]:
    """
    End the launch with a process, and with an exit code of 1 where that one fails.

    :param what: the process, in words: ``the controller``
    :returns: for its ``on_exit``
    """

    def end(event: Any, context: LaunchContext) -> list[Action]:
        if context.is_shutdown:  # a second shutdown, after Ctrl-C's, would make launch complain
            return []
        return [_failure(f'{what} failed') if event.returncode else Shutdown(reason=f'{what} has ended')]

    return end


def environment() -> list[Action]:
    """
    Set what our nodes need in their environment.

    They end with this process, however it ends: on SIGTERM ``ros2 launch`` would leave them, and the robot would drive
    on. And large images do not fit Fast DDS' default segment of shared memory; who has set a profile keeps it.

    :returns: actions, to come before the nodes
    """
    variables = {PARENT_VARIABLE: str(os.getpid())} | dds_profile()
    return [SetEnvironmentVariable(name, value) for name, value in variables.items()]
