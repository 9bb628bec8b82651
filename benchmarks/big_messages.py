"""
How evenly the controller commands while big messages reach it: a depth camera's clouds, a raw 4K camera.

    python benchmarks/big_messages.py [--rates 20 50] [--seconds 20] [--json]

The node runs with the shipped policy, a process of its own over DDS; the sensors are another process. A gap is the time
between the stamps of two commands on ``cmd_vel``. p99 shall be at most two control periods on a machine that does
nothing else (the bare sleep loop beside it, p99, tells whether it does): a remark says where it is more.
"""

import argparse
import json
from typing import Any

import numpy as np
import rclpy
from control_rate import SETTLE_S, Watch
from geometry_msgs.msg import TwistStamped
from load import CLOUD_HEIGHT, CLOUD_WIDTH, answer, cpu_s, own_domain, running
from summary import add

from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.live.graph import Graph

CLOUDS = f'{CLOUD_WIDTH * CLOUD_HEIGHT:,} points at 30 Hz'
CASES = {
    'camera 640×480 at 30 Hz': (),
    CLOUDS: ('--cloud-rate', 30),
    'raw 4K at 10 Hz': ('--width', 3840, '--height', 2160, '--image-rate', 10),
    f'{CLOUDS}, raw 4K at 10 Hz': ('--cloud-rate', 30, '--width', 3840, '--height', 2160, '--image-rate', 10),
}
# A picture each 0.1 s: the default timeout would leave no more than one to be lost.
IMAGE_TIMEOUT_S = 1.0


def measure(watch: Watch, case: str, rate_hz: float, seconds: float) -> dict[str, Any]:
    """
    Run the node against one set of sensors.

    :param watch: listens to the diagnostics
    :param case: which of :data:`CASES`
    :param rate_hz: of control
    :param seconds: how long to measure, s
    """
    stamps: list[int] = []
    heard = watch.node.create_subscription(
        TwistStamped, 'cmd_vel', lambda message: stamps.append(stamp_ns_of(message)), 1000
    )
    with Graph() as graph, running('load', 'sensors', *CASES[case]):
        parameters = {
            'autostart': True,
            'control_rate_hz': rate_hz,
            'image_timeout_s': IMAGE_TIMEOUT_S,
            'image_frozen_timeout_s': 0.0,  # noise that is averaged to the network's size is grey
            'guard.source': 'points' if '--cloud-rate' in CASES[case] else 'none',
            'guard.sensor_z_m': 0.5,
            'guard.timeout_s': IMAGE_TIMEOUT_S,
        }
        node = graph.start(
            'controller',
            'lnn_controller.nodes.controller_node',
            parameters=parameters,
            arguments=('--log-level', 'warn'),
        )
        watch.heard = []
        watch.until_driving(graph)
        watch.listen(SETTLE_S)
        stamps.clear()
        with running('load', 'sleeper', '--rate', rate_hz, '--seconds', seconds) as sleeper:
            used_s = cpu_s(node.pid)
            watch.listen(seconds)
            share = (cpu_s(node.pid) - used_s) / seconds
            bare = answer(sleeper)
        graph.check()
    watch.node.destroy_subscription(heard)
    gaps_ms = np.diff(stamps) / 1e6
    p50, p99, most = np.percentile(gaps_ms, (50, 99, 100)).round(1).tolist()
    return {
        'case': case,
        'rate_hz': rate_hz,
        'gaps': len(gaps_ms),
        'gap_p50_ms': p50,
        'gap_p99_ms': p99,
        'gap_max_ms': most,
        'cpu_share': round(share, 3),
        'bare_sleep': bare,
        'diagnostics': watch.heard[-1],
    }


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rates', type=float, nargs='+', default=[20.0, 50.0])
    parser.add_argument('--seconds', type=float, default=20.0, help='for each case and rate')
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    own_domain()
    rclpy.init()
    watch = Watch()
    results = [measure(watch, case, rate, args.seconds) for rate in args.rates for case in CASES]
    rclpy.try_shutdown()
    for r in results:
        add(
            f'time between commands at {r["rate_hz"]:g} Hz, {r["case"]}: p50 / p99',
            f'{r["gap_p50_ms"]:.0f} / {r["gap_p99_ms"]:.0f} ms; {r["cpu_share"]:.0%} of a core',
            f'p99 ≤ {2e3 / r["rate_hz"]:g} ms',
        )
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(
        f'{"":>46}{"Hz":>4}{"gap p50 / p99 / max (ms)":>28}{"share of a core":>17}{"scans":>7}{"bare sleep late":>18}'
    )
    for r in results:
        gaps = f'{r["gap_p50_ms"]:.0f} / {r["gap_p99_ms"]:.0f} / {r["gap_max_ms"]:.0f}'
        missed = '' if r['gap_p99_ms'] <= 2e3 / r['rate_hz'] else '  more than two periods'
        bare_ms = r['bare_sleep']['p99_us'] / 1e3
        scans = r['diagnostics'].get('scans', '0')
        print(
            f'{r["case"]:>46}{r["rate_hz"]:>4.0f}{gaps:>28}{r["cpu_share"]:>17.1%}{scans:>7}{bare_ms:>15.1f} ms{missed}'
        )


if __name__ == '__main__':
    main()
