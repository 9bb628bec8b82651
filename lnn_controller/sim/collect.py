"""Demonstrations: the expert drives, is disturbed and recovers; what it saw and would have done goes into bags."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.messages.build import image_message, imu_message, odometry_message, twist_stamped_message
from lnn_controller.errors import InputError
from lnn_controller.parallel import in_processes
from lnn_controller.sim.interface import Disturbance, Expert, Task, check_seed, schedule
from lnn_controller.sim.robots import find_robot

__all__ = ['TOPICS', 'collect', 'record_episode']

TOPICS = {
    '/image_raw': 'sensor_msgs/msg/Image',
    '/imu/data': 'sensor_msgs/msg/Imu',
    '/cmd_vel': 'geometry_msgs/msg/TwistStamped',
    '/odom': 'nav_msgs/msg/Odometry',
}
EPISODE_S = 30.0
SHORTEST_S = 4.2  # an episode with less cannot be trained on: 4 s from the first frame to the last


def record_episode(
    task: Task,
    expert: Expert,
    disturbance: Disturbance,
    path: Path,
    *,
    seconds: float,
    custom_data: Mapping[str, str] | None = None,
) -> float:
    """
    Record one demonstration from where the task has begun, until the time is up or the task has an outcome.

    The bag holds what a robot's bag would: ``/image_raw``, ``/imu/data``, ``/odom`` (ground truth) and, as often as
    it, ``/cmd_vel``: the expert's command for that moment, without the disturbance that is driven.

    :param task: begun
    :param expert: who demonstrates
    :param disturbance: what is driven instead of the expert's command
    :param path: of the bag
    :param seconds: of simulated time
    :param custom_data: what the bag's metadata says of it
    :returns: simulated time recorded, s
    :raises InputError: if the bag cannot be written
    """
    world = task.world
    steps_per_second = world.clock.steps_per_second
    with BagWriter(path, custom_data=custom_data) as bag:
        for topic, msgtype in TOPICS.items():
            bag.add_topic(topic, msgtype)
        for due in schedule(world, steps=round(seconds * steps_per_second)):
            stamp = world.time_ns
            if due.imu:
                gyro, accel = world.imu()
                bag.write('/imu/data', stamp, imu_message(stamp, gyro, accel))
            if due.camera:
                bag.write('/image_raw', stamp, image_message(stamp, world.camera()))
            if due.odometry:
                command = expert.command()
                linear, angular = _twist(world.channels, command)
                bag.write('/cmd_vel', stamp, twist_stamped_message(stamp, linear=linear, angular=angular))
                pose, twist = world.odometry()
                odometry = odometry_message(
                    stamp, position=pose[:3], orientation=pose[3:], linear=twist[:3], angular=twist[3:]
                )
                bag.write('/odom', stamp, odometry)
                if task.update().outcome:
                    return due.step / steps_per_second
                world.apply(disturbance(command))
    return seconds


def _twist(channels: Sequence[str], command: Any) -> tuple[list[float], list[float]]:
    """Linear and angular velocity, x, y and z each; zero where there is no such channel."""
    values = dict(zip(channels, command, strict=True))
    linear, angular = ([float(values.get(f'{kind}_{axis}', 0.0)) for axis in 'xyz'] for kind in ('linear', 'angular'))
    return linear, angular


def collect(
    out_dir: str | Path,
    *,
    seeds: Sequence[int],
    robot: str = 'car',
    tasks: Sequence[str] = ('lane',),
    scene: str = 'summer',
    seconds: float = 60.0,
    seed: int = 0,
    disturbed: bool = True,
    jobs: int = 1,
    progress: bool = True,
) -> list[Path]:
    """
    Record demonstrations in several worlds, one MCAP bag per episode, which tells robot, task, scene and seed.

    :param out_dir: folder for the bags, made if missing; each is named task_scene_seed_episode, without the task
        where it is the lane
    :param seeds: of the worlds: for a car the roads
    :param robot: a key of :data:`~lnn_controller.sim.robots.ROBOTS`
    :param tasks: what is demonstrated, each in each world
    :param scene: how the world looks
    :param seconds: simulated time of each task in each world, at least 4.2 s, in episodes of up to 30 s; one under
        4.2 s, too short to be trained on, is left out
    :param seed: of starts, disturbances and scenery
    :param disturbed: whether the expert is led astray, so that it demonstrates how to come back
    :param jobs: processes, each with a task in a world at a time; the bags are the same whatever their number
    :param progress: whether to show a progress bar
    :returns: the bags, world by world and task by task
    :raises InputError: if robot, task or scene is unknown, a number is out of range, OpenGL is missing, or a bag of
        that name exists or cannot be written
    """
    entry = find_robot(robot)
    entry.find_expert()
    entry.find_scene(scene)
    for task in tasks:
        entry.find_task(task)
    if len(set(tasks)) < len(tasks):
        raise InputError(f'collecting must name each task once. Got {", ".join(tasks)}')
    seeds = _worlds(seeds, seconds)
    plan = [
        _Recording(robot, task, scene, each, seed, disturbed, seconds, _stem(Path(out_dir), task, scene, each))
        for each in seeds
        for task in tasks
    ]
    taken = [path for each in plan for path in each.bags()]
    if taken:
        raise InputError(f'{taken[0]} exists already and is not overwritten: choose another folder or remove it')
    bags: list[Path] = []
    bar = tqdm(total=round(seconds * len(plan), 3), unit='s', desc=f'collect ({scene})', disable=not progress)
    with bar:
        try:
            for made in in_processes(_record, plan, jobs=jobs):
                bags += made
                bar.update(seconds)
        except BaseException:
            for each in plan:
                each.remove_halves()
            raise
    return bags


@dataclass(frozen=True)
class _Recording:
    """A task in a world, as :func:`collect` takes it, and what its bags' names begin with."""

    robot: str
    task: str
    scene: str
    world: int
    seed: int
    disturbed: bool
    seconds: float
    stem: Path

    def bags(self) -> list[Path]:
        return sorted(self.stem.parent.glob(f'{self.stem.name}_*'))

    def remove_halves(self) -> None:
        """Remove what a process that was ended has left open."""
        for bag in self.bags():
            if not (bag / 'metadata.yaml').exists():
                shutil.rmtree(bag)


