"""A network over what was held out: a part at a time, and the same as over the whole."""

import dataclasses

import numpy as np
import pytest
import torch
from made_episode import make_episode

from lnn_controller.learning import held_out as module
from lnn_controller.learning.build import build_network, new_spec
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import Split
from lnn_controller.learning.held_out import encode_frames, held_out, predict, recoloured
from lnn_controller.policy.spec import ImageSpec


@pytest.mark.parametrize('cell', ['ncp_cfc', 'ltc', 'lstm'])
def test_sequences_of_unequal_length_give_the_commands_that_each_gives_alone(cell, monkeypatch):
    monkeypatch.setattr(module, 'FRAMES_AT_ONCE', 7)
    monkeypatch.setattr(module, 'TICKS_AT_ONCE', 10)
    config = TrainConfig(cell=cell)
    rng = np.random.default_rng(0)
    episodes = tuple(
        dataclasses.replace(each, images=rng.integers(0, 256, each.images.shape, np.uint8))
        for each in (make_episode(frames) for frames in (20, 90, 33))
    )
    network = build_network(new_spec('some', config, ImageSpec(48, 48), episodes), 0)
    part = held_out(Split(episodes[:1], episodes, None, {}), config)['validation']
    assert len({len(each.counted) for each in part}) == 3
    alone = []
    for each in part:
        ticks = each.ticks
        with torch.no_grad():
            features = network.encode(torch.from_numpy(each.episode.images[ticks.seen]))
            imu, dt_s = torch.from_numpy(ticks.imu), torch.from_numpy(ticks.dt_s)
            alone.append(network(features[None], imu[None], dt_s[None])[0])
    predicted = predict(network, part)
    torch.testing.assert_close(predicted.commands, torch.cat(alone), rtol=1e-4, atol=1e-5)
    assert predicted.demonstrated.tolist() == np.concatenate([each.ticks.command for each in part]).tolist()


@pytest.mark.parametrize('strength', ['wide', 'cue'])
def test_a_sequence_is_recoloured_alike_whatever_parts_it_is_taken_in(strength, monkeypatch):
    config = TrainConfig(augmentation=strength)
    episode = make_episode(40)
    part = held_out(Split((episode,), (episode, make_episode(30)), None, {}), config)['validation']
    first, second = recoloured(part, config)
    one, two = first.look(episode.images[:8]), first.look(episode.images[:16])
    # Noise apart, whose place in its bank depends on the row alone.
    np.testing.assert_array_equal(one, two[:8])
    assert not np.array_equal(one, second.look(episode.images[:8]))
    network = build_network(new_spec('some', config, ImageSpec(48, 48), [episode]), 0)
    assert not torch.equal(encode_frames(network, episode.images), encode_frames(network, episode.images, first.look))
