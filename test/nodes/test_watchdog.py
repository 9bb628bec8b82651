"""The watchdog on a loop of its own: what hangs and what does not."""

import os
import resource
import threading
import time
from itertools import count, cycle
from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.clock import Clock
from rclpy.time import Time

from lnn_controller.nodes.common.alarm import Alarm
from lnn_controller.nodes.controller.command_output import CommandOutput
from lnn_controller.nodes.controller.control_loop import ControlLoop
from lnn_controller.nodes.controller.watchdog import Watchdog

DEADLINE_S = 20.0


class Watched:
    """A loop whose ticks can be made to hang, and what its watchdog does."""

    def __init__(self, rate_hz):
        self.hang = None
        self.zeros, self.overdue, self.ends, self.failure = [], [], [], None
        self.ticks = 0
        paces = {'period_s': 1.0 / rate_hz, 'shortest_s': 0.5 / rate_hz}
        called = {'tick': self._tick, 'silent': lambda: None, 'failed': self._failed}
        self.loop = ControlLoop(Clock(), **paces, **called, simulated=False)
        self.loop.start()
        Watchdog(
            self.loop,
            zeros=lambda: self.zeros.append(time.monotonic()),
            overdue=self.overdue.append,
            end=self.ends.append,
        )

    def _tick(self, _):
        self.ticks += 1
        if (hang := self.hang) is not None:
            self.hang = None
            hang()

    def _failed(self, error):
        self.failure = error


def until(happened):
    end_s = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < end_s
        time.sleep(0.005)


@pytest.fixture
def watch():
    """Makes such loops; none is left behind."""
    watched = []

    def make(rate_hz):
        watched.append(Watched(rate_hz))
        return watched[-1]

    yield make
    for each in watched:
        assert each.loop.stop(DEADLINE_S)


def busily(released):
    """Hang in Python alone, which lets other threads run only now and then."""
    for _ in count():
        if released.is_set():
            return


@pytest.mark.parametrize('hang', [threading.Event.wait, busily])
def test_zeros_come_while_a_tick_hangs_and_end_when_it_ends(watch, hang):
    watched, released = watch(50.0), threading.Event()
    watched.hang = lambda: hang(released)
    until(lambda: len(watched.zeros) > 2)
    released.set()
    assert len(watched.overdue) == 1, 'told once'
    assert watched.overdue[0] >= 0.1
    before = watched.ticks
    until(lambda: watched.ticks > before + 5)


@pytest.mark.slow
def test_a_tick_that_never_ends_ends_the_process(watch):
    watched, released = watch(50.0), threading.Event()
    watched.hang = released.wait
    until(lambda: watched.ends)
    released.set()
    assert watched.zeros[-1] > watched.zeros[0] + 0.5, 'zeros again and again, for the tick might have published one'


@pytest.mark.slow
def test_a_publisher_that_fails_keeps_no_process_from_its_end(watch):
    watched, released = watch(50.0), threading.Event()
    tried = []

    class Gone(list):
        def append(self, item):
            tried.append(item)
            raise RuntimeError('the publisher is gone')

    watched.zeros = Gone()
    watched.hang = released.wait
    until(lambda: watched.ends)
    released.set()
    assert len(tried) > 2


@pytest.mark.slow
def test_a_slow_loop_is_given_three_periods(watch):
    watched, released = watch(4.0), threading.Event()
    watched.hang = lambda: released.wait(DEADLINE_S)
    until(lambda: watched.zeros)
    released.set()
    assert watched.overdue[0] >= 3 / 4.0


def test_a_rate_that_is_raised_is_not_late_at_once(watch):
    watched = watch(1.0)
    until(lambda: time.monotonic() > watched.loop.beat_s + 0.3)
    watched.loop.set_pace(0.002, 0.001)
    until(lambda: watched.ticks > 10)
    assert not watched.overdue


def test_a_rate_that_is_set_again_and_again_hides_no_tick_that_hangs(watch):
    watched, released = watch(50.0), threading.Event()
    watched.hang = released.wait
    periods_s = cycle([0.025, 0.02])

    def zeros():
        watched.loop.set_pace(next(periods_s), 0.01)
        return len(watched.zeros) > 2

    until(zeros)
    released.set()


@pytest.mark.parametrize('periods_s', [(0.02, 0.02), (0.0204, 0.02)])
def test_a_rate_that_is_set_again_and_again_puts_off_no_tick(watch, periods_s):
    watched, periods_s = watch(50.0), cycle(periods_s)

    def ticks():
        watched.loop.set_pace(next(periods_s), 0.01)
        return watched.ticks > 10

    until(ticks)


@pytest.mark.slow
def test_a_tick_that_throws_is_handed_over_at_once(watch):
    watched = watch(100.0)

    def fail():
        raise SystemExit('anything')

    watched.hang = fail
    until(lambda: watched.failure is not None)
    assert isinstance(watched.loop.failure, SystemExit)
    until(lambda: not watched.loop.is_alive())
    assert watched.loop.stop(0.0)
    until(lambda: watched.ends)


