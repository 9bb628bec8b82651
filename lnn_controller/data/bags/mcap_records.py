"""
The records that MCAP files are made of (mcap.dev/spec), and whether they are whole.

What does not fit raises :class:`DamagedError` or another of ``BROKEN``; nothing here opens a file.
"""

import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import NamedTuple
from zlib import crc32

from backports import zstd  # comes with rosbags, as lz4 does
from lz4.frame import LZ4FrameDecompressor

__all__ = [
    'BROKEN',
    'CHANNEL',
    'CHUNK',
    'CHUNK_INDEX',
    'DATA_END',
    'FOOTER',
    'FOOTER_FIELDS',
    'LARGEST_CHUNK',
    'LAST',
    'MAGIC',
    'MESSAGE',
    'MESSAGE_HEAD',
    'MESSAGE_INDEX',
    'PRIVATE',
    'RECORD',
    'SCHEMA',
    'STATISTICS',
    'STATISTICS_HEAD',
    'U32',
    'Block',
    'DamagedError',
    'Found',
    'indexed_block',
    'messages',
    'offered_profiles',
    'records',
    'unpack_chunk',
]

MAGIC = b'\x89MCAP0\r\n'
# Opcodes.
FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08
STATISTICS, DATA_END, LAST, PRIVATE = 0x0B, 0x0F, 0x0F, 0x80
_U16, U32, _U64 = struct.Struct('<H'), struct.Struct('<I'), struct.Struct('<Q')
RECORD = struct.Struct('<BQ')  # opcode, length
MESSAGE_HEAD = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time
_CHUNK_HEAD = struct.Struct('<QQQI')  # first and last time, size uncompressed, checksum
_INDEX_HEAD = struct.Struct('<QQQQ')  # first and last time, where the chunk is, its length
FOOTER_FIELDS = struct.Struct('<BQQQI')  # opcode, length, where the summary is, where its offsets are, checksum
STATISTICS_HEAD = struct.Struct('<QHIIIIQQ')
LARGEST_CHUNK = 1 << 30


class DamagedError(ValueError):
    """What is to be read is not whole; the message says in which way."""


# What broken bytes come out as.
BROKEN = (ValueError, LookupError, EOFError, struct.error, zstd.ZstdError, RuntimeError, MemoryError)


class _Fields(BytesIO):
    """The fields of a record, one after the other."""

    def exact(self, size: int) -> bytes:
        data = self.read(size)
        if len(data) != size:
            raise DamagedError('a record is shorter than what it holds')
        return data

    def take(self, form: struct.Struct) -> tuple[int, ...]:
        return form.unpack(self.exact(form.size))

    def blob(self) -> bytes:
        return self.exact(self.take(U32)[0])

    def text(self) -> str:
        return self.blob().decode()


class _Channel(NamedTuple):
    topic: str
    encoding: str
    schema: int
    metadata: bytes


class _Schema(NamedTuple):
    name: str
    encoding: str
    text: bytes


class Block(NamedTuple):
    """A chunk, or a run of messages outside chunks; times in ns, ``counts`` of messages by channel."""

    at: int
    size: int
    start_ns: int
    end_ns: int
    counts: Mapping[int, int]
    chunked: bool


class Found:
    """Schemas and channels, as far as they are known; those under a checksum go before others."""

    def __init__(self) -> None:
        self.schemas: dict[int, _Schema] = {}
        self.channels: dict[int, _Channel] = {}
        self._sure: set[tuple[int, int]] = set()

    def take(self, opcode: int, content: bytes, *, sure: bool) -> None:
        """
        Take up a schema or a channel.

        :param opcode: of its record
        :param content: of its record
        :param sure: whether a checksum vouches for it
        :raises DamagedError: if it differs from what is known as well of the same number
        """
        fields = _Fields(content)
        (number,) = fields.take(_U16)
        known: dict[int, _Schema] | dict[int, _Channel]
        each: _Schema | _Channel
        if opcode == SCHEMA:
            known, each = self.schemas, _Schema(fields.text(), fields.text(), fields.blob())
        else:
            (schema,) = fields.take(_U16)
            known, each = self.channels, _Channel(fields.text(), fields.text(), schema, fields.blob())
        before, key = known.get(number), (opcode, number)
        if before is not None and before != each:
            if sure == (key in self._sure):
                raise DamagedError(f'it names {each[0]!r} in one place and {before[0]!r} in another')
            if not sure:
                return
        known[number] = each  # type: ignore[assignment]
        if sure:
            self._sure.add(key)


