"""What the controller knows of a sensor from its stamps alone: is it there, is it fresh, may a message be taken."""

from collections import deque
from typing import Literal, NamedTuple

__all__ = ['FUTURE_TOLERANCE_S', 'LOOP', 'Reading', 'Repeats', 'Sensor', 'StillImage', 'judge']

# A sensor's clock may run ahead of ours by so much; a stamp further ahead says nothing about the message's age.
FUTURE_TOLERANCE_S = 0.1
_TOLERANCE_NS = round(FUTURE_TOLERANCE_S * 1e9)
LOOP = 64  # pictures: a loop of two seconds at 30 Hz
Refusal = Literal['', 'not_newer', 'in_future', 'too_old']


class Repeats:
    """
    Whether a sensor sends what it has sent before, bit by bit, while the robot is commanded to move.

    No sensor that measures does: it has noise. But a simulated one may have none, and a base that something holds moves
    as little as it is commanded to: that is worth a warning, and no reason to stop.

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


class Reading(NamedTuple):
    """
    The stamps of a message.

    :param stamp_ns: when it was measured, ns
    :param since_ns: what its age counts from, ns: its stamp, or its arrival if that was earlier. A sensor whose clock
        runs ahead would otherwise be trusted for longer than its timeout
    """

    stamp_ns: int
    since_ns: int

    def is_ahead(self, now_ns: int) -> bool:
        """
        Return whether its stamp lies further in the future than a clock may run ahead, as after ours stepped back.

        :param now_ns: now, ns
        :returns: whether it does
        """
        return self.stamp_ns > now_ns + _TOLERANCE_NS


def judge(newest: Reading | None, now_ns: int, timeout_s: float) -> Literal['', 'missing', 'stale']:
    """
    Judge a sensor by its newest message.

    :param newest: its stamps; ``None``: there is none
    :param now_ns: now, ns
    :param timeout_s: age beyond which it counts as stale, s
    :returns: '' if it is fresh
    """
    if newest is None:
        return 'missing'
    return 'stale' if newest.is_ahead(now_ns) or now_ns - newest.since_ns > timeout_s * 1e9 else ''


class Sensor:
    """
    The newest message of one sensor, by its stamps. ``repeats`` is what it sends again.

    :param memory: messages that the next is compared with
    """

    def __init__(self, memory: int = 1) -> None:
        self.repeats = Repeats(memory)
        self.newest: Reading | None = None

    def take(self, stamp_ns: int, now_ns: int | None) -> None:
        """
        Count a message as the newest.

        :param stamp_ns: its stamp, ns
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        """
        self.newest = Reading(stamp_ns, stamp_ns if now_ns is None else min(stamp_ns, now_ns))

    def refuses(self, stamp_ns: int, now_ns: int | None, timeout_s: float) -> Refusal:
        """
        Return why a message must not be taken.

        :param stamp_ns: its stamp, ns
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :param timeout_s: age beyond which the sensor counts as stale, s
        :returns: '' if it may be taken
        """
        if now_ns is not None and stamp_ns > now_ns + _TOLERANCE_NS:
            return 'in_future'
        if now_ns is not None and now_ns - stamp_ns > timeout_s * 1e9:
            return 'too_old'
        newest = self.newest  # read once: a camera's frame is asked about outside the tick, which may take it away
        return 'not_newer' if newest is not None and stamp_ns <= newest.stamp_ns else ''


class StillImage(NamedTuple):
    """
    Whether a camera is frozen: it goes on sending the very same picture although the robot moves.

    A real camera's noise makes every frame differ, even after it was averaged down to the network's size. A robot that
    stands may see the same for ever: a simulated camera has no noise.

    :param changed_ns: when the picture that it shows was new, ns
    :param since_ns: from when on it should have shown another, ns
    :param frozen: whether it is frozen; that ends with the first other picture
    """

    changed_ns: int = 0
    since_ns: int = 0
    frozen: bool = False

    def update(self, now_ns: int, changed_ns: int, timeout_s: float, *, repeated: bool, moving: bool) -> 'StillImage':
        """
        Look at the camera at a tick.

        :param now_ns: now, ns
        :param changed_ns: when the picture that it shows was new, ns
        :param timeout_s: for how long the picture may stand still, s; 0: for ever
        :param repeated: whether the newest frame is the same as the one before
        :param moving: whether the robot was last commanded to move
        :returns: the same at this tick
        """
        since_ns, frozen = (self.since_ns, self.frozen) if changed_ns == self.changed_ns else (changed_ns, False)
        if timeout_s and (frozen or (repeated and moving)):
            frozen = frozen or now_ns - since_ns > timeout_s * 1e9
        elif timeout_s and not moving:
            since_ns = max(since_ns, now_ns)  # the time counts from here: while it stood nothing was wrong
        return StillImage(changed_ns, since_ns, frozen and timeout_s > 0.0)