class ManualClock:
    """A clock of simulated time that goes as the test says."""

    def __init__(self):
        self.now_ns, self._moved = 10**9, None

    def now(self):
        return Time(nanoseconds=self.now_ns)

    def create_jump_callback(self, _threshold, *, post_callback):
        self._moved = post_callback
        return SimpleNamespace(unregister=lambda: None)

    def move(self, by_ns):
        self.now_ns += by_ns
        self._moved(None)


@pytest.mark.parametrize('step_ns', [0, 1, 1_000])
@pytest.mark.slow
def test_a_clock_that_stands_or_crawls_is_told_once(step_ns):
    clock, ticks, silent = ManualClock(), [], []
    tell = lambda: silent.append(len(ticks))  # noqa: E731
    loop = ControlLoop(clock, 0.02, 0.01, ticks.append, silent=tell, failed=silent.append, simulated=True)
    loop.start()
    until(lambda: ticks)

    def crawls_until(happened):
        until(lambda: (step_ns and clock.move(step_ns)) or happened())

    crawls_until(lambda: silent)
    told_s = time.monotonic()
    crawls_until(lambda: time.monotonic() > told_s + 1.2)
    assert silent == [1], 'once, after the only tick'
    until(lambda: clock.move(5_000_000) or len(ticks) > 3)
    assert loop.stop(DEADLINE_S)


@pytest.mark.slow
def test_frames_bring_ticks_forward_and_a_watchdog_that_waits_for_them_bites(watch):
    watched, released = watch(1.0), threading.Event()
    begun_s = watched.loop.beat_s
    until(lambda: watched.loop.on_frame() or watched.ticks > 1)
    assert watched.loop.beat_s - begun_s >= 0.5, 'no sooner than half a period after the tick before'
    watched.loop.set_pace(0.02, 0.01)
    watched.hang = released.wait
    until(lambda: watched.loop.on_frame() or watched.zeros)
    released.set()


def test_a_frame_is_acted_on_at_once_in_simulated_time():
    clock, ticks, start_ns = ManualClock(), [], 10**9
    loop = ControlLoop(clock, 0.02, 0.01, ticks.append, silent=lambda: None, failed=ticks.append, simulated=True)
    loop.start()
    until(lambda: ticks)

    def at(milliseconds, frame):
        clock.now_ns = start_ns + milliseconds * 1_000_000
        if frame:
            loop.on_frame()
        clock.move(0)

    at(13, frame=True)
    until(lambda: len(ticks) == 2)
    at(15, frame=True)  # too soon after the tick before: it waits
    at(23, frame=False)
    until(lambda: len(ticks) == 3)
    at(43, frame=False)
    until(lambda: len(ticks) == 4)
    assert loop.stop(DEADLINE_S)
    assert [(each - start_ns) // 1_000_000 for each in ticks] == [0, 13, 23, 43]
    assert loop.figures(0)['missed_ticks'] == 0


def test_a_command_that_was_on_its_way_is_not_the_last_after_the_shutdown():
    sent, on_its_way, go_on = [], threading.Event(), threading.Event()

    class Slow:
        def publish(self, message):
            if message.linear.x:
                on_its_way.set()
                go_on.wait(DEADLINE_S)
            sent.append(message.linear.x)

    output = CommandOutput(Slow(), ('linear_x', 'angular_z'), {'enable_stamped_cmd_vel': False}, Clock())
    tick = threading.Thread(target=output.send, args=(np.array([1.5, 0.0]), 1))
    tick.start()
    on_its_way.wait(DEADLINE_S)
    output.shut()
    go_on.set()
    tick.join(DEADLINE_S)
    assert sent == [0.0, 1.5, 0.0]
    output.send(np.array([1.5, 0.0]), 2)
    assert len(sent) == 3


def test_an_alarm_wakes_once_however_often_it_rings():
    alarm, woken = Alarm(), []
    assert not alarm.wait(0.0)
    alarm.ring()
    alarm.ring()
    assert alarm.wait()
    assert not alarm.wait(0.0)
    waiter = threading.Thread(target=lambda: woken.append(alarm.wait(DEADLINE_S)))
    waiter.start()
    alarm.ring()
    waiter.join(DEADLINE_S)
    assert woken == [True]


def test_an_alarm_of_a_process_with_more_files_than_select_knows():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip('this user may not open so many files')
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    files = []
    try:
        while not files or files[-1] < 1024:
            files.append(os.open(os.devnull, os.O_RDONLY))
        alarm = Alarm()
        assert alarm._file >= 1024
        assert not alarm.wait(0.002)
        threading.Timer(0.05, alarm.ring).start()
        assert alarm.wait(DEADLINE_S)
        assert not alarm.wait(0.0)
    finally:
        for each in files:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
