"""Write a bag: raw CDR bytes from the graph, or messages built without ROS, into one rosbag2 directory."""

import sqlite3
from binascii import crc32
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError
from rosbags.rosbag2.storage_mcap import McapWriter

from lnn_controller.data.messages.build import serialize
from lnn_controller.data.messages.definitions import store_of
from lnn_controller.errors import InputError

__all__ = ['BagWriter', 'check_type', 'offered_qos']

_STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
_MAX_STAMP_NS = 2**63 - 1
_DISK_ERRORS = (OSError, sqlite3.Error)
# Where a chunk's checksum stands, after opcode, length, two times and a size; a footer with the magic (mcap.dev/spec).
_CHECKSUM_IN_CHUNK, _FOOTER_BYTES = 9 + 24, 37
_UNLIMITED = QosTime(9223372036, 854775807)


def offered_qos(*, reliable: bool = True, transient_local: bool = False, depth: int = 10) -> Qos:
    """
    Describe what a topic's publisher offers, so that ``ros2 bag play`` offers the same.

    :param reliable: reliable, else best effort
    :param transient_local: latched, else volatile
    :param depth: messages kept
    :returns: a profile for :meth:`BagWriter.add_topic`
    """
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=depth,
        reliability=QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if transient_local else QosDurability.VOLATILE,
        deadline=_UNLIMITED,
        lifespan=_UNLIMITED,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_UNLIMITED,
        avoid_ros_namespace_conventions=False,
    )


def check_type(topic: str, msgtype: str, definition: str = '') -> str:
    """
    Refuse what cannot be described in a bag.

    :param topic: whose type it is, for errors
    :param msgtype: e.g. ``geometry_msgs/msg/TwistStamped`` (``geometry_msgs/TwistStamped`` is understood)
    :param definition: of a type that is none of ROS 2's common interfaces, as of :meth:`BagWriter.add_topic`
    :returns: the type's full name
    :raises InputError: if it is none of ROS 2's common interfaces, and is not defined
    """
    if msgtype.count('/') == 1:
        msgtype = msgtype.replace('/', '/msg/')
    try:
        store_of(msgtype, definition)
    except InputError as error:
        raise InputError(f'topic {topic}: {error}') from None
    return msgtype


class _CheckedMcap(McapWriter):
    """Writes the checksums, which rosbags leaves out: so that what is damaged later can be found."""

    def close_chunk(self) -> None:
        checksum = crc32(self.chunk.bio.getbuffer())
        begins = self.bio.tell()
        super().close_chunk()
        end = self.bio.tell()
        self.bio.seek(begins + _CHECKSUM_IN_CHUNK)
        self.bio.write(checksum.to_bytes(4, 'little'))
        self.bio.seek(end)

    def close(self, version: int, metadata: str) -> None:
        super().close(version, metadata)
        with self.path.open('r+b') as stream:
            footer = stream.seek(-_FOOTER_BYTES, 2)
            begins = int.from_bytes(stream.read(_FOOTER_BYTES)[9:17], 'little')
            stream.seek(begins)
            checksum = crc32(stream.read(footer + 25 - begins))
            stream.write(checksum.to_bytes(4, 'little'))


@dataclass
class _File:
    """One file of a bag, and its entry in metadata.yaml."""

    name: str
    messages: int = 0
    bytes: int = 0
    start_ns: int = 0
    end_ns: int = 0

    def count(self, stamp_ns: int, size: int) -> None:
        self.start_ns = min(self.start_ns, stamp_ns) if self.messages else stamp_ns
        self.end_ns = max(self.end_ns, stamp_ns)
        self.messages += 1
        self.bytes += size

    def information(self) -> dict[str, Any]:
        return {
            'path': self.name,
            'starting_time': {'nanoseconds_since_epoch': self.start_ns},
            'duration': {'nanoseconds': self.end_ns - self.start_ns},
            'message_count': self.messages,
        }


