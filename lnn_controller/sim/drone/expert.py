"""The pilot that demonstrations are taken from, and what disturbs it meanwhile."""

import math

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.interface import Disturbance
from lnn_controller.sim.tasks.targets import TargetTask, clearance_m

__all__ = ['BlindPilot', 'Pilot', 'disturb_flight']

Floats = NDArray[np.float64]

STAND_OFF_M = 2.0  # before the target
MOST = np.array([1.8, 1.3, 0.6, 0.9])  # it commands at most so much by channel, either way, m/s and rad/s
REMEMBERS_S = 8.0  # how long it knows of a target that is out of sight
BEHIND_RAD = math.pi / 2  # a lost target beyond this bearing is turned to on the side where it was before
LOOKS_AHEAD_M = 4.5  # obstacles up to here on the way are passed…
PASSES_M = 0.75  # …at this distance from their surface
KEEPS_OFF_M = 0.9  # what is closer than this pushes it away…
KEEP_OFF_GAIN = 1.4  # …by this speed for each metre that it is closer, 1/s
TURN_GAIN = 1.6  # yaw rate by bearing, 1/s: slow enough that its command is smooth, fast enough to keep sight
APPROACH_GAIN = 0.7  # speed by the distance left, 1/s: it comes to a stop without overshoot
BACKS_OFF_M_S = 0.8  # at most, from a target that is too near: it does not see what is behind
FACES_RAD, FACES_WITHIN_RAD = 0.7, 0.35  # beyond the one bearing it only turns, below their difference it flies on
SLIDE_GAIN, SLIDE_MOST_M_S = 2.0, 1.2  # speed aside by how much room lacks, 1/s; at most
SLIDES_WITHIN_M = 2.5  # from where it first regards an obstacle the slide grows to its whole over this distance
BARS_M = 0.4  # an obstacle whose surface is closer to the way than this slows it down as well…
SLOWS_M, SLOWS_WITHIN_M = 0.5, 1.2  # …from the sum of these before it; at the first of them…
SLOWEST = 0.05  # …to this share of its speed: never to none, or it would stand there for ever


