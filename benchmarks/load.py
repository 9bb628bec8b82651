"""
What the benchmarks share: a camera and an IMU in a process of their own, a bare sleep loop, processes and figures.

    python benchmarks/load.py sensors --width 640 --height 480 --transport raw --image-rate 30 --cloud-rate 0
    python benchmarks/load.py sleeper --rate 100 --seconds 5
"""

import argparse
import array
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lnn_controller.live.domain import choose_domain
from lnn_controller.nodes.common.environment import dds_environment

IMAGE_HZ, IMU_HZ = 30.0, 200.0
CLOUD_WIDTH, CLOUD_HEIGHT, WALL_M = 640, 480, 8.0
PICTURES = 4  # in turn: a camera that repeats itself would count as frozen


def schedule(rate_hz: float) -> Iterator[tuple[int, int]]:
    """
    Sleep on an absolute schedule: a late tick does not shift the next, missed ones are left out.

    :param rate_hz: ticks per second
    :returns: endless; how late this tick is, ns, and how many were left out before it
    """
    period_ns = round(1e9 / rate_hz)
    due_ns = time.monotonic_ns() + period_ns
    missed = 0
    while True:
        time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
        late_ns = time.monotonic_ns() - due_ns
        yield late_ns, missed
        missed = max(0, late_ns // period_ns)
        due_ns += (missed + 1) * period_ns


def spread_us(values_ns: Sequence[float]) -> dict[str, float]:
    """
    Give the figures of a spread.

    :param values_ns: any number of values, ns
    :returns: p50, p99 and max, µs; empty for no values
    """
    if not len(values_ns):
        return {}
    p50, p99, most = np.percentile(np.asarray(values_ns) / 1e3, (50, 99, 100))
    return {'p50_us': round(float(p50), 1), 'p99_us': round(float(p99), 1), 'max_us': round(float(most), 1)}


def cpu_s(pid: int) -> float:
    """
    Read the processor time that a process has used, all its threads together.

    :param pid: the process
    :returns: user and system time, s
    """
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def rss_mib(pid: int) -> float:
    """
    Read a process's resident memory.

    :param pid: the process
    :returns: MiB
    """
    return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20


def own_domain() -> None:
    """Move this process, and those that it starts, into a DDS domain of their own, with the package's profile."""
    os.environ['ROS_DOMAIN_ID'] = choose_domain()
    os.environ.update(dds_environment())


@contextmanager
def running(script: str, *arguments: Any, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """
    Run one of these scripts beside; it has ended when the block has.

    :param script: its name in this folder, without ``.py``
    :param arguments: its command line
    :param environment: added to this process's or, with an empty text, removed from it
    """
    file = str(Path(__file__).with_name(f'{script}.py'))
    command = [sys.executable, file, *map(str, arguments)]
    variables = {key: value for key, value in (os.environ | environment).items() if value}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """
    Wait for what a process of :func:`running` prints last, JSON.

    :param process: the process
    """
    lines = process.communicate()[0].splitlines()
    if process.returncode or not lines:
        raise SystemExit(f'{process.args!r} must give figures. Got exit code {process.returncode}')
    return json.loads(lines[-1])


def cloud() -> Any:
    """
    Make the cloud of a depth camera that looks at a wall: 307,200 points, organised, in its optical frame.

    :returns: the message, its stamp still zero
    """
    from sensor_msgs.msg import PointCloud2, PointField

    across, down = np.meshgrid(np.linspace(-0.8, 0.8, CLOUD_WIDTH), np.linspace(-0.6, 0.6, CLOUD_HEIGHT))
    table = np.zeros((CLOUD_HEIGHT, CLOUD_WIDTH, 4), np.float32)  # x, y, z, and the colour's place
    table[..., :3] = np.stack((across, down, np.ones_like(across)), axis=-1) * WALL_M
    fields = [PointField(name=n, offset=4 * k, datatype=PointField.FLOAT32, count=1) for k, n in enumerate('xyz')]
    row_step = 16 * CLOUD_WIDTH
    message = PointCloud2(height=CLOUD_HEIGHT, width=CLOUD_WIDTH, fields=fields, point_step=16, row_step=row_step)
    message.header.frame_id = 'camera_depth_optical_frame'
    message.data = array.array('B', table.tobytes())
    return message


def sensors(width: int, height: int, transport: str, image_hz: float = IMAGE_HZ, cloud_hz: float = 0.0) -> None:
    """
    Be camera, IMU and depth camera until SIGTERM; stamps are of the system clock, those of frames told on ``frames``.

    :param width: of the picture, px
    :param height: of the picture, px
    :param transport: raw, or compressed (JPEG)
    :param image_hz: pictures per second
    :param cloud_hz: clouds per second, 0: none
    """
    import cv2
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from rclpy.serialization import deserialize_message
    from rclpy.signals import SignalHandlerOptions
    from sensor_msgs.msg import CompressedImage, Image, Imu, PointCloud2
    from std_msgs.msg import UInt64

    from lnn_controller.data.messages.build import image_message, imu_message, serialize
    from lnn_controller.nodes.common.messages import stamp

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # SIGTERM ends it at once: there is nothing to save
    node = rclpy.create_node('sensors')
    compressed = transport == 'compressed'
    topic, kind = ('image_raw/compressed', CompressedImage) if compressed else ('image_raw', Image)
    camera = node.create_publisher(kind, topic, qos_profile_sensor_data)
    told = node.create_publisher(UInt64, 'frames', 1000)
    imu = node.create_publisher(Imu, 'imu/data', qos_profile_sensor_data)
    depth = node.create_publisher(PointCloud2, 'points', qos_profile_sensor_data)
    seen = cloud()
    rng = np.random.default_rng(0)
    messages: list[Any] = []
    for _ in range(PICTURES):
        noise = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (0, 0), 3)
        picture = np.asarray(cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]
        if compressed:
            message = CompressedImage(format='rgb8; jpeg compressed bgr8')
            message.data = array.array('B', cv2.imencode('.jpg', picture)[1].tobytes())
        else:
            message = deserialize_message(bytes(serialize(image_message(0, picture))), Image)
        messages.append(message)
    still = imu_message(0, (0.0, 0.0, 0.1), (0.0, 0.0, 9.81))
    sample = deserialize_message(bytes(serialize(still)), Imu)
    frames = 0
    next_ns = next_cloud_ns = time.monotonic_ns()
    for _ in schedule(IMU_HZ):
        sample.header.stamp = stamp(time.time_ns())
        imu.publish(sample)
        if time.monotonic_ns() >= next_ns:
            next_ns += round(1e9 / image_hz)
            message = messages[frames % PICTURES]
            frames += 1
            sent_ns = time.time_ns()
            message.header.stamp = stamp(sent_ns)
            camera.publish(message)
            told.publish(UInt64(data=sent_ns))
        if cloud_hz and time.monotonic_ns() >= next_cloud_ns:
            next_cloud_ns += round(1e9 / cloud_hz)
            seen.header.stamp = stamp(time.time_ns())
            depth.publish(seen)


def sleeper(rate_hz: float, seconds: float) -> dict[str, float]:
    """
    Do nothing but sleep, with the scheduling of the controller's thread: what this machine allows at all, now.

    :param rate_hz: ticks per second
    :param seconds: how long, s
    :returns: how late the ticks were, and how many were missed
    """
    from lnn_controller.nodes.controller.control_loop import PRIORITY, ask_for_punctuality

    ask_for_punctuality(PRIORITY)
    late, skipped = [], 0
    end_ns = time.monotonic_ns() + round(seconds * 1e9)
    for late_ns, missed in schedule(rate_hz):
        if time.monotonic_ns() > end_ns:
            break
        late.append(late_ns)
        skipped += missed
    return spread_us(late) | {'missed': skipped}


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=('sensors', 'sleeper'))
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parser.add_argument('--transport', choices=('raw', 'compressed'), default='raw')
    parser.add_argument('--image-rate', type=float, default=IMAGE_HZ)
    parser.add_argument('--cloud-rate', type=float, default=0.0)
    parser.add_argument('--rate', type=float, default=100.0)
    parser.add_argument('--seconds', type=float, default=5.0)
    args = parser.parse_args()
    if args.what == 'sleeper':
        print(json.dumps(sleeper(args.rate, args.seconds)))
    else:
        sensors(args.width, args.height, args.transport, args.image_rate, args.cloud_rate)


if __name__ == '__main__':
    main()
