"""Tiny recordings in the true formats of other projects become bags that training reads."""

import json
import math
import os

import cv2
import numpy as np
import pytest

from lnn_controller.cli import main
from lnn_controller.data import Bag, read_episode
from lnn_controller.data.importers.donkeycar import read_tub
from lnn_controller.data.importers.udacity import read_log
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

MS = 1_000_000
START_MS = 1_700_000_000_123
SPEC = ImageSpec(height=12, width=16)
ROWS = 6


def jpeg(path, value):
    cv2.imwrite(str(path), np.full((12, 16, 3), value, np.uint8))
    return path.name


def tub_v2(path, *, deleted=(), **changed):
    """As donkeycar's Tub writes it: \\r\\n, records in catalogs of at most four, sorted keys."""
    (path / 'images').mkdir(parents=True)
    names = []
    for first in range(0, ROWS, 4):
        lines = []
        for index in range(first, min(ROWS, first + 4)):
            record = {
                '_index': index,
                '_session_id': '21-01-01_0',
                '_timestamp_ms': START_MS + 50 * index,
                'cam/image_array': jpeg(path / 'images' / f'{index}_cam_image_array_.jpg', 40 * index),
                'user/angle': index / 10,
                'user/mode': 'user',
                'user/throttle': 0.5,
            }
            lines.append(json.dumps(record | (changed if index == 3 else {}), sort_keys=True))
        names.append(f'catalog_{len(names)}.catalog')
        (path / names[-1]).write_bytes(''.join(f'{line}\r\n' for line in lines).encode())
    catalogs = {'paths': names, 'current_index': ROWS, 'max_len': 4, 'deleted_indexes': list(deleted)}
    inputs, types = ['cam/image_array', 'user/angle'], ['image_array', 'float']
    manifest = [inputs, types, {}, {'created_at': 1.0}, catalogs]
    (path / 'manifest.json').write_bytes(''.join(f'{json.dumps(line)}\r\n' for line in manifest).encode())
    return path


def tub_v1(path):
    path.mkdir()
    (path / 'meta.json').write_text(json.dumps({'inputs': [], 'types': [], 'start': START_MS / 1000}))
    for index in range(ROWS):
        record = {
            'cam/image_array': jpeg(path / f'{index}_cam-image_array_.jpg', 40 * index),
            'user/angle': index / 10,
            'user/throttle': 0.5,
            'user/mode': 'user',
            'milliseconds': 50 * index,
        }
        (path / f'record_{index}.json').write_text(json.dumps(record))
    return path


def udacity(path, *, header=False, line=None):
    (path / 'IMG').mkdir(parents=True)
    lines = ['center,left,right,steering,throttle,brake,speed'] if header else []
    for index in range(ROWS):
        at = f'2016_12_01_13_30_48_{287 + 77 * index}'
        names = [jpeg(path / 'IMG' / f'{side}_{at}.jpg', 40 * index) for side in ('center', 'left', 'right')]
        paths = ', '.join(f'C:\\Users\\me\\IMG\\{name}' for name in names)
        lines.append(f'{paths}, {index / 10}, 0.9, 0, 20')
    (path / 'driving_log.csv').write_text('\n'.join([*lines, *([line] if line else [])]) + '\n')
    return path


def imported(out):
    with Bag(out) as bag:
        return read_episode(bag, image=SPEC), dict(bag.custom_data)


