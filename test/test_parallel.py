"""Processes side by side: order, errors, an interrupt."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lnn_controller.errors import InputError
from lnn_controller.parallel import cores, in_processes

DEADLINE_S = 240


def square(number):
    return number * number


def fails_at_two(number):
    if number == 2:
        raise InputError('a number must not be 2')
    return number


def process_and_threads(_):
    return os.getpid(), os.environ['OMP_NUM_THREADS'], os.environ['LP_NUM_THREADS']


@pytest.mark.parametrize('jobs', [1, 2])
@pytest.mark.slow
def test_results_are_in_the_order_of_the_items(jobs):
    assert list(in_processes(square, range(5), jobs=jobs)) == [0, 1, 4, 9, 16]
    assert list(in_processes(square, [], jobs=jobs)) == []


@pytest.mark.slow
def test_each_job_is_a_process_with_one_thread_and_ours_stays_as_it_is():
    before = dict(os.environ)
    rows = list(in_processes(process_and_threads, range(4), jobs=2))
    assert {row[1:] for row in rows} == {('1', '1')}
    assert os.getpid() not in {row[0] for row in rows}
    assert dict(os.environ) == before
    assert cores() >= 1


def test_one_item_is_done_here():
    assert list(in_processes(os.getpgid, [0], jobs=8)) == [os.getpgid(0)]


@pytest.mark.parametrize('jobs', [1, 2])
def test_an_error_comes_through_after_the_results_before_it(jobs):
    results = in_processes(fails_at_two, range(50), jobs=jobs)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InputError, match='a number must not be 2'):
        next(results)


@pytest.fixture
def napping(tmp_path):
    """A process with two jobs that nap, and the file in which each has written its number."""
    (tmp_path / 'naps.py').write_text(
        'import pathlib, time\n'
        'def nap(name):\n'
        '    pathlib.Path(name).write_text(str(__import__("os").getpid()))\n'
        '    time.sleep(1000)\n'
    )
    (tmp_path / 'main.py').write_text(
        'from naps import nap\n'
        'from lnn_controller.parallel import in_processes\n'
        'if __name__ == "__main__":\n'
        '    try:\n'
        '        list(in_processes(nap, ["a", "b", "c"], jobs=2))\n'
        '    except KeyboardInterrupt:\n'
        '        print("interrupted")\n'
    )
    process = subprocess.Popen(
        [sys.executable, 'main.py'],
        cwd=tmp_path,
        env=os.environ | {'PYTHONPATH': f'{tmp_path}:{os.pathsep.join(sys.path)}'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + DEADLINE_S
    jobs = [tmp_path / 'a', tmp_path / 'b']
    while not all(file.exists() and file.read_text() for file in jobs):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    yield process, [int(file.read_text()) for file in jobs]
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def test_an_interrupt_of_the_group_ends_all_without_a_word_of_the_others(napping, tmp_path):
    """As Ctrl-C in a terminal: every process of the group gets the signal."""
    process, jobs = napping
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out, err) == (0, 'interrupted\n', '')
    assert not (tmp_path / 'c').exists()
    assert not any(map(runs, jobs))


@pytest.mark.parametrize('how', [signal.SIGTERM, signal.SIGKILL])
def test_who_is_killed_leaves_no_process_behind(napping, how):
    process, jobs = napping
    process.send_signal(how)
    process.communicate(timeout=DEADLINE_S)  # until the last who could write has ended too
    assert process.returncode == -how
    assert not any(map(runs, jobs))


def runs(pid):
    """Whether there is such a process; one that has ended and that nobody has asked about does not run."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] not in 'ZX'
    except FileNotFoundError:
        return False
