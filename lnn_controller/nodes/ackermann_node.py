"""Twists to AckermannDriveStamped, for a base that takes a speed and a steering angle; zeros when none come."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node

from lnn_controller.control.ackermann import Steering, steering
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.data.topic_names import COMMAND, STEERED
from lnn_controller.errors import InputError
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.messages import stamp
from lnn_controller.nodes.common.parameters import declare
from lnn_controller.nodes.common.qos import QosWatch
from lnn_controller.nodes.common.run import run_node
from lnn_controller.nodes.common.topics import ACKERMANN
from lnn_controller.settings import Setting

__all__ = ['PARAMETERS', 'AckermannNode', 'main']

PARAMETERS = (
    Setting('wheelbase', 0.0, 'From axle to axle; it must be given.', 'm', 0.0, 20.0),
    Setting('max_steering_angle', 0.35, 'How far the wheels turn to either side.', 'rad', 0.01, 1.5),
    Setting('max_speed', 2.0, 'The fastest command, either way.', 'm/s', 0.0, 50.0),
    Setting(
        'timeout_s',
        0.2,
        'So old, by its stamp, the last command makes the car stand; one that is older when it comes is left out.',
        's',
        0.05,
        2.0,
    ),
    Setting('enable_stamped_cmd_vel', True, 'Whether commands are TwistStamped (true) or Twist (false).'),
    Setting('frame_id', 'base_link', "Of the message's header."),
)
STOPPED = Steering(0.0, 0.0)
LOOK_S = 1.0
PART = 4  # of the timeout: how often it is looked at, and zeros are sent again
SAY_S = 5.0
ACK_S = 0.5


class AckermannNode(Node):
    """
    The converter: an answer to each command, none twice, and zeros from the timeout on until one comes.

    :raises InputError: if a parameter is wrong, or ackermann_msgs is not installed
    """

    def __init__(self) -> None:
        super().__init__('ackermann')
        self._values = values = declare(self, PARAMETERS)
        if not values['wheelbase']:
            raise InputError('parameter wheelbase must be given, in m: -p wheelbase:=0.32. Got none')
        try:
            from ackermann_msgs.msg import AckermannDrive, AckermannDriveStamped
        except ImportError as error:
            msg = f'ackermann_msgs must be installed here: apt install ros-$ROS_DISTRO-ackermann-msgs. Got: {error}'
            raise InputError(msg) from None
        self._message, self._drive = AckermannDriveStamped, AckermannDrive
        self._heard_s: float | None = None  # before the first command others may drive
        self._late = False
        row = find(ACKERMANN, STEERED)
        assert row.qos is not None
        self._publisher = self.create_publisher(self._message, row.name, row.qos)
        commands = find(ACKERMANN, COMMAND, values).subscribe(self, self._on_command)
        self._watch = QosWatch(
            self, [self._publisher], [commands], alone=self._publisher, heard=[commands], error=self._error
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # a simulated clock may stand still
        self.create_timer(values['timeout_s'] / PART, self._on_timer, clock=steady)
        self.create_timer(LOOK_S, self._watch.look, clock=steady)

    def close(self) -> None:
        """Stop the car, if it was driven from here: zeros are the last command, and arrive before the process ends."""
        if self._heard_s is not None:
            self._send(STOPPED)
            self._publisher.wait_for_all_acked(Duration(seconds=ACK_S))

    def _error(self, text: str) -> None:
        self.get_logger().error(text)

    def _on_command(self, message: Any) -> None:
        now_ns = self.get_clock().now().nanoseconds
        stamp_ns = (stamp_ns_of(message) if hasattr(message, 'header') else 0) or now_ns
        age_s = (now_ns - stamp_ns) * 1e-9
        if abs(age_s) > self._values['timeout_s']:
            text = f'a command must be at most {self._values["timeout_s"]:g} s from the clock here. Got {age_s:.3f} s'
            self.get_logger().warning(f'{text}: it is left out', throttle_duration_sec=SAY_S)
            return
        twist = getattr(message, 'twist', message)
        speed, turn = twist.linear.x, twist.angular.z
        if not (math.isfinite(speed) and math.isfinite(turn)):
            text = f'a command must be finite. Got {speed:g} m/s, {turn:g} rad/s: the car stands'
            self.get_logger().error(text, throttle_duration_sec=SAY_S)
        # By its stamp: a command that was on its way for a time does not stand for that much longer.
        self._heard_s, self._late = time.monotonic() - max(0.0, age_s), False
        limits = {'max_angle_rad': self._values['max_steering_angle'], 'max_speed_m_s': self._values['max_speed']}
        self._send(steering(speed, turn, wheelbase_m=self._values['wheelbase'], **limits), stamp_ns)

    def _on_timer(self) -> None:
        if self._heard_s is None or time.monotonic() - self._heard_s < self._values['timeout_s']:
            return
        if not self._late:
            self._late = True
            self.get_logger().warning(f'no command for {self._values["timeout_s"]:g} s: the car stands')
        self._send(STOPPED)

    def _send(self, given: Steering, stamp_ns: int | None = None) -> None:
        drive = self._drive(speed=given.speed_m_s, steering_angle=given.angle_rad)
        message = self._message(drive=drive)
        message.header.stamp = stamp(self.get_clock().now().nanoseconds if stamp_ns is None else stamp_ns)
        message.header.frame_id = self._values['frame_id']
        self._publisher.publish(message)


def main(args: Sequence[str] | None = None) -> int:
    """
    Convert until SIGINT or SIGTERM.

    :param args: command line without the program's name; ``None``: this process's
    :returns: exit code
    """
    purpose = 'Makes of velocity commands a speed and a steering angle (AckermannDriveStamped); zeros when none come.'
    return run_node(AckermannNode, args, executable='ackermann_node', purpose=purpose, table=PARAMETERS)


if __name__ == '__main__':
    sys.exit(main())
