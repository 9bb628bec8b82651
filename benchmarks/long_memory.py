"""
Long sequences: how far gradients reach, how often they explode, and what is remembered at the end, cell by cell.

    python benchmarks/long_memory.py --table docs/liquid.md  # what is in benchmarks/long_memory.json is not run again
    python benchmarks/long_memory.py --tasks gradients --cells cfc --seeds 0 --out out/long_memory.json

``gradients``: 10 neurons learn a smoothed, delayed reading of a noisy signal over 1,000 irregular steps, in 10 steps of
the optimiser, clipped as ``lnn train`` clips. ``copy``: one symbol of 4 is shown at first and asked for at the end.
``xor``: a bit is shown in the first tenth of the sequence and one in the last; at the end: do they differ? Both are
learnt on short sequences first, then on longer ones (``PLAN``), and tested after each; a cell has at most 1,000
parameters beside its readout. Δt is drawn from 0.5 to 1.5 everywhere.
"""

import argparse
import math
import time
from collections.abc import Mapping
from itertools import product
from statistics import median
from typing import Any

import torch
from resumed import add_options, write_results
from summary import add
from torch import Tensor
from torch.nn import functional as F

from lnn_controller.liquid import Sequence, auto_ncp, make_cell, units_for
from lnn_controller.liquid.cells import WIRED
from lnn_controller.liquid.gradients import clip_gradients
from lnn_controller.studies.runner import Row, read_rows

#: by label: name of the cell, and its options
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    'ncp_cfc': ('ncp_cfc', {}),
    'ncp_cfc self_state': ('ncp_cfc', {'self_state': True}),
    'ncp_cfc mixed': ('ncp_cfc', {'mixed_memory': True}),
    'ltc': ('ltc', {}),
    'cfc': ('cfc', {}),
    'dlinoss': ('dlinoss', {}),
    'lstm': ('lstm', {}),
    'gru': ('gru', {}),
    'ctrnn': ('ctrnn', {}),
}
STEPS, BATCH, UNITS = 1000, 8, 10
EXPLODED = 50.0
ITERATIONS = 10
PARAMETERS, TRAINED, TESTED, SYMBOLS = 1000, 64, 256, 4
#: of copy and xor: steps of a sequence → steps of the optimiser, one after the other
PLAN = {25: 200, 100: 40, 400: 15}
#: seeds; what happens seldom is looked for more often
SEEDS, MORE_SEEDS = range(5), {('gradients', 'cfc'): range(20)}
CHANCE = {'copy': 1 / SYMBOLS, 'xor': 0.5}


