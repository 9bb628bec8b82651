"""
A training step: this package's against the same network around an ncps cell, on the same batches.

    python benchmarks/training.py [--steps 12] [--json]

Three minutes of a camera of 30 Hz (pictures of noise: their content costs nothing) give windows as `lnn train` draws
and augments them, for the network of config/train.yaml: frames of 53×200, 19 neurons, 16 windows of 32 ticks at 10 to
100 Hz. The sides take turns, a step each, in one process on one thread; what counts is processor time, so that a busy
machine says the same. Windows, augmentation, encoder, loss, clipping and AdamW are the same on all sides:

- `lnn train`'s step: each frame encoded once, in chunks that stay in the cache; the cell on the wiring's synapses;
- ncps: each frame encoded once, all of a batch together; `ncps.torch.CfC` on `AutoNCP(19, 2)`;
- ncps, chunks: the same in this package's chunks, so that what is left between the two is the cell;
- plain loop: as ncps, but the frame of every tick is encoded, also where the camera gave no new one.

Frames a second are the camera's, each counted once.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable

import ncps.torch
import ncps.wirings
import numpy as np
import torch
from summary import add

from lnn_controller.data.episode import Episode
from lnn_controller.learning.build import build_network, new_spec
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.module import FRAMES_AT_ONCE, PolicyModule, at_ticks
from lnn_controller.learning.windows import Batch, Windows
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.policy.spec import ImageSpec

IMAGE = ImageSpec(height=53, width=200)
MINUTES, CAMERA_HZ, IMU_HZ, COMMAND_HZ = 3, 30, 200, 50
WARM_UP = 2
#: takes a batch and makes a step
Step = Callable[[Batch], None]


def recording(seed: int) -> Episode:
    """A minute of noise, with an IMU and commands."""
    rng = np.random.default_rng(seed)

    def stamps(rate_hz: float) -> np.ndarray:
        return np.arange(0, 60_000_000_000, round(1e9 / rate_hz), dtype=np.int64)

    frames, samples, commands = stamps(CAMERA_HZ), stamps(IMU_HZ), stamps(COMMAND_HZ)
    return Episode(
        name=f'noise {seed}',
        images=rng.integers(0, 256, (len(frames), IMAGE.height, IMAGE.width, 3), np.uint8),
        image_stamps_ns=frames,
        imu=rng.normal(0, 1, (len(samples), 6)).astype(np.float32),
        imu_stamps_ns=samples,
        commands=rng.normal(0, 1, (len(commands), 2)).astype(np.float32),
        command_stamps_ns=commands,
        channels=('linear_x', 'angular_z'),
    )


def our_step(module: PolicyModule) -> Step:
    """The step that Lightning makes for `lnn train`."""
    optimizer = module.configure_optimizers()['optimizer']

    def step(batch: Batch) -> None:
        module.training_step(batch, 0).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def ncps_step(loss: Callable[..., torch.Tensor], features: int, frames_at_once: int | None, *, plain: bool) -> Step:
    """The same with an ncps cell; ``plain``: the frame of every tick is encoded."""
    torch.manual_seed(0)
    encoder = ConvEncoder(IMAGE.height, IMAGE.width, features)
    cell = ncps.torch.CfC(features + 6, ncps.wirings.AutoNCP(19, 2))
    throw_away = torch.nn.Linear(features, 2)
    parameters = [*encoder.parameters(), *cell.parameters(), *throw_away.parameters()]
    optimizer = torch.optim.AdamW(parameters, 2e-3)

    def step(batch: Batch) -> None:
        frames, ticks = batch.frames, batch
        if plain:
            frames = torch.stack([each[index] for each, index in zip(frames, batch.frame_index, strict=True)])
            ticks = batch._replace(frame_index=torch.arange(frames.shape[1]).expand(len(frames), -1))
        flat = frames.flatten(0, 1)
        each = torch.cat([encoder(chunk) for chunk in torch.split(flat, frames_at_once or len(flat))])
        seen = at_ticks(each.reshape(*frames.shape[:2], -1), ticks)
        # ncps 1.0.1 takes the time steps of one sequence, not of a batch: its cell has steps of 1.
        commands, _ = cell(torch.cat([seen, batch.imu], -1))
        total = loss(commands, batch.command, batch.mask) + 0.5 * loss(throw_away(seen), batch.command, batch.mask)
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def measure(steps: int) -> dict[str, dict[str, float]]:
    """Let all sides make their steps in turn."""
    episodes = [recording(seed) for seed in range(MINUTES)]
    config = TrainConfig(steps=steps + WARM_UP, epochs=1, rate_min_hz=10.0, rate_max_hz=100.0)
    module = PolicyModule(build_network(new_spec('noise', config, IMAGE, episodes), 0), config, {})
    sides = {
        'lnn train': our_step(module),
        'ncps': ncps_step(module.loss, config.features, None, plain=False),
        'ncps, chunks': ncps_step(module.loss, config.features, FRAMES_AT_ONCE, plain=False),
        'plain loop': ncps_step(module.loss, config.features, None, plain=True),
    }
    batches = iter(Windows(episodes, config))
    taken_s: dict[str, list[float]] = {name: [] for name in sides}
    drawing_s, frames = [], []
    while True:
        began_s = time.process_time()
        batch = next(batches, None)
        if batch is None:
            break
        drawing_s.append(time.process_time() - began_s)
        frames.append(sum(len(row.unique()) for row in batch.frame_index))
        for name, step in sides.items():
            began_s = time.process_time()
            step(batch)
            taken_s[name].append(time.process_time() - began_s)
    unique, drawing = float(np.mean(frames[WARM_UP:])), float(np.mean(drawing_s[WARM_UP:]))
    results = {}
    for name, each_s in taken_s.items():
        step_s = drawing + float(np.mean(each_s[WARM_UP:]))
        results[name] = {'step_ms': round(step_s * 1e3, 1), 'frames_per_s': round(unique / step_s)}
    for figures in results.values():
        figures['lnn_train_is_faster'] = round(figures['step_ms'] / results['lnn train']['step_ms'], 2)
    return results


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--steps', type=int, default=12)
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings('ignore', module='lightning')
    results = measure(args.steps)
    faster = {name: f'{each["lnn_train_is_faster"]:.2f}' for name, each in results.items()}
    add(
        'a training step, batch and augmentation included, processor time',
        f'{faster["ncps"]} × `ncps` on the same batches, {faster["ncps, chunks"]} × with our chunks, '
        f'{faster["plain loop"]} × a plain loop; {results["lnn train"]["frames_per_s"]} frames a second',
        '≥ 1.4 × `ncps`',
    )
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(f'A training step, {args.steps} each in turn, processor time, drawing and augmenting the batch included:\n')
    print(f'{"":<14}{"ms a step":>12}{"frames/s":>12}{"lnn train is faster":>22}')
    for name, each in results.items():
        print(f'{name:<14}{each["step_ms"]:>12}{each["frames_per_s"]:>12.0f}{each["lnn_train_is_faster"]:>20.2f} ×')


if __name__ == '__main__':
    main()
