"""Tiny data sets as LeRobot writes them, with real tables and videos, become bags that training reads."""

import json
import math
import os
from contextlib import contextmanager

import av
import cv2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from lnn_controller.cli import main
from lnn_controller.data import Bag, read_episode
from lnn_controller.data.importers.lerobot import Dataset
from lnn_controller.policy.spec import ImageSpec

FPS, LENGTHS = 10, (6, 4)
CAMERA = 'observation.images.front'
NAMES = ['arm_gripper.pos', 'x.vel', 'theta.vel']
SPEC = ImageSpec(height=32, width=48)
POINTER = b'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n'


def shade(episode, row):
    return 30 + 100 * episode + 10 * row


def action(episode, row):
    return [7.0, 0.1 + row / 10, 90.0 * (episode - 0.5)]


@contextmanager
def same_priority():
    """SVT-AV1 gives the thread that calls it the highest real-time priority, where it may, and leaves it so."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    yield
    os.sched_setscheduler(0, *before)


def video(file, shades, codec='libx264'):
    """Frames of even shades; a key frame every fourth, so that an episode does not begin with one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with same_priority(), av.open(str(file), 'w') as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 48, 32, 'yuv420p', 4
        for each in shades:
            picture = np.full((32, 48, 3), each, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
        container.mux(stream.encode())


def rows(episode):
    length = LENGTHS[episode]
    return {
        'action': pa.array([action(episode, row) for row in range(length)], pa.list_(pa.float32())),
        'timestamp': pa.array([row / FPS for row in range(length)], pa.float32()),
        'frame_index': pa.array(range(length), pa.int64()),
        'episode_index': pa.array([episode] * length, pa.int64()),
    }


def table(file, *parts):
    file.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.concat_tables(pa.table(part) for part in parts), file)


def described(path, version, dtype='video', names=NAMES, **more):
    (path / 'meta').mkdir(parents=True, exist_ok=True)
    features = {
        'action': {'dtype': 'float32', 'shape': [len(NAMES)], 'names': names},
        CAMERA: {'dtype': dtype, 'shape': [32, 48, 3], 'names': ['height', 'width', 'channels']},
        'timestamp': {'dtype': 'float32', 'shape': [1], 'names': None},
    }
    info = {'codebase_version': version, 'robot_type': 'lekiwi', 'fps': FPS, 'features': features | more}
    (path / 'meta' / 'info.json').write_text(json.dumps(info))
    (path / 'README.md').write_text('---\nlicense: apache-2.0\ntags:\n- LeRobot\n---\nDriven by hand.\n')
    return path


def version_2(path):
    """A table and a video for each episode."""
    for episode, length in enumerate(LENGTHS):
        table(path / f'data/chunk-000/episode_{episode:06d}.parquet', rows(episode))
        shades = [shade(episode, row) for row in range(length)]
        video(path / f'videos/chunk-000/{CAMERA}/episode_{episode:06d}.mp4', shades)
    return described(path, 'v2.1', names={'motors': NAMES})


def version_3(path):
    """All episodes in one table and one video."""
    table(path / 'data/chunk-000/file-000.parquet', *map(rows, range(2)))
    shades = [shade(episode, row) for episode, length in enumerate(LENGTHS) for row in range(length)]
    video(path / f'videos/{CAMERA}/chunk-000/file-000.mp4', shades, 'libsvtav1')  # their default
    prefix = f'videos/{CAMERA}/'
    places = {
        'episode_index': [0, 1],
        prefix + 'chunk_index': [0, 0],
        prefix + 'file_index': [0, 0],
        prefix + 'from_timestamp': [0.0, LENGTHS[0] / FPS],
    }
    table(path / 'meta/episodes/chunk-000/file-000.parquet', places)
    return described(path, 'v3.0')


def pictures(path):
    """Version 3 whose pictures are in the table."""
    parts = []
    for episode, length in enumerate(LENGTHS):
        frames = [np.full((32, 48, 3), shade(episode, row), np.uint8) for row in range(length)]
        each = [{'bytes': cv2.imencode('.png', frame)[1].tobytes(), 'path': None} for frame in frames]
        parts.append(rows(episode) | {CAMERA: pa.array(each)})
    table(path / 'data/chunk-000/file-000.parquet', *parts)
    return described(path, 'v3.0', dtype='image')


