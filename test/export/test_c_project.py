"""``lnn export --target c``: the folder it writes, built and run as its README says."""

import re
import subprocess
from dataclasses import replace
from shutil import which

import pytest
from compiled import COMPILER, STRICT, needs_compiler

from lnn_controller.cli import main
from lnn_controller.export.c import read_network
from lnn_controller.policy import find_policy, read_bundle

pytestmark = [needs_compiler, pytest.mark.slow]


def export(policy, out, *more):
    return main(['export', policy, '--target', 'c', '--out', str(out), *more])


def run(folder, *command):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ('policy', 'more'),
    [
        ('car_lane', ()),
        ('drone_forest', ('--attention',)),
        ('drone_forest_lstm', ('--encoder', 'none')),
        ('real_car', ('--encoder', 'none')),
    ],
)
def test_its_check_passes_under_the_sanitizers(policy, more, tmp_path):
    assert export(policy, tmp_path / 'c', *more) == 0
    sources = sorted(path.name for path in (tmp_path / 'c').glob(f'{policy}_*.c'))
    flags = [*STRICT, '-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-o', 'check']
    done = run(tmp_path / 'c', COMPILER, *flags, 'check.c', *sources)
    assert (done.returncode, done.stderr) == (0, '')
    done = run(tmp_path / 'c', './check')
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.endswith('\ngood\n')


def test_check_finds_a_wrong_weight(tmp_path):
    assert export('car_lane', tmp_path, '--encoder', 'none') == 0
    core = tmp_path / 'car_lane_core.c'
    core.write_text(re.sub(r'c0 = (\S+)f,', r'c0 = \1f + 1e-5f,', core.read_text()))
    done = run(tmp_path, 'make', 'check')
    assert done.returncode != 0
    assert 'commands: largest difference' in done.stdout
    assert 'TOO MUCH' in done.stdout


@pytest.mark.parametrize(
    'more',
    [(), ('--straight-line', '--encoder', 'none'), ('--attention',)],
    ids=['tables', 'straight line', 'attention'],
)
def test_it_needs_no_library(more, tmp_path):
    assert export('car_lane', tmp_path, *more) == 0
    assert run(tmp_path, 'make').returncode == 0
    names = run(tmp_path, 'nm', '--undefined-only', '--format=just-symbols', 'car_lane_lib.a').stdout.split()
    assert [name for name in names if not name.startswith('car_lane_')] == []


@pytest.mark.skipif(which('g++') is None, reason='needs a C++ compiler')
def test_its_header_is_one_of_cpp_too(tmp_path):
    assert export('car_lane', tmp_path, '--attention') == 0
    assert run(tmp_path, 'make').returncode == 0
    (tmp_path / 'main.cpp').write_text(
        '#include "car_lane.h"\nint main() { float state[CAR_LANE_STATE] = {1}; car_lane_reset(state); '
        'return state[0] != 0; }\n'
    )
    done = run(tmp_path, 'g++', '-Wall', '-Wextra', '-Werror', 'main.cpp', 'car_lane_lib.a', '-o', 'main')
    assert (done.returncode, done.stderr) == (0, '')
    assert run(tmp_path, './main').returncode == 0


def test_an_occupied_folder_is_kept(tmp_path, capsys):
    (tmp_path / 'README.md').write_text('mine')
    assert export('car_lane', tmp_path) == 2
    assert '--out must be a new or an empty folder' in capsys.readouterr().err
    assert (tmp_path / 'README.md').read_text() == 'mine'
    assert export('car_lane', tmp_path, '--overwrite') == 0


@pytest.mark.parametrize(
    ('name', 'prefix'),
    [
        ('int', 'int'),
        ('2.fast', 'policy_2_fast'),
        ('micro', 'policy_micro'),  # micro_*.c are a policy's sources: micro_ros.c would be one
        ('LNN-math', 'policy_LNN_math'),  # the guard of its header is in capitals
        ('float', 'policy_float'),
    ],
)
def test_a_policy_whose_name_means_something_in_c(name, prefix):
    bundle = read_bundle(find_policy('car_lane'))
    assert read_network(replace(bundle, spec=replace(bundle.spec, name=name))).name == prefix
