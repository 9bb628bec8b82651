"""A simulated robot: camera, IMU, odometry and /clock out, velocity commands in."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.task import Future
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Float64, String, UInt32

from lnn_controller.data.messages.build import image_message, imu_message, serialize
from lnn_controller.data.topic_names import (
    CLOCK,
    COMMAND,
    DIAGNOSTICS,
    IMAGE,
    IMU,
    ODOMETRY,
    OUTCOME,
    SIMULATOR_NODE,
    TARGET,
)
from lnn_controller.errors import InputError
from lnn_controller.nodes.common.diagnostics import DIAGNOSTICS_PERIOD_S, diagnostics
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.executor import executing
from lnn_controller.nodes.common.messages import channel_velocities, stamp
from lnn_controller.nodes.common.parameters import as_parameters, declare, given, on_change
from lnn_controller.nodes.common.run import run_node
from lnn_controller.nodes.common.topics import SIMULATOR
from lnn_controller.settings import Setting
from lnn_controller.sim import ROBOTS, find_robot, read_scenario, schedule
from lnn_controller.sim.interface import Due, Perturbable, Targeted, Verdict
from lnn_controller.sim.perturbation import Scenario

__all__ = ['PARAMETERS', 'SimNode', 'main']

LARGEST_SEED = 2**31 - 1
ROBOT = Setting('robot', 'car', 'Which robot.', choices=tuple(ROBOTS))
WORLD = (
    ROBOT,
    Setting('task', '', "What is asked of it; empty: the first of the robot's tasks."),
    Setting('scene', 'summer', 'How the world looks.'),
    Setting(
        'seed',
        -1,
        "Of the world: its road, its trees; -1: one that the robot's shipped policy has not seen.",
        minimum=-1,
        maximum=LARGEST_SEED,
    ),
    Setting('track', -1, 'The same, by the name that it has for a road.', minimum=-1, maximum=LARGEST_SEED),
    Setting('scenery_seed', 0, 'Of what stands about without a part in the task.', minimum=0, maximum=LARGEST_SEED),
    Setting('realtime_factor', 1.0, 'Simulated per real second; 0: as fast as possible.', minimum=0.0, maximum=100.0),
    Setting(
        'cmd_vel_timeout_s', 0.3, 'The robot stops (a drone hovers) without a command for this long.', 's', 0.02, 10.0
    ),
    Setting('camera', True, 'Whether the camera works: false to see what its failure does.', change='live'),
    Setting('imu', True, 'Whether the IMU works: false to see what its failure does.', change='live'),
    Setting('scenario', '', 'YAML file of perturbations, each with its time since the first command to move (s).'),
)
TOPICS = (
    Setting('enable_stamped_cmd_vel', True, 'Take commands as TwistStamped; false: as Twist.'),
    Setting('odom_frame_id', 'odom', 'Frame of the odometry: the world.'),
    Setting('base_frame_id', 'base_link', "The robot's frame: of a car at the middle of the rear axle."),
    Setting('camera_frame_id', 'camera_optical_frame', "The camera's optical frame."),
    Setting('imu_frame_id', 'imu_link', "The IMU's frame."),
)


def _wear(robot: str) -> dict[str, Setting]:
    """How a robot may be perturbed: parameter by field of its kind of perturbation."""
    kind = ROBOTS[robot].perturbation
    return as_parameters(kind, 'wear.', change='live') if kind else {}


def _every_wear() -> list[Setting]:
    """Those of every robot; what not all have alike says whose it is."""
    wears = {robot: list(_wear(robot).values()) for robot in ROBOTS}
    shared = [each for each in wears['car'] if all(each in wear for wear in wears.values())]
    own = [
        replace(each, help=f'{robot.capitalize()}: {each.help}')
        for robot, wear in wears.items()
        for each in wear
        if each not in shared
    ]
    return [*own, *shared]


PARAMETERS = (*WORLD, *_every_wear(), *TOPICS)
LATE_S = 0.25  # beyond this the schedule starts anew instead of racing after lost time


class SimNode(Node):
    """
    A simulated robot behind the topics of a real one, and the task that it is given there, all in one thread.

    :raises InputError: if a parameter is wrong, the scene is unknown, or OpenGL is missing
    """

    def __init__(self) -> None:
        super().__init__(SIMULATOR_NODE)
        self._robot = given(self, ROBOT)
        robot = find_robot(self._robot)
        self._wear = _wear(self._robot)
        table = (*WORLD, *self._wear.values(), *TOPICS)
        values = declare(self, table)
        self._values = values
        self._perturbation = robot.perturbation
        scenario = Scenario()
        if values['scenario']:
            if robot.perturbation is None:
                raise InputError(f'a scenario must be for a robot that can be perturbed. Got the {self._robot}')
            scenario = read_scenario(values['scenario'], robot.perturbation)
        self._changes = list(scenario.changes)
        self._moved_ns: int | None = None
        self._outcome = ''
        task = values['task'] or next(iter(robot.tasks))
        seed = next(each for each in (values['seed'], values['track'], robot.seed) if each >= 0)
        self._place = f'{"road" if task == "lane" else task} {seed}, {values["scene"]}'
        named = {'track': seed} if task == 'lane' else {'robot': self._robot, 'task': task, 'seed': seed}
        self._named = {'scene': values['scene'], **{name: str(value) for name, value in named.items()}}
        self.task = robot.begin(task, seed, values['scene'], scenery_seed=values['scenery_seed'])
        self.world = self.task.world
        self._schedule = schedule(self.world)
        next(self._schedule)  # the world's first moment is past when somebody may listen
        self._zeros = [0.0] * len(self.world.channels)
        self._command = self._zeros
        self._command_ns: int | None = None
        self._measured = (time.monotonic(), self.world.time_ns)
        self._out = {
            row.name: row.advertise(self)
            for row in SIMULATOR
            if row.direction == 'out' and row.when.holds(values) is not False
        }
        self._counts = {name: value for name, value in self.task.status().items() if isinstance(value, int)}
        find(SIMULATOR, COMMAND, values).subscribe(self, self._on_command)
        on_change(self, table, values, lambda _: None, self._change, active=lambda: False)
        self._change({})
        for name, count in self._counts.items():
            self._out[f'~/{name}'].publish(UInt32(data=count))
        factor = values['realtime_factor']
        speed = f'{factor:g} × real time' if factor else 'as fast as possible'
        self.get_logger().info(f'{self._place}, {speed}')

    def close(self) -> None:
        """Free what the pictures took."""
        self.world.close()

    def run(self, stop: Future[None]) -> None:
        """
        Let the world's time pass at its pace until it shall stop.

        :param stop: done when it shall stop
        """
        with executing(self) as executor:
            factor = self._values['realtime_factor']
            start_s, start_ns = time.monotonic(), self.world.time_ns
            while not stop.done():
                self.advance()
                executor.spin_once(timeout_sec=0.0)
                if not factor:
                    continue
                ahead_s = start_s + (self.world.time_ns - start_ns) / 1e9 / factor - time.monotonic()
                if ahead_s > 0.0:
                    time.sleep(ahead_s)
                elif ahead_s < -LATE_S:
                    start_s, start_ns = time.monotonic(), self.world.time_ns

    def advance(self) -> None:
        """Let time pass to the next sample of a sensor, and publish what is due then; the clock comes last."""
        self._apply_scenario()
        self._apply_command()
        due: Due = next(self._schedule)
        now_ns = self.world.time_ns
        if due.imu and self._values['imu']:
            sample = imu_message(now_ns, *self.world.imu(), frame_id=self._values['imu_frame_id'])
            self._out[IMU].publish(bytes(serialize(sample)))
        if due.camera and self._values['camera']:
            picture = self.world.camera()
            image = image_message(now_ns, picture, frame_id=self._values['camera_frame_id'])
            self._out[IMAGE].publish(bytes(serialize(image)))
        if due.odometry:
            self._publish_ground_truth(now_ns)
            self._judge()
        # Whoever acts on this time then has, most likely, what was measured at it.
        self._out[CLOCK].publish(Clock(clock=stamp(now_ns)))
        if due.step % round(DIAGNOSTICS_PERIOD_S * self.world.clock.steps_per_second) == 0:
            self._publish_diagnostics(now_ns)

    def _change(self, changed: Mapping[str, Any]) -> None:
        self._values.update(changed)
        if self._perturbation is None or not isinstance(self.world, Perturbable):
            return
        perturbation = self._perturbation(**{name: self._values[each.name] for name, each in self._wear.items()})
        if perturbation != self.world.perturbation:
            self.world.perturbation = perturbation

    def _apply_scenario(self) -> None:
        """Make the scenario's next change when it is due; through the parameters, so that they show it."""
        if self._moved_ns is None or not self._changes:
            return
        at_s, perturbation = self._changes[0]
        if (self.world.time_ns - self._moved_ns) / 1e9 >= at_s:
            del self._changes[0]
            self.set_parameters(
                [Parameter(f'wear.{name}', value=float(value)) for name, value in asdict(perturbation).items()]
            )
            nominal = asdict(type(perturbation)())
            changed = {name: value for name, value in asdict(perturbation).items() if value != nominal[name]}
            words = ', '.join(f'{name} {value:g}' for name, value in changed.items()) or 'nominal'
            self.get_logger().info(f'scenario, {at_s:g} s: {words}')

    def _on_command(self, message: Any) -> None:
        command = channel_velocities(self.world.channels, message)
        if all(map(math.isfinite, command)):
            if self._moved_ns is None and any(command):
                self._moved_ns = self.world.time_ns
            self._command, self._command_ns = command, self.world.time_ns
        else:
            self.get_logger().warning('a command that is not finite was dropped', throttle_duration_sec=5.0)

    def _apply_command(self) -> None:
        timeout_ns = self._values['cmd_vel_timeout_s'] * 1e9
        if self._command_ns is not None and self.world.time_ns - self._command_ns > timeout_ns:
            # A robot's base stops by itself when its computer falls silent.
            self._command, self._command_ns = self._zeros, None
            self.get_logger().warning(f'no command arrives: the {self._robot} stops')
        self.world.apply(self._zeros if self._outcome else self._command)

    def _publish_ground_truth(self, now_ns: int) -> None:
        odometry = Odometry(child_frame_id=self._values['base_frame_id'])
        odometry.header.stamp = stamp(now_ns)
        odometry.header.frame_id = self._values['odom_frame_id']
        pose, twist = (each.tolist() for each in self.world.odometry())
        position, orientation = odometry.pose.pose.position, odometry.pose.pose.orientation
        position.x, position.y, position.z = pose[:3]
        orientation.x, orientation.y, orientation.z, orientation.w = pose[3:]
        linear, angular = odometry.twist.twist.linear, odometry.twist.twist.angular
        linear.x, linear.y, linear.z = twist[:3]
        angular.x, angular.y, angular.z = twist[3:]
        self._out[ODOMETRY].publish(odometry)
        if TARGET in self._out and isinstance(self.world, Targeted):
            target = PoseStamped(header=odometry.header)
            target.pose.position.x, target.pose.position.y, target.pose.position.z = self.world.target.tolist()
            self._out[TARGET].publish(target)

    def _judge(self) -> None:
        """
        Publish what the task measures and counts; measured is what was before the task moved the robot.

        A trial goes on from the first command to move, however long the other nodes took to start, to its outcome.
        """
        measured = self.task.status()
        verdict = Verdict() if self._moved_ns is None or self._outcome else self.task.update()
        for name, value in self.task.status().items():
            if name not in self._counts:
                self._out[f'~/{name}'].publish(Float64(data=measured[name]))
            elif value != self._counts[name]:
                self._counts[name] = int(value)
                self._out[f'~/{name}'].publish(UInt32(data=int(value)))
        if verdict.event:
            self.get_logger().warning(verdict.event)
        if verdict.outcome and self._moved_ns is not None:
            self._outcome = verdict.outcome
            self._out[OUTCOME].publish(String(data=verdict.outcome))
            after_s = (self.world.time_ns - self._moved_ns) / 1e9
            self.get_logger().info(
                f'{verdict.outcome} after {after_s:.1f} s: the trial is over, the {self._robot} stops'
            )

    def _publish_diagnostics(self, now_ns: int) -> None:
        (real_s, sim_ns), self._measured = self._measured, (time.monotonic(), now_ns)
        factor = (now_ns - sim_ns) / 1e9 / max(self._measured[0] - real_s, 1e-9)
        values = {
            'realtime_factor': f'{factor:.3f}',
            **{name: str(count) for name, count in self._counts.items()},
            **self._named,
        }
        if self._outcome:
            values['outcome'] = self._outcome
        wanted = self._values['realtime_factor']
        slow = bool(wanted) and factor < 0.9 * wanted
        running = f'the trial is over: {self._outcome}' if self._outcome else 'running'
        level, message = (DiagnosticStatus.WARN, 'behind its pace') if slow else (DiagnosticStatus.OK, running)
        self._out[DIAGNOSTICS].publish(diagnostics(self, 'world', level, message, values, hardware=self._place))


def main(args: Sequence[str] | None = None) -> int:
    """
    Run the simulator until SIGINT or SIGTERM.

    :param args: command line without the program's name; ``None``: this process's
    :returns: exit code
    """
    purpose = 'A simulated robot with camera, IMU and odometry; sends /clock, takes velocity commands.'
    return run_node(SimNode, args, executable='sim_node', purpose=purpose, table=PARAMETERS, loop=SimNode.run)


if __name__ == '__main__':
    sys.exit(main())
