"""
From the camera to the command over DDS: picture sizes, raw and JPEG, with and without config/fastdds.xml, in one run.

    python benchmarks/transport.py [--seconds 6] [--control-rate 500] [--sizes 320x240 …] [--json]

A camera process (30 Hz; an IMU, 200 Hz) stamps each picture with the system clock just before it publishes it, and
tells the stamps on a small reliable topic, so that none is lost unnoticed. Two turns for each case:

- *delivery*: camera → a bare subscriber that takes the bytes and reads the stamp. What DDS alone costs.
- *command*: camera → controller node → command received in another process. Which frame a command used is not in
  the command. So the node runs with ``image_timeout_s`` 0.02: 20 ms after each frame it stops, 33 ms after it the next
  frame starts it again, and the first command that is not zero is the first one that used that frame. A frame older
  than 20 ms is refused, so it cannot be taken for the next one. This contains delivery, decoding, the encoder, the wait
  for the next tick (up to one control period), the network, the safety chain, and the delivery of the command. A frame
  without an answer counts as lost: so does one that took longer than those 20 ms, and where frames are lost the
  figures are of the quicker ones alone.
"""

import argparse
import json
import os
import signal
import time
from typing import Any

import rclpy
from geometry_msgs.msg import TwistStamped
from load import answer, own_domain, running, spread_us
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import UInt64

from lnn_controller.data.messages.cdr import stamp_from_cdr
from lnn_controller.live.graph import Graph

SIZES = ('320x240', '640x480', '1280x720')
PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'
SETTLE_S, TAIL_S, DEADLINE_S = 1.0, 0.5, 20.0


class Watch:
    """One process that receives: pictures, or commands; and the stamps of all pictures that were published."""

    def __init__(self, what: str, transport: str) -> None:
        self.node = rclpy.create_node('transport')
        self.sent_ns: list[int] = []
        self.received_ns: dict[int, int] = {}  # by the picture's stamp
        self._stands = True
        self.starts: list[tuple[int, int]] = []  # of the robot: stamp of the tick, time of arrival
        every = QoSProfile(depth=1000)
        self.node.create_subscription(UInt64, 'frames', lambda message: self.sent_ns.append(message.data), every)
        if what == 'command':
            self.node.create_subscription(TwistStamped, 'cmd_vel', self._on_command, every)
        else:
            kind, topic = (Image, 'image_raw') if transport == 'raw' else (CompressedImage, 'image_raw/compressed')
            self.node.create_subscription(kind, topic, self._on_image, qos_profile_sensor_data, raw=True)

    def _on_image(self, data: bytes) -> None:
        self.received_ns[stamp_from_cdr(data)] = time.time_ns()

    def _on_command(self, message: TwistStamped) -> None:
        now_ns = time.time_ns()
        stands = message.twist.linear.x == 0.0 and message.twist.angular.z == 0.0
        if self._stands and not stands:
            self.starts.append((message.header.stamp.sec * 10**9 + message.header.stamp.nanosec, now_ns))
        self._stands = stands

    def run(self, seconds: float) -> dict[str, Any]:
        """
        Receive for a while, after things have settled.

        :param seconds: how long, s
        :returns: figures of the frames that were published in that time
        """
        executor = SingleThreadedExecutor()
        executor.add_node(self.node)
        begin_s = time.monotonic()
        while not (self.sent_ns and (self.received_ns or self.starts)) and time.monotonic() < begin_s + DEADLINE_S:
            executor.spin_once(timeout_sec=0.1)  # without a profile, none may ever come
        begin_ns = time.time_ns() + round(SETTLE_S * 1e9)
        end_ns = begin_ns + round(seconds * 1e9)
        while time.time_ns() < end_ns + TAIL_S * 1e9:
            executor.spin_once(timeout_sec=0.1)
        frames = [sent_ns for sent_ns in self.sent_ns if begin_ns <= sent_ns < end_ns]
        answered = self.received_ns | self._answers()
        took = [answered[sent_ns] - sent_ns for sent_ns in frames if sent_ns in answered]
        return spread_us(took) | {'frames': len(frames), 'lost': len(frames) - len(took)}

    def _answers(self) -> dict[int, int]:
        """Find for each start of the robot the newest frame before the tick that started it."""
        answers: dict[int, int] = {}
        sent = iter(sorted(self.sent_ns))
        newest_ns, next_ns = 0, next(sent, None)
        for tick_ns, arrived_ns in self.starts:
            while next_ns is not None and next_ns <= tick_ns:
                newest_ns, next_ns = next_ns, next(sent, None)
            answers.setdefault(newest_ns, arrived_ns)
        return answers


def measure(size: str, transport: str, profile: bool, args: argparse.Namespace) -> dict[str, Any]:
    """
    Measure one case.

    :param size: of the picture, ``WxH`` in px
    :param transport: raw, or compressed
    :param profile: with the package's Fast DDS profile
    :param args: the command line
    """
    width, height = size.split('x')
    environment = {} if profile else {PROFILE: ''}
    result: dict[str, Any] = {'size': size, 'transport': transport, 'profile': profile}
    camera = ('sensors', '--width', width, '--height', height, '--transport', transport)
    for what in ('delivery', 'command'):
        with Graph(environment=environment) as graph, running('load', *camera, **environment):
            if what == 'command':
                parameters = {
                    'autostart': True,
                    'control_rate_hz': args.control_rate,
                    'image_transport': transport,
                    'image_timeout_s': 0.02,
                }
                graph.start(
                    'controller',
                    'lnn_controller.nodes.controller_node',
                    parameters=parameters,
                    arguments=('--log-level', 'error'),
                )
            order = ('--as', what, '--transport', transport, '--seconds', args.seconds)
            with running('transport', *order, **environment) as watch:
                result[what] = answer(watch)
            graph.check()
    return result


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sizes', nargs='+', default=list(SIZES), metavar='WxH')
    parser.add_argument('--seconds', type=float, default=6.0, help='of each turn')
    parser.add_argument('--control-rate', type=float, default=500.0, help='of the node, Hz')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--as', dest='what', help=argparse.SUPPRESS)
    parser.add_argument('--transport', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.what:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        print(json.dumps(Watch(args.what, args.transport).run(args.seconds)), flush=True)
        os._exit(0)
    own_domain()
    cases = [(size, way, profile) for size in args.sizes for way in ('raw', 'compressed') for profile in (True, False)]
    results = [measure(*case, args) for case in cases]
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(f"From the camera's publish() at 30 Hz, ms: p50 / p99 / max; control at {args.control_rate:g} Hz\n")
    print(f'{"picture":<20}{"fastdds.xml":<13}{"delivered":>22}{"lost":>10}{"command received":>24}{"lost":>10}')
    for r in results:
        line = f'{r["size"] + " " + r["transport"]:<20}{"yes" if r["profile"] else "no":<13}'
        for what, room in (('delivery', 22), ('command', 24)):
            figures = r[what]
            keys = [key for key in ('p50_us', 'p99_us', 'max_us') if key in figures]
            spread = ' / '.join(f'{figures[key] / 1e3:.2f}' for key in keys) or '–'
            lost = f'{figures["lost"]}/{figures["frames"]}'
            line += f'{spread:>{room}}{lost:>10}'
        print(line)


if __name__ == '__main__':
    main()
