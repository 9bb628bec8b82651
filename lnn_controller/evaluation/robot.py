"""Which robot a policy is for, and whether it can drive one."""

from lnn_controller.errors import InputError
from lnn_controller.policy import PolicySpec, find_policy, read_spec
from lnn_controller.sim import find_robot

__all__ = ['check_channels', 'choose_robot']


def choose_robot(robot: str, policy: str) -> str:
    """
    Choose who drives where this may be left open.

    :param robot: its name; empty: the robot that the policy was trained on, or else the car
    :param policy: folder of a bundle, or a shipped policy's name; empty: none
    :returns: the robot's name
    :raises InputError: if the policy is looked at, and there is no such policy
    """
    return robot or (policy and read_spec(find_policy(policy)).robot) or 'car'


def check_channels(spec: PolicySpec, robot: str) -> None:
    """
    Make sure that a policy commands what a robot takes.

    :param spec: of the policy
    :param robot: a key of :data:`~lnn_controller.sim.robots.ROBOTS`
    :raises InputError: if it commands anything else, or there is no such robot
    """
    channels = find_robot(robot).channels
    if sorted(spec.channels) != sorted(channels):
        origin = f': {spec.name} was trained on the {spec.robot}' if spec.robot else ''
        raise InputError(
            f'the {robot} takes {", ".join(channels)}. Got a policy that gives {", ".join(spec.channels)}{origin}'
        )