@pytest.mark.parametrize('write', [version_2, version_3, pictures])
def test_each_episode_is_a_bag_that_training_reads(tmp_path, write, capsys):
    out = tmp_path / 'bags'
    assert main(['import', 'lerobot', str(write(tmp_path / 'drives')), '--out', str(out)]) == 0
    said = capsys.readouterr().out
    assert f'{out}: 2 bags, one for each episode, 10 frames of {CAMERA}' in said
    assert 'linear_x is x.vel\nangular_z is theta.vel × 0.017453\n' in said
    assert 'left out of the action: arm_gripper.pos' in said
    assert sorted(each.name for each in out.iterdir()) == ['episode_000000', 'episode_000001']
    for number, length in enumerate(LENGTHS):
        with Bag(out / f'episode_{number:06d}') as bag:
            episode, about = read_episode(bag, image=SPEC), dict(bag.custom_data)
        np.testing.assert_allclose(np.diff(episode.image_stamps_ns), 1e9 / FPS, atol=100)
        shades = [shade(number, row) for row in range(length)]
        np.testing.assert_allclose(episode.images.mean(axis=(1, 2, 3)), shades, atol=4)
        turn = math.radians(90.0 * (number - 0.5))
        np.testing.assert_allclose(episode.commands, [[0.1 + row / 10, turn] for row in range(length)], rtol=1e-5)
        assert (about['licence'], about['episode']) == ('apache-2.0', str(number))
        assert about['source'] == f'{tmp_path.name}/drives'
        assert about['format'] == 'https://github.com/huggingface/lerobot'


def test_a_person_says_what_the_velocities_are(tmp_path, capsys):
    path = described(version_3(tmp_path / 'drives'), 'v3.0', names=['a', 'b', 'c'])
    flags = ['--out', str(tmp_path / 'bags'), '--licence', 'mine']
    assert main(['import', 'lerobot', str(path), *flags]) == 2
    assert 'say which elements of the action are velocities, as --action linear_x=a' in capsys.readouterr().err
    assert main(['import', 'lerobot', str(path), *flags, '--action', 'linear_x=b:-2', 'angular_z=a']) == 0
    with Bag(tmp_path / 'bags' / 'episode_000000') as bag:
        episode = read_episode(bag, image=SPEC)
        assert bag.custom_data['licence'] == 'mine'
    np.testing.assert_allclose(episode.commands, [[-0.2 - row / 5, 7.0] for row in range(6)], rtol=1e-5)


@pytest.mark.parametrize(
    ('names', 'chosen'),
    [([NAMES], NAMES), ({'motors': [NAMES]}, NAMES), (None, ['0', '1', '2'])],  # as Unitree's have them; as many have
)
def test_names_in_a_list_of_one_and_elements_without_names(tmp_path, names, chosen):
    path = described(tmp_path / 'drives', 'v2.1', names=names)
    assert list(Dataset.open(path).action_names) == chosen


def only(path, **columns):
    """The first episode alone, with other columns."""
    table(path / 'data/chunk-000/file-000.parquet', rows(0) | columns)


