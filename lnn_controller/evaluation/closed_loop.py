"""Run a trial in this very process, without ROS: the same controller, the same world, exact rates."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from lnn_controller.control import Controller, ControlSettings, Decision
from lnn_controller.errors import InputError
from lnn_controller.evaluation.trial import Trial
from lnn_controller.metrics.statistics import percentiles
from lnn_controller.policy import Policy
from lnn_controller.sim import Scenario, find_robot, schedule
from lnn_controller.sim.interface import Odometry, Perturbable, Task

__all__ = ['DEFAULT_RATE_HZ', 'Operator', 'Watch', 'run_trial']

DEFAULT_RATE_HZ = 50.0
Progress = Callable[[float], None]
Operator = Callable[[Any, float], Sequence[float] | None]  # takes the robot's own kind of world
Watch = Callable[[Controller, Decision, float], None]


def run_trial(
    policy: Policy,
    *,
    seed: int,
    robot: str = 'car',
    task: str = 'lane',
    scene: str = 'summer',
    seconds: float = 60.0,
    rate_hz: float = DEFAULT_RATE_HZ,
    settings: ControlSettings | None = None,
    scenario: Scenario | None = None,
    operator: Operator | None = None,
    watch: Watch | None = None,
    progress: Progress | None = None,
) -> Trial:
    """
    Let a policy drive and record ground truth.

    Camera, IMU and odometry have the world's rates, control has its own; all that is measured at one moment reaches
    the controller before the decision of that moment, and the command is applied at once. Where the task puts the
    robot somewhere else, the controller starts afresh. The same arguments give the same trial; only its latency and
    wall time differ.

    :param policy: the policy
    :param seed: of the world: for a car the road
    :param robot: a key of :data:`~lnn_controller.sim.robots.ROBOTS`
    :param task: what is asked of it
    :param scene: how the world looks
    :param seconds: simulated time, s; less if the task has an outcome before
    :param rate_hz: control rate, from 1 Hz to the rate of the physics
    :param settings: how the controller drives; its control rate is ``rate_hz``
    :param scenario: perturbations of the robot, and when they begin
    :param operator: who may override: takes the world and the time since the start (s), gives the command by the
        world's channels, or ``None`` where the policy shall drive
    :param watch: called after each decision with the controller, the decision and the time since the start (s)
    :param progress: called with the simulated seconds since the last call, now and then
    :returns: the trial
    :raises InputError: if robot, task or scene is unknown, a number is out of range, the policy's channels are not the
        robot's, a scenario is given and it cannot be perturbed, or OpenGL is missing
    """
    entry = find_robot(robot)
    make_task = entry.find_task(task)
    if not 1.0 <= seconds <= 86400.0:
        raise InputError(f'the time to drive must be from 1 to 86400 s. Got {seconds:g}')
    with closing(entry.world(seed, entry.find_scene(scene))) as world:
        steps_per_second, channels = world.clock.steps_per_second, policy.spec.channels
        if not 1.0 <= rate_hz <= steps_per_second:
            raise InputError(f'the control rate must be from 1 to {steps_per_second} Hz. Got {rate_hz:g}')
        if sorted(channels) != sorted(world.channels):
            takes = ' and '.join(sorted(world.channels, reverse=True))
            raise InputError(f'the {robot} takes {takes}. Got a policy that gives {", ".join(channels)}')
        if scenario is not None and not isinstance(world, Perturbable):
            raise InputError(f'a scenario must be for a robot that can be perturbed. Got the {robot}')
        asked = make_task(world)
        asked.begin()
        controller = Controller(policy, replace(settings or ControlSettings(), control_rate_hz=rate_hz))
        loop = _Loop(controller, asked, [channels.index(name) for name in world.channels], scenario, operator, watch)
        started = time.perf_counter()
        outcome = loop.run(round(seconds * steps_per_second), rate_hz, progress)
        wall_s = time.perf_counter() - started
        pose = np.array([each.pose for each in loop.truth])
        figures = asked.figures(pose)
    decisions = loop.decisions
    acting = [each for each in decisions if each.mode == 'policy']
    return Trial(
        policy=policy.spec.name,
        robot=robot,
        task=task,
        scene=scene,
        seed=seed,
        channels=world.channels,
        stamp_ns=np.array(loop.truth_stamp_ns, np.int64),
        pose=pose,
        twist=np.array([each.twist for each in loop.truth]),
        command_stamp_ns=np.array([each.stamp_ns for each in decisions], np.int64),
        command=np.array([each.command[loop.order] for each in decisions]).reshape(-1, len(world.channels)),
        neuron_stamp_ns=np.array([each.stamp_ns for each in acting], np.int64),
        neurons=np.array([each.neurons for each in acting], np.float64).reshape(len(acting), -1 if acting else 0),
        outcome=outcome,
        figures=figures,
        step_latency_us=percentiles([each.encode_us + each.step_us for each in acting]),
        stops={name.removeprefix('stop_'): n for name, n in controller.counters.items() if name.startswith('stop_')},
        wall_s=wall_s,
    )


class _Loop:
    """One trial under way."""

    def __init__(
        self,
        controller: Controller,
        task: Task,
        order: list[int],
        scenario: Scenario | None,
        operator: Operator | None,
        watch: Watch | None,
    ) -> None:
        self.controller = controller
        self.task = task
        self.world = task.world
        self.order = order  # where the world's channels stand in the policy's command
        self.decisions: list[Decision] = []
        self.truth_stamp_ns: list[int] = []
        self.truth: list[Odometry] = []
        self._scenario = scenario
        self._operator = operator
        self._watch = watch

    def run(self, steps: int, rate_hz: float, progress: Progress | None) -> str:
        """Drive until the time is up or the task has an outcome, which is returned."""
        world, controller, per_second = self.world, self.controller, self.world.clock.steps_per_second
        for due in schedule(world, steps=steps, control_rate_hz=rate_hz):
            if progress and due.step and due.step % per_second == 0:
                progress(1.0)
            if due.odometry and (outcome := self._observe()):
                return outcome
            if due.imu:
                controller.on_imu(world.time_ns, *world.imu())
            if due.camera:
                controller.on_image(world.time_ns, world.camera())
            if due.control:
                decision = self._decide(due.step / per_second)
                self.decisions.append(decision)
                world.apply(decision.command[self.order])
        if progress and steps % per_second == 0:
            progress(1.0)
        return ''

    def _decide(self, at_s: float) -> Decision:
        world, controller = self.world, self.controller
        if self._scenario is not None and isinstance(world, Perturbable):
            perturbation = self._scenario.at(at_s)
            if perturbation != world.perturbation:
                world.perturbation = perturbation
        if self._operator is not None:
            command = self._operator(world, at_s)
            if command is None:
                controller.release_override()
            else:
                override = [0.0] * len(self.order)
                for place, value in zip(self.order, command, strict=True):
                    override[place] = value
                controller.on_override(world.time_ns, override)
        decision = controller.step(world.time_ns)
        if self._watch is not None:
            self._watch(controller, decision, at_s)
        return decision

    def _observe(self) -> str:
        self.truth_stamp_ns.append(self.world.time_ns)
        self.truth.append(self.world.odometry())
        verdict = self.task.update()
        if verdict.moved:
            self.controller.reset()
        return verdict.outcome
