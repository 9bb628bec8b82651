import json
import math

import numpy as np
import pytest
from drives import straight_drive

from lnn_controller.errors import InputError
from lnn_controller.evaluation.drive import SUMMARY_KEYS, summarise, to_json, write_json


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


def test_json_has_null_where_there_is_no_number():
    text = to_json({'a': math.nan, 'b': [np.float64(1 / 3), np.int64(4)], 'c': (math.inf, True, 'x')})
    assert json.loads(text) == {'a': None, 'b': [0.333333, 4], 'c': [None, True, 'x']}


def test_json_is_written_whole(tmp_path):
    path = tmp_path / 'deep' / 'summary.json'
    write_json(path, {'departures': 0})
    write_json(path, {'departures': 1})
    assert json.loads(path.read_text()) == {'departures': 1}
    assert [file.name for file in path.parent.iterdir()] == ['summary.json']


def test_json_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match=r'folder of results must be writable\. Got .*summary\.json: '):
        write_json(tmp_path / 'file' / 'summary.json', {})
