"""A thread that is woken before its time."""

import threading
from contextlib import suppress

__all__ = ['Alarm']


class Alarm:
    """
    Wake one thread that waits, or else let its next wait end at once; calls before a wait count as one.

    ``threading.Event`` does the same by a condition of two locks: who is woken waits for a lock of who wakes it, which
    may be a thread of lower priority. One lock ends a wait as punctually as ``time.sleep`` does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the thread; returns at once, from any thread."""
        with suppress(RuntimeError):  # nobody has waited since the last call
            self._lock.release()

    def wait(self, timeout_s: float = -1.0) -> bool:
        """
        Wait; for one thread alone.

        :param timeout_s: for how long at the most, s; negative: for ever
        :returns: whether it was woken
        """
        return self._lock.acquire(timeout=timeout_s)
