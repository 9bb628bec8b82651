"""Camera frames to features beside the control tick: always the newest, in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ['EncoderThread']

Item = TypeVar('Item')


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
        self._there = threading.Condition()
        self._stopping = False
        self.dropped = 0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name='encoder', daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """
        Hand over an item; returns at once.

        :param item: newer than all before it
        """
        with self._there:
            if self._newest is not None:
                self.dropped += 1
            self._newest = item
            self._there.notify()

    def stop(self, timeout_s: float) -> bool:
        """
        End; what waits is left.

        :param timeout_s: how long to wait for the work to end, s
        :returns: whether it ended
        """
        with self._there:
            self._stopping = True
            self._there.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                with self._there:
                    self._there.wait_for(lambda: self._stopping or self._newest is not None)
                    if self._stopping:
                        return
                    item, self._newest = self._newest, None
                self._work(item)  # type: ignore[arg-type]
        except BaseException as error:
            self.failure = error
            self._failed(error)
