"""
What do the car's tasks with worse eyes ask for? Drivers without a network, in worlds without pictures.

    python benchmarks/worse_eyes.py --worlds 3000-3019

All steer by the expert's law (pure pursuit) as long as they see. In the dark of the task ``dark`` one goes *straight*;
one *holds* its last command; one turns as the *gyroscope* says that it turns, which takes no memory; others know the
road so many metres ahead of where it went dark, and drive on by their own commands, beyond it along the same arc. In
the task ``slow`` the law has the pose that the newest picture shows, and that is all; then the same with later
pictures. How many kept the lane for 40 s, and the distance from its centre, rms, cm: of drives that ended early there
is less.
"""

import argparse
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from lnn_controller.cli.arguments import add_seeds_argument
from lnn_controller.metrics.success import wilson_interval
from lnn_controller.sim.car.expert import PurePursuit
from lnn_controller.sim.car.eyes import DARK, GOOD, SLOW, Darkness
from lnn_controller.sim.car.world import CarWorld
from lnn_controller.sim.tasks.stretch import Stretch

AHEAD_M = 2.0, 3.0, 4.0, 6.0
LATE_S = (0.15, 0.2), (0.2, 0.4), (0.3, 0.4)  # how old a picture is when it comes; from one to the next
Drive = tuple[bool, list[float]]


def ticks(task: Stretch, every: int) -> Iterator[int]:
    """
    Let a drive pass, to its end.

    :param task: begun
    :param every: steps of the physics from tick to tick; they divide the odometry's
    :yields: the step of the physics, from 0 on
    """
    step = 0
    while step % task.world.clock.odometry or not task.update().outcome:
        yield step
        task.world.advance(every)
        step += every


def in_the_dark(world: CarWorld, way: str, ahead_m: float = 0.0) -> Drive:
    """
    Drive where bends are dark.

    :param world: any
    :param way: what is done in the dark: ``straight``, ``hold``, ``gyroscope`` or ``ahead``
    :param ahead_m: with ``ahead``: so far the road is known
    :returns: whether the lane was kept; distances from its centre, m
    """
    task, pursuit, clock = Stretch(world), PurePursuit(world.track), world.clock
    dark_now = Darkness(world.track, DARK.dark_s, clock.steps_per_second)
    task.begin()
    dark, errors = False, []
    command, place_m, known_m = (0.0, 0.0), 0.0, 0.0
    for step in ticks(task, 4):
        s_m = world.track.project(*world.pose()[:2])[0]
        if step % clock.camera == 0:
            dark = dark_now(step, s_m)
        if step % clock.odometry:
            continue
        errors.append(task.cross_track_error_m)
        if not dark:
            command = pursuit.command(*world.pose())
            place_m, known_m = s_m, s_m + ahead_m - pursuit.lookahead_m
        elif way == 'straight':
            command = command[0], 0.0
        elif way == 'gyroscope':
            command = command[0], float(world.imu()[0][2])
        elif way == 'ahead':
            offset_m, period_s = world.track.lane_offset_m, clock.odometry / clock.steps_per_second
            bend = float(world.track.curvature_ahead(place_m, 0.1)[0])
            place_m += command[0] * period_s / (1 - bend * offset_m)
            command = pursuit.command(*world.track.at(min(place_m, known_m), offset_m))
        world.apply(command)
    return task.outcome == 'success', errors


def seeing_late(world: CarWorld, late: int, period: int) -> Drive:
    """
    Drive by a camera that sees seldom and late.

    :param world: any
    :param late: how old a picture is when it comes, steps of the physics
    :param period: from picture to picture, steps
    :returns: whether the lane was kept; distances from its centre, m
    """
    task, pursuit = Stretch(world), PurePursuit(world.track)
    task.begin()
    past, errors = deque([(0, world.pose())]), []
    command = 0.0, 0.0
    for step in ticks(task, 6):
        past.append((step, world.pose()))
        while len(past) > 1 and past[1][0] <= step - late:
            past.popleft()
        if step % period == 0:
            command = pursuit.command(*past[0][1])
        if step % world.clock.odometry == 0:
            errors.append(task.cross_track_error_m)
            world.apply(command)
    return task.outcome == 'success', errors


def line(name: str, drives: list[Drive]) -> str:
    """
    Sum up.

    :param name: of the driver
    :param drives: of all worlds
    :returns: a row of a table
    """
    kept, count = sum(good for good, _ in drives), len(drives)
    low, high = wilson_interval(kept, count)
    error_cm = 100 * np.mean([np.sqrt(np.mean(np.square(errors))) for _, errors in drives])
    return f'| {name} | {kept}/{count} [{low:.2f}, {high:.2f}] | {error_cm:.1f} |'


def main() -> None:
    """Drive and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_seeds_argument(parser, '--worlds', dest='worlds', default=[list(range(3000, 3020))], help='seeds of roads')
    seeds = [seed for each in parser.parse_args().worlds for seed in each]
    per_second = CarWorld.clock.steps_per_second
    drivers: dict[str, Callable[[CarWorld], Drive]] = {
        f'dark: {way}': lambda world, way=way: in_the_dark(world, way) for way in ('straight', 'hold', 'gyroscope')
    }
    for ahead_m in AHEAD_M:
        drivers[f'dark: {ahead_m:g} m ahead known'] = lambda world, m=ahead_m: in_the_dark(world, 'ahead', m)
    for late_s, period_s in LATE_S:
        late, period = round(late_s * per_second), round(period_s * per_second)
        name = 'slow' if (late, period) == (SLOW.late, SLOW.period) else 'slower'
        named = f'{name}: {1 / period_s:g} Hz, {1000 * late_s:g} ms late'
        drivers[named] = lambda world, late=late, period=period: seeing_late(world, late, period)
    drives: dict[str, list[Drive]] = {name: [] for name in drivers}
    for seed in seeds:
        with CarWorld(seed, render=False, eyes=GOOD) as world:
            for name, drive in drivers.items():
                drives[name].append(drive(world))
    print('| task, driver | kept the lane | cm |\n| --- | --- | --- |')
    for name, each in drives.items():
        print(line(name, each))


if __name__ == '__main__':
    main()
