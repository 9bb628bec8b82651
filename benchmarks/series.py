"""
Liquid cells, and others of the same size, on series that have nothing to do with driving.

    python benchmarks/series.py --table docs/series.md  # all of it: what is in benchmarks/series.json is not run again
    python benchmarks/series.py --data lorenz --cells ncp_cfc lstm --seeds 0 --epochs 5

Each cell has at most 2,500 parameters beside its readout and sees the same sequences in the same order; `ncps`' cells
go through the same loop. The table of docs/series.md is written by the first command.
"""

import argparse
import math
import time
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import torch
from resumed import add_options, half_width, write_results
from series_data import DATA
from torch import Tensor

from lnn_controller.liquid import Cell, Fitted, Series, fit, units_for
from lnn_controller.studies.runner import Row

PARAMETERS = 2500
#: by label: name of the cell, and its options
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    'NCP-CfC, self-state': ('ncp_cfc', {'self_state': True}),
    'CfC': ('cfc', {'backbone_layers': 0}),
    'D-LinOSS': ('dlinoss', {}),
    'CT-RNN': ('ctrnn', {}),
    'LSTM': ('lstm', {}),
    'GRU': ('gru', {}),
    'no memory': ('none', {}),
    'LTC': ('ltc', {'init_time_constant': 1.0}),
}
LINEAR = 'linear'
#: of ncps, by label: whether it has a wiring
NCPS = {'ncps CfC': False, 'ncps CfC on NCP': True}
#: by name only, for they take long: an LTC some twenty times as long as a CfC
SLOW = ('LTC', 'ncps CfC on NCP')
USUAL = [label for label in (*CELLS, LINEAR, *NCPS) if label not in SLOW]
EPOCHS = {'lorenz': 15, 'heart': 15, 'co2': 15, 'motions': 80, 'vowels': 40}
EPOCHS |= {'digits_video': 25, 'digits_vector': 25}
WARM_UP = 10  # steps of a forecast's sequence that do not count
LABELS = [*CELLS, LINEAR, *NCPS]


