"""A thread that waits for one subscription, without rclpy's executor."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from rclpy.context import Context
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.subscription import Subscription

__all__ = ['SubscriptionThread']

FOR_EVER_NS = -1
# malloc.h, and the most that glibc takes for the second
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, LARGEST = -1, -3, 32 * 2**20


class SubscriptionThread:
    """
    Call a function, in a thread of its own, whenever a subscription has messages.

    rclpy's executor makes a wait set of all that the node has, in Python, for each message: a frame that came by it and
    was handed over was encoded half a millisecond later, and the process took a fifth more of the processor.

    :param name: of the thread
    :param subscription: of a :class:`.polled.Polled` group
    :param context: the node's
    :param work: takes what has arrived; called again as long as there is something
    :param failed: called in the thread with what the work raised; it is not called after that
    """

    def __init__(
        self,
        name: str,
        subscription: Subscription[Any],
        context: Context,
        work: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        assert context.handle is not None
        self._subscription, self._context, self._work, self._failed = subscription, context.handle, work, failed
        self._end = GuardCondition(None, None, context)  # of no node: its executor would wait for it too
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """
        End; what waits is left.

        :param timeout_s: how long to wait for the work to end, s
        :returns: whether it ended
        """
        self._stopping = True
        self._end.trigger()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        keep_freed_memory()
        subscription, end = self._subscription.handle, self._end.handle
        try:
            # Neither is destroyed while it is waited for.
            with subscription, end:
                wait_set = rclpy_implementation.WaitSet(1, 1, 0, 0, 0, 0, self._context)
                while not self._stopping:
                    wait_set.clear_entities()
                    wait_set.add_subscription(subscription)
                    wait_set.add_guard_condition(end)
                    wait_set.wait(FOR_EVER_NS)
                    if not self._stopping:
                        self._work()
        except BaseException as error:
            self._failed(error)


def keep_freed_memory() -> None:
    """
    Have glibc keep up to 64 MiB that was freed, for the whole process: the next message's buffers are in it.

    Outside the main thread each picture's would be given back to the kernel and come anew, a page fault for each 4 kB:
    of a raw 640×480 camera 19,000 a second, a fifth of the process's time.
    """
    if (mallopt := getattr(ctypes.CDLL(None), 'mallopt', None)) is not None:
        mallopt(M_TRIM_THRESHOLD, 2 * LARGEST)
        mallopt(M_MMAP_THRESHOLD, LARGEST)
