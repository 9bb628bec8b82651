"""
What the length of recordings costs `lnn train`: processor time of loading, and memory.

    python benchmarks/length.py [--minutes 1 10] [--hundred] [--steps 12] [--json]

Bags are made on the spot, in a temporary folder (`TMPDIR`): small JPEGs at 30 Hz that become frames of 53×200, an IMU
at 100 Hz, commands at 20 Hz. Each row is a process of its own, which loads them, trains some steps, validates and
tests as `lnn train` does. `--minutes 60` makes 4 GB of files, and `--hundred`, a hundred bags of ten minutes with a
camera of 10 Hz, 23 GB; they take ten minutes and more, and are not part of `make bench`.

Memory is what the process has to itself (anonymous memory, sampled every 20 ms) beyond what it had after a training of
one window of two ticks, which has all libraries loaded: frames are mapped from files, and the kernel takes those pages
back whenever somebody needs them. *Needed* is what a step cannot do without, in its largest batch: the batch, what
autograd keeps of it for the backward pass, and the parameters with gradient and AdamW's two moments; the peak is given
as a multiple of that. `--limit-gb` sets a limit that the kernel holds the process to (RLIMIT_DATA).
"""

import argparse
import ctypes
import json
import multiprocessing
import resource
import struct
import tempfile
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from summary import add

from lnn_controller.data import BagWriter
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.data.messages.build import imu_message, serialize, twist_stamped_message, typestore
from lnn_controller.policy.spec import ImageSpec

HEIGHT, WIDTH, PICTURES = 53, 200, 64
IMU_HZ, COMMAND_HZ = 100, 20
STAMP = struct.Struct('<iI')  # where a header begins, behind the four bytes of the encapsulation
PAGE = resource.getpagesize()


def stamped(data: bytearray, stamp_ns: int) -> bytearray:
    """The message with another stamp in its header."""
    STAMP.pack_into(data, 4, *divmod(stamp_ns, 1_000_000_000))
    return data


def make_bag(path: Path, minutes: float, camera_hz: int, start_ns: int) -> None:
    """A drive along bends: every picture of a few, in turn; the robot steers by a sine."""
    types, rng = typestore().types, np.random.default_rng(start_ns % 1000)
    image = types['sensor_msgs/msg/CompressedImage']
    header = imu_message(0, (0, 0, 0), (0, 0, 9.81)).header
    pictures = []
    for number in range(PICTURES):
        noise = cv2.resize(rng.integers(0, 256, (6, 20, 3), np.uint8), (WIDTH, HEIGHT))
        data = cv2.imencode('.jpg', np.roll(noise, number, 1))[1].ravel()
        pictures.append(bytearray(serialize(image(header=header, format='jpeg', data=data))))
    samples = [
        bytearray(serialize(imu_message(0, *rng.normal(0, 1, (2, 3)) + [[0] * 3, [0, 0, 9.8]]))) for _ in range(99)
    ]
    turns = np.sin(np.arange(400) / 400 * 2 * np.pi)
    commands = [
        bytearray(serialize(twist_stamped_message(0, linear=(1, 0, 0), angular=(0, 0, turn)))) for turn in turns
    ]
    streams = [
        ('/camera/compressed', 'sensor_msgs/msg/CompressedImage', camera_hz, pictures),
        ('/imu/data', 'sensor_msgs/msg/Imu', IMU_HZ, samples),
        ('/cmd_vel', 'geometry_msgs/msg/TwistStamped', COMMAND_HZ, commands),
    ]
    with BagWriter(path) as bag:
        for topic, msgtype, _, _ in streams:
            bag.add_topic(topic, msgtype)
        # Second by second, each topic's messages in order: what a recorder's cache does, too.
        for second in range(round(minutes * 60)):
            for topic, _, rate_hz, messages in streams:
                for number in range(second * rate_hz, (second + 1) * rate_hz):
                    stamp_ns = start_ns + number * 1_000_000_000 // rate_hz
                    bag.write(topic, stamp_ns, stamped(messages[number % len(messages)], stamp_ns))


def own_mb() -> float:
    """Memory that this process has to itself, MB: resident, less what is mapped from files."""
    _, resident, shared, *_ = Path('/proc/self/statm').read_text().split()
    return (int(resident) - int(shared)) * PAGE / 1e6


