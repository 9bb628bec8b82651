"""Find a bag's files on disk, and report what is wrong with them before anything reads them."""

import re
import shlex
import shutil
import sqlite3
import struct
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

import yaml
from backports import zstd  # comes with rosbags

from lnn_controller.data.bags.mcap_records import MAGIC as MCAP_MAGIC
from lnn_controller.errors import InputError

__all__ = [
    'check_whole',
    'custom_data_of',
    'files_of',
    'find_bags',
    'has_log',
    'is_bag',
    'is_packed',
    'locate',
    'lost_log',
    'unpack',
    'unpacked',
    'why_damaged',
    'with_log',
]

# libyaml's, eight times as fast as the one in Python: a recorder's metadata of thirty topics took it 0.2 s.
_Loader: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
_ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
_SUFFIXES = ('.mcap', '.db3')
_NUMBER = re.compile(r'_\d+$')  # of a recording's files
_SQLITE_HEAD = struct.Struct('>16xHBB8xI')  # size of a page, how it is written and read, pages (sqlite.org/fileformat2)


def find_bags(path: str | Path) -> list[Path]:
    """
    Find the bags that a path means: the bag itself, or those in the folder, as ``lnn collect`` leaves them.

    :param path: a bag, or a folder of bags
    :returns: at least one path for :class:`Bag`, sorted
    :raises InputError: if there is none
    """
    path = Path(path)
    try:
        inside = _bags_inside(path)
        if inside and not (path / 'metadata.yaml').exists() and not storage_files(path):
            return inside
    except OSError as err:
        raise _unreadable(path, err) from None
    locate(path)
    return [path]


