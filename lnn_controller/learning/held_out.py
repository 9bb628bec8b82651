"""What is kept from the training, and a network's commands over it: sequences side by side, frames as they come."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lnn_controller.data.episode import Episode
from lnn_controller.data.usable import counting_spans, usable_at_ns, usable_spans
from lnn_controller.learning.augment import Augment
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import Split
from lnn_controller.learning.windows import Ticks, lay_out
from lnn_controller.liquid.network import PolicyNetwork

__all__ = [
    'FRAMES_AT_ONCE',
    'HeldOut',
    'Look',
    'Predicted',
    'drive',
    'encode_frames',
    'held_out',
    'predict',
    'recoloured',
]

# Whole episodes are measured at this rate, or the nearest to it that the policy is trained for, from a fresh state.
VALIDATION_RATE_HZ = 50.0
# Frames are encoded, without gradients, in chunks of so many. What they are changed by before depends on it: each chunk
# has the same noise.
FRAMES_AT_ONCE = 96
# Sequences run side by side for so many ticks before those that have ended are left out: 10 s.
TICKS_AT_ONCE = 500

#: a change of frames, (U, H, W, 3) → the same shape, that is the same for every part of a sequence
Look = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class HeldOut:
    """
    A sequence that a network is measured on.

    :param episode: whose frames it sees
    :param ticks: what its T ticks see and what the demonstrator did
    :param counted: which of them count, (T,); the others warm the state up
    :param look: what the frames are changed by; ``None``: they stay as they are
    """

    episode: Episode
    ticks: Ticks
    counted: NDArray[np.bool_]
    look: Look | None = None

    def features(self, network: PolicyNetwork) -> Tensor:
        """
        Encode every frame that is seen, once.

        :param network: the policy network
        :returns: features of the frames from the first that is seen to the last, (U, F)
        """
        seen = self.ticks.seen
        return encode_frames(network, self.episode.images[seen[0] : seen[-1] + 1], self.look)


@dataclass(frozen=True)
class Predicted:
    """
    A network's commands beside the demonstrator's, at the N ticks that count.

    :param commands: the network's, in physical units, (N, C)
    :param demonstrated: the demonstrator's, (N, C)
    """

    commands: Tensor
    demonstrated: Tensor


def held_out(split: Split, config: TrainConfig, rehearsed: Split | None = None) -> dict[str, list[HeldOut]]:
    """
    Lay out what was kept from the training.

    :param split: the episodes by use
    :param config: rates that the policy is trained for
    :param rehearsed: the old ones, likewise
    :returns: ``validation``; ``test`` where there is one: the state runs warm through the whole recording and only its
        end counts; ``rehearsed``: what of the old demonstrations validates
    """
    parts = {'validation': list(_whole(split.validation, config))}
    if split.test:
        episode, fraction = split.test
        from_ns = usable_at_ns(counting_spans(episode), 1.0 - fraction)
        # What comes before in the same stretch warms the state up; a stretch that ends before is not needed.
        parts['test'] = [each for each in _whole([episode], config, from_ns) if each.counted.any()]
    if rehearsed:
        parts['rehearsed'] = list(_whole(rehearsed.validation, config))
    return parts


def _whole(episodes: Iterable[Episode], config: TrainConfig, from_ns: float = -np.inf) -> Iterator[HeldOut]:
    """Each usable stretch at a steady rate; what comes after a moment counts."""
    rate_hz = min(max(VALIDATION_RATE_HZ, config.rate_min_hz), config.rate_max_hz)
    for episode in episodes:
        for low, high in usable_spans(episode):
            ticks_ns = np.arange(low, high, round(1e9 / rate_hz), dtype=np.int64)
            if len(ticks_ns) > 1:
                yield HeldOut(episode, lay_out(episode, ticks_ns), ticks_ns[1:] > from_ns)


def recoloured(part: Sequence[HeldOut], config: TrainConfig) -> list[HeldOut]:
    """
    Recolour sequences: as near to another season as a training on one season gets.

    :param part: the sequences
    :param config: strength of the augmentation, seed
    :returns: the same in other colours
    """
    augment = Augment(config.augmentation, np.random.default_rng(config.seed + 1), config.cue_colour)
    return [replace(each, look=augment.look([config.seed + 1, number])) for number, each in enumerate(part)]


def encode_frames(network: PolicyNetwork, images: NDArray[np.uint8], look: Look | None = None) -> Tensor:
    """
    Encode frames, however many, without gradients and a few at a time.

    :param network: the policy network
    :param images: rgb8 frames, (U, H, W, 3)
    :param look: what they are changed by before
    :returns: features, (U, F)
    """
    device = network.readout.weight.device
    features = []
    with torch.no_grad():
        for start in range(0, len(images), FRAMES_AT_ONCE):
            # Copied: frames may be mirrored views, or in a mapped file that cannot be written to.
            frames = np.array(images[start : start + FRAMES_AT_ONCE], order='C')
            frames = frames if look is None else look(frames)
            features.append(network.encode(torch.from_numpy(frames).to(device)))
    return torch.cat(features)


def drive(network: PolicyNetwork, part: Sequence[HeldOut], features: Sequence[Tensor]) -> Predicted:
    """
    Run the core over sequences from a fresh state, side by side, without gradients.

    Sequences of unequal length are not padded to the longest: one that has ended is left out of what follows, and of
    each only a few seconds are laid out at a time.

    :param network: the policy network
    :param part: the sequences
    :param features: of the frames of each, as :meth:`HeldOut.features` gives them
    :returns: the commands at the ticks that count
    """
    device = network.readout.weight.device
    order = sorted(range(len(part)), key=lambda i: -len(part[i].counted))
    commands: list[list[Tensor]] = [[] for _ in part]
    hx = network.cell.initial_state(len(part), device=device, dtype=torch.float32)
    with torch.no_grad():
        for start in range(0, len(part[order[0]].counted), TICKS_AT_ONCE):
            running = [i for i in order if len(part[i].counted) > start]
            stop = start + TICKS_AT_ONCE
            inputs = [part[i].ticks.between(start, stop) for i in running]
            each = [features[i][ticks.seen - part[i].ticks.seen[0]] for i, ticks in zip(running, inputs, strict=True)]
            imu = None if inputs[0].imu is None else _padded([t.imu for t in inputs if t.imu is not None], device)
            dt_s = _padded([ticks.dt_s for ticks in inputs], device)
            x = network.inputs(torch.nn.utils.rnn.pad_sequence(each, batch_first=True), imu)
            _, hx, neurons = network.sequence(x, dt_s * network.time_scale, hx[: len(running)], return_neurons=True)
            for row, i in enumerate(running):
                commands[i].append(network.read(neurons[row, : len(inputs[row].dt_s)]).cpu())
    counted = [torch.from_numpy(each.counted) for each in part]
    return Predicted(
        torch.cat([torch.cat(made)[kept] for made, kept in zip(commands, counted, strict=True)]),
        torch.cat([torch.from_numpy(each.ticks.command)[kept] for each, kept in zip(part, counted, strict=True)]),
    )


def predict(network: PolicyNetwork, part: Sequence[HeldOut]) -> Predicted:
    """
    Compute a network's commands over whole sequences, without gradients and in little memory.

    :param network: the policy network
    :param part: the sequences
    :returns: the commands at the ticks that count
    """
    return drive(network, part, [each.features(network) for each in part])


def _padded(arrays: Sequence[NDArray[np.float32]], device: torch.device) -> Tensor:
    """Arrays of unequal length as rows, the shorter ones filled up with ones: a Δt is above 0."""
    tensors = [torch.from_numpy(each) for each in arrays]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=1.0).to(device)
