"""The time of a recording that is played: it runs at a rate, stands still, and can be moved."""

__all__ = ['Timeline']


class Timeline:
    """
    Maps the steady clock to a recording's time.

    :param start_ns: the recording's time at the beginning, ns
    :param now_s: the steady clock then, s
    :param rate: how much faster than the clock the recording's time runs, > 0
    :param paused: whether it stands still at first
    """

    def __init__(self, start_ns: int, now_s: float, *, rate: float = 1.0, paused: bool = False) -> None:
        self._anchor_ns, self._anchor_s = start_ns, now_s
        self._rate, self._paused = rate, paused

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused

    @property
    def rate(self) -> float:
        """How fast it runs."""
        return self._rate

    def at_ns(self, now_s: float) -> int:
        """
        Return the recording's time.

        :param now_s: the steady clock, s
        :returns: ns
        """
        return self._anchor_ns if self._paused else self._anchor_ns + round((now_s - self._anchor_s) * self._rate * 1e9)

    def wait_s(self, stamp_ns: int, now_s: float) -> float:
        """
        Return how long it takes until a moment has come.

        :param stamp_ns: the moment, in the recording's time, ns
        :param now_s: the steady clock, s
        :returns: s; 0 where it has come; ``inf`` while it stands still before it
        """
        ahead_ns = stamp_ns - self.at_ns(now_s)
        if ahead_ns <= 0:
            return 0.0
        return float('inf') if self._paused else ahead_ns / 1e9 / self._rate

    def pause(self, now_s: float, *, paused: bool = True) -> None:
        """
        Stand still, or go on from there.

        :param now_s: the steady clock, s
        :param paused: whether to stand still
        """
        self._anchor(self.at_ns(now_s), now_s)
        self._paused = paused

    def set_rate(self, rate: float, now_s: float) -> None:
        """
        Run faster or slower from here.

        :param rate: > 0
        :param now_s: the steady clock, s
        """
        self._anchor(self.at_ns(now_s), now_s)
        self._rate = rate

    def move(self, stamp_ns: int, now_s: float) -> None:
        """
        Go on, or stand still, at another moment.

        :param stamp_ns: of the recording, ns
        :param now_s: the steady clock, s
        """
        self._anchor(stamp_ns, now_s)

    def _anchor(self, stamp_ns: int, now_s: float) -> None:
        self._anchor_ns, self._anchor_s = stamp_ns, now_s
