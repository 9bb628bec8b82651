"""
A policy compiled on this machine: where its library lies, whether it may be trusted, and its functions.

``lnn compile`` (:mod:`lnn_controller.export.native`) writes the libraries; nothing of a bundle is ever loaded as code.
A library is found by a hash over all that it is made of, so one of other weights or of another version is not.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.policy.spec import PolicySpec

__all__ = ['Native', 'clear_cache', 'find_native', 'lanes', 'library_path', 'load_native', 'native_state', 'seal']

Array = NDArray[np.float32]

# What the C is made by: a change in any of it makes another library.
_MAKERS = Path(__file__).parents[1] / 'export'
_DIGEST = hashlib.sha256().digest_size
UNUSED_S = 90 * 86400.0
KILLED_S = 86400.0  # a compilation takes minutes at the most


@dataclass(frozen=True)
class Native:
    """
    A policy's functions in C. Each gives 0 where it is done; -1 where an argument is not of the type and shape wanted.

    :param encode: of frame, (H, W, 3) uint8, and features to write, (F,) float32
    :param step: of features, IMU (or ``None``), hidden state, Δt in s, and what it writes: command, next hidden state,
        neurons and, where the cell has them, time constants side by side, float32; above 0: an input or a result that
        is not finite
    :param fit: of picture, (H, W, 3) uint8, frame to write, and room to work in, which is zeros at first and one call's
        at a time; above 0: so many bytes of room are needed; also -1 for a picture that must be enlarged
    :param compiler: that made it
    :param has_time_constants: whether the cell has them
    """

    encode: Callable[[NDArray[np.uint8], Array], int]
    step: Callable[[Array, Array | None, Array, float, Array], int]
    fit: Callable[[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]], int]
    compiler: str
    has_time_constants: bool


def find_native(spec: PolicySpec) -> Native | None:
    """
    Load the library of a policy, if this machine has it.

    :param spec: of the policy
    :returns: its functions; ``None`` where it was not compiled
    :raises InputError: if somebody else may have written the library, or it cannot be read, is damaged or does not load
    """
    path = library_path(spec)
    try:
        if path is None or not path.exists():
            return None
        for each in (path.parent, path):
            _check_owner(each)
        _check_whole(path)
        _note_use(path)
    except OSError as error:  # such as another user's cache, which HOME still names
        raise InputError(f'a compiled policy must be readable. Got {path}: {error.strerror}') from None
    return load_native(path)


def clear_cache() -> None:
    """
    Remove what nobody uses from the cache: libraries that none has looked for in 90 days, such as those of an older
    version or of other weights, and folders that a compilation was killed in.

    By their age alone, so beside a process that compiles or drives, and as far as it can: what cannot be removed stays.
    """
    folder, now_s = _folder(), time.time()
    for pattern, longest_s in (('*.so', UNUSED_S), ('.compile-*', KILLED_S)):
        for path in folder.glob(pattern) if folder is not None and folder.is_dir() else ():
            with suppress(OSError):  # another process may remove the same
                if now_s - path.lstat().st_mtime > longest_s:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def native_state(spec: PolicySpec) -> str:
    """
    Return whether this machine has a policy compiled, in words.

    :param spec: of the policy
    :returns: by which compiler for which processor; or that it has not, or why it is not used
    """
    try:
        native = find_native(spec)
    except InputError as error:
        return f'not used: {error}'
    return 'no (lnn compile)' if native is None else f'on this machine ({lanes()}, {native.compiler})'


def library_path(spec: PolicySpec) -> Path | None:
    """
    Return where a policy's library is, or would be: in the user's cache (XDG Base Directory Specification).

    :param spec: of the policy
    :returns: the file; ``None`` for a user without a home folder
    """
    folder = _folder()
    if folder is None:
        return None
    key = hashlib.sha256('\0'.join((platform.machine(), lanes(), _sources(), spec.to_json())).encode()).hexdigest()
    return folder / f'{spec.name}-{key[:32]}.so'


def _folder() -> Path | None:
    base = Path(os.environ.get('XDG_CACHE_HOME', ''))
    try:
        cache = base if base.is_absolute() else Path.home() / '.cache'
    except RuntimeError:
        return None
    return cache / 'lnn_controller' / 'native'


def _note_use(path: Path) -> None:
    """Keep a library for as long as it is used; a clock that a robot booted with, years back, notes nothing."""
    now_s = time.time()
    with suppress(OSError):  # a file system may be read-only
        if path.stat().st_mtime < now_s:
            os.utime(path, (now_s, now_s))


@cache
def lanes() -> str:
    """
    Return the vectors of this processor that the C is compiled for; its results are the same with any.

    :returns: ``avx2`` (with FMA), ``neon``, or ``none``
    """
    if platform.machine() in ('aarch64', 'arm64'):
        return 'neon'
    try:
        flags = Path('/proc/cpuinfo').read_text().partition('\nflags')[2].partition('\n')[0].split()
    except OSError:
        flags = []
    return 'avx2' if {'avx2', 'fma'} <= set(flags) else 'none'


@cache
def _sources() -> str:
    digest = hashlib.sha256()
    for file in sorted([_MAKERS / 'native.py', *(_MAKERS / 'c').glob('*.*')]):
        digest.update(f'{file.name}\0'.encode() + file.read_bytes())
    return digest.hexdigest()


def _check_owner(path: Path) -> None:
    """Refuse what another user may have put there: a library does whatever it likes."""
    found = path.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or stat.S_ISLNK(found.st_mode):
        msg = f'a compiled policy must be of the user who loads it, who alone may write it. Got {path} of user '
        raise InputError(f'{msg}{found.st_uid}, {stat.filemode(found.st_mode)}: remove it, and run lnn compile')


def seal(path: Path) -> None:
    """
    Write behind a library what it is known by as whole: to load one that is cut off ends the process (SIGBUS).

    :param path: the library, which may be loaded already
    :raises OSError: if it cannot be written
    """
    digest = hashlib.sha256(path.read_bytes()).digest()
    with path.open('ab') as file:
        file.write(digest)


def _check_whole(path: Path) -> None:
    """Refuse a library that is not as it was written, as where the disk was full or the power failed."""
    content = path.read_bytes()
    if hashlib.sha256(content[:-_DIGEST]).digest() != content[-_DIGEST:]:
        raise InputError(f'a compiled policy must be as it was written. Got {path}, damaged: run lnn compile again')


class _Function(ctypes.Structure):
    """A PyMethodDef, of Python's stable ABI."""

    _fields_ = [('name', ctypes.c_char_p), ('call', ctypes.c_void_p), ('flags', ctypes.c_int), ('doc', ctypes.c_char_p)]


def load_native(path: Path) -> Native:
    """
    Load a library, whoever wrote it: :func:`find_native` looks first.

    :param path: the library; of two with one path the first stays, for as long as the process lives
    :returns: its functions
    :raises InputError: if it does not load
    """
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.POINTER(_Function), ctypes.c_void_p, ctypes.c_void_p]
    try:
        library = ctypes.CDLL(str(path))
        functions = {each.name.decode(): each for each in (_Function * 3).in_dll(library, 'lnn_functions')}
        compiler = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, 'lnn_compiler'))).decode()
        has_time_constants = bool(ctypes.c_int.in_dll(library, 'lnn_has_tau').value)
    except (OSError, ValueError) as error:
        raise InputError(f'{path} must be what lnn compile wrote. Got: {error}') from None
    made = {name: make(ctypes.byref(each), None, None) for name, each in functions.items()}
    return Native(made['encode'], made['step'], made['fit'], compiler, has_time_constants)
