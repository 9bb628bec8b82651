"""One recording with pauses in it: every piece can be learnt from, and what tests was never trained on."""

import dataclasses

import numpy as np
import pytest
import torch
from made_episode import MS, make_episode

from lnn_controller.data.usable import usable_spans
from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import Split, divide
from lnn_controller.learning.held_out import held_out
from lnn_controller.liquid.encoder import SMALLEST_SIDE, ConvEncoder

CONFIG = TrainConfig()
S = 1000 * MS


def without(episode, *, frames=(), commands=()):
    """The episode, its frames and commands lost between some times, s."""

    def kept(stamps, lost):
        at_s = (stamps - stamps[0]) / S
        return np.all([(at_s < low) | (at_s >= high) for low, high in lost] or [np.ones(len(stamps), bool)], axis=0)

    seen, given = kept(episode.image_stamps_ns, frames), kept(episode.command_stamps_ns, commands)
    return dataclasses.replace(
        episode,
        images=episode.images[seen],
        image_stamps_ns=episode.image_stamps_ns[seen],
        commands=episode.commands[given],
        command_stamps_ns=episode.command_stamps_ns[given],
    )


@pytest.mark.parametrize(
    ('lost', 'usable_s'),
    [
        ({}, 60),
        ({'commands': [(30, 99)]}, 30),
        ({'commands': [(47.4, 99)]}, 47.4),
        ({'frames': [(20, 40)]}, 40),
        ({'frames': [(0.1, 20)]}, 40),
        ({'commands': [(10, 20), (25, 50)]}, 25),
        ({'frames': [(5, 15)], 'commands': [(12, 30), (55, 56)]}, 34),
    ],
)
def test_pieces_are_cut_of_usable_time_and_the_test_is_of_none_of_them(lost, usable_s):
    whole = without(make_episode(1800), **lost)
    train, validation = divide(whole, CONFIG)
    spans = [span for piece in (*train, *validation) for span in usable_spans(piece)]
    learnt_s = sum(high - low for low, high in spans) / S
    assert learnt_s == pytest.approx(usable_s * (1 - CONFIG.test_fraction), rel=0.05)
    assert len(train) == len(validation) >= 3
    split = Split(train, validation, (whole, CONFIG.test_fraction), {})
    test = held_out(split, CONFIG)['test']
    assert sum(each.counted.sum() for each in test) / 50 == pytest.approx(usable_s * CONFIG.test_fraction, rel=0.1)
    # The command is the time: what counts is later than all that was trained on.
    tested = np.concatenate([each.ticks.command[each.counted, 0] for each in test])
    learnt = (max(high for _, high in spans) - make_episode(2).image_stamps_ns[0]) / S
    assert tested.min() >= learnt - 0.02


def test_a_recording_of_which_little_can_be_learnt_is_told_so():
    with pytest.raises(InputError, match=r'what can be learnt of it.* at least 4 s. Got 3\.\d s'):
        divide(without(make_episode(1800), commands=[(3, 99)]), CONFIG)


def test_the_smallest_frame_that_the_config_takes_is_the_encoders():
    frame = torch.zeros(1, SMALLEST_SIDE, SMALLEST_SIDE, 3, dtype=torch.uint8)
    assert ConvEncoder(SMALLEST_SIDE, SMALLEST_SIDE)(frame).shape == (1, 32)
    for size in ((SMALLEST_SIDE - 1, 64), (64, SMALLEST_SIDE - 1)):
        with pytest.raises(InputError, match=f'at least {SMALLEST_SIDE} pixels high and wide. Got {size[0]}×{size[1]}'):
            ConvEncoder(*size)
