"""A policy on disk: a directory of four or five files, checked by hash when read, replaced as a whole when written."""

import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from lnn_controller.errors import InputError, NotWrittenError, did_you_mean
from lnn_controller.policy.files import expand, read_file
from lnn_controller.policy.spec import ATTENTION_FILE, BUNDLE_FILES, PolicySpec
from lnn_controller.share import share_folders

__all__ = ['Bundle', 'check_wiring_size', 'find_policy', 'read_bundle', 'read_spec', 'shipped_policies', 'write_bundle']

SPEC_FILE = 'policy.json'
SPEC_LIMIT, FILE_LIMIT = 10_000_000, 500_000_000
# What the provenance of a training on very many bags may add to a spec, bytes.
PROVENANCE = 1_000_000


@dataclass(frozen=True)
class Bundle:
    """
    A bundle's checked content.

    :param path: the folder it was read from
    :param spec: content of ``policy.json``
    :param weights: bytes of ``weights.safetensors``
    :param encoder: bytes of ``encoder.onnx``
    :param core: bytes of ``core.onnx``
    :param attention: bytes of ``attention.onnx``; ``None`` where the bundle has none
    """

    path: Path
    spec: PolicySpec
    weights: bytes
    encoder: bytes
    core: bytes
    attention: bytes | None = None


def check_wiring_size(spec: PolicySpec) -> None:
    """
    Check before a training that its spec, which holds the wiring, will fit into a bundle.

    :param spec: of the policy to be trained, without provenance
    :raises InputError: if its wiring has too many synapses
    """
    size = len(spec.to_json())
    if size > SPEC_LIMIT - PROVENANCE:
        raise InputError(
            f'a wiring must take at most {1e-6 * (SPEC_LIMIT - PROVENANCE):g} MB in {SPEC_FILE}. Got {1e-6 * size:.0f} '
            f'MB for {spec.network.units} neurons: take fewer, a sparser wiring or a cell without one'
        )


def write_bundle(
    path: str | Path, spec: PolicySpec, weights: bytes, encoder: bytes, core: bytes, attention: bytes | None = None
) -> Path:
    """
    Write a bundle as a whole: a reader sees the old one or the new one, never a mixture.

    A bundle that is already there is replaced; other files in its folder are kept.

    :param path: folder of the bundle; its parents are made
    :param spec: what to write into ``policy.json``; its ``files`` are filled in here
    :param weights: training weights, safetensors
    :param encoder: ONNX graph of the encoder
    :param core: ONNX graph of the liquid core
    :param attention: ONNX graph of the map of attention; ``None``: the bundle has none
    :returns: the folder
    :raises InputError: if the path is a file or a folder that is no bundle, or cannot be written
    """
    target = expand(path).resolve()
    if target.exists() and not (target / SPEC_FILE).is_file() and not (target.is_dir() and not any(target.iterdir())):
        raise InputError(f'a bundle must go to a new folder or replace a bundle. Got {path}, which is neither')
    content = dict(zip(BUNDLE_FILES, (weights, encoder, core), strict=True))
    content |= {} if attention is None else {ATTENTION_FILE: attention}
    spec = replace(spec, files={name: hashlib.sha256(data).hexdigest() for name, data in content.items()})
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{target.name}-', dir=target.parent) as beside:
            fresh, old = Path(beside, 'fresh'), Path(beside, 'old')
            fresh.mkdir()
            for name, data in content.items():
                (fresh / name).write_bytes(data)
            (fresh / SPEC_FILE).write_text(spec.to_json(), encoding='utf-8')
            if not target.exists():
                fresh.rename(target)
                return target
            target.rename(old)
            try:
                fresh.rename(target)
            except OSError:
                old.rename(target)
                raise
            for other in old.iterdir():
                if other.name not in (SPEC_FILE, *BUNDLE_FILES, ATTENTION_FILE):
                    shutil.move(other, target / other.name)
    except OSError as error:
        raise NotWrittenError(f'the folder of a bundle must be writable. Got {path}: {error.strerror}') from None
    return target


