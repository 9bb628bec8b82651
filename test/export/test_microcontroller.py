"""The exported C on emulated Cortex-M boards: the same bits as here, and the figures that the page has."""

import json
import os
import subprocess

import cortex_m
import microcontroller
import pytest
from compiled import needs_compiler

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
    measured, recorded = microcontroller.measure(VARIANTS[key], tmp_path), FIGURES[key]
    if cortex_m.compiler() != FIGURES['compiler']:
        pytest.skip(f'bits are the same; the figures are those of {FIGURES["compiler"]}, here is {cortex_m.compiler()}')
    for name in ('instructions', 'stack'):
        for board in cortex_m.BOARDS:
            assert measured[name][board.name] == pytest.approx(recorded[name][board.name], rel=0.02), (name, board.name)
    for name in ('code', 'constants', *({'state', 'scratch', 'frame'} & set(recorded))):
        assert measured[name] == pytest.approx(recorded[name], rel=0.02), name


def test_figures_keep_to_what_a_small_board_has():
    for key, board in [(key, board) for key in VARIANTS for board in ('Cortex-M4F', 'Cortex-M7')]:
        assert FIGURES[key]['stack'][board] <= 1024, key
    assert FIGURES['core']['code'] + FIGURES['core']['constants'] <= 8_000
    assert FIGURES['straight']['instructions']['Cortex-M4F'] <= 2 * FIGURES['floor']
