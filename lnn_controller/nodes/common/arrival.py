"""The stamps of a recording: the clock's, carried on where somebody sets it back."""

__all__ = ['Arrival']


class Arrival:
    """
    Stamps that keep the order of arrival and the time between.

    A reader orders a bag by these stamps. Were they the clock's after it was set back (by NTP, or a simulation that
    begins again), two pieces of the recording would be shuffled into one. So what follows is stamped later than the
    clock by as much as it was set back, until the clock has caught up.
    """

    def __init__(self) -> None:
        self.ahead_ns = 0
        self._clock_ns = 0
        self._last_ns = 0

    def stamp(self, clock_ns: int) -> int:
        """
        Stamp what arrives now.

        :param clock_ns: the time by the clock, ns
        :returns: stamp, ns, never before an earlier one, and equal only while the clock stands still;
            :attr:`ahead_ns` later than the clock
        """
        if clock_ns > self._last_ns:
            self.ahead_ns = 0
        elif clock_ns < self._clock_ns:
            self.ahead_ns = self._last_ns + 1 - clock_ns
        self._clock_ns = clock_ns
        self._last_ns = clock_ns + self.ahead_ns
        return self._last_ns
