"""Read a bag, whoever wrote it: topics, messages in order of time, and errors that name the bag and the remedy."""

import hashlib
import heapq
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from rosbags.interfaces import MessageDefinitionFormat, QosDurability, QosReliability
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.reader import DirectoryReader

from lnn_controller.data.bags.damage import Damage, explain_damage
from lnn_controller.data.bags.mcap_file import McapFile
from lnn_controller.data.bags.storage import (
    check_whole,
    custom_data_of,
    files_of,
    find_bags,
    has_log,
    is_packed,
    locate,
    lost_log,
    unpack,
    unpacked,
    why_damaged,
    with_log,
)
from lnn_controller.data.bags.topics import Topic, Topics, candidates, choose_topic
from lnn_controller.data.messages.build import typestore
from lnn_controller.errors import InputError, did_you_mean, short

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
    :param latched: transient local: who comes later gets the last message
    """

    reliable: bool
    latched: bool


class Bag:
    """
    A recorded bag, open for reading; a context manager.

    MCAP or sqlite3, as a rosbag2 directory or one of its storage files alone. Of a recording that was killed all
    that is whole is read; ``recovered`` names the files that were cut off. Of an MCAP file that is damaged in places
    everything else is read; :attr:`damage` lists them. ``left_out`` names topics of an MCAP file that hold no ROS 2
    messages, with their encoding. ``custom_data`` is what whoever wrote it added to its metadata, text by key.

    :param path: directory with storage files, or a .mcap or .db3 file, which may be compressed as a whole (.zstd)
    :raises InputError: if there is no such bag, or it is empty, damaged, or of another format
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        source = locate(self.path)
        file_name = Path(self.path.name.removesuffix('.zstd')).stem
        self.name = file_name if self.path.is_file() else self.path.resolve().name
        self.custom_data = custom_data_of(source)
        self._files, missing = files_of(source)
        self._missing = [
            Damage(name, 'the file', 'metadata.yaml lists it, and it is not there', None) for name in missing
        ]
        self._sha256 = ''
        self.recovered: list[str] = []
        self.left_out: dict[str, str] = {}
        self._readers: list[Reader | McapFile] = []
        self._copies: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._open(source)
            self.topics = self._count()
        except BaseException:
            self.close()
            raise

    def _open(self, source: Path) -> None:
        whole = [check_whole(self.path, file) for file in self._files]
        self._alone = not self._opens_whole(source)
        for file, is_whole in zip(self._files, whole, strict=True) if self._alone else ():
            if not is_whole and not file.stat().st_size:
                self.recovered.append(file.name)  # begun, and never flushed
                continue
            try:
                self._open_alone(file)
            except OSError as err:
                raise InputError(f'bag {self.path} cannot be read: {file}: {err.strerror or err}') from None
            # Damaged bytes come out of rosbags as errors of every kind (struct, Unicode, apsw, assertions…).
            except Exception as err:
                raise self._damaged(err, file) from None

    def _count(self) -> dict[str, Topic]:
        topics: dict[str, Topic] = {}
        for each in (connection for reader in self._readers for connection in reader.connections):
            if not isinstance(each.topic, str) or not isinstance(each.msgtype, str):  # sqlite3 holds anything anywhere
                raise self._damaged(ValueError(f'a topic without name or type: {each.topic!r}, {each.msgtype!r}'))
            before = topics.get(each.topic, Topic(each.topic, each.msgtype, 0))
            msgtype = each.msgtype if each.msgtype == before.msgtype else ''
            topics[each.topic] = Topic(each.topic, msgtype, before.count + each.msgcount)
        if any(topic.count for topic in topics.values()):
            return dict(sorted(topics.items()))
        if self.damage:
            raise InputError(f'bag {self.path} is damaged, and nothing of it can be read: {self._damage_report()}')
        announced = f'only topics without messages: {", ".join(sorted(topics))}' if topics else 'no topics'
        if self.left_out:
            announced += f', and left out, as no ROS 2 messages, {", ".join(self.left_out)}'
        lacking = ''.join(f' Its write-ahead log, {log}, is not there: copy it too.' for log in self._lost_logs())
        raise InputError(f'bag {self.path} is empty: at least one message is needed. Got {announced}.{lacking}')

    def _opens_whole(self, source: Path) -> bool:
        """Open a sqlite3 bag as rosbags does, by its metadata.yaml; else its files are to be read one by one."""
        if self._missing or not (source / 'metadata.yaml').exists():
            return False
        if any(not _is_sqlite(file) or has_log(file) for file in self._files):
            return False
        reader = Reader(source)
        try:
            reader.open()
        except Exception:
            return False  # metadata.yaml may be at fault, or one of the files
        self._readers.append(reader)
        if _disagrees(reader):
            self.close()
            self._readers.clear()
            return False
        return True

    def _open_alone(self, file: Path) -> None:
        source = file
        if has_log(file):
            source = with_log(file, self._folder())
        elif is_packed(file):
            source = unpack(file, self._folder())
            check_whole(self.path, source)
        if _is_sqlite(file):
            reader = Reader(source)
            reader.open()
            self._readers.append(reader)
            return
        mcap = McapFile(source, file.name)
        self._readers.append(mcap)
        self.left_out.update(mcap.left_out)
        if mcap.cut_off:
            self.recovered.append(file.name)

    def _folder(self) -> Path:
        if self._copies is None:
            self._copies = tempfile.TemporaryDirectory(prefix='lnn_controller_')
        return Path(self._copies.name)

    @property
    def damage(self) -> list[Damage]:
        """What was left out as damaged, as far as the bag has been read: chunks are looked at as they are read."""
        files = [reader for reader in self._readers if isinstance(reader, McapFile)]
        return [*self._missing, *self._lost_rows(), *(each for file in files for each in file.damage.values())]

    def _lost_rows(self) -> list[Damage]:
        """What a sqlite3 bag lacks of what its metadata.yaml lists, as where a log was not copied with it."""
        if self._alone or not self._readers or isinstance(self._readers[0], McapFile):
            return []
        storage: Any = self._readers[0].storage
        listed, held = storage.metadata.message_count, sum(each.metadata.message_count for each in storage.storages)
        logs = ''.join(f'; its write-ahead log, {log}, is not there: copy it too' for log in self._lost_logs())
        reason = f'of {listed} messages, by metadata.yaml, {held} are there{logs}'
        return [Damage(self._files[0].name, 'what is not there', reason, None)] if held < listed else []

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
        rows = iter(parts[0]) if len(parts) == 1 else heapq.merge(*parts, key=lambda row: row[1])
        none_yet = True
        while True:
            try:
                row = next(rows, None)
                if row is not None and not (isinstance(row[1], int) and isinstance(row[2], bytes)):
                    raise ValueError(f'a message without time or bytes: {short(row[1:])}')
                if row is not None and self._alone:  # without metadata.yaml, whether messages are compressed is unknown
                    row = (*row[:2], unpacked(row[2]))
            except Exception as err:
                raise self._damaged(err) from None
            if row is None:
                break
            none_yet = False
            connection, stamp_ns, data = row
            yield Message(connection.topic, stamp_ns, data, connection.msgtype)
        if none_yet and parts and self.damage:
            raise InputError(f'bag {self.path} is damaged, and nothing of this can be read: {self._damage_report()}')

    def topic(self, name: str) -> Topic:
        """
        Look up a topic by name.

        :param name: the name; the leading slash may be left out
        :returns: the topic
        :raises InputError: if the bag has no such topic
        """
        found = self.topics.get(name) or self.topics.get(f'/{name}')
        if found is None:
            raise self._no_topic(name, did_you_mean(name, self.topics), self.describe_topics())
        return found

    def _no_topic(self, name: str, guess: str, there: str) -> InputError:
        return InputError(f'bag {self.path} has no topic {name}{f": {guess}" if guess else "."} Topics there: {there}')

    def offered(self, name: str) -> Offered:
        """
        Return how a topic was published.

        :param name: of a topic
        :returns: what its publishers offered; where the bag does not have it, reliable and not latched
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

    def definition(self, name: str) -> str:
        """
        Return what the bag says of a topic's type.

        :param name: of a topic
        :returns: its definition, as of :meth:`.writer.BagWriter.add_topic`; empty where the bag has none of that form
        :raises InputError: if the bag has no such topic
        """
        wanted = self.topic(name).name
        found = (each.msgdef for reader in self._readers for each in reader.connections if each.topic == wanted)
        return next((each.data for each in found if each.format == MessageDefinitionFormat.MSG), '')

    def choose(self, kind: str, name: str | None = None) -> Topic | None:
        """
        Choose the topic of images, IMU samples or commands: by name, else by type.

        :param kind: ``'image'``, ``'imu'`` or ``'command'``
        :param name: its name; none: found by type, see :func:`.topics.choose_topic`
        :returns: the topic, or none if there is none of the kind
        :raises InputError: if the named topic is missing, empty or of another kind, or several come into question
        """
        fitting = candidates(kind, self.topics.values())
        if name is not None and fitting and name not in self.topics and f'/{name}' not in self.topics:
            there = ', '.join(str(topic) for topic in fitting)
            guess = did_you_mean(name, [topic.name for topic in fitting])
            raise self._no_topic(name, guess, f'for --{kind}-topic there are {there}; all: {self.describe_topics()}')
        named = None if name is None else self.topic(name)
        return choose_topic(kind, named, self.topics.values(), bag=str(self.path))

    def describe_topics(self) -> str:
        """
        List the topics for an error or a card.

        :returns: ``name (type, count)``, separated by commas; then the topics that were left out
        """
        listed = ', '.join(str(topic) for topic in self.topics.values())
        left_out = ', '.join(f'{name} ({encoding})' for name, encoding in self.left_out.items())
        return f'{listed}; left out, as no ROS 2 messages: {left_out}' if left_out else listed

    def deserialize(self, message: Message) -> Any:
        """
        Build the message from its bytes.

        :param message: of this bag
        :returns: the message in rosbags' types
        :raises InputError: if the type is none of ROS 2's common interfaces, or the bytes are damaged
        """
        if message.msgtype not in typestore().types:
            raise InputError(
                f'bag {self.path}, topic {message.topic}: the type {message.msgtype!r} is not one that can be read'
            )
        try:
            return typestore().deserialize_cdr(message.data, message.msgtype)
        except Exception as err:
            raise InputError(f'bag {self.path}, topic {message.topic}: a damaged {message.msgtype}: {err}') from None

    def sha256(self) -> str:
        """
        Hash what the bag holds: its storage files in order of name, without metadata.yaml.

        :returns: SHA-256 in hexadecimal digits
        """
        if not self._sha256:
            digest = hashlib.sha256()
            for file in self._files:
                with file.open('rb') as stream:
                    while block := stream.read(1 << 20):
                        digest.update(block)
            self._sha256 = digest.hexdigest()
        return self._sha256

    def _damage_report(self) -> str:
        return '; '.join(explain_damage(self.damage))

    def _lost_logs(self) -> list[str]:
        return [lost_log(file) for file in self._files if lost_log(file)]

    def _damaged(self, error: Exception, file: Path | None = None) -> InputError:
        """Return what is wrong, in words of the kind of file, and what helps: a copy only where this is not whole."""
        for each in [file] if file else self._files:
            if reason := why_damaged(each):
                return InputError(f'bag {self.path} is damaged: {each.name} {reason}')
        reason = ' '.join(str(error).split()).removesuffix('.') or type(error).__name__
        of = f'{file.name}: ' if file else ''
        saved = ' `sqlite3 FILE .recover` saves what can be saved.' if 'malformed' in reason else ''
        return InputError(f'bag {self.path} is damaged, or of a kind that cannot be read: {of}{reason}.{saved}')

    def close(self) -> None:
        """Close the files; further calls do nothing."""
        for reader in self._readers:
            if isinstance(reader, McapFile) or reader.is_open:
                with suppress(Exception):
                    reader.close()
        if self._copies is not None:
            self._copies.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _disagrees(reader: Reader) -> bool:
    """Whether metadata.yaml has another QoS of a topic than the files, which rosbags would leave out then."""
    folder: Any = reader.storage
    if not isinstance(folder, DirectoryReader) or folder.metadata.compression_mode:
        return False
    listed = [(each.topic, each.msgtype, each.ext) for each in folder.connections]
    held = [each for storage in folder.storages for each in storage.connections]
    return any((each.topic, each.msgtype, each.ext) not in listed for each in held)


def _is_sqlite(file: Path) -> bool:
    return file.name.endswith(('.db3', '.db3.zstd'))
