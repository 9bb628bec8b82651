"""The operator's command: it holds while it is fresh, and hands over to the policy without a bump."""

from collections.abc import Sequence

__all__ = ['Override']


class Override:
    """
    The newest override command and what is left of it after its end.

    Age counts from the command's arrival: the operator's computer may have another clock.
    """

    def __init__(self) -> None:
        self._command: list[float] = []
        self._arrived_ns: int | None = None
        self._last: list[float] = []
        self._ended_ns: int | None = None

    @property
    def returning(self) -> tuple[int, tuple[float, ...]] | None:
        """When the operator was last heard, ns, and their last command, (C,); ``None``: nothing to go back from."""
        return None if self._ended_ns is None else (self._ended_ns, tuple(self._last))

    @returning.setter
    def returning(self, returning: tuple[int, tuple[float, ...]] | None) -> None:
        self._ended_ns, last = (None, ()) if returning is None else returning
        self._last = list(last)

    def set(self, now_ns: int, command: Sequence[float]) -> None:
        """
        Take a command.

        :param now_ns: when it arrived, ns
        :param command: finite, (C,), in the channels' units
        """
        self._command, self._arrived_ns = list(command), now_ns

    def held(self, command: Sequence[float]) -> None:
        """
        Remember what was made of the operator's command: the way back begins there, not at what was asked for.

        :param command: within the operator's limits, (C,)
        """
        self._last = list(command)

    def release(self) -> None:
        """Let go: the command no longer holds."""
        self._arrived_ns = None

    def take(self, now_ns: int, timeout_s: float) -> list[float] | None:
        """
        Give the command if it is fresh.

        :param now_ns: now, ns
        :param timeout_s: how long it holds, s
        :returns: the command, (C,); ``None`` where there is none, or it is too old, or from another time
        """
        if self._arrived_ns is None:
            return None
        if 0 <= now_ns - self._arrived_ns <= timeout_s * 1e9:
            self._last, self._ended_ns = self._command, now_ns
            return self._command
        self._arrived_ns = None
        return None

    def blend(self, wanted: Sequence[float], now_ns: int, return_s: float) -> list[float]:
        """
        Go back to the policy's command: linearly from the operator's last, over a time from the last tick that had it.

        :param wanted: the policy's command, (C,)
        :param now_ns: now, ns
        :param return_s: how long the way back takes, s; 0: at once
        :returns: the command, (C,)
        """
        if self._ended_ns is None:
            return list(wanted)
        gone = (now_ns - self._ended_ns) / 1e9
        if not 0.0 <= gone < return_s:
            self._ended_ns = None
            return list(wanted)
        share = gone / return_s
        return [share * new + (1.0 - share) * old for new, old in zip(wanted, self._last, strict=True)]

    def forget_return(self) -> None:
        """Start the policy afresh: after a stop there is nothing to go back from."""
        self._ended_ns = None
