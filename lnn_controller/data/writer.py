"""Write a bag: raw CDR bytes from the graph, or messages built without ROS, into one rosbag2 directory."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError

from lnn_controller.errors import InputError

from .messages import serialize, typestore

__all__ = ['BagWriter', 'offered_qos']

_STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
_MAX_STAMP_NS = 2**63 - 1
_DISK_ERRORS = (OSError, sqlite3.Error)
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


class BagWriter:
    """
    A new bag: a directory of one storage file and its metadata.yaml.

    A context manager. However its block ends, the bag is closed whole, with index and metadata: an interrupted
    recording is a shorter recording. Not for several threads at once.

    :param path: directory to create; its parents are made too
    :param storage: ``'mcap'`` (default since ROS 2 Iron) or ``'sqlite3'`` (default in Humble)
    :raises InputError: if ``path`` exists, cannot be written, or ``storage`` is unknown
    """

    def __init__(self, path: str | Path, *, storage: str = 'mcap') -> None:
        self.path = Path(path)
        if storage not in _STORAGES:
            msg = f'storage must be one of {", ".join(_STORAGES)}. Got {storage!r}.'
            raise InputError(msg)
        self._topics: dict[str, Connection] = {}
        self._closed = False
        try:
            self._writer = Writer(self.path, version=9, storage_plugin=_STORAGES[storage])
            self._writer.open()
        except WriterError:
            msg = f'bag {self.path} exists already and is not overwritten: choose another name or remove it.'
            raise InputError(msg) from None
        except _DISK_ERRORS as err:
            msg = f'bag {self.path} cannot be written: {_words(err)}. Choose a folder that you may write to.'
            raise InputError(msg) from None

    @property
    def topics(self) -> dict[str, str]:
        """Message types by topic, as added."""
        return {name: connection.msgtype for name, connection in self._topics.items()}

    @property
    def counts(self) -> dict[str, int]:
        """Messages written so far, by topic."""
        return {name: self._writer.counts[connection.id] for name, connection in self._topics.items()}

    def add_topic(self, name: str, msgtype: str, *, qos: Qos | Sequence[Qos] = ()) -> None:
        """
        Announce a topic, before its first message.

        :param name: topic, e.g. ``/cmd_vel``
        :param msgtype: e.g. ``geometry_msgs/msg/TwistStamped`` (``geometry_msgs/TwistStamped`` is understood)
        :param qos: profiles that the topic's publishers offer, see :func:`offered_qos`; none: unknown
        :raises InputError: if the type is none of ROS 2's common interfaces, the topic is there already, or the disk
            does not take it
        """
        if msgtype.count('/') == 1:
            msgtype = msgtype.replace('/', '/msg/')
        if msgtype not in typestore().types:
            msg = f'topic {name}: a message type of the ROS 2 common interfaces is needed. Got {msgtype!r}.'
            raise InputError(msg)
        if name in self._topics:
            msg = f'bag {self.path} has the topic {name} already, with type {self._topics[name].msgtype}.'
            raise InputError(msg)
        profiles = (qos,) if isinstance(qos, Qos) else tuple(qos)
        try:
            self._topics[name] = self._writer.add_connection(
                name, msgtype, typestore=typestore(), offered_qos_profiles=profiles
            )
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
            msg = f'bag {self.path} {"is closed" if self._closed else f"has no topic {topic}: add_topic comes first"}.'
            raise ValueError(msg)
        if not 0 <= stamp_ns <= _MAX_STAMP_NS:
            msg = f'topic {topic}: a stamp is 0 to 2**63 - 1 ns. Got {stamp_ns}.'
            raise ValueError(msg)
        if isinstance(message, bytes | bytearray | memoryview):
            data = bytes(message) if isinstance(message, bytearray) else message
        elif getattr(message, '__msgtype__', None) == connection.msgtype:
            data = serialize(message)
        else:
            msg = f'topic {topic}: CDR bytes or a {connection.msgtype} are needed. Got {type(message).__name__}.'
            raise TypeError(msg)
        try:
            self._writer.write(connection, int(stamp_ns), data)
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
        except _DISK_ERRORS as err:
            with suppress(*_DISK_ERRORS):
                self._writer.abort()
            msg = f'bag {self.path} cannot be closed whole: {_words(err)}. Look after that disk.'
            raise InputError(msg) from None

    def _cannot_go_on(self, error: Exception) -> InputError:
        return InputError(f'bag {self.path} cannot be written any further: {_words(error)}. Look after that disk.')

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _words(error: Exception) -> str:
    return str(getattr(error, 'strerror', None) or error)
