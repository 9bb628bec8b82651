"""Read a bag, whoever wrote it: topics, messages in order of time, and errors that name the bag and the remedy."""

import hashlib
import heapq
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.reader import DirectoryReader

from lnn_controller.errors import InputError

from .messages import typestore
from .recovery import CutOff
from .rewriting import is_unusual, rewrite
from .storage import (
    check_whole,
    find_bags,
    has_log,
    is_packed,
    listed_files,
    locate,
    storage_files,
    unpack,
    unpacked,
    with_log,
)
from .topics import Topic, Topics, choose_topic

__all__ = ['Bag', 'Message', 'Offered', 'Topic', 'Topics', 'find_bags']


class Message(NamedTuple):
    """
    One recorded message.

    :param topic: its topic
    :param stamp_ns: receive time, ns
    :param data: CDR bytes with their encapsulation header, perhaps with up to three bytes of padding at the end
    :param msgtype: e.g. ``sensor_msgs/msg/Image``
    """

    topic: str
    stamp_ns: int
    data: bytes
    msgtype: str


class Offered(NamedTuple):
    """
    What the publishers of a recorded topic offered.

    :param reliable: reliable, else best effort
    :param latched: transient local: who comes later is told the last message
    """

    reliable: bool
    latched: bool


class Bag:
    """
    A recorded bag, open for reading; a context manager.

    MCAP or sqlite3, as a rosbag2 directory or one of its storage files alone. Of a recording that was killed all
    that is whole is read; ``recovered`` names the files that were cut off. ``left_out`` names topics of an MCAP file
    that hold no ROS 2 messages, with their encoding.

    :param path: directory with storage files, or a .mcap or .db3 file, which may be compressed as a whole (.zstd)
    :raises InputError: if there is no such bag, or it is empty, damaged, or of another format
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        source = locate(self.path)
        file_name = Path(self.path.name.removesuffix('.zstd')).stem
        self.name = file_name if self.path.is_file() else self.path.resolve().name
        self._files = [source] if source.is_file() else storage_files(source)
        self._cut_off = [file for file in self._files if not check_whole(self.path, file)]
        self.recovered = [file.name for file in self._cut_off]
        self.left_out: dict[str, str] = {}
        self._readers: list[Reader] = []
        self._copies: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._alone = not self._opens_whole(source)
            if self._alone:
                self.close()
                self._readers.clear()
                for each in self._files:
                    self._open_alone(each)
        except InputError:
            self.close()
            raise
        # Damaged bytes come out of rosbags as errors of every kind (struct, Unicode, apsw, assertions…).
        except Exception as err:
            self.close()
            raise _damaged(self.path, err) from None
        self.topics: dict[str, Topic] = {}
        for reader in self._readers:
            for name, info in reader.topics.items():
                count = info.msgcount + (self.topics[name].count if name in self.topics else 0)
                self.topics[name] = Topic(name, info.msgtype or '', count)
        if not any(reader.message_count for reader in self._readers):
            self.close()
            announced = f'only topics without messages: {", ".join(self.topics)}' if self.topics else 'no topics'
            msg = f'bag {self.path} is empty: at least one message is needed. Got {announced}.'
            raise InputError(msg)

    def _opens_whole(self, source: Path) -> bool:
        """Open it as rosbags does; else its files are to be read one by one."""
        # Where a file is cut off, metadata.yaml does not speak of it.
        if self._cut_off or any(has_log(file) for file in self._files):
            return False
        if not (source / 'metadata.yaml').exists() and (source.is_dir() or is_packed(source)):
            return False
        try:
            self._open(source)
        except Exception:
            if not self._files or len(self._files) < listed_files(source):
                raise
            return False  # metadata.yaml may be at fault, and of a file alone rewriting is left to be tried
        return not _disagrees(self._readers[0]) and not is_unusual(self._readers[0])

    def _open_alone(self, file: Path) -> None:
        """Open one file; a copy of it where rosbags cannot read it as it is."""
        source: Path | CutOff = file
        if has_log(file):
            source = with_log(file, self._folder())
        elif file in self._cut_off:
            source = CutOff(file)
        elif is_packed(file):
            source = unpack(file, self._folder())
            if not check_whole(self.path, source):
                self.recovered.append(file.name)
                source = CutOff(source)
        before = len(self._readers)
        try:
            self._open(source)
            if len(self._readers) == before or not is_unusual(self._readers[-1]):
                return
            self._readers.pop().close()
        except Exception as err:
            if file.name.endswith(('.db3', '.db3.zstd')):
                raise
            try:
                self._open_rewritten(source)
            except Exception:
                raise err from None
            return
        self._open_rewritten(source)

    def _open_rewritten(self, source: Path | CutOff) -> None:
        copy, left_out = rewrite(source, self._folder() / f'rewritten_{len(self._readers)}')
        self._open(copy)
        self.left_out.update(left_out)

    def _folder(self) -> Path:
        if self._copies is None:
            self._copies = tempfile.TemporaryDirectory(prefix='lnn_controller_')
        return Path(self._copies.name)

    def _open(self, source: Any) -> None:
        if isinstance(source, CutOff) and not source.whole:
            return
        reader = Reader(source)
        reader.open()
        # A file that was begun and never flushed has no topics.
        if reader.message_count or not isinstance(source, CutOff):
            self._readers.append(reader)
        else:
            reader.close()

    @property
    def start_ns(self) -> int:
        """Receive time of the first message, ns."""
        return min(reader.start_time for reader in self._readers if reader.message_count)

    @property
    def end_ns(self) -> int:
        """Receive time of the last message, ns."""
        return max(reader.end_time for reader in self._readers if reader.message_count) - 1

    def messages(self, topics: Collection[str] | None = None) -> Iterator[Message]:
        """
        Iterate the messages in order of receive time.

        :param topics: names of topics; none: all
        :returns: an iterator, to be used while the bag is open
        :raises InputError: if the bag has no such topic, or is damaged where it is being read
        """
        wanted = None if topics is None else {self.topic(name).name for name in topics}
        parts = []
        for reader in self._readers:
            connections = [each for each in reader.connections if wanted is None or each.topic in wanted]
            if connections:
                parts.append(reader.messages(connections))
        rows = heapq.merge(*parts, key=lambda row: row[1])
        while True:
            try:
                row = next(rows, None)
                if row is not None and self._alone:  # metadata.yaml did not say whether messages are compressed
                    row = (*row[:2], unpacked(row[2]))
            except Exception as err:
                raise _damaged(self.path, err) from None
            if row is None:
                return
            connection, stamp_ns, data = row
            yield Message(connection.topic, stamp_ns, data, connection.msgtype)

    def topic(self, name: str) -> Topic:
        """
        Look up a topic by name.

        :param name: the name; the leading slash may be left out
        :returns: the topic
        :raises InputError: if the bag has no such topic
        """
        found = self.topics.get(name) or self.topics.get(f'/{name}')
        if found is None:
            msg = f'bag {self.path} has no topic {name}. Topics there: {self.describe_topics()}.'
            raise InputError(msg)
        return found

    def offered(self, name: str) -> Offered:
        """
        Tell how a topic was published.

        :param name: of a topic
        :returns: what its publishers offered; where the bag does not say, reliable and not latched
        :raises InputError: if the bag has no such topic
        """
        wanted = self.topic(name).name
        profiles: list[Any] = []
        for reader in self._readers:
            for each in reader.connections:
                ext: Any = each.ext
                profiles += ext.offered_qos_profiles if each.topic == wanted else []
        if not profiles:
            return Offered(reliable=True, latched=False)
        return Offered(
            reliable=all(each.reliability == QosReliability.RELIABLE for each in profiles),
            latched=all(each.durability == QosDurability.TRANSIENT_LOCAL for each in profiles),
        )

    def choose(self, kind: str, name: str | None = None) -> Topic | None:
        """
        Choose the topic of images, IMU samples or commands: by name, else by type.

        :param kind: ``'image'``, ``'imu'`` or ``'command'``
        :param name: its name; none: found by type, as :func:`.topics.choose_topic` says
        :returns: the topic, or none if there is none of the kind
        :raises InputError: if the named topic is missing, empty or of another kind, or several come into question
        """
        named = None if name is None else self.topic(name)
        return choose_topic(kind, named, self.topics.values(), bag=str(self.path))

    def describe_topics(self) -> str:
        """
        List the topics for an error or a card.

        :returns: ``name (type, count)``, separated by commas; then the topics that were left out
        """
        told = ', '.join(str(topic) for topic in self.topics.values())
        left_out = ', '.join(f'{name} ({encoding})' for name, encoding in self.left_out.items())
        return f'{told}; left out, as no ROS 2 messages: {left_out}' if left_out else told

    def deserialize(self, message: Message) -> Any:
        """
        Build the message from its bytes.

        :param message: of this bag
        :returns: the message in rosbags' types
        :raises InputError: if the type is none of ROS 2's common interfaces, or the bytes are damaged
        """
        if message.msgtype not in typestore().types:
            msg = f'bag {self.path}, topic {message.topic}: the type {message.msgtype!r} is not one that can be read.'
            raise InputError(msg)
        try:
            return typestore().deserialize_cdr(message.data, message.msgtype)
        except Exception as err:
            msg = f'bag {self.path}, topic {message.topic}: a damaged {message.msgtype}: {err}'
            raise InputError(msg) from None

    def sha256(self) -> str:
        """
        Hash what the bag holds: its storage files in order of name, without metadata.yaml.

        :returns: SHA-256 in hexadecimal digits
        """
        digest = hashlib.sha256()
        for file in self._files:
            with file.open('rb') as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def close(self) -> None:
        """Close the files; further calls do nothing."""
        for reader in self._readers:
            if reader.is_open:
                with suppress(Exception):
                    reader.close()
        if self._copies is not None:
            self._copies.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _disagrees(reader: Reader) -> bool:
    """Whether metadata.yaml tells a topic's QoS otherwise than the files, which rosbags would leave out then."""
    folder: Any = reader.storage
    if not isinstance(folder, DirectoryReader) or folder.metadata.compression_mode:
        return False
    told = [(each.topic, each.msgtype, each.ext) for each in folder.connections]
    held = [each for storage in folder.storages for each in storage.connections]
    return any((each.topic, each.msgtype, each.ext) not in told for each in held)


def _damaged(bag: Path, error: Exception) -> InputError:
    reason = ' '.join(str(error).split()) or type(error).__name__
    return InputError(f'bag {bag} is damaged, or of a kind that cannot be read: {reason} Copy or record it again.')
