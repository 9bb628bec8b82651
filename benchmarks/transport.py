"""
From the camera to the command over DDS, in segments, and what of it DDS alone costs, in one run.

    python benchmarks/transport.py [--seconds 6] [--control-rate 50] [--sizes 640x480 …] [--no-tick-on-frame] [--json]

A camera process (30 Hz; an IMU, 200 Hz) stamps each picture with the system clock just before it publishes it, and
tells the stamps on a small reliable topic, so that none is lost unnoticed. Turns for each size, raw and JPEG:

- *delivery*, with and without config/fastdds.xml: camera → a bare subscriber that takes the bytes and reads the stamp.
- *command*: camera → controller node → command received in another process. The node (traced_node.py) notes when each
  frame passed which point, and the stamp of the first command that used it; a frame that no command used is lost.
"""

import argparse
import json
import os
import signal
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import TwistStamped
from load import answer, cpu_s, own_domain, running, spread_us
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import UInt64
from summary import add

from lnn_controller.data.messages.cdr import stamp_from_cdr
from lnn_controller.data.messages.stamp import stamp_ns_of

SIZES = ('320x240', '640x480', '1280x720')
PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'
SETTLE_S, TAIL_S, DEADLINE_S = 2.0, 0.5, 20.0
# Of a frame's way, by the points that traced_node.py notes.
SEGMENTS = {
    'camera publishes → encoder thread': ('stamp', 'taken'),
    'decode': ('taken', 'decoded'),
    'crop, resize, encode': ('decoded', 'encoded'),
    'until the tick begins': ('encoded', 'ticked'),
    'tick: inputs, network, publish': ('ticked', 'sent'),
    '→ command received': ('sent', 'received'),
    'whole': ('stamp', 'received'),
}


class Watch:
    """One process that receives: pictures, or commands; and the stamps of all pictures that were published."""

    def __init__(self, what: str, transport: str) -> None:
        self.node = rclpy.create_node('transport')
        self.sent_ns: list[int] = []
        self.received_ns: dict[int, int] = {}  # by the picture's stamp, or the command's
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
        if message.twist.linear.x or message.twist.angular.z:
            self.received_ns[stamp_ns_of(message)] = time.time_ns()

    def run(self, seconds: float) -> dict[str, Any]:
        """
        Receive for a while, after things have settled; prints a line when the time that counts begins.

        :param seconds: how long, s
        :returns: the stamps of the frames that were published in that time, and all that was received
        """
        executor = SingleThreadedExecutor()
        executor.add_node(self.node)
        begin_s = time.monotonic()
        while not (self.sent_ns and self.received_ns) and time.monotonic() < begin_s + DEADLINE_S:
            executor.spin_once(timeout_sec=0.1)  # without a profile, none may ever come
        begin_ns = time.time_ns() + round(SETTLE_S * 1e9)
        end_ns = begin_ns + round(seconds * 1e9)
        while time.time_ns() < begin_ns:
            executor.spin_once(timeout_sec=0.1)
        print('begins', flush=True)
        while time.time_ns() < end_ns:
            executor.spin_once(timeout_sec=0.1)
        print('ends', flush=True)
        while time.time_ns() < end_ns + TAIL_S * 1e9:
            executor.spin_once(timeout_sec=0.1)
        frames = [sent_ns for sent_ns in self.sent_ns if begin_ns <= sent_ns < end_ns]
        return {'frames': frames, 'received': list(self.received_ns.items())}


def delivery(size: str, transport: str, profile: bool, seconds: float) -> dict[str, Any]:
    """
    Measure what DDS alone costs.

    :param size: of the picture, ``WxH`` in px
    :param transport: raw, or compressed
    :param profile: with the package's Fast DDS profile
    :param seconds: how long, s
    """
    environment = {} if profile else {PROFILE: ''}
    order = ('--as', 'delivery', '--transport', transport, '--seconds', seconds)
    with (
        running('load', *camera(size, transport), **environment),
        running('transport', *order, **environment) as watch,
    ):
        heard = answer(watch)
    received = dict(heard['received'])
    took = [received[sent_ns] - sent_ns for sent_ns in heard['frames'] if sent_ns in received]
    return spread_us(took) | {'frames': len(heard['frames']), 'lost': len(heard['frames']) - len(took)}


