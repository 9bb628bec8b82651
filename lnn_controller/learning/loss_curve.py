"""The loss curve as a picture."""

from collections.abc import Sequence
from pathlib import Path

__all__ = ['draw_loss_curve']

LABELS = {
    'train': 'training',
    'val': 'validation',
    'val_hard': 'validation, in random colours',
    'val_rehearsed': 'validation, old demonstrations',
}


def draw_loss_curve(history: Sequence[dict[str, float]], path: Path) -> None:
    """
    Draw the losses over the epochs.

    :param history: for each epoch, the losses by name
    :param path: the PNG to write
    """
    # Drawing is the last thing a training does; without it no one should wait for matplotlib.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, label in LABELS.items():
        points = [(epoch, losses[name]) for epoch, losses in enumerate(history, 1) if name in losses]
        if points:
            axes.plot(*zip(*points, strict=True), marker='.', label=label)
    axes.set(xlabel='epoch', ylabel='weighted squared error (command deviations²)', yscale='log')
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
