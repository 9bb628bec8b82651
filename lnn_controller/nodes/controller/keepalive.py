"""Zeros while the node is configured and does not drive: a flight controller takes silence for a lost computer."""

import threading
import time
from collections.abc import Callable

__all__ = ['Keepalive']

ENDS_S = 0.5


class Keepalive:
    """
    Have zeros sent at a rate, in a thread of its own: loading, listening and transitions do not hold it up.

    :param rate_hz: returns how often, Hz; 0: not at all
    :param zeros: sends zeros, unless somebody drives
    :param alone: returns whether nobody else commands the robot: who does is not disturbed
    :param yields: called when somebody else begins to
    :param failed: called in the thread with what ended it
    """

    def __init__(
        self,
        rate_hz: Callable[[], float],
        *,
        zeros: Callable[[], None],
        alone: Callable[[], bool],
        yields: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._rate_hz, self._zeros, self._alone, self._yields, self._failed = rate_hz, zeros, alone, yields, failed
        self._changed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name='keepalive', daemon=True)
        self._thread.start()

    def change(self) -> None:
        """Look at the rate again."""
        self._changed.set()

    def end(self) -> None:
        """Send no more."""
        self._ended = True
        self._changed.set()
        self._thread.join(ENDS_S)

    def _run(self) -> None:
        try:
            sent_s = -1.0
            yielded = False
            while not self._ended:
                rate_hz = self._rate_hz()
                left_s = sent_s + 1.0 / rate_hz - time.monotonic() if rate_hz else None
                if left_s is None or left_s > 0.0:
                    # Of a rate next to nothing Python cannot wait for the whole period.
                    self._changed.wait(None if left_s is None else min(left_s, threading.TIMEOUT_MAX))
                    self._changed.clear()
                    continue
                sent_s = time.monotonic()
                alone = self._alone()
                if alone:
                    self._zeros()
                elif not yielded:
                    self._yields()
                yielded = not alone
        except BaseException as error:
            self._failed(error)