def _bags_inside(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(p for p in path.iterdir() if p.is_dir() and is_bag(p))


def storage_files(folder: Path) -> list[Path]:
    """
    List the storage files in a folder: MCAP, sqlite3, and those compressed as a whole.

    :param folder: an existing directory
    :returns: paths, sorted; not the compressed one of a file that is there itself too, as where a recorder was
        killed while it compressed it
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and any(s in _SUFFIXES for s in p.suffixes[-2:]))
    return [p for p in files if not (is_packed(p) and p.with_suffix('') in files)]


def is_bag(path: Path) -> bool:
    """
    Return whether a path looks like a bag's.

    :param path: any path
    :returns: whether it is a storage file, or a folder with one or with a bag's metadata
    """
    if path.is_dir():
        return (path / 'metadata.yaml').exists() or bool(storage_files(path))
    return path.is_file() and (path.suffix in _SUFFIXES or is_packed(path))


def locate(path: Path) -> Path:
    """
    Find what to open for a path.

    :param path: a bag, as the user named it
    :returns: a directory with metadata.yaml, or one storage file
    :raises InputError: if ``path`` is missing, not readable, a folder without a bag or with several, or a file of
        another kind
    """
    needed = 'a rosbag2 directory, a .mcap or a .db3 file is needed'
    try:
        if path.is_dir():
            files = storage_files(path)
            if (path / 'metadata.yaml').exists():
                return path
            if files:  # a recorder that was killed leaves no metadata
                return path
            if inside := _bags_inside(path):
                msg = f'{path} is a folder of bags, not a bag: name one, e.g. {inside[0]}'
            else:
                names = ', '.join(sorted(p.name for p in path.iterdir())[:5]) or 'nothing'
                msg = f'{path} is no bag: {needed}. Got a folder with {names}'
            raise InputError(msg)
        if not path.exists():
            raise InputError(f'no bag at {path}: {needed}. Check the path')
    except OSError as err:
        raise _unreadable(path, err) from None
    if path.suffix == '.bag':
        source, target = shlex.quote(str(path)), shlex.quote(str(path.with_suffix('')))
        raise InputError(
            f'{path} is a ROS 1 bag: convert it with `rosbags-convert --src {source} --dst {target}` first'
        )
    if path.suffix not in _SUFFIXES and not is_packed(path):
        beside = f' Its folder is one: {path.parent}.' if path.name == 'metadata.yaml' else ''
        raise InputError(f'{path} is no bag: {needed}. Got a file of another kind.{beside}')
    return path


def check_whole(bag: Path, file: Path) -> bool:
    """
    Check for a file that is empty, foreign or cut off, which rosbags' own errors do not distinguish.

    :param bag: the bag's path, for errors
    :param file: one of its storage files
    :returns: whether it is whole; of an MCAP file that is cut off :mod:`.mcap_file` reads what is whole
    :raises InputError: if the file is not readable, empty, or of another kind
    """
    try:
        with file.open('rb') as stream:
            start = stream.read(16)
            size = stream.seek(0, 2)
            stream.seek(max(0, size - len(MCAP_MAGIC)))
            end = stream.read()
    except OSError as err:
        raise InputError(f'bag {bag} cannot be read: {file}: {err.strerror or err}') from None
    if is_packed(file):  # to be looked at when it is unpacked
        return True
    if not size:
        if file.suffix == '.mcap' and bag.is_dir():
            return False  # a recorder that was killed had just begun this file
        raise InputError(f'bag {bag} is empty: {file} has 0 bytes')
    magic = MCAP_MAGIC if file.suffix == '.mcap' else b'SQLite format 3\0'
    if not start.startswith(magic[: len(start)]):
        kind = 'an MCAP' if file.suffix == '.mcap' else 'a sqlite3'
        raise InputError(
            f'bag {bag} is foreign: {file} is not {kind} file, whatever its name. Got {size} bytes of another kind'
        )
    return file.suffix != '.mcap' or (end == MCAP_MAGIC and size > 2 * len(MCAP_MAGIC))


def is_packed(file: Path) -> bool:
    """
    Return whether a file is compressed as a whole.

    :param file: a storage file, or another
    :returns: whether it is one of zstd with a storage file in it
    """
    return file.suffix == '.zstd' and Path(file.stem).suffix in _SUFFIXES


def unpack(file: Path, folder: Path) -> Path:
    """
    Unpack a file, as far as it goes where its writer was killed.

    :param file: a storage file that :func:`is_packed`
    :param folder: where it is unpacked
    :returns: the storage file in it
    :raises zstd.ZstdError: if it is damaged
    """
    copy = folder / file.stem
    with zstd.open(file, 'rb') as packed, copy.open('wb') as plain, suppress(EOFError):
        while block := packed.read1(1 << 20):
            plain.write(block)
    return copy


def unpacked(data: bytes) -> bytes:
    """
    Unpack a message, if it is compressed by itself: what CDR begins with is never what zstd begins with.

    :param data: CDR, or zstd with CDR in it
    :returns: CDR
    :raises zstd.ZstdError: if it is damaged
    """
    return zstd.decompress(data) if data[:4] == _ZSTD_MAGIC else data


def files_of(source: Path) -> tuple[list[Path], list[str]]:
    """
    Find the storage files of a bag: those that metadata.yaml lists or, where it does not fit them, all that are there.

    :param source: a bag's directory, or a storage file
    :returns: the files, sorted, and the names of those that are listed and not there
    :raises InputError: if none is there, or they are of several recordings
    """
    if source.is_file():
        return [source], []
    found, listed = storage_files(source), _listed_files(source)
    there = [file for file in found if {file.name, f'{file.name}.zstd', file.stem} & listed]
    if listed and len(there) == len(listed):
        return there, []
    missing = sorted(listed - {file.name for file in there}) if len(found) < len(listed) else []
    if not found:
        names = f'; it lists {", ".join(missing)}' if missing else ''
        raise InputError(
            f'bag {source} has no storage file beside its metadata.yaml{names}. Copy the whole folder again'
        )
    stems = {file: file.name.partition('.')[0] for file in reversed(found)}
    numbered = {_NUMBER.sub('', stem) for stem in stems.values()}
    # Of a recording that was called run_4 the first file is run_4, the next one run_4_1: neither is of a recording run.
    begins = {stem if stem in numbered else _NUMBER.sub('', stem): file for file, stem in stems.items()}
    if not listed and len(begins) > 1:
        raise InputError(
            f'{source} holds files of several recordings, {", ".join(sorted(begins))}: name one, e.g. {found[0]}'
        )
    return found, missing


def custom_data_of(source: Path) -> dict[str, str]:
    """
    Read what whoever wrote a bag added to its metadata, such as which robot it is of.

    :param source: a bag's directory, or a storage file
    :returns: texts by key; none where there is no metadata.yaml or nothing can be read of it
    """
    custom = _metadata(source).get('custom_data')
    return {str(key): str(value) for key, value in custom.items()} if isinstance(custom, dict) else {}


def _listed_files(source: Path) -> set[str]:
    """Names of the storage files that metadata.yaml lists; none where nothing can be read of it."""
    try:
        return {PurePath(each).name for each in _metadata(source)['relative_file_paths']}
    except (TypeError, KeyError):
        return set()


def _metadata(source: Path) -> dict[str, Any]:
    """What metadata.yaml says; nothing where there is none, or nothing can be read of it."""
    try:
        metadata = yaml.load((source / 'metadata.yaml').read_text(encoding='utf-8'), _Loader)
        information = metadata['rosbag2_bagfile_information']
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return {}
    return information if isinstance(information, dict) else {}


def why_damaged(file: Path) -> str:
    """
    Return why a sqlite3 file cannot be read, as far as it shows: it is not whole, or its log is missing.

    :param file: a storage file
    :returns: what is wrong with it and what helps, to follow its name; empty where nothing shows
    """
    if file.suffix != '.db3':
        return ''
    with file.open('rb') as stream:
        head = stream.read(_SQLITE_HEAD.size)
        size = stream.seek(0, 2)
    if len(head) == _SQLITE_HEAD.size:
        page, _, _, pages = _SQLITE_HEAD.unpack(head)
        whole = (page if page > 1 else 65536) * pages
        if size < whole:
            return f'is cut off, {size} of {whole} bytes are there: copy it again, whole.'
    if log := lost_log(file):
        return f'cannot be read without its write-ahead log, {log}, which is not there: copy it too.'
    return ''


def lost_log(file: Path) -> str:
    """
    Name the write-ahead log that a sqlite3 file may lack: its recorder wrote one, and it is not there.

    :param file: a storage file
    :returns: name of the log; empty where none is lacking
    """
    if file.suffix != '.db3' or _log(file).exists():
        return ''
    with file.open('rb') as stream:
        head = stream.read(_SQLITE_HEAD.size)
    return _log(file).name if head[18:19] == b'\2' else ''


def has_log(file: Path) -> bool:
    """
    Return whether a sqlite3 file is to be read with a log beside it, as where its recorder was killed.

    That is a write-ahead log with rows in it, or a journal of how the file was before what was begun and not ended.

    :param file: a storage file
    :returns: whether there is a log with anything in it
    """
    return file.suffix == '.db3' and any(log.is_file() and log.stat().st_size for log in (_log(file), _journal(file)))


def with_log(file: Path, folder: Path) -> Path:
    """
    Copy a sqlite3 file, as it is with its logs. The file and its logs stay as they are.

    :param file: a storage file that :func:`has_log`
    :param folder: where the copy is to be
    :returns: the copy
    :raises sqlite3.Error: if the file or its log is damaged
    """
    copy = folder / file.name
    shutil.copyfile(file, copy)
    for beside in (_log, _journal):
        if beside(file).is_file():
            shutil.copyfile(beside(file), beside(copy))
    database = sqlite3.connect(copy)
    try:
        database.execute('PRAGMA journal_mode=DELETE')  # takes in what a log holds
        database.execute('SELECT count(*) FROM sqlite_master').fetchone()  # takes back what was not ended
    finally:
        database.close()
    return copy


def _log(file: Path) -> Path:
    return file.with_name(f'{file.name}-wal')


def _journal(file: Path) -> Path:
    return file.with_name(f'{file.name}-journal')


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f'bag {path} cannot be read: {error.strerror or error}')
