"""Policies side by side: figures by segment, worst moments with attention, robustness curves, one page of all."""

import base64
import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from bundles import make_tiny_bundle

from lnn_controller.cli import main
from lnn_controller.data import Bag, read_episode
from lnn_controller.errors import InputError
from lnn_controller.explain.moments import worst_moments
from lnn_controller.explain.occlusion import attention
from lnn_controller.policy import OutputSpec, Policy
from lnn_controller.replay import corruptions
from lnn_controller.replay.at_rate import replay_episode
from lnn_controller.replay.comparison import Comparison, commands_at, summarise_comparison
from lnn_controller.replay.corruptions import LONGEST_S, SWEEPS, sweep_recording
from lnn_controller.replay.result import summarise_replay
from lnn_controller.sim.collect import collect

pytestmark = pytest.mark.slow

SECONDS = 11
POLICIES = ('car_lane', 'car_lane_lstm')


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """The expert's drive in winter, which no shipped policy was trained on."""
    folder = tmp_path_factory.mktemp('bags')
    return collect(folder, seeds=[33], scene='winter', seconds=SECONDS, seed=0, progress=False)[0]


@pytest.fixture(scope='module')
def car_lane():
    return Policy.load('car_lane')


@pytest.fixture(scope='module')
def episode(bag, car_lane):
    with Bag(bag) as opened:
        return read_episode(opened, image=car_lane.spec.image, channels=car_lane.spec.channels)


@pytest.fixture(scope='module')
def replayed(car_lane, episode):
    return replay_episode(episode, car_lane)


def comparison(*, stamp_ns, recorded, given, **others):
    figures = {'policy': 'p', 'recording': 'r', 'channels': ('linear_x',), 'rate_hz': 50.0, 'recorded_period_s': 0.02}
    figures |= {'latency_us': np.ones(len(stamp_ns)), 'stops': {}} | others
    return Comparison(stamp_ns=stamp_ns, recorded=recorded, policy_command=given, **figures)


def test_segments_are_ten_seconds_of_the_recording_each():
    stamp_ns = np.arange(0, 25_000_000_000, 20_000_000, dtype=np.int64) + 7
    at_s = (stamp_ns - 7) * 1e-9
    recorded = np.sin(at_s)[:, np.newaxis]
    error = np.where(at_s < 10.0, 0.1, np.where(at_s < 20.0, 0.2, 0.4))
    given = recorded + error[:, np.newaxis]
    given[at_s < 2.0] = np.nan
    summary = summarise_comparison(comparison(stamp_ns=stamp_ns, recorded=recorded, given=given))
    found = [
        (each.start_s, each.end_s, each.compared, round(each.channels['linear_x'].mae, 6)) for each in summary.segments
    ]
    assert found == [(0.0, 10.0, 400, 0.1), (10.0, 20.0, 500, 0.2), (20.0, 24.98, 250, 0.4)]
    late = summarise_comparison(comparison(stamp_ns=stamp_ns, recorded=recorded, given=given), last=0.2)
    assert [each.start_s for each in late.segments] == [10.0, 20.0][-len(late.segments) :]
    assert late.compared == 250


def test_commands_between_two_of_the_recording_and_none_where_nobody_drove():
    known_ns = np.array([0, 100, 200, 300], np.int64)
    commands = np.array([[0.0], [1.0], [3.0], [0.0]])
    got = commands_at(np.array([0, 100, 150, 200, 300], np.int64), known_ns, commands)
    np.testing.assert_equal(got[:, 0], [np.nan, 1.0, 2.0, 3.0, np.nan])


def test_commands_are_held_where_the_next_is_long_in_coming_and_none_is_drawn_across_a_pause():
    known_ns = np.array([0, 400, 500, 61_500], np.int64) * 1_000_000
    commands = np.array([[1.0], [5.0], [6.0], [9.0]])
    at_ns = np.array([200, 450, 500, 1000, 1020, 30_000, 61_480, 61_500], np.int64) * 1_000_000
    got = commands_at(at_ns, known_ns, commands)[:, 0]
    np.testing.assert_allclose(got, [3.0, 5.5, 6.0, 6.0, np.nan, np.nan, np.nan, 9.0])
    longer = commands_at(at_ns, known_ns, commands, hold_s=30.0)[:, 0]
    np.testing.assert_allclose(longer, [3.0, 5.5, 6.0, 6.0, 6.0, 6.0, np.nan, 9.0])


