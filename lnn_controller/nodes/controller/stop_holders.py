"""Who holds the emergency stop: publishers, each of which lets go of its own stop alone, and the service."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ['ANYBODY', 'StopHolders', 'Word']

ANYBODY = b''  # gid of all publishers where the middleware does not tell them apart
GONE_KEPT = 100
OTHERS = b'others'  # stands for those that are gone beyond that number
SERVICE = 'service'
NOBODY = 'no heartbeat'


class Word(NamedTuple):
    """
    One message on ``emergency_stop``.

    :param publisher: gid of its publisher
    :param engaged: what it asks for
    :param sequence: its number among those of its publisher; ``None`` where the middleware does not count
    :param stamp_ns: when it was sent, by its publisher's clock, ns
    """

    publisher: bytes
    engaged: bool
    sequence: int | None
    stamp_ns: int


@dataclass
class _Publisher:
    newest: Word
    heard_s: float
    name: str = 'an unknown publisher'
    gone: bool = False
    pressed: Word | None = None  # the newest true

    def overtaken(self, word: Word) -> bool:
        """Whether a word is older than the newest: each comes by several subscriptions, not all in the same order."""
        if word.sequence is not None and self.newest.sequence is not None:
            return word.sequence < self.newest.sequence
        # A clock may step back: by stamps alone, nobody's wish to stop is set aside.
        return not word.engaged and word.stamp_ns < self.newest.stamp_ns

    def presses(self, word: Word) -> bool:
        """Whether a word engages what this publisher did not hold, even if it let go of it before this was heard."""
        if not word.engaged:
            return False
        last, self.pressed = self.pressed, word
        if last is None:
            return True
        if word.sequence is not None and last.sequence is not None:
            new = word.sequence > last.sequence
        else:
            new = word.stamp_ns > last.stamp_ns
        if not new:
            self.pressed = last
        return new and not self.newest.engaged


class StopHolders:
    """
    The emergency stop is engaged as long as anybody holds it; all methods may be called from any thread.

    A publisher holds it from its ``true`` to its ``false``, whether or not it is still there: only a person, by the
    service, lets go of the stop of a publisher that is gone. With ``timeout_s`` above 0 whoever ever sent must go on
    sending, a publisher that is silent for longer holds the stop until it says ``false`` again, and where nobody
    sends the stop is engaged.
    """

    def __init__(self) -> None:
        self.timeout_s = 0.0
        self.presses = 0  # by publishers, also those that were let go of at once
        self._lock = threading.Lock()
        self._publishers: dict[bytes, _Publisher] = {}
        self._service = False

    def hear(self, word: Word, now_s: float) -> bool:
        """
        Take a publisher's message.

        :param word: the message
        :param now_s: steady time, s
        :returns: whether this publisher was not known before
        """
        with self._lock:
            known = self._publishers.get(word.publisher)
            if known is None:
                self._publishers[word.publisher] = _Publisher(word, now_s, pressed=word if word.engaged else None)
                self.presses += word.engaged
            else:
                self.presses += known.presses(word)
                if not known.overtaken(word):
                    known.newest, known.heard_s = word, now_s
        return known is None

    def knows(self, publisher: bytes) -> bool:
        """
        Return whether a publisher was heard.

        :param publisher: its gid
        :returns: whether it counts
        """
        return publisher in self._publishers

    def set_service(self, engaged: bool) -> None:
        """
        Take the service's request; to let go also lets go of the stops whose publishers are gone.

        :param engaged: whether it holds the robot
        """
        with self._lock:
            self._service = engaged
            if not engaged:
                self._publishers = {gid: each for gid, each in self._publishers.items() if not each.gone}

    def look(self, present: Mapping[bytes, str], asked_s: float) -> list[str]:
        """
        Learn which publishers there are.

        :param present: their names by gid
        :param asked_s: when the graph was asked for them, steady time, s: who was heard later is there
        :returns: names of the holders that have gone since the last look
        """
        with self._lock:
            lost = []
            for gid, each in self._publishers.items():
                # Of publishers that are not told apart nobody has gone as long as any is there.
                there = bool(present) if gid == ANYBODY else gid in present
                before, each.gone = each.gone, not there and each.heard_s <= asked_s
                if there:
                    each.name = ' or '.join(sorted(set(present.values()))) if gid == ANYBODY else present[gid]
                if gid != ANYBODY and each.gone and not before and (each.newest.engaged or self.timeout_s):
                    lost.append(each.name)
            # Who has gone and holds nothing says nothing any more, unless it had to go on sending.
            self._publishers = {
                gid: each
                for gid, each in self._publishers.items()
                if not each.gone or each.newest.engaged or self.timeout_s
            }
            self._bound()
        return lost

    def _bound(self) -> None:
        """
        Keep the memory bounded where a publisher dies and comes back all day, and lose no stop.

        One entry stands for those that are forgotten: the service lets go of all that are gone together.
        """
        gone = [(gid, each) for gid, each in self._publishers.items() if each.gone and gid != OTHERS]
        gone.sort(key=lambda item: item[1].newest.engaged)  # stable: among equals the oldest are forgotten
        for gid, each in gone[:-GONE_KEPT]:
            del self._publishers[gid]
            others = self._publishers.get(OTHERS, each)
            engaged = each.newest.engaged or others.newest.engaged
            heard_s = min(each.heard_s, others.heard_s)
            self._publishers[OTHERS] = _Publisher(Word(OTHERS, engaged, None, 0), heard_s, 'others', gone=True)

    def holders(self, now_s: float) -> tuple[str, ...]:
        """
        Return who holds the stop.

        :param now_s: steady time, s
        :returns: names; empty: the stop is released
        """
        timeout_s = self.timeout_s
        with self._lock:
            names = [SERVICE] if self._service else []
            if timeout_s and not self._publishers:
                names.append(NOBODY)
            for each in self._publishers.values():
                silent = bool(timeout_s) and now_s - each.heard_s > timeout_s
                if each.newest.engaged or silent:
                    names.append(each.name + (' (gone)' if each.gone else ' (silent)' if silent else ''))
        return tuple(sorted(set(names)))
