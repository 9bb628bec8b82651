"""
One step, camera frame to command: this package's runtime against ncps + PyTorch eager with the same weights.

    python benchmarks/step_latency.py [--steps 2000] [--block 50] [--json]

Both sides hold the same network: the encoder of the shipped policies and an ``ncps`` cell on ``AutoNCP(19, 2)``, whose
weights are brought over with ``from_ncps`` and exported to a policy bundle. The two take turns, a block of steps each,
in one process on one thread, so that a busy machine slows both; their commands are compared at every step. A block of 1
shows them with cold caches.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import ncps.torch
import ncps.wirings
import numpy as np
import torch

from lnn_controller.export.onnx import export
from lnn_controller.liquid import Sequence, from_ncps
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.policy import ImageSpec, ImuSpec, NetworkSpec, OutputSpec, PolicySpec
from lnn_controller.policy.runtime import Policy

HEIGHT, WIDTH, FEATURES, UNITS, OUTPUTS = 53, 200, 32, 19, 2
IMU_SCALE = (1.0, 9.81)


def make_pair(kind: str, folder: Path) -> tuple[ConvEncoder, torch.nn.Module, Policy]:
    """The same weights twice: encoder and ncps RNN for PyTorch, and a loaded policy."""
    torch.manual_seed(0)
    encoder = ConvEncoder(HEIGHT, WIDTH, FEATURES)
    wiring = ncps.wirings.AutoNCP(UNITS, OUTPUTS)
    rnn = {'CfC': ncps.torch.CfC, 'LTC': ncps.torch.LTC}[kind](FEATURES + 6, wiring)
    converted = from_ncps(rnn)
    cell = converted.cell if isinstance(converted, Sequence) else converted
    network = PolicyNetwork(encoder=encoder, cell=cell, channels=OUTPUTS, imu_scale=IMU_SCALE, time_scale=1.0)
    with torch.no_grad():  # the command is the motor outputs themselves, as it is for ncps
        network.readout.weight.copy_(torch.eye(cell.units)[:OUTPUTS])
        network.readout.bias.zero_()
    spec = PolicySpec(
        name=f'ncps_{kind.lower()}',
        image=ImageSpec(height=HEIGHT, width=WIDTH),
        imu=ImuSpec(*IMU_SCALE),
        outputs=(OutputSpec('linear_x', 'm/s', -10, 10), OutputSpec('angular_z', 'rad/s', -10, 10)),
        network=NetworkSpec(kind.lower(), cell.units, cell.state_size, FEATURES, 1.0),
        dt_min_s=0.001,
        dt_max_s=1.0,
    )
    export(network, spec, folder / spec.name, {})
    return encoder.eval(), rnn.eval(), Policy.load(folder / spec.name)


def measure(kind: str, steps: int, block: int, folder: Path) -> dict[str, float]:
    """Time both sides in turn and compare what they command."""
    encoder, rnn, policy = make_pair(kind, folder)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (32, HEIGHT, WIDTH, 3), dtype=np.uint8)
    imu = rng.normal(0, [1, 1, 1, 3, 3, 3], (32, 6)).astype(np.float32)
    scale = torch.tensor([IMU_SCALE[0]] * 3 + [IMU_SCALE[1]] * 3)
    dt_s, span = 0.02, torch.tensor([[0.02]])
    hx, state = policy.initial_state(), None
    ours: list[float] = []
    theirs: list[float] = []
    difference = 0.0
    with torch.inference_mode():
        for start in range(0, steps + block, block):
            batch = [(frames[i % 32], imu[i % 32]) for i in range(start, start + block)]
            commands = []
            for frame, sample in batch:
                before = time.perf_counter_ns()
                step = policy.step(policy.encode(frame), sample, hx, dt_s)
                ours.append((time.perf_counter_ns() - before) / 1e3)
                hx = step.hx
                commands.append(step.command)
            for (frame, sample), command in zip(batch, commands, strict=True):
                before = time.perf_counter_ns()
                features = encoder(torch.from_numpy(frame)[None])
                x = torch.cat([features, torch.from_numpy(sample)[None] / scale], 1)[:, None]
                output, state = rnn(x, state, timespans=span)
                result = output[0, 0].numpy()
                theirs.append((time.perf_counter_ns() - before) / 1e3)
                difference = max(difference, float(np.abs(command - result).max()))
    ours, theirs = ours[block:], theirs[block:]  # the first block warms up
    return {
        'lnn_controller_p50_us': round(float(np.median(ours)), 1),
        'lnn_controller_p99_us': round(float(np.percentile(ours, 99)), 1),
        'ncps_p50_us': round(float(np.median(theirs)), 1),
        'ncps_p99_us': round(float(np.percentile(theirs, 99)), 1),
        'times_faster': round(float(np.median(theirs) / np.median(ours)), 2),
        'max_abs_difference': difference,
    }


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--steps', type=int, default=2000)
    parser.add_argument('--block', type=int, default=50, help='steps before the other side has its turn')
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        results = {kind: measure(kind, args.steps, args.block, Path(folder)) for kind in ('CfC', 'LTC')}
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(
        f'One step, frame {HEIGHT}×{WIDTH} to command, {UNITS} neurons, one thread, {args.steps} steps each, in turn:\n'
    )
    print(f'{"cell":<6}{"lnn_controller p50 / p99 (µs)":>32}{"ncps p50 / p99 (µs)":>24}{"faster":>9}{"difference":>13}')
    for kind, r in results.items():
        ours = f'{r["lnn_controller_p50_us"]:.0f} / {r["lnn_controller_p99_us"]:.0f}'
        theirs = f'{r["ncps_p50_us"]:.0f} / {r["ncps_p99_us"]:.0f}'
        print(f'{kind:<6}{ours:>32}{theirs:>24}{r["times_faster"]:>8.1f}×{r["max_abs_difference"]:>13.1e}')


if __name__ == '__main__':
    main()
