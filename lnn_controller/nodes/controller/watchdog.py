"""What watches the control tick from a thread of its own: no command outlives the loop that made it."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from lnn_controller.nodes.controller.control_loop import PRIORITY, ControlLoop, ask_for_punctuality

__all__ = ['Watchdog']

PERIODS = 3
SHORTEST_S = 0.1
END_S = 1.0  # from the first zeros to the end of the process
LOOK_S = 0.025
MAIN_THREAD_S = 2.0


class Watchdog:
    """
    Publish zeros where no tick ends for three periods, at least 0.1 s; after another second the process must end.

    It counts only time in which it ran itself: where the whole process was stopped or starved, the tick was held up,
    not hung. In simulated time a tick counts from its begin, since none is due while the clock stands.

    :param loop: the loop to watch, started
    :param zeros: publishes zeros, by nothing that a tick may hold; called again and again until the tick ends, for the
        tick may have been about to publish when it was called first
    :param overdue: called once for each tick that is overdue, after the first zeros, with how long it has run, s
    :param end: called with the reason where the process must end: :func:`end_process`
    """

    def __init__(
        self,
        loop: ControlLoop,
        *,
        zeros: Callable[[], None],
        overdue: Callable[[float], None],
        end: Callable[[str], None],
    ) -> None:
        self._loop, self._zeros, self._overdue, self._end = loop, zeros, overdue, end
        threading.Thread(target=self._run, name='watchdog', daemon=True).start()

    def _run(self) -> None:
        # Above the loop's own: a tick that never waits would keep this thread from a single core.
        ask_for_punctuality(PRIORITY + 1)
        loop, beats, waited_s, reported = self._loop, -1, 0.0, False
        last_s = time.monotonic()
        while loop.is_alive():
            limit_s = max(PERIODS * loop.period_s, SHORTEST_S)
            # Exactly at the limit where nothing else comes between.
            time.sleep(min(LOOK_S, limit_s - waited_s) if waited_s < limit_s else LOOK_S)
            now_s = time.monotonic()
            passed_s, last_s = min(now_s - last_s, 2 * LOOK_S), now_s
            if loop.beats != beats or not loop.is_due():
                beats, reported = loop.beats, False
                waited_s = min(now_s - loop.beat_s, LOOK_S)
                continue
            waited_s += passed_s
            if waited_s < limit_s:
                continue
            with suppress(Exception):  # which must not keep the process from its end
                self._zeros()
            if not reported:
                reported = True
                with suppress(Exception):
                    self._overdue(waited_s)
            if waited_s > limit_s + END_S:
                self._end(f'the control tick has not ended for {waited_s:.1f} s: the process ends')
        if loop.failure is not None:
            time.sleep(MAIN_THREAD_S)
            self._end('the control tick failed, and the main thread does not answer: the process ends')
