"""
Train a cell on series: classes, numbers, or the next sample; irregular Δt, unequal lengths.

What a training needs and nothing more: scaling, a readout over all neurons, Adam with a cosine schedule, clipping,
early stopping on sequences that were kept back, the best weights.
"""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from lnn_controller.errors import InputError, check_name
from lnn_controller.liquid.cell import Cell
from lnn_controller.liquid.cells import CELLS, WIRED, make_cell
from lnn_controller.liquid.gradients import clip_gradients
from lnn_controller.liquid.sequence import Sequence
from lnn_controller.liquid.series import Series
from lnn_controller.liquid.wirings import auto_ncp
from lnn_controller.settings import check_number

__all__ = ['Fitted', 'Task', 'fit', 'units_for']

#: a class for each sequence; numbers, for each sequence or each step; the next sample at each step
Task = Literal['classify', 'regress', 'forecast']
FEWEST_UNITS, MOST_UNITS = 3, 4096
AT_ONCE = 256  # sequences, where no gradients are kept


class _Network(nn.Module):
    """Samples to unit scale, the cell, a linear readout over all its neurons; targets are in units of their scale."""

    def __init__(self, cell: Cell, train: Series, task: Task, pool: str, outputs: int) -> None:
        super().__init__()
        self.sequence, self.readout = Sequence(cell), nn.Linear(cell.units, outputs)
        self.task, self.pool = task, pool
        self.per_step = train.y is not None and train.y.ndim == 3
        samples = train.x[train.valid]
        self.x_mean, self.x_scale = samples.mean(0), np.maximum(samples.std(0), 1e-6)
        # Network time per unit of dt: a usual step is one unit, where gates and time constants begin.
        self.time_scale = 1.0 / float(np.median(train.dt[train.valid]))
        self.y_mean, self.y_scale = np.zeros(outputs, np.float32), np.ones(outputs, np.float32)
        if task == 'forecast':
            self.y_mean, self.y_scale = self.x_mean[:outputs], self.x_scale[:outputs]
        elif task == 'regress' and train.y is not None:
            y = train.y[train.valid] if self.per_step else train.y
            self.y_mean, self.y_scale = y.mean(0), np.maximum(y.std(0), 1e-6)

    def forward(self, part: Series) -> Tensor:
        """Scaled targets or, for classes, logits: (B, T, O) where each step has one, else (B, O)."""
        lengths = torch.from_numpy(part.lengths)
        x = torch.from_numpy((part.x - self.x_mean) / self.x_scale)
        dt = torch.from_numpy(part.dt * np.float32(self.time_scale))
        _, _, neurons = self.sequence(x, dt, lengths=lengths, return_neurons=True)
        if self.per_step:
            y: Tensor = self.readout(neurons)
            return y + x[..., : y.shape[-1]] if self.task == 'forecast' else y
        if self.pool == 'last':
            index = (lengths - 1)[:, None, None].expand(-1, 1, neurons.shape[-1])
            pooled = neurons.gather(1, index)[:, 0]
        else:  # neurons are 0 where a step does not count
            pooled = neurons.sum(1) / lengths[:, None]
        read: Tensor = self.readout(pooled)
        return read


@dataclass(frozen=True)
class Fitted:
    """
    A trained cell with its readout.

    :param network: the trained module; ``network.sequence.cell`` is the cell
    :param task: what it was trained for
    :param classes: the classes, sorted; empty where there are none
    :param history: of each epoch: training and validation loss; the second is NaN without validation
    :param metrics: figures of :meth:`evaluate` on the sequences that were kept back, and ``epochs``, ``best_epoch``,
        ``parameters`` (the cell's), ``dropped_steps`` (left out, for their gradient was not finite)
    :param warm_up: steps at the start of each sequence that do not count
    """

    network: Any
    task: Task
    classes: NDArray[Any]
    history: tuple[tuple[float, float], ...]
    metrics: Mapping[str, float]
    warm_up: int

    def predict(self, series: Series) -> NDArray[Any]:
        """
        Predict, without gradients.

        :param series: its targets are not looked at
        :returns: classes (B,), or numbers (B, O) or (B, T, O); 0 where a step does not count
        """
        with torch.no_grad():
            made = np.concatenate([self.network(part).numpy() for part in _batches(series, np.arange(len(series)))])
        if self.task == 'classify':
            chosen: NDArray[Any] = self.classes[made.argmax(1)]
            return chosen
        made = made * self.network.y_scale + self.network.y_mean
        return np.where(series.valid[..., None], made, np.float32(0.0)) if made.ndim == 3 else made

    def evaluate(self, series: Series) -> dict[str, float]:
        """
        Compare predictions with targets.

        :param series: with targets
        :returns: ``accuracy``; or ``rmse`` and ``nrmse``, the same in each target's deviation; with forecasts also
            ``persistence``, the nrmse of "as now"
        :raises InputError: if there are no targets
        """
        if series.y is None:
            raise InputError('series must have y to be evaluated. Got none')
        y, predicted = series.y, self.predict(series)
        if self.task == 'classify':
            return {'accuracy': float(np.mean(predicted == y))}
        now = series.x[..., : y.shape[-1]]
        if y.ndim == 3:
            counted = _counted(series, self.warm_up)
            y, predicted, now = y[counted], predicted[counted], now[counted]
        figures = {'rmse': float(np.sqrt(np.mean((predicted - y) ** 2))), 'nrmse': _nrmse(predicted, y)}
        return figures | ({'persistence': _nrmse(now, y)} if self.task == 'forecast' else {})


