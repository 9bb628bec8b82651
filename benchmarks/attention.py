"""
What the map of attention costs a frame, in processor time: the graph by itself, and the topic ~/attention.

    python benchmarks/attention.py [--policy car_lane] [--frames 300]

``encoder`` is ONNX Runtime's, for comparison; ``topic`` is all that the topic's own thread does (map, message,
publishing) with one subscriber; ``offer`` is what the encoder's thread spends for it, without and with a subscriber.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import rclpy
from load import own_domain
from sensor_msgs.msg import Image
from summary import add

from lnn_controller.nodes.controller.attention import AttentionTopic, Seen
from lnn_controller.nodes.controller.event_log import EventLog
from lnn_controller.policy import Policy


def median_us(call: Callable[[], object], count: int) -> float:
    """Median processor time of this thread for a call, µs."""
    call()
    spent = []
    for _ in range(count):
        started = time.thread_time_ns()
        call()
        spent.append(time.thread_time_ns() - started)
    return float(np.median(spent)) / 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--policy', default='car_lane')
    parser.add_argument('--frames', type=int, default=300)
    args = parser.parse_args()
    policy = Policy.load(args.policy, runtime='onnx')
    image = policy.spec.image
    frame = np.random.default_rng(0).integers(0, 256, (image.height, image.width, 3), dtype=np.uint8)
    encoder = median_us(lambda: policy.encode(frame), args.frames)
    graph = median_us(lambda: policy.attention(frame), args.frames)
    own_domain()
    rclpy.init()
    node, other = rclpy.create_node('measured'), rclpy.create_node('viewer')
    topic = AttentionTopic(node, policy, {'attention_rate_hz': 5.0}, EventLog(node.get_logger()))
    stamps = iter(range(10**9, 10**15, 10**6))
    unseen = median_us(lambda: topic.offer(next(stamps), 'camera', frame), args.frames)
    other.create_subscription(Image, '/measured/attention', lambda message: None, 1)
    deadline_s = time.monotonic() + 30.0
    while not topic.subscribers and time.monotonic() < deadline_s:
        time.sleep(0.01)
    seen = median_us(lambda: topic.offer(next(stamps), 'camera', frame), args.frames)
    whole = median_us(lambda: topic.publish(Seen(next(stamps), 'camera', frame)), args.frames)
    topic.close()
    print(f'{policy.spec.name}, µs of processor time a frame, median of {args.frames}')
    print(f'encoder {encoder:.0f}, attention {graph:.0f} ({graph / encoder:.2f} ×)')
    add(
        "the map of attention: the graph; its topic; what the encoder's thread spends for it",
        f'{graph:.0f} (the encoder {encoder:.0f}); {whole:.0f}; {seen:.1f} µs a frame',
    )
    print(f'topic {whole:.0f}; offer {unseen:.1f} without a subscriber, {seen:.1f} with one')


if __name__ == '__main__':
    main()
