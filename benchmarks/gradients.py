"""
How often the gradient through 500 steps of irregular time explodes, and what clipping makes of it.

    python benchmarks/gradients.py [--seeds 10] [--iterations 15] [--cells ltc cfc ncp_cfc] [--json]

For each cell and seed a small network learns a smoothed, delayed reading of a noisy signal, clipped as ``lnn train``
clips. Counted are the runs in which the norm before clipping passed 50 at least once, those in which it was not finite
(such a step is left out), and the loss at the end as a share of that at the start.
"""

import argparse
import json
import math
from statistics import median

import torch

from lnn_controller.liquid import Sequence, make_cell
from lnn_controller.liquid.gradients import clip_gradients

STEPS, BATCH = 500, 8
CELLS = ('ltc', 'cfc', 'ncp_cfc')
EXPLODED = 50.0


def train(name: str, seed: int, *, iterations: int) -> tuple[list[float], list[float]]:
    """
    Train one small network with clipped gradients.

    :param name: of the cell
    :param seed: of weights and data
    :param iterations: optimiser steps
    :returns: the loss of each iteration; the gradient's norm before clipping
    """
    torch.manual_seed(seed)
    cell = make_cell(name, input_size=2, units=10, outputs=1)
    network = Sequence(cell, torch.nn.Linear(1, 1))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    dt = torch.rand(BATCH, STEPS) + 0.5
    phase = dt.cumsum(1) * 0.05 + 2 * math.pi * torch.rand(BATCH, 1)
    x = torch.stack([phase.sin(), phase.cos()], dim=-1) + 0.1 * torch.randn(BATCH, STEPS, 2)
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
    return losses, norms


def main() -> None:
    """Train, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seeds', type=int, default=10)
    parser.add_argument('--iterations', type=int, default=15)
    parser.add_argument('--cells', nargs='+', choices=CELLS, default=CELLS)
    parser.add_argument('--json', action='store_true')
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures = {'cpu_capability': torch.backends.cpu.get_cpu_capability()}
    for name in arguments.cells:
        runs = [train(name, seed, iterations=arguments.iterations) for seed in range(arguments.seeds)]
        left = [losses[-1] / losses[0] for losses, _ in runs]
        figures[name] = {
            'runs': len(runs),
            'exploded': sum(max(norms) > EXPLODED for _, norms in runs),
            'not_finite': sum(not all(map(math.isfinite, norms)) for _, norms in runs),
            'largest_norm': max(max(norms) for _, norms in runs),
            'loss_left_median': round(median(left), 3),
            'loss_left_worst': round(max(left), 3),
        }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, row in figures.items():
        print(f'{name}: {row}')


if __name__ == '__main__':
    main()
