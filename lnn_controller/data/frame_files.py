"""
Frames in files: written as they are decoded, then mapped, so that memory holds those in use and the disk holds all.

A file is for one reading alone, or stays in a :class:`FrameCache` for the next.
"""

import fcntl
import json
import os
import struct
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError, NotWrittenError

__all__ = ['DEFAULT_LIMIT_GB', 'FrameCache', 'FrameFile', 'StoredFrames', 'decoder_version']

DEFAULT_LIMIT_GB = 20.0
# What makes the pixels, by its sources: whoever changes one of them need not think of the caches that are there.
_DECODERS = (
    'data/frames.py',
    'data/messages/image_headers.py',
    'data/messages/images.py',
    'data/messages/video.py',
    'data/messages/video_packets.py',
    'policy/frame.py',
)
# At the end of a file: the length of the JSON before it, the CRC-32 of the frames and that, and a mark.
_END = struct.Struct('>QI8s')
_MARK = b'lnnframe'
_BLOCK = 1 << 20


@dataclass(frozen=True)
class StoredFrames:
    """
    The frames of a bag's topic, in the order of the bag.

    :param images: as the encoder takes them, (F, H, W, 3) uint8, mapped
    :param header_ns: header stamp of each, ns, 0 for none
    :param receive_ns: receive time of each, ns
    :param drops: messages that gave no frame, by reason (:data:`.drops.DROP_REASONS`)
    """

    images: NDArray[np.uint8]
    header_ns: Sequence[int]
    receive_ns: Sequence[int]
    drops: Mapping[str, int]


class FrameFile:
    """
    Frames of one size, one after the other in a file; a context manager, after which a file that was not kept is gone.

    :param height: of each, px
    :param width: of each, px
    :param partial: name of the file until it is kept; ``None``: it has none, and lies in ``TMPDIR`` or in /var/tmp,
        which is on a disk where /tmp may be in memory
    :raises NotWrittenError: if the file cannot be made
    """

    def __init__(self, height: int, width: int, partial: Path | None = None) -> None:
        self.partial = partial
        self._shape = height, width, 3
        self._count, self._crc = 0, 0
        try:
            if partial is None:
                self._file: Any = tempfile.TemporaryFile(dir=_temporary_folder())  # noqa: SIM115
                return
            partial.parent.mkdir(parents=True, exist_ok=True)
            self._file = partial.open('wb+')
        except OSError as err:
            raise _not_written(err) from None
        with suppress(OSError):  # a file system without locks
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def add(self, frame: NDArray[np.uint8]) -> None:
        """
        Append a frame.

        :param frame: of the file's size, contiguous
        :raises NotWrittenError: if it cannot be written
        """
        try:
            self._file.write(frame.data)
        except OSError as err:
            raise _not_written(err) from None
        self._count += 1
        if self.partial is not None:
            self._crc = zlib.crc32(frame.data, self._crc)

    def images(self) -> NDArray[np.uint8]:
        """
        Map all frames; what is mapped stays, whatever becomes of the file's name.

        :returns: the frames, (F, H, W, 3), F ≥ 1, read-only
        :raises NotWrittenError: if they cannot be written
        """
        try:
            self._file.flush()
        except OSError as err:
            raise _not_written(err) from None
        return _mapped(self._file, (self._count, *self._shape))

    def keep(self, path: Path, meta: Mapping[str, Any]) -> None:
        """
        Make the file whole, and give it its name.

        :param path: the name
        :param meta: what is to be known of the frames, as JSON can hold it
        :raises NotWrittenError: if it cannot be written
        """
        assert self.partial is not None
        text = json.dumps(meta).encode()
        try:
            self._file.write(text + _END.pack(len(text), zlib.crc32(text, self._crc), _MARK))
            self._file.flush()
            self.partial.replace(path)
        except OSError as err:
            raise _not_written(err) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()
        if self.partial is not None:
            self.partial.unlink(missing_ok=True)


