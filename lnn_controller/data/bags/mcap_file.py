"""
Read one MCAP file, of whatever writer and in whatever state: by its index or, without one, by going through it.

What is damaged is left out and told (:class:`Damage`); all that is whole before and after it is read. Whole is what
its checksum says, where the writer has written one, and what agrees with the index.
"""

import heapq
import re
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from backports import zstd  # comes with rosbags, as lz4 does
from lz4.frame import LZ4FrameDecompressor
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition, MessageDefinitionFormat, Qos
from rosbags.rosbag2.metadata import parse_qos

from lnn_controller.data.bags.damage import Damage

__all__ = ['MAGIC', 'McapFile']

MAGIC = b'\x89MCAP0\r\n'
# Opcodes (mcap.dev/spec).
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _MESSAGE_INDEX, _CHUNK_INDEX = 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08
_STATISTICS, _DATA_END, _LAST, _PRIVATE = 0x0B, 0x0F, 0x0F, 0x80
_U16, _U32, _U64 = struct.Struct('<H'), struct.Struct('<I'), struct.Struct('<Q')
_RECORD = struct.Struct('<BQ')  # opcode, length
_MESSAGE_HEAD = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time
_CHUNK_HEAD = struct.Struct('<QQQI')  # first and last time, size uncompressed, checksum
_INDEX_HEAD = struct.Struct('<QQQQ')  # first and last time, where the chunk is, its length
_FOOTER_FIELDS = struct.Struct('<BQQQI')  # opcode, length, where the summary is, where its offsets are, checksum
_STATISTICS_HEAD = struct.Struct('<QHIIIIQQ')
# A chunk whose compression is known, to find again where records begin.
_CHUNK_BEGINS = re.compile(rb'\x06.{5}\0{3}.{28}(?:\0{4}|\x03\0{3}lz4|\x04\0{3}zstd)', re.DOTALL)
_LARGEST_CHUNK = 1 << 30
_RUN_BYTES, _BLOCK_BYTES, _LONGEST_MATCH = 1 << 20, 1 << 20, 64
_NO_CHECKSUM = 'its messages are not those of its index'
_FORMATS = {
    'ros2msg': MessageDefinitionFormat.MSG,
    'ros2idl': MessageDefinitionFormat.IDL,
    'omgidl': MessageDefinitionFormat.IDL,
    '': MessageDefinitionFormat.NONE,
}


class _DamagedError(ValueError):
    """What is to be read is not whole; the message says in which way."""


# What broken bytes come out as.
_BROKEN = (ValueError, LookupError, EOFError, struct.error, zstd.ZstdError, RuntimeError, MemoryError)


class _Fields(BytesIO):
    """The fields of a record, one after the other."""

    def exact(self, size: int) -> bytes:
        data = self.read(size)
        if len(data) != size:
            raise _DamagedError('a record is shorter than what it holds')
        return data

    def take(self, form: struct.Struct) -> tuple[int, ...]:
        return form.unpack(self.exact(form.size))

    def blob(self) -> bytes:
        return self.exact(self.take(_U32)[0])

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


class _Block(NamedTuple):
    """A chunk, or a run of messages outside chunks; times in ns, ``counts`` of messages by channel."""

    at: int
    size: int
    start_ns: int
    end_ns: int
    counts: Mapping[int, int]
    chunked: bool


class _Found:
    """Schemas and channels, as far as they are known; those under a checksum go before others."""

    def __init__(self) -> None:
        self.schemas: dict[int, _Schema] = {}
        self.channels: dict[int, _Channel] = {}
        self._sure: set[tuple[int, int]] = set()

    def take(self, opcode: int, content: bytes, *, sure: bool) -> None:
        fields = _Fields(content)
        (number,) = fields.take(_U16)
        known: dict[int, _Schema] | dict[int, _Channel]
        each: _Schema | _Channel
        if opcode == _SCHEMA:
            known, each = self.schemas, _Schema(fields.text(), fields.text(), fields.blob())
        else:
            (schema,) = fields.take(_U16)
            known, each = self.channels, _Channel(fields.text(), fields.text(), schema, fields.blob())
        before, key = known.get(number), (opcode, number)
        if before is not None and before != each:
            if sure == (key in self._sure):
                raise _DamagedError(f'it tells {each[0]!r} in one place and {before[0]!r} in another')
            if not sure:
                return
        known[number] = each  # type: ignore[assignment]
        if sure:
            self._sure.add(key)


