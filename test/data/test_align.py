import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import MS

from lnn_controller.data import Episode
from lnn_controller.data.align import align, latest_index, window_mean
from lnn_controller.data.drops import DROP_REASONS
from lnn_controller.errors import InputError

S = 1000 * MS
T0 = 1_700_000_000 * S  # wall time: float seconds would lose the nanoseconds


def episode(image_ms, command_ms, command=None, imu_ms=None, imu=None):
    def stamps(ms):
        return T0 + np.array(ms, np.int64) * MS

    command = np.array(command_ms, float) if command is None else np.array(command, float)
    if imu_ms is not None and imu is None:
        imu = np.repeat(np.array(imu_ms, float)[:, None], 6, axis=1)
    return Episode(
        name='drive',
        images=np.zeros((len(image_ms), 2, 2, 3), np.uint8),
        image_stamps_ns=stamps(image_ms),
        imu=None if imu_ms is None else np.asarray(imu, np.float32),
        imu_stamps_ns=None if imu_ms is None else stamps(imu_ms),
        commands=np.stack([command, -command], axis=1).astype(np.float32),
        command_stamps_ns=stamps(command_ms),
        channels=('linear_x', 'angular_z'),
    )


def ms_of(ticks):
    return ((ticks.stamp_ns - T0) // MS).tolist()


def test_latest_index():
    stamps = np.array([10, 20, 30])
    assert latest_index(stamps, [9, 10, 19, 20, 35]).tolist() == [-1, 0, 0, 1, 2]
    assert latest_index(stamps, [[9, 10], [29, 30]]).tolist() == [[-1, 0], [1, 2]]
    assert latest_index(stamps, 20) == 1
    assert latest_index(stamps, []).tolist() == []


def test_window_mean_by_hand():
    stamps = np.array([10, 20, 30, 60])
    samples = np.array([[1.0, 0], [2, 0], [4, 1], [10, 5]])
    # (5, 10] has the first; (10, 30] the next two; (30, 40] and (40, 50] hold that mean; (50, 60] the last.
    means = window_mean(samples, stamps, [5, 10, 30, 40, 50], [10, 30, 40, 50, 60])
    np.testing.assert_array_equal(means, [[1, 0], [3, 0.5], [3, 0.5], [3, 0.5], [10, 5]])
    # Nothing to hold in this call: the newest sample before; before the first of all: the first.
    np.testing.assert_array_equal(window_mean(samples, stamps, [35], [40]), [[4, 1]])
    np.testing.assert_array_equal(window_mean(samples, stamps, [0, 3], [3, 6]), [[1, 0], [1, 0]])
    np.testing.assert_array_equal(window_mean(samples, stamps, [70, 80], [80, 90]), [[10, 5], [10, 5]])


def test_window_mean_of_a_batch_is_that_of_its_rows():
    rng = np.random.default_rng(0)
    stamps = np.sort(rng.choice(1000, 60, replace=False))
    samples = rng.normal(size=(60, 6))
    edges = np.sort(rng.integers(0, 1000, (5, 41)), axis=1)
    batch = window_mean(samples, stamps, edges[:, :-1], edges[:, 1:])
    assert batch.shape == (5, 40, 6)
    for row, edge in zip(batch, edges):
        np.testing.assert_allclose(row, window_mean(samples, stamps, edge[:-1], edge[1:]), atol=1e-12)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40, unique=True), st.lists(st.integers(0, 320), max_size=30))
@pytest.mark.slow
def test_window_mean_is_that_of_a_plain_loop(stamps, edges):
    stamps, edges = np.array(sorted(stamps)), np.array(sorted(edges), int)
    samples = np.random.default_rng(len(stamps)).normal(size=(len(stamps), 2))
    held, expected = None, []
    for start, stop in itertools.pairwise(edges):
        inside = samples[(stamps > start) & (stamps <= stop)]
        before = samples[stamps <= stop]
        if len(inside):
            held = inside.mean(axis=0)
        expected.append(held if held is not None else before[-1] if len(before) else samples[0])
    means = window_mean(samples, stamps, edges[:-1], edges[1:])
    np.testing.assert_allclose(means, np.reshape(expected, (-1, 2)), atol=1e-12)


def test_window_mean_of_nothing():
    with pytest.raises(ValueError, match=r'at least one sample, .* Got 0 and 0 stamps'):
        window_mean(np.zeros((0, 6)), np.zeros(0, np.int64), [0], [1])
    with pytest.raises(ValueError, match=r'Got 2 and 1 stamps'):
        window_mean(np.zeros((2, 6)), np.zeros(1, np.int64), [0], [1])


def test_frames_held_commands_interpolated_imu_averaged():
    drive = episode([0, 50, 100], [0, 40, 80, 120], [0, 4, 8, 0], imu_ms=[-5, 0, 5, 10, 15, 20, 30, 35, 60, 100])
    ticks = align(drive, rate_hz=50)
    assert ms_of(ticks) == [0, 20, 40, 60, 80, 100, 120]
    assert ticks.frame_index.tolist() == [0, 0, 0, 1, 1, 2, 2]
    np.testing.assert_allclose(ticks.command[:, 0], [0, 2, 4, 6, 8, 4, 0], atol=1e-6)
    np.testing.assert_allclose(ticks.command[:, 1], -ticks.command[:, 0])
    # (−20, 0]: −5, 0; (0, 20]: 5, 10, 15, 20; (20, 40]: 30, 35; (40, 60]: 60; (60, 80] holds; 100; holds.
    np.testing.assert_allclose(ticks.imu[:, 3], [-2.5, 12.5, 32.5, 60, 60, 100, 100])
    np.testing.assert_allclose(ticks.dt_s, 0.02, rtol=1e-6)
    assert (ticks.segment.tolist(), ticks.drops, len(ticks)) == ([0] * 7, {}, 7)
    assert (ticks.imu.dtype, ticks.command.dtype, ticks.dt_s.dtype) == (np.float32,) * 3