def fit(
    train: Series,
    task: Task,
    *,
    cell: str | Cell = 'ncp_cfc',
    units: int = 32,
    validation: Series | float = 0.2,
    epochs: int = 60,
    patience: int = 15,
    batch_size: int = 64,
    learning_rate: float = 8e-3,
    clip: float = 1.0,
    pool: str = 'mean',
    warm_up: int = 0,
    seed: int = 0,
    **options: Any,
) -> Fitted:
    """
    Train a cell and a linear readout over all its neurons.

    :param train: sequences with targets; for a forecast :func:`~lnn_controller.liquid.series.forecasting` makes them
    :param task: 'classify', 'regress' or 'forecast'
    :param cell: a name, or a cell of this package, with as many inputs as the series has channels
    :param units: neurons, of a cell by name; :func:`units_for` finds them for a number of parameters
    :param validation: sequences to stop by, or the share of ``train`` drawn for it; 0: none, all epochs are run
    :param epochs: at most so many times through all sequences
    :param patience: epochs without a better validation before it stops
    :param batch_size: sequences in a step
    :param learning_rate: Adam's at its peak; a cosine takes it to nearly 0
    :param clip: largest norm of the gradient
    :param pool: what a target of a whole sequence is read from: the neurons' 'mean' over time, or their 'last' state
    :param warm_up: steps at the start of each sequence whose targets do not count, where each step has one
    :param seed: of weights, wiring, order and the share; the same on the same machine gives the same to the bit
    :param options: the cell's own, by name, as of ``make_cell``
    :returns: the model, with the weights that validated best
    :raises InputError: if targets do not fit the task, or a number is out of range
    """
    _check({'epochs': epochs, 'patience': patience, 'batch_size': batch_size}, learning_rate, clip, pool, warm_up)
    y = _targets(train, task, warm_up)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = np.random.default_rng(seed)
        part, kept = _split(train, validation, generator)
        classes = np.unique(y) if task == 'classify' else np.empty(0)
        made = cell if isinstance(cell, Cell) else _cell(cell, train.x.shape[2], units, seed, options)
        if made.input_size != train.x.shape[2]:
            raise InputError(f'the cell must have {train.x.shape[2]} inputs, the channels. Got {made.input_size}')
        outputs = len(classes) if task == 'classify' else y.shape[-1]
        network = _Network(made, part, task, pool, outputs)
        training = _Training(network, classes, warm_up, torch.optim.Adam(network.parameters(), learning_rate), clip)
        best = training.run(part, kept, generator, epochs=epochs, patience=patience, batch_size=batch_size)
    figures = {
        'epochs': float(len(training.history)),
        'best_epoch': float(best),
        'parameters': float(sum(p.numel() for p in made.parameters())),
        'dropped_steps': float(training.dropped),
    }
    fitted = Fitted(network.eval(), task, classes, tuple(training.history), figures, warm_up)
    return fitted if kept is None else Fitted(**{**vars(fitted), 'metrics': fitted.evaluate(kept) | figures})


def _check(counts: Mapping[str, int], learning_rate: float, clip: float, pool: str, warm_up: int) -> None:
    for name, count in counts.items():
        check_number(name, count, whole=True, minimum=1)
    for name, rate in {'learning_rate': learning_rate, 'clip': clip}.items():
        check_number(name, rate, above=0.0)
    check_name('pool', pool, ('mean', 'last'))
    check_number('warm_up', warm_up, whole=True, minimum=0)


def units_for(cell: str, input_size: int, parameters: int, *, seed: int = 0, **options: Any) -> int:
    """
    Find the number of units with which a cell has a number of parameters, to compare cells of equal size.

    :param cell: its name
    :param input_size: number of inputs, I; that of a forecast's series is one more than it has channels
    :param parameters: at most so many, the readout not among them
    :param seed: of the wiring
    :param options: the cell's own, as of ``make_cell``
    :returns: the most units that keep within it, as far as more units mean more parameters
    :raises InputError: if the smallest cell has more already
    """

    def count(units: int) -> int:
        with torch.random.fork_rng(devices=[]):
            return sum(p.numel() for p in _cell(cell, input_size, units, seed, options).parameters())

    low, high = FEWEST_UNITS, 2 * FEWEST_UNITS
    if count(low) > parameters:
        raise InputError(f'parameters must be at least {count(low)}, for {low} units of {cell}. Got {parameters}')
    while high < MOST_UNITS and count(high) <= parameters:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= parameters else (low, middle)
    return low


