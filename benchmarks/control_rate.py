"""
How well the controller node keeps its control rate, and what it costs, beside a bare sleep loop at the same time.

    python benchmarks/control_rate.py [--rates 50 100 200] [--seconds 20] [--json]

The node runs with the shipped policy as on a robot, a process of its own over DDS; a camera (raw 640×480, 30 Hz) and
an IMU (200 Hz) are another process, the bare loop a third, with the scheduling that the node's thread asks for
(real-time priority where allowed, no timer slack). Frames wait for ticks here, so that all ticks are of one schedule;
transport.py measures how they bring them. Lateness is the node's own figure from ``/diagnostics``,
over its newest ticks, those after the start included: p50 and p99 are means of the messages in the time measured, max
is their largest. Missed ticks, processor time (all threads, as a share of one core) and memory are of that time too.
"""

import argparse
import json
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from load import answer, cpu_s, own_domain, rss_mib, running
from summary import add

from lnn_controller.live.graph import Graph

STATUS = 'controller: control'
SETTLE_S, DEADLINE_S = 2.0, 30.0
LATENESS = ('tick_lateness_p50_us', 'tick_lateness_p99_us', 'tick_lateness_max_us')
COUNTS = ('missed_ticks', 'stopped_ticks', 'ticks')


class Watch:
    """Listens to the controller's diagnostics."""

    def __init__(self) -> None:
        self.node = rclpy.create_node('control_rate')
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self.heard: list[dict[str, str]] = []

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == STATUS:
                self.heard.append({item.key: item.value for item in status.values})

    def listen(self, seconds: float) -> list[dict[str, str]]:
        """
        Listen for a while.

        :param seconds: how long
        :returns: what was heard in that time
        """
        self.heard = []
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            rclpy.spin_once(self.node, timeout_sec=left_s)
        return self.heard

    def next_after(self, seconds: float) -> dict[str, str]:
        """
        Return the first diagnostics after a while; on a busy machine they may be long in coming.

        :param seconds: how long
        :returns: text by key
        """
        self.listen(seconds)
        self.heard = []
        end_s = time.monotonic() + DEADLINE_S
        while not self.heard:
            if time.monotonic() > end_s:
                raise SystemExit(f'the controller must send diagnostics within {DEADLINE_S:g} s. Got none')
            rclpy.spin_once(self.node, timeout_sec=0.1)
        return self.heard[-1]

    def until_driving(self, graph: Graph) -> None:
        """Wait until the policy drives."""
        end_s = time.monotonic() + DEADLINE_S
        while not self.heard or self.heard[-1].get('mode') != 'policy':
            if time.monotonic() > end_s:
                raise SystemExit(f'the controller must drive within {DEADLINE_S:g} s. Got {self.heard[-1:]}')
            graph.check()
            rclpy.spin_once(self.node, timeout_sec=0.1)


def number(values: dict[str, str], key: str) -> float:
    """
    Read a figure of the diagnostics.

    :param values: text by key
    :param key: which
    """
    if key not in values:
        raise SystemExit(f'the controller\'s diagnostics must have "{key}". Got {", ".join(values)}')
    return float(values[key])


def measure(watch: Watch, rate_hz: float, seconds: float) -> dict[str, Any]:
    """
    Run the node at one rate.

    :param watch: listens
    :param rate_hz: of control
    :param seconds: how long to measure, s
    """
    with Graph() as graph, running('load', 'sensors', '--width', 640, '--height', 480):
        parameters = {'autostart': True, 'control_rate_hz': rate_hz, 'tick_on_frame': False}
        node = graph.start(
            'controller',
            'lnn_controller.nodes.controller_node',
            parameters=parameters,
            arguments=('--log-level', 'warn'),
        )
        watch.heard = []
        watch.until_driving(graph)
        before = watch.next_after(SETTLE_S)
        with running('load', 'sleeper', '--rate', rate_hz, '--seconds', seconds) as sleeper:
            used_s, begin_s = cpu_s(node.pid), time.monotonic()
            heard = watch.listen(seconds) or [watch.next_after(0.0)]
            share = (cpu_s(node.pid) - used_s) / (time.monotonic() - begin_s)
            bare = answer(sleeper)
        graph.check()
        late = [[number(values, key) for values in heard] for key in LATENESS]
        return {
            'rate_hz': rate_hz,
            'rate_measured_hz': number(heard[-1], 'control_rate_hz'),
            'p50_us': round(sum(late[0]) / len(heard), 1),
            'p99_us': round(sum(late[1]) / len(heard), 1),
            'max_us': max(late[2]),
            **{key: int(number(heard[-1], key) - number(before, key)) for key in COUNTS},
            'cpu_share': round(share, 3),
            'rss_mib': round(rss_mib(node.pid), 1),
            'bare_sleep': bare,
            'diagnostics': heard[-1],
        }


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rates', type=float, nargs='+', default=[50.0, 100.0, 200.0])
    parser.add_argument('--seconds', type=float, default=20.0, help='at each rate, at least 3')
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    if args.seconds < 3.0:
        parser.error('--seconds must be at least 3: the diagnostics come once a second')
    own_domain()
    rclpy.init()
    watch = Watch()
    results = [measure(watch, rate, args.seconds) for rate in args.rates]
    rclpy.try_shutdown()
    for r in results:
        late, bare = (f'{each["p50_us"]:.0f} / {each["p99_us"]:.0f}' for each in (r, r['bare_sleep']))
        share = f'{r["cpu_share"]:.1%} of a core, {r["rss_mib"]:.0f} MiB'
        add(
            f'ticks at {r["rate_hz"]:g} Hz, camera 640×480 raw at 30 Hz: lateness, p50 / p99',
            f'{late} µs (a bare sleep loop {bare}); {r["missed_ticks"]} of {r["ticks"]} missed; {share}',
            'none missed',
        )
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(f'The controller node, camera 640×480 raw at 30 Hz, IMU 200 Hz, {args.seconds:g} s each:\n')
    print(f'{"Hz":>4}{"lateness p50 / p99 / max (µs)":>32}{"bare sleep loop (µs)":>26}', end='')
    print(f'{"missed":>8}{"stopped":>9}{"share of a core":>17}{"memory":>10}')
    for r in results:
        late = f'{r["p50_us"]:.0f} / {r["p99_us"]:.0f} / {r["max_us"]:.0f}'
        bare = ' / '.join(f'{r["bare_sleep"][key]:.0f}' for key in ('p50_us', 'p99_us', 'max_us'))
        print(f'{r["rate_hz"]:>4.0f}{late:>32}{bare:>26}', end='')
        print(f'{r["missed_ticks"]:>8}{r["stopped_ticks"]:>9}{r["cpu_share"]:>17.1%}{r["rss_mib"]:>6.0f} MiB')


if __name__ == '__main__':
    main()
