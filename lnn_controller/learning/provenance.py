"""What a bundle's card tells of its training."""

import datetime
import math
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import onnxruntime
import torch

import lnn_controller
from lnn_controller.data.episode import Episode
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import Split
from lnn_controller.learning.measure import Metrics
from lnn_controller.liquid.network import PolicyNetwork

__all__ = ['provenance']


def provenance(
    split: Split,
    config: TrainConfig,
    metrics: Metrics,
    seconds: float,
    network: PolicyNetwork,
    started: datetime.datetime,
) -> dict[str, Any]:
    """
    Describe a training, for the card.

    :param split: the episodes by use
    :param config: of the run
    :param metrics: how good the network is on what it has not seen
    :param seconds: how long training took, s
    :param network: the trained network
    :param started: when training started
    :returns: an object that JSON can hold
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {
        'created': started.isoformat(timespec='seconds'),
        'bags': split.bags,
        'topics': _topics(split),
        'camera': _camera(split),
        'training_minutes': round(sum(_minutes(episode) for episode in split.train), 2),
        'validation_bags': [split.label(episode.name) for episode in split.validation],
        'parameters': parameters,
        'encoder_parameters': sum(p.numel() for p in network.encoder.parameters()),
        'seed': config.seed,
        'training_seconds': round(seconds, 1),
        'command_mean': dict(zip(config.outputs, np.round(network.command_mean.tolist(), 6).tolist(), strict=True)),
        'metrics': _without_nan(metrics),
        'config': config.values(),
        'versions': {
            'lnn_controller': lnn_controller.__version__,
            'torch': torch.__version__,
            'lightning': lightning.__version__,
            'onnxruntime': onnxruntime.__version__,
            'numpy': np.__version__,
        },
        'source_revision': _revision(),
    }


def _without_nan(value: Any) -> Any:
    """As JSON can hold it: a figure that is not defined is null."""
    if isinstance(value, Mapping):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return value if math.isfinite(value) else None


def _topics(split: Split) -> dict[str, list[str]]:
    """Names of the topics that were read, by kind: more than one where the recordings' differ."""
    names: dict[str, set[str]] = {}
    for episode in (*split.train, *split.validation):
        for kind, topic in episode.topics.items():
            if kind != 'imu' or episode.imu is not None:
                names.setdefault(kind, set()).add(topic)
    return {kind: sorted(topics) for kind, topics in names.items()}


def _camera(split: Split) -> dict[str, float]:
    """Size of the first recording's frames, px, and their usual rate, Hz: what `lnn check` compares a camera with."""
    first = split.train[0]
    height, width = next((each.camera for each in split.recordings if each.name == first.name), first.images.shape[1:3])
    between_ns = np.diff(first.image_stamps_ns)
    rate_hz = round(1e9 / float(np.median(between_ns)), 1) if len(between_ns) else 0.0
    return {'height': int(height), 'width': int(width), 'rate_hz': rate_hz}


def _minutes(episode: Episode) -> float:
    return float(episode.image_stamps_ns[-1] - episode.image_stamps_ns[0]) / 60e9


def _revision() -> str:
    """The source's git revision, where it is a checkout; '-dirty' where it has uncommitted changes."""
    command = ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--dirty', '--exclude=*']
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return 'unknown'
