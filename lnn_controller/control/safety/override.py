"""The operator's command: it holds while it is fresh, and hands over to the policy without a bump."""

from collections.abc import Sequence

__all__ = ['Override', 'Returning', 'blend']

#: When the operator was last heard, ns, and what was made of their last command, (C,).
Returning = tuple[int, tuple[float, ...]]


class Override:
    """
    The newest override command.

    Age counts from the command's arrival: the operator's computer may have another clock.
    """

    def __init__(self) -> None:
        self._newest: Returning | None = None

    def set(self, now_ns: int, command: Sequence[float]) -> None:
        """
        Take a command.

        :param now_ns: when it arrived, ns
        :param command: finite, (C,), in the channels' units
        """
        self._newest = now_ns, tuple(command)

    def release(self) -> None:
        """Let go: the command no longer holds."""
        self._newest = None

    def take(self, now_ns: int, timeout_s: float) -> tuple[float, ...] | None:
        """
        Return the command if it is fresh; one that is not is forgotten, whatever the clock does next.

        :param now_ns: now, ns
        :param timeout_s: how long it holds, s
        :returns: the command, (C,); ``None`` where there is none, or it is too old, or from another time
        """
        if self._newest is not None and not 0 <= now_ns - self._newest[0] <= timeout_s * 1e9:
            self._newest = None
        return None if self._newest is None else self._newest[1]


def blend(
    wanted: list[float], returning: Returning | None, now_ns: int, return_s: float
) -> tuple[list[float], Returning | None]:
    """
    Go back to the policy's command: linearly from the operator's last, over a time from the last tick that had it.

    :param wanted: the policy's command, (C,)
    :param returning: the operator's last command and when it was; ``None`` where there is nothing to go back from
    :param now_ns: now, ns
    :param return_s: how long the way back takes, s; 0: at once
    :returns: the command, (C,); and what is left to go back from
    """
    if returning is None:
        return wanted, None
    ended_ns, last = returning
    gone = (now_ns - ended_ns) / 1e9
    if not 0.0 <= gone < return_s:
        return wanted, None
    share = gone / return_s
    return [share * new + (1.0 - share) * old for new, old in zip(wanted, last, strict=True)], returning
