import math

import numpy as np
import pytest
from trials import LANE_KEYS, straight_trial

from lnn_controller.evaluation.trial import summarise


def test_summary_by_hand():
    trial = straight_trial(cross_track_error_m=[0.0, 0.3, -0.4, 0.0, 0.0], wall_s=0.02)
    summary = summarise(trial)
    assert tuple(summary) == LANE_KEYS
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


def test_the_summary_of_another_task_names_it():
    other = {'robot': 'boat', 'task': 'moor', 'outcome': 'moored', 'figures': {'bumps': 2}}
    summary = summarise(straight_trial(cross_track_error_m=[0.0, 0.0], **other))
    assert {name: summary[name] for name in ('robot', 'task', 'seed', 'outcome', 'bumps')} == {
        'robot': 'boat', 'task': 'moor', 'seed': 21, 'outcome': 'moored', 'bumps': 2,
    }  # fmt: skip
    assert 'track' not in summary


def test_a_robot_that_moves_sideways_and_up_covers_ground():
    twist = np.zeros((3, 6))
    twist[:, 1], twist[:, 2] = 3.0, 4.0
    summary = summarise(straight_trial(cross_track_error_m=[0.0] * 3, twist=twist))
    assert summary['distance_m'] == pytest.approx(5.0 * 0.04)
