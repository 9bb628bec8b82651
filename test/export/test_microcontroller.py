"""The exported C on emulated Cortex-M boards: the same bits as here, and the figures that the page has."""

import json
import os
import re
import subprocess

import cortex_m
import microcontroller
import pytest
from compiled import COMPILER, needs_compiler
from documented import ROOT

PAGE = (ROOT / 'docs' / 'microcontroller.md').read_text(encoding='utf-8')
FIGURES = json.loads(microcontroller.FIGURES.read_text(encoding='utf-8'))
VARIANTS = microcontroller.VARIANTS


@pytest.fixture(scope='module')
def emulator():
    """The toolchain, which continuous integration must have."""
    missing = cortex_m.missing_tools()
    if missing and not os.environ.get('LNN_REQUIRE_EMULATOR'):
        pytest.skip(f'{", ".join(missing)} not installed: apt-get install gcc-arm-none-eabi qemu-system-arm')
    assert not missing, f'{missing} must be installed here'


@pytest.mark.slow
@needs_compiler
def test_make_emulate_runs_both_boards(emulator, tmp_path):
    folder = microcontroller.exported(VARIANTS['core'], tmp_path)
    done = subprocess.run(['make', '-C', folder, 'emulate'], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count('\ngood\nstep: ') == 2  # QEMU writes there what the firmware says


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize('key', VARIANTS)
def test_boards_compute_the_bits_of_this_machine_within_the_recorded_figures(emulator, key, tmp_path):
    # `measure` raises where a board's bits are not this machine's, or the recorded vectors come out wrong.
    measured = microcontroller.measure(VARIANTS[key], tmp_path)
    if cortex_m.compiler() != FIGURES['compiler']:
        pytest.skip(f'bits are the same; the figures are those of {FIGURES["compiler"]}, here is {cortex_m.compiler()}')
    for call, recorded in FIGURES[key].items():
        for name in ('instructions', 'stack', 'buffers'):
            assert measured[call][name] == pytest.approx(recorded[name], rel=0.02), (call, name)
        for name in ('code', 'constants'):
            assert measured[call][name] == pytest.approx(recorded[name], rel=0.02), (call, name)


def test_figures_keep_to_what_a_small_board_has():
    for key, variant in VARIANTS.items():
        for call in variant.rows:
            assert max(FIGURES[key][call]['stack'].values()) <= 1024, (key, call)
            assert FIGURES[key][call]['code'] + FIGURES[key][call]['constants'] <= 128_000, (key, call)
    core, encoder = FIGURES['core']['step'], FIGURES['float']['encode']
    assert core['code'] + core['constants'] <= 10_000
    assert sum(encoder['buffers'].values()) <= 64_000
    assert FIGURES['straight']['step']['instructions']['Cortex-M4F'] <= 2 * FIGURES['floor']


def test_the_page_has_the_recorded_figures():
    assert microcontroller.put_into(PAGE, FIGURES) == PAGE
    assert FIGURES['compiler'] in PAGE


@needs_compiler
def test_the_main_c_of_the_page_compiles(tmp_path):
    folder = microcontroller.exported(VARIANTS['float'], tmp_path)
    (folder / 'main.c').write_text(re.search(r'```c\n(#include.*?)```', PAGE, re.DOTALL)[1])
    (folder / 'robot.h').write_text(
        'void read_camera(uint8_t *frame);\nvoid read_imu(float *imu);\nfloat seconds_since_last_call(void);\n'
        'void drive(float speed, float turn);\n'
    )
    command = [COMPILER, *microcontroller.HOST_FLAGS, '-fsyntax-only', 'main.c']
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, '')