def read_bundle(path: str | Path) -> Bundle:
    """
    Read a bundle and check every file of it.

    :param path: folder of the bundle
    :returns: the bundle; its bytes are those that were checked
    :raises InputError: if the folder or a file is missing or unreadable, ``policy.json`` is not exactly of the
        format, or a file differs from its hash, is elsewhere by a link or refers to data outside itself
    """
    path = expand(path)
    if not path.is_dir():
        raise InputError(f'a policy must be a folder with a {SPEC_FILE}. Got {path}, which is no folder')
    # Links are followed, for a workspace may be built of them, but to one folder: no file of a bundle is elsewhere.
    home = Path(os.path.realpath(path / SPEC_FILE)).parent
    try:
        text = _read(path / SPEC_FILE, home, SPEC_LIMIT).decode('utf-8')
    except UnicodeDecodeError:
        raise InputError(f'{path / SPEC_FILE}: must be UTF-8 text. Got other bytes') from None
    spec = PolicySpec.from_json(text, source=str(path / SPEC_FILE))
    content = {}
    for name in sorted(spec.files):
        content[name] = _read(path / name, home, FILE_LIMIT)
        found = hashlib.sha256(content[name]).hexdigest()
        if found != spec.files[name]:
            wanted = spec.files[name][:12]
            raise InputError(
                f'{path / name}: must be the file that {SPEC_FILE} was written with, SHA-256 {wanted}…. '
                f'Got {found[:12]}…: it was altered, write the bundle again'
            )
        # The key of ONNX's external data: a graph could name any file of the machine with it. Looked for wherever it
        # stands, for protobuf knows more than one way to write what is around it; no graph of ours has the word.
        if name.endswith('.onnx') and b'location' in content[name]:
            raise InputError(f'{path / name}: must hold its weights itself. Got a graph with external data')
    weights, encoder, core = (content[name] for name in BUNDLE_FILES)
    return Bundle(path, spec, weights, encoder, core, content.get(ATTENTION_FILE))


def read_spec(path: str | Path) -> PolicySpec:
    """
    Read a bundle's spec; every file is checked all the same.

    :param path: folder of the bundle
    :returns: the spec
    :raises InputError: as :func:`read_bundle` does
    """
    return read_bundle(path).spec


def find_policy(name_or_path: str | Path) -> Path:
    """
    Find a bundle by its folder or by the name of a policy that ships with the package.

    :param name_or_path: folder of a bundle, or a shipped policy's name
    :returns: folder of the bundle
    :raises InputError: if it is neither; the message lists the names there are
    """
    path = expand(name_or_path)
    if (path / SPEC_FILE).is_file():
        return path
    shipped = shipped_policies()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    why = f'a folder without a {SPEC_FILE}' if path.is_dir() else 'which is neither'
    names = ', '.join(shipped) or 'none'
    guess = did_you_mean(Path(name_or_path).name, shipped)
    msg = f'a policy must be a folder or one of the shipped names ({names}). Got "{name_or_path}", {why}'
    raise InputError(f'{msg}: {guess}' if guess else msg)


def shipped_policies() -> dict[str, Path]:
    """
    List the policies that ship with the package.

    :returns: folder by name, sorted; of two with one name the nearer one: the source tree's, the sourced ROS
        workspace's, the Python environment's
    """
    found: dict[str, Path] = {}
    for root in share_folders():
        for spec in root.glob(f'policies/*/{SPEC_FILE}'):
            if re.match('[A-Za-z0-9]', spec.parent.name):  # not the hidden folder of a bundle being written
                found.setdefault(spec.parent.name, spec.parent)
    return dict(sorted(found.items()))


def _read(file: Path, home: Path, limit: int) -> bytes:
    found = Path(os.path.realpath(file))
    if found.parent != home:
        raise InputError(f'{file}: must lie in the folder of its {SPEC_FILE}. Got a link to {found}')
    return read_file(file, f'{file.name} of a bundle', limit)