class McapFile:
    """
    An MCAP file, open for reading.

    :param path: of the file; it stays as it is
    :param name: what to call it
    :raises ValueError: if nothing of it can be made out
    :raises OSError: if it cannot be read
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.damage: dict[int, Damage] = {}
        self.cut_off = False
        self.left_out: dict[str, str] = {}
        self._seen: set[tuple[int, int]] = set()  # checksums and sizes of chunks
        self._stream = path.open('rb')
        try:
            self._size = self._stream.seek(0, 2)
            self._closed_whole = self._read(max(0, self._size - len(MAGIC)), len(MAGIC)) == MAGIC
            try:
                self._found, self._blocks = self._read_summary()
            except _BROKEN:
                self._found, self._blocks = self._go_through()
            self._connections = self._connect()
        except BaseException:
            self._stream.close()
            raise

    @property
    def connections(self) -> list[Connection]:
        """Its channels of ROS 2 messages, each with its number of messages."""
        return list(self._connections.values())

    @property
    def message_count(self) -> int:
        """Messages of these channels."""
        return sum(each.msgcount for each in self._connections.values())

    @property
    def start_time(self) -> int:
        """Receive time of the first message, ns."""
        return min(block.start_ns for block in self._blocks if self._connections.keys() & block.counts.keys())

    @property
    def end_time(self) -> int:
        """Receive time after the last message, ns."""
        return max(block.end_ns for block in self._blocks if self._connections.keys() & block.counts.keys()) + 1

    def messages(self, connections: Collection[Connection]) -> Iterator[tuple[Connection, int, bytes]]:
        """
        Iterate messages in order of receive time, of equal times in that of the file; chunks may overlap.

        :param connections: of which channels, of :attr:`connections`
        :returns: connection, receive time (ns) and bytes of each
        :raises OSError: if the file cannot be read
        """
        wanted = {each.id: each for each in connections}
        coming = [b for b in self._blocks if b.at not in self.damage and any(number in wanted for number in b.counts)]
        coming.sort(key=lambda block: (block.start_ns, block.at), reverse=True)
        waiting: list[tuple[int, int, int, list[tuple[int, int, bytes]]]] = []
        while coming or waiting:
            while coming and (not waiting or (coming[-1].start_ns, coming[-1].at) <= waiting[0][:2]):
                block = coming.pop()
                if rows := self._rows(block, wanted):
                    heapq.heappush(waiting, (rows[0][0], block.at, 0, rows))
            if not waiting:
                continue
            stamp_ns, at, number, rows = waiting[0]
            yield wanted[rows[number][1]], stamp_ns, rows[number][2]
            if number + 1 < len(rows):
                heapq.heapreplace(waiting, (rows[number + 1][0], at, number + 1, rows))
            else:
                heapq.heappop(waiting)

    def close(self) -> None:
        """Close it; further calls do nothing."""
        self._stream.close()

    def _rows(self, block: _Block, wanted: Collection[int]) -> list[tuple[int, int, bytes]]:
        """Time, channel and bytes of a block's messages, in order of time; none where it is damaged."""
        try:
            content, sure = self._content(block)
            rows = [(stamp_ns, channel, content[a:b]) for stamp_ns, channel, a, b in _messages(content)]
            if not sure:
                self._compare(block, rows)
        except _BROKEN as error:
            self._leave_out(block.at, 'chunk at byte' if block.chunked else 'messages at byte', error, block.counts)
            return []
        return sorted((row for row in rows if row[1] in wanted), key=lambda row: row[0])

    def _compare(self, block: _Block, rows: list[tuple[int, int, bytes]]) -> None:
        """Compare what has no checksum with its index and, where it is a chunk, with the message index behind it."""
        counts = Counter(channel for _, channel, _ in rows)
        if counts != block.counts or (rows and min(rows)[0] < block.start_ns):
            raise _DamagedError(_NO_CHECKSUM)
        times: dict[int, list[int]] = {}
        at = block.at + block.size
        while True:
            opcode, length = self._head(at, self._size)
            if opcode != _MESSAGE_INDEX:
                break
            content = self._read(at + _RECORD.size, length)
            channel, size = struct.unpack_from('<HI', content)
            times.setdefault(channel, []).extend(time for time, _ in struct.iter_unpack('<QQ', content[6 : 6 + size]))
            at += _RECORD.size + length
        for channel, told in times.items():
            if sorted(told) != sorted(stamp_ns for stamp_ns, number, _ in rows if number == channel):
                raise _DamagedError(_NO_CHECKSUM)

    def _content(self, block: _Block) -> tuple[bytes, bool]:
        """The records of a block, and whether a checksum says that they are whole."""
        if not block.chunked:
            return self._read(block.at, block.size), False
        record = self._read(block.at, block.size)
        if len(record) < block.size or _RECORD.unpack_from(record) != (_CHUNK, block.size - _RECORD.size):
            raise _DamagedError('it does not begin where the index says')
        return _unpack_chunk(record[_RECORD.size :])

    def _read(self, at: int, size: int) -> bytes:
        self._stream.seek(at)
        return self._stream.read(size)

    def _leave_out(self, at: int, what: str, error: Exception, counts: Mapping[int, int] | None = None) -> None:
        by_topic: Counter[str] | None = None
        if counts is not None:
            by_topic = Counter()
            for channel, count in counts.items():
                by_topic[self._found.channels[channel].topic if channel in self._found.channels else '?'] += count
        reason = ' '.join(str(error).split()) or type(error).__name__
        self.damage[at] = Damage(self.name, f'{what} {at}', reason, by_topic)

    # By the index.

    def _read_summary(self) -> tuple[_Found, list[_Block]]:
        """Schemas, channels and chunks as the summary tells them, if it can be relied upon."""
        footer_at = self._size - len(MAGIC) - _FOOTER_FIELDS.size
        if not self._closed_whole or footer_at <= len(MAGIC):
            raise _DamagedError('its end is missing')
        footer = self._read(footer_at, _FOOTER_FIELDS.size)
        opcode, length, begins, _, checksum = _FOOTER_FIELDS.unpack(footer)
        if (opcode, length) != (_FOOTER, 20) or not len(MAGIC) < begins < footer_at:
            raise _DamagedError('it has no summary')
        summary = self._read(begins, footer_at - begins)
        if checksum and crc32(summary + footer[:-4]) != checksum:
            raise _DamagedError('the checksum of its summary does not fit')
        found, blocks, told = _Found(), [], None
        for opcode, content in _records(summary):
            if opcode in (_SCHEMA, _CHANNEL):
                found.take(opcode, content, sure=bool(checksum))
            elif opcode == _CHUNK_INDEX:
                blocks.append(_indexed(content, begins))
            elif opcode == _STATISTICS:
                told = _STATISTICS_HEAD.unpack_from(content)
        self._check(found, blocks, told)
        if not checksum:
            self._compare_channels(found, blocks)
        return found, blocks

    def _check(self, found: _Found, blocks: list[_Block], told: tuple[int, ...] | None) -> None:
        counted = [block for block in blocks if block.counts]
        if not counted or any(channel not in found.channels for block in counted for channel in block.counts):
            raise _DamagedError('its index is not of all messages')
        if len({block.at for block in blocks}) < len(blocks):
            raise _DamagedError('its index tells a chunk twice')
        if told is None:
            raise _DamagedError('it does not say how many messages there are')
        messages, chunks, start_ns, end_ns = told[0], told[5], told[6], told[7]
        indexed = sum(sum(block.counts.values()) for block in counted)
        span = (min(block.start_ns for block in counted), max(block.end_ns for block in counted))
        if (messages, chunks, (start_ns, end_ns)) != (indexed, len(blocks), span):
            raise _DamagedError('its index is not of all messages')

    def _compare_channels(self, found: _Found, blocks: list[_Block]) -> None:
        """Of a summary without checksum: what the first chunk tells of the channels must be the same."""
        try:
            content, _ = self._content(min(blocks))
            announced = [each for each in _records(content) if each[0] in (_SCHEMA, _CHANNEL)]
        except _BROKEN:
            return
        for opcode, record in announced:
            found.take(opcode, record, sure=False)

    # By going through it.

    def _go_through(self) -> tuple[_Found, list[_Block]]:
        """Schemas, channels and blocks by reading the file from its start to its end, or as far as it goes."""
        found, blocks = _Found(), list[_Block]()
        run: list[tuple[int, int, int, int]] = []  # messages outside chunks: where, size, time, channel
        end = self._size - (len(MAGIC) if self._closed_whole else 0)
        at = len(MAGIC)
        while at < end:
            opcode, length = self._head(at, end)
            size = _RECORD.size + length
            if not opcode:
                if run and not self._begins(at):
                    run.pop()  # perhaps its length is what has led astray
                at = self._go_on_after(at, end)
                continue
            if opcode == _DATA_END:
                break
            if opcode == _MESSAGE:
                channel, _, stamp_ns, _ = _MESSAGE_HEAD.unpack(self._read(at + _RECORD.size, _MESSAGE_HEAD.size))
                run.append((at, size, stamp_ns, channel))
            elif opcode == _CHUNK:
                self._take_chunk(at, size, found, blocks)
            elif opcode in (_SCHEMA, _CHANNEL):
                found.take(opcode, self._read(at + _RECORD.size, length), sure=False)
            at += size
        self.cut_off = not self._closed_whole
        runs = list(_runs(run))
        if at < end:
            runs = self._compare_with_end(at, end, found, blocks, runs)
        return found, blocks + runs

    def _head(self, at: int, end: int) -> tuple[int, int]:
        """Opcode and length of the record there; zeros where there can be none."""
        head = self._read(at, _RECORD.size)
        if len(head) < _RECORD.size:
            return 0, 0
        opcode, length = _RECORD.unpack(head)
        fits = {_DATA_END: length == 4, _FOOTER: length == 20, _MESSAGE: length >= _MESSAGE_HEAD.size}.get(opcode, True)
        known = 0 < opcode <= _LAST or opcode >= _PRIVATE
        return (opcode, length) if fits and known and at + _RECORD.size + length <= end else (0, 0)

    def _begins(self, at: int) -> bool:
        """Whether a record begins there that a killed writer did not finish."""
        head = self._read(at, _RECORD.size)
        if len(head) < _RECORD.size:
            return not self._closed_whole
        opcode, length = _RECORD.unpack(head)
        return not self._closed_whole and 0 < opcode <= _LAST and length < _LARGEST_CHUNK

    def _go_on_after(self, at: int, end: int) -> int:
        """Where records go on after a place where none begins; the end of the file where nothing is found."""
        again = self._find_chunk(at, end)
        if again < end or self._closed_whole:
            self._leave_out(at, f'everything up to byte {again}, from byte', _DamagedError('no record begins there'))
        return again

    def _compare_with_end(
        self, at: int, end: int, found: _Found, blocks: list[_Block], runs: list[_Block]
    ) -> list[_Block]:
        """Compare what was found with what the file's end tells; returns the messages outside chunks to rely upon."""
        told = None
        checksum = _U32.unpack(self._read(at + _RECORD.size, 4))[0]
        if runs and checksum and self._checksum(at) != checksum:
            raise _DamagedError('the checksum of its data does not fit, and it has none of parts')
        with suppress(*_BROKEN):
            for opcode, content in _records(self._read(at, end - at)):
                if opcode in (_SCHEMA, _CHANNEL):
                    found.take(opcode, content, sure=False)
                elif opcode == _STATISTICS:
                    told = _STATISTICS_HEAD.unpack_from(content)[0]
        counted = sum(sum(block.counts.values()) for block in (*blocks, *runs))
        if told in (None, counted):
            return runs
        if runs and blocks:  # which may be something else of a chunk, whose kind is damaged
            for run in runs:
                self._leave_out(run.at, 'messages at byte', _DamagedError('there are more than it tells'))
            return []
        if not self.damage:
            self._leave_out(0, 'something after byte', _DamagedError(f'{counted} of {told} messages are there'))
        return runs

    def _take_chunk(self, at: int, size: int, found: _Found, blocks: list[_Block]) -> None:
        try:
            content, sure = _unpack_chunk(self._read(at + _RECORD.size, size - _RECORD.size))
            stamps, counts = [], Counter[int]()
            for stamp_ns, channel, _, _ in _messages(content):
                stamps.append(stamp_ns)
                counts[channel] += 1
            announced = [each for each in _records(content) if each[0] in (_SCHEMA, _CHANNEL)]
        except _BROKEN as error:
            self._leave_out(at, 'chunk at byte', error)
            return
        for opcode, record in announced:
            found.take(opcode, record, sure=sure)
        key = (crc32(content), len(content))
        if key in self._seen:
            self._leave_out(at, 'chunk at byte', _DamagedError('it is there twice'))
        elif stamps:
            self._seen.add(key)
            blocks.append(_Block(at, size, min(stamps), max(stamps), counts, chunked=True))

    def _find_chunk(self, at: int, end: int) -> int:
        """Find the next whole chunk, by its checksum; the end of the data where there is none."""
        while at < end:
            block = self._read(at + 1, _BLOCK_BYTES + _LONGEST_MATCH)
            for match in _CHUNK_BEGINS.finditer(block):
                begins = at + 1 + match.start()
                length = _RECORD.unpack_from(block, match.start())[1]
                if begins + _RECORD.size + length <= end and self._is_chunk(begins, length):
                    return begins
            at += _BLOCK_BYTES
        return end

    def _is_chunk(self, at: int, length: int) -> bool:
        try:
            return _unpack_chunk(self._read(at + _RECORD.size, length))[1]
        except _BROKEN:
            return False

    def _checksum(self, size: int) -> int:
        value, at = 0, 0
        while at < size:
            block = self._read(at, min(_BLOCK_BYTES, size - at))
            value, at = crc32(block, value), at + len(block)
        return value

    # Both.

    def _connect(self) -> dict[int, Connection]:
        """Separate the channels of ROS 2 messages from others, which are left out with their encoding."""
        counts: Counter[int] = Counter()
        for block in self._blocks:
            counts.update(block.counts)
        if unknown := set(counts) - set(self._found.channels):
            lost = sum(counts[number] for number in unknown)
            self._leave_out(1, 'something after byte', _DamagedError(f'{lost} messages are of channels not described'))
        connections = {}
        for number, channel in self._found.channels.items():
            schema = self._found.schemas.get(channel.schema)
            if channel.encoding != 'cdr' or schema is None or schema.encoding not in _FORMATS:
                of_schema = channel.encoding == 'cdr' and schema is not None
                self.left_out[channel.topic] = f'cdr of {schema.encoding}' if of_schema and schema else channel.encoding
                continue
            definition = MessageDefinition(_FORMATS[schema.encoding], schema.text.decode(errors='replace'))
            profiles: list[Qos] = []
            with suppress(Exception):  # whatever a writer has put there
                profiles = parse_qos(_offered(channel.metadata))
            ext = ConnectionExtRosbag2('cdr', profiles)
            connections[number] = Connection(
                number, channel.topic, schema.name, definition, '', counts[number], ext, self
            )
        return connections


