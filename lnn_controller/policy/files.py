"""
Read a file that somebody named: a file of a bearable size, of text, JSON or YAML, or one line about why not; and write
one as a whole or not at all.

A path may lead to a pipe, which never ends, to a device, or to more than the memory holds; a few bytes of JSON or YAML
can nest deeper than Python follows, or hold numbers that it does not write. Only InputError leaves what reads.
"""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError, short

__all__ = ['expand', 'parse_json', 'parse_yaml', 'read_file', 'read_text', 'write_whole']

TEXT_LIMIT = 10_000_000
YAML_LIMIT = 100_000  # pure Python reads 50 kB a second
DEEPEST = 50
# A parser's own, and what it lets through of a bad date, a key that cannot be one, a number of too many digits.
_SYNTAX_ERRORS: tuple[type[Exception], ...] = (ValueError, OverflowError, TypeError, AttributeError, MemoryError)


def expand(path: str | Path) -> Path:
    """
    Put the home folder in for ``~``.

    :param path: as the user wrote it
    :returns: the path
    :raises InputError: if it is of a user that is not there, or none that a file can have
    """
    try:
        found = Path(path).expanduser()
        found.stat()
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
            return found  # whoever reads or writes it says so in the words of the case
        raise InputError(f'a path must be one that can be followed. Got {short(str(path))}: {error.strerror}') from None
    except RuntimeError:
        raise InputError(f'a path after ~ must name a user of this machine. Got {short(str(path))}') from None
    except ValueError as error:
        raise InputError(f'a path must be one that a file can have. Got {short(str(path))}: {error}') from None
    return found


def read_file(path: str | Path, what: str, limit: int = TEXT_LIMIT) -> bytes:
    """
    Read a regular file.

    :param path: of the file; ``~`` is expanded
    :param what: what it is, for the errors: ``a scenario``
    :param limit: largest size, bytes
    :returns: its bytes
    :raises InputError: if it is missing, no regular file, larger, or cannot be read
    """
    path = expand(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # without waiting for a pipe's other end
        try:
            status = os.fstat(handle)
            if stat.S_ISDIR(status.st_mode):
                raise InputError(f'{what} must be a file. Got {path}, which is a folder')
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f'{what} must be a file. Got {path}, which is a pipe, a device or a socket')
            with os.fdopen(handle, 'rb', closefd=False) as file:
                data = b'' if status.st_size > limit else file.read(limit + 1)  # it may grow meanwhile
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(f'{what} must be a file that can be read. Got {path}: {error.strerror}') from None
    size = max(status.st_size, len(data))
    if size > limit:
        raise InputError(f'{what} must be a file of at most {limit / 1e6:g} MB. Got {path}, {size / 1e6:g} MB')
    return data


def read_text(path: str | Path, what: str, limit: int = TEXT_LIMIT) -> str:
    """
    Read a text file, UTF-8.

    :param path: as :func:`read_file`
    :param what: as :func:`read_file`
    :param limit: as :func:`read_file`
    :returns: its text
    :raises InputError: as :func:`read_file`, or if it is not UTF-8
    """
    try:
        return read_file(path, what, limit).decode('utf-8')
    except UnicodeDecodeError:
        raise InputError(f'{what} must be UTF-8 text. Got other bytes in {path}') from None


def write_whole(path: Path, data: bytes) -> None:
    """
    Write a file as a whole or not at all: a full disk, a kill or a power cut leaves what was there before.

    :param path: of the file; its folder is made
    :param data: its bytes
    :raises OSError: if it cannot be written; which file that was, each caller says in its own words
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f'.{path.name}.new')
    try:
        with beside.open('wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # before it takes the old one's place: else a power cut may leave neither
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def parse_json(text: str, what: str, **hooks: Any) -> Any:
    """
    Parse JSON.

    :param text: the text
    :param what: what it is, for the errors: ``policy.json: must be``
    :param hooks: of :func:`json.loads`
    :returns: the value, nested 50 deep at most
    :raises InputError: if it is no such JSON, or a hook raised it
    """
    value = _parse(lambda: json.loads(text, **hooks), f'{what} JSON')
    if _is_deep(value):  # whoever walks through it, walks recursively
        raise _too_deep(f'{what} JSON')
    return value


def parse_yaml(text: str, what: str) -> Any:
    """
    Parse YAML, plain values alone.

    :param text: the text
    :param what: what it is, for the errors: ``scenario x.yaml must be``
    :returns: the value; with aliases it may share or hold itself, so :func:`lnn_controller.errors.short` writes it
    :raises InputError: if it is no such YAML, nested too deep, or longer than 100,000 characters
    """
    import yaml  # a robot that drives reads JSON alone

    class Loader(yaml.SafeLoader):
        """Without merge keys, a few of which make a mapping of any size."""

        def flatten_mapping(self, node: Any) -> None:
            if any(key.tag == 'tag:yaml.org,2002:merge' for key, _ in node.value):
                raise yaml.constructor.ConstructorError(None, None, 'merge keys (<<) are not taken', node.start_mark)
            super().flatten_mapping(node)

    if len(text) > YAML_LIMIT:
        raise InputError(f'{what} YAML of at most {YAML_LIMIT} characters. Got {len(text)}')
    return _parse(lambda: yaml.load(text, Loader), f'{what} YAML', yaml.YAMLError)


def _parse(parse: Callable[[], Any], must_be: str, *errors: type[Exception]) -> Any:
    try:
        return parse()
    except InputError:
        raise
    except RecursionError:
        raise _too_deep(must_be) from None
    except (*_SYNTAX_ERRORS, *errors) as error:
        raise InputError(f'{must_be}. Got a syntax error: {" ".join(str(error).split())}') from None


def _too_deep(must_be: str) -> InputError:
    return InputError(f'{must_be} that is nested at most some {DEEPEST} deep. Got a deeper one')


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)
