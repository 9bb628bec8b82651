"""
What the exported C takes on a microcontroller: instructions, flash, RAM and stack, in QEMU; and an estimate of cycles.

    python benchmarks/microcontroller.py [--write docs/microcontroller.md]

Needs arm-none-eabi-gcc, qemu-system-arm and a C compiler of this machine. ``--write`` puts the tables into the page and
the figures into microcontroller.json beside this file, which a test compares with what it measures anew.
"""

import argparse
import dataclasses
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cortex_m
from cortex_m import BOARDS, M4F

from lnn_controller.data.sample import sample_frames
from lnn_controller.export.c import (
    check_files,
    encoder_int8_source,
    encoder_source,
    project_files,
    read_network,
    write_files,
)
from lnn_controller.export.onnx import export
from lnn_controller.learning.build import build_network
from lnn_controller.policy import ImageSpec, Policy, PolicySpec, find_policy, read_bundle

FIGURES = Path(__file__).with_name('microcontroller.json')
CLOCK_HZ = 168e6
HOST_FLAGS = ('-std=c99', '-pedantic', '-Wall', '-Wextra', '-Werror', '-O2', '-ffp-contract=off')
KINDS = ('float', 'int8')
# Of another robot's road: how many instructions int8 takes does not depend on it.
RECORDING, CALIBRATION_FRAMES = Path(__file__).parents[1] / 'bags' / 'real_car', 60
FRAMES = ((53, 160), (53, 128), (47, 96))


@dataclasses.dataclass(frozen=True)
class Variant:
    """
    An export, and which of its calls the table has.

    :param rows: what the page says of them, by the name that emulate.c gives them
    :param encoder: of ``lnn export``
    :param cell: in place of the policy's, with fresh weights
    :param straight_line: of ``lnn export``
    :param optimise: GCC's option
    :param attention: of ``lnn export``
    """

    rows: dict[str, str]
    encoder: str = 'none'
    cell: str = ''
    straight_line: bool = False
    optimise: str = '-O2'
    attention: bool = False


VARIANTS = {
    'core': Variant({'step': 'core, CfC on 19 neurons', 'step_with_time_constants': 'its time constants as well'}),
    'straight': Variant({'step': 'core, `--straight-line`, `-Os`'}, straight_line=True, optimise='-Os'),
    'ltc': Variant({'step': 'core, LTC on the same wiring'}, cell='ltc'),
    'float': Variant({'encode': 'encoder, float32', 'fit': 'a picture of 320×240 into a frame'}, encoder='float'),
    'attention': Variant(
        {'encode_with_attention': 'encoder, float32, with its map of attention'}, encoder='float', attention=True
    ),
    'int8': Variant({'encode': 'encoder, int8'}, encoder='int8'),
}
FILES = {
    'step': ('core', 'step'),
    'step_with_time_constants': ('core', 'step'),
    'encode': ('encoder',),
    'encode_with_attention': ('encoder',),
    'fit': ('fit',),
}
BUFFERS = {'step': ('state',), 'step_with_time_constants': ('state', 'tau'), 'encode': ('frame', 'scratch')}
BUFFERS['encode_with_attention'] = (*BUFFERS['encode'], 'attention', 'attention_scratch')
BUFFERS['fit'] = ('picture', 'frame', 'fit_scratch')
DIFFERENCES = {'step': 'commands', 'encode': 'features', 'encode_with_attention': 'attention'}


def floor(spec: PolicySpec) -> int:
    """
    Count the instructions without which a CfC's step cannot do on a Cortex-M4F.

    One for each product that is added, one for each weight that is loaded and each state that a synapse reads, and 20
    for each exponential: range, polynomial, power of two, division.

    :param spec: of a policy whose cell is ``ncp_cfc``
    :returns: instructions
    """
    wiring = spec.network.wiring
    assert wiring is not None
    synapses = len(wiring['synapses']) + len(wiring['sensory_synapses'])
    weights = 4 * synapses + len(spec.outputs) * spec.network.units
    return 2 * weights + synapses + 20 * 3 * spec.network.units


