"""
What simulating costs: processor time of a robot's world, its pictures, its task and its expert, in every scene.

    python benchmarks/worlds.py [--robot drone] [--seconds 20] [--json]

The expert does the robot's first task; whenever that ends it begins in another place. Times are those of the processor
(all threads), so that they say the same on a busy machine; the real-time factor is what one core of it does.
"""

import argparse
import json
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
from summary import add

from lnn_controller.sim.interface import schedule
from lnn_controller.sim.robots import ROBOTS, find_robot

SEED = 5000


class Stopwatch:
    """Adds up what calls take of the processor."""

    def __init__(self) -> None:
        self.taken_s: dict[str, float] = {}
        self.calls: dict[str, int] = {}

    def run(self, name: str, call: Callable[[], Any]) -> Any:
        """
        Run a call and add up what it takes.

        :param name: what it is
        :param call: what is run
        :returns: what the call returns
        """
        began_s = time.process_time()
        result = call()
        self.taken_s[name] = self.taken_s.get(name, 0.0) + time.process_time() - began_s
        self.calls[name] = self.calls.get(name, 0) + 1
        return result


def measure(robot: str, scene: str, seconds: float) -> dict[str, float]:
    """
    Simulate.

    :param robot: a key of ``ROBOTS``
    :param scene: one of its scenes
    :param seconds: simulated time, s
    :returns: real-time factor; ms a world, a picture, and a simulated second of everything but pictures
    """
    entry, watch = find_robot(robot), Stopwatch()
    entry.world(SEED, scene).close()  # what is compiled once is
    with closing(watch.run('world', lambda: entry.world(SEED, scene))) as world:
        task = next(iter(entry.tasks.values()))(world)
        rng = np.random.default_rng(0)
        task.begin(rng)
        expert = entry.find_expert()(task)
        steps = round(seconds * world.clock.steps_per_second)
        due = schedule(world, steps=steps)
        while (now := watch.run('rest', lambda: next(due, None))) is not None:
            if now.camera:
                watch.run('picture', world.camera)
            if now.imu:
                watch.run('rest', world.imu)
            if now.odometry:
                command = watch.run('rest', expert.command)
                watch.run('rest', world.odometry)
                if watch.run('rest', task.update).outcome:
                    watch.run('beginning', lambda: task.begin(rng))
                    expert = entry.find_expert()(task)
                watch.run('rest', lambda wanted=command: world.apply(wanted))
    ms = {name: 1e3 * taken for name, taken in watch.taken_s.items()}
    return {
        'real_time_factor': seconds / ((ms['rest'] + ms['picture']) / 1e3),
        'world_ms': ms['world'],
        'picture_ms': ms['picture'] / watch.calls['picture'],
        'rest_ms_per_s': ms['rest'] / seconds,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--robot', choices=list(ROBOTS), default='drone')
    parser.add_argument('--seconds', type=float, default=20.0, help='of simulated time in each scene')
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    figures = {scene: measure(args.robot, scene, args.seconds) for scene in find_robot(args.robot).scenes}
    for scene, values in figures.items():
        add(
            f"the {args.robot}'s world, {scene}, one core",
            f'{values["real_time_factor"]:.1f} × real time; a picture {values["picture_ms"]:.1f} ms',
        )
    if args.json:
        print(json.dumps(figures))
        return
    print(f'{"scene":8} {"real-time factor":>17} {"ms a world":>11} {"ms a picture":>13} {"ms a second, rest":>18}')
    for scene, values in figures.items():
        print(
            f'{scene:8} {values["real_time_factor"]:17.1f} {values["world_ms"]:11.1f} {values["picture_ms"]:13.2f} '
            f'{values["rest_ms_per_s"]:18.1f}'
        )


if __name__ == '__main__':
    main()