def _cell(name: str, inputs: int, units: int, seed: int, options: Mapping[str, Any]) -> Cell:
    """A cell by name; of a wiring's neurons a quarter are motor ones."""
    check_number('units', units, whole=True, minimum=FEWEST_UNITS, maximum=MOST_UNITS)
    if check_name('a cell', name, CELLS) not in WIRED:
        return make_cell(name, input_size=inputs, units=units, **options)
    wiring = auto_ncp(inputs, units, max(1, units // 4), seed=seed)
    return make_cell(name, input_size=inputs, wiring=wiring, **options)


def _targets(train: Series, task: Task, warm_up: int) -> NDArray[Any]:
    """The targets, where they fit the task."""
    dims = {'classify': (1,), 'regress': (2, 3), 'forecast': (3,)}[check_name('a task', task, get_args(Task))]
    if train.y is None or train.y.ndim not in dims:
        wanted = {'classify': '(B,)', 'regress': '(B, O) or (B, T, O)', 'forecast': '(B, T, C), of forecasting()'}
        raise InputError(f'y must be {wanted[task]} to {task}. Got {"none" if train.y is None else train.y.shape}')
    if task == 'forecast' and train.y.shape[2] > train.x.shape[2]:
        raise InputError(f'y must be the first channels of x, to forecast. Got {train.y.shape} for {train.x.shape}')
    if train.y.ndim == 3 and warm_up >= train.lengths.min():
        raise InputError(f'warm_up must be shorter than each sequence. Got {warm_up} and one of {train.lengths.min()}')
    return train.y


def _split(train: Series, validation: Series | float, generator: np.random.Generator) -> tuple[Series, Series | None]:
    """What is trained on, and what it stops by."""
    if isinstance(validation, Series):
        if validation.y is None:
            raise InputError('validation must have y. Got none')
        return train, validation
    share = check_number('validation', validation, minimum=0.0, below=1.0)
    if share == 0.0:
        return train, None
    count = max(1, round(share * len(train)))
    if count >= len(train):
        raise InputError(f'validation must leave a sequence to train on. Got {share:g} of {len(train)}')
    order = generator.permutation(len(train))
    return train.part(order[count:]), train.part(order[:count])


class _Training:
    """The loop, and what it noted."""

    def __init__(
        self, network: _Network, classes: NDArray[Any], warm_up: int, optimiser: torch.optim.Optimizer, clip: float
    ) -> None:
        self.network, self.classes, self.warm_up = network, classes, warm_up
        self.optimiser, self.clip = optimiser, clip
        self.history: list[tuple[float, float]] = []
        self.dropped = 0

    def run(
        self,
        train: Series,
        kept: Series | None,
        generator: np.random.Generator,
        *,
        epochs: int,
        patience: int,
        batch_size: int,
    ) -> int:
        """Train, leave the best weights in the network, and return their epoch."""
        steps = epochs * -(-len(train) // batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))
        )
        best, best_epoch, weights = math.inf, 0, self.network.state_dict()
        for epoch in range(1, epochs + 1):
            total = 0.0
            self.network.train()
            for part in _batches(train, generator.permutation(len(train)), batch_size):
                loss = self.loss(part)
                self.optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                self.dropped += not clip_gradients(self.network.parameters(), self.clip)
                self.optimiser.step()
                schedule.step()
                total += loss.item() * len(part)
            score = math.nan if kept is None else self._mean_loss(kept)
            self.history.append((total / len(train), score))
            if kept is None or score < best:
                best, best_epoch, weights = score, epoch, copy.deepcopy(self.network.state_dict())
            elif epoch - best_epoch >= patience:
                break
        self.network.load_state_dict(weights)
        return best_epoch

    def loss(self, part: Series) -> Tensor:
        """Cross entropy, or the squared error in units of the targets' scale over the steps that count."""
        made, y = self.network(part), part.y
        assert y is not None
        if self.network.task == 'classify':
            index = np.searchsorted(self.classes, y).clip(max=len(self.classes) - 1)
            if (self.classes[index] != y).any():
                raise InputError('validation must have no class that training lacks. Got one')
            return F.cross_entropy(made, torch.from_numpy(index))
        error: Tensor = (made - torch.from_numpy((y - self.network.y_mean) / self.network.y_scale)).square()
        return error.mean() if y.ndim == 2 else error[torch.from_numpy(_counted(part, self.warm_up))].mean()

    def _mean_loss(self, series: Series) -> float:
        self.network.eval()
        with torch.no_grad():
            parts = _batches(series, np.arange(len(series)))
            return sum(self.loss(part).item() * len(part) for part in parts) / len(series)


def _batches(series: Series, order: NDArray[np.int64], size: int = AT_ONCE) -> Iterator[Series]:
    return (series.part(order[start : start + size]) for start in range(0, len(order), size))


def _counted(series: Series, warm_up: int) -> NDArray[np.bool_]:
    """Steps that count, (B, T)."""
    counted: NDArray[np.bool_] = series.valid & (np.arange(series.valid.shape[1]) >= warm_up)
    return counted


def _nrmse(predicted: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(((predicted - y) / np.maximum(y.std(0), 1e-12)) ** 2)))