def train(label: str, seed: int, *, iterations: int, steps: int = STEPS) -> tuple[list[float], list[float], Sequence]:
    """
    Train one small network with clipped gradients.

    :param label: one of CELLS
    :param seed: of weights and data
    :param iterations: optimiser steps
    :param steps: of each sequence
    :returns: the loss of each iteration; the gradient's norm before clipping; the network
    """
    torch.manual_seed(seed)
    name, options = CELLS[label]
    cell = make_cell(name, input_size=2, units=UNITS, outputs=1, **options)
    network = Sequence(cell, torch.nn.Linear(1, 1))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    dt = torch.rand(BATCH, steps) + 0.5
    phase = dt.cumsum(1) * 0.05 + 2 * math.pi * torch.rand(BATCH, 1)
    x = torch.stack([phase.sin(), phase.cos()], dim=-1) + 0.1 * torch.randn(BATCH, steps, 2)
    target = (phase - 0.6).sin()
    losses, norms = [], []
    for _ in range(iterations):
        y, _ = network(x, dt)
        loss = (y[..., 0] - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.get_total_norm([p.grad for p in network.parameters()]).item())
        clip_gradients(network.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    return losses, norms, network


def reach(network: Sequence, seed: int) -> dict[str, float]:
    """
    Look how the gradient of the last neurons comes back through the steps.

    :param network: trained or not
    :param seed: of the inputs
    :returns: ``growth``: the largest gradient with respect to one input, as a multiple of the largest of the last 20;
        ``steps``: how many steps back it is at least 1 % of that
    """
    generator = torch.Generator().manual_seed(1000 + seed)
    x = torch.randn(1, STEPS, 2, generator=generator).requires_grad_()
    dt = torch.rand(1, STEPS, generator=generator) + 0.5
    neurons = network.cell.unroll(x, dt.unsqueeze(-1), network.cell.initial_state(1))[0]
    neurons[:, -1].sum().backward()
    assert x.grad is not None
    size = x.grad[0].norm(dim=1).double()
    near = size[-20:].max()
    felt = torch.nonzero(size >= 0.01 * near)
    return {'growth': float(size.max() / near), 'steps': float(STEPS - felt[0].item()) if len(felt) else math.nan}


def gradients(label: str, seed: int) -> dict[str, Any]:
    """Train as :func:`train`, and look at the gradient's reach before and after."""
    _, _, fresh = train(label, seed, iterations=0)
    before = reach(fresh, seed)
    losses, norms, network = train(label, seed, iterations=ITERATIONS)
    return {
        'largest_norm': max(norms),
        'not_finite': sum(not math.isfinite(each) for each in norms),
        'loss_left': losses[-1] / losses[0],
        'before': before,
        'after': reach(network, seed),
    }


def copy(length: int, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw symbols to be told again at the end: inputs (B, T, 5), symbols and the question; answers (B,)."""
    x = torch.zeros(count, length, SYMBOLS + 1)
    shown = torch.randint(SYMBOLS, (count,), generator=generator)
    x[:, 0, :SYMBOLS] = F.one_hot(shown, SYMBOLS).float()
    x[:, -1, SYMBOLS] = 1.0
    return x, shown


def xor(length: int, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw two bits, far from each other: inputs (B, T, 2), value and mark; answers (B,)."""
    x = torch.zeros(count, length, 2)
    bits = torch.randint(2, (count, 2), generator=generator)
    part, each = length // 10, torch.arange(count)
    for number, start in enumerate((0, length - 1 - part)):
        at = start + torch.randint(part, (count,), generator=generator)
        x[each, at, 0] = 2.0 * bits[:, number] - 1.0
        x[each, at, 1] = 1.0
    return x, bits.sum(1) % 2


DRAWN = {'copy': copy, 'xor': xor}


def remember(task: str, label: str, seed: int) -> dict[str, Any]:
    """
    Train a cell on a task, on sequences that are drawn anew for every step, and count what it remembers.

    :param task: one of DRAWN
    :param label: one of CELLS
    :param seed: of weights, wiring and sequences
    :returns: ``parameters`` of the cell, and by steps of a sequence its ``accuracy`` on such that it has not seen
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    name, options = CELLS[label]
    options = options | ({'backbone_layers': 0} if name == 'cfc' else {})
    inputs, classes = {'copy': (SYMBOLS + 1, SYMBOLS), 'xor': (2, 2)}[task]
    units = units_for(name, inputs, PARAMETERS, seed=seed, **options)
    if name in WIRED:
        options = options | {'wiring': auto_ncp(inputs, units, max(1, units // 4), seed=seed)}
    cell = make_cell(name, input_size=inputs, units=units, **options)
    network = Sequence(cell, torch.nn.Linear(cell.output_size, classes))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)

    def answer(length: int, count: int) -> tuple[Tensor, Tensor]:
        x, wanted = DRAWN[task](length, count, generator)
        y, _ = network(x, torch.rand(count, length, generator=generator) + 0.5)
        return y[:, -1], wanted

    accuracy = {}
    for length, iterations in PLAN.items():
        for _ in range(iterations):
            optimiser.zero_grad()
            F.cross_entropy(*answer(length, TRAINED)).backward()
            clip_gradients(network.parameters(), 1.0)
            optimiser.step()
        with torch.no_grad():
            y, wanted = answer(length, TESTED)
        accuracy[str(length)] = float((y.argmax(1) == wanted).double().mean())
    return {'parameters': sum(p.numel() for p in cell.parameters()), 'accuracy': accuracy}


def run(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Run one cell on one task.

    :param condition: ``task``, ``cell``, ``seed``
    :returns: its figures, and ``cpu_s``
    """
    torch.set_num_threads(1)
    started = time.process_time()
    task, cell, seed = (condition[key] for key in ('task', 'cell', 'seed'))
    found = gradients(cell, seed) if task == 'gradients' else remember(task, cell, seed)
    return {**found, 'cpu_s': round(time.process_time() - started, 2)}


def table(rows: list[Row]) -> str:
    """
    Write the tables.

    :param rows: conditions and results
    :returns: Markdown
    """
    by_task = {task: [row for row in rows if row['condition']['task'] == task] for task in TASKS}
    parts = []
    if by_task['gradients']:
        lines = [
            f'| gradients over {STEPS:,} steps | runs | exploded | largest norm | not finite '
            '| growth, before and after | reach, before and after | loss left |',
            '| --- | --- | --- | --- | --- | --- | --- | --- |',
        ]
        parts.append('\n'.join([*lines, *_lines(by_task['gradients'], _gradients)]))
    for task in DRAWN:
        if by_task[task]:
            lengths = ' | '.join(f'{length} steps' for length in PLAN)
            lines = [
                f'| {task}, accuracy (chance {100 * CHANCE[task]:.0f} %) | runs | {lengths} |',
                '| --- ' * (2 + len(PLAN)) + '|',
            ]
            parts.append('\n'.join([*lines, *_lines(by_task[task], _accuracy)]))
    return '\n\n'.join(parts)


def _lines(rows: list[Row], line: Any) -> list[str]:
    found = {label: [row['result'] for row in rows if row['condition']['cell'] == label] for label in CELLS}
    return [f'| {label} | {len(each)} | {line(each)} |' for label, each in found.items() if each]


def _gradients(results: list[dict[str, Any]]) -> str:
    # JSON has no infinity: it is null there.
    norms = [math.inf if each['largest_norm'] is None else each['largest_norm'] for each in results]
    growth = [max(each[when]['growth'] or math.inf for each in results) for when in ('before', 'after')]
    steps = [[each[when]['steps'] for each in results] for when in ('before', 'after')]
    far = [f'{median(each):.0f} ({min(each):.0f} to {max(each):.0f})' for each in steps]
    return ' | '.join(
        [
            str(sum(each > EXPLODED for each in norms)),
            f'{max(norms):.2g}',
            str(sum(each['not_finite'] for each in results)),
            f'{growth[0]:.2g}, {growth[1]:.2g}',
            ', '.join(far),
            f'{median(each["loss_left"] for each in results):.2f}',
        ]
    )


def _accuracy(results: list[dict[str, Any]]) -> str:
    found = [[100 * each['accuracy'][str(length)] for each in results] for length in PLAN]
    return ' | '.join(f'{median(each):.0f} % ({min(each):.0f} to {max(each):.0f})' for each in found)


TASKS = ('gradients', *DRAWN)


def main() -> None:
    """Run what is missing, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tasks', nargs='+', choices=TASKS, default=TASKS)
    parser.add_argument('--cells', nargs='+', choices=CELLS, default=list(CELLS), metavar='CELL')
    parser.add_argument(
        '--seeds', nargs='+', type=int, help=f"default: {len(SEEDS)} of each, of the CfC's gradients 20"
    )
    add_options(parser, 'benchmarks/long_memory.json')
    args = parser.parse_args()
    conditions = [
        {'task': task, 'cell': cell, 'seed': seed}
        for task, cell in product(args.tasks, args.cells)
        for seed in args.seeds or MORE_SEEDS.get((task, cell), SEEDS)
    ]
    conditions.sort(key=lambda each: each['seed'])  # so that a part is fair
    write_results(run, conditions, table, args, mark='long memory')
    for row in read_rows(args.out):
        if row['condition']['task'] == 'gradients' and row['condition'] in conditions:
            norm, after = row['result']['largest_norm'], row['result']['after']
            norm, growth = (math.inf if each is None else each for each in (norm, after['growth']))
            add(
                f'gradients over {STEPS:,} steps, {row["condition"]["cell"]}: largest norm; growth, reach once trained',
                f'{norm:.2g}; {growth:.2g}, {after["steps"]:.0f} steps',
                f'norm ≤ {EXPLODED:g}',
            )


if __name__ == '__main__':
    main()