class FrameCache:
    """
    Frames of bags that were read before, a file for each bag and size of frame.

    A file is found by the bag's hash, its topic, the frame's size and crop, and all that decodes. It has its name only
    once it is whole; one that is damaged or foreign is made anew. Where there is no room for another one, those that
    have not been used for longest go; frames for which there is no room even so are kept for one reading alone.

    :param limit_gb: size of all files, GB (10⁹ bytes), at most; 0: nothing is kept
    :param folder: where they lie; without, ``lnn_controller/frames`` in ``XDG_CACHE_HOME`` or ~/.cache
    :raises InputError: if the limit is negative
    """

    def __init__(self, limit_gb: float = DEFAULT_LIMIT_GB, folder: Path | None = None) -> None:
        if not limit_gb >= 0:
            raise InputError(f'--cache-limit must be at least 0 GB. Got {limit_gb:g}')
        caches = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
        self.folder = folder or caches / 'lnn_controller' / 'frames'
        self._limit = limit_gb * 1e9
        self._used: set[Path] = set()
        for partial in self.folder.glob('*.partial'):
            # What nobody holds was left by a process that was killed.
            with suppress(OSError), partial.open('rb') as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                partial.unlink()

    def find(self, key: Mapping[str, Any]) -> StoredFrames | None:
        """
        Find frames.

        :param key: all that decides them, ``height`` and ``width`` among it, as JSON can hold it
        :returns: the frames; ``None`` where there are none, or their file is not whole
        """
        path = self._path(key)
        try:
            stored = _read(path, key)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, struct.error):
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):  # a cache that another user may only read
            os.utime(path)
        self._used.add(path)
        return stored

    def file(self, key: Mapping[str, Any], count: int) -> FrameFile:
        """
        Begin a file.

        :param key: as of :meth:`find`
        :param count: number of frames to come, as far as it is known
        :returns: the file, to be kept if there is room for it
        :raises NotWrittenError: if it cannot be made
        """
        size = int(key['height']), int(key['width'])
        path = self._path(key)
        room = self._make_room(count * size[0] * size[1] * 3)
        return FrameFile(*size, path.with_suffix(f'.{os.getpid()}.partial') if room else None)

    def keep(self, key: Mapping[str, Any], file: FrameFile, frames: StoredFrames) -> None:
        """
        Keep a file that is whole, if it was begun to be kept.

        :param key: as of :meth:`find`
        :param file: from :meth:`file`
        :param frames: what is in it
        :raises NotWrittenError: if it cannot be written
        """
        if file.partial is None:
            return
        path = self._path(key)
        stamps = {'header_ns': list(frames.header_ns), 'receive_ns': list(frames.receive_ns)}
        file.keep(path, {'key': dict(key), 'drops': dict(frames.drops), **stamps})
        self._used.add(path)

    def _path(self, key: Mapping[str, Any]) -> Path:
        digest = sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / f'{digest[:32]}.frames'

    def _make_room(self, size: int) -> bool:
        """Let those go that were not used for longest, but none of this run's; whether there is room then."""
        if size > self._limit:
            return False
        files = []
        for path in self.folder.glob('*.frames'):
            with suppress(FileNotFoundError):  # another training has just let it go
                files.append((path, path.stat()))
        others = sorted((each for each in files if each[0] not in self._used), key=lambda each: each[1].st_mtime)
        held = sum(each.st_size for _, each in files)
        if held - sum(each.st_size for _, each in others) + size > self._limit:
            return False
        while held + size > self._limit:
            path, found = others.pop(0)
            path.unlink(missing_ok=True)
            held -= found.st_size
        return True


def decoder_version() -> str:
    """
    Return what decides which pixels a frame has, beside the bag and the frame's size.

    :returns: a hash of the decoders' sources, and the versions of the libraries that they lean on
    """
    import cv2

    package = Path(__file__).parents[1]
    sources = sha256(b''.join((package / name).read_bytes() for name in _DECODERS)).hexdigest()[:16]
    try:
        video = version('av')
    except PackageNotFoundError:
        video = 'none'
    return f'{sources} opencv {cv2.__version__} av {video}'


def _read(path: Path, key: Mapping[str, Any]) -> StoredFrames:
    """What a file of the cache holds; ValueError, KeyError, TypeError or struct.error where it is not such a file."""
    with path.open('rb') as file:
        size = file.seek(-_END.size, os.SEEK_END)
        length, crc, mark = _END.unpack(file.read())
        file.seek(size - length)
        text = file.read(length)
        meta = json.loads(text)
        shape = (len(meta['header_ns']), int(key['height']), int(key['width']), 3)
        if mark != _MARK or meta['key'] != key or int(np.prod(shape)) != size - length:
            raise ValueError('another file')
        if len(meta['receive_ns']) != shape[0] or zlib.crc32(text, _crc(file, size - length)) != crc:
            raise ValueError('a damaged file')
        return StoredFrames(_mapped(file, shape), meta['header_ns'], meta['receive_ns'], meta['drops'])


def _crc(file: Any, size: int) -> int:
    """CRC-32 of a file's beginning, read block by block: what is mapped would count as memory of the process."""
    file.seek(0)
    crc = 0
    for start in range(0, size, _BLOCK):
        crc = zlib.crc32(file.read(min(_BLOCK, size - start)), crc)
    return crc


def _mapped(file: Any, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.asarray(np.memmap(file, np.uint8, 'r', shape=shape))


def _temporary_folder() -> str | None:
    """Where files without a name lie; none: where Python would put them."""
    if not os.environ.get('TMPDIR') and os.access('/var/tmp', os.W_OK):
        return '/var/tmp'
    return None


def _not_written(error: OSError) -> NotWrittenError:
    where = f' ({error.filename})' if error.filename else ''
    return NotWrittenError(
        f"a bag's frames must have room on the disk. Got {error.strerror or error}{where}: free some, or choose other "
        'folders with XDG_CACHE_HOME and TMPDIR'
    )
