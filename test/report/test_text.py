import pytest
from drives import straight_drive

from lnn_controller.evaluation.drive import summarise
from lnn_controller.report.text import drive_card, drives_table, replay_table

KEYS = ('mae', 'rmse', 'r2', 'constant_mae', 'median_mae', 'lag_s', 'jerk_rms', 'recorded_jerk_rms')
REPLAY = {
    'policy': 'p', 'bag': 'b', 'seconds': 2.0, 'realtime_factor': 100.0, 'ticks': 100, 'compared': 90,
    'control_rate_hz': 50.0, 'step_latency_p50_us': 80.0, 'step_latency_p99_us': 120.0,
    'stops': {}, 'drops': {'image_undecodable': 3}, 'exact': None,
    'channels': {'angular_z': dict.fromkeys(KEYS, 0.25)},
}  # fmt: skip


def test_a_card_tells_departures_and_stops():
    drive = straight_drive(cross_track_error_m=[0.0, 0.7, 0.0, 0.0, 0.0], stops={'image_stale': 2}, wall_s=0.08)
    lines = dict(line.split(maxsplit=1) for line in drive_card(summarise(drive)).splitlines())
    assert lines['lane'] == 'departures     1'
    assert lines['stops'] == 'image_stale 2'
    assert lines['control'] == 'rate        50.0 Hz'
    assert '70.0 cm at most' in lines['cross-track']


def test_a_table_has_a_row_for_each_drive():
    drives = [straight_drive(cross_track_error_m=[0.0, 0.1, 0.0], track=track) for track in (21, 33)]
    rows = drives_table([summarise(drive) for drive in drives]).splitlines()
    assert [row.split()[:3] for row in rows[2:]] == [['summer', '21', '0'], ['summer', '33', '0']]
    assert len({len(row) for row in rows[1:]}) == 1


def test_a_replays_table_has_a_row_for_each_channel():
    text = replay_table([REPLAY])
    assert text.splitlines()[1].split() == ['angular_z'] + ['0.250'] * 8
    assert '3 frames whose bytes or encoding do not decode (image_undecodable)' in text


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({}, 'largest difference 0.0e+00; 9 of 10 ticks compared'),
        ({'frames_missing': 2}, '9 of 10 ticks compared, 2 frames are not in the recording'),
        ({'same_policy': False}, 'no: another policy drove'),
        ({'max_abs_difference': None}, 'no: the recording does not tell enough of any tick'),
    ],
)
def test_an_exact_replay_says_how_exact_it_was(change, words):
    exact = {'same_policy': True, 'ticks': 10, 'compared': 9, 'max_abs_difference': 0.0, 'frames_missing': 0}
    assert replay_table([REPLAY | {'exact': exact | change}]).splitlines()[-1].endswith(words)
