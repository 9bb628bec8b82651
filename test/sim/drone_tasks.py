"""Flights without pictures: a pilot does a task of the drone."""

import math

from lnn_controller.sim import ROBOTS, schedule
from lnn_controller.sim.drone.world import DroneWorld

DRONE = ROBOTS['drone']


def begun(task, seed, scene='summer', rng=None):
    asked = DRONE.tasks[task](DroneWorld(seed, scene, render=False))
    asked.begin(rng)
    return asked


def fly(asked, pilot, watch=None):
    """Fly until the task has an outcome, at most for as long as it lasts; the outcome."""
    world = asked.world
    for due in schedule(world, steps=round(asked.time_limit_s * world.clock.steps_per_second)):
        if due.odometry:
            command = pilot.command()
            verdict = asked.update()
            if watch:
                watch(command, verdict)
            if verdict.outcome:
                return verdict.outcome
            world.apply(command)
    return ''


class Steady:
    """Who commands the same all the time."""

    def __init__(self, *command):
        self._command = command

    def command(self):
        return self._command


def face_target(asked, away_m, turned_rad=0.0):
    """Put the drone before its target, on the side of the world's origin, and turn it from it."""
    x, y, z = asked.world.target
    heading = math.atan2(y, x)
    asked.world.set_pose(x - away_m * math.cos(heading), y - away_m * math.sin(heading), z, heading + turned_rad)