def indexed_block(content: bytes, data_end: int) -> Block:
    """
    Return the chunk of a record of the index; its messages are counted by the lengths of their indexes.

    :param content: of the record
    :param data_end: where the data ends in the file, byte
    :returns: where the chunk is, and of how many messages
    :raises DamagedError: if it cannot be there
    """
    fields = _Fields(content)
    start_ns, end_ns, at, size = fields.take(_INDEX_HEAD)
    offsets = sorted((where, channel) for channel, where in struct.iter_unpack('<HQ', fields.blob()))
    (length,) = fields.take(_U64)
    if not len(MAGIC) < at < at + size + length <= data_end or (offsets and offsets[0][0] < at + size):
        raise DamagedError('its index has a chunk outside the data')
    ends = [where for where, _ in offsets[1:]] + [at + size + length]
    counts = {}
    for (where, channel), end in zip(offsets, ends, strict=True):
        count, rest = divmod(end - where - 15, 16)  # of a message index 15 bytes are no entries
        if rest or count < 0:
            raise DamagedError('its index has no whole number of messages')
        if count:
            counts[channel] = count
    return Block(at, size, start_ns, end_ns, counts, chunked=True)


def unpack_chunk(record: bytes) -> tuple[bytes, bool]:
    """
    Unpack a chunk.

    :param record: content of its record
    :returns: the records in it, and whether a checksum vouches for them
    :raises DamagedError: if it is not whole
    """
    fields = _Fields(record)
    _, _, size, checksum = fields.take(_CHUNK_HEAD)
    compression = fields.text()
    (length,) = fields.take(_U64)
    if fields.tell() + length != len(record) or size > LARGEST_CHUNK:
        raise DamagedError(f'its head is damaged, or it is larger than {LARGEST_CHUNK >> 20} MiB')
    packed = record[fields.tell() :]
    if compression not in ('', 'lz4', 'zstd'):
        raise DamagedError(f'its compression, {compression[:20]!r}, is none of zstd and lz4')
    content = packed
    if compression:
        decompressor = zstd.ZstdDecompressor() if compression == 'zstd' else LZ4FrameDecompressor()
        content = decompressor.decompress(packed, max_length=size + 1)
    if len(content) != size:
        raise DamagedError('it does not unpack to its size')
    if checksum and crc32(content) != checksum:
        raise DamagedError('its checksum does not fit')
    return content, bool(checksum)


def records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """
    Iterate records, messages left out.

    :param content: the records
    :returns: opcode and content of each
    :raises DamagedError: if the last goes beyond the end
    """
    at = 0
    while at < len(content):
        opcode, length = RECORD.unpack_from(content, at)
        at += RECORD.size
        if at + length > len(content):
            raise DamagedError('a record goes beyond its end')
        if opcode != MESSAGE:
            yield opcode, content[at : at + length]
        at += length


def messages(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """
    Iterate the messages among records.

    :param content: the records
    :returns: time (ns), channel, begin and end of the bytes of each
    :raises DamagedError: if one goes beyond the end
    """
    at = 0
    while at < len(content):
        opcode, length = RECORD.unpack_from(content, at)
        at += RECORD.size
        if at + length > len(content) or (opcode == MESSAGE and length < MESSAGE_HEAD.size):
            raise DamagedError('a record goes beyond its end')
        if opcode == MESSAGE:
            channel, _, stamp_ns, _ = MESSAGE_HEAD.unpack_from(content, at)
            yield stamp_ns, channel, at + MESSAGE_HEAD.size, at + length
        at += length


def offered_profiles(metadata: bytes) -> str:
    """
    Return the QoS profiles in a channel's metadata.

    :param metadata: of the channel
    :returns: the profiles, as YAML; empty where it has none
    """
    fields = _Fields(metadata)
    while fields.tell() < len(metadata):
        key, value = fields.text(), fields.text()
        if key == 'offered_qos_profiles':
            return value
    return ''
