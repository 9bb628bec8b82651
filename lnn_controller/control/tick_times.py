"""When control ticks are due: at a rate, and at once where a camera frame has come; and which of them are shown."""

__all__ = ['TickTimes', 'Turn']


class TickTimes:
    """
    When the next control tick is due: one period after the one before, on a schedule without drift.

    A camera frame brings it forward, to its own time, but not to less than ``shortest_ns`` after the last tick began;
    the schedule goes on from there. So a frame need not wait for the next tick, and no tick for the next frame. All
    times are of one clock, the caller's.

    :param period_ns: from a tick to the next where no frame comes, ns, > 0
    :param shortest_ns: from a tick to one that a frame brings, ns; where it is the period, frames bring none
    :param first_ns: when the first tick is due, ns
    """

    def __init__(self, period_ns: int, shortest_ns: int, first_ns: int) -> None:
        self.period_ns, self.shortest_ns = period_ns, shortest_ns
        self.due_ns = first_ns
        self._began_ns = first_ns - period_ns

    def on_frame(self, now_ns: int) -> None:
        """
        Bring the next tick forward, for a frame has come.

        :param now_ns: now, ns
        """
        if self.shortest_ns < self.period_ns:
            self.due_ns = min(self.due_ns, max(now_ns, self._began_ns + self.shortest_ns))

    def on_tick(self, began_ns: int, ended_ns: int) -> int:
        """
        Count a tick, and schedule the next; those whose time has passed altogether are left out.

        :param began_ns: when it began, ns
        :param ended_ns: when it ended, ns
        :returns: how many were left out
        """
        self._began_ns = began_ns
        self.due_ns += self.period_ns
        missed = max(0, (ended_ns - self.due_ns) // self.period_ns)
        self.due_ns += missed * self.period_ns
        return missed

    def change(self, period_ns: int, shortest_ns: int, now_ns: int) -> None:
        """
        Tick at another rate from now on; however often it is changed, no tick is put off.

        :param period_ns: the new period, ns
        :param shortest_ns: what goes with it, ns
        :param now_ns: now, ns
        """
        self.period_ns, self.shortest_ns = period_ns, shortest_ns
        self.due_ns = min(self.due_ns, now_ns + period_ns)

    def restart(self, now_ns: int) -> None:
        """
        Begin anew, for the clock has jumped: a tick is due now.

        :param now_ns: now, ns
        """
        self.due_ns = now_ns
        self._began_ns = now_ns - self.period_ns


class Turn:
    """Which ticks show something that is shown at a rate of its own: on average met, however far apart ticks are."""

    def __init__(self) -> None:
        self._next_ns = 0.0

    def is_due(self, now_ns: int, period_ns: float, grace_ns: float) -> bool:
        """
        Ask at a tick.

        :param now_ns: when it is, ns
        :param period_ns: from one time to the next, ns
        :param grace_ns: how much sooner a tick may be, ns
        :returns: whether it is this tick's turn
        """
        late_ns = now_ns - self._next_ns
        if -period_ns - grace_ns <= late_ns < -grace_ns:
            return False
        # A tick that came late, or the clock that was set, begins anew.
        self._next_ns = (self._next_ns if abs(late_ns) <= grace_ns else now_ns) + period_ns
        return True
