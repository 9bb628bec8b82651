import math
from dataclasses import fields, replace

import numpy as np
import pytest
from trials import straight_trial

from lnn_controller.evaluation.trial import summarise
from lnn_controller.metrics.commands import CommandErrors
from lnn_controller.replay.comparison import Comparison, ComparisonSummary
from lnn_controller.replay.result import Exactness, ReplaySummary
from lnn_controller.report.replay_report import ReplayReport
from lnn_controller.report.text import replay_table, trial_card, trials_table

FIGURES = CommandErrors(**dict.fromkeys(CommandErrors.__dataclass_fields__, 0.25))
COMPARISON = Comparison(
    policy='p',
    recording='b',
    channels=('angular_z',),
    rate_hz=50.0,
    recorded_period_s=0.02,
    stamp_ns=np.zeros(1, np.int64),
    recorded=np.zeros((1, 1)),
    policy_command=np.zeros((1, 1)),
    latency_us=np.zeros(1),
    stops={},
)
SUMMARY = ReplaySummary(
    policy='p',
    bag='b',
    seconds=2.0,
    last=1.0,
    ticks=100,
    compared=90,
    channels={'angular_z': FIGURES},
    segments=[],
    control_rate_hz=50.0,
    step_latency_p50_us=80.0,
    step_latency_p99_us=120.0,
    stops={},
    realtime_factor=100.0,
    drops={'image_undecodable': 3},
    max_abs_difference=None,
    exact=None,
)


def test_a_card_tells_departures_and_stops():
    drive = straight_trial(cross_track_error_m=[0.0, 0.7, 0.0, 0.0, 0.0], stops={'image_stale': 2}, wall_s=0.08)
    lines = dict(line.split(maxsplit=1) for line in trial_card(summarise(drive)).splitlines())
    assert lines['lane'] == 'departures     1'
    assert lines['stops'] == 'image_stale 2'
    assert lines['control'] == 'rate        50.0 Hz'
    assert '70.0 cm at most' in lines['cross-track']


def test_a_table_has_a_row_for_each_drive():
    drives = [straight_trial(cross_track_error_m=[0.0, 0.1, 0.0], seed=track) for track in (21, 33)]
    rows = trials_table([summarise(drive) for drive in drives]).splitlines()
    assert [row.split()[:3] for row in rows[2:]] == [['summer', '21', '0'], ['summer', '33', '0']]
    assert len({len(row) for row in rows[1:]}) == 1


def flight(outcome, scene, time_s=math.nan):
    figures = {'success': int(outcome == 'success'), 'time_s': time_s}
    made = {'robot': 'drone', 'task': 'fly', 'scene': scene, 'outcome': outcome, 'figures': figures}
    return summarise(straight_trial(cross_track_error_m=[0.0] * 3, **made))


def test_successes_are_counted_by_scene_with_their_interval():
    summer = [flight('success', 'summer', seconds) for seconds in (9.0, 8.0, 20.0)] + [flight('crash', 'summer')]
    winter = [flight('', 'winter'), flight('timeout', 'winter')]
    head, _, *rows = trials_table([*summer, *winter]).splitlines()
    assert head == 'straight (drone)'
    # 3 of 4 by Wilson's formula: 30.1 … 95.4 %; 0 of 2: 0 … 65.8 %.
    assert rows[0].split() == ['fly', 'summer', '4', '75%', '30', '…', '95', '9.0', 'success', '3,', 'crash', '1']
    assert rows[1].split() == ['fly', 'winter', '2', '0%', '0', '…', '66', '–', 'time', 'up', '1,', 'timeout', '1']


def test_a_card_of_a_flight_tells_how_it_ended():
    lines = trial_card(flight('success', 'winter', 9.0)).splitlines()
    assert lines[1].split(maxsplit=1) == ['task', 'fly, winter, seed 21']
    assert lines[2].split(maxsplit=1) == ['outcome', 'success after 0.0 s']
    nobody = flight('success', 'winter', 9.0) | dict.fromkeys(('step_latency_p50_us', 'step_latency_p99_us'), math.nan)
    assert [line.split() for line in trial_card(nobody).splitlines()][5] == ['step', 'latency', '–']


def test_a_replays_table_has_a_row_for_each_channel():
    text = replay_table([ReplayReport(COMPARISON, SUMMARY)])
    assert text.splitlines()[1].split() == ['angular_z'] + ['0.250'] * 8
    assert '3 frames whose bytes or encoding do not decode (image_undecodable)' in text


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({}, 'largest difference 0.0e+00; 9 of 10 ticks compared'),
        ({'frames_missing': 2}, '9 of 10 ticks compared, 2 frames are not in the recording'),
        ({'same_policy': False}, 'no: another policy drove'),
        ({'max_abs_difference': None}, 'no: the recording does not have all inputs of any tick'),
    ],
)
def test_an_exact_replay_says_how_exact_it_was(change, words):
    exact = {'same_policy': True, 'ticks': 10, 'compared': 9, 'max_abs_difference': 0.0, 'frames_missing': 0}
    summary = replace(SUMMARY, exact=Exactness(**exact | change))
    assert replay_table([ReplayReport(COMPARISON, summary)]).splitlines()[-1].endswith(words)


def test_a_live_comparison_has_no_figures_of_a_replay():
    shared = {each.name: getattr(SUMMARY, each.name) for each in fields(ComparisonSummary)}
    text = replay_table([ReplayReport(COMPARISON, ComparisonSummary(**shared))])
    assert 'real time' not in text
    assert 'left out' not in text


def test_a_replay_of_what_the_policy_was_trained_on_says_so():
    known = replace(SUMMARY, known='was trained on this recording')
    assert 'training            p was trained on this recording' in replay_table([ReplayReport(COMPARISON, known)])
    assert 'training' not in replay_table([ReplayReport(COMPARISON, SUMMARY)])


def test_where_the_recording_hardly_changes_there_is_no_r2():
    figures = replace(FIGURES, r2=math.nan)
    row = replay_table([ReplayReport(COMPARISON, replace(SUMMARY, channels={'angular_z': figures}))]).splitlines()[1]
    assert row.split() == ['angular_z', '0.250', '0.250', 'constant', *['0.250'] * 5]


def test_columns_are_as_wide_as_their_names():
    names = 'other_camera', 'summer'
    drives = [summarise(straight_trial(cross_track_error_m=[0.0, 0.1, 0.0], scene=scene)) for scene in names]
    head, *rows = trials_table(drives).splitlines()[1:]
    assert [row.split()[:2] for row in rows] == [[scene, '21'] for scene in names]
    assert {len(row) for row in rows} == {len(head)}
    flights = trials_table([flight('success', scene, 9.0) for scene in names]).splitlines()[1:]
    assert len({row.index(word) for row, word in zip(flights, ('  n', '  1', '  1'), strict=True)}) == 1


def test_a_figure_that_there_is_not_is_a_dash():
    figures = replace(FIGURES, lag_s=math.nan, r2=-16240.183)
    row = replay_table([ReplayReport(COMPARISON, replace(SUMMARY, channels={'angular_z': figures}))]).splitlines()[1]
    assert row.split()[1:] == ['0.250', '0.250', '-16240.183', '0.250', '0.250', '–', '0.250', '0.250']