@pytest.mark.parametrize('write', [tub_v2, tub_v1])
def test_a_tub_of_donkeycar(tmp_path, write, capsys):
    tub, out = write(tmp_path / 'tub'), tmp_path / 'bag'
    flags = ['--wheelbase', '0.2', '--full-steering', '20', '--full-speed', '3', '--licence', 'CC-BY-4.0']
    assert main(['import', 'donkeycar', str(tub), '--out', str(out), *flags]) == 0
    said = capsys.readouterr().out
    assert f'{out}: 6 frames on /image_raw/compressed, commands as TwistStamped on /cmd_vel' in said
    assert 'throttle 1 is taken for 3 m/s' in said
    episode, about = imported(out)
    np.testing.assert_allclose(episode.image_stamps_ns, [(START_MS + 50 * i) * MS for i in range(ROWS)], atol=1000)
    np.testing.assert_allclose(episode.images.mean(axis=(1, 2, 3)), 40 * np.arange(ROWS), atol=2)
    # Theirs is positive to the right; v tan δ / L
    turns = [1.5 * math.tan(-i / 10 * math.radians(20)) / 0.2 for i in range(ROWS)]
    np.testing.assert_allclose(episode.commands, [[1.5, turn] for turn in turns], rtol=1e-5)
    assert about['licence'] == 'CC-BY-4.0'
    assert about['source'] == f'{tmp_path.name}/tub'
    assert (about['format'], about['wheelbase_m']) == ('https://www.donkeycar.com', '0.2')
    with Bag(out) as bag:
        first = bag.deserialize(next(bag.messages(['/image_raw/compressed'])))
        file = next(tub.rglob('0_cam*.jpg'))
        assert (first.format, bytes(first.data)) == ('jpeg', file.read_bytes())


def test_what_was_deleted_or_driven_by_a_pilot_is_left_out(tmp_path):
    rows, _ = read_tub(tub_v2(tmp_path / 'tub', deleted=[0, 5], **{'user/mode': 'local_angle'}))
    assert [round(-row.steering * 10) for row in rows] == [1, 2, 4]


def test_a_tub_whose_list_of_deleted_records_is_long(tmp_path):
    """Of a million a search through the list, for each record, would take minutes."""
    rows, _ = read_tub(tub_v2(tmp_path / 'tub', deleted=[[1], None, *range(1, 10**6)]))
    assert len(rows) == 1


@pytest.mark.parametrize('header', [False, True])
def test_a_drive_of_udacitys_simulator(tmp_path, header, capsys):
    log, out = udacity(tmp_path / 'drive', header=header), tmp_path / 'bag'
    assert main(['import', 'udacity', str(log), '--out', str(out), '--wheelbase', '2.5', '--side-cameras']) == 0
    assert 'lnn train' in capsys.readouterr().out
    with Bag(out) as bag:
        assert {name: topic.count for name, topic in bag.topics.items()} == {
            '/cmd_vel': 6,
            '/image_raw/compressed': 6,
            '/left/image_raw/compressed': 6,
            '/right/image_raw/compressed': 6,
        }
        commands = [bag.deserialize(each) for each in bag.messages(['/cmd_vel'])]
    speed = 20 * 0.44704
    assert [each.twist.linear.x for each in commands] == pytest.approx([speed] * ROWS)
    turns = [speed * math.tan(-i / 10 * math.radians(25)) / 2.5 for i in range(ROWS)]
    assert [each.twist.angular.z for each in commands] == pytest.approx(turns)
    stamp = commands[1].header.stamp
    assert (stamp.sec, stamp.nanosec) == (1480599048, 364 * MS)


@pytest.mark.parametrize(
    ('changed', 'told'),
    [
        ({'user/angle': 'left'}, 'catalog_0.catalog, line 4: user/angle must be a number from -1 to 1. Got'),
        ({'user/angle': 1.5}, 'user/angle must be a number from -1 to 1'),
        ({'cam/image_array': 'none.jpg'}, 'line 4: its picture must be there'),
        ({'cam/image_array': '../../manifest.json'}, 'its picture must be there'),
        ({'_timestamp_ms': None}, '_timestamp_ms must be a number'),
        ({'_timestamp_ms': 10**400}, '_timestamp_ms must be a number'),
        ({'_timestamp_ms': 4.1e12}, '_timestamp_ms must be a number from -2.14748e+12 to'),  # of the year 2099
        ({'user/angle': 10**400}, 'user/angle must be a number from -1 to 1'),
    ],
)
def test_a_damaged_record_is_named_and_left_out(tmp_path, changed, told):
    rows, damaged = read_tub(tub_v2(tmp_path / 'tub', **changed))
    assert [round(-row.steering * 10) for row in rows] == [0, 1, 2, 4, 5]
    (why,) = damaged
    assert told in why


