"""
The exported C on emulated Cortex-M boards: build it, run it, and what it takes.

Instructions and stack are measured by the firmware itself (``emulate.c`` of an exported folder) and are the same number
each time. Cycles are an estimate: how often each instruction ran, times what Arm's manual gives for it.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

TOOLS = ('arm-none-eabi-gcc', 'arm-none-eabi-size', 'qemu-system-arm')
CALLS = ('step', 'step_with_time_constants', 'encode', 'encode_with_attention', 'fit')
FIRMWARE = ('check.c', 'emulate.c', 'mps2.c')
# As in the folder's Makefile; without libgcc, so that nothing which needs it goes unseen.
WARNINGS = ('-pedantic', '-Wall', '-Wextra', '-Werror')
FLAGS = ('-mfloat-abi=hard', '-std=c99', *WARNINGS, '-ffp-contract=off', '-ffreestanding', '-nostdlib')


@dataclass(frozen=True)
class Board:
    """A processor and the machine on which QEMU emulates it."""

    name: str
    machine: str
    flags: tuple[str, ...]


M4F = Board('Cortex-M4F', 'mps2-an386', ('-mcpu=cortex-m4', '-mfpu=fpv4-sp-d16'))
M7 = Board('Cortex-M7', 'mps2-an500', ('-mcpu=cortex-m7', '-mfpu=fpv5-sp-d16'))
BOARDS = (M4F, M7)


def missing_tools() -> list[str]:
    """
    Return what is needed and not installed.

    :returns: names of programs
    """
    return [tool for tool in TOOLS if not shutil.which(tool)]


def compiler() -> str:
    """
    Return which compiler is installed: another one takes other numbers of instructions.

    :returns: such as ``arm-none-eabi-gcc 12.2.1``
    """
    return f'arm-none-eabi-gcc {_output("arm-none-eabi-gcc", "-dumpfullversion").strip()}'


@dataclass(frozen=True)
class Size:
    """What an object file occupies, bytes; constants lie in flash, beside the code."""

    code: int
    constants: int
    ram: int


@dataclass(frozen=True)
class Cost:
    """What a call takes: instructions; stack, bytes."""

    instructions: int
    stack: int


@dataclass(frozen=True)
class Run:
    """
    What the firmware printed.

    :param status: its exit status: 0 if the recorded vectors came out as on ONNX Runtime
    :param text: everything
    """

    status: int
    text: str

    @cached_property
    def costs(self) -> dict[str, Cost]:
        """Of each call, by its name."""
        line = r'^(\w+): (\d+) instructions, (\d+) bytes of stack$'
        lines = re.findall(line, self.text, re.MULTILINE)
        return {name: Cost(int(instructions), int(stack)) for name, instructions, stack in lines}

    @cached_property
    def check(self) -> str:
        """What check.c printed: the part that a host prints too."""
        return self.text.partition('step: ')[0]


@dataclass(frozen=True)
class Firmware:
    """
    An exported folder, built for a board.

    :param board: which
    :param elf: the firmware
    :param objects: the policy's own object files, by their names
    """

    board: Board
    elf: Path
    objects: dict[str, Path] = field(repr=False)

    def run(self, *options: str) -> Run:
        """
        Run it in QEMU.

        :param options: further ones of QEMU
        :returns: what it printed
        """
        command = [
            'qemu-system-arm',
            '-machine',
            self.board.machine,
            '-nographic',
            '-monitor',
            'none',
            '-serial',
            'none',
        ]
        # 2 to the power of 10 ns an instruction: mps2.c counts them by a timer.
        command += ['-semihosting-config', 'enable=on,target=native', '-icount', 'shift=10', *options]
        done = subprocess.run([*command, '-kernel', str(self.elf)], capture_output=True, text=True, timeout=120)
        # Semihosting writes to QEMU's standard error.
        return Run(done.returncode, done.stdout + done.stderr)

    def size(self, file: str) -> Size:
        """
        Return what a file of the policy occupies.

        :param file: its name
        :returns: bytes
        """
        listing = _output('arm-none-eabi-size', '-A', self.objects[file])
        sections = {name: int(size) for name, size in re.findall(r'^(\.\S+)\s+(\d+)', listing, re.MULTILINE)}

        def total(*prefixes: str) -> int:
            return sum(size for name, size in sections.items() if name.startswith(prefixes))

        return Size(total('.text'), total('.rodata'), total('.data', '.bss'))

    def buffer(self, name: str) -> int:
        """
        Return the size of a variable of emulate.c.

        :param name: its name
        :returns: bytes
        """
        found = re.search(rf'^\w+ (\w+) \w {name}$', _output('arm-none-eabi-nm', '-S', self.elf), re.MULTILINE)
        assert found, name
        return int(found[1], 16)


def _output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def policy_name(folder: Path) -> str:
    """
    Return the policy's name in C.

    :param folder: what ``lnn export --target c`` made
    :returns: what its files begin with
    """
    return next(folder.glob('*_core.c')).stem.removesuffix('_core')


def sources(folder: Path) -> list[Path]:
    """
    Return the C of the policy itself.

    :param folder: what ``lnn export --target c`` made
    :returns: its files
    """
    return sorted(folder.glob(f'{policy_name(folder)}_*.c'))


def build(folder: Path, board: Board, out: Path, optimise: str = '-O2') -> Firmware:
    """
    Build the firmware of an exported folder.

    :param folder: what ``lnn export --target c`` made
    :param board: for which
    :param out: where the object files go; made
    :param optimise: GCC's option
    :returns: the firmware
    :raises RuntimeError: if the compiler says anything
    """
    out.mkdir(parents=True, exist_ok=True)
    objects = {}
    for source in [*sources(folder), *(folder / name for name in FIRMWARE)]:
        objects[source.name] = out / f'{source.stem}.o'
        _compile(board, optimise, '-c', source, '-o', objects[source.name])
    elf = out / 'emulate.elf'
    _compile(board, optimise, '-T', folder / 'mps2.ld', *objects.values(), '-o', elf)
    return Firmware(board, elf, {name: path for name, path in objects.items() if name not in FIRMWARE})


def _compile(board: Board, optimise: str, *arguments: str | Path) -> None:
    command = ['arm-none-eabi-gcc', *board.flags, *FLAGS, optimise, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode or done.stderr:
        raise RuntimeError(f'{" ".join(command)}\n{done.stderr}')


# The estimate of cycles.

# Cortex-M4 Technical Reference Manual r0p1, tables 3-1 and 7-1, memory without wait states; a division takes 2 to 12
# cycles, taken as 7. That one of two neighbouring loads may take a cycle less is left out.
_CYCLES = {
    r'v(fm|fnm|ml|nml)[as].*': 3,
    'v(div|sqrt).*': 14,
    'v(ldr|str).*': 2,
    '(ldrd|strd).*': 3,
    'ldr.*': 2,
    'str.*': 1,  # into the write buffer
    '[su]div.*': 7,
}
_MULTIPLE = re.compile(r'v?(ldm|stm|push|pop).*')
_REFILL = 2  # of the pipeline after a jump, 1 to 3
# TRM 7.2.3: these take one cycle longer if the next instruction consumes their result.
_LATE = re.compile(r'v(add|sub|mul|nmul|div|sqrt|cvt|fma|fms|fnma|fnms|mla|mls|nmla|nmls).*')


@dataclass(frozen=True)
class Instruction:
    """A line of a disassembly."""

    address: int
    function: str
    name: str
    operands: str

    def cycles(self, following: 'Instruction') -> int:
        """
        Return what it takes where it does not jump.

        :param following: the next one in memory
        :returns: cycles
        """
        if _MULTIPLE.fullmatch(self.name):
            return 1 + _registers(self.operands)
        late = _LATE.fullmatch(self.name) and _first(self.operands) in _sources(following)
        return bool(late) + next((cycles for pattern, cycles in _CYCLES.items() if re.fullmatch(pattern, self.name)), 1)


def _first(operands: str) -> str:
    return operands.partition(',')[0].strip()


def _sources(instruction: Instruction) -> list[str]:
    operands = [each.strip() for each in instruction.operands.split(',')]
    reads_all = instruction.name.startswith(('vcmp', 'vstr', 'vfm', 'vml')) or len(operands) == 1
    return operands if reads_all else operands[1:]


def _registers(operands: str) -> int:
    listed = re.search(r'\{(.*)\}', operands)
    assert listed, operands
    count = 0
    for part in listed[1].replace(' ', '').split(','):
        first, _, last = part.partition('-')
        words = 2 if first.startswith('d') else 1
        count += words * (int(last[1:]) - int(first[1:]) + 1 if last else 1)
    return count


def disassemble(elf: Path) -> list[Instruction]:
    """
    Return the instructions of a firmware, in the order of their addresses.

    :param elf: the firmware
    :returns: the instructions
    """
    listing, function = [], ''
    for line in _output('arm-none-eabi-objdump', '-d', '--no-show-raw-insn', elf).splitlines():
        if label := re.fullmatch(r'[0-9a-f]+ <(.+)>:', line):
            function = label[1]
        elif found := re.match(r'\s*([0-9a-f]+):\t(\S+)\s*([^@;]*)', line):
            name = found[2].partition('.')[0]
            listing.append(Instruction(int(found[1], 16), function, name, found[3].strip()))
    return listing


def estimate_cycles(firmware: Firmware, plugin: Path) -> dict[str, float]:
    """
    Estimate what each call takes on a Cortex-M4 whose memory has no wait states.

    :param firmware: built for one
    :param plugin: executed.c, built
    :returns: cycles by the name of the call
    """
    listing = disassemble(firmware.elf)
    own = {name for path in firmware.objects.values() for name in _functions(path)}
    calls = [each for each in CALLS if each in _functions(firmware.elf)]
    starts = _functions(firmware.elf)
    counts = firmware.elf.with_suffix('.executed')
    marks = [f'mark={starts[name]}' for name in (*calls, 'nothing')]
    firmware.run('-plugin', ','.join((str(plugin), *marks, f'out={counts}')))
    following = {first.address: (first, second) for first, second in zip(listing, [*listing[1:], listing[-1]])}
    cycles = dict.fromkeys(calls, 0.0)
    for line in counts.read_text().splitlines():
        mark, address, executed, jumped = map(int, line.split())
        instruction, neighbour = following[address]
        if mark < len(calls) and instruction.function in own:
            # Each is called twice: for the instructions and for the stack.
            cycles[calls[mark]] += (executed * instruction.cycles(neighbour) + jumped * _REFILL) / 2
    return cycles


def _functions(path: Path) -> dict[str, int]:
    lines = _output('arm-none-eabi-nm', path).splitlines()
    return {line.split()[2]: int(line.split()[0], 16) & ~1 for line in lines if line.split()[-2] in 'tT'}


def build_plugin(out: Path) -> Path:
    """
    Build the QEMU plugin that counts.

    :param out: the folder that it goes into
    :returns: the plugin
    """
    plugin = out / 'executed.so'
    source = Path(__file__).with_name('executed.c')
    subprocess.run(['cc', '-O2', '-shared', '-fPIC', source, '-o', plugin], check=True, timeout=120)
    return plugin
