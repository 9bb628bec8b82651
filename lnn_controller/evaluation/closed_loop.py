"""Run a trial in this very process, without ROS: the same controller, the same world, exact rates."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lnn_controller.control import Controller, ControlSettings, Decision, TickTimes
from lnn_controller.errors import InputError
from lnn_controller.evaluation.conditions import Conditions, WorseCamera
from lnn_controller.evaluation.robot import check_channels
from lnn_controller.evaluation.trial import Trial
from lnn_controller.evaluation.truth import Truth, begun, perturb
from lnn_controller.metrics.statistics import percentiles
from lnn_controller.policy import Policy
from lnn_controller.sim import Scenario, find_robot, schedule
from lnn_controller.sim.interface import Due, Task, World

__all__ = ['DEFAULT_RATE_HZ', 'Operator', 'Progress', 'Watch', 'run_expert', 'run_trial']

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
    seconds: float | None = None,
    rate_hz: float = DEFAULT_RATE_HZ,
    settings: ControlSettings | None = None,
    scenario: Scenario | None = None,
    conditions: Conditions | None = None,
    operator: Operator | None = None,
    watch: Watch | None = None,
    progress: Progress | None = None,
) -> Trial:
    """
    Let a policy drive and record ground truth.

    Camera, IMU and odometry have the world's rates, control has its own, which frames add ticks to as on the robot
    (``tick_on_frame``); all that is measured at one moment reaches the controller before the decision of that moment,
    and the command is applied at once. All falls on steps of the physics; a rate that does not divide them is met on
    average. Where the task puts the
    robot somewhere else, the controller starts afresh. The same arguments give the same trial; only its latency and
    wall time differ.

    :param policy: the policy
    :param seed: of the world: for a car the road
    :param robot: a key of :data:`~lnn_controller.sim.robots.ROBOTS`
    :param task: what is asked of it
    :param scene: how the world looks
    :param seconds: simulated time, s, less if the task has an outcome before; ``None``: the task's time limit
    :param rate_hz: control rate, from 1 Hz to the rate of the physics
    :param settings: how the controller drives; its control rate is ``rate_hz``
    :param scenario: perturbations of the robot, and when they begin
    :param conditions: what else is made harder for the policy
    :param operator: who may override: takes the world and the time since the start (s), gives the command by the
        world's channels, or ``None`` where the policy shall drive
    :param watch: called after each decision with the controller, the decision and the time since the start (s)
    :param progress: called with the simulated seconds since the last call, now and then
    :returns: the trial
    :raises InputError: if robot, task or scene is unknown, a number is out of range, the policy's channels are not the
        robot's, a scenario is given and it cannot be perturbed, or OpenGL is missing
    """
    _check_seconds(seconds)
    with begun(robot, task, scene, seed, scenario) as asked:
        channels, per_second = asked.world.channels, asked.world.clock.steps_per_second
        if not 1.0 <= rate_hz <= per_second:
            raise InputError(f'the control rate must be from 1 to {per_second} Hz. Got {rate_hz:g}')
        check_channels(policy.spec, robot)
        controller = Controller(policy, replace(settings or ControlSettings(), control_rate_hz=rate_hz))
        loop = _Loop(controller, asked, seed, scenario, conditions or Conditions(), operator, watch)
        started = time.perf_counter()
        loop.run(_steps(asked, seconds), progress)
        wall_s = time.perf_counter() - started
        truth = loop.truth.of_trial()
    return Trial(
        policy=policy.spec.name,
        robot=robot,
        task=task,
        scene=scene,
        seed=seed,
        channels=channels,
        **truth,
        **loop.of_controller(),
        wall_s=wall_s,
    )


def run_expert(
    expert: str,
    *,
    seed: int,
    robot: str = 'car',
    task: str = 'lane',
    scene: str = 'summer',
    seconds: float | None = None,
    scenario: Scenario | None = None,
    progress: Progress | None = None,
) -> Trial:
    """
    Let an expert drive, who knows the truth, at the odometry's rate: what a policy can be measured by.

    :param expert: its name, of the robot's ``experts``
    :param seed: as of :func:`run_trial`, like the rest
    :param robot: a key of :data:`~lnn_controller.sim.robots.ROBOTS`
    :param task: what is asked of it
    :param scene: how the world looks
    :param seconds: simulated time, s; ``None``: the task's time limit
    :param scenario: perturbations of the robot, and when they begin
    :param progress: called with the simulated seconds since the last call, now and then
    :returns: the trial, with the expert's name for the policy's, and no neurons
    :raises InputError: as :func:`run_trial` does, or if there is no such expert
    """
    _check_seconds(seconds)
    make_expert = find_robot(robot).find_expert(expert)
    with begun(robot, task, scene, seed, scenario) as asked:
        world, truth, driver = asked.world, Truth(asked), make_expert(asked)
        stamps, commands = [], []
        started = time.perf_counter()
        for due in _schedule(world, _steps(asked, seconds), progress):
            if due.odometry:
                if truth.update().outcome:
                    break
                perturb(asked, scenario, due.step / world.clock.steps_per_second)
                stamps.append(world.time_ns)
                commands.append(driver.command())
                world.apply(commands[-1])
        return Trial(
            policy=expert,
            robot=robot,
            task=task,
            scene=scene,
            seed=seed,
            channels=world.channels,
            **truth.of_trial(),
            command_stamp_ns=np.array(stamps, np.int64),
            command=np.array(commands).reshape(-1, len(world.channels)),
            neuron_stamp_ns=np.zeros(0, np.int64),
            neurons=np.zeros((0, 0)),
            wall_s=time.perf_counter() - started,
        )


def _check_seconds(seconds: float | None) -> None:
    if seconds is not None and not 1.0 <= seconds <= 86400.0:
        raise InputError(f'the time to drive must be from 1 to 86400 s. Got {seconds:g}')


def _steps(task: Task, seconds: float | None) -> int:
    return round((task.time_limit_s if seconds is None else seconds) * task.world.clock.steps_per_second)


def _schedule(
    world: World, steps: int, progress: Progress | None, next_tick: Callable[[], int] | None = None
) -> Iterator[Due]:
    """Let time pass, and tell of each whole second of it."""
    per_second = world.clock.steps_per_second
    for due in schedule(world, steps=steps, next_tick=next_tick):
        if progress and due.step and due.step % per_second == 0:
            progress(1.0)
        yield due
    if progress and steps % per_second == 0:
        progress(1.0)


class _Ticks:
    """When the control loop is due, in steps of the physics."""

    def __init__(self, controller: Controller, steps_per_second: int) -> None:
        settings, spec = controller.settings, controller.policy.spec
        self._ns = 1e9 / steps_per_second
        self._times = TickTimes(
            round(1e9 * settings.nominal_dt_s), round(1e9 * settings.shortest_dt_s(spec)), first_ns=0
        )

    def next(self) -> int:
        """The step at which it will be due."""
        return round(self._times.due_ns / self._ns)

    def on_frame(self, step: int) -> None:
        """A frame has come."""
        self._times.on_frame(round(step * self._ns))

    def on_tick(self, step: int) -> None:
        """It has ticked."""
        self._times.on_tick(round(step * self._ns), round(step * self._ns))


class _Loop:
    """One trial under way."""

    def __init__(
        self,
        controller: Controller,
        task: Task,
        seed: int,
        scenario: Scenario | None,
        conditions: Conditions,
        operator: Operator | None,
        watch: Watch | None,
    ) -> None:
        self.controller = controller
        self.task = task
        self.world = task.world
        # Where the world's channels stand in the policy's command.
        self.order = [controller.policy.spec.channels.index(name) for name in task.world.channels]
        self.decisions: list[Decision] = []
        self.truth = Truth(task)
        self._scenario = scenario
        self._conditions = conditions
        self._worsen = WorseCamera(conditions, seed)
        self._operator = operator
        self._watch = watch

    def run(self, steps: int, progress: Progress | None) -> None:
        """Drive until the time is up or the task has an outcome."""
        world, controller, per_second = self.world, self.controller, self.world.clock.steps_per_second
        ticks = _Ticks(controller, per_second)
        for due in _schedule(world, steps, progress, ticks.next):
            if due.odometry:
                verdict = self.truth.update()
                if verdict.moved:
                    controller.reset()
                if verdict.outcome:
                    return
            if due.imu:
                controller.on_imu(world.time_ns, *world.imu())
            image = self._worsen(world.camera()) if due.camera else None
            if image is not None and controller.on_image(world.time_ns, image):
                ticks.on_frame(due.step)
            if due.step >= ticks.next():
                decision = self._decide(due.step / per_second)
                self.decisions.append(decision)
                world.apply(decision.command[self.order])
                ticks.on_tick(due.step)

    def of_controller(self) -> dict[str, Any]:
        """What a trial has of its controller: commands, neurons, latency, stops."""
        decisions, counters = self.decisions, self.controller.counters
        acting = [each for each in decisions if each.mode == 'policy']
        return {
            'command_stamp_ns': np.array([each.stamp_ns for each in decisions], np.int64),
            'command': np.array([each.command[self.order] for each in decisions]).reshape(-1, len(self.order)),
            'neuron_stamp_ns': np.array([each.stamp_ns for each in acting], np.int64),
            'neurons': np.array([each.neurons for each in acting], np.float64).reshape(
                len(acting), -1 if acting else 0
            ),
            'step_latency_us': percentiles([each.encode_us + each.step_us for each in acting]),
            'stops': {name.removeprefix('stop_'): n for name, n in counters.items() if name.startswith('stop_')},
        }

    def _decide(self, at_s: float) -> Decision:
        world, controller = self.world, self.controller
        perturb(self.task, self._scenario, at_s)
        if self._operator is not None:
            command = self._operator(world, at_s)
            if command is None:
                controller.release_override()
            else:
                override = [0.0] * len(self.order)
                for place, value in zip(self.order, command, strict=True):
                    override[place] = value
                controller.on_override(world.time_ns, override)
        if not self._conditions.memory:
            controller.state = controller.state._replace(hx=controller.policy.initial_state())
        decision = controller.step(world.time_ns)
        if self._watch is not None:
            self._watch(controller, decision, at_s)
        return decision
