"""Make of an MCAP file of another writer one that rosbags reads: its ROS 2 topics, with all indexes."""

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition, MessageDefinitionFormat
from rosbags.rosbag2 import CompressionMode
from rosbags.rosbag2.reader import DirectoryReader, Reader
from rosbags.rosbag2.storage_mcap import McapReader, McapWriter, decompress, read_bytes, read_exact, read_string

from .recovery import HEADER, MAGIC, CutOff

__all__ = ['is_unusual', 'rewrite']

_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _END = 0x03, 0x04, 0x05, 0x06, (0x02, 0x0F)  # opcodes (mcap.dev/spec)
_NEEDED = (_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK)
_CHUNK_HEAD = struct.Struct('<QQQI')  # first and last time, size uncompressed, checksum
_MESSAGE_HEAD = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time
_FORMATS = {
    'ros2msg': MessageDefinitionFormat.MSG,
    'ros2idl': MessageDefinitionFormat.IDL,
    'omgidl': MessageDefinitionFormat.IDL,
    '': MessageDefinitionFormat.NONE,
}


class _Schema(NamedTuple):
    name: str
    encoding: str
    text: bytes


def is_unusual(reader: Reader) -> bool:
    """
    Tell whether a bag has what rosbags would pass over in silence, or take for what it is not.

    Those are messages outside the message index, as of a writer that leaves it out, and encodings other than CDR.

    :param reader: open
    :returns: whether its MCAP files are to be rewritten
    """
    storage = reader.storage
    files = storage.storages if isinstance(storage, DirectoryReader) else [storage]
    return any(isinstance(each, McapReader) and _is_unusual(each) for each in files)


def _is_unusual(file: McapReader) -> bool:
    if any(
        isinstance(ext := each.ext, ConnectionExtRosbag2) and ext.serialization_format != 'cdr'
        for each in file.connections
    ):
        return True
    if not file.chunks or file.statistics is None:
        return False
    indexed = sum(count for chunk in file.chunks for count in chunk.channel_count.values())
    return not indexed or indexed != file.statistics.message_count


def rewrite(source: Path | CutOff, folder: Path) -> tuple[Path, dict[str, str]]:
    """
    Write the ROS 2 topics of an MCAP file into a new one: those of CDR messages with a ROS 2 definition.

    :param source: the file; it stays as it is
    :param folder: where the new file is to be; it is made
    :returns: the new file, and the topics that were left out with their encoding
    :raises Exception: if the file is damaged
    """
    folder.mkdir()
    writer = McapWriter(folder, CompressionMode.NONE)
    schemas: dict[int, _Schema] = {}
    connections: dict[int, Connection | None] = {}
    announced: set[str] = set()
    left_out: dict[str, str] = {}
    with source.open('rb') as stream:
        for opcode, record in _records(stream):
            if opcode == _MESSAGE:
                number, _, stamp_ns, _ = _MESSAGE_HEAD.unpack_from(record)
                if (connection := connections[number]) is not None:
                    writer.write(connection, stamp_ns, memoryview(record)[_MESSAGE_HEAD.size :])
                continue
            fields = BytesIO(record)
            (number,) = struct.unpack('<H', read_exact(fields, 2))
            if opcode == _SCHEMA:
                schemas[number] = _Schema(read_string(fields), read_string(fields), read_bytes(fields))
            elif number not in connections:
                connections[number] = connection = _connection(number, fields, schemas, left_out)
                if connection is not None:
                    if connection.msgtype not in announced:
                        writer.add_msgtype(connection)
                        announced.add(connection.msgtype)
                    writer.add_connection(connection, _offered(read_bytes(fields)))
    writer.close(9, '')
    return writer.path, left_out


def _records(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and content of schemas, channels and messages, also of those in chunks."""
    size = stream.seek(0, 2)
    stream.seek(len(MAGIC))
    while True:
        opcode, length = HEADER.unpack(read_exact(stream, HEADER.size))
        if opcode in _END:
            return
        if length > size - stream.tell():
            raise ValueError(f'a record of {length} bytes at {stream.tell()} goes beyond the end of the file')
        if opcode not in _NEEDED:
            stream.seek(length, 1)
            continue
        record = read_exact(stream, length)
        if opcode == _CHUNK:
            yield from _chunk_records(record)
        else:
            yield opcode, record


def _chunk_records(record: bytes) -> Iterator[tuple[int, bytes]]:
    fields = BytesIO(record)
    _, _, size, checksum = _CHUNK_HEAD.unpack(read_exact(fields, _CHUNK_HEAD.size))
    compression = read_string(fields)
    (length,) = struct.unpack('<Q', read_exact(fields, 8))
    chunk = BytesIO(decompress(read_exact(fields, length), compression, size, checksum))
    while chunk.tell() < size:
        opcode, length = HEADER.unpack(read_exact(chunk, HEADER.size))
        content = read_exact(chunk, length)
        if opcode in _NEEDED:
            yield opcode, content


def _connection(
    number: int, fields: BinaryIO, schemas: dict[int, _Schema], left_out: dict[str, str]
) -> Connection | None:
    (schema_number,) = struct.unpack('<H', read_exact(fields, 2))
    topic, encoding = read_string(fields), read_string(fields)
    schema = schemas.get(schema_number)
    if encoding != 'cdr' or schema is None or schema.encoding not in _FORMATS:
        left_out[topic] = encoding if encoding != 'cdr' or schema is None else f'cdr of {schema.encoding}'
        return None
    definition = MessageDefinition(_FORMATS[schema.encoding], schema.text.decode())
    return Connection(number, topic, schema.name, definition, '', 0, ConnectionExtRosbag2(encoding, []), None)


def _offered(metadata: bytes) -> str:
    """Find the QoS profiles in a channel's metadata."""
    fields = BytesIO(metadata)
    while fields.tell() < len(metadata):
        key, value = read_string(fields), read_string(fields)
        if key == 'offered_qos_profiles':
            return value
    return ''
