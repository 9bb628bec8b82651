"""Camera frames to features beside the control tick: always the newest, in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from lnn_controller.nodes.common.alarm import Alarm

__all__ = ['EncoderThread']

Item = TypeVar('Item')
TAKEN_S = 0.002  # the longest that put() waits for a thread that has nothing else to do


class EncoderThread(Generic[Item]):
    """
    Work on the newest item; one that came before it and had to wait is dropped and counted in ``dropped``.

    Decoding and encoding spend their time in OpenCV and onnxruntime, which let other threads run meanwhile: a tick
    does not wait for a big image.

    :param work: called with each item that is not dropped
    :param failed: called in the thread with what the work raised; no item is worked on after that
    """

    def __init__(self, work: Callable[[Item], None], failed: Callable[[BaseException], None]) -> None:
        self._work, self._failed = work, failed
        self._newest: Item | None = None
        self._exchange = threading.Lock()
        self._there, self._taken = Alarm(), Alarm()
        self._idle = self._stopping = False
        self.dropped = 0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name='encoder', daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """
        Hand over an item, from one thread alone; returns when it is taken, or at once where another is worked on.

        Who hands over goes on in Python for half a millisecond (rclpy makes its wait set anew), and the interpreter
        would be its own so long: to wait lets the other thread have it.

        :param item: newer than all before it
        """
        with self._exchange:
            self.dropped += self._newest is not None
            self._newest = item
        self._taken.wait(0.0)
        idle = self._idle
        self._there.ring()
        if idle:
            self._taken.wait(TAKEN_S)

    def stop(self, timeout_s: float) -> bool:
        """
        End; what waits is left.

        :param timeout_s: how long to wait for the work to end, s
        :returns: whether it ended
        """
        self._stopping = True
        self._there.ring()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                self._idle = True
                self._there.wait()
                self._idle = False
                if self._stopping:
                    return
                with self._exchange:
                    item, self._newest = self._newest, None
                self._taken.ring()
                if item is not None:
                    self._work(item)
        except BaseException as error:
            self.failure = error
            self._failed(error)
