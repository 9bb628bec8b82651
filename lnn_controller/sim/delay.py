"""Commands under way to a robot."""

from collections import deque

__all__ = ['Delay']

Command = tuple[float, ...]


class Delay:
    """Commands that act later, in steps of the physics. A delay that was shortened lets no command overtake another."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Command]] = deque()

    def send(self, command: Command, step: int, delay: int) -> None:
        """
        Send a command.

        :param command: by channel
        :param step: now
        :param delay: steps until it is to act
        """
        last = self._waiting[-1][0] if self._waiting else 0
        self._waiting.append((max(step + delay, last), command))

    def arrived(self, step: int) -> Command | None:
        """
        Take out what has arrived.

        :param step: now
        :returns: the newest command of those whose time has come; ``None``: there is none
        """
        command = None
        while self._waiting and self._waiting[0][0] <= step:
            command = self._waiting.popleft()[1]
        return command

    def next_step(self, end: int) -> int:
        """
        Return when the next command arrives.

        :param end: what is returned if none arrives before
        :returns: step
        """
        return min(end, self._waiting[0][0]) if self._waiting else end

    def forget(self) -> None:
        """Let nothing of what is under way arrive."""
        self._waiting.clear()
