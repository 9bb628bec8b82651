"""What shows only after a long time: nothing grows, nothing gets later. ``make soak`` runs this."""

import os
import signal
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest
from rig import moves
from ros_probe import ACTIVATE, CLEAN_UP, CONFIGURE, DEACTIVATE, status

MINUTES = float(os.environ.get('SOAK_MINUTES', '30'))
CYCLES = 100
SETTLED = 20  # cycles after which caches are full
SAMPLE_S = 10.0
GROWTH_MB = 3.0
# The middleware keeps a little of every topic that is made and given back (a bare rclpy node's grows as well): 0.03 to
# 0.07 MB a cycle were seen.
GROWTH_PER_CYCLE_MB = 0.1


@pytest.fixture
def graph(real_graph):
    """What grows here is the process itself."""
    return real_graph


class Size(NamedTuple):
    """What a process holds."""

    memory_mb: float
    threads: int
    handles: int


def size(process):
    pages = int(Path(f'/proc/{process.pid}/statm').read_text().split()[1])
    tasks, handles = (len(list(Path(f'/proc/{process.pid}/{kind}').iterdir())) for kind in ('task', 'fd'))
    return Size(pages * os.sysconf('SC_PAGE_SIZE') / 1e6, tasks, handles)


def shared_memory():
    return len(list(Path('/dev/shm').glob('fast*')))


def compare(before, after, growth_mb=GROWTH_MB):
    """Nothing grew; in words."""
    assert after.memory_mb - before.memory_mb < growth_mb, (before, after)
    assert after.threads <= before.threads, (before, after)
    assert after.handles <= before.handles, (before, after)
    return (
        f'memory {before.memory_mb:.1f} → {after.memory_mb:.1f} MB, threads {before.threads} → {after.threads}, '
        f'handles {before.handles} → {after.handles}'
    )


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.fault('100 activations')
def test_a_hundred_activations(rig, outcome):
    assert rig.probe.change(DEACTIVATE, CLEAN_UP)
    sizes = []
    for _ in range(CYCLES):
        assert rig.probe.change(CONFIGURE, ACTIVATE)
        count = len(rig.commands)
        rig.probe.until(lambda count=count: any(moves(each) for each in rig.commands[count:]), 'it drives')
        assert rig.probe.change(DEACTIVATE, CLEAN_UP)
        assert not moves(rig.commands[-1])
        sizes.append(size(rig.process))
        rig.commands.clear()
    grown = compare(sizes[SETTLED - 1], sizes[-1], GROWTH_PER_CYCLE_MB * (CYCLES - SETTLED))
    outcome.kept = 'zeros come last each time'
    outcome.note = f'after {SETTLED} and after {CYCLES}: {grown}'
    assert rig.probe.change(CONFIGURE, ACTIVATE)
    rig.recovers(outcome)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.fault('100 starts')
def test_a_hundred_starts(rig, outcome):
    took_s, files = [], []
    for number in range(CYCLES):
        killed = number % 10 == 9
        rig.process.send_signal(signal.SIGKILL if killed else signal.SIGINT)
        rig.probe.until(lambda: rig.process.poll() is not None, 'it ends')
        assert rig.process.returncode == (-signal.SIGKILL if killed else 0), rig.log.read_text()
        if not killed:
            files.append(shared_memory())
        rig.commands.clear()
        since_ns = rig.now_ns()
        rig.start()
        took_s.append((next(each for each in rig.commands if moves(each)).received_ns - since_ns) / 1e9)
    outcome.recovered_s = median(took_s)
    outcome.kept = 'drives after each'
    outcome.note = f'from start to driving: median of 100; slowest {max(took_s):.2f} s; '
    outcome.note += f'files of Fast DDS in /dev/shm {files[0]} → {files[-1]}'


@pytest.mark.soak
@pytest.mark.timeout(60 * MINUTES + 300)
@pytest.mark.fault('a long drive')
def test_a_long_drive(make_rig, outcome):
    rig = make_rig()
    rig.start(control_rate_hz=100.0)
    told = rig.statuses()
    sizes, lateness_us, stands = [], [], 0
    end_s, due_s = time.monotonic() + 60 * MINUTES, time.monotonic() + SAMPLE_S
    while time.monotonic() < end_s:
        rig.probe.until(lambda due_s=due_s: time.monotonic() > due_s, 'time passes')
        due_s += SAMPLE_S
        sizes.append(size(rig.process))
        lateness_us.append(float(status(told, 'controller: control')['tick_lateness_p99_us']))
        stands += sum(not moves(each) for each in rig.commands)
        rig.commands.clear()
        del told[:-1]
    figures = status(told, 'controller: control')
    tenth = max(1, len(sizes) // 10)
    first, last = (median(lateness_us[part]) for part in (slice(tenth, 2 * tenth), slice(-tenth, None)))
    assert rig.process.poll() is None
    outcome.note = (
        f'{MINUTES:g} minutes, {figures["ticks"]} ticks, {figures["missed_ticks"]} missed, {stands} stopped; '
        f'{compare(sizes[tenth], sizes[-1])}; lateness p99 {first:.0f} → {last:.0f} µs '
        '(medians of its second and last tenth)'
    )