def damaged(path, what):
    """A data set with one fault."""
    if what == 'not a table':
        (path / 'data/chunk-000/file-000.parquet').write_bytes(b'PAR1nothing')
    elif what == 'no number':
        table(
            path / 'data/chunk-000/file-000.parquet',
            rows(0),
            rows(1) | {'action': pa.array([[math.nan] * 3] * 4, pa.list_(pa.float32()))},
        )
    elif what == 'time goes back':
        table(
            path / 'data/chunk-000/file-000.parquet',
            rows(0),
            rows(1) | {'timestamp': pa.array([0.0, 0.1, 0.1, 0.2], pa.float32())},
        )
    elif what == 'late':
        only(path, timestamp=pa.array([0.0, 0.1, 0.2, 0.3, 0.4, 1e10]))
    elif what == 'times of two':
        only(path, timestamp=pa.array([[0.0, 0.1]] * LENGTHS[0]))
    elif what == 'huge':
        only(path, action=pa.array([[0.0, 1e308, 0.0]] * LENGTHS[0]))
    elif what == 'endless chunk':
        file = path / 'meta/episodes/chunk-000/file-000.parquet'
        columns = parquet.read_table(file).to_pydict()
        table(file, columns | {f'videos/{CAMERA}/chunk_index': [math.inf] * len(LENGTHS)})
    elif what == 'deep':
        (path / 'meta/info.json').write_text('[' * 100_000)
    elif what == 'short video':
        video(path / f'videos/{CAMERA}/chunk-000/file-000.mp4', [shade(0, row) for row in range(8)])
    elif what == 'not a video':
        (path / f'videos/{CAMERA}/chunk-000/file-000.mp4').write_bytes(b'\0' * 100)
    elif what == 'no video':
        (path / f'videos/{CAMERA}/chunk-000/file-000.mp4').unlink()
    elif what == 'another version':
        described(path, 'v1.6')
    elif what == 'pointer':
        (path / f'videos/{CAMERA}/chunk-000/file-000.mp4').write_bytes(POINTER)
    elif what == 'pointer of a table':
        (path / 'data/chunk-000/file-000.parquet').write_bytes(POINTER)
    elif what == 'no action':
        file = path / 'meta/info.json'
        info = json.loads(file.read_text())
        info['features']['observation.state'] = info['features'].pop('action')
        file.write_text(json.dumps(info))
    elif what == 'two cameras':
        described(path, 'v3.0', **{'observation.images.wrist': {'dtype': 'video'}})
    return path


@pytest.mark.parametrize(
    ('what', 'told'),
    [
        ('not a table', 'file-000.parquet must be a table of parquet'),
        ('no number', 'episode 1: each action must be 3 finite numbers'),
        ('time goes back', 'episode 1: each timestamp must be later than the one before'),
        ('late', 'episode 0: a time must be from 0 to 2147483648 s. Got 1e+10 s'),
        ('times of two', 'episode 0: each timestamp must be a number'),
        ('endless chunk', 'must be numbers. Got others'),
        ('deep', 'info.json must be JSON that is nested'),
        ('short video', 'the video must have a frame at 0.800 s'),
        ('not a video', 'file-000.mp4 must be a video that can be decoded'),
        ('pointer', 'Got a pointer of Git LFS to it: git lfs pull brings it'),
        ('pointer of a table', 'Got a pointer of Git LFS to it: git lfs pull brings it'),
        ('no action', f'must have an action, what was commanded. Got {CAMERA}, timestamp, observation.state'),
        ('no video', 'its video must be there. Got no'),
        ('another version', 'codebase_version must be v2.0, v2.1 or v3.0. Got'),
        ('two cameras', 'name one of its cameras, --camera NAME. Got no name of front, wrist'),
    ],
)
def test_a_damaged_data_set_is_named_and_leaves_nothing(tmp_path, what, told, capsys):
    path = damaged(version_3(tmp_path / 'drives'), what)
    assert main(['import', 'lerobot', str(path), '--out', str(tmp_path / 'bags')]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count('\n') == 1
    assert [each.name for each in tmp_path.iterdir()] == ['drives']


def test_a_factor_that_makes_a_command_infinite_is_refused(tmp_path, capsys):
    path = damaged(version_3(tmp_path / 'drives'), 'huge')
    args = ['--action', 'linear_x=x.vel:10']
    assert main(['import', 'lerobot', str(path), '--out', str(tmp_path / 'bags'), *args]) == 2
    assert 'episode 0, frame 0: a command must be finite' in capsys.readouterr().err


@pytest.mark.parametrize('word', ['linear_x', 'speed=x.vel', 'linear_x=none', 'linear_x=x.vel:fast'])
def test_a_wrong_action_is_named(tmp_path, word, capsys):
    path = version_3(tmp_path / 'drives')
    assert main(['import', 'lerobot', str(path), '--out', str(tmp_path / 'bags'), '--action', word]) == 2
    assert '--action' in capsys.readouterr().err
