"""
Run the benchmarks one after the other and sum them up in one table: `make bench`.

    python benchmarks/summary.py [--out out/benchmarks.md] [--only replay length …]

Each prints what it prints by itself, too. The table has the machine, its load before, and how long each took; what
fails is a row that says so, and the exit code is 1. Goals are those of a quiet machine.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: a command each, as it is typed in the repository's root behind `python benchmarks/`
COMMANDS = (
    'step_latency.py',
    'control_rate.py',
    'big_messages.py',
    'transport.py --sizes 640x480',
    'adaptation.py',
    'long_memory.py --tasks gradients --seeds 0 --out out/long_memory.json',
    'attention_noise.py',
    'worlds.py',
    'training.py',
    'attention.py',
    'replay.py',
    'length.py',
    'view.py',
)
ROWS = 'BENCHMARK_ROWS'  # names the file that takes a benchmark's rows


def add(what: str, figure: str, goal: str = '') -> None:
    """
    Add a row to the table, if there is to be one: a benchmark that is run by itself adds to none.

    :param what: what is measured
    :param figure: what it came to, with its unit
    :param goal: what it should come to, if there is such a thing
    """
    if ROWS in os.environ:
        with Path(os.environ[ROWS]).open('a', encoding='utf-8') as file:
            file.write(json.dumps([what, figure, goal]) + '\n')


def machine() -> str:
    """Return the processor's name, how many cores there are, and how busy they are: load over 1 and 5 minutes."""
    lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    name = next((line.split(':')[1].strip() for line in lines if line.startswith('model name')), 'unknown processor')
    one, five, _ = os.getloadavg()
    return f'{name}, {os.cpu_count()} cores; load before: {one:.1f} over a minute, {five:.1f} over five'


def run(command: str) -> tuple[list[list[str]], float]:
    """
    Run a benchmark.

    :param command: one of :data:`COMMANDS`
    :returns: its rows, the command being the last cell of each; how long it took, s
    """
    script, *flags = shlex.split(command)
    typed = f'python benchmarks/{command}'
    print(f'\n{typed}\n', flush=True)
    begin_s = time.monotonic()
    with tempfile.NamedTemporaryFile() as file:
        order = [sys.executable, str(Path(__file__).with_name(script)), *flags]
        code = subprocess.run(order, env=os.environ | {ROWS: file.name}).returncode
        rows = [json.loads(line) for line in Path(file.name).read_text(encoding='utf-8').splitlines()]
    if code:
        rows.append([script.removesuffix('.py'), f'**failed** with exit code {code}', ''])
    return [[*row, f'`{typed}`'] for row in rows], time.monotonic() - begin_s


def table(rows: list[list[str]], where: str, took_s: dict[str, float]) -> str:
    """
    Write the table.

    :param rows: of :func:`run`
    :param where: :func:`machine`
    :param took_s: how long each command took, s
    :returns: Markdown
    """
    each = ', '.join(f'{command.split(".")[0]} {seconds:.0f}' for command, seconds in took_s.items())
    lines = [f'{where}.', '', '| what | figure | goal | command |', '| --- | --- | --- | --- |']
    lines += [f'| {" | ".join(row)} |' for row in rows]
    return '\n'.join([*lines, '', f'{sum(took_s.values()) / 60:.1f} minutes; in seconds: {each}.', ''])


def main() -> int:
    """Run all, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=Path('out/benchmarks.md'))
    names = [command.split('.')[0] for command in COMMANDS]
    parser.add_argument('--only', nargs='+', choices=names, default=names, metavar='NAME', help='some of them')
    args = parser.parse_args()
    where = machine()
    rows: list[list[str]] = []
    took_s = {}
    for command in COMMANDS:
        if command.split('.')[0] in args.only:
            more, took_s[command] = run(command)
            rows += more
    text = table(rows, where, took_s)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding='utf-8')
    print(f'\n{text}')
    return int(any('**failed**' in row[1] for row in rows))


if __name__ == '__main__':
    sys.exit(main())
