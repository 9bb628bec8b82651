import math

import pytest
from drives import straight_drive

from lnn_controller.evaluation.drive import SUMMARY_KEYS, summarise


def test_summary_by_hand():
    drive = straight_drive(cross_track_error_m=[0.0, 0.3, -0.4, 0.0, 0.0], wall_s=0.02)
    summary = summarise(drive)
    assert tuple(summary) == SUMMARY_KEYS
    assert summary['seconds'] == 0.08
    assert summary['departures'] == 0
    assert summary['cross_track_error_rms_m'] == pytest.approx(math.sqrt(0.25 / 5))
    assert summary['cross_track_error_max_m'] == 0.4
    assert summary['distance_m'] == pytest.approx(0.16)
    assert summary['mean_speed_m_s'] == pytest.approx(2.0)
    assert summary['realtime_factor'] == pytest.approx(4.0)
    assert summary['control_rate_hz'] == pytest.approx(50.0)
    assert (summary['step_latency_p50_us'], summary['step_latency_p99_us']) == (80.0, 120.0)
    assert (summary['policy'], summary['scene'], summary['track']) == ('straight', 'summer', 21)


@pytest.mark.parametrize(('put_back', 'departures'), [(0, 1), (1, 1), (2, 2)])
def test_a_departure_counts_however_it_was_seen(put_back, departures):
    drive = straight_drive(cross_track_error_m=[0.0, 0.7, 0.0, 0.0, 0.0], put_back=put_back)
    assert summarise(drive)['departures'] == departures
