import dataclasses

import numpy as np
import pytest
import torch
from made_episode import MS, START_NS, make_episode

from lnn_controller.data.usable import usable_spans
from lnn_controller.learning.augment import Augment, mirror_commands, mirror_imu
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.windows import Windows, collate, cut


def test_a_window_holds_what_the_robot_would_have_known():
    window = cut(make_episode(), START_NS + np.array([90, 110, 135, 160]) * MS)
    # Frames come every 33.3 ms: at 110 and 135 ms the newest is number 3 (100 ms) and 4 (133.3 ms), at 160 still 4.
    assert window.frames[window.frame_index][:, 0, 0, 0].tolist() == [3, 4, 4]
    assert len(window.frames) == 2
    np.testing.assert_allclose(window.dt_s, [0.020, 0.025, 0.025], rtol=1e-6)
    # Samples after 90 up to 110 ms: numbers 19 … 22.
    np.testing.assert_allclose(window.imu[:, 0], [20.5, 25.0, 30.0])
    np.testing.assert_allclose(window.command[:, 0], [0.110, 0.135, 0.160], atol=1e-6)
    np.testing.assert_allclose(window.command[:, 1], [-0.110, -0.135, -0.160], atol=1e-6)


def test_commands_that_are_far_apart_are_held_in_a_window_as_on_the_robot():
    few = make_episode()
    few = dataclasses.replace(
        few, commands=few.commands[[0, 20, 70]], command_stamps_ns=few.command_stamps_ns[[0, 20, 70]]
    )
    few = dataclasses.replace(few, command_hold_s=1.2)
    window = cut(few, START_NS + np.array([100, 200, 500, 1300, 1400]) * MS)
    # 0.4 s apart, and then 1.0 s.
    np.testing.assert_allclose(window.command[:, 0], [0.2, 0.4, 0.4, 1.4], atol=1e-6)


def test_a_window_s_commands_are_those_of_the_whole_episode():
    episode = make_episode(frames=900)
    rng = np.random.default_rng(0)
    # 20 … 460 ms apart, where they are interpolated; the windows, from before the first command to after the last.
    kept = np.cumsum(rng.integers(1, 24, 100))
    episode = dataclasses.replace(
        episode, commands=episode.commands[kept], command_stamps_ns=episode.command_stamps_ns[kept]
    )
    times = (episode.command_stamps_ns - START_NS) * 1e-9
    for start_ms in rng.integers(-100, 30_000, 50):
        ticks = START_NS + (start_ms + np.cumsum(rng.integers(1, 120, 12))) * MS
        whole = np.interp((ticks[1:] - START_NS) * 1e-9, times, episode.commands[:, 0])
        np.testing.assert_allclose(cut(episode, ticks).command[:, 0], whole, rtol=1e-5, atol=1e-6)


def test_without_imu_there_is_none():
    window = cut(make_episode(imu=False), START_NS + np.array([90, 110]) * MS)
    assert window.imu is None
    assert collate([window]).imu is None


def test_a_gap_in_the_frames_divides_an_episode():
    episode = make_episode()
    kept = np.r_[0:40, 80:120]
    gapped = dataclasses.replace(episode, images=episode.images[kept], image_stamps_ns=episode.image_stamps_ns[kept])
    (low, high), (low_2, high_2) = usable_spans(gapped)
    assert low == START_NS
    assert abs(high - (episode.image_stamps_ns[39] + 300 * MS)) <= 20 * MS  # the last frame is good for 0.3 s
    assert abs(low_2 - episode.image_stamps_ns[80]) <= 20 * MS
    assert high_2 > low_2


def test_collate_pads_and_masks():
    episode = make_episode()
    long = cut(episode, START_NS + np.arange(0, 200, 20) * MS)
    short = cut(episode, START_NS + np.arange(0, 60, 20) * MS)
    batch = collate([long, short])
    assert batch.mask.tolist() == [[1.0] * 9, [1.0] * 2 + [0.0] * 7]
    assert batch.frames.shape[:2] == (2, len(long.frames))
    torch.testing.assert_close(batch.command[1, 2], batch.command[1, 8])


def test_the_same_seed_and_epoch_give_the_same_batches():
    config = TrainConfig(steps=40, epochs=10, batch_size=2, window_ticks=8)
    episodes = [make_episode(), make_episode(frames=60)]
    first, again = list(Windows(episodes, config, 3)), list(Windows(episodes, config, 3))
    other = list(Windows(episodes, config, 4))
    assert len(first) == 4
    for a, b in zip(first, again, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(first[0].dt_s, other[0].dt_s)


def test_the_last_epoch_takes_what_is_left_of_the_steps():
    config = TrainConfig(steps=10, epochs=4, batch_size=1, window_ticks=4)
    assert [len(Windows([make_episode()], config, epoch)) for epoch in range(4)] == [3, 3, 3, 1]


def test_rates_and_jitter_span_the_configured_range():
    config = TrainConfig(steps=60, epochs=1, batch_size=2, window_ticks=8, rate_min_hz=10.0, rate_max_hz=100.0)
    batches = list(Windows([make_episode()], config, 0))
    means = np.array([float(batch.dt_s.mean()) for batch in batches])
    assert means.min() < 0.02
    assert means.max() > 0.06
    relative = torch.cat([(batch.dt_s / batch.dt_s.mean()).flatten() for batch in batches])
    assert float(relative.std()) > 0.1
    assert float(relative.min()) > 0.4


def test_mirrored_windows_turn_the_other_way():
    config = TrainConfig(steps=20, epochs=1, batch_size=4, window_ticks=8, mirror=True, augmentation='none')
    signs = {float(torch.sign(b.command[i, -1, 1])) for b in Windows([make_episode()], config, 0) for i in range(4)}
    assert signs == {-1.0, 1.0}


def test_mirroring_twice_changes_nothing():
    imu = np.arange(12, dtype=np.float32).reshape(2, 6)
    np.testing.assert_array_equal(mirror_imu(mirror_imu(imu)), imu)
    assert mirror_imu(imu)[0].tolist() == [0, 1, -2, 3, -4, 5]
    commands = np.array([[1.0, 2.0]], np.float32)
    assert mirror_commands(commands, ('linear_x', 'angular_z')).tolist() == [[1.0, -2.0]]


@pytest.mark.parametrize('strength', ['wide', 'mild', 'colour', 'cue', 'none'])
def test_augmentation_is_one_change_for_a_whole_sequence(strength):
    rng = np.random.default_rng(0)
    frames = np.broadcast_to(rng.integers(0, 256, (1, 48, 64, 3), dtype=np.uint8), (5, 48, 64, 3))
    changed = Augment(strength, np.random.default_rng(1))(frames)
    assert changed.shape == frames.shape
    assert changed.dtype == np.uint8
    difference = np.abs(changed.astype(int) - frames).mean()
    assert (difference == 0) == (strength == 'none')
    # The same still picture stays the same but for noise.
    assert np.abs(changed[0].astype(int) - changed[4]).mean() < 25


@pytest.mark.slow
def test_wide_augmentation_inverts_and_mixes_colours():
    red = np.zeros((1, 48, 48, 3), np.uint8)
    red[..., 0] = 255
    means = np.array([Augment('wide', np.random.default_rng(i))(red).mean((0, 1, 2)) for i in range(40)])
    assert {int(row.argmax()) for row in means} == {0, 1, 2}
