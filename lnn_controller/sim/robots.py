"""The robots that can be simulated, by name: a further robot is a folder beside ``car`` and a further entry here."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from numpy.random import Generator

from lnn_controller.errors import check_name
from lnn_controller.sim.car.expert import LaneDriver, disturb
from lnn_controller.sim.car.eyes import DARK, SLOW
from lnn_controller.sim.car.world import CarWorld
from lnn_controller.sim.drone.expert import BlindPilot, Pilot, disturb_flight
from lnn_controller.sim.drone.perturbation import DronePerturbation
from lnn_controller.sim.drone.scenes import SCENES as FLIGHT_SCENES
from lnn_controller.sim.drone.world import DroneWorld
from lnn_controller.sim.interface import Disturbance, Expert, Task, World
from lnn_controller.sim.perturbation import Perturbation
from lnn_controller.sim.render.scenes import SCENES
from lnn_controller.sim.tasks.cue import Cue
from lnn_controller.sim.tasks.fly import Fly, Tight
from lnn_controller.sim.tasks.follow import Follow
from lnn_controller.sim.tasks.fork import Fork, SignedFork
from lnn_controller.sim.tasks.hidden import Hidden
from lnn_controller.sim.tasks.hop import Hop
from lnn_controller.sim.tasks.lane import Lane
from lnn_controller.sim.tasks.stretch import Stretch

__all__ = ['ROBOTS', 'Robot', 'find_robot']


@dataclass(frozen=True)
class Robot:
    """
    What is there to simulate a robot.

    :param world: makes its world from a seed, a scene and, as ``scenery_seed``, the seed of what stands about
        without a part in any task
    :param channels: what it is commanded, as its world says
    :param scenes: how its world may look
    :param tasks: what can be asked of it, by name; each is made from its world
    :param experts: who can do a task without a policy, by name; each is made from the task. ``expert`` demonstrates
    :param disturbance: what disturbs the expert while it demonstrates; made from the task and a source of chance
    :param policy: name of the shipped policy that drives it where none is chosen
    :param seed: of the world of a trial where none is chosen: one that this policy has never seen
    :param perturbation: how it may differ from the nominal one: a frozen dataclass of settings; ``None``: not at all
    :param worlds: what makes the world of a task that takes place in another one, by the task's name; as ``world``
    """

    world: Callable[..., World]
    channels: tuple[str, ...]
    scenes: Collection[str]
    tasks: Mapping[str, Callable[[Any], Task]]
    experts: Mapping[str, Callable[[Any], Expert]]
    disturbance: Callable[[Any, Generator], Disturbance]
    policy: str
    seed: int
    perturbation: type | None = None
    worlds: Mapping[str, Callable[..., World]] = field(default_factory=dict)

    def find_task(self, name: str) -> Callable[[World], Task]:
        """
        Look a task up by its name.

        :param name: a key of ``tasks``
        :returns: what makes it from a world of this robot
        :raises InputError: if there is no such task; the message lists those there are, and who has it
        """
        others = [robot for robot, entry in ROBOTS.items() if name in entry.tasks]
        hint = f'a task of the {others[0]}: choose that robot' if others else ''
        return self.tasks[check_name('a task', name, self.tasks, hint)]

    def find_expert(self, name: str = 'expert') -> Callable[[Task], Expert]:
        """
        Look an expert up by its name.

        :param name: a key of ``experts``
        :returns: what makes it from a task of this robot
        :raises InputError: if there is no such expert; the message lists those there are
        """
        return self.experts[check_name('an expert', name, self.experts)]

    def make(self, task: str, seed: int, scene: str, **options: Any) -> Task:
        """
        Make the world of a task, and the task there; it has not begun.

        :param task: a key of ``tasks``
        :param seed: of the world
        :param scene: one of ``scenes``
        :param options: of the world, as ``render``
        :returns: the task
        :raises InputError: if there is no such task or scene, or OpenGL is missing
        """
        make_task = self.find_task(task)
        return make_task(self.worlds.get(task, self.world)(seed, self.find_scene(scene), **options))

    def begin(self, task: str, seed: int, scene: str, **options: Any) -> Task:
        """
        Make a world, and begin a trial of a task there.

        :param task: a key of ``tasks``
        :param seed: of the world
        :param scene: one of ``scenes``
        :param options: of the world, as ``render``
        :returns: the task
        :raises InputError: if there is no such task or scene, or OpenGL is missing
        """
        asked = self.make(task, seed, scene, **options)
        asked.begin()
        return asked

    def find_scene(self, name: str) -> str:
        """
        Look a scene up by its name.

        :param name: one of ``scenes``
        :returns: the name
        :raises InputError: if there is no such scene; the message lists those there are
        """
        return check_name('a scene', name, self.scenes)


ROBOTS = {
    'car': Robot(
        world=CarWorld,
        channels=CarWorld.channels,
        scenes=SCENES,
        tasks={'lane': Lane, 'sign': Cue, 'cue': Cue, 'dark': Stretch, 'slow': Stretch},
        worlds={
            'sign': partial(CarWorld, road=SignedFork),
            'cue': partial(CarWorld, road=Fork),
            'dark': partial(CarWorld, eyes=DARK),
            'slow': partial(CarWorld, eyes=SLOW),
        },
        experts={'expert': LaneDriver},
        disturbance=disturb,
        policy='car_lane',
        seed=21,
        perturbation=Perturbation,
    ),
    'drone': Robot(
        world=DroneWorld,
        channels=DroneWorld.channels,
        scenes=FLIGHT_SCENES,
        tasks={'fly': Fly, 'tight': Tight, 'hop': Hop, 'follow': Follow, 'hidden': Hidden},
        experts={'expert': Pilot, 'blind': BlindPilot},
        disturbance=disturb_flight,
        policy='drone_forest',
        seed=5013,  # 13 m away, past a trunk
        perturbation=DronePerturbation,
    ),
}


def find_robot(name: str) -> Robot:
    """
    Look a robot up by its name.

    :param name: a key of :data:`ROBOTS`
    :returns: what is there to simulate it
    :raises InputError: if there is no such robot; the message lists those there are
    """
    return ROBOTS[check_name('a robot', name, ROBOTS)]
