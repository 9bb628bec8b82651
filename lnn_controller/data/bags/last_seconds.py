"""Keep the last seconds of a recording in memory, and write them as a bag when somebody asks for them."""

import math
import shutil
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.interfaces import Qos, QosDurability

from lnn_controller.data.bags.writer import BagWriter, check_type
from lnn_controller.errors import InputError

__all__ = ['LastSeconds']

ENTRY_BYTES = 150  # what a message takes beside its bytes


class _Message(NamedTuple):
    topic: str
    stamp_ns: int
    data: bytes


class _Terms(NamedTuple):
    msgtype: str
    qos: Qos
    definition: str


class LastSeconds:
    """
    A recording of which the last seconds alone are there; what :meth:`keep` takes of it becomes a bag in a folder.

    It takes messages as :class:`.writer.BagWriter` does. Bags are written by a thread of their own, so that what comes
    meanwhile is stamped when it comes; a second one is refused until the one before is there. So memory holds
    ``max_bytes`` twice at most. A kept bag begins with what was last said before it on each latched topic.

    :param path: folder of the bags to come, to create
    :param seconds: how much to keep
    :param max_bytes: of memory; more is not kept, however short it is
    :param make: makes the writer of a bag at a path
    :raises InputError: if the folder exists or cannot be made, or no bag can be made in it
    """

    def __init__(self, path: str | Path, seconds: float, max_bytes: int, make: Callable[[Path], BagWriter]) -> None:
        self.path = Path(path)
        self.kept: list[Path] = []
        self.bytes = 0
        #: the shortest time that memory has had room for, s; ``None``: it has had enough
        self.cut_short_s: float | None = None
        self._make = make
        self._longest_ns, self._max_bytes = round(seconds * 1e9), max_bytes
        self._terms: dict[str, _Terms] = {}
        self._counts: dict[str, int] = {}
        self._messages: deque[_Message] = deque()
        self._said: dict[str, _Message] = {}  # by latched topic, before what is in memory
        self._writing: threading.Thread | None = None
        self._error: InputError | None = None
        try:
            self.path.mkdir(parents=True)
        except FileExistsError:
            raise InputError(
                f'folder {self.path} exists already and is not written to: choose another name or remove it'
            ) from None
        except OSError as error:
            raise InputError(f'folder {self.path} cannot be made: {error.strerror}') from None
        try:
            make(self.path / 'trial').close()  # what would fail when something has happened fails now
        except InputError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        shutil.rmtree(self.path / 'trial')

    @property
    def topics(self) -> dict[str, str]:
        """Message types by topic, as added."""
        return {name: each.msgtype for name, each in self._terms.items()}

    @property
    def counts(self) -> dict[str, int]:
        """Messages that came so far, by topic."""
        return dict(self._counts)

    @property
    def seconds(self) -> float:
        """How much is in memory, s."""
        return (self._messages[-1].stamp_ns - self._messages[0].stamp_ns) * 1e-9 if self._messages else 0.0

    def add_topic(self, name: str, msgtype: str, *, qos: Qos, definition: str = '') -> None:
        """
        Announce a topic.

        :param name: as of :meth:`.writer.BagWriter.add_topic`
        :param msgtype: likewise
        :param qos: the profile that its publishers offer
        :param definition: as of :meth:`.writer.BagWriter.add_topic`
        :raises InputError: if the type is none of ROS 2's common interfaces, and is not defined
        """
        self._terms[name] = _Terms(check_type(name, msgtype, definition), qos, definition)
        self._counts[name] = 0

    def write(self, topic: str, stamp_ns: int, message: Any) -> None:
        """
        Take a message, and let go of what has become too old, or too much.

        :param topic: one that was added
        :param stamp_ns: receive time, ns; not before that of the message before
        :param message: CDR bytes
        """
        taken = _Message(topic, stamp_ns, bytes(message))
        self._messages.append(taken)
        self.bytes += _size(taken)
        self._counts[topic] += 1
        while stamp_ns - self._messages[0].stamp_ns > self._longest_ns:
            self._let_go()
        if self.bytes > self._max_bytes:
            while self.bytes > self._max_bytes:
                self._let_go()
            self.cut_short_s = min(self.seconds, math.inf if self.cut_short_s is None else self.cut_short_s)

    def _let_go(self) -> None:
        gone = self._messages.popleft()
        self.bytes -= _size(gone)
        if self._terms[gone.topic].qos.durability == QosDurability.TRANSIENT_LOCAL:
            self._said[gone.topic] = gone

    def forget(self) -> None:
        """Let go of all that is in memory."""
        while self._messages:
            self._let_go()

    def keep(self) -> Path:
        """
        Begin to write what is in memory as a bag, and go on with an empty memory.

        :returns: the bag to come
        :raises InputError: if nothing is in memory, or the bag before is still being written
        """
        if self._writing and self._writing.is_alive():
            raise InputError(f'one bag is written at a time. {self.kept[-1]} is not there yet: keep again in a moment')
        if not self._messages:
            raise InputError('what is kept must hold a message. Got nothing since what was kept before')
        first_ns = self._messages[0].stamp_ns
        messages = [*(each._replace(stamp_ns=first_ns) for each in self._said.values()), *self._messages]
        self.kept.append(self.path / f'{self.path.name}_{len(self.kept):03d}')
        self.forget()
        self._writing = threading.Thread(
            target=self._write_bag, args=(self.kept[-1], dict(self._terms), messages), name='keep'
        )
        self._writing.start()
        return self.kept[-1]

    def _write_bag(self, path: Path, terms: dict[str, _Terms], messages: list[_Message]) -> None:
        try:
            with self._make(path) as bag:
                for topic in dict.fromkeys(each.topic for each in messages):
                    msgtype, qos, definition = terms[topic]
                    bag.add_topic(topic, msgtype, qos=qos, definition=definition)
                for each in messages:
                    bag.write(*each)
        except InputError as error:
            self._error = error

    def flush(self) -> None:
        """
        Tell whether what was kept could be written.

        :raises InputError: if the disk did not take it
        """
        if self._error:
            raise self._error

    def close(self) -> None:
        """
        Wait for the bag that is being written, and let go of the rest; a folder without a bag is removed.

        :raises InputError: if the disk did not take it
        """
        self.forget()
        if self._writing:
            self._writing.join()
        with suppress(OSError):  # of a folder that is not empty
            self.path.rmdir()
        self.flush()


def _size(message: _Message) -> int:
    return sys.getsizeof(message.data) + ENTRY_BYTES
