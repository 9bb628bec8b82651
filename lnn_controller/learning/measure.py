"""How far a network's commands are from the demonstrators', on what it was not trained on."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from lnn_controller.data.episode import Episode
from lnn_controller.data.usable import usable_at_ns, usable_spans
from lnn_controller.learning.augment import Augment
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import Split
from lnn_controller.learning.module import predict
from lnn_controller.learning.windows import Batch, collate, cut
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.metrics.commands import error_figures

__all__ = ['Metrics', 'batch_of_episodes', 'held_out', 'measure', 'recoloured']

#: figures by part, channel and name; NaN where one is not defined
Metrics = dict[str, dict[str, dict[str, float]]]

# Whole episodes are measured at this rate, or the nearest to it that the policy is trained for, from a fresh state.
VALIDATION_RATE_HZ = 50.0


def _ticks(low_ns: int, high_ns: int, config: TrainConfig) -> np.ndarray:
    rate_hz = min(max(VALIDATION_RATE_HZ, config.rate_min_hz), config.rate_max_hz)
    return np.arange(low_ns, high_ns, round(1e9 / rate_hz), dtype=np.int64)


def batch_of_episodes(episodes: Sequence[Episode], config: TrainConfig) -> Batch:
    """
    Lay out whole episodes at a steady rate, as one batch.

    :param episodes: at least one
    :param config: rates that the policy is trained for
    :returns: each usable span of each episode as a sequence, padded and masked
    """
    windows = [
        cut(episode, _ticks(low, high, config))
        for episode in episodes
        for low, high in usable_spans(episode)
        if len(_ticks(low, high, config)) > 1
    ]
    return collate(windows)


def recoloured(batch: Batch, config: TrainConfig) -> Batch:
    """
    Recolour episodes: as near to another season as a training on one season gets.

    :param batch: of whole episodes
    :param config: strength of the augmentation, seed
    :returns: the same episodes in other colours
    """
    augment = Augment(config.augmentation, np.random.default_rng(config.seed + 1), config.cue_colour)
    frames = np.stack([augment(episode) for episode in batch.frames.numpy()])
    return batch._replace(frames=torch.from_numpy(frames))


def held_out(split: Split, config: TrainConfig, rehearsed: Split | None = None) -> dict[str, Batch]:
    """
    Lay out what was kept from the training.

    :param split: the episodes by use
    :param config: rates that the policy is trained for
    :param rehearsed: the old ones, likewise
    :returns: ``validation``; ``test`` where there is one: the state runs warm through the whole recording and only its
        end counts; ``rehearsed``: what of the old demonstrations validates
    """
    parts = {'validation': batch_of_episodes(split.validation, config)}
    if split.test:
        episode, fraction = split.test
        parts['test'] = _end(episode, usable_at_ns(episode, 1.0 - fraction), config)
    if rehearsed:
        parts['rehearsed'] = batch_of_episodes(rehearsed.validation, config)
    return parts


def _end(episode: Episode, from_ns: float, config: TrainConfig) -> Batch:
    """What comes after a moment; the ticks before it in the same span warm the state up, and are masked."""
    windows, masks = [], []
    for low, high in usable_spans(episode):
        ticks = _ticks(low, high, config)
        if len(ticks) > 1 and ticks[-1] > from_ns:
            windows.append(cut(episode, ticks))
            masks.append(torch.from_numpy(ticks[1:] > from_ns))
    batch = collate(windows)
    return batch._replace(mask=batch.mask * torch.nn.utils.rnn.pad_sequence(masks, batch_first=True))


def measure(network: PolicyNetwork, parts: Mapping[str, Batch], channels: Sequence[str]) -> Metrics:
    """
    Compare a network's commands with the demonstrators'.

    :param network: the network
    :param parts: what to measure on, by name
    :param channels: names of the command channels
    :returns: by part and channel ``mae``, ``r2`` and ``constant_mae``, as
        :class:`~lnn_controller.metrics.commands.ErrorFigures` has them
    """
    training = network.training
    network.eval()
    metrics = {name: _errors(network, part, channels) for name, part in parts.items()}
    network.train(training)
    return metrics


def _errors(network: PolicyNetwork, batch: Batch, channels: Sequence[str]) -> dict[str, dict[str, float]]:
    predicted = predict(network, batch)
    keep = batch.mask.bool()
    result = {}
    for index, channel in enumerate(channels):
        recorded, commanded = (each[..., index][keep].numpy() for each in (batch.command, predicted))
        figures = error_figures(recorded, commanded, constant=float(network.command_mean[index]))
        result[channel] = {name: round(getattr(figures, name), 4) for name in ('mae', 'r2', 'constant_mae')}
    return result
