"""Replay only: a recording's second half as if its driver overrode, tick by tick; what would have been learnt of it."""

from collections.abc import Mapping
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
from lnn_controller.share import find_share
from lnn_controller.studies.runner import NUMBER

__all__ = ['PREDICTIONS', 'RESULT', 'list_recording', 'run_recording']

SHIPPED = 'bags/real_car/metadata.yaml'
PREDICTIONS = ('frozen', 'adapted', 'lms', 'offline', 'last')
#: shape of a result
RESULT = {
    'channels': [str],
    'ticks': int,
    'mae': dict.fromkeys(PREDICTIONS, NUMBER),
    'mae_by_channel': {name: [NUMBER] for name in PREDICTIONS},
    'begins_s': NUMBER,
    'every_s': NUMBER,
    'command': {name: [NUMBER] for name in ('recorded', 'frozen', 'adapted')},
    'error': {name: [NUMBER] for name in PREDICTIONS},
}
EVERY_S = 0.25  # of the pictures' commands and errors

Floats = NDArray[np.float64]


def list_recording(policy: str, weights: str, bag: Path | None) -> list[dict[str, Any]]:
    """
    List what is predicted: one recording, all of it at once.

    :param policy: its name; one that has not been trained on the second half
    :param weights: hash of its weights
    :param bag: the recording; ``None``: the real car's
    :returns: plain values. ``begins`` and ``judged`` are shares of the recording: learning begins, and what counts
    :raises InputError: if the bag cannot be read
    """
    with Bag(_find(bag)) as opened:
        sha256 = opened.sha256()
    return [
        {
            'experiment': 'recording',
            'policy': policy,
            'weights': weights,
            'bag': str(bag) if bag else None,
            'sha256': sha256[:12],
            'rate_hz': 50.0,
            'begins': 0.5,
            'judged': 0.75,
            'adaptation': {
                'adapted': {'mode': 'live', 'respond': False},
                'lms': {'mode': 'live', 'respond': False, 'method': 'lms'},
            },
            'ridge': 10.0,  # of the readout that is fitted to all at once: as the online learner's prior
        }
    ]


def run_recording(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Predict, then learn, through the second half of a recording.

    *offline* is a readout that was fitted to that whole half at once by ridge regression: no linear readout of this
    network's state can do much better, and it has seen what it predicts. *last* predicts that the driver goes on as
    at the tick before: no policy, for it needs the driver, but the measure of what following them closely is worth.

    :param condition: of :func:`list_recording`
    :returns: ``channels``, ``ticks`` (those that count); by prediction ``mae`` (over all channels, as shares of their
        command ranges) and ``mae_by_channel`` (in their units); of the last channel from ``begins_s`` on, means of each
        ``every_s``: the ``command`` and the ``error``
    :raises InputError: if the bag cannot be read, or nobody drives in its second half
    """
    policy = Policy.load(condition['policy'], runtime='onnx')
    spec, far = policy.spec, policy.spec.command_range
    with Bag(_find(condition['bag'])) as opened:
        episode = read_episode(opened, image=spec.image, channels=spec.channels, use_imu=spec.imu is not None)
    at_s, recorded, command, basis = _ticks(episode, policy, condition['rate_hz'], condition['begins'])
    predicted = {'frozen': command}
    for name, settings in condition['adaptation'].items():
        imitation = Imitation(far, spec.network.units, AdaptationSettings(**settings))
        predicted[name] = _online(imitation, basis, command, recorded, at_s, 1.0 / condition['rate_hz'])
    x = np.hstack([basis, np.ones((len(basis), 1))])
    fitted = np.linalg.solve(x.T @ x + condition['ridge'] * np.eye(x.shape[1]), x.T @ (recorded - command))
    predicted['offline'] = np.clip(command + x @ fitted, -far, far)
    predicted['last'] = np.vstack([recorded[:1], recorded[:-1]])
    errors = {name: np.abs(predicted[name] - recorded) for name in PREDICTIONS}
    counts = at_s >= condition['judged'] * at_s[-1]
    by_channel = {name: error[counts].mean(axis=0) for name, error in errors.items()}
    every = round(EVERY_S * condition['rate_hz'])
    return {
        'channels': list(spec.channels),
        'ticks': int(np.count_nonzero(counts)),
        # One figure for all channels needs one unit: shares of each channel's command range.
        'mae': {name: float((mae / far).mean()) for name, mae in by_channel.items()},
        'mae_by_channel': {name: mae.tolist() for name, mae in by_channel.items()},
        'begins_s': float(at_s[0]),
        'every_s': EVERY_S,
        'command': {
            name: _means(values[:, -1], every)
            for name, values in (('recorded', recorded), ('frozen', command), ('adapted', predicted['adapted']))
        },
        'error': {name: _means(error[:, -1], every) for name, error in errors.items()},
    }


def _find(bag: str | Path | None) -> Path:
    return Path(bag) if bag else find_share(SHIPPED).parent


def _ticks(episode: Episode, policy: Policy, rate_hz: float, begins: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Times, commands and neurons of the frozen policy at the ticks that were driven, from a share of it on."""
    replayed = replay_episode(episode, policy, rate_hz=rate_hz)
    basis = np.array([each.neurons for each in replayed.decisions], np.float64)
    driven = np.isfinite(replayed.recorded).all(axis=1) & np.isfinite(replayed.policy_command).all(axis=1)
    driven &= replayed.at_s >= begins * replayed.at_s[-1]
    if not driven.any():
        raise InputError(f'{episode.name}: somebody must drive in its second half. Got no command there')
    return replayed.at_s[driven], replayed.recorded[driven], replayed.policy_command[driven], basis[driven]


def _online(
    imitation: Imitation, basis: Floats, command: Floats, recorded: Floats, at_s: Floats, period_s: float
) -> Floats:
    """Predictions, each before its tick is learnt."""
    predicted = np.empty_like(command)
    for tick in range(len(at_s)):
        state = basis[tick].astype(np.float32)
        predicted[tick] = command[tick] + imitation.correction(state)
        dt_s = float(at_s[tick] - at_s[tick - 1]) if tick else period_s
        imitation.learn(state, command[tick], recorded[tick], dt_s)
    return predicted


def _means(values: Floats, every: int) -> list[float]:
    whole = len(values) // every * every
    return [round(float(each), 3) for each in values[:whole].reshape(-1, every).mean(axis=1)]
