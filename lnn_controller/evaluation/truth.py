"""A task under way in its world, whoever does it, and the truth of it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.sim import Scenario, find_robot
from lnn_controller.sim.interface import Odometry, Perturbable, Targeted, Task, Verdict

__all__ = ['Truth', 'begun', 'perturb']


@contextmanager
def begun(robot: str, task: str, scene: str, seed: int, scenario: Scenario | None) -> Iterator[Task]:
    """
    Make a world, and begin a task in it.

    :param robot: a key of :data:`~lnn_controller.sim.robots.ROBOTS`
    :param task: what is asked of it
    :param scene: how the world looks
    :param seed: of the world
    :param scenario: perturbations of the robot, if any
    :returns: the task; its world is closed at the end
    :raises InputError: if robot, task or scene is unknown, the seed is no number ≥ 0, a scenario is given and the robot
        cannot be perturbed, or OpenGL is missing
    """
    entry = find_robot(robot)
    asked = entry.make(task, seed, scene)
    with closing(asked.world) as world:
        if scenario is not None and not isinstance(world, Perturbable):
            raise InputError(f'a scenario must be for a robot that can be perturbed. Got the {robot}')
        perturb(asked, scenario, 0.0)  # what holds from the start holds while the robot is put there
        asked.begin()
        yield asked


def perturb(task: Task, scenario: Scenario | None, at_s: float) -> None:
    """
    Perturb the robot as is due.

    :param task: under way
    :param scenario: of perturbations, if any
    :param at_s: time since the trial began, s
    """
    world = task.world
    if scenario is not None and isinstance(world, Perturbable):
        perturbation = scenario.at(at_s)
        if perturbation != world.perturbation:
            world.perturbation = perturbation


class Truth:
    """
    What was the case at each update of a task.

    :param task: begun
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stamp_ns: list[int] = []
        self._odometry: list[Odometry] = []
        self._targeted = task.world if isinstance(task.world, Targeted) else None
        self._target: list[NDArray[np.float64]] = []
        self._outcome = ''

    def update(self) -> Verdict:
        """
        Note where the robot is, and let the task judge.

        :returns: what the task finds
        """
        world = self._task.world
        self._stamp_ns.append(world.time_ns)
        self._odometry.append(world.odometry())
        if self._targeted is not None:
            self._target.append(self._targeted.target)
        verdict = self._task.update()
        self._outcome = verdict.outcome
        return verdict

    def of_trial(self) -> dict[str, Any]:
        """
        Return what a trial holds of it.

        :returns: ``stamp_ns``, ``pose``, ``twist``, ``target``, ``outcome``, ``figures``
        """
        pose = np.array([each.pose for each in self._odometry])
        return {
            'stamp_ns': np.array(self._stamp_ns, np.int64),
            'pose': pose,
            'twist': np.array([each.twist for each in self._odometry]),
            'target': np.array(self._target) if self._target else None,
            'outcome': self._outcome,
            'figures': self._task.figures(pose),
        }
