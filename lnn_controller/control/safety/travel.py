"""How far commands have taken the robot since a moment, by their stamps."""

from collections import deque

__all__ = ['Travel']


class Travel:
    """The newest commands' paces, each of which holds until the next."""

    def __init__(self) -> None:
        self._paces: deque[tuple[int, float]] = deque()

    def note(self, now_ns: int, pace: float, keep_s: float) -> None:
        """
        Take a command; where stamps go back, another time has begun.

        :param now_ns: from when it holds, ns
        :param pace: its pace, m/s
        :param keep_s: how far back :meth:`since` will ask, s
        """
        if self._paces and now_ns < self._paces[-1][0]:
            self.forget()
        self._paces.append((now_ns, pace))
        while len(self._paces) > 1 and self._paces[1][0] <= now_ns - keep_s * 1e9:
            self._paces.popleft()

    def forget(self) -> None:
        """Another time begins."""
        self._paces.clear()

    def since(self, stamp_ns: int, now_ns: int) -> float:
        """
        Tell how far the robot has gone, whichever way.

        :param stamp_ns: since when, ns
        :param now_ns: now, ns
        :returns: m, ≥ 0
        """
        way, end_ns = 0.0, now_ns
        for start_ns, pace in reversed(self._paces):
            way += pace * max(end_ns - max(start_ns, stamp_ns), 0) / 1e9
            end_ns = start_ns
            if start_ns <= stamp_ns:
                break
        return way
