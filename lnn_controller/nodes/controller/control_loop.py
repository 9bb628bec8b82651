"""The thread of the control tick, on the steady or on simulated time."""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from rclpy.clock import Clock, JumpHandle, JumpThreshold
from rclpy.duration import Duration

from lnn_controller.control import TickTimes
from lnn_controller.nodes.common.alarm import Alarm
from lnn_controller.nodes.common.diagnostics import Rate, WindowPercentiles

__all__ = ['PRIORITY', 'ControlLoop', 'ask_for_punctuality']

CLOCK_SILENT_S = 0.5
CRAWL_PERIODS = 3
PR_SET_TIMERSLACK = 29  # linux/prctl.h
PRIORITY = 50  # as ros2_control's
RESTART_NS = 500_000_000  # beyond this simulated time has jumped: no ticks were missed


class ControlLoop:
    """
    Call a tick at a rate, and for each camera frame, until stopped.

    A tick that comes late does not shift the next; those whose time has passed altogether are left out and counted.
    In simulated time it follows the clock wherever it goes: it waits while the clock stands, and begins
    anew where the clock stepped back or ahead. For who watches it: ``beats`` counts the ticks that ended, the last at
    ``beat_s`` (``time.monotonic``); ``stopping``: that it shall end, and ``failure`` what a tick raised.

    :param clock: the node's clock: gives the tick's time, and with ``simulated`` the schedule
    :param period_s: from a tick to the next where no frame comes, s
    :param shortest_s: from a tick to one that a frame brings, s; where it is the period, frames bring none
    :param tick: called with the time now, ns
    :param silent: called once when the simulated clock has stood still for half a second of real time, or moved so
        little that no tick was due for that long and three periods
    :param failed: called in the loop's thread with what a tick raised; no tick comes after that
    :param simulated: whether to follow ``clock``; else the steady clock, which no step of the system's clock moves
    """

    def __init__(
        self,
        clock: Clock,
        period_s: float,
        shortest_s: float,
        tick: Callable[[int], None],
        *,
        silent: Callable[[], None],
        failed: Callable[[BaseException], None],
        simulated: bool,
    ) -> None:
        self._clock, self._tick, self._silent, self._failed = clock, tick, silent, failed
        self._simulated = simulated
        self._pace = round(1e9 * period_s), round(1e9 * shortest_s)
        self._times = TickTimes(*self._pace, first_ns=0)
        self._alarm = Alarm()
        self._framed = False
        self.stopping = self._busy = False
        self.beats, self.beat_s = 0, time.monotonic()
        self._jump: JumpHandle | None = None
        self._missed = 0
        self._rate, self._lateness_us, self._work_us = Rate(), WindowPercentiles(), WindowPercentiles()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name='control', daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._simulated:
            anything = Duration(nanoseconds=1)
            threshold = JumpThreshold(min_forward=anything, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
            self._jump = self._clock.create_jump_callback(threshold, post_callback=lambda _: self._alarm.ring())
        self._beat()
        self._thread.start()

    @property
    def period_s(self) -> float:
        """From one tick to the next where no frame comes, s."""
        return self._times.period_ns / 1e9

    def on_frame(self) -> None:
        """Bring the next tick forward, for a frame has come; returns at once, from any thread."""
        self._framed = True
        self._alarm.ring()

    def figures(self, now_ns: int) -> dict[str, float]:
        """
        Return what diagnostics report of its punctuality.

        :param now_ns: now, ns
        :returns: the rate since the last call, the ticks that were left out, how late and how long the others were
        """
        rate_hz = self._rate.measure(now_ns)
        measured = {} if rate_hz is None else {'control_rate_hz': rate_hz}
        spans = self._lateness_us.figures('tick_lateness', 'us') | self._work_us.figures('tick_work', 'us')
        return {'missed_ticks': self._missed} | measured | spans

    def is_alive(self) -> bool:
        """Return whether ticks may still come."""
        return self._thread.is_alive()

    def is_due(self) -> bool:
        """Return whether a tick must end soon; in simulated time only one that has begun must."""
        return self._busy or not self._simulated

    def stop(self, timeout_s: float) -> bool:
        """
        End.

        :param timeout_s: how long to wait for a tick that runs, s
        :returns: whether no tick runs any more; may be called again where one does
        """
        self.stopping = True
        self._alarm.ring()
        self._thread.join(timeout_s)
        if self._jump is not None:
            self._jump.unregister()
            self._jump = None
        return not self._thread.is_alive()

    def set_pace(self, period_s: float, shortest_s: float) -> None:
        """
        Change the pace from the next tick on.

        :param period_s: from a tick to the next where no frame comes, s
        :param shortest_s: from a tick to one that a frame brings, s
        """
        self._pace = round(1e9 * period_s), round(1e9 * shortest_s)
        self._alarm.ring()

    def _beat(self) -> None:
        self.beat_s = time.monotonic()
        self.beats += 1

    def _run(self) -> None:
        ask_for_punctuality(PRIORITY)
        try:
            if self._simulated:
                self._follow_clock()
            else:
                self._follow_steady_time()
        except BaseException as error:
            self.failure = error
            self._failed(error)

    def _follow_steady_time(self) -> None:
        times, now_ns = self._times, time.monotonic_ns
        times.due_ns = now_ns() + times.period_ns
        while not self.stopping:
            self._look_up(now_ns())
            left_s = (times.due_ns - now_ns()) / 1e9
            if left_s > 0:
                self._alarm.wait(left_s)
            else:
                self._call(self._clock.now().nanoseconds, now_ns)

    def _follow_clock(self) -> None:
        times, last_ns = self._times, 0
        silent_reported, ticked_s = True, time.monotonic()
        while not self.stopping:
            now_ns = self._clock.now().nanoseconds
            if now_ns < last_ns or now_ns - times.due_ns > RESTART_NS:
                times.restart(now_ns)  # a new time has begun, or the first
            self._look_up(now_ns)
            if now_ns > 0 and now_ns >= times.due_ns and now_ns != last_ns:
                last_ns, silent_reported = now_ns, False
                self._call(now_ns, lambda: self._clock.now().nanoseconds)
                ticked_s = time.monotonic()
                continue
            moved = self._alarm.wait(CLOCK_SILENT_S)
            crawls = time.monotonic() - ticked_s > max(CLOCK_SILENT_S, CRAWL_PERIODS * self.period_s)
            if (crawls or not moved) and not silent_reported and not self.stopping:
                silent_reported = True
                self._in_time(self._silent)

    def _look_up(self, now_ns: int) -> None:
        """Take a new pace, and a frame; in the loop's thread, for a tick that hangs has not ended."""
        times, pace = self._times, self._pace
        if pace != (times.period_ns, times.shortest_ns):
            self._beat()  # what was not late by the rate before is not late by this one
            times.change(*pace, now_ns)
        if self._framed:
            self._framed = False
            times.on_frame(now_ns)

    def _in_time(self, work: Callable[[], None]) -> None:
        """Do what must end soon."""
        self._busy = True
        work()
        self._beat()
        self._busy = False

    def _call(self, now_ns: int, clock: Callable[[], int]) -> None:
        """Tick."""
        started_ns, began_ns = time.perf_counter_ns(), clock()
        self._lateness_us.add(max(0, began_ns - self._times.due_ns) / 1e3)
        self._in_time(lambda: self._tick(now_ns))
        self._rate.tick()
        self._work_us.add((time.perf_counter_ns() - started_ns) / 1e3)
        self._missed += self._times.on_tick(began_ns, clock())


def ask_for_punctuality(priority: int) -> None:
    """
    Ask Linux to wake this thread in time; both hold for this thread alone.

    :param priority: among real-time threads, 1 … 99
    """
    if not sys.platform.startswith('linux'):
        return
    # Linux may wake a thread 50 µs late to save power: halves the median lateness (benchmarks/executors.py).
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)
    # Real-time priority, where the user may have it (root, or rtprio in limits.conf): a tick waits for nobody.
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
