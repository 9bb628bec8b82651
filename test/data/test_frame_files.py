"""Frames on the disk: the same as decoded, used again, whole or not there, within their limit."""

import multiprocessing
import os
import shutil
import signal

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH, write_drive

from lnn_controller.data import read_episode
from lnn_controller.data import samples as reading
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

SPEC = ImageSpec(HEIGHT, WIDTH)
SIZE = 40 * HEIGHT * WIDTH * 3  # of a drive's frames, bytes


@pytest.fixture
def folder(tmp_path):
    return tmp_path / 'cache'


def read(bag, folder, limit_gb=1.0, spec=SPEC):
    """The episode, and how many images were decoded for it."""
    decoded = []

    class Counting(reading.Frames):
        def take(self, message):
            decoded.append(message.topic)
            return super().take(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, 'Frames', Counting)
        return read_episode(bag, image=spec, cache=FrameCache(limit_gb, folder)), len(decoded)


def assert_same(one, other):
    for name, value in vars(one).items():
        np.testing.assert_equal(getattr(other, name), value)


def test_frames_are_decoded_once_and_are_the_same_with_and_without_a_cache(tmp_path, folder):
    bag = write_drive(tmp_path / 'drive')
    plain = read_episode(bag, image=SPEC)
    (first, decoded), (again, decoded_again) = read(bag, folder), read(bag, folder)
    assert (decoded, decoded_again) == (40, 0)
    assert_same(plain, first)
    assert_same(plain, again)
    # Another crop is another frame; the same bag elsewhere is the same.
    assert read(bag, folder, spec=ImageSpec(HEIGHT, WIDTH, crop_top=0.5))[1] == 40
    assert read(shutil.copytree(bag, tmp_path / 'copy'), folder)[1] == 0


def test_another_decoder_decodes_anew(tmp_path, folder, monkeypatch):
    bag = write_drive(tmp_path / 'drive')
    read(bag, folder)
    monkeypatch.setattr(reading, 'decoder_version', lambda: 'another')
    assert read(bag, folder)[1] == 40


@pytest.mark.parametrize('damage', ['flipped', 'cut', 'longer', 'empty', 'foreign', 'a file of another bag'])
def test_a_file_that_is_not_whole_is_made_anew(tmp_path, folder, damage):
    bag, other = write_drive(tmp_path / 'drive'), write_drive(tmp_path / 'other', start_ns=10**17)
    whole = read(bag, folder)[0].images.copy()
    (file,) = folder.iterdir()
    data = file.read_bytes()
    if damage == 'a file of another bag':
        read(other, folder)
        data = next(each for each in folder.iterdir() if each != file).read_bytes()
    file.write_bytes(
        {
            'flipped': data[:100] + bytes([data[100] ^ 1]) + data[101:],
            'cut': data[:-1],
            'longer': data + b'\0',
            'empty': b'',
            'foreign': b'no frames' * 100,
        }.get(damage, data)
    )
    episode, decoded = read(bag, folder)
    assert decoded == 40
    np.testing.assert_array_equal(episode.images, whole)
    assert read(bag, folder)[1] == 0


def test_those_not_used_for_longest_go_and_what_finds_no_room_is_not_kept(tmp_path, folder):
    bags = [write_drive(tmp_path / f'drive_{number}', start_ns=10**18 + number) for number in range(3)]
    limit_gb = 2.5 * (SIZE + 3000) / 1e9  # with its stamps
    for number, bag in enumerate(bags[:2]):
        assert read(bag, folder, limit_gb)[1] == 40
        newest = max(folder.iterdir(), key=lambda each: each.stat().st_mtime)
        os.utime(newest, (number, number))
    assert read(bags[0], folder, limit_gb)[1] == 0  # used last
    assert read(bags[2], folder, limit_gb)[1] == 40
    assert sum(each.stat().st_size for each in folder.iterdir()) <= limit_gb * 1e9
    assert [read(bag, folder, limit_gb)[1] for bag in (bags[0], bags[2], bags[1])] == [0, 0, 40]
    # What one run uses does not go for its own sake: what comes last is read, and not kept.
    cache = FrameCache(limit_gb, tmp_path / 'other')
    episodes = [read_episode(bag, image=SPEC, cache=cache) for bag in bags]
    assert len(list((tmp_path / 'other').iterdir())) == 2
    for bag, episode in zip(bags, episodes, strict=True):
        np.testing.assert_array_equal(episode.images, read_episode(bag, image=SPEC).images)
    assert read(bags[0], tmp_path / 'none', limit_gb=0.0)[1] == 40
    assert not list((tmp_path / 'none').glob('*'))
    with pytest.raises(InputError, match=r'--cache-limit must be at least 0 GB\. Got -1'):
        FrameCache(-1.0)


def be_killed(bag, folder):
    def kill(number):
        os.kill(os.getpid(), signal.SIGKILL)

    read_episode(bag, image=SPEC, cache=FrameCache(1.0, folder), progress=kill)


@pytest.mark.slow
def test_an_interrupted_reading_leaves_nothing_half(tmp_path, folder):
    bag = write_drive(tmp_path / 'drive')

    def interrupt(number):
        assert len(list(folder.glob('*.partial'))) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_episode(bag, image=SPEC, cache=FrameCache(1.0, folder), progress=interrupt)
    assert not list(folder.iterdir())
    process = multiprocessing.get_context('spawn').Process(target=be_killed, args=(bag, folder))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [each.suffix for each in folder.iterdir()] == ['.partial']
    assert read(bag, folder)[1] == 40
    assert [each.suffix for each in folder.iterdir()] == ['.frames']


def test_what_another_process_is_writing_is_left_alone(tmp_path, folder):
    bag = write_drive(tmp_path / 'drive')

    def another_begins(number):
        FrameCache(1.0, folder)
        assert len(list(folder.glob('*.partial'))) == 1

    read_episode(bag, image=SPEC, cache=FrameCache(1.0, folder), progress=another_begins)
    assert read(bag, folder)[1] == 0


def test_a_disk_that_takes_no_frames_is_named(tmp_path):
    bag = write_drive(tmp_path / 'drive')
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match=r'frames must have room on the disk\. Got .*file.*XDG_CACHE_HOME and TMPDIR'):
        read(bag, tmp_path / 'file')


def test_a_file_that_another_training_lets_go_meanwhile(tmp_path, folder):
    folder.mkdir()
    (folder / 'gone.frames').symlink_to(folder / 'nowhere')  # listed, and no file
    bag = write_drive(tmp_path / 'drive')
    assert [read(bag, folder)[1] for _ in range(2)] == [40, 0]
