"""A policy compiled on this machine beside the same one in ONNX Runtime."""

import json
import logging
import os
import shutil
import time

import numpy as np
import pytest
import torch
from compiled import COMPILER, needs_compiler
from made_episode import make_episode
from recorded_drive import drive

from lnn_controller.cli import main
from lnn_controller.errors import InputError
from lnn_controller.export.native import compile_policy
from lnn_controller.export.onnx import export
from lnn_controller.learning.build import build_network, new_spec
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.recordings import frame_size
from lnn_controller.policy import Policy, fit_frame, native_network, read_bundle
from lnn_controller.policy import native as loading
from lnn_controller.policy.native import clear_cache, lanes, library_path, load_native, seal
from lnn_controller.policy.native_network import NativeNetwork

pytestmark = [needs_compiler, pytest.mark.slow]
IMU = np.array([0.1, -0.2, 0.3, 0.5, -1.0, 9.8], np.float32)


def write(folder, *, imu, cell='ncp_cfc', **options):
    """A bundle of a network that has learnt nothing, whose commands come near to the ends of their range."""
    config = TrainConfig(cell=cell, cell_options=options, crop_top=0.15, crop_bottom=0.05)
    spec = new_spec(folder.name, config, frame_size(48, 64, config), [make_episode(imu=imu)])
    network = build_network(spec, seed=1)
    network.command_mean.copy_(torch.tensor([1.0, -0.2]))
    network.command_scale.copy_(torch.tensor([0.5, 0.8]))
    export(network, spec, folder, {})
    return folder


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
    """An empty cache of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp('cache')
        patch.setenv('XDG_CACHE_HOME', str(folder))
        yield folder


@pytest.fixture(scope='module')
def bundle(cache, tmp_path_factory):
    """A compiled policy with IMU, and an option of its cell."""
    path = write(tmp_path_factory.mktemp('policies') / 'compiled', imu=True, self_state=True)
    assert main(['compile', str(path)]) == 0
    return path


@pytest.fixture(scope='module')
def blind(cache, tmp_path_factory):
    """A compiled policy without IMU, of a cell without time constants."""
    path = write(tmp_path_factory.mktemp('policies') / 'blind', imu=False, cell='gru')
    compile_policy(path)
    return path


@pytest.fixture
def copied(bundle, tmp_path):
    """The same network under another name, and its library, which no process has loaded: it may be spoilt."""
    path = write(tmp_path / tmp_path.name, imu=True, self_state=True)  # of two of one name, a process keeps the first
    library = library_path(read_bundle(path).spec)
    shutil.copy(library_path(read_bundle(bundle).spec), library)
    yield path, library
    library.unlink(missing_ok=True)
    library.parent.chmod(0o700)


def random_drive(policy, steps=60):
    """Frames at random through a policy, its own state going round: features and steps."""
    rng, hx, image = np.random.default_rng(3), policy.initial_state(), policy.spec.image
    for _ in range(steps):
        features = policy.encode(rng.integers(0, 256, (image.height, image.width, 3), np.uint8))
        imu = rng.normal(0, [1, 1, 1, 3, 3, 3]).astype(np.float32)
        step = policy.step(features, imu, hx, float(rng.uniform(0.005, 0.2)))
        hx = step.hx
        yield features, step


@pytest.mark.parametrize('which', ['bundle', 'blind'])
def test_it_drives_as_onnx_runtime_does(which, request):
    path = request.getfixturevalue(which)
    native, onnx = Policy.load(path), Policy.load(path, runtime='onnx')
    assert (native.runtime, onnx.runtime) == ('native', 'onnx')
    assert lanes() in native.runtime_note
    for (features, step), (wanted_features, wanted) in zip(random_drive(native), random_drive(onnx), strict=True):
        np.testing.assert_allclose(features, wanted_features, rtol=0, atol=5e-5)
        for made, expected in zip(step[:3], wanted[:3], strict=True):
            np.testing.assert_allclose(made, expected, rtol=0, atol=2e-5)
        assert (step.time_constants is None) == (wanted.time_constants is None) == (which == 'blind')
        if wanted.time_constants is not None:
            np.testing.assert_allclose(step.time_constants, wanted.time_constants, rtol=1e-3)


def test_each_step_is_in_arrays_of_its_own(bundle):
    steps = [step for _, step in random_drive(Policy.load(bundle), 2)]
    arrays = [each for step in steps for each in step]
    assert not any(np.shares_memory(one, other) for i, one in enumerate(arrays) for other in arrays[:i])


@pytest.mark.skipif(lanes() == 'none', reason='needs a processor with vectors')
def test_the_bits_do_not_depend_on_the_width_of_vectors(bundle, tmp_path, monkeypatch):
    wide = Policy.load(bundle)
    drive_of = [*random_drive(wide)]
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    narrow = Policy.load(bundle, runtime='onnx')
    narrow._network = NativeNetwork(narrow.spec, load_native(compile_policy(bundle, vectors='none').path))
    for (features, step), (other_features, other) in zip(drive_of, random_drive(narrow), strict=True):
        assert features.tobytes() == other_features.tobytes()
        assert [each.tobytes() for each in step] == [each.tobytes() for each in other]


@pytest.mark.parametrize('runtime', ['native', 'onnx'])
def test_wrong_arguments_are_refused_alike(bundle, runtime):
    policy = Policy.load(bundle, runtime=runtime)
    frame, features, hx = np.zeros((48, 64, 3), np.uint8), np.zeros(32, np.float32), policy.initial_state()
    for image in (frame[1:], frame.transpose(1, 0, 2), frame.astype(np.float32)):
        with pytest.raises(InputError, match=r'a frame must be \(48, 64, 3\), uint8'):
            policy.encode(image)
    for dt_s in (0.0, -0.02, float('nan')):
        with pytest.raises(ValueError, match='dt_s must be positive'):
            policy.step(features, IMU, hx, dt_s)
    for given in ((features[1:], IMU, hx), (features, IMU[1:], hx), (features, None, hx), (features, IMU, hx[1:])):
        with pytest.raises(ValueError, match='step needs'):
            policy.step(*given, 0.02)
    with pytest.raises(ValueError, match=r'step needs float32. Got float64'):
        policy.step(features.astype(float), IMU, hx, 0.02)
    backwards = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)[:, ::-1]
    np.testing.assert_array_equal(policy.encode(backwards), policy.encode(backwards.copy()))
    every_second = np.linspace(-1, 1, 64, dtype=np.float32)[::2]
    step, same = (policy.step(each, IMU, hx, np.float64(0.02)) for each in (every_second, every_second.copy()))
    np.testing.assert_array_equal(step.command, same.command)


@pytest.mark.parametrize('value', [np.nan, np.inf])
@pytest.mark.parametrize('which', range(3))
def test_what_is_not_finite_is_passed_on(bundle, which, value):
    policy = Policy.load(bundle)
    given = [np.zeros(32, np.float32), IMU.copy(), policy.initial_state()]
    given[which][3] = value
    made = policy.step(*given, 0.02)
    assert not any(np.isfinite(each).any() for each in made)


@pytest.mark.parametrize('runtime', ['native', 'onnx'])
def test_what_is_finite_but_absurd_saturates_the_neurons_or_is_not_finite(bundle, runtime):
    policy = Policy.load(bundle, runtime=runtime)
    for value in (1e6, -1e30, 3e38):
        made = policy.step(np.full(32, value, np.float32), IMU, policy.initial_state(), 0.02)
        assert not np.isfinite(made.command).all() or np.abs(made.basis).max() <= 1.0 + 1e-6


@pytest.mark.parametrize(
    'size',
    [(48, 64), (60, 64), (60, 128), (120, 160), (120, 128), (101, 67), (480, 640), (601, 641), (47, 400), (20, 30)],
)
def test_its_frames_are_opencvs_to_the_bit(bundle, size):
    policy = Policy.load(bundle)
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    padded = np.zeros((size[0], size[1] + 5, 3), np.uint8)[:, : size[1]]
    padded[:] = picture
    turned = np.ascontiguousarray(picture[..., ::-1])[..., ::-1]
    for each in (picture, padded, turned):
        fitted = policy.fit(each)
        assert fitted.flags.c_contiguous
        np.testing.assert_array_equal(fitted, fit_frame(picture, policy.spec.image))
    with pytest.raises(InputError, match='rgb8'):
        policy.fit(picture[..., 0])


def test_a_policy_that_was_not_compiled(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    policy = Policy.load(bundle)
    assert policy.runtime == 'onnx'
    assert 'not compiled on this machine (lnn compile' in policy.runtime_note
    assert main(['replay', str(tmp_path), '--policy', str(bundle), '--runtime', 'native']) == 2
    assert f'the runtime native needs {bundle} compiled. Got' in capsys.readouterr().err
    with pytest.raises(InputError, match='a runtime must be one of auto, onnx, native'):
        Policy.load(bundle, runtime='fast')


def test_the_card_says_what_is_compiled(bundle, tmp_path, monkeypatch, capsys):
    for compiled in (True, False):
        if not compiled:
            monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
        assert main(['inspect', str(bundle)]) == 0
        told = capsys.readouterr().out
        assert ('on this machine' in told, 'no (lnn compile)' in told) == (compiled, not compiled)


def made_writable(path):
    path.chmod(0o620)


def in_a_writable_folder(path):
    path.parent.chmod(0o770)


def linked(path):
    path.rename(path.with_suffix('.kept'))
    path.symlink_to(path.with_suffix('.kept'))


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-30_000])


def no_library(path):
    path.write_bytes(b'text')
    seal(path)


def of_another_policy(path):
    blind = next(path.parent.glob('blind-*.so'))
    path.unlink()
    shutil.copy(blind, path)


@pytest.mark.parametrize(
    ('spoil', 'why'),
    [
        (made_writable, 'must be of the user who loads it, who alone may write it'),
        (in_a_writable_folder, 'must be of the user who loads it'),
        (linked, 'must be of the user who loads it'),
        (cut_off, 'must be as it was written'),
        (no_library, 'must be what lnn compile wrote'),
        (of_another_policy, 'a compiled policy must'),
    ],
)
def test_a_library_that_may_be_wrong_is_not_used(copied, blind, caplog, spoil, why):
    path, library = copied
    spoil(library)
    with caplog.at_level(logging.WARNING):
        policy = Policy.load(path)
    assert policy.runtime == 'onnx'
    assert why in policy.runtime_note and why in caplog.text
    assert np.isfinite(policy.step(np.zeros(32, np.float32), IMU, policy.initial_state(), 0.02).command).all()
    with pytest.raises(InputError, match=why):
        Policy.load(path, runtime='native')


def test_a_library_of_another_user_is_not_used(bundle, monkeypatch):
    monkeypatch.setattr(loading.os, 'geteuid', lambda: 1)
    assert Policy.load(bundle).runtime == 'onnx'


def test_a_library_that_computes_otherwise_is_neither_used_nor_written(copied, monkeypatch):
    path, library = copied
    assert Policy.load(path).runtime == 'native'
    monkeypatch.setattr(native_network, 'MOST_STEP', 1e-12)
    policy = Policy.load(path)
    assert policy.runtime == 'onnx'
    assert 'a compiled policy must give the' in policy.runtime_note
    library.unlink()
    with pytest.raises(InputError, match='a compiled policy must give the'):
        compile_policy(path)
    assert not library.exists()


def test_other_weights_are_another_library(bundle, cache, tmp_path):
    other = write(tmp_path / 'compiled', imu=True, cell='ltc')
    assert Policy.load(other).runtime == 'onnx'


def test_no_compiler(bundle, monkeypatch, tmp_path):
    monkeypatch.setenv('CC', str(tmp_path / 'none'))
    with pytest.raises(InputError, match=r'a C compiler is needed \(CC=.*none\)'):
        compile_policy(bundle)
    monkeypatch.delenv('CC')
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(InputError, match=r'a C compiler is needed \(cc, gcc, clang, or CC\)'):
        compile_policy(bundle)


@pytest.mark.parametrize(
    ('program', 'got'),
    [
        ('#!/bin/sh\necho "x.c:1: error: no such thing" >&2; exit 1\n', r'x\.c:1: error: no such thing'),
        ('#!/bin/sh\nkill -9 $$\n', 'exit status -9 and no message'),
        ('#!/bin/sh\n', 'exit status 0 and no message'),  # and no file
        ('text', 'Exec format error'),
    ],
)
def test_a_compiler_that_fails(bundle, monkeypatch, tmp_path, program, got):
    compiler = tmp_path / 'cc'
    compiler.write_text(program)
    compiler.chmod(0o755)
    monkeypatch.setenv('CC', str(compiler))
    with pytest.raises(InputError, match=f'cc must compile the policy. Got: {got}'):
        compile_policy(bundle)
    assert not list(library_path(read_bundle(bundle).spec).parent.glob('.compile-*'))


def test_a_compiler_with_arguments_and_a_cache_of_its_own(bundle, monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setenv('CC', f'{COMPILER} -DNDEBUG')
    assert compile_policy(bundle).path.is_relative_to(tmp_path / 'cache')


def test_what_nobody_uses_leaves_the_cache_and_what_is_used_stays(bundle, monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    library = compile_policy(bundle).path
    days = {'old.so': 91, 'recent.so': 89, '.compile-killed': 2, '.compile-now': 0.5, 'notes.txt': 1000}
    for name, age in days.items():
        path = library.with_name(name)
        if name.startswith('.compile'):
            path.mkdir()
            (path / 'policy_core.c').touch()
        else:
            path.touch()
        os.utime(path, (time.time() - 86400 * age,) * 2)
    # A library that is loaded has been used, however long ago it was compiled.
    os.utime(library, (0, 0))
    assert Policy.load(bundle).runtime == 'native'
    clear_cache()
    left = {each.name for each in library.parent.iterdir()}
    assert left == {library.name, 'recent.so', '.compile-now', 'notes.txt'}
    os.utime(library, (0, 0))
    clear_cache()
    assert not library.exists()
    killed = library.with_name('.compile-killed')
    killed.mkdir()
    os.utime(killed, (0, 0))
    assert main(['compile', str(bundle)]) == 0
    assert library.exists()
    assert not killed.exists()


def test_a_clock_that_is_years_back_makes_no_library_old(bundle, monkeypatch):
    library = library_path(read_bundle(bundle).spec)
    written_s, now_s = library.stat().st_mtime, time.time()
    monkeypatch.setattr(loading.time, 'time', lambda: now_s - 1e9)
    assert Policy.load(bundle).runtime == 'native'
    assert library.stat().st_mtime == written_s


def test_a_cache_that_cannot_be(bundle, monkeypatch, tmp_path):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    with pytest.raises(InputError, match=r'the cache folder must be writable. Got .*: Not a directory'):
        compile_policy(bundle)
    # Not even to be looked at, as another user's is; a name that is too long shows it to root as well.
    monkeypatch.setenv('XDG_CACHE_HOME', f'/{"x" * 300}')
    policy = Policy.load(bundle)
    assert policy.runtime == 'onnx'
    assert 'a compiled policy must be readable. Got /xxx' in policy.runtime_note


def test_a_native_drive_is_replayed_natively_to_the_bit(blind, tmp_path, capsys):
    policy = Policy.load(blind)
    made = drive(policy, tmp_path / 'bag', {})
    assert np.ptp([each.command for each in made], axis=0).min() > 1e-3
    told = {}
    for runtime in ('auto', 'onnx'):
        line = ['replay', str(tmp_path / 'bag'), '--policy', str(blind), '--runtime', runtime, '--json']
        assert main(line) == 0
        told[runtime] = json.loads(capsys.readouterr().out)['exact']
    assert told['auto']['max_abs_difference'] == 0.0
    assert (told['auto']['recorded_runtime'], told['auto']['runtime']) == ('native', 'native')
    assert told['onnx']['runtime'] == 'onnx'
    assert told['onnx']['max_abs_difference'] < 1e-4


def test_a_drive_of_onnx_runtime_is_replayed_by_it(blind, tmp_path):
    from lnn_controller.replay.bag import replay_bag

    drive(Policy.load(blind, runtime='onnx'), tmp_path / 'bag', {})
    exact = replay_bag(tmp_path / 'bag', Policy.load(blind)).exact
    assert (exact.runtime, exact.max_abs_difference) == ('onnx', 0.0)