class Pilot:
    """
    Fly to the target and face it; slide past what is in the way; turn to where the target went, or seek it.

    A learner sees pictures, not the truth, so what is commanded is a smooth function of what the camera shows, and of
    what it has shown within the last seconds: a target that went out of view is turned to on the side where it went.
    One that it has never seen is sought by turning left, which is the one thing that pictures do not tell and a
    learner has to know.

    :param task: with the target
    """

    def __init__(self, task: TargetTask) -> None:
        self._task = task
        self._world = task.world
        self._target = -1
        self._seen_s = -math.inf
        self._side = 0.0

    def command(self) -> Floats:
        """
        Decide from the truth.

        :returns: velocity ahead, left, up, m/s; yaw rate, rad/s; (4,)
        """
        _, bearing, _ = self._task.to_target()
        in_view = self._task.in_view
        if self._task.reached != self._target:
            self._target, self._seen_s = self._task.reached, -math.inf
        if in_view and self._task.is_visible():
            self._seen_s, self._side = self._task.elapsed_s, 0.0
        known = self._task.elapsed_s - self._seen_s < REMEMBERS_S
        if known and in_view:
            command = self._approach()
        elif known:
            if abs(bearing) < BEHIND_RAD or not self._side:
                self._side = math.copysign(1.0, bearing)
            command = np.array([0.0, 0.0, 0.0, self._side * min(TURN_GAIN * abs(bearing), MOST[3])])
        else:
            command = np.array([0.0, 0.0, 0.0, MOST[3]])
        command[:2] += self._keep_off()
        return np.clip(command, -MOST, MOST)

    def _obstacles(self) -> Floats:
        return self._world.obstacles

    def _approach(self) -> Floats:
        distance_m, bearing, up_m = self._task.to_target()
        cos, sin = math.cos(bearing), math.sin(bearing)
        slide, slowed = self._pass(distance_m, bearing)
        facing = min(max((FACES_RAD - abs(bearing)) / FACES_WITHIN_RAD, 0.0), 1.0)
        speed = min(max(APPROACH_GAIN * (distance_m - STAND_OFF_M), -BACKS_OFF_M_S), MOST[0]) * facing * slowed
        return np.array([speed * cos - slide * sin, speed * sin + slide * cos, up_m, TURN_GAIN * bearing])

    def _pass(self, distance_m: float, bearing: float) -> tuple[float, float]:
        """Return how fast to slide to the left of the way to the target, m/s, and the share of speed to keep."""
        x, y, _, yaw = self._world.pose()
        obstacles = self._obstacles()
        heading = yaw + bearing
        away, radius = obstacles[:, :2] - (x, y), obstacles[:, 2]
        ahead = away @ (math.cos(heading), math.sin(heading))
        left = away @ (-math.sin(heading), math.cos(heading))
        room = radius + PASSES_M
        on_the_way = (ahead > 0.0) & (ahead < min(LOOKS_AHEAD_M, distance_m - 0.2)) & (np.abs(left) < room)
        weight = np.clip((LOOKS_AHEAD_M - ahead) / SLIDES_WITHIN_M, 0.0, 1.0)
        slide = -(SLIDE_GAIN * np.sign(left) * (room - np.abs(left)) * weight)[on_the_way].sum()
        barred = on_the_way & (np.abs(left) < radius + BARS_M)
        slowed = np.clip((ahead - radius - SLOWS_M)[barred] / SLOWS_WITHIN_M, SLOWEST, 1.0).min(initial=1.0)
        return float(np.clip(slide, -SLIDE_MOST_M_S, SLIDE_MOST_M_S)), float(slowed)

    def _keep_off(self) -> Floats:
        """Return the velocity ahead and left that leads away from what is close, m/s, (2,)."""
        x, y, _, yaw = self._world.pose()
        obstacles = self._obstacles()
        away = obstacles[:, :2] - (x, y)
        apart = np.hypot(*away.T)
        room = apart - obstacles[:, 2]
        near = room < KEEPS_OFF_M
        push = -(away[near] / apart[near, None] * KEEP_OFF_GAIN * (KEEPS_OFF_M - room[near])[:, None]).sum(axis=0)
        cos, sin = math.cos(yaw), math.sin(yaw)
        return np.array([cos * push[0] + sin * push[1], -sin * push[0] + cos * push[1]])


class BlindPilot(Pilot):
    """
    The same pilot, blind to obstacles: what it reaches needs no avoidance.

    :param task: with the target
    """

    def _obstacles(self) -> Floats:
        return np.empty((0, 3))


BURSTS_HZ = 0.35  # bursts a second, when none is running
BURST_S = (0.3, 1.0)
BURST = np.array([0.6, 0.6, 0.3, 0.6])  # standard deviation by channel, m/s and rad/s
BURST_ROOM_M = 0.5  # a burst ends where an obstacle is closer than this


def disturb_flight(task: TargetTask, rng: np.random.Generator) -> Disturbance:
    """
    Make what disturbs the pilot: bursts of a wrong velocity, from which the demonstration shows how to recover.

    :param task: that is demonstrated
    :param rng: source of when, how long and how much
    :returns: what is flown instead of the pilot's command
    """
    world = task.world
    period_s = world.clock.odometry / world.clock.steps_per_second
    left_s, bias = 0.0, np.zeros(4)

    def disturbed(command: Floats) -> Floats:
        nonlocal left_s, bias
        left_s -= period_s
        if left_s < 0.0 and rng.random() < BURSTS_HZ * period_s:
            left_s, bias = rng.uniform(*BURST_S), rng.normal(0.0, BURST)
        if left_s > 0.0 and clearance_m(world.obstacles, *world.pose()[:2]) < BURST_ROOM_M:
            left_s = 0.0
        return command + bias if left_s > 0.0 else command

    return disturbed