def bundle_of(variant: Variant, image: ImageSpec | None, folder: Path) -> Path:
    """
    Return a policy: the shipped one, or one with another cell or frame and fresh weights.

    :param variant: what is wanted
    :param image: its frame; the shipped policy's when left out
    :param folder: where a new bundle goes
    :returns: a bundle's folder
    """
    shipped = find_policy('car_lane')
    if not variant.cell and image is None:
        return shipped
    spec = read_bundle(shipped).spec
    network = dataclasses.replace(spec.network, cell=variant.cell or spec.network.cell)
    spec = dataclasses.replace(spec, network=network, image=image or spec.image)
    return export(build_network(spec), spec, folder, {})


def exported(variant: Variant, folder: Path, image: ImageSpec | None = None) -> Path:
    """
    Export a variant.

    :param variant: what is wanted
    :param folder: where it goes
    :param image: another frame than the shipped policy's
    :returns: the exported folder
    """
    bundle = bundle_of(variant, image, folder / 'bundle')
    network, policy = read_network(read_bundle(bundle)), Policy.load(bundle, runtime='onnx')
    encoder = None
    if variant.encoder == 'float':
        encoder = encoder_source(network, attention=variant.attention)
    elif variant.encoder == 'int8':
        encoder = encoder_int8_source(network, sample_frames([RECORDING], policy.spec.image, CALIBRATION_FRAMES))
    files = project_files(network, encoder, straight_line=variant.straight_line)
    return write_files(files | check_files(network, policy, encoder), folder / 'c')


def host_check(folder: Path) -> str:
    """
    Run the recorded vectors on this machine.

    :param folder: an exported folder
    :returns: what check.c prints
    """
    sources = [str(each) for each in cortex_m.sources(folder)]
    program = folder / 'check_host'
    subprocess.run(['cc', *HOST_FLAGS, *sources, str(folder / 'check.c'), '-o', str(program)], check=True, timeout=300)
    return subprocess.run([program], capture_output=True, text=True, check=False, timeout=300).stdout


def measure(
    variant: Variant, folder: Path, plugin: Path | None = None, image: ImageSpec | None = None
) -> dict[str, Any]:
    """
    Export, build, run.

    :param variant: what
    :param folder: to work in
    :param plugin: for the estimate of cycles; none without it
    :param image: another frame than the shipped policy's
    :returns: figures by call
    :raises RuntimeError: if a board computes other bits than this machine, or too far from ONNX Runtime
    """
    project = exported(variant, folder, image)
    on_host = host_check(project)
    builds = {board.name: cortex_m.build(project, board, folder / board.name, variant.optimise) for board in BOARDS}
    runs = {name: firmware.run() for name, firmware in builds.items()}
    for name, run in runs.items():
        if run.status or run.check != on_host:
            raise RuntimeError(f'{name}: {run.text}\nthis machine: {on_host}')
    m4f = builds[M4F.name]
    cycles = cortex_m.estimate_cycles(m4f, plugin) if plugin else {}
    figures: dict[str, Any] = {}
    for call in variant.rows:
        sizes = [m4f.size(f'{cortex_m.policy_name(project)}_{file}.c') for file in FILES[call]]
        figures[call] = {
            'instructions': {name: run.costs[call].instructions for name, run in runs.items()},
            'stack': {name: run.costs[call].stack for name, run in runs.items()},
            'code': sum(size.code for size in sizes),
            'constants': sum(size.constants for size in sizes),
            'buffers': {name: m4f.buffer(name) for name in BUFFERS[call]},
        }
        assert not any(size.ram for size in sizes), 'the policy has variables of its own'
        if call in DIFFERENCES:
            figures[call]['difference'] = difference(DIFFERENCES[call], on_host)
        if cycles:
            figures[call]['cycles'] = round(cycles[call])
    return figures


def difference(what: str, check: str) -> float:
    """
    Return how far check.c found the C from ONNX Runtime.

    :param what: commands or features
    :param check: what it printed
    :returns: the largest difference
    """
    found = re.search(rf'^{what}: largest difference (\d+)e-9', check, re.MULTILINE)
    assert found, check
    return int(found[1]) / 1e9