class Inputs(Cell):
    """No cell: its neurons are the inputs. With the readout it is linear or, for classes, a logistic regression."""

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, inputs, None)

    def initial_state(self, batch: int, **options: Any) -> Tensor:
        """As of any cell."""
        return torch.zeros(batch, self.state_size)

    def unroll(self, x: Tensor, dt: Tensor, hx: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As of any cell."""
        return x, hx


class NcpsCell(Cell):
    """A cell of ncps, step by step: its own layer cannot take a batch in which each sequence has its own Δt."""

    def __init__(self, inputs: int, units: int, wired: bool, seed: int) -> None:
        super().__init__(inputs, units, None)
        import ncps.torch
        from ncps.torch.wired_cfc_cell import WiredCfCCell
        from ncps.wirings import AutoNCP

        if wired:
            wiring = AutoNCP(units, max(1, units // 4), seed=seed)
            wiring.build(inputs)
            self.inner = WiredCfCCell(inputs, wiring)
        else:
            self.inner = ncps.torch.CfCCell(inputs, units, backbone_layers=0)

    def unroll(self, x: Tensor, dt: Tensor, hx: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As of any cell."""
        states = []
        for t, dt_t in enumerate(dt.expand(-1, x.shape[1], -1).unbind(1)):
            new = self.inner(x[:, t], hx, dt_t)[1]
            hx = new if valid is None else torch.where(valid[:, t], new, hx)
            states.append(hx)
        return torch.stack(states, 1), hx


def ncps_cell(inputs: int, wired: bool, seed: int) -> NcpsCell:
    """The largest within the same number of parameters; an NCP has no fewer than 8 neurons here."""

    def size(units: int) -> int:
        return sum(p.numel() for p in NcpsCell(inputs, units, wired, seed).parameters())

    units = 8
    while size(units + 1) <= PARAMETERS:
        units += 1
    torch.manual_seed(seed)
    return NcpsCell(inputs, units, wired, seed)


def train(data: str, label: str, seed: int, epochs: int | None = None) -> tuple[Fitted, Series]:
    """
    Train one cell on one set of data.

    :param data: one of DATA
    :param label: one of CELLS or NCPS
    :param seed: of weights, wiring and order
    :param epochs: of training; None: the data's
    :returns: the model, and the series to test it with
    """
    training, test = DATA[data]()
    task: Any = 'forecast' if training.y is not None and training.y.ndim == 3 else 'classify'
    inputs = training.x.shape[2]
    options: dict[str, Any] = {'epochs': epochs or EPOCHS[data], 'patience': 1000, 'seed': seed}
    options['warm_up'] = WARM_UP if task == 'forecast' else 0
    if label == LINEAR:
        options['cell'] = Inputs(inputs)
    elif label in NCPS:
        options['cell'] = ncps_cell(inputs, NCPS[label], seed)
    else:
        name, own = CELLS[label]
        options |= {'cell': name, 'units': units_for(name, inputs, PARAMETERS, seed=seed, **own), **own}
    # With no more than 40 sequences a share of them tells nothing: all are trained on, for all epochs.
    return fit(training, task, validation=0, **options), test


def run(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Train and test one cell.

    :param condition: ``data``, ``cell``, ``seed``, ``epochs``
    :returns: figures of the test, ``parameters``, ``cpu_s`` of training
    """
    torch.set_num_threads(1)
    started = time.process_time()
    model, test = train(condition['data'], condition['cell'], condition['seed'], condition['epochs'])
    took = time.process_time() - started
    kept = {name: model.metrics[name] for name in ('parameters', 'dropped_steps')}
    return {**model.evaluate(test), **kept, 'cpu_s': round(took, 2)}


def table(rows: list[Row]) -> str:
    """
    Write the tables: forecasts, and classes.

    :param rows: conditions and results
    :returns: Markdown
    """
    parts = []
    for name, head in (('nrmse', 'nRMSE, the less the better'), ('accuracy', 'accuracy, %, the more the better')):
        found = [row for row in rows if name in row['result']]
        data = [each for each in DATA if any(row['condition']['data'] == each for row in found)]
        if not data:
            continue
        lines = [f'| {head} | {" | ".join(data)} | CPU time |', f'| --- |{" --- |" * (len(data) + 1)}']
        lines += [_line(label, data, found, name) for label in LABELS if _of(found, label, data)]
        if name == 'nrmse':
            now = [_of(found, None, [each])[0]['persistence'] for each in data]
            lines.append(f'| as now | {" | ".join(f"{value:.3f}" for value in now)} | |')
        lines.append(f'| seeds | {" | ".join(_seeds(found, each) for each in data)} | |')
        parts.append('\n'.join(lines))
    return '\n\n'.join(parts)


def _seeds(rows: list[Row], data: str) -> str:
    """How many seeds the cells have: a cell that has not all of them is not finished."""
    counts = {len(_of(rows, label, [data])) for label in LABELS} - {0}
    return ' to '.join(str(count) for count in sorted({min(counts), max(counts)}))


def _of(rows: list[Row], label: str | None, data: list[str]) -> list[dict[str, Any]]:
    return [
        row['result'] for row in rows if label in (None, row['condition']['cell']) and row['condition']['data'] in data
    ]


def _line(label: str, data: list[str], rows: list[Row], name: str) -> str:
    cells = []
    for each in data:
        values = np.array([result[name] for result in _of(rows, label, [each])])
        cells.append(interval(values * (100.0 if name == 'accuracy' else 1.0), name) if len(values) else '–')
    # Of the CfC's on the same data and seeds: seconds depend on the machine and on what else runs there.
    both = [[sum(r['cpu_s'] for r in _of(rows, who, [each])) for who in (label, 'CfC')] for each in data]
    both = [pair for pair in both if min(pair) > 0]
    times = sum(pair[0] for pair in both) / sum(pair[1] for pair in both) if both else math.nan
    return f'| {label} | {" | ".join(cells)} | {times:.1f} |'


def interval(values: np.ndarray, name: str) -> str:
    """Mean over seeds with the interval of 95 % of Student's t."""
    digits = 1 if name == 'accuracy' else 3
    half = half_width(values)
    return f'{values.mean():.{digits}f} ± {half:.{digits}f}' if math.isfinite(half) else f'{values.mean():.{digits}f}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', nargs='+', choices=DATA, default=list(DATA))
    parser.add_argument('--cells', nargs='+', choices=LABELS, default=USUAL, metavar='CELL')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--epochs', type=int, help="fewer than the data's, for a first look")
    add_options(parser, 'benchmarks/series.json')
    args = parser.parse_args()
    conditions = [
        {'data': data, 'cell': cell, 'seed': seed, 'epochs': args.epochs}
        for seed, data, cell in product(args.seeds, args.data, args.cells)
    ]
    write_results(run, conditions, table, args)


if __name__ == '__main__':
    main()
