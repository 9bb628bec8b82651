"""
One step, camera frame to command: this package, compiled and in ONNX Runtime, beside ncps with the same weights.

    python benchmarks/step_latency.py [--steps 400] [--json]

All hold the same network: the encoder of the shipped policies and an ``ncps`` cell on ``AutoNCP(19, 2)``, whose weights
are brought over with ``from_ncps`` and exported to a policy bundle. They take turns in one process on one thread, and
their commands are compared with those of ncps at every step. Times are those of the processor, their median:

hot     blocks of 50 steps one after the other: everything is in the caches
cold    3 MB are written and a layer of PyTorch runs between any two steps
slept   5 ms of sleep before each step, as a robot's loop has them

Beside them: the convolutions alone (ONNX Runtime); the fit of a 640×480 picture, which none of the steps has in it; and
the time that the convolutions' arithmetic would take at the pace of a large matrix product.
"""

import argparse
import io
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ['OPENBLAS_NUM_THREADS'] = '1'

import cv2
import ncps.torch
import ncps.wirings
import numpy as np
import onnxruntime as ort
import torch
from summary import add

from lnn_controller.export.native import compile_policy, find_compiler
from lnn_controller.export.onnx import export
from lnn_controller.liquid import Sequence, from_ncps
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.policy import ImageSpec, ImuSpec, NetworkSpec, OutputSpec, Policy, PolicySpec, fit_frame

HEIGHT, WIDTH, FEATURES, UNITS, OUTPUTS = 53, 200, 32, 19, 2
IMU_SCALE = (1.0, 9.81)
DT_S, SLEEP_S, BLOCK, SAMPLES = 0.02, 0.005, 50, 32
ONNX, NATIVE, EAGER = 'lnn_controller, ONNX Runtime', 'lnn_controller, compiled', 'ncps, PyTorch eager'
HEAD = 'convolutions alone, ONNX Runtime'
KINDS = {'CfC': 'ncp_cfc', 'LTC': 'ltc'}
# How many times as fast as ncps' eager a step is to be.
GOALS = {'CfC': 10, 'LTC': 8}
Step = Callable[[np.ndarray, np.ndarray], np.ndarray]


