"""What `make bench` ends with: one table of what its benchmarks found, and of what failed."""

import shlex
import sys
from pathlib import Path

import pytest
import summary

GOOD = """
from summary import add
add('a step', '12 µs', '≤ 20 µs')
add('its memory', '3 MB')
"""


@pytest.fixture
def benchmarks(tmp_path, monkeypatch):
    """Two benchmarks in a folder of their own: one that finds something, one that then fails."""
    (tmp_path / 'good.py').write_text(GOOD)
    (tmp_path / 'bad.py').write_text("from summary import add\nadd('a drive', '1 m')\nraise SystemExit(3)\n")
    monkeypatch.setenv('PYTHONPATH', str(Path(summary.__file__).parent))
    monkeypatch.setattr(summary, '__file__', str(tmp_path / 'summary.py'))
    monkeypatch.setattr(summary, 'COMMANDS', ('good.py --fast', 'bad.py'))
    return tmp_path


def made(folder, monkeypatch, *flags):
    page = folder / 'out' / 'benchmarks.md'
    monkeypatch.setattr(sys, 'argv', ['summary.py', '--out', str(page), *flags])
    return summary.main(), page.read_text(encoding='utf-8').splitlines()


def test_the_table_has_what_each_found_with_its_command_and_says_what_failed(benchmarks, monkeypatch):
    code, lines = made(benchmarks, monkeypatch)
    assert code == 1
    assert f'{summary.os.cpu_count()} cores; load before: ' in lines[0]
    assert lines[2:8] == [
        '| what | figure | goal | command |',
        '| --- | --- | --- | --- |',
        '| a step | 12 µs | ≤ 20 µs | `python benchmarks/good.py --fast` |',
        '| its memory | 3 MB |  | `python benchmarks/good.py --fast` |',
        '| a drive | 1 m |  | `python benchmarks/bad.py` |',
        '| bad | **failed** with exit code 3 |  | `python benchmarks/bad.py` |',
    ]
    assert lines[-1].startswith('0.') and ' minutes; in seconds: good ' in lines[-1] and ', bad ' in lines[-1]


def test_some_of_them_alone(benchmarks, monkeypatch):
    code, lines = made(benchmarks, monkeypatch, '--only', 'good')
    assert (code, len(lines)) == (0, 8)


def test_a_benchmark_by_itself_adds_to_no_table(monkeypatch):
    monkeypatch.delenv(summary.ROWS, raising=False)
    summary.add('a step', '12 µs')


def test_every_benchmark_of_it_is_there_and_adds_rows():
    folder = Path(summary.__file__).parent
    for command in summary.COMMANDS:
        text = (folder / shlex.split(command)[0]).read_text(encoding='utf-8')
        assert 'from summary import add' in text, command