def _indexed(content: bytes, data_end: int) -> _Block:
    """The chunk that a record of the index tells of; its messages are counted by the lengths of their indexes."""
    fields = _Fields(content)
    start_ns, end_ns, at, size = fields.take(_INDEX_HEAD)
    offsets = sorted((where, channel) for channel, where in struct.iter_unpack('<HQ', fields.blob()))
    (length,) = fields.take(_U64)
    if not len(MAGIC) < at < at + size + length <= data_end or (offsets and offsets[0][0] < at + size):
        raise _DamagedError('its index tells of a chunk outside the data')
    ends = [where for where, _ in offsets[1:]] + [at + size + length]
    counts = {}
    for (where, channel), end in zip(offsets, ends, strict=True):
        count, rest = divmod(end - where - 15, 16)  # of a message index 15 bytes are no entries
        if rest or count < 0:
            raise _DamagedError('its index tells of no whole number of messages')
        if count:
            counts[channel] = count
    return _Block(at, size, start_ns, end_ns, counts, chunked=True)


def _runs(messages: list[tuple[int, int, int, int]]) -> Iterator[_Block]:
    """Messages that follow each other outside chunks, in blocks that are read at once."""
    begins = 0
    for number, (at, size, _, _) in enumerate(messages):
        if at + size - messages[begins][0] >= _RUN_BYTES or number == len(messages) - 1:
            run = messages[begins : number + 1]
            stamps = [stamp_ns for _, _, stamp_ns, _ in run]
            counts = Counter(channel for _, _, _, channel in run)
            yield _Block(run[0][0], at + size - run[0][0], min(stamps), max(stamps), counts, chunked=False)
            begins = number + 1


