"""A third robot, all that one needs: a point mass on a plane that must reach a spot. Its entry is ``ROBOT``."""

from lnn_controller.sim import Robot
from point.spot import Homing, Spot
from point.world import PointWorld

__all__ = ['ROBOT']


def disturb(task, rng):
    return lambda command: command + rng.normal(0.0, 0.3, command.size)


ROBOT = Robot(
    world=PointWorld,
    channels=PointWorld.channels,
    scenes=('day', 'night'),
    tasks={'spot': Spot},
    experts={'expert': Homing},
    disturbance=disturb,
    policy='point_spot',
    seed=5,
)