def _record(asked: _Recording) -> list[Path]:
    """Record a task in a world, in bags of an episode each."""
    entry, bags = find_robot(asked.robot), list[Path]()
    task = entry.make(asked.task, asked.world, asked.scene, scenery_seed=asked.seed)
    said = {'robot': asked.robot, 'task': asked.task, 'scene': asked.scene, 'seed': str(asked.world)}
    # Of one source two tasks would begin with the same flight, and a recording may be learnt once.
    rng = np.random.default_rng([asked.seed, asked.world, 2, list(entry.tasks).index(asked.task)])
    disturb = entry.disturbance if asked.disturbed else _not_disturbed
    with closing(task.world):
        for path, recorded in _episodes(task, entry.find_expert(), disturb, rng, asked.stem, asked.seconds, said):
            if recorded < SHORTEST_S:
                shutil.rmtree(path)
            else:
                bags.append(path)
    return bags


def _episodes(
    task: Task,
    make_expert: Callable[[Any], Expert],
    disturb: Callable[[Any, np.random.Generator], Disturbance],
    rng: np.random.Generator,
    stem: Path,
    seconds: float,
    custom_data: Mapping[str, str],
) -> Iterator[tuple[Path, float]]:
    """Record a task anew from its beginning until the time is used up; yield each bag and how long it is, s."""
    left, episode = seconds, 0
    while left >= SHORTEST_S:
        path = stem.with_name(f'{stem.name}_{episode:02d}')
        task.begin(rng)
        expert, disturbance = make_expert(task), disturb(task, rng)
        length = min(left, EPISODE_S)
        recorded = record_episode(task, expert, disturbance, path, seconds=length, custom_data=custom_data)
        yield path, recorded
        left, episode = left - recorded, episode + 1


def _not_disturbed(_task: Task, _rng: np.random.Generator) -> Disturbance:
    return lambda command: command


def _worlds(seeds: Sequence[int], seconds: float) -> list[int]:
    if len(seeds) == 0:
        raise InputError('collecting must have at least one seed of a world. Got none')
    if not SHORTEST_S <= seconds < float('inf'):
        raise InputError(f'collecting must last at least {SHORTEST_S:g} s in each world. Got {seconds:g}')
    seeds = [check_seed(each, 'a world') for each in seeds]
    if len(set(seeds)) < len(seeds):
        raise InputError(f'collecting must go to each world once. Got the seeds {seeds}')
    return seeds


def _stem(folder: Path, task: str, scene: str, seed: int) -> Path:
    return folder / f'{"" if task == "lane" else f"{task}_"}{scene}_{seed:03d}'
