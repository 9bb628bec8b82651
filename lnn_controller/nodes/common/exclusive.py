"""One thing that threads use in turn, without that those which answer others wait for the one which works long."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lnn_controller.errors import InputError

__all__ = ['Exclusive']

WAIT_S = 0.2


class Exclusive:
    """
    The turn of whoever uses the controller.

    The control tick has it while the network runs, which may take long, or for ever. So the executor's callbacks, an
    emergency stop's among them, only post what is to be done: it is done at once where nobody has the turn, else by
    whoever takes it next, before anything else and in the order in which it was posted.

    :param failed: called with what a posted action raised
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._lock = threading.Lock()
        self._posted: deque[Callable[[], object]] = deque()

    def post(self, action: Callable[[], object]) -> None:
        """
        Have something done in turn; returns at once.

        :param action: does it
        """
        self._posted.append(action)
        while self._posted and self._lock.acquire(blocking=False):
            try:
                self.catch_up()
            finally:
                self._lock.release()

    @contextmanager
    def turn(self, timeout_s: float = -1.0) -> Iterator[None]:
        """
        Have the turn; what was posted before is done first.

        :param timeout_s: how long to wait for it, s; negative: for ever
        :raises InputError: if it did not come in time
        """
        if not self._lock.acquire(timeout=timeout_s):
            raise InputError(f'the control tick must end within {timeout_s:g} s. Got one that still runs: try again')
        try:
            self.catch_up()
            yield
        finally:
            self._lock.release()

    def catch_up(self) -> None:
        """Do what was posted; only for who has the turn."""
        while self._posted:
            try:
                self._posted.popleft()()
            except Exception as error:
                self._failed(error)
