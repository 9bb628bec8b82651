import math
import sys

import av
import numpy as np
import pytest
from trials import MS, flight_trial, road_trial

from lnn_controller.errors import InputError
from lnn_controller.report.video import moments, write_video
from lnn_controller.report.video_layout import Layout

pytestmark = pytest.mark.slow

SECONDS = 1.4
CAR = Layout((66, 200), 2)


def frames(seconds=SECONDS):
    """A camera whose pictures grow lighter, 30 a second."""
    return [
        (1_000_000_000 + k * 1_000_000_000 // 30, np.full((66, 200, 3), 6 * k, np.uint8))
        for k in range(int(seconds * 30))
    ]


def decode(path):
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == 'h264'
        return [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]


@pytest.mark.parametrize('cores', [1, 2])
def test_a_video_is_whole_and_shows_what_happened(tmp_path, monkeypatch, cores):
    monkeypatch.setattr('os.sched_getaffinity', lambda _pid: set(range(cores)))
    shares = []
    write_video(tmp_path / 'demo.mp4', road_trial(SECONDS), frames(), progress=shares.append)
    pictures = decode(tmp_path / 'demo.mp4')
    assert len(pictures) == len(shares) == int(SECONDS * 15) + 1
    assert shares[-1] == 1.0
    assert {picture.shape for picture in pictures} == {(360, 1000, 3)}
    assert [file.name for file in tmp_path.iterdir()] == ['demo.mp4']
    x, y, width, height = CAR.camera_box
    shown = [float(picture[y + 5 : y + height - 5, x + 5 : x + width - 5].mean()) for picture in pictures]
    # Each frame of the video shows the newest camera picture of its time: every second one.
    np.testing.assert_allclose(shown[:20], [12 * k for k in range(20)], atol=6)
    # The world behind the car moves past.
    assert np.abs(pictures[0][100:200, :600].astype(int) - pictures[-1][100:200, :600]).mean() > 2


def test_moments_take_the_newest_of_everything():
    drive = road_trial(SECONDS)
    shown = list(moments(drive, frames()))
    assert len(shown) == 22
    last = shown[15]  # one second
    assert last.index == 50
    assert last.pose.tolist() == drive.pose[50].tolist()
    assert last.state[:2] == ('0:01.0', '2.0 m/s')
    assert last.command.tolist() == [2.0, 0.1]
    assert int(last.camera[0, 0, 0]) == 180
    assert last.neurons.shape[::2] == (19, 3)
    # What lies before the start has the colour of nothing; what lies after it has not.
    assert np.ptp(last.neurons[:, 0], axis=0).max() == 0 < np.ptp(last.neurons[:, -1], axis=0).max()


def test_moments_count_departures():
    error = np.zeros(71)
    error[[20, 40]] = 0.7
    shown = list(moments(road_trial(SECONDS, cross_track_error_m=error), []))
    assert [shown[k].state[-1] for k in (0, 7, 21)] == ['departures 0', 'departures 1', 'departures 2']


def test_a_flight_shows_where_its_target_is_and_at_last_how_it_ended():
    shown = list(moments(flight_trial(3.0, outcome='success'), []))
    assert len(shown) == int((3.0 + 1.5) * 15) + 1, 'the end is shown for a while'
    assert shown[0].state == ('0:00.0', '1.0 m/s', 'target 3.0 m, 0°', '')
    assert shown[-1].state == ('0:03.0', '1.0 m/s', 'target 4.2 m, 45° right', 'success')
    assert shown[-1].target.tolist() == [3.0, 0.0, 1.4]


def test_where_a_target_is_does_not_depend_on_how_far_the_drone_leans():
    flight = flight_trial(0.2)
    heading, pitch = 1.0, 0.6
    turned = (
        -math.sin(heading / 2) * math.sin(pitch / 2),
        math.cos(heading / 2) * math.sin(pitch / 2),
        math.sin(heading / 2) * math.cos(pitch / 2),
        math.cos(heading / 2) * math.cos(pitch / 2),
    )
    roll = math.sin(0.3), 0.0, 0.0, math.cos(0.3)
    flight.pose[:, 3:] = product(turned, roll)
    assert next(iter(moments(flight, []))).state[2] == 'target 3.0 m, 57° right'


def product(first, then):
    """Of two turns, quaternions x, y, z, w."""
    a, b = np.array(first[:3]), np.array(then[:3])
    return [*(first[3] * b + then[3] * a + np.cross(a, b)), first[3] * then[3] - a @ b]


def test_a_flight_is_filmed_with_a_bar_for_each_channel(tmp_path, monkeypatch):
    monkeypatch.setattr('os.sched_getaffinity', lambda _pid: {0})
    trial, layout = flight_trial(0.2), Layout((72, 128), 4)
    write_video(tmp_path / 'demo.mp4', trial, [(10**9, np.full((72, 128, 3), 90, np.uint8))])
    picture = decode(tmp_path / 'demo.mp4')[-1]
    assert picture.shape == (layout.size[1], layout.size[0], 3) == (478, 1210, 3)

    def is_lit(row, share):
        left, top, width, _ = layout.bar(row)
        return bool(picture[top + 5, left + round(share * width)].max() > 150)

    # Backwards; to the left, which is shown to the left; a little up; no turn.
    assert [is_lit(0, 0.45), is_lit(0, 0.55)] == [True, False]
    assert [is_lit(1, 0.1), is_lit(1, 0.9)] == [True, False]
    assert [is_lit(2, 0.45), is_lit(2, 0.53)] == [False, True]
    assert [is_lit(3, 0.45), is_lit(3, 0.55)] == [False, False]
    left, top, width, height = layout.map_box
    corner = picture[top : top + height, left : left + width].astype(int)
    assert np.count_nonzero((corner[..., 0] > 180) & (corner[..., 1:].max(axis=2) < 110)) > 10, (
        'the target is in the map'
    )


def test_a_drive_without_neurons_can_be_shown(tmp_path, monkeypatch):
    monkeypatch.setattr('os.sched_getaffinity', lambda _pid: {0})
    nothing = {'neurons': np.zeros((0, 0)), 'neuron_stamp_ns': np.zeros(0, np.int64)}
    drive = road_trial(0.2)
    drive = type(drive)(**(vars(drive) | nothing))
    write_video(tmp_path / 'demo.mp4', drive, [])
    assert len(decode(tmp_path / 'demo.mp4')) == 4


def test_an_interrupted_video_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr('os.sched_getaffinity', lambda _pid: {0})

    def interrupt(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / 'demo.mp4', road_trial(0.5), frames(), progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match=r'video must go to a folder that can be written. Got .*demo.mp4'):
        write_video(tmp_path / 'file' / 'demo.mp4', road_trial(0.2), [])


@pytest.mark.parametrize(('library', 'named'), [('av', 'PyAV'), ('PIL', 'Pillow')])
def test_without_a_library(tmp_path, monkeypatch, library, named):
    import matplotlib.pyplot  # noqa: F401  an import that failed half-way would break every later one

    monkeypatch.setattr('os.sched_getaffinity', lambda _pid: {0})
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=rf"Videos need .*{named}. Install it: .* pip install '.\[sim\]'"):
        write_video(tmp_path / 'demo.mp4', road_trial(0.2), [])


def test_an_unknown_scene(tmp_path, monkeypatch):
    monkeypatch.setattr('os.sched_getaffinity', lambda _pid: {0, 1})
    with pytest.raises(InputError, match=r"scene must be one of .* Got 'mars'"):
        write_video(tmp_path / 'demo.mp4', road_trial(2.0, scene='mars'), [])


def test_stamps_start_where_the_drive_does():
    shown = next(iter(moments(road_trial(0.2), [(1_000_000_000 - 5 * MS, np.full((66, 200, 3), 9, np.uint8))])))
    assert int(shown.camera[0, 0, 0]) == 9
