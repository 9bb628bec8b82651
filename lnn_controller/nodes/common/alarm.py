"""A thread that is woken before its time."""

import os
import select
import weakref
from contextlib import suppress

__all__ = ['Alarm']

SELECTABLE = 1024  # FD_SETSIZE


class Alarm:
    """
    Wake one thread that waits, or else let its next wait end at once; calls before a wait count as one.

    By a file of the kernel's (eventfd), for Python gives its interpreter lock away while it writes to one. With
    ``threading``'s locks and events who rings has that lock when the other wakes. Where the other has real-time
    priority it then takes the processor from who rings, and waits for the lock of a thread that does not run: tens of
    milliseconds on a computer with more to do than cores, where this takes 0.1. It is as punctual as ``time.sleep``.
    """

    def __init__(self) -> None:
        self._file = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def ring(self) -> None:
        """Wake the thread; returns at once, from any thread."""
        os.eventfd_write(self._file, 1)

    def wait(self, timeout_s: float | None = None) -> bool:
        """
        Wait; for one thread alone.

        :param timeout_s: for how long at the most, s; ``None``: for ever
        :returns: whether it was woken
        """
        if self._file < SELECTABLE:
            select.select([self._file], [], [], timeout_s)
        else:  # select takes no such file; poll does, and waits for whole ms, rounded up
            self._poll.poll(None if timeout_s is None else timeout_s * 1e3)
        with suppress(BlockingIOError):
            os.eventfd_read(self._file)
            return True
        return False
