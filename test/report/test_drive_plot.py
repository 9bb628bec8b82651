import sys

import cv2
import numpy as np
import pytest
from trials import flight_trial, road_trial

from lnn_controller.errors import InputError
from lnn_controller.replay.comparison import Comparison, summarise_comparison
from lnn_controller.report.drive_plot import draw_path
from lnn_controller.report.replay_plots import draw_commands
from lnn_controller.report.replay_report import ReplayReport


def red_pixels(picture):
    return int(np.count_nonzero((picture[..., 2] > 180) & (picture[..., 1] < 40) & (picture[..., 0] < 60)))


@pytest.mark.slow
def test_the_path_picture_marks_departures(tmp_path):
    draw_path(tmp_path / 'deep' / 'good.png', road_trial(4.0))
    error = np.zeros(201)
    error[100] = 0.7
    draw_path(tmp_path / 'left.png', road_trial(4.0, cross_track_error_m=error))
    good, left = cv2.imread(str(tmp_path / 'deep' / 'good.png')), cv2.imread(str(tmp_path / 'left.png'))
    assert good.shape == left.shape == (819, 1300, 3)
    assert red_pixels(good) == 0 < red_pixels(left)


@pytest.mark.slow
def test_the_picture_of_a_flight_has_the_target_and_where_it_ended(tmp_path):
    draw_path(tmp_path / 'good.png', flight_trial(3.0, outcome='success'))
    draw_path(tmp_path / 'crash.png', flight_trial(3.0, outcome='crash'))
    draw_path(tmp_path / 'none.png', flight_trial(3.0, target=np.tile([300.0, 0.0, 1.4], (151, 1))))
    none, good, crash = (red_pixels(cv2.imread(str(tmp_path / f'{name}.png'))) for name in ('none', 'good', 'crash'))
    assert none < good < crash


@pytest.mark.slow
def test_the_picture_of_commands(tmp_path):
    at_s = np.arange(0.0, 5.0, 0.02)
    recorded = np.stack([np.full(at_s.size, 1.0), np.sin(at_s)], axis=1)
    given = recorded + 0.1
    given[:10] = np.nan
    result = Comparison(
        policy='mine',
        recording='theirs',
        channels=('linear_x', 'angular_z'),
        rate_hz=50.0,
        recorded_period_s=0.02,
        stamp_ns=(at_s * 1e9).astype(np.int64),
        recorded=recorded,
        policy_command=given,
        latency_us=np.ones(at_s.size),
        stops={},
    )
    draw_commands(tmp_path / 'commands.png', [ReplayReport(result, summarise_comparison(result, last=0.2))])
    picture = cv2.imread(str(tmp_path / 'commands.png'))
    assert picture.shape == (787, 1620, 3)
    # Both curves are there: the recording's blue and the policy's orange (BGR).
    for colour in ((128, 78, 28), (15, 72, 217)):
        assert np.count_nonzero((np.abs(picture.astype(int) - colour) < 12).all(axis=2)) > 100


def test_a_picture_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match=r'folder of pictures must be writable. Got .*path.png'):
        draw_path(tmp_path / 'file' / 'path.png', road_trial(1.0))


def test_without_matplotlib(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith('matplotlib')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    with pytest.raises(InputError, match=r"Pictures need matplotlib\. Install it: .* pip install '\.\[sim\]'"):
        draw_path(tmp_path / 'p.png', road_trial(1.0))