class BagWriter:
    """
    A new bag: a directory of one storage file and its metadata.yaml.

    A context manager. However its block ends, the bag is closed whole, with index and metadata: an interrupted
    recording is a shorter recording. Not for several threads at once.

    Everything up to the last :meth:`flush` outlives a kill of the process and a full disk, and :class:`.bag.Bag` reads
    it.

    :param path: directory to create; its parents are made too
    :param storage: ``'mcap'`` (default since ROS 2 Iron) or ``'sqlite3'`` (default in Humble)
    :param compress: compress the chunks of an MCAP file with zstd
    :param max_bytes: begin another file of the bag when one has grown to this, MCAP alone; 0: never
    :param max_seconds: the same by the time between its first and its next message, s; 0: never
    :param custom_data: what else the bag's metadata says, as rosbag2 names it
    :raises InputError: if ``path`` exists, cannot be written, ``storage`` is unknown, or it shall be compressed or
        split and is not MCAP
    """

    def __init__(
        self,
        path: str | Path,
        *,
        storage: str = 'mcap',
        compress: bool = False,
        max_bytes: int = 0,
        max_seconds: float = 0.0,
        custom_data: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        if storage not in _STORAGES:
            raise InputError(f'storage must be one of {", ".join(_STORAGES)}. Got {storage!r}')
        self._mcap = storage == 'mcap'
        if not self._mcap and (compress or max_bytes or max_seconds):
            raise InputError(f'only an mcap bag can be compressed or split. Got storage {storage!r}: choose mcap')
        self._topics: dict[str, Connection] = {}
        self._definitions: dict[str, str] = {}
        self._closed = False
        self._max_bytes, self._max_ns = max_bytes, int(max_seconds * 1e9)
        self._files: list[_File] = []
        try:
            self._writer = Writer(self.path, version=9, storage_plugin=_STORAGES[storage])
            self._writer.STORAGE_PLUGINS = {**Writer.STORAGE_PLUGINS, StoragePlugin.MCAP: _CheckedMcap}
            self._writer.custom_data.update(custom_data or {})
            if compress:
                self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
            self._begin_file()
        except WriterError:
            raise InputError(
                f'bag {self.path} exists already and is not overwritten: choose another name or remove it'
            ) from None
        except _DISK_ERRORS as err:
            raise InputError(
                f'bag {self.path} cannot be written: {_words(err)}. Choose a folder that you may write to'
            ) from None

    @property
    def topics(self) -> dict[str, str]:
        """Message types by topic, as added."""
        return {name: connection.msgtype for name, connection in self._topics.items()}

    @property
    def counts(self) -> dict[str, int]:
        """Messages written so far, by topic."""
        return {name: self._writer.counts[connection.id] for name, connection in self._topics.items()}

    @property
    def bytes(self) -> int:
        """Size of the messages written so far."""
        return sum(file.bytes for file in self._files)

    def add_topic(self, name: str, msgtype: str, *, qos: Qos | Sequence[Qos] = (), definition: str = '') -> None:
        """
        Announce a topic, before its first message.

        :param name: topic, e.g. ``/cmd_vel``
        :param msgtype: e.g. ``geometry_msgs/msg/TwistStamped`` (``geometry_msgs/TwistStamped`` is understood)
        :param qos: profiles that the topic's publishers offer, see :func:`offered_qos`; none: unknown
        :param definition: of a type that is none of ROS 2's common interfaces: its .msg file and, each behind a line of
            ``=`` and one of ``MSG:`` and its name, those of the types in it, as bags have it
        :raises InputError: if the type is none of ROS 2's common interfaces and is not defined, the topic is there
            already, or the disk does not take it
        """
        msgtype = check_type(name, msgtype, definition)
        if name in self._topics:
            raise InputError(f'bag {self.path} has the topic {name} already, with type {self._topics[name].msgtype}')
        profiles = (qos,) if isinstance(qos, Qos) else tuple(qos)
        self._definitions[name] = definition
        try:
            self._announce(name, msgtype, profiles)
        except _DISK_ERRORS as err:
            raise self._cannot_go_on(err) from None

    def write(self, topic: str, stamp_ns: int, message: Any) -> None:
        """
        Append one message.

        :param topic: a topic that was added
        :param stamp_ns: receive time, ns: what a reader orders the bag by
        :param message: CDR bytes with their encapsulation header, or a message of :func:`.messages.typestore`
        :raises InputError: if the disk does not take it
        :raises ValueError: if the topic was not added, the stamp is out of range, or the bag is closed
        :raises TypeError: if ``message`` is of another type than the topic
        """
        connection = self._topics.get(topic)
        if connection is None or self._closed:
            raise ValueError(
                f'bag {self.path} {"is closed" if self._closed else f"has no topic {topic}: add_topic comes first"}'
            )
        if not 0 <= stamp_ns <= _MAX_STAMP_NS:
            raise ValueError(f'topic {topic}: a stamp is 0 to 2**63 - 1 ns. Got {stamp_ns}')
        if isinstance(message, bytes | bytearray | memoryview):
            data = bytes(message) if isinstance(message, bytearray) else message
        elif getattr(message, '__msgtype__', None) == connection.msgtype:
            data = serialize(message)
        else:
            raise TypeError(
                f'topic {topic}: CDR bytes or a {connection.msgtype} are needed. Got {type(message).__name__}'
            )
        try:
            if self._full(stamp_ns):
                self._split()
            self._writer.write(self._topics[topic], int(stamp_ns), data)
        except _DISK_ERRORS as err:
            raise self._cannot_go_on(err) from None
        self._files[-1].count(stamp_ns, len(data))

    def flush(self) -> None:
        """
        Hand all that was written to the operating system, where a kill of this process cannot reach it.

        :raises InputError: if the disk does not take it
        """
        if self._closed:
            return
        try:
            storage: Any = self._writer.storage
            if not self._mcap:
                storage.conn.commit()  # what is not ended, sqlite takes back: rosbags ends it with the bag alone
                return
            if storage.chunk.msgs:
                storage.close_chunk()
            storage.bio.flush()
        except _DISK_ERRORS as err:
            raise self._cannot_go_on(err) from None

    def close(self) -> None:
        """
        Write index and metadata; further calls do nothing.

        :raises InputError: if the disk does not take them
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._writer.close()
            self._list_files()
        except _DISK_ERRORS as err:
            with suppress(*_DISK_ERRORS):
                self._writer.abort()
            raise InputError(f'bag {self.path} cannot be closed whole: {_words(err)}. Look after that disk') from None

    def _begin_file(self) -> None:
        """Name the file that rosbags has just opened; those of a bag of several as rosbag2 does, by number."""
        storage: Any = self._writer.storage
        if self._max_bytes or self._max_ns:
            storage.path = storage.path.rename(self.path / f'{self.path.name}_{len(self._files)}.mcap')
        self._files.append(_File(storage.path.name))

    def _announce(self, name: str, msgtype: str, profiles: Sequence[Qos]) -> None:
        store = store_of(msgtype, self._definitions[name])
        self._topics[name] = self._writer.add_connection(name, msgtype, typestore=store, offered_qos_profiles=profiles)

    def _full(self, stamp_ns: int) -> bool:
        file = self._files[-1]
        if not file.messages:
            return False
        too_large = 0 < self._max_bytes <= file.bytes
        return too_large or 0 < self._max_ns <= stamp_ns - file.start_ns

    def _split(self) -> None:
        writer = self._writer
        # It would list the closed file alone, and who is killed now would leave that: all are listed in the end.
        whole = writer.metapath
        writer.metapath = whole.with_name('.closed_file.yaml')
        try:
            writer.close()
            writer.metapath.unlink()
        finally:
            writer.metapath = whole
        writer.storage = writer.STORAGE_PLUGINS[writer.storage_plugin](self.path, writer.compression_mode)
        self._begin_file()
        counts, announced = dict(writer.counts), list(writer.connections)
        writer.connections.clear()
        writer.added_types.clear()
        for each in announced:
            ext: Any = each.ext
            self._announce(each.topic, each.msgtype, ext.offered_qos_profiles)
        writer.counts.update(counts)  # of all files, as metadata.yaml lists them

    def _list_files(self) -> None:
        """Name every file in metadata.yaml, where rosbags knows of the last one alone."""
        if len(self._files) == 1:
            return
        path = self._writer.metapath
        metadata = yaml.safe_load(path.read_text(encoding='utf-8'))
        information = metadata['rosbag2_bagfile_information']
        information['relative_file_paths'] = [file.name for file in self._files]
        information['files'] = [file.information() for file in self._files]
        beside = path.with_suffix('.yaml.new')
        beside.write_text(yaml.safe_dump(metadata, sort_keys=False), encoding='utf-8')
        beside.replace(path)

    def _cannot_go_on(self, error: Exception) -> InputError:
        return InputError(f'bag {self.path} cannot be written any further: {_words(error)}. Look after that disk')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _words(error: Exception) -> str:
    return str(getattr(error, 'strerror', None) or error)
