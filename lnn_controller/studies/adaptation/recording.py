"""Replay only: a recording's second half as if its driver overrode, tick by tick; what would have been learnt of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control import AdaptationSettings
from lnn_controller.control.adaptation.imitation import Imitation
from lnn_controller.data import Bag, Episode, read_episode
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy
from lnn_controller.replay.at_rate import replay_episode

__all__ = ['Prediction', 'draw', 'run', 'table']

RATE_HZ = 50.0
BEGINS, JUDGED = 0.5, 0.75  # shares of the recording: learning begins, and the last quarter counts
RIDGE = 10.0  # of the readout that is fitted to all at once: as the online learner's prior
CONDITIONS = ('frozen', 'adapted', 'lms', 'offline', 'last')
COLOURS = {
    'recorded': '#111827',
    'frozen': '#dc2626',
    'adapted': '#2563eb',
    'lms': '#7c3aed',
    'offline': '#0f766e',
    'last': '#94a3b8',
}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """
    The recording's commands and what predicted them, at the T ticks of its second half.

    :param summary: figures by condition
    :param channels: names, C
    :param at_s: the ticks since the recording's start, (T,), s
    :param recorded: the driver's commands, (T, C)
    :param predicted: by condition, (T, C); online ones before they learnt from that tick
    """

    summary: dict[str, Any]
    channels: tuple[str, ...]
    at_s: Floats
    recorded: Floats
    predicted: dict[str, Floats]


def run(policy: Policy, bag: str | Path, *, settings: AdaptationSettings | None = None) -> Prediction:
    """
    Predict, then learn, through the second half of a recording.

    *offline* is a readout that was fitted to that whole half at once by ridge regression: no linear readout of this
    network's state can do much better, and it has seen what it predicts. *last* predicts that the driver goes on as
    at the tick before: no policy, for it needs the driver, but the measure of what following them closely is worth.

    :param policy: a policy that has not been trained on the second half
    :param bag: the recording
    :param settings: how to learn; without, as a controller does by itself
    :returns: commands and figures
    :raises InputError: if the bag cannot be read, or nobody drives in its second half
    """
    spec = policy.spec
    with Bag(bag) as opened:
        episode = read_episode(opened, image=spec.image, channels=spec.channels, use_imu=spec.imu is not None)
    at_s, recorded, command, basis = _ticks(episode, policy)
    far = spec.command_range
    chosen = settings or AdaptationSettings(mode='live', respond=False)
    predicted = {'frozen': command}
    for name, method in (('adapted', chosen), ('lms', AdaptationSettings(mode='live', method='lms'))):
        predicted[name] = _online(Imitation(far, spec.network.units, method), basis, command, recorded, at_s)
    x = np.hstack([basis, np.ones((len(basis), 1))])
    fitted = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (recorded - command))
    predicted['offline'] = np.clip(command + x @ fitted, -far, far)
    predicted['last'] = np.vstack([recorded[:1], recorded[:-1]])
    counted = at_s >= JUDGED * at_s[-1]
    summary: dict[str, Any] = {
        'experiment': 'recording',
        'policy': spec.name,
        'bag': Path(bag).resolve().name,
        'ticks': int(np.count_nonzero(counted)),
    }
    for name in CONDITIONS:
        error = np.abs(predicted[name] - recorded)[counted]
        by_channel = dict(zip(spec.channels, error.mean(axis=0).tolist(), strict=True))
        # One figure for all channels needs one unit: shares of each channel's command range.
        summary[name] = {
            'mae': float((error / far).mean()),
            'mae_by_channel': by_channel,
            'departures': None,
            'recovery_s': None,
        }
    summary['adapted_to_frozen'] = summary['adapted']['mae'] / summary['frozen']['mae']
    return Prediction(summary, spec.channels, at_s, recorded, predicted)


def table(summary: dict[str, Any]) -> str:
    """
    Lay the figures out, one condition a row.

    :param summary: of a :class:`Prediction`
    :returns: text without a closing newline
    """
    channels = list(summary['frozen']['mae_by_channel'])
    head = f'{"":<12}{"MAE/range":>12}' + ''.join(f'{name:>12}' for name in channels)
    lines = [f'recording: {summary["policy"]} on {summary["bag"]}, its last quarter, {summary["ticks"]} ticks', head]
    for name in CONDITIONS:
        row = summary[name]
        values = ''.join(f'{row["mae_by_channel"][each]:>12.3f}' for each in channels)
        lines.append(f'{name:<12}{row["mae"]:>12.4f}{values}')
    return '\n'.join([*lines, f'adapted to frozen: {summary["adapted_to_frozen"]:.2f}'])


def draw(result: Prediction, path: str | Path) -> Path:
    """
    Draw commands and running errors.

    :param result: the prediction
    :param path: PNG to write; its folder is made
    :returns: the file
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = len(result.channels)
    figure = Figure(figsize=(9.0, 2.6 * channels + 2.2), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    rows = figure.subplots(channels + 1, 1, sharex=True)
    for index, name in enumerate(result.channels):
        axes = rows[index]
        for condition in ('recorded', 'frozen', 'adapted'):
            values = result.recorded if condition == 'recorded' else result.predicted[condition]
            axes.plot(result.at_s, values[:, index], color=COLOURS[condition], linewidth=1.0, label=condition)
        axes.set_ylabel(f'{name}, {"rad/s" if name.startswith("angular") else "m/s"}')
    rows[0].legend(loc='lower right', bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, borderaxespad=0.1)
    rows[0].set_title(f'{result.summary["bag"]}: {result.summary["policy"]}', loc='left', fontsize=11)
    width = round(2.0 * RATE_HZ)
    steering = result.channels.index('angular_z') if 'angular_z' in result.channels else 0
    for condition in CONDITIONS:
        error = np.abs(result.predicted[condition] - result.recorded)[:, steering]
        smooth = np.convolve(error, np.ones(width), 'same') / np.convolve(np.ones(error.size), np.ones(width), 'same')
        rows[-1].plot(result.at_s, smooth, color=COLOURS[condition], linewidth=1.2, label=condition)
    rows[-1].set_ylabel(f'error of {result.channels[steering]},\nmean over 2 s')
    rows[-1].set_xlabel('time, s')
    rows[-1].set_ylim(bottom=0.0)
    rows[-1].legend(loc='lower right', bbox_to_anchor=(1.0, 1.0), ncols=5, frameon=False, borderaxespad=0.1)
    for axes in rows:
        axes.grid(alpha=0.25)
        axes.margins(x=0.0)
    figure.savefig(path)
    return path


def _ticks(episode: Episode, policy: Policy) -> tuple[Floats, Floats, Floats, Floats]:
    """Commands and neurons of the frozen policy at the ticks of the second half that were driven."""
    replayed = replay_episode(episode, policy, rate_hz=RATE_HZ)
    basis = np.array([each.neurons for each in replayed.decisions], np.float64)
    driven = np.isfinite(replayed.recorded).all(axis=1) & np.isfinite(replayed.policy_command).all(axis=1)
    driven &= replayed.at_s >= BEGINS * replayed.at_s[-1]
    if not driven.any():
        raise InputError(f'{episode.name}: somebody must drive in its second half. Got no command there')
    return replayed.at_s[driven], replayed.recorded[driven], replayed.policy_command[driven], basis[driven]


def _online(imitation: Imitation, basis: Floats, command: Floats, recorded: Floats, at_s: Floats) -> Floats:
    predicted = np.empty_like(command)
    for tick in range(len(at_s)):
        state = basis[tick].astype(np.float32)
        predicted[tick] = command[tick] + imitation.correction(state)
        dt_s = float(at_s[tick] - at_s[tick - 1]) if tick else 1.0 / RATE_HZ
        imitation.learn(state, command[tick], recorded[tick], dt_s)
    return predicted