def test_a_gap_starts_a_new_segment():
    drive = episode([0, 20, 40, 160, 180, 200], range(0, 201, 20))
    ticks = align(drive, rate_hz=50, image_timeout_s=0.05)
    assert ms_of(ticks) == [0, 20, 40, 60, 80, 160, 180, 200]
    assert ticks.segment.tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(ticks.dt_s, 0.02, rtol=1e-6)  # a segment's first tick has no tick before it
    assert ticks.drops == {'image_stale': 3}


def test_ticks_before_and_after():
    ticks = align(episode([100, 200, 300], range(0, 201, 10)), rate_hz=50)
    assert ms_of(ticks) == [100, 120, 140, 160, 180, 200]
    assert ticks.drops == {'before_first_image': 5, 'after_last_command': 5}
    ticks = align(episode(range(0, 201, 10), [100, 150, 200], imu_ms=range(140, 201, 10)), rate_hz=50)
    assert ms_of(ticks) == [140, 160, 180, 200]
    assert ticks.drops == {'before_first_command': 5, 'before_first_imu': 2}


def test_commands_hold_for_their_timeout_and_no_longer():
    """A keyboard teleop sends on key presses alone: nothing may be interpolated across its pauses."""
    ticks = align(episode(range(0, 1001, 20), [0, 1000], [1, 9]), rate_hz=10, command_timeout_s=0.5)
    assert ms_of(ticks) == [0, 100, 200, 300, 400, 500, 1000]
    assert ticks.command[:, 0].tolist() == [1, 1, 1, 1, 1, 1, 9]
    assert ticks.drops == {'command_stale': 4}
    assert ticks.segment.tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_a_base_that_holds_for_longer_has_the_command_that_it_holds():
    drive = dataclasses.replace(episode(range(0, 3001, 20), [0, 400, 2400], [1, 5, 9]), command_hold_s=1.5)
    ticks = align(drive, rate_hz=10)
    # Between two that are near each other as ever; for 1.5 s after the second what it commanded, and then nothing.
    assert ms_of(ticks) == [*range(0, 2000, 100), 2400]
    assert ticks.command[:, 0].tolist() == [1, 2, 3, 4, *[5] * 16, 9]
    assert ticks.drops == {'after_last_command': 6, 'command_stale': 4}


def test_a_stale_imu():
    ticks = align(episode(range(0, 401, 20), range(0, 401, 20), imu_ms=[0, 400]), rate_hz=10, imu_timeout_s=0.15)
    assert ms_of(ticks) == [0, 100, 400]
    assert ticks.drops == {'imu_stale': 2}


def test_a_rate_whose_period_is_no_whole_number_does_not_drift():
    drive = episode(range(0, 60_001, 30), range(0, 60_001, 30))
    ticks = align(drive, rate_hz=30)
    assert len(ticks) == 1801
    np.testing.assert_allclose((ticks.stamp_ns - T0) * 1e-9, np.arange(1801) / 30, atol=1e-8)


@settings(max_examples=60)
@given(st.data())
def test_kept_and_dropped_ticks_add_up(data):
    def stream(low):
        return sorted(data.draw(st.lists(st.integers(low, 3000), min_size=1, max_size=30, unique=True)))

    drive = episode(stream(0), stream(0), imu_ms=stream(0) if data.draw(st.booleans()) else None)
    rate_hz = data.draw(st.floats(1, 200))
    start = min(drive.image_stamps_ns[0], drive.command_stamps_ns[0])
    end = max(drive.image_stamps_ns[-1], drive.command_stamps_ns[-1])
    total = int((end - start) * rate_hz / 1e9) + 1
    try:
        ticks = align(drive, rate_hz=rate_hz)
    except InputError as err:
        assert 'no control tick has all it needs' in str(err)
        return
    assert len(ticks) + sum(ticks.drops.values()) == total
    assert set(ticks.drops) <= set(DROP_REASONS)
    age = ticks.stamp_ns - drive.image_stamps_ns[ticks.frame_index]
    assert (age >= 0).all()
    assert (age <= 0.3 * S).all()
    assert (ticks.dt_s > 0).all()
    same = np.diff(ticks.segment) == 0
    np.testing.assert_allclose(np.diff(ticks.stamp_ns)[same] * 1e-9, 1 / rate_hz, atol=2e-9)
    low, high = drive.commands[:, 0].min(), drive.commands[:, 0].max()
    assert ((ticks.command[:, 0] >= low - 1e-2) & (ticks.command[:, 0] <= high + 1e-2)).all()


@pytest.mark.parametrize('name', ['rate_hz', 'image_timeout_s', 'imu_timeout_s', 'command_timeout_s'])
@pytest.mark.parametrize('value', [0, -1, float('nan'), float('inf')])
def test_values_that_make_no_sense(name, value):
    with pytest.raises(InputError, match=rf'{name} must be a positive number'):
        align(episode([0, 50], [0, 50]), **{'rate_hz': 50, name: value})


def test_no_tick_left_says_why():
    with pytest.raises(InputError, match=r"drive: no control tick has all it needs. Got \{'before_first_image': "):
        align(episode([1000], [0, 50]), rate_hz=50)
