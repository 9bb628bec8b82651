"""What the controller knows of a sensor from its stamps alone: is it there, is it fresh, may a message be taken."""

from collections import deque
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ['FUTURE_TOLERANCE_S', 'LOOP', 'Camera', 'Repeats', 'Sensor']

# A sensor's clock may run ahead of ours by so much; a stamp further ahead says nothing about the message's age.
FUTURE_TOLERANCE_S = 0.1
_TOLERANCE_NS = round(FUTURE_TOLERANCE_S * 1e9)
LOOP = 64  # pictures: a loop of two seconds at 30 Hz
Refusal = Literal['', 'not_newer', 'in_future', 'too_old']


class Repeats:
    """
    Whether a sensor sends what it has sent before, bit by bit, while the robot is told to move.

    No sensor that measures does: it has noise. But a simulated one may have none, and a base that something holds moves
    as little as it is told to: that is worth a warning, and no reason to stop.

    :param memory: with how many of the newest messages the next is compared
    """

    def __init__(self, memory: int) -> None:
        self.seconds = 0.0
        self._seen: deque[int] = deque(maxlen=memory)
        self._since_ns: int | None = None

    def note(self, stamp_ns: int, content: bytes) -> bool:
        """
        Take a message.

        :param stamp_ns: its stamp, ns
        :param content: what it measured
        :returns: whether the message before was the same
        """
        digest = hash(content)
        again = bool(self._seen) and digest == self._seen[-1]
        if digest not in self._seen:
            self.begin()
        elif self._since_ns is None:
            self._since_ns = stamp_ns
        else:
            self.seconds = (stamp_ns - self._since_ns) / 1e9
        self._seen.append(digest)
        return again

    def begin(self) -> None:
        """Count from here, for something new came, or the robot stands."""
        self._since_ns, self.seconds = None, 0.0


class Sensor:
    """
    The newest stamp of one sensor, and its judgement.

    ``since_ns`` is what the newest message's age counts from: its stamp, or its arrival if that was earlier. A sensor
    whose clock runs ahead would otherwise be trusted for longer than its timeout. ``in_future`` counts stamps that
    turned out to be ahead when the clock was looked at, as after it stepped back. ``repeats`` is what it sends again.

    :param memory: messages that the next is compared with
    """

    def __init__(self, memory: int = 1) -> None:
        self.repeats = Repeats(memory)
        self.stamp_ns: int | None = None
        self.since_ns: int | None = None
        self.in_future = 0

    def take(self, stamp_ns: int, now_ns: int | None) -> None:
        """
        Count a message as the newest.

        :param stamp_ns: its stamp, ns
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        """
        self.stamp_ns = stamp_ns
        self.since_ns = stamp_ns if now_ns is None else min(stamp_ns, now_ns)

    def refuses(self, stamp_ns: int, now_ns: int | None, timeout_s: float) -> Refusal:
        """
        Say why a message must not be taken.

        :param stamp_ns: its stamp, ns
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :param timeout_s: age beyond which the sensor counts as stale, s
        :returns: '' if it may be taken
        """
        if now_ns is not None and stamp_ns > now_ns + _TOLERANCE_NS:
            return 'in_future'
        if now_ns is not None and now_ns - stamp_ns > timeout_s * 1e9:
            return 'too_old'
        return 'not_newer' if self.stamp_ns is not None and stamp_ns <= self.stamp_ns else ''

    def state(self, now_ns: int, timeout_s: float) -> Literal['', 'missing', 'stale']:
        """
        Judge the sensor; a stamp from the future is forgotten, for it would keep out all that comes after.

        :param now_ns: now, ns
        :param timeout_s: age beyond which it counts as stale, s
        :returns: '' if it is fresh
        """
        if self.stamp_ns is None or self.since_ns is None:
            return 'missing'
        if self.stamp_ns > now_ns + _TOLERANCE_NS:
            self.stamp_ns = self.since_ns = None
            self.in_future += 1
            return 'stale'
        return 'stale' if now_ns - self.since_ns > timeout_s * 1e9 else ''

    def age_s(self, now_ns: int) -> float | None:
        """
        Give the age of the newest message.

        :param now_ns: now, ns
        :returns: s; ``None`` where there is none
        """
        return None if self.since_ns is None else (now_ns - self.since_ns) / 1e9


class Camera(Sensor):
    """A camera, which can also be frozen: it goes on sending the very same picture."""

    def __init__(self) -> None:
        super().__init__(LOOP)
        self._changed_ns = 0
        self._again = self._frozen = False

    def show(self, stamp_ns: int, picture: NDArray[np.uint8], now_ns: int | None = None) -> None:
        """
        Take a frame as the network sees it.

        A real camera's noise makes every frame differ, even after it was averaged down to the network's size.

        :param stamp_ns: when it was taken, ns
        :param picture: (H, W, 3) uint8
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        """
        self.take(stamp_ns, now_ns)
        self._again = self.repeats.note(stamp_ns, picture.tobytes())
        if not self._again:
            self._changed_ns, self._frozen = stamp_ns, False

    def frozen(self, now_ns: int, timeout_s: float, *, moving: bool) -> bool:
        """
        Tell whether the picture stands still although the robot does not; that ends with the first other picture.

        A robot that stands may see the same for ever: a simulated camera has no noise.

        :param now_ns: now, ns
        :param timeout_s: for how long the picture may stand still, s; 0: for ever
        :param moving: whether the robot was last commanded to move
        :returns: whether the camera is frozen
        """
        if not timeout_s:
            return False
        if not self._frozen and not (self._again and moving):
            # The time counts from here: while it stood, or the pictures changed, nothing was wrong.
            self._changed_ns = max(self._changed_ns, now_ns) if not moving else self._changed_ns
            return False
        self._frozen = self._frozen or now_ns - self._changed_ns > timeout_s * 1e9
        return self._frozen