def command(size: str, transport: str, args: argparse.Namespace) -> dict[str, Any]:
    """
    Measure a frame's way through the node.

    :param size: of the picture, ``WxH`` in px
    :param transport: raw, or compressed
    :param args: the command line
    """
    parameters = {
        'autostart': True,
        'control_rate_hz': args.control_rate,
        'image_transport': transport,
        'tick_on_frame': args.tick_on_frame,
    }
    given = [each for name, value in parameters.items() for each in ('-p', f'{name}:={json.dumps(value)}')]
    order = ('--as', 'command', '--transport', transport, '--seconds', args.seconds)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / 'trace.json'
        options = ('--ros-args', *given, '--log-level', 'error')
        with (
            running('load', *camera(size, transport)),
            running('traced_node', *options, TRACE=str(trace)) as node,
            running('transport', *order) as watch,
        ):
            assert watch.stdout is not None
            used_s, begin_s = [], []
            for _ in range(2):
                watch.stdout.readline()
                used_s.append(cpu_s(node.pid))
                begin_s.append(time.monotonic())
            heard = answer(watch)
        rows = {int(stamp_ns): row for stamp_ns, row in json.loads(trace.read_text(encoding='utf-8')).items()}
    received = dict(heard['received'])
    ways = [rows[sent_ns] | {'stamp': sent_ns} for sent_ns in heard['frames'] if sent_ns in rows]
    ways = [row | {'received': received[row['command']]} for row in ways if row['command'] in received]
    segments = {name: spread_us([row[to] - row[of] for row in ways]) for name, (of, to) in SEGMENTS.items()}
    return {
        'segments': segments,
        'frames': len(heard['frames']),
        'lost': len(heard['frames']) - len(ways),
        'cpu_share': round((used_s[1] - used_s[0]) / (begin_s[1] - begin_s[0]), 3),
    }


def camera(size: str, transport: str) -> tuple[str, ...]:
    """
    Return the command line of the camera's process.

    :param size: of the picture, ``WxH`` in px
    :param transport: raw, or compressed
    """
    width, height = size.split('x')
    return ('sensors', '--width', width, '--height', height, '--transport', transport)


def as_text(figures: dict[str, float]) -> str:
    """
    Write a spread in ms.

    :param figures: of :func:`load.spread_us`
    """
    keys = ('p50_us', 'p99_us', 'max_us')
    return ' / '.join(f'{figures[key] / 1e3:.2f}' for key in keys) if figures else '–'


def main() -> None:
    """Measure and print tables, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sizes', nargs='+', default=list(SIZES), metavar='WxH')
    parser.add_argument('--seconds', type=float, default=6.0, help='of each turn')
    parser.add_argument('--control-rate', type=float, default=50.0, help='of the node, Hz')
    parser.add_argument('--no-tick-on-frame', dest='tick_on_frame', action='store_false', help='frames wait for ticks')
    parser.add_argument('--no-delivery', dest='delivery', action='store_false', help='leave out what DDS alone costs')
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
    results = []
    for size, transport in product(args.sizes, ('raw', 'compressed')):
        result: dict[str, Any] = {'size': size, 'transport': transport}
        for profile in (True, False) if args.delivery else ():
            result['with_profile' if profile else 'without_profile'] = delivery(size, transport, profile, args.seconds)
        result['command'] = command(size, transport, args)
        results.append(result)
        r = result['command']
        add(
            f'camera published → command received, {size} {transport}, control at {args.control_rate:g} Hz: '
            'p50 / p99 / max',
            f'{as_text(r["segments"]["whole"])} ms; {r["lost"]} of {r["frames"]} lost; {r["cpu_share"]:.1%} of a core',
            'p50 ≤ 4.5, p99 ≤ 8 ms, none lost, ≤ 15 %',
        )
    if args.json:
        print(json.dumps(results, indent=2))
        return
    how = 'frames bring ticks' if args.tick_on_frame else 'frames wait for ticks'
    print(f"From the camera's publish() at 30 Hz, ms: p50 / p99 / max; control at {args.control_rate:g} Hz, {how}")
    for result in results:
        print(f'\n{result["size"]} {result["transport"]}')
        for name, title in (('with_profile', 'with fastdds.xml'), ('without_profile', 'without it')):
            if name in result:
                r = result[name]
                print(f'  {f"delivered by DDS {title}":<36}{as_text(r):>24}   {r["lost"]} of {r["frames"]} lost')
        r = result['command']
        for name, figures in r['segments'].items():
            print(f'  {name:<36}{as_text(figures):>24}')
        print(f'  {r["lost"]} of {r["frames"]} frames lost; {r["cpu_share"]:.1%} of a core')


if __name__ == '__main__':
    main()