class NcpsStep(torch.nn.Module):
    """Encoder and ncps cell as one function of its arguments, which can be traced and exported."""

    def __init__(self, encoder: ConvEncoder, rnn: torch.nn.Module) -> None:
        super().__init__()
        self.encoder, self.cell = encoder, rnn.rnn_cell
        self.scale = torch.tensor([IMU_SCALE[0]] * 3 + [IMU_SCALE[1]] * 3)

    def forward(
        self, frame: torch.Tensor, imu: torch.Tensor, hx: torch.Tensor, span: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and IMU through the cell."""
        return self.cell(torch.cat([self.encoder(frame), imu / self.scale], 1), hx, span)


def make_pair(kind: str, folder: Path) -> tuple[ConvEncoder, torch.nn.Module, Path]:
    """The same weights twice: encoder and ncps RNN for PyTorch, and a bundle."""
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
        image=ImageSpec(height=HEIGHT, width=WIDTH, crop_top=0.2),
        imu=ImuSpec(*IMU_SCALE),
        outputs=(OutputSpec('linear_x', 'm/s', -10, 10), OutputSpec('angular_z', 'rad/s', -10, 10)),
        network=NetworkSpec(
            KINDS[kind],
            cell.units,
            cell.state_size,
            FEATURES,
            1.0,
            wiring=cell.wiring.to_dict(),
            options={'layers': cell.layers} if kind == 'CfC' else {},
        ),
        dt_min_s=0.001,
        dt_max_s=1.0,
    )
    return encoder.eval(), rnn.eval(), export(network, spec, folder / spec.name, {})


def of_policy(policy: Policy) -> Step:
    """This package's step, its state going round."""
    hx = policy.initial_state()

    def step(frame: np.ndarray, imu: np.ndarray) -> np.ndarray:
        nonlocal hx
        made = policy.step(policy.encode(frame), imu, hx, DT_S)
        hx = made.hx
        return made.command

    return step


def of_torch(function: Callable[..., tuple[torch.Tensor, torch.Tensor]], state_size: int) -> Step:
    """A step in PyTorch."""
    span, hx = torch.tensor([[DT_S]]), torch.zeros(1, state_size)

    def step(frame: np.ndarray, imu: np.ndarray) -> np.ndarray:
        nonlocal hx
        with torch.inference_mode():
            made, hx = function(torch.from_numpy(frame)[None], torch.from_numpy(imu)[None], hx, span)
            return made[0].numpy()

    return step


def of_onnx(module: NcpsStep, example: tuple[torch.Tensor, ...]) -> Step:
    """Ncps exported to one graph by hand, as a careful user would."""
    file, names = io.BytesIO(), ['frame', 'imu', 'hx', 'span']
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(module, example, file, input_names=names, output_names=['y', 'h'], dynamo=False)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(file.getvalue(), options, providers=['CPUExecutionProvider'])
    taken = {each.name for each in session.get_inputs()}
    hx, span = example[2].numpy(), np.array([[DT_S]], np.float32)

    def step(frame: np.ndarray, imu: np.ndarray) -> np.ndarray:
        nonlocal hx
        feed = {'frame': frame[None], 'imu': imu[None], 'hx': hx, 'span': span}
        made, hx = session.run(None, {name: value for name, value in feed.items() if name in taken})
        return made[0]

    return step


def make_steps(kind: str, folder: Path) -> dict[str, Step]:
    """Everything that is compared."""
    encoder, rnn, path = make_pair(kind, folder)
    onnx, module = Policy.load(path, runtime='onnx'), NcpsStep(encoder, rnn).eval()
    size = onnx.spec.network.state_size
    example = (
        torch.zeros(1, HEIGHT, WIDTH, 3, dtype=torch.uint8),
        torch.zeros(1, 6),
        torch.zeros(1, size),
        torch.tensor([[DT_S]]),
    )
    with torch.no_grad():
        traced = torch.jit.freeze(torch.jit.trace(module, example, check_trace=False))
        traced = torch.jit.optimize_for_inference(traced)
    steps = {EAGER: of_torch(module, size), 'ncps, TorchScript': of_torch(traced, size)}
    steps |= {'ncps exported by hand, ONNX Runtime': of_onnx(module, example), ONNX: of_policy(onnx)}
    if find_compiler() is not None:
        compile_policy(path)
        steps[NATIVE] = of_policy(Policy.load(path, runtime='native'))
    return steps | {HEAD: lambda frame, _: onnx.encode(frame)[:OUTPUTS]}


def timed_us(work: Callable[[], object]) -> float:
    """Processor time of one call, µs."""
    before = time.process_time_ns()
    work()
    return (time.process_time_ns() - before) / 1e3


def measure(kind: str, steps: int, folder: Path) -> dict[str, dict[str, float]]:
    """Time all in turn, hot, cold and after a sleep, and compare what they command."""
    contenders = make_steps(kind, folder)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (SAMPLES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    imu = rng.normal(0, [1, 1, 1, 3, 3, 3], (SAMPLES, 6)).astype(np.float32)
    commands = {name: np.array([step(frames[i], imu[i]) for i in range(SAMPLES)]) for name, step in contenders.items()}
    found = {name: {} for name in contenders}
    for name, made in commands.items():
        if name != HEAD:
            found[name]['max_abs_difference'] = float(np.abs(made - commands[EAGER]).max())
    dirt, layer = np.zeros(3 << 20, np.uint8), torch.nn.Conv2d(8, 8, 3)

    def soil() -> None:
        dirt[::64] += 1
        with torch.inference_mode():
            layer(torch.randn(1, 8, 20, 20)).sum().item()

    modes = {'hot': (BLOCK, lambda: None), 'cold': (1, soil), 'slept': (1, lambda: time.sleep(SLEEP_S))}
    for mode, (block, before) in modes.items():
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for start in range(0, steps if block > 1 else steps // 4, block):
            for name, step in contenders.items():
                for i in range(-3 if block > 1 else 0, block):
                    before()
                    sample = (start + i) % SAMPLES
                    taken = timed_us(lambda step=step, sample=sample: step(frames[sample], imu[sample]))
                    if i >= 0:
                        times[name].append(taken)
        for name, each in times.items():
            found[name][f'{mode}_us'] = round(float(np.median(each)), 1)
    return found


def beside(folder: Path) -> dict[str, float]:
    """The fit of a picture, which no step has in it, and the least that a step's arithmetic takes."""
    cv2.setNumThreads(1)
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    path = folder / 'ncps_cfc'
    native = Policy.load(path)
    weights = np.random.default_rng(0).normal(size=(2, 1024, 1024)).astype(np.float32)
    rounds = {'fit_opencv_us': lambda: fit_frame(picture, native.spec.image)}
    if native.runtime == 'native':
        rounds['fit_compiled_us'] = lambda: native.fit(picture)
    found = {name: round(float(np.median([timed_us(work) for _ in range(100)])), 1) for name, work in rounds.items()}
    pace = 2 * 1024**3 / min(timed_us(lambda: weights[0] @ weights[1]) for _ in range(10))
    operations = 2 * sum(convolutions(HEIGHT, WIDTH))
    return found | {'step_mflop': round(operations / 1e6, 2), 'limit_us': round(operations / pace, 1)}


def convolutions(height: int, width: int) -> list[int]:
    """Multiply-adds of each of the encoder's convolutions; what comes after them is a hundredth."""
    counts, channels = [], 3
    for kernel, stride, filters in ((5, 3, 16), (3, 2, 16), (3, 2, 32), (3, 1, 8)):
        height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
        counts.append(height * width * filters * kernel * kernel * channels)
        channels = filters
    return counts


def table(results: dict[str, dict[str, dict[str, float]]], more: dict[str, float]) -> str:
    """Write the results as Markdown."""
    lines = []
    for kind, found in results.items():
        eager, head = found[EAGER], found[HEAD]
        lines += [
            f'\n{kind}, {UNITS} neurons, frame {HEIGHT}×{WIDTH} to command, processor time of one thread, medians\n',
            '| | hot, µs | cold | slept | × ncps eager, likewise | / convolutions, hot | largest difference |',
            '| --- | --- | --- | --- | --- | --- | --- |',
        ]
        for name, row in found.items():
            modes = [row[f'{mode}_us'] for mode in ('hot', 'cold', 'slept')]
            times = ' / '.join(f'{eager[f"{m}_us"] / row[f"{m}_us"]:.1f}' for m in ('hot', 'cold', 'slept'))
            difference = f'{row["max_abs_difference"]:.0e}' if 'max_abs_difference' in row else ''
            cells = (*(f'{each:.0f}' for each in modes), times, f'{row["hot_us"] / head["hot_us"]:.2f}', difference)
            lines.append(f'| {name} | {" | ".join(cells)} |')
    fits = ', '.join(f'{name[4:-3]} {more[name]:.0f}' for name in ('fit_opencv_us', 'fit_compiled_us') if name in more)
    lines.append(f'\nFit of a 640×480 picture, in no step above, µs: {fits}.')
    limit = f'{more["step_mflop"]} MFLOP, {more["limit_us"]:.0f} µs at the pace of a matrix product'
    lines.append(f'Limit: the convolutions are {limit}.')
    return '\n'.join(lines)


def add_rows(results: dict[str, dict[str, dict[str, float]]], more: dict[str, float]) -> None:
    """Sum up for :mod:`summary`."""
    for kind, found in results.items():
        eager, head = found[EAGER], found[HEAD]
        for name, goal in ((NATIVE, f'hot and slept ≥ {GOALS[kind]} ×, ≤ 0.8'), (ONNX, '')):
            if name in found:
                row = found[name]
                times = ', '.join(f'{eager[f"{m}_us"] / row[f"{m}_us"]:.1f}' for m in ('hot', 'cold', 'slept'))
                spent = ', '.join(f'{row[f"{m}_us"]:.0f}' for m in ('hot', 'cold', 'slept'))
                add(
                    f'a step of {kind}, frame to command: {name.partition(", ")[2]}; hot, cold, slept',
                    f'{times} × `ncps` ({spent} µs); {row["hot_us"] / head["hot_us"]:.2f} of the convolutions',
                    goal,
                )
    if 'fit_compiled_us' in more:
        add('the fit of a raw 640×480 picture', f'{more["fit_compiled_us"]:.0f} µs, OpenCV {more["fit_opencv_us"]:.0f}')


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--steps', type=int, default=400, help='hot; cold and after a sleep a quarter of them')
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ['XDG_CACHE_HOME'] = str(Path(folder, 'cache'))
        results = {kind: measure(kind, args.steps, Path(folder)) for kind in KINDS}
        more = beside(Path(folder))
    add_rows(results, more)
    print(json.dumps({**results, 'beside': more}, indent=2) if args.json else table(results, more))


if __name__ == '__main__':
    main()