def _unpack_chunk(record: bytes) -> tuple[bytes, bool]:
    """The records in a chunk, and whether a checksum says that they are whole."""
    fields = _Fields(record)
    _, _, size, checksum = fields.take(_CHUNK_HEAD)
    compression = fields.text()
    (length,) = fields.take(_U64)
    if fields.tell() + length != len(record) or size > _LARGEST_CHUNK:
        raise _DamagedError(f'its head is damaged, or it is larger than {_LARGEST_CHUNK >> 20} MiB')
    packed = record[fields.tell() :]
    if compression not in ('', 'lz4', 'zstd'):
        raise _DamagedError(f'its compression, {compression[:20]!r}, is none of zstd and lz4')
    content = packed
    if compression:
        decompressor = zstd.ZstdDecompressor() if compression == 'zstd' else LZ4FrameDecompressor()
        content = decompressor.decompress(packed, max_length=size + 1)
    if len(content) != size:
        raise _DamagedError('it does not unpack to its size')
    if checksum and crc32(content) != checksum:
        raise _DamagedError('its checksum does not fit')
    return content, bool(checksum)


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        opcode, length = _RECORD.unpack_from(content, at)
        at += _RECORD.size
        if at + length > len(content):
            raise _DamagedError('a record goes beyond its end')
        if opcode != _MESSAGE:
            yield opcode, content[at : at + length]
        at += length


def _messages(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Time, channel, begin and end of the bytes of each message among records."""
    at = 0
    while at < len(content):
        opcode, length = _RECORD.unpack_from(content, at)
        at += _RECORD.size
        if at + length > len(content) or (opcode == _MESSAGE and length < _MESSAGE_HEAD.size):
            raise _DamagedError('a record goes beyond its end')
        if opcode == _MESSAGE:
            channel, _, stamp_ns, _ = _MESSAGE_HEAD.unpack_from(content, at)
            yield stamp_ns, channel, at + _MESSAGE_HEAD.size, at + length
        at += length


def _offered(metadata: bytes) -> str:
    """Find the QoS profiles in a channel's metadata."""
    fields = _Fields(metadata)
    while fields.tell() < len(metadata):
        key, value = fields.text(), fields.text()
        if key == 'offered_qos_profiles':
            return value
    return ''