def test_attention_is_where_the_command_hangs_on_the_frame(car_lane, episode, replayed):
    tick = len(replayed.decisions) // 2
    inputs, hx_then = replayed.decisions[tick].inputs, replayed.decisions[tick].state.hx
    frame = episode.images[np.flatnonzero(episode.image_stamps_ns == inputs.image.stamp_ns)[0]]
    seen = attention(car_lane, frame, hx_then, inputs.imu_mean, 0.02)
    assert seen.shape == frame.shape[:2]
    assert np.all(seen >= 0.0)
    assert seen.max() > 0.0
    # A frame of one colour has nothing to hide: every patch is as plain as before.
    plain = np.full_like(frame, 90)
    assert attention(car_lane, plain, hx_then, inputs.imu_mean, 0.02).max() == 0.0
    # Hiding where it looks most changes the command more than hiding where it looks least.
    size = frame.shape[0] // 4

    def change(at):
        top, left = (min(max(0, int(k) - size // 2), n - size) for k, n in zip(at, frame.shape, strict=False))
        hidden = frame.copy()
        hidden[top : top + size, left : left + size] = hidden[top : top + size, left : left + size].mean(axis=(0, 1))
        commands = []
        for image in (frame, hidden):
            features, hx = car_lane.encode(image), hx_then
            for _ in range(25):
                made = car_lane.step(features, inputs.imu_mean, hx, 0.02)
                hx = made.hx
            commands.append(made.command)
        return float(np.abs((commands[1] - commands[0]) / car_lane.spec.command_range).mean())

    most, least = (np.unravel_index(which(seen), seen.shape) for which in (np.argmax, np.argmin))
    assert change(most) > change(least)


def test_the_worst_moments_are_the_worst_and_apart(car_lane, replayed):
    moments = worst_moments(replayed, car_lane)
    error = np.abs((replayed.policy_command - replayed.recorded) / car_lane.spec.command_range).sum(axis=1)
    assert len(moments) == 4
    assert np.abs(moments[0].policy_command - moments[0].recorded).sum() > 0
    tick = int(np.argmin(np.abs(replayed.at_s - moments[0].at_s)))
    assert error[tick] == np.nanmax(error)
    at_s = sorted(each.at_s for each in moments)
    assert min(np.diff(at_s)) >= 2.0


def test_the_worst_moments_are_of_the_part_that_counts(car_lane, replayed):
    begins_s = 0.8 * replayed.at_s[-1]
    error = np.abs((replayed.policy_command - replayed.recorded) / car_lane.spec.command_range).sum(axis=1)
    error[replayed.at_s < begins_s] = np.nan
    moments = worst_moments(replayed, car_lane, last=0.2)
    assert moments[0].at_s == replayed.at_s[np.nanargmax(error)]
    assert min(each.at_s for each in moments) >= begins_s


def test_every_sweep_passes_the_recording_as_it_is(car_lane, episode, monkeypatch):
    told = []
    monkeypatch.setattr(corruptions, 'LONGEST_S', 3.0)  # each of some thirty replays takes its part of a second
    episode = corruptions._first_minute(episode)
    curves = sweep_recording(episode, car_lane, progress=told.append)
    assert list(curves) == list(SWEEPS)
    assert sum(told) == sum(len(each.levels) for each in SWEEPS.values())
    summary = summarise_replay(replay_episode(episode, car_lane))
    for name, curve in curves.items():
        assert [row.level for row in curve] == list(SWEEPS[name].levels)
        (usual,) = (row for row in curve if row.level == SWEEPS[name].usual)
        assert usual.mae['angular_z'] == pytest.approx(summary.channels['angular_z'].mae, rel=0.02)
        assert usual.driven == pytest.approx(1.0, abs=0.01)
    at = {name: {row.level: row for row in curve} for name, curve in curves.items()}
    # A frame twice as bright, a gyroscope that is off, and frames too far apart are all felt.
    assert at['brightness'][2.0].error > 1.2 * at['brightness'][1.0].error
    assert at['imu_bias'][0.2].error != at['imu_bias'][0.0].error
    assert at['dropped_frames'][0.8].driven < 0.95
    # Noise is the same noise again.
    noise = SWEEPS['noise'].worsen
    assert np.array_equal(noise(episode, 10.0).images, noise(episode, 10.0).images)
    assert np.std(noise(episode, 10.0).images.astype(float) - episode.images) == pytest.approx(10.0, rel=0.15)


def test_a_sweep_takes_a_minute_of_a_long_recording_and_none_of_one_where_nobody_drives(car_lane, episode):
    stretched = replace(
        episode,
        image_stamps_ns=episode.image_stamps_ns[0] + (episode.image_stamps_ns - episode.image_stamps_ns[0]) * 10,
    )
    cut = corruptions._first_minute(stretched)
    assert cut.duration_s <= LONGEST_S + 1.0 < stretched.duration_s
    with pytest.raises(InputError, match=r'must hold a command to move to be swept over. Got none'):
        sweep_recording(replace(episode, commands=np.zeros_like(episode.commands)), car_lane)


def test_two_policies_in_one_report(bag, tmp_path, capsys, monkeypatch):
    for name, sweep in SWEEPS.items():  # two levels of each make a curve
        worst = next(level for level in reversed(sweep.levels) if level != sweep.usual)
        monkeypatch.setitem(SWEEPS, name, replace(sweep, levels=(sweep.usual, worst)))
    monkeypatch.setattr(corruptions, 'LONGEST_S', 2.0)
    arguments = ['replay', str(bag), '--sweep', '--json', '--out', str(tmp_path / 'report')]
    for policy in POLICIES:
        arguments += ['--policy', policy]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / 'report' / 'summary.json').read_text())
    assert [each['policy'] for each in told['policies']] == list(POLICIES)
    assert all(set(each['robustness']) == set(SWEEPS) for each in told['policies'])
    page = (tmp_path / 'report' / 'report.html').read_text()
    pictures = re.findall(r'<img alt="([^"]*)" src="data:image/png;base64,([^"]*)">', page)
    assert [name for name, _ in pictures] == [
        'commands over time, errors',
        *['frames of the worst moments'] * 2,
        'error as the recording gets worse',
    ]
    for _, data in pictures:
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape[1] > 900
        assert picture.std() > 10
    assert '://' not in page  # nothing is fetched: the page is whole (and a picture's base64 has no colon)
    for policy in POLICIES:
        figures = next(each for each in told['policies'] if each['policy'] == policy)['channels']['angular_z']
        assert f'<td>{policy}</td><td>{figures["mae"]:.3f}</td>' in page


def test_one_policy_without_a_report(bag, capsys):
    assert main(['replay', str(bag), '--json']) == 0
    told = json.loads(capsys.readouterr().out)
    assert told['policy'] == 'car_lane'
    assert 'robustness' not in told
    assert [each['start_s'] for each in told['segments']] == [0.0, 10.0]


def test_side_by_side_in_the_terminal(bag, capsys):
    assert main(['replay', str(bag), '--policy', 'car_lane', '--policy', 'car_lane_gru']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ['channel', 'policy']
    assert [line.split()[:2] for line in lines[1:5]] == [
        [channel, policy] for channel in ('linear_x', 'angular_z') for policy in ('car_lane', 'car_lane_gru')
    ]


def test_policies_of_other_channels_are_not_compared(bag, tmp_path, capsys):
    turn = make_tiny_bundle(tmp_path / 'turn', outputs=[OutputSpec('angular_z', 'rad/s', -1.5, 1.5)])
    assert main(['replay', str(bag), '--policy', 'car_lane', '--policy', str(turn)]) == 2
    told = capsys.readouterr().err
    assert told.count('\n') == 1
    assert 'must command the same channels. Got car_lane: linear_x, angular_z; turn: angular_z' in told
