"""Drive the simulated car in this very process, without ROS: the same controller, the same world, exact rates."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lnn_controller.control import Controller, ControlSettings, Decision
from lnn_controller.errors import InputError
from lnn_controller.evaluation.drive import Drive
from lnn_controller.metrics.statistics import percentiles
from lnn_controller.policy import Policy
from lnn_controller.sim import CAMERA_PERIOD, CONTROL_PERIOD, IMU_PERIOD, STEPS_PER_SECOND, CarWorld, Scenario

__all__ = ['DEFAULT_RATE_HZ', 'Operator', 'Watch', 'drive_closed_loop']

DEFAULT_RATE_HZ = 50.0
TRUTH_PERIOD = CONTROL_PERIOD  # steps: pose and cross-track error are sampled at 50 Hz, whatever the control rate
Progress = Callable[[float], None]
Operator = Callable[[CarWorld, float], Sequence[float] | None]
Watch = Callable[[Controller, Decision, float], None]


def drive_closed_loop(
    policy: Policy,
    *,
    track: int,
    scene: str = 'summer',
    seconds: float = 60.0,
    rate_hz: float = DEFAULT_RATE_HZ,
    settings: ControlSettings | None = None,
    scenario: Scenario | None = None,
    operator: Operator | None = None,
    watch: Watch | None = None,
    progress: Progress | None = None,
) -> Drive:
    """
    Let a policy drive and record ground truth.

    Camera 30 Hz, IMU 200 Hz, control as asked; all that is measured at one moment reaches the controller before the
    decision of that moment, and the command is applied at once. A car that leaves its lane is counted, put back on
    the lane's centre at rest, and the controller starts afresh. The same arguments give the same drive; only its
    latency and wall time differ.

    :param policy: the policy
    :param track: seed of the road
    :param scene: how the world looks
    :param seconds: simulated time, s
    :param rate_hz: control rate, 1 … 600 Hz
    :param settings: how the controller drives; its control rate is ``rate_hz``
    :param scenario: perturbations of the car, and when they begin
    :param operator: who may override: takes the world and the time since the start (s), gives linear_x and angular_z,
        or ``None`` where the policy shall drive
    :param watch: called after each decision with the controller, the decision and the time since the start (s)
    :param progress: called with the simulated seconds since the last call, now and then
    :returns: the drive
    :raises InputError: if a number is out of range, the scene is unknown, the policy's channels are not a car's, or
        OpenGL is missing
    """
    if not 1.0 <= rate_hz <= STEPS_PER_SECOND:
        msg = f'the control rate must be from 1 to {STEPS_PER_SECOND} Hz. Got {rate_hz:g}'
        raise InputError(msg)
    if not 1.0 <= seconds <= 86400.0:
        msg = f'the time to drive must be from 1 to 86400 s. Got {seconds:g}'
        raise InputError(msg)
    channels = policy.spec.channels
    if sorted(channels) != ['angular_z', 'linear_x']:
        msg = f'the car takes linear_x and angular_z. Got a policy that gives {", ".join(channels)}'
        raise InputError(msg)
    controller = Controller(policy, replace(settings or ControlSettings(), control_rate_hz=rate_hz))
    with CarWorld(track, scene) as world:
        loop = _Loop(controller, world, [channels.index('linear_x'), channels.index('angular_z')])
        loop.scenario, loop.operator, loop.watch = scenario, operator, watch
        started = time.perf_counter()
        loop.run(round(seconds * STEPS_PER_SECOND), rate_hz, progress)
        wall_s = time.perf_counter() - started
    decisions = loop.decisions
    acting = [each for each in decisions if each.mode == 'policy']
    truth = np.array(loop.truth)
    return Drive(
        policy=policy.spec.name,
        scene=scene,
        track=track,
        stamp_ns=np.array(loop.truth_stamp_ns, np.int64),
        pose=truth[:, :3],
        speed_m_s=truth[:, 3],
        cross_track_error_m=truth[:, 4],
        command_stamp_ns=np.array([each.stamp_ns for each in decisions], np.int64),
        command=np.array([each.command[loop.order] for each in decisions]),
        neuron_stamp_ns=np.array([each.stamp_ns for each in acting], np.int64),
        neurons=np.array([each.neurons for each in acting], np.float64).reshape(len(acting), -1),
        step_latency_us=percentiles([each.encode_us + each.step_us for each in acting]),
        stops={name.removeprefix('stop_'): n for name, n in controller.counters.items() if name.startswith('stop_')},
        put_back=loop.put_back,
        wall_s=wall_s,
    )


class _Loop:
    """One drive under way."""

    def __init__(self, controller: Controller, world: CarWorld, order: list[int]) -> None:
        self.controller = controller
        self.world = world
        self.order = order  # where linear_x and angular_z stand in the policy's command
        self.decisions: list[Decision] = []
        self.truth_stamp_ns: list[int] = []
        self.truth: list[tuple[float, float, float, float, float]] = []
        self.put_back = 0
        self.scenario: Scenario | None = None
        self.operator: Operator | None = None
        self.watch: Watch | None = None

    def run(self, steps: int, rate_hz: float, progress: Progress | None) -> None:
        """Events fall on physics steps; a control rate that does not divide them is met on average."""
        step, tick, next_tick = 0, 0, 0
        while step < steps:
            self._sense(step)
            if step == next_tick:
                decision = self._decide(step / STEPS_PER_SECOND)
                self.decisions.append(decision)
                linear_x, angular_z = decision.command[self.order]
                self.world.apply(float(linear_x), float(angular_z))
                tick += 1
                next_tick = round(tick * STEPS_PER_SECOND / rate_hz)
            ahead = min(period - step % period for period in (IMU_PERIOD, CAMERA_PERIOD, TRUTH_PERIOD))
            ahead = min(ahead, next_tick - step, steps - step)
            self.world.advance(ahead)
            step += ahead
            if progress and step % STEPS_PER_SECOND == 0:
                progress(1.0)

    def _decide(self, at_s: float) -> Decision:
        world, controller = self.world, self.controller
        if self.scenario is not None and (perturbation := self.scenario.at(at_s)) != world.perturbation:
            world.perturbation = perturbation
        if self.operator is not None:
            command = self.operator(world, at_s)
            if command is None:
                controller.release_override()
            else:
                override = [0.0] * len(self.order)
                for place, value in zip(self.order, command, strict=True):
                    override[place] = value
                controller.on_override(world.time_ns, override)
        decision = controller.step(world.time_ns)
        if self.watch is not None:
            self.watch(controller, decision, at_s)
        return decision

    def _sense(self, step: int) -> None:
        if step % TRUTH_PERIOD == 0:
            self._observe()
        stamp_ns = self.world.time_ns
        if step % IMU_PERIOD == 0:
            self.controller.on_imu(stamp_ns, *self.world.imu())
        if step % CAMERA_PERIOD == 0:
            self.controller.on_image(stamp_ns, self.world.camera())

    def _observe(self) -> None:
        s_m, _ = self.world.place()
        error = self.world.cross_track_error_m
        self.truth_stamp_ns.append(self.world.time_ns)
        self.truth.append((*self.world.pose(), self.world.speed_m_s, error))
        if self.world.departed:
            self.put_back += 1
            self.world.reset(s_m=s_m)
            self.controller.reset()