class Peak(threading.Thread):
    """Watches how much memory the process has to itself."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mb, self._over = own_mb(), threading.Event()

    def run(self) -> None:
        """Look, until it is over."""
        while not self._over.wait(0.02):
            self.mb = max(self.mb, own_mb())

    def end(self) -> float:
        """Stop looking; the peak, MB."""
        self._over.set()
        return self.mb


def needed_mb(split: Any, config: Any) -> float:
    """What a step of training needs at least, of the batches of this training the largest, MB."""
    import torch

    from lnn_controller.learning.build import build_network, new_spec
    from lnn_controller.learning.module import PolicyModule
    from lnn_controller.learning.windows import Windows

    spec = new_spec('needed', config, ImageSpec(HEIGHT, WIDTH), split.train)
    module = PolicyModule(build_network(spec, config.seed), config, {})
    own = {each.untyped_storage().data_ptr() for each in module.parameters()}
    most = 0
    for batch in Windows(split.train, config):
        kept = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in batch}

        def keep(tensor: Any, kept: dict[int, int] = kept) -> Any:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = module.training_step(batch, 0)
            most = max(most, sum(size for place, size in kept.items() if place not in own))
        del loss
    return (most + 4 * sum(each.nbytes for each in module.parameters())) / 1e6


def train(bags: list[Path], folder: Path, steps: int, limit_gb: float, results: Any) -> None:
    """Load and train in this process, as `lnn train` does, and put down what it took."""
    import torch

    from lnn_controller.learning.config import TrainConfig
    from lnn_controller.learning.episodes import load
    from lnn_controller.learning.train import train as train_policy

    warnings.filterwarnings('ignore', module='lightning')
    if limit_gb:
        resource.setrlimit(resource.RLIMIT_DATA, (round(limit_gb * 1e9),) * 2)
    torch.set_num_threads(1)
    config = TrainConfig(steps=steps, epochs=1, image_height=HEIGHT, image_width=WIDTH)
    cache = FrameCache(1000.0, folder / 'cache')
    smallest = replace(config, steps=1, batch_size=1, window_ticks=2)
    make_bag(folder / 'smallest', 0.2, 30, 1_600_000_000_000_000_000)
    train_policy([folder / 'smallest'], folder / 'first', smallest, cache=cache, progress=False, report=_nothing)
    ctypes.CDLL(None).malloc_trim(0)  # what that training freed is not the libraries'
    start_mb, peak = own_mb(), Peak()
    peak.start()
    began_s = time.process_time()
    _, split = load(bags, config, cache=cache)
    loaded_s = time.process_time() - began_s
    loading_mb = peak.mb - start_mb
    frames = split.frames + sum(len(each.images) for each in split.validation)
    del split
    began_s = time.process_time()
    result = train_policy(bags, folder / 'policy', config, cache=cache, progress=False, report=_nothing)
    trained_s, peak_mb = time.process_time() - began_s, peak.end() - start_mb
    needed = needed_mb(load(bags, config, cache=cache)[1], config)
    results.put(
        {
            'frames_mb': round(frames * HEIGHT * WIDTH * 3 / 1e6),
            'load_cpu_s': round(loaded_s, 1),
            'again_and_training_cpu_s': round(trained_s, 1),
            'loading_peak_mb': round(loading_mb),
            'peak_mb': round(peak_mb),
            'needed_mb': round(needed),
            'ratio': round(peak_mb / needed, 2),
            'start_mb': round(start_mb),
            'mae': result.metrics['validation']['angular_z']['mae'],
        }
    )


def _nothing(_: str) -> None:
    """Report nothing."""


def measure(minutes: float, bags: int, camera_hz: int, steps: int, limit_gb: float) -> dict[str, float]:
    """Make the bags, and have a process train on them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / f'bag_{number:03}' for number in range(bags)]
        for number, path in enumerate(paths):
            make_bag(path, minutes, camera_hz, 1_700_000_000_000_000_000 + number * 10_000_000_000_000)
        context = multiprocessing.get_context('spawn')
        results: Any = context.Queue()
        process = context.Process(target=train, args=(paths, folder, steps, limit_gb, results))
        process.start()
        while process.is_alive() and results.empty():
            process.join(1.0)
        if results.empty():
            raise SystemExit(f'training on {bags} × {minutes:g} minutes ended with {process.exitcode}')
        figures: dict[str, float] = results.get()
        process.join()
        return figures


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, nargs='*', default=[1.0, 10.0], help='lengths of a single bag')
    parser.add_argument('--hundred', action='store_true', help='also a hundred bags of ten minutes')
    parser.add_argument('--steps', type=int, default=12)
    parser.add_argument('--limit-gb', type=float, default=0.0, help='memory that a process may have to itself')
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    cases = {f'{minutes:g} min': (minutes, 1, 30) for minutes in args.minutes}
    if args.hundred:
        cases['100 × 10 min'] = (10.0, 100, 10)
    columns = (
        'frames_mb',
        'load_cpu_s',
        'again_and_training_cpu_s',
        'loading_peak_mb',
        'peak_mb',
        'needed_mb',
        'ratio',
    )
    if not args.json:
        print('Loading (processor time), loading again out of the cache and training, peaks of memory:\n')
        print(f'{"":<14}' + ''.join(f'{name:>{len(name) + 3}}' for name in columns))
    results = {}
    for name, case in cases.items():
        figures = results[name] = measure(*case, args.steps, args.limit_gb)
        add(
            f'training on {name} of recording: peak of memory beyond the libraries',
            f'{figures["peak_mb"]} MB of {figures["frames_mb"]} MB of frames, {figures["ratio"]} × what a step needs; '
            f'loaded in {figures["load_cpu_s"]} s',
            '≤ 1.5 × what a step needs',
        )
        if not args.json:
            print(f'{name:<14}' + ''.join(f'{figures[each]:>{len(each) + 3}}' for each in columns), flush=True)
    if args.json:
        print(json.dumps(results, indent=2))


if __name__ == '__main__':
    main()
