"""
A policy's C compiled on this machine, for this machine: ``lnn compile``.

The library goes to the user's cache, where :mod:`lnn_controller.policy.native` finds it by a hash over policy, sources
and processor. It is written there only once it has agreed with ONNX Runtime, and replaces an older one as a whole.
"""

import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from lnn_controller.errors import InputError
from lnn_controller.export.c import encoder_source, project_files, read_network
from lnn_controller.export.c.text import template
from lnn_controller.libraries import compiler_names, find_compiler
from lnn_controller.policy import Bundle, find_policy, read_bundle
from lnn_controller.policy.native import lanes, library_path, load_native, seal
from lnn_controller.policy.native_network import Differences, NativeNetwork, check_agreement
from lnn_controller.policy.onnx import OnnxNetwork

__all__ = ['Compiled', 'compile_policy']

CHECK_STEPS = 200
TIMEOUT_S = 300.0
COMMON = ('-O3', '-ffp-contract=off', '-fPIC', '-fvisibility=hidden')
# One rounding for a product and its sum, the same bits with each of them.
LANES = {'avx2': ('-mavx2', '-mfma'), 'neon': (), 'none': ()}
SOURCES = {
    'policy_core.c': ('-std=c99',),
    'policy_encoder.c': ('-std=c99', '-DLNN_FUSED'),
    'policy_fit.c': ('-std=c99', '-DLNN_FUSED'),
    'policy_python.c': ('-std=c11', '-DLNN_FUSED'),
}


@dataclass(frozen=True)
class Compiled:
    """
    A library that was written.

    :param path: where it is
    :param compiler: that made it
    :param differences: from ONNX Runtime
    :param seconds: that it took
    """

    path: Path
    compiler: str
    differences: Differences
    seconds: float


def compile_policy(name_or_path: str | Path, vectors: str = '') -> Compiled:
    """
    Compile a policy into the cache, whether or not it is there.

    :param name_or_path: folder of a bundle, or a shipped policy's name
    :param vectors: as of :func:`.policy.native.lanes`; empty: those of this processor
    :returns: the library
    :raises InputError: if there is no such policy, no C for its network, no compiler or no cache folder, the compiler
        fails, or what it made does not agree with ONNX Runtime
    """
    started = time.perf_counter()
    bundle = read_bundle(find_policy(name_or_path))
    compiler, path, vectors = find_compiler(), library_path(bundle.spec), vectors or lanes()
    if compiler is None:
        raise InputError(f'a C compiler is needed ({compiler_names()}). Got none: apt install gcc')
    if path is None:
        raise InputError('a cache folder is needed (XDG_CACHE_HOME, or a home folder). Got none')
    files = _sources(bundle)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        with tempfile.TemporaryDirectory(prefix='.compile-', dir=path.parent) as folder:
            for name, text in files.items():
                Path(folder, name).write_text(text, encoding='utf-8')
            made = _build(compiler, Path(folder), vectors)
            native = load_native(made)
            differences = check_agreement(
                bundle.spec, OnnxNetwork(bundle), NativeNetwork(bundle.spec, native), CHECK_STEPS
            )
            seal(made)
            made.rename(path)
    except OSError as error:
        raise InputError(f'the cache folder must be writable. Got {path.parent}: {error.strerror}') from None
    return Compiled(path, native.compiler, differences, time.perf_counter() - started)


def _sources(bundle: Bundle) -> dict[str, str]:
    """Write the C, with the prefix ``policy_`` for any policy; what is cut off a picture is cut off before."""
    image = replace(bundle.spec.image, crop_top=0.0, crop_bottom=0.0)
    network = replace(read_network(bundle), name='policy', spec=replace(bundle.spec, image=image))
    return project_files(network, encoder_source(network)) | {'policy_python.c': template('policy_python.c')}


def _build(compiler: list[str], folder: Path, vectors: str) -> Path:
    """Compile the sources in a folder, each with its flags, and link them."""
    objects = []
    for source, flags in SOURCES.items():
        objects.append(source.replace('.c', '.o'))
        _run([*compiler, *COMMON, *flags, *LANES[vectors], '-c', source, '-o', objects[-1]], folder)
    made = folder / f'{folder.name}.so'  # no two that are loaded have one name
    _run([*compiler, '-shared', *objects, '-lm', '-o', made.name], folder)
    made.chmod(0o600)
    return made


def _run(command: list[str], folder: Path) -> None:
    """Run a command that makes the file which it ends with."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f'{command[0]} must come to an end. Got none after {TIMEOUT_S:g} s') from None
    except OSError as error:  # no program
        raise InputError(f'{command[0]} must compile the policy. Got: {error.strerror}') from None
    if done.returncode or not (folder / command[-1]).is_file():
        said = next((line for line in done.stderr.splitlines() if 'error' in line), done.stderr[-200:])
        got = ' '.join(said.split()) or f'exit status {done.returncode} and no message'
        raise InputError(f'{command[0]} must compile the policy. Got: {got}')