@pytest.mark.parametrize('write', [tub_v2, tub_v1])
@pytest.mark.parametrize('what', ['empty', 'half', 'no picture', 'empty picture', 'pointer'])
def test_the_last_record_of_a_car_that_was_switched_off(tmp_path, write, what, capsys):
    tub, out = write(tmp_path / 'tub'), tmp_path / 'bag'
    file = tub / ('catalog_1.catalog' if write is tub_v2 else 'record_5.json')
    picture = next(tub.rglob('5_cam*.jpg'))
    if what == 'no picture':
        picture.unlink()
    elif what in ('empty picture', 'pointer'):
        picture.write_bytes(b'' if what == 'empty picture' else b'version https://git-lfs.github.com/spec/v1\noid')
    else:
        *whole, last = file.read_text().rstrip().splitlines()
        file.write_text('\n'.join([*whole, last[: 40 * (what == 'half')] or '\0' * 9]))
    assert main(['import', 'donkeycar', str(tub), '--out', str(out), '--wheelbase', '0.2']) == 0
    said = capsys.readouterr().out
    assert f'{out}: 5 frames on' in said
    assert 'left out, for it is damaged: 1 of 6. ' in said
    assert ('git lfs pull' in said) == (what == 'pointer')
    episode, about = imported(out)
    assert (len(episode.images), about['damaged_records']) == (5, '1')


def test_a_recording_that_is_damaged_for_the_most_part_is_refused(tmp_path):
    tub = tub_v2(tmp_path / 'tub')
    for number in (0, 1, 3, 4):
        next(tub.rglob(f'{number}_cam*.jpg')).unlink()
    with pytest.raises(InputError, match=r'line 1: its picture must be there.*4 records are damaged, 2 are whole'):
        read_tub(tub)


def test_a_clock_that_goes_back_is_a_pause(tmp_path):
    """As of a Raspberry Pi, which knows the time once it has a network: two starts, and a record of 1970 in between."""
    tub = tub_v2(tmp_path / 'tub')
    times_ms = iter([0, 50, 50, -7000, -6950, -10_000_000])
    for catalog in sorted(tub.glob('*.catalog')):
        records = [json.loads(line) for line in catalog.read_text().splitlines()]
        lines = [json.dumps(each | {'_timestamp_ms': START_MS + next(times_ms)}) for each in records]
        catalog.write_text('\n'.join(lines))
    out = tmp_path / 'bag'
    assert main(['import', 'donkeycar', str(tub), '--out', str(out), '--wheelbase', '0.2']) == 0
    with Bag(out) as bag:
        stamps_ms = [round(each.stamp_ns / MS) - START_MS for each in bag.messages(['/cmd_vel'])]
    assert stamps_ms == [0, 50, 11_050, 11_100, 22_100]


def test_a_single_wrong_time_is_a_pause_before_and_behind_it(tmp_path):
    out = tmp_path / 'bag'
    tub = tub_v2(tmp_path / 'tub', _timestamp_ms=1.0)
    assert main(['import', 'donkeycar', str(tub), '--out', str(out), '--wheelbase', '0.2']) == 0
    with Bag(out) as bag:
        stamps_ms = [round(each.stamp_ns / MS) - START_MS for each in bag.messages(['/cmd_vel'])]
    assert stamps_ms == [0, 50, 100, 11_100, 22_100, 22_150]


