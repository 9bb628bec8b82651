"""
Refinement: cell and readout learn on over long windows, from features that the trained encoder gave once.

To encode frames is what training costs, so its windows are short. With the encoder left as it is, every frame is
encoded once for each of a few looks, and windows that are long in time cost seconds.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lnn_controller.data.episode import Episode
from lnn_controller.learning.augment import Augment, mirror_commands, mirror_imu
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.held_out import HeldOut, Look, drive, encode_frames
from lnn_controller.learning.module import PolicyModule, at_ticks
from lnn_controller.learning.windows import Windows
from lnn_controller.liquid.gradients import clip_gradients
from lnn_controller.liquid.network import PolicyNetwork

__all__ = ['encoded_looks', 'refine']

# A window is so many times as long as one of the training before.
LONGER = 8
# How often every episode is encoded: as it is, and in other colours.
LOOKS = 4


def refine(
    module: PolicyModule,
    episodes: Sequence[Episode],
    config: TrainConfig,
    rehearsed: Sequence[Episode] = (),
    *,
    looks: Sequence[Episode] = (),
) -> dict[str, Any]:
    """
    Train cell and readout on; the weights that validate best stay, those that it began with among them.

    :param module: with a trained network and what validates; the encoder's weights stay to the bit
    :param episodes: to train on
    :param config: ``refine_steps``, and the windows, augmentation, learning rate and seed of the training before
    :param rehearsed: old episodes, for half of the windows
    :param looks: the episodes as :func:`encoded_looks` gave them before; empty: they are encoded here
    :returns: for the card: the validation's score ``before`` and ``after``
    """
    network = module.network
    parts = [*network.sequence.parameters(), *network.readout.parameters()]
    if module.foresight is not None:
        parts += module.foresight.parameters()
    parameters = [parameter for parameter in parts if parameter.requires_grad]
    looks = looks or encoded_looks(network, episodes, config)
    old_looks = encoded_looks(network, rehearsed, config, 1)
    windows = dataclasses.replace(
        config,
        steps=config.refine_steps,
        window_ticks=min(LONGER * config.window_ticks, 1000),
        augmentation='none',
        mirror=False,
        viewpoint_shift=0.0,
        viewpoint_turn=0.0,
    )
    validation = {name: (part, [each.features(network) for each in part]) for name, part in module.validation.items()}
    optimizer = torch.optim.AdamW(parameters, config.cell_learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.cell_learning_rate, config.refine_steps)
    before = best = _score(module, validation)
    kept = _copied(network)
    network.train()
    drawn = Windows(looks, windows, rehearsed=old_looks)
    for epoch in range(-(-windows.steps // windows.steps_per_epoch)):
        for batch in drawn.of_epoch(epoch):
            features = at_ticks(batch.frames, batch)
            optimizer.zero_grad()
            neurons = network.neurons(features, batch.imu, batch.dt_s)
            loss = module.loss(network.read(neurons), batch.command, batch.mask)
            loss = loss + module.foresight_loss(neurons, batch) + module.penalty()
            loss.backward()  # type: ignore[no-untyped-call]
            if clip_gradients(parameters, 1.0):
                optimizer.step()
            schedule.step()
        score = _score(module, validation)
        if score < best:
            best, kept = score, _copied(network)
    network.load_state_dict(kept)
    return {'before': round(before, 6), 'after': round(best, 6)}


def encoded_looks(
    network: PolicyNetwork, episodes: Sequence[Episode], config: TrainConfig, group: int = 0
) -> list[Episode]:
    """
    Encode every frame, once as it is, and where episodes may look otherwise a few times so.

    :param network: with the encoder
    :param episodes: to encode
    :param config: augmentation and seed
    :param group: of episodes that look otherwise than another group's
    :returns: each episode some times, with features, (F, 32), for frames
    """
    augment = Augment(config.augmentation, np.random.default_rng([config.seed, config.refine_steps]), config.cue_colour)
    count = 1 if config.augmentation == 'none' and not config.mirror else LOOKS
    return [
        _encoded(
            network,
            episode,
            augment.look([config.seed, config.refine_steps, group, look, number]) if look else None,
            mirror=config.mirror and look % 2 == 1,
        )
        for look, (number, episode) in product(range(count), enumerate(episodes))
    ]


def _encoded(network: PolicyNetwork, episode: Episode, look: Look | None, *, mirror: bool) -> Episode:
    """The episode with features, (F, 32), for frames."""
    images, imu, commands = episode.images, episode.imu, episode.commands
    if mirror:
        images = images[:, :, ::-1]
        imu = None if imu is None else mirror_imu(imu)
        commands = mirror_commands(commands, episode.channels)
    features: Any = encode_frames(network, images, look).cpu().numpy()
    # Windows take their frames from here whatever these are.
    return dataclasses.replace(episode, images=features, imu=imu, commands=commands)


def _score(module: PolicyModule, validation: Mapping[str, tuple[Sequence[HeldOut], Sequence[Tensor]]]) -> float:
    network = module.network
    training = network.training
    network.eval()
    losses = [module.error(drive(network, part, features)) for part, features in validation.values()]
    network.train(training)
    return sum(losses) / len(losses)


def _copied(network: PolicyNetwork) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}