def call_table(figures: dict[str, Any]) -> str:
    """
    Write what calls take.

    :param figures: as in microcontroller.json
    :returns: Markdown
    """
    titles = [
        '',
        'instructions, M4F / M7',
        'flash: code + constants',
        'RAM',
        'stack',
        'off ONNX Runtime by',
        'M4F, estimated',
    ]
    rows = [titles, ['---'] * len(titles)]
    for key, variant in VARIANTS.items():
        for call, said in variant.rows.items():
            row = figures[key][call]
            rows.append(
                [
                    said,
                    ' / '.join(f'{row["instructions"][board.name]:,}' for board in BOARDS),
                    f'{_kb(row["code"])} + {_kb(row["constants"])} kB',
                    ', '.join(f'{name.replace("_", " ")} {_bytes(size)}' for name, size in row['buffers'].items()),
                    f'{max(row["stack"].values())} B',
                    f'{row["difference"]:.1e}' if 'difference' in row else '',
                    _time(row['cycles']),
                ]
            )
        if key == 'straight':
            rows.append(['the CfC by hand: the least there can be', f'{figures["floor"]:,}', *[''] * 5])
    return _markdown(rows)


def frame_table(figures: dict[str, Any]) -> str:
    """
    Write what encoders of smaller frames take.

    :param figures: as in microcontroller.json
    :returns: Markdown
    """
    kinds = ' / '.join(KINDS)
    titles = ['frame, H×W', f'instructions, {kinds}', f'RAM, {kinds}', 'frames a second, M4F at 168 MHz, estimated']
    rows = [titles, ['---'] * len(titles)]
    shipped = {'53×200': {kind: figures[kind]['encode'] for kind in KINDS}}
    for frame, encoders in (shipped | figures['frames']).items():
        instructions = ' / '.join(f'{row["instructions"][M4F.name] / 1e6:.1f} M' for row in encoders.values())
        ram = ' / '.join(_bytes(sum(row['buffers'].values())) for row in encoders.values())
        rows.append(
            [frame, instructions, ram, ' / '.join(f'{CLOCK_HZ / row["cycles"]:.0f}' for row in encoders.values())]
        )
    return _markdown(rows)


def _markdown(rows: list[list[str]]) -> str:
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _kb(size: int) -> str:
    return f'{size / 1000:.1f}'


def _bytes(size: int) -> str:
    return f'{_kb(size)} kB' if size >= 1000 else f'{size} B'


def _time(cycles: int) -> str:
    return (
        f'{cycles:,} cycles, {cycles / CLOCK_HZ * 1e6:.0f} µs'
        if cycles < 1e5
        else f'{cycles / 1e6:.1f} M cycles, {cycles / CLOCK_HZ * 1e3:.0f} ms'
    )


def put_into(page: str, figures: dict[str, Any]) -> str:
    """
    Replace the tables of a page.

    :param page: the page
    :param figures: as in microcontroller.json
    :returns: the page
    """
    for name, text in (('calls', call_table(figures)), ('frames', frame_table(figures))):
        begin, end = f'<!-- {name}: written by benchmarks/microcontroller.py -->', f'<!-- end of {name} -->'
        before, _, rest = page.partition(begin)
        page = f'{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}'
    return page


def measure_all(folder: Path) -> dict[str, Any]:
    """
    Measure every row of both tables.

    :param folder: to work in
    :returns: the figures
    """
    plugin = cortex_m.build_plugin(folder)
    spec = read_bundle(find_policy('car_lane')).spec
    figures: dict[str, Any] = {'compiler': cortex_m.compiler(), 'floor': floor(spec)}
    for key, variant in VARIANTS.items():
        print(f'{key} …', file=sys.stderr)
        figures[key] = measure(variant, folder / key, plugin)
    figures['frames'] = {}
    for height, width in FRAMES:
        print(f'{height}×{width} …', file=sys.stderr)
        image = dataclasses.replace(spec.image, height=height, width=width)
        figures['frames'][f'{height}×{width}'] = {
            kind: measure(VARIANTS[kind], folder / f'{kind}_{height}_{width}', plugin, image)['encode']
            for kind in KINDS
        }
    return figures


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--write', type=Path, metavar='PAGE', help='put the tables into it, and the figures beside this file'
    )
    args = parser.parse_args()
    if missing := cortex_m.missing_tools():
        parser.error(f'{", ".join(missing)} must be installed: apt-get install gcc-arm-none-eabi qemu-system-arm')
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_all(Path(folder))
    print(f'{figures["compiler"]}, QEMU\n\n{call_table(figures)}\n\n{frame_table(figures)}')
    if args.write:
        FIGURES.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
        args.write.write_text(put_into(args.write.read_text(encoding='utf-8'), figures), encoding='utf-8')


if __name__ == '__main__':
    main()
