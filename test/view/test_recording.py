"""A bag on the page: what stands in the file that rerun's own reader reads is what was recorded and replayed."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from bundles import make_tiny_bundle
from full_disk import files_of_at_most
from recorded_drive import PERIOD_NS, drive

pytest.importorskip('rerun')

from told_page import Told

from lnn_controller.cli import main
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy
from lnn_controller.view.page import Page
from lnn_controller.view.status import draw_place

UNITS = 5


@pytest.fixture(scope='module')
def policies(tmp_path_factory):
    """Two of one name, with other weights; only the first has a map of attention."""
    folder = tmp_path_factory.mktemp('policies')
    first = make_tiny_bundle(folder / 'first', imu=False, name='driver', attention=True)
    return first, make_tiny_bundle(folder / 'second', imu=False, name='driver', seed=7)


@pytest.fixture(scope='module')
def driven(tmp_path_factory, policies):
    """A bag of a drive by the first policy, and its decisions."""
    bag = tmp_path_factory.mktemp('driven') / 'bag'
    return bag, drive(Policy.load(policies[0], runtime='onnx'), bag, {20: 'tick_late', 50: 'by hand', 51: 'by hand'})


@pytest.fixture(scope='module')
def told(tmp_path_factory, driven, policies):
    """What the page is told, by entity, as rerun's reader reads it from the file."""
    file = tmp_path_factory.mktemp('saved') / 'new' / 'drive.rrd'
    given = [part for policy in policies for part in ('--policy', str(policy))]
    assert main(['view', str(driven[0]), *given, '--runtime', 'onnx', '--save', str(file)]) == 0
    return Told(file)


def test_commands_are_those_that_were_recorded_and_those_that_each_policy_gives(told, driven):
    decisions = driven[1]
    for number, channel in enumerate(('linear_x', 'angular_z')):
        given = [each.command[number] for each in decisions]
        for who in ('recorded', 'driver'):  # the first policy replays to the bit
            at_s, values = told.values(f'command/{channel}/{who}', 'Scalars:scalars')
            np.testing.assert_allclose(at_s, np.arange(80) * PERIOD_NS * 1e-9, atol=1e-9)
            np.testing.assert_allclose(np.ravel(values), given, atol=1e-6)
    _, other = told.values(r'command/angular_z/driver\ \(2\)', 'Scalars:scalars')
    assert len(other) == 80
    assert np.abs(np.ravel(other) - given).max() > 1e-3


def test_neurons_stand_by_role_with_their_names_and_time_constants(told, driven):
    _, states = told.values('neurons/driver/neuron', 'Scalars:scalars')
    np.testing.assert_array_equal(np.array(states, np.float32), [each.neurons for each in driven[1]])
    _, names = told.values('neurons/driver/neuron', 'SeriesLines:names', static=True)
    assert names == [[f'neuron_{index}' for index in range(UNITS)]]
    _, constants = told.values('time_constants/driver', 'Scalars:scalars')
    ran = [each.time_constants is not None for each in driven[1]]
    np.testing.assert_array_equal(np.isfinite(constants).all(axis=1), ran)
    assert not all(ran)


def test_who_drives_and_why_it_stops_is_written_once_a_change(told):
    at_s, states = told.values('mode/driver', 'StateChange:state')
    assert [state for [state] in states] == ['policy', 'stop: tick_late', 'policy', 'override', 'policy']
    assert at_s[1] == pytest.approx(20 * PERIOD_NS * 1e-9)
    _, lines = told.values('log', 'TextLog:text')
    assert sum(line == ['driver: stop: tick_late'] for line in lines) == 1


def test_pictures_come_at_most_fifteen_times_a_second_and_are_the_cameras(told, driven):
    at_s, pictures = told.values('camera/picture', 'EncodedImage:blob')
    assert np.diff(at_s).min() >= 1 / 15 - 0.011
    assert 15 <= len(pictures) <= 25  # of 80 in 1.6 s
    first = cv2.imdecode(np.array(pictures[0][0], np.uint8), cv2.IMREAD_COLOR)
    assert first.shape == (12, 16, 3)
    expected = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    assert np.abs(first[..., ::-1].mean(axis=(0, 1)) - expected.mean(axis=(0, 1))).max() < 12  # as JPEGs go
    attention_s, _ = told.values('camera/driver', 'EncodedImage:blob')
    assert attention_s == at_s
    assert not any(entity.startswith('camera/driver') and entity != 'camera/driver' for entity in told.entities)


def test_the_layout_comes_with_the_file(told):
    assert len(told.reader.blueprints()) == 1


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['bag', '--node', '/controller'], 'leave one out'),
        (['--save', 'x.rrd'], 'Got no bag'),
        (['--policy', 'car_lane'], 'Got no bag'),
        (['bag', '--domain', '3'], 'leave one out'),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(capsys, arguments, message):
    assert main(['view', *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count('\n') == 1


def test_a_file_that_cannot_be_written_is_refused_in_one_line(capsys, driven, policies, tmp_path):
    (tmp_path / 'file').write_text('')
    status = main(['view', str(driven[0]), '--policy', str(policies[0]), '--save', str(tmp_path / 'file' / 'x.rrd')])
    assert (status, 'must be writable' in capsys.readouterr().err) == (2, True)


def test_a_full_disk_leaves_the_recording_that_was_there(tmp_path):
    file = tmp_path / 'x.rrd'
    file.write_text('before')
    page = Page(0)
    page.save(file)
    with files_of_at_most(2000), pytest.raises(InputError, match=f'must be writable. Got {file}'), page:
        page.picture(0, np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    assert file.read_text() == 'before'
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize('arguments', [['bag'], []])
def test_without_the_extra_one_line_says_what_to_install(arguments):
    code = f"""
import sys
sys.modules['rerun'] = sys.modules['rerun_cli'] = None
from lnn_controller.cli import main
sys.exit(main(['view', *{arguments!r}]))
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count('\n') == 1
    assert (
        "rerun, which is not installed: in the folder of lnn_controller's sources: pip install '.[view]'" in done.stderr
    )


def test_lines_of_one_name_are_all_on_the_map(tmp_path):
    with Page() as page:
        page.save(tmp_path / 'fork.rrd')
        draw_place(page, {'robot': 'car', 'task': 'cue', 'seed': '3', 'scene': 'summer'})
    _, [strips] = Told(tmp_path / 'fork.rrd').values('map/ground/edge', 'LineStrips2D:strips', static=True)
    assert len(strips) == 6  # of the stem and of two branches


def test_what_came_before_the_first_picture_stands_at_its_time(tmp_path):
    """The viewer opens at the earliest time."""
    with Page(10**9) as page:
        page.save(tmp_path / 'drive.rrd')
        page.commands(np.array([8, 9, 10, 12]) * 10**8, 'recorded', {'linear_x': np.arange(4.0)})
        page.mode(8 * 10**8, 'driver', 'stop', 'no_image')
        page.picture(10**9, np.zeros((4, 6, 3), np.uint8))
    at_s, values = Told(tmp_path / 'drive.rrd').values('command/linear_x/recorded', 'Scalars:scalars')
    np.testing.assert_allclose(at_s, [0.0, 0.0, 0.0, 0.2])
    np.testing.assert_allclose(np.ravel(values), np.arange(4.0))
