"""
What the map of attention costs a frame, in processor time: the graph, the topic ~/attention, and a node that drives.

    python benchmarks/attention.py [--policy car_lane] [--frames 300] [--turns 12]

``encoder`` is ONNX Runtime's, for comparison; ``topic`` is all that the topic's own thread does (map, message,
publishing) with one subscriber; ``offer`` is what the encoder's thread spends for it, without and with a subscriber.
Map and topic are measured again and again, and with a pause of a frame's time before each, as a node has it.

Then a controller node drives by a camera (raw 640×480, 30 Hz) and an IMU (200 Hz), each a process of its own, and this
one subscribes and leaves in turn, for two seconds each. What the node's process spends a frame, all threads and
those of DDS included, is compared between neighbouring turns: with the rate that it has by default, and with a map of
every frame.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import rclpy
from control_rate import Watch
from load import IMAGE_HZ, own_domain, running
from sensor_msgs.msg import Image
from std_msgs.msg import UInt64
from summary import add

from lnn_controller.live.graph import Graph
from lnn_controller.nodes.controller.attention import AttentionTopic, Seen
from lnn_controller.nodes.controller.event_log import EventLog
from lnn_controller.policy import Policy

TURN_S, DEADLINE_S = 2.0, 30.0
DEFAULT_HZ = 5.0  # the node's attention_rate_hz


def median_us(call: Callable[[], object], count: int, pause_s: float = 0.0) -> float:
    """Median processor time of this thread for a call, µs; each after a pause, in which others have the caches."""
    call()
    spent = []
    for _ in range(count):
        if pause_s:
            time.sleep(pause_s)
        started = time.thread_time_ns()
        call()
        spent.append(time.thread_time_ns() - started)
    return float(np.median(spent)) / 1e3


class Viewer:
    """
    Counts the camera's frames, and the maps of a controller while it subscribes to them.

    :param pid: of the controller
    """

    def __init__(self, pid: int) -> None:
        self.node = rclpy.create_node('looks_and_leaves')
        self.node.create_subscription(UInt64, '/frames', self._on_frame, 1000)
        self._clock = (~pid << 3) | 2  # clock_getcpuclockid(3) as Linux has it: of all threads, to the nanosecond
        self._frames = self._maps = 0

    def turn(self, looks: bool) -> tuple[float, float]:
        """
        Look, or do not, for a while.

        :param looks: whether to subscribe
        :returns: what the controller spent, µs a frame; maps a frame
        """
        topic = '/controller/attention'
        subscription = self.node.create_subscription(Image, topic, self._on_map, 1) if looks else None
        self._until(lambda: bool(self._maps) or not looks)
        self._spin(0.5)  # those who came and left have been told of by then
        self._frames = self._maps = 0
        used_s = time.clock_gettime(self._clock)
        self._spin(TURN_S)
        used_s = time.clock_gettime(self._clock) - used_s
        frames, maps = max(1, self._frames), self._maps
        if subscription is not None:
            self.node.destroy_subscription(subscription)
        self._maps = 0
        return 1e6 * used_s / frames, maps / frames

    def _spin(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            rclpy.spin_once(self.node, timeout_sec=left_s)

    def _until(self, done: Callable[[], bool]) -> None:
        end_s = time.monotonic() + DEADLINE_S
        while not done():
            if time.monotonic() > end_s:
                raise SystemExit(f'the controller must publish maps within {DEADLINE_S:g} s. Got none')
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def _on_frame(self, _: UInt64) -> None:
        self._frames += 1

    def _on_map(self, _: Image) -> None:
        self._maps += 1


def in_node(watch: Watch, policy: str, rate_hz: float, turns: int) -> None:
    """
    Measure what somebody who looks costs a controller that drives, and print it.

    :param watch: listens to the node's diagnostics
    :param policy: by which it drives
    :param rate_hz: its parameter ``attention_rate_hz``
    :param turns: how many pairs of neighbouring turns
    """
    with Graph() as graph, running('load', 'sensors', '--width', 640, '--height', 480, '--image-rate', IMAGE_HZ):
        node = graph.start(
            'controller',
            'lnn_controller.nodes.controller_node',
            parameters={'autostart': True, 'policy': policy, 'attention_rate_hz': rate_hz},
            arguments=('--log-level', 'warn'),
        )
        watch.heard = []
        watch.until_driving(graph)
        viewer = Viewer(node.pid)
        viewer.turn(True)  # what the node does once, it has done then
        found = np.array([(*viewer.turn(False), *viewer.turn(True)) for _ in range(turns)])
        graph.check()
        viewer.node.destroy_node()
    without_us, with_us, maps = np.median(found[:, [0, 2, 3]], axis=0)
    low, middle, high = np.percentile(found[:, 2] - found[:, 0], (25, 50, 75))
    more = f'{middle:+.0f} µs a frame (quartiles {low:+.0f}, {high:+.0f}), {maps:.2f} maps a frame'
    print(f'node, attention_rate_hz {rate_hz:g}: {without_us:.0f} without, {with_us:.0f} with a subscriber; {more}')
    goal = '200 µs a frame' if rate_hz == DEFAULT_HZ else ''
    add(f'what a subscriber to it costs a node that drives, attention_rate_hz {rate_hz:g}', more, goal)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--policy', default='car_lane')
    parser.add_argument('--frames', type=int, default=300)
    parser.add_argument('--turns', type=int, default=12, help='without and with a subscriber, at each rate')
    args = parser.parse_args()
    policy = Policy.load(args.policy, runtime='onnx')
    image = policy.spec.image
    frame = np.random.default_rng(0).integers(0, 256, (image.height, image.width, 3), dtype=np.uint8)
    encoder = median_us(lambda: policy.encode(frame), args.frames)
    graph = median_us(lambda: policy.attention(frame), args.frames)
    own_domain()
    rclpy.init()
    node, other = rclpy.create_node('measured'), rclpy.create_node('viewer')
    topic = AttentionTopic(node, policy, {'attention_rate_hz': DEFAULT_HZ}, EventLog(node.get_logger()))
    stamps = iter(range(10**9, 10**15, 10**6))
    unseen = median_us(lambda: topic.offer(next(stamps), 'camera', frame), args.frames)
    other.create_subscription(Image, '/measured/attention', lambda message: None, 1)
    deadline_s = time.monotonic() + DEADLINE_S
    while not topic.subscribers and time.monotonic() < deadline_s:
        time.sleep(0.01)
    seen = median_us(lambda: topic.offer(next(stamps), 'camera', frame), args.frames)
    pause_s = 1.0 / IMAGE_HZ
    whole, whole_cold = (
        median_us(lambda: topic.publish(Seen(next(stamps), 'camera', frame)), args.frames, each)
        for each in (0.0, pause_s)
    )
    graph_cold = median_us(lambda: policy.attention(frame), args.frames, pause_s)
    topic.close()
    print(f'{policy.spec.name}, µs of processor time a frame, median of {args.frames}')
    print(f'encoder {encoder:.0f}, attention {graph:.0f} ({graph / encoder:.2f} ×)')
    add(
        "the map of attention; all of its topic; both after a frame's pause; what the encoder's thread spends for it",
        f'{graph:.0f} (the encoder {encoder:.0f}); {whole:.0f}; {graph_cold:.0f} and {whole_cold:.0f}; {seen:.1f} µs',
    )
    print(f'after {1e3 * pause_s:.0f} ms of something else: attention {graph_cold:.0f}, topic {whole_cold:.0f}')
    print(f'topic {whole:.0f}; offer {unseen:.1f} without a subscriber, {seen:.1f} with one')
    watch = Watch()
    for rate_hz in (DEFAULT_HZ, 2 * IMAGE_HZ):
        in_node(watch, args.policy, rate_hz, args.turns)
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
