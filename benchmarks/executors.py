"""
Which loop keeps a control tick best: rclpy's executors against a control thread, under the same load at the same time.

    python benchmarks/executors.py [--rates 50 100 200] [--seconds 4] [--rounds 2] [--variants …] [--json]

Each variant is a process with the real controller and the shipped policy; camera (30 Hz) and IMU (200 Hz) are another
process. The variants take turns in short rounds, each beside a bare sleep loop of the same rate. ``share`` is the
processor time of the whole process as a share of one core. The variants:

- ``single``: a timer in rclpy's SingleThreadedExecutor, every callback in it
- ``events``: the same in rclpy's experimental EventsExecutor
- ``thread``: a control thread on an absolute schedule that takes the IMU's messages itself, an encoder thread behind
  a mailbox of one frame, a SingleThreadedExecutor for the camera alone
- ``thread+switch1`` and ``thread+switch0.5``: Python's switch interval 1 ms and 0.5 ms instead of 5 ms;
  ``thread+freeze``: gc.freeze() after start-up; ``thread+slack``: a timer slack of 1 ns instead of Linux' 50 µs;
  ``thread+fifo``: SCHED_FIFO for the control thread (needs the right to it)
"""

import argparse
import ctypes
import gc
import json
import os
import sys
import threading
import time
from collections import defaultdict
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import TwistStamped
from load import answer, own_domain, running, schedule, spread_us
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.experimental import EventsExecutor
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from sensor_msgs.msg import CompressedImage, Image, Imu

from lnn_controller.control import Controller, ControlSettings
from lnn_controller.data.messages.images import compressed_from_cdr, image_from_cdr, imu_from_cdr
from lnn_controller.nodes.common.messages import stamp, twist
from lnn_controller.policy import Policy

VARIANTS = ('single', 'events', 'thread', 'thread+switch1', 'thread+switch0.5', 'thread+freeze', 'thread+slack')
CAMERAS = {'640x480 raw': (640, 480, 'raw'), '1280x720 JPEG': (1280, 720, 'compressed')}
SETTLE_S, DEADLINE_S = 0.5, 20.0
PR_SET_TIMERSLACK = 29


