"""The experiment of benchmarks/keys.py: who presses keys, and what is made of such commands."""

import keys
import numpy as np
import pytest

from lnn_controller.data import Episode
from lnn_controller.learning.config import TrainConfig

S = 1_000_000_000


class Expert:
    """Who would turn as fast as it is told."""

    turn = 0.0

    def command(self):
        return np.array([2.0, self.turn])


def pressed(turns):
    """A drive at 20 Hz of frames and 50 Hz of commands that turn as given."""
    stamps = np.arange(len(turns)) * S // 50
    images = stamps[:: 50 // 25]
    return Episode(
        name='drive',
        images=np.zeros((images.size, 12, 16, 3), np.uint8),
        image_stamps_ns=images,
        imu=None,
        imu_stamps_ns=None,
        commands=np.stack([np.full(len(turns), 2.0), turns], axis=1).astype(np.float32),
        command_stamps_ns=stamps,
        channels=('linear_x', 'angular_z'),
    )


def test_a_key_is_pressed_late_let_go_early_and_at_most_every_tenth_of_a_second():
    expert = Expert()
    driver = keys.Keys(expert)
    given = []
    for turn in (0.3, 0.4, 0.2, 0.1, -0.2, -0.9, 0.9):
        expert.turn = turn
        given.append([driver.command()[1] for _ in range(5)])
    assert given == [[each] * 5 for each in (0.0, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0)]


def test_smoothing_neither_delays_nor_takes_away():
    turns = np.zeros(400)
    turns[190:211] = 1.0
    made = keys.smoothed(pressed(turns)).commands
    assert made[:, 1].sum() == pytest.approx(21.0, rel=1e-4)
    np.testing.assert_allclose(made[:, 1], made[::-1, 1][np.r_[399, :399]], atol=1e-5)  # about 200
    assert 0.5 < made[200, 1] < 0.9
    np.testing.assert_array_equal(made[:, 0], 2.0)


def test_of_balanced_windows_a_third_ends_with_each_key():
    turns = np.zeros(3000)
    turns[1000:1030], turns[2000:2050] = 1.0, -1.0
    config = TrainConfig(steps=4, epochs=1, batch_size=100, augmentation='none', rate_min_hz=50.0, rate_max_hz=51.0)
    ends = np.concatenate([_last(batch) for batch in keys.Balanced([pressed(turns)], config)])
    shares = [float(np.mean(np.abs(ends - key) < 0.5)) for key in (-1, 0, 1)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.08)
    plain = np.concatenate([_last(batch) for batch in keys.Windows([pressed(turns)], config)])
    assert np.mean(np.abs(plain) < 0.5) > 0.9


def _last(batch):
    """The turn at the last tick of each window."""
    last = batch.mask.sum(1).long() - 1
    return batch.command[range(len(last)), last, 1].numpy()
