"""The controller on a robot: camera and IMU in, velocity commands at a fixed rate out, zeros when anything is wrong."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.clock import Clock, ClockType, JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image, Imu, JointState

from lnn_controller.control import Controller, Decision
from lnn_controller.data.images import compressed_from_cdr, image_from_cdr, imu_from_cdr
from lnn_controller.errors import InputError
from lnn_controller.nodes.controller_parameters import PARAMETERS, control_settings, neuron_names
from lnn_controller.nodes.convert import neurons_message, stamp, twist
from lnn_controller.nodes.diagnostics import DIAGNOSTICS_PERIOD_S, Rate, Spread, diagnostics
from lnn_controller.nodes.parameters import declare, on_change
from lnn_controller.nodes.run import run_node
from lnn_controller.policy import Policy

__all__ = ['ControllerNode', 'main']

IMAGE_DEPTH = 1  # an older frame than the newest is of no use
IMU_DEPTH = 50  # samples between two ticks are averaged: a quarter of a second of them at 200 Hz
LOG_AGAIN_S = 5.0
ACK_S = 0.2
REASONS = {
    'no_image': 'no camera image has arrived yet',
    'image_stale': 'the camera is silent',
    'no_imu': 'no IMU sample has arrived yet',
    'imu_stale': 'the IMU is silent',
    'not_finite': "the policy's command is not finite",
    'clock_jump': 'the clock jumped',
    'shutdown': 'shutting down',
}
EXPECTED = ('no_image', 'no_imu', 'shutdown')  # of a start and an end: no warning


class ControllerNode(Node):
    """
    A :class:`~lnn_controller.control.Controller` behind ROS topics.

    A camera frame is encoded when it arrives; the control tick never waits for one. The tick keeps an absolute
    schedule, on the steady clock or, with ``use_sim_time``, in simulated time. The watchdog is part of the tick.

    :raises InputError: if a parameter is wrong, or there is no such policy, whole
    """

    def __init__(self) -> None:
        super().__init__('controller')
        self._values = declare(self, PARAMETERS)
        self.policy = Policy.load(self._values['policy'])
        spec = self.policy.spec
        self.controller = Controller(self.policy, control_settings(self._values, spec))
        self._names = neuron_names(spec)
        self._last_stamp_ns = 0
        self._neurons_ns = 0
        self._decision: Decision | None = None
        self._told: dict[str, float] = {}
        self._has_driven = self._stop_told = False
        self._ticked_ns = 0
        self._counts: Counter[str] = Counter()
        self._rates = {name: Rate() for name in ('control', 'image', 'imu')}
        self._spreads = {name: Spread() for name in ('step_latency', 'encode', 'tick_work', 'tick_lateness')}
        self._advertise()
        self._subscribe()
        on_change(self, PARAMETERS, self._apply)
        sim = self.get_parameter('use_sim_time').value
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        # On a robot the steady clock: a step of the system clock must not delay a tick. rclpy's timers keep an
        # absolute schedule: a late tick does not shift the next, missed ones are left out.
        clock = self.get_clock() if sim else steady
        self._tick_timer = self.create_timer(1.0 / self._values['control_rate_hz'], self._tick, clock=clock)
        # A timer whose clock steps back would wait until the old time comes again (rclpy#1490).
        back = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False)
        self._jump = clock.create_jump_callback(back, post_callback=lambda _: self._tick_timer.reset()) if sim else None
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._tell_state, clock=steady)
        self.get_logger().info(f'policy {spec.name} at {self._values["control_rate_hz"]:g} Hz: waiting for images')

    def close(self) -> None:
        """Stop the robot: zeros are the last command."""
        self._act(self.controller.stop(self.get_clock().now().nanoseconds, 'shutdown'))
        # Without this the process could be gone before the command has left it.
        self._command_out.wait_for_all_acked(Duration(seconds=ACK_S))

    def _advertise(self) -> None:
        self._stamped = self._values['enable_stamped_cmd_vel']
        self._command_out = self.create_publisher(TwistStamped if self._stamped else Twist, 'cmd_vel', 1)
        self._neurons_out = self.create_publisher(JointState, '~/neurons', 10)
        self._diagnostics_out = self.create_publisher(DiagnosticArray, '/diagnostics', 10)

    def _subscribe(self) -> None:
        newest = _sensor_qos(IMAGE_DEPTH)
        if self._values['image_transport'] == 'raw':
            self._decode: Callable[[bytes], Any] = image_from_cdr
            self.create_subscription(Image, 'image_raw', self._on_image, newest, raw=True)
        else:
            self._decode = compressed_from_cdr
            self.create_subscription(CompressedImage, 'image_raw/compressed', self._on_image, newest, raw=True)
        if self.policy.spec.imu is not None:
            self.create_subscription(Imu, 'imu/data', self._on_imu, _sensor_qos(IMU_DEPTH), raw=True)

    def _on_image(self, data: bytes) -> None:
        self._rates['image'].tick()
        try:
            stamp_ns, _, image = self._decode(data)
            self.controller.on_image(stamp_ns or self._now_ns(), image)
        except InputError as error:
            self._refused('image_undecodable', error)

    def _on_imu(self, data: bytes) -> None:
        self._rates['imu'].tick()
        try:
            stamp_ns, gyro, accel = imu_from_cdr(data)
        except InputError as error:
            self._refused('imu_undecodable', error)
        else:
            self.controller.on_imu(stamp_ns or self._now_ns(), gyro, accel)

    def _tick(self) -> None:
        started_ns = time.perf_counter_ns()
        now_ns = self._now_ns()
        # Simulated time may not have begun, or stand still between two messages of /clock: no time, no tick.
        if now_ns in (0, self._ticked_ns):
            return
        self._ticked_ns = now_ns
        until_next_ns = self._tick_timer.time_until_next_call()
        if until_next_ns is not None:
            self._spreads['tick_lateness'].add(max(0, self._tick_timer.timer_period_ns - until_next_ns) / 1e3)
        decision = self.controller.step(now_ns)
        self._act(decision)
        self._show(decision)
        self._rates['control'].tick()
        if decision.mode == 'policy':
            self._spreads['step_latency'].add(decision.encode_us + decision.step_us)
            self._spreads['encode'].add(decision.encode_us)
        self._spreads['tick_work'].add((time.perf_counter_ns() - started_ns) / 1e3)

    def _act(self, decision: Decision) -> None:
        if decision.reason == 'clock_jump':
            self._last_stamp_ns = 0  # stamps rise strictly within one time; a new one has begun
        self._last_stamp_ns = max(decision.stamp_ns, self._last_stamp_ns + 1)
        velocity = twist(self.policy.spec.channels, decision.command)
        if self._stamped:
            message = TwistStamped(twist=velocity)
            message.header.stamp = stamp(self._last_stamp_ns)
            message.header.frame_id = self._values['frame_id']
            self._command_out.publish(message)
        else:
            self._command_out.publish(velocity)
        self._log_change(decision)
        self._decision = decision

    def _show(self, decision: Decision) -> None:
        rate_hz = self._values['neurons_rate_hz']
        # Half a tick of grace, so that a divisor of the control rate is met exactly.
        due_ns = self._neurons_ns + 1e9 / rate_hz - 0.5e9 / self._values['control_rate_hz'] if rate_hz else 0
        if not rate_hz or self._neurons_ns <= decision.stamp_ns < due_ns:
            return
        self._neurons_ns = decision.stamp_ns
        self._neurons_out.publish(
            neurons_message(decision.stamp_ns, self._names, decision.neurons, decision.time_constants)
        )

    def _log_change(self, decision: Decision) -> None:
        if self._decision is not None and decision.reason == self._decision.reason:
            return
        if decision.mode == 'policy':
            if self._stop_told:
                self.get_logger().info('the robot drives again' if self._has_driven else 'the robot drives')
            self._stop_told, self._has_driven = False, True
        elif self._tell_again(decision.reason):
            self._stop_told = True
            text = f'robot stopped ({decision.reason}): {REASONS[decision.reason]}'
            # Two calls: rclpy's logger keeps one severity for each line of code.
            if decision.reason in EXPECTED:
                self.get_logger().info(text)
            else:
                self.get_logger().warning(text)

    def _refused(self, what: str, error: InputError) -> None:
        self._counts[what] += 1
        if self._tell_again(what):
            self.get_logger().warning(f'{what}: {error}')

    def _tell_again(self, what: str) -> bool:
        """Whether a log line is due: each kind at most once in some seconds."""
        now_s = time.monotonic()
        if now_s - self._told.get(what, -LOG_AGAIN_S) < LOG_AGAIN_S:
            return False
        self._told[what] = now_s
        return True

    def _apply(self, changed: Mapping[str, Any]) -> None:
        self._values |= changed
        self.controller.settings = control_settings(self._values, self.policy.spec)
        if 'control_rate_hz' in changed:
            self._tick_timer.timer_period_ns = round(1e9 / changed['control_rate_hz'])
            self._tick_timer.reset()

    def _tell_state(self) -> None:
        decision = self._decision
        spec = self.policy.spec
        values = {
            'mode': decision.mode if decision else 'waiting',
            'reason': decision.reason if decision else 'no_clock',
            'policy': spec.name,
            'control_rate_wanted_hz': f'{self._values["control_rate_hz"]:g}',
        }
        now_ns = self._now_ns()
        for name, rate in self._rates.items():
            measured = rate.measure(now_ns)
            values |= {} if measured is None else {f'{name}_rate_hz': f'{measured:.2f}'}
        for name, spread in self._spreads.items():
            values |= spread.summary(name, 'us')
        counts = self.controller.counters | dict(self._counts)
        values |= {name: str(count) for name, count in counts.items()}
        driving = decision is not None and decision.mode == 'policy'
        level, message = (DiagnosticStatus.OK, 'driving') if driving else (DiagnosticStatus.WARN, values['reason'])
        self._diagnostics_out.publish(diagnostics(self, 'control', level, message, values, hardware=spec.name))

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds


def _sensor_qos(depth: int) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


def main(args: Sequence[str] | None = None) -> int:
    """
    Run the controller until SIGINT or SIGTERM.

    :param args: command line without the program's name; ``None``: this process's
    :returns: exit code
    """
    purpose = 'Drives a robot by a liquid network: camera and IMU in, velocity commands out.'
    return run_node(ControllerNode, args, executable='controller_node', purpose=purpose, table=PARAMETERS)


if __name__ == '__main__':
    sys.exit(main())
