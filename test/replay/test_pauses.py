"""Replays of recordings with pauses: nothing is carried over one, and the last share is of what can be used."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from bundles import make_tiny_bundle

from lnn_controller.data import Episode
from lnn_controller.data.drops import DROP_REASONS, explain_drops
from lnn_controller.data.usable import counting_spans, usable_at_ns
from lnn_controller.policy import Policy
from lnn_controller.replay.at_rate import replay_episode
from lnn_controller.replay.result import summarise_replay
from lnn_controller.report.replay_plots import draw_commands
from lnn_controller.report.replay_report import ReplayReport
from lnn_controller.report.text import replay_table

MS = 1_000_000
S = 1000 * MS
T0 = 1_700_000_000 * S
SECONDS = 40


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    return Policy.load(make_tiny_bundle(tmp_path_factory.mktemp('policies') / 'tiny'))


def drive(seconds=SECONDS):
    """Frames at 20 Hz, commands at 50 Hz, an IMU at 100 Hz, none of them constant."""
    rng = np.random.default_rng(3)
    image, command, imu = (T0 + np.arange(seconds * rate) * (S // rate) for rate in (20, 50, 100))
    at_s = (command - T0) / S
    return Episode(
        name='drive',
        images=rng.integers(0, 256, (image.size, 12, 16, 3), dtype=np.uint8),
        image_stamps_ns=image,
        imu=rng.normal(size=(imu.size, 6)).astype(np.float32),
        imu_stamps_ns=imu,
        commands=np.stack([1.0 + 0.2 * np.sin(at_s), np.sin(3 * at_s)], axis=1).astype(np.float32),
        command_stamps_ns=command,
        channels=('linear_x', 'angular_z'),
    )


def changed(episode, change):
    """The episode with ``change(stamps, kind)`` in place of its stamps, and without the samples that are stamped −1."""
    fields = {}
    for kind, values in (('image', 'images'), ('command', 'commands'), ('imu', 'imu')):
        stamps = change(getattr(episode, f'{kind}_stamps_ns').copy(), kind)
        kept = stamps >= 0
        fields |= {f'{kind}_stamps_ns': stamps[kept], values: getattr(episode, values)[kept]}
    return dataclasses.replace(episode, **fields)


def parted(episode, at_s, pause_s):
    return changed(episode, lambda stamps, _: stamps + (stamps >= T0 + at_s * S) * round(pause_s * S))


def after(episode, at_s):
    return changed(episode, lambda stamps, _: np.where(stamps >= T0 + at_s * S, stamps, -1))


@pytest.fixture(scope='module')
def whole(tiny):
    return replay_episode(drive(), tiny)


@pytest.fixture(scope='module')
def second(tiny):
    return replay_episode(after(drive(), 15), tiny)


@pytest.mark.parametrize('pause_s', [11.0, 2.5 * 365 * 86400.0, 5e9])
@pytest.mark.slow
def test_a_replay_begins_anew_after_a_pause(tiny, whole, second, tmp_path, pause_s):
    result = replay_episode(parted(drive(), 15, pause_s), tiny)
    count = len(second.stamp_ns)
    np.testing.assert_array_equal(result.policy_command[-count:], second.policy_command)
    np.testing.assert_array_equal(result.recorded[-count:], second.recorded)
    np.testing.assert_array_equal(result.stamp_ns[-count:], second.stamp_ns + round(pause_s * S))
    # The ticks are those of what was recorded; what the network remembered of before the pause is what differs.
    assert len(result.stamp_ns) == pytest.approx(len(whole.stamp_ns), abs=4)
    assert result.at_s[-1] == pytest.approx(whole.at_s[-1], abs=0.1)
    assert not np.array_equal(result.policy_command[-count:], whole.policy_command[-count:])
    summary, unbroken = summarise_replay(result), summarise_replay(whole)
    assert summary.seconds == pytest.approx(SECONDS, abs=0.2)
    assert [each.end_s for each in summary.segments] == pytest.approx([10, 20, 30, SECONDS], abs=0.2)
    for name, figures in summary.channels.items():
        for key in ('mae', 'recorded_jerk_rms'):
            assert getattr(figures, key) == pytest.approx(getattr(unbroken.channels[name], key), rel=0.05)
    report = ReplayReport(result, summarise_replay(result, last=0.5))
    drops = {'pause': 1, 'image_undecodable': 2}
    table = replay_table([ReplayReport(result, dataclasses.replace(summary, drops=drops))])
    assert all(each in table for each in explain_drops(drops))
    draw_commands(tmp_path / 'commands.png', [report])
    assert (tmp_path / 'commands.png').stat().st_size > 0


@pytest.mark.parametrize(
    ('lost', 'usable_s'),
    [
        ({}, 40),
        ({'command': [(20, 99)]}, 20),  # the recorder was left running
        ({'command': [(0, 20)]}, 20),
        ({'image': [(10, 34)]}, 16),  # the camera was lost
        ({'imu': [(30, 35)]}, 35),
        ({'command': [(5, 10), (15, 20), (38, 99)]}, 28),
        ({'image': [(0, 3)], 'command': [(32, 39)]}, 30),
    ],
)
@pytest.mark.parametrize('pause_s', [0, 1000])
@pytest.mark.slow
def test_the_last_share_is_of_what_can_be_used_and_the_same_as_training_tests(tiny, lost, usable_s, pause_s):
    def lose(stamps, kind):
        at_s = (stamps - T0) / S
        gone = np.any([(at_s >= low) & (at_s < high) for low, high in lost.get(kind, [])] or [at_s < 0], axis=0)
        return np.where(gone, -1, stamps)

    result = replay_episode(parted(changed(drive(), lose), 13, pause_s), tiny)
    spans = counting_spans(result.episode)
    for last in (0.2, 0.5):
        counted = result.at_s >= result.counted_from_s(last)
        assert np.count_nonzero(counted & result.both) / 50 == pytest.approx(last * usable_s, abs=1.0)
        assert result.stamp_ns[counted][0] == pytest.approx(usable_at_ns(spans, 1.0 - last), abs=30 * MS)


def test_a_share_of_less_than_a_tick_is_the_last_one(tiny):
    def lose(stamps, kind):
        gone = (stamps > T0 + 20 * S) & (kind == 'command')
        return np.where(gone, -1, stamps)

    result = replay_episode(parted(changed(drive(), lose), 13, 1000), tiny)
    assert np.count_nonzero(result.at_s >= result.counted_from_s(1e-6)) < 0.6 * len(result.at_s)
    result = replay_episode(parted(drive(), 13, 1000), tiny)
    assert np.count_nonzero(result.at_s >= result.counted_from_s(1e-6)) <= 2


def test_the_page_has_every_reason_in_the_words_that_are_told():
    page = (Path(__file__).parents[2] / 'docs' / 'replay.md').read_text(encoding='utf-8')
    rows = [line.strip('| ').split(' | ') for line in page.splitlines() if line.startswith('| `')]
    told = {cells[0].strip('`'): cells[1] for cells in rows if len(cells) == 3}
    assert told == DROP_REASONS