class Unserved(CallbackGroup):
    """Subscriptions that no executor serves: their messages wait in DDS until somebody takes them."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


class Variant:
    """
    One process: the controller behind one kind of loop.

    :param name: one of the variants
    :param rate_hz: of control
    :param seconds: how long to measure, s
    :param transport: of the camera
    """

    def __init__(self, name: str, rate_hz: float, seconds: float, transport: str) -> None:
        self.loop, _, self.extra = name.partition('+')
        self.rate_hz, self.seconds = rate_hz, seconds
        policy = Policy.load('car_lane')
        self.controller = Controller(policy, ControlSettings(control_rate_hz=rate_hz))
        self.channels = policy.spec.channels
        self.node = rclpy.create_node('executors')
        self.done: Future[None] = Future()
        self.late_ns: list[int] = []
        self.missed = 0
        self.begin_s = self.cpu_s = 0.0
        self.mailbox: list[bytes] = []
        self.posted = threading.Event()
        kind, self.decode, topic = (
            (Image, image_from_cdr, 'image_raw')
            if transport == 'raw'
            else (CompressedImage, compressed_from_cdr, 'image_raw/compressed')
        )
        threaded = self.loop == 'thread'
        on_image = self.post if threaded else self.encode
        self.node.create_subscription(kind, topic, on_image, _qos(1), raw=True)
        group = Unserved() if threaded else None
        self.imu = self.node.create_subscription(Imu, 'imu/data', self.on_imu, _qos(50), raw=True, callback_group=group)
        self.command_out = self.node.create_publisher(TwistStamped, 'cmd_vel', 1)

    def encode(self, data: bytes) -> None:
        stamp_ns, _, image = self.decode(data)
        self.controller.on_image(stamp_ns, image)

    def on_imu(self, data: bytes) -> None:
        stamp_ns, gyro, accel = imu_from_cdr(data)
        self.controller.on_imu(stamp_ns, gyro, accel)

    def tick(self, late_ns: int, missed: int) -> None:
        """Decide and publish; keep the figures once the network runs and things have settled."""
        now_ns = time.time_ns()
        decision = self.controller.step(now_ns)
        message = TwistStamped(twist=twist(self.channels, decision.command))
        message.header.stamp = stamp(now_ns)
        self.command_out.publish(message)
        now_s = time.monotonic()
        if not self.begin_s:
            if decision.mode == 'policy':
                self.begin_s = now_s + SETTLE_S
        elif now_s >= self.begin_s:
            self.cpu_s = self.cpu_s or time.process_time()
            self.late_ns.append(late_ns)
            self.missed += missed
            if now_s >= self.begin_s + self.seconds and not self.done.done():
                self.done.set_result(None)

    def run(self) -> dict[str, Any]:
        """Run the loop until there are figures."""
        if self.extra == 'freeze':
            gc.collect()
            gc.freeze()
        if self.extra.startswith('switch'):
            sys.setswitchinterval(float(self.extra.removeprefix('switch')) / 1e3)
        executor: Executor = EventsExecutor() if self.loop == 'events' else SingleThreadedExecutor()
        executor.add_node(self.node)
        if self.loop == 'thread':
            for target in (self._control, self._encode):
                threading.Thread(target=target, daemon=True).start()
        else:
            self._due_ns = 0
            clock = Clock(clock_type=ClockType.STEADY_TIME)
            self.timer = self.node.create_timer(1.0 / self.rate_hz, self._on_timer, clock=clock)
        executor.spin_until_future_complete(self.done, timeout_sec=DEADLINE_S + self.seconds)
        share = (time.process_time() - self.cpu_s) / (time.monotonic() - self.begin_s)
        counters = {key: value for key, value in self.controller.counters.items() if value}
        return {'late_ns': self.late_ns, 'missed': self.missed, 'share': share, 'counters': counters}

    def _on_timer(self) -> None:
        now_ns, period_ns = time.monotonic_ns(), self.timer.timer_period_ns
        next_ns = now_ns + (self.timer.time_until_next_call() or 0)
        due_ns, self._due_ns = self._due_ns, next_ns
        if due_ns:
            self.tick(now_ns - due_ns, max(0, round((next_ns - due_ns) / period_ns) - 1))

    def _control(self) -> None:
        if self.extra == 'slack':
            ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)
        if self.extra == 'fifo':
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        for late_ns, missed in schedule(self.rate_hz):
            with self.imu.handle:
                while (taken := self.imu.handle.take_message(self.imu.msg_type, self.imu.raw)) is not None:
                    self.on_imu(taken[0])
            self.tick(late_ns, missed)

    def post(self, data: bytes) -> None:
        self.mailbox[:] = [data]
        self.posted.set()

    def _encode(self) -> None:
        while self.posted.wait():
            self.posted.clear()
            self.encode(self.mailbox[0])


def _qos(depth: int) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


def compare(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Let the variants take turns and gather their figures."""
    results = []
    for camera, (width, height, transport) in CAMERAS.items():
        gathered: dict[tuple[float, str], list[dict[str, Any]]] = defaultdict(list)
        with running('load', 'sensors', '--width', width, '--height', height, '--transport', transport):
            for _ in range(args.rounds):
                for rate in args.rates:
                    for variant in args.variants:
                        # The bare loop starts late, so that it runs while the variant is measured.
                        order = ('--as', variant, '--rates', rate, '--seconds', args.seconds, '--transport', transport)
                        with running('executors', *order) as process:
                            time.sleep(SETTLE_S + 1.0)
                            with running('load', 'sleeper', '--rate', rate, '--seconds', args.seconds) as bare:
                                gathered[rate, variant].append(answer(process) | {'bare': answer(bare)})
        for (rate, variant), runs in gathered.items():
            row: dict[str, Any] = {'camera': camera, 'rate_hz': rate, 'variant': variant}
            row |= spread_us([value for run in runs for value in run['late_ns']])
            row |= {'missed': sum(run['missed'] for run in runs), 'ticks': sum(len(run['late_ns']) for run in runs)}
            row |= {'share': round(float(np.mean([run['share'] for run in runs])), 3)}
            row |= {
                f'bare_{key}': round(float(np.mean([run['bare'][key] for run in runs])), 1)
                for key in ('p50_us', 'p99_us')
            }
            row |= {'bare_max_us': max(run['bare']['max_us'] for run in runs)}
            results.append(row | {'counters': [run['counters'] for run in runs]})
    return results


def main() -> None:
    """Compare and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rates', type=float, nargs='+', default=[50.0, 100.0, 200.0])
    parser.add_argument('--seconds', type=float, default=4.0, help='of each turn')
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--variants', nargs='+', default=list(VARIANTS), choices=(*VARIANTS, 'thread+fifo'))
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--as', dest='variant', help=argparse.SUPPRESS)
    parser.add_argument('--transport', default='raw', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant:
        rclpy.init()
        print(json.dumps(Variant(args.variant, args.rates[0], args.seconds, args.transport).run()), flush=True)
        os._exit(0)  # threads are running; there is nothing to save
    own_domain()
    results = compare(args)
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print('Lateness of a control tick, µs: p50 / p99 / max; beside it a bare sleep loop of the same rate\n')
    print(f'{"camera":<15}{"Hz":>4} {"variant":<18}{"lateness":>22}{"missed":>8}{"share":>7}{"bare sleep":>24}')
    for r in results:
        late = f'{r["p50_us"]:.0f} / {r["p99_us"]:.0f} / {r["max_us"]:.0f}'
        bare = f'{r["bare_p50_us"]:.0f} / {r["bare_p99_us"]:.0f} / {r["bare_max_us"]:.0f}'
        run = f'{r["camera"]:<15}{r["rate_hz"]:>4.0f} {r["variant"]:<18}'
        print(f'{run}{late:>22}{r["missed"]:>8}{r["share"]:>7.1%}{bare:>24}')


if __name__ == '__main__':
    main()
