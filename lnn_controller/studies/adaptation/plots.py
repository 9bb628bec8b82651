"""An experiment as a picture: error over time, and what was learnt below."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lnn_controller.studies.adaptation.result import Result
from lnn_controller.studies.adaptation.runner import Run

__all__ = ['draw']

COLOURS = {'unworn': '#64748b', 'straight': '#64748b', 'frozen': '#dc2626', 'adapted': '#2563eb'}
LEARNT = {
    'worn-steering': (
        ('angular_z.respond_gain', 'gain of the steering', '#0f766e'),
        ('angular_z.respond_trim', 'trim, rad/s', '#b45309'),
    )
}
OTHERWISE = (
    ('correction', "largest correction of a command, share of a channel's range", '#0f766e'),
    ('angular_z.imitate_norm', '‖ΔW‖ of the yaw rate, share of its bound', '#b45309'),
)


def draw(result: Result, path: str | Path) -> Path:
    """
    Draw an experiment: thin lines are seeds, bold ones the rms over them.

    :param result: the experiment
    :param path: PNG to write; its folder is made
    :returns: the file
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(9.0, 5.4), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for name, runs in result.runs.items():
        colour = COLOURS[name]
        for run in runs:
            top.plot(run.at_s, 100 * np.abs(run.error_m), color=colour, alpha=0.25, linewidth=0.6)
        moments_s, error_m = _over_seeds(runs)
        top.plot(moments_s, 100 * error_m, color=colour, linewidth=2.0, label=name)
    top.set_ylabel('distance from the line, cm')
    top.set_ylim(bottom=0.0)
    # Above the axes, where no line runs.
    top.legend(loc='lower right', bbox_to_anchor=(1.0, 1.0), ncols=len(result.runs), frameon=False, borderaxespad=0.1)
    seeds = ', '.join(map(str, result.summary['seeds']))
    top.set_title(f'{result.name}: {result.policy}, seeds {seeds}', loc='left', fontsize=11)
    for key, label, colour in LEARNT.get(result.name, OTHERWISE):
        for number, run in enumerate(result.runs['adapted']):
            bottom.plot(
                run.log['at_s'], run.log[key], color=colour, linewidth=0.9, alpha=0.7, label=None if number else label
            )
    bottom.set_xlabel('time, s')
    bottom.set_ylabel('learnt')
    bottom.legend(loc='lower right', bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize=9, borderaxespad=0.1)
    for axes in (top, bottom):
        axes.grid(alpha=0.25)
        axes.margins(x=0.0)
        for at_s in result.marks.values():
            axes.axvline(at_s, color='#111827', linewidth=0.8, linestyle=':')
    height = top.get_ylim()[1]
    for text, at_s in result.marks.items():
        top.annotate(
            text.strip(), (at_s, height), xytext=(3, -4), textcoords='offset points', fontsize=8, rotation=90, va='top'
        )
    figure.savefig(path)
    return path


def _over_seeds(runs: Sequence[Run], window_s: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The rms over seeds in a window that slides."""
    count = min(run.at_s.size for run in runs)
    squares = np.mean([run.error_m[:count] ** 2 for run in runs], axis=0)
    at_s = runs[0].at_s[:count]
    width = max(1, round(window_s / float(np.median(np.diff(at_s)))))
    kernel = np.ones(width)
    smooth = np.convolve(squares, kernel, mode='same') / np.convolve(np.ones(count), kernel, mode='same')
    return at_s, np.sqrt(smooth)