@pytest.mark.parametrize(
    ('line', 'told'),
    [
        ('a.jpg, b.jpg', 'line 7: it must have 7 columns'),
        ('center_2016.jpg, l, r, 0, 0, 0, 0', 'line 7: its picture must be there'),
    ],
)
def test_a_damaged_line_is_named_and_left_out(tmp_path, line, told):
    rows, damaged = read_log(udacity(tmp_path / 'drive', line=line))
    assert len(rows) == ROWS
    (why,) = damaged
    assert told in why


def test_a_log_that_is_no_table(tmp_path):
    with pytest.raises(InputError, match=r'driving_log\.csv must be lines of values between commas\. Got: field'):
        read_log(udacity(tmp_path / 'drive', line='x' * 200_000))


def test_drives_of_one_log_are_in_order_of_time(tmp_path):
    log = udacity(tmp_path / 'drive') / 'driving_log.csv'
    lines = log.read_text().splitlines()
    log.write_text('\n'.join([*lines[3:], *lines[:3]]))
    rows, damaged = read_log(log.parent)
    assert [round(-row.steering * 10) for row in rows] == list(range(ROWS))
    assert not damaged


def test_mistakes_are_one_line(tmp_path, capsys):
    def error(*args):
        assert main(['import', *map(str, args), '--out', str(tmp_path / 'bag')]) == 2
        assert not (tmp_path / 'bag').exists()
        return capsys.readouterr().err

    tub = tub_v2(tmp_path / 'tub')
    assert 'must be the folder of a tub, with manifest.json or record_*.json. Got tubs in it: name one of tub' in error(
        'donkeycar', tmp_path, '--wheelbase', 0.2
    )
    assert 'Got neither' in error('donkeycar', tub / 'manifest.json', '--wheelbase', 0.2)
    for name in ('tubs', 'tubs/tub_1', 'tubs/tub_2'):  # a folder whose first tub was left empty
        tub_v2(tmp_path / name, deleted=range(ROWS) if name == 'tubs' else ())
    told = 'has no record of its own. Got tubs in it: name one of tub_1, tub_2'
    assert told in error('donkeycar', tmp_path / 'tubs', '--wheelbase', 0.2)
    assert '--wheelbase must be above 0 m' in error('donkeycar', tub, '--wheelbase', 0)
    assert 'with driving_log.csv and IMG/. Got no driving_log.csv' in error('udacity', tmp_path, '--wheelbase', 2.5)
    assert 'on this computer. Got no meta/info.json in it' in error('lerobot', 'somebody/their_drives')
    os.mkfifo(tmp_path / 'driving_log.csv')
    assert 'driving_log.csv, which is a pipe' in error('udacity', tmp_path, '--wheelbase', 2.5)
    old = tmp_path / 'old'
    picture = 'center_1969_12_01_13_30_48_287.jpg'
    udacity(old, line=f'{picture}, {picture}, {picture}, 0, 0, 0, 1')
    jpeg(old / 'IMG' / picture, 0)
    assert 'a time must be from 0 to 2147483648 s. Got -' in error('udacity', old, '--wheelbase', 2.5)
    fast = udacity(tmp_path / 'fast')
    log = fast / 'driving_log.csv'
    log.write_text(log.read_text().rstrip().rpartition(',')[0] + ', 1e308')
    assert 'a command must be finite' in error('udacity', fast, '--wheelbase', 1e-9)
    assert '--camera is for lerobot. Got it for donkeycar: leave it out' in error('donkeycar', tub, '--camera', 'x')
    assert '--full-speed is for donkeycar. Got it for udacity' in error('udacity', fast, '--full-speed', 3)
    assert '--wheelbase is for donkeycar and udacity. Got it for lerobot' in error('lerobot', tub, '--wheelbase', 3)
    for picture in tub.rglob('*.jpg'):
        picture.write_bytes(b'GIF89a')
    assert "a picture must be JPEG or PNG. Got bytes that begin with b'GIF8'" in error(
        'donkeycar', tub, '--wheelbase', 1
    )
