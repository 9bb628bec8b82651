"""
How fast a recording goes through a policy, reading included: recorded time by the time that a replay takes, and by the
time of the processor, which other work on the machine changes less; frames are decoded on every core.

    python benchmarks/replay.py [--policy car_lane] [--seconds 30] [--json]

Bags are made on the spot, in a temporary folder: a camera at 30 Hz, raw and of the size of which the crop leaves the
network's frame, as a simulator's is, as JPEG and raw at 640×480; an IMU at 200 Hz, commands at 50 Hz. The policy is
computed by its C where `lnn compile` has built it on this machine, else by ONNX Runtime. What is done once is left
out: each bag is replayed once before.
"""

import argparse
import json
import struct
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from summary import add

from lnn_controller.data import BagWriter
from lnn_controller.data.messages.build import image_message, imu_message, serialize, twist_stamped_message, typestore
from lnn_controller.policy import Policy
from lnn_controller.replay.bag import replay_bag

CAMERA_HZ, IMU_HZ, COMMAND_HZ, PICTURES = 30, 200, 50, 10
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
CLOCKS = {'real time': time.perf_counter, 'processor time': time.process_time}
START_NS = 1_700_000_000_000_000_000


def make_bag(path: Path, seconds: int, size: tuple[int, int], *, jpeg: bool) -> None:
    """A drive of a few pictures in turn: noise, smoothed as a lens smooths."""
    rng = np.random.default_rng(0)
    pictures = [cv2.resize(rng.integers(0, 256, (30, 40, 3), np.uint8), size) for _ in range(PICTURES)]
    header = imu_message(0, (0, 0, 0), (0, 0, 9.8)).header
    packed = typestore().types[COMPRESSED]
    messages = [
        packed(header=header, format='jpeg', data=cv2.imencode('.jpg', each)[1].ravel())
        if jpeg
        else image_message(0, each)
        for each in pictures
    ]
    streams = {
        '/camera/compressed' if jpeg else '/camera': (CAMERA_HZ, messages),
        '/imu/data': (IMU_HZ, [imu_message(0, (0, 0, 0.01 * n), (0, 0, 9.8)) for n in range(50)]),
        '/cmd_vel': (
            COMMAND_HZ,
            [twist_stamped_message(0, linear=(1, 0, 0), angular=(0, 0, 0.01 * n)) for n in range(50)],
        ),
    }
    with BagWriter(path) as bag:
        for topic, (_, each) in streams.items():
            bag.add_topic(topic, each[0].__msgtype__)
        bytes_of = {topic: [bytearray(serialize(m)) for m in each] for topic, (_, each) in streams.items()}
        for second in range(seconds):
            for topic, (rate_hz, _) in streams.items():
                for number in range(second * rate_hz, (second + 1) * rate_hz):
                    stamp_ns = START_NS + number * 1_000_000_000 // rate_hz
                    data = bytes_of[topic][number % len(bytes_of[topic])]
                    struct.pack_into('<iI', data, 4, *divmod(stamp_ns, 1_000_000_000))
                    bag.write(topic, stamp_ns, data)


def measure(policy: Policy, seconds: int) -> dict[str, dict[str, float]]:
    """Replay each kind of bag; × real time, by each clock."""
    image = policy.spec.image
    own = image.width, round(image.height / (1 - image.crop_top - image.crop_bottom))
    kinds = {
        f'raw {own[0]}×{own[1]}': (own, False),
        'JPEG 640×480': ((640, 480), True),
        'raw 640×480': ((640, 480), False),
    }
    results = {}
    for number, (kind, (size, jpeg)) in enumerate(kinds.items()):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f'bag_{number}'
            make_bag(path, seconds, size, jpeg=jpeg)
            replay_bag(path, policy)
            began_s = {name: clock() for name, clock in CLOCKS.items()}
            recorded_s = float(replay_bag(path, policy).at_s[-1])
            results[kind] = {name: round(recorded_s / (clock() - began_s[name]), 1) for name, clock in CLOCKS.items()}
    return results


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--policy', default='car_lane')
    parser.add_argument('--seconds', type=int, default=30)
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    policy = Policy.load(args.policy)
    results = measure(policy, args.seconds)
    for kind, times in results.items():
        goal = {'JPEG 640×480': '≥ 20 × real time', 'raw 640×480': ''}.get(kind, '≥ 50 × real time')
        figure = f'{times["real time"]} × real time, {times["processor time"]} by processor time'
        add(f'replay, reading included, {kind}, {policy.runtime}', figure, goal)
    if args.json:
        print(json.dumps({'runtime': policy.runtime, **results}, indent=2))
        return
    print(f'{args.seconds} s replayed by {policy.runtime}, reading included, × real time:\n')
    print(f'{"":<16}', *(f'{"by " + name:>20}' for name in CLOCKS))
    for kind, times in results.items():
        print(f'{kind:<16}', *(f'{each:>20.1f}' for each in times.values()))


if __name__ == '__main__':
    main()
