"""
Read one MCAP file, of whatever writer and in whatever state: by its index or, without one, by going through it.

What is damaged is left out and reported (:class:`Damage`); all that is whole before and after it is read. Whole is
what its checksum vouches for, where the writer has written one, and what agrees with the index.
"""

import heapq
import re
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition, MessageDefinitionFormat, Qos
from rosbags.rosbag2.metadata import parse_qos

from lnn_controller.data.bags import mcap_records as mcap
from lnn_controller.data.bags.damage import Damage

__all__ = ['McapFile']

# A chunk whose compression is known, to find again where records begin.
_CHUNK_BEGINS = re.compile(rb'\x06.{5}\0{3}.{28}(?:\0{4}|\x03\0{3}lz4|\x04\0{3}zstd)', re.DOTALL)
_RUN_BYTES, _BLOCK_BYTES, _LONGEST_MATCH = 1 << 20, 1 << 20, 64
_NO_CHECKSUM = 'its messages are not those of its index'
_FORMATS = {
    'ros2msg': MessageDefinitionFormat.MSG,
    'ros2idl': MessageDefinitionFormat.IDL,
    'omgidl': MessageDefinitionFormat.IDL,
    '': MessageDefinitionFormat.NONE,
}


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
            self._closed_whole = self._read(max(0, self._size - len(mcap.MAGIC)), len(mcap.MAGIC)) == mcap.MAGIC
            try:
                self._found, self._blocks = self._read_summary()
            except mcap.BROKEN:
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

    def _rows(self, block: mcap.Block, wanted: Collection[int]) -> list[tuple[int, int, bytes]]:
        """Time, channel and bytes of a block's messages, in order of time; none where it is damaged."""
        try:
            content, sure = self._content(block)
            rows = [(stamp_ns, channel, content[a:b]) for stamp_ns, channel, a, b in mcap.messages(content)]
            if not sure:
                self._compare(block, rows)
        except mcap.BROKEN as error:
            self._leave_out(block.at, 'chunk at byte' if block.chunked else 'messages at byte', error, block.counts)
            return []
        return sorted((row for row in rows if row[1] in wanted), key=lambda row: row[0])

    def _compare(self, block: mcap.Block, rows: list[tuple[int, int, bytes]]) -> None:
        """Compare what has no checksum with its index and, where it is a chunk, with the message index behind it."""
        counts = Counter(channel for _, channel, _ in rows)
        if counts != block.counts or (rows and min(rows)[0] < block.start_ns):
            raise mcap.DamagedError(_NO_CHECKSUM)
        times: dict[int, list[int]] = {}
        at = block.at + block.size
        while True:
            opcode, length = self._head(at, self._size)
            if opcode != mcap.MESSAGE_INDEX:
                break
            content = self._read(at + mcap.RECORD.size, length)
            channel, size = struct.unpack_from('<HI', content)
            times.setdefault(channel, []).extend(time for time, _ in struct.iter_unpack('<QQ', content[6 : 6 + size]))
            at += mcap.RECORD.size + length
        for channel, indexed_ns in times.items():
            if sorted(indexed_ns) != sorted(stamp_ns for stamp_ns, number, _ in rows if number == channel):
                raise mcap.DamagedError(_NO_CHECKSUM)

    def _content(self, block: mcap.Block) -> tuple[bytes, bool]:
        """The records of a block, and whether a checksum vouches for them."""
        if not block.chunked:
            return self._read(block.at, block.size), False
        record = self._read(block.at, block.size)
        if len(record) < block.size or mcap.RECORD.unpack_from(record) != (mcap.CHUNK, block.size - mcap.RECORD.size):
            raise mcap.DamagedError('it does not begin where the index says')
        return mcap.unpack_chunk(record[mcap.RECORD.size :])

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

    def _read_summary(self) -> tuple[mcap.Found, list[mcap.Block]]:
        """Schemas, channels and chunks as the summary lists them, if it can be relied upon."""
        footer_at = self._size - len(mcap.MAGIC) - mcap.FOOTER_FIELDS.size
        if not self._closed_whole or footer_at <= len(mcap.MAGIC):
            raise mcap.DamagedError('its end is missing')
        footer = self._read(footer_at, mcap.FOOTER_FIELDS.size)
        opcode, length, begins, _, checksum = mcap.FOOTER_FIELDS.unpack(footer)
        if (opcode, length) != (mcap.FOOTER, 20) or not len(mcap.MAGIC) < begins < footer_at:
            raise mcap.DamagedError('it has no summary')
        summary = self._read(begins, footer_at - begins)
        if checksum and crc32(summary + footer[:-4]) != checksum:
            raise mcap.DamagedError('the checksum of its summary does not fit')
        found, blocks, statistics = mcap.Found(), [], None
        for opcode, content in mcap.records(summary):
            if opcode in (mcap.SCHEMA, mcap.CHANNEL):
                found.take(opcode, content, sure=bool(checksum))
            elif opcode == mcap.CHUNK_INDEX:
                blocks.append(mcap.indexed_block(content, begins))
            elif opcode == mcap.STATISTICS:
                statistics = mcap.STATISTICS_HEAD.unpack_from(content)
        self._check(found, blocks, statistics)
        if not checksum:
            self._compare_channels(found, blocks)
        return found, blocks

    def _check(self, found: mcap.Found, blocks: list[mcap.Block], statistics: tuple[int, ...] | None) -> None:
        counted = [block for block in blocks if block.counts]
        if not counted or any(channel not in found.channels for block in counted for channel in block.counts):
            raise mcap.DamagedError('its index is not of all messages')
        if len({block.at for block in blocks}) < len(blocks):
            raise mcap.DamagedError('its index has a chunk twice')
        if statistics is None:
            raise mcap.DamagedError('it does not say how many messages there are')
        messages, chunks, start_ns, end_ns = statistics[0], *statistics[5:8]
        indexed = sum(sum(block.counts.values()) for block in counted)
        span = (min(block.start_ns for block in counted), max(block.end_ns for block in counted))
        if (messages, chunks, (start_ns, end_ns)) != (indexed, len(blocks), span):
            raise mcap.DamagedError('its index is not of all messages')

    def _compare_channels(self, found: mcap.Found, blocks: list[mcap.Block]) -> None:
        """Of a summary without checksum: the first chunk must describe the channels alike."""
        try:
            content, _ = self._content(min(blocks))
            announced = [each for each in mcap.records(content) if each[0] in (mcap.SCHEMA, mcap.CHANNEL)]
        except mcap.BROKEN:
            return
        for opcode, record in announced:
            found.take(opcode, record, sure=False)

    # By going through it.

    def _go_through(self) -> tuple[mcap.Found, list[mcap.Block]]:
        """Schemas, channels and blocks by reading the file from its start to its end, or as far as it goes."""
        found, blocks = mcap.Found(), list[mcap.Block]()
        run: list[tuple[int, int, int, int]] = []  # messages outside chunks: where, size, time, channel
        end = self._size - (len(mcap.MAGIC) if self._closed_whole else 0)
        at = len(mcap.MAGIC)
        while at < end:
            opcode, length = self._head(at, end)
            size = mcap.RECORD.size + length
            if not opcode:
                if run and not self._begins(at):
                    run.pop()  # perhaps its length is what has led astray
                at = self._go_on_after(at, end)
                continue
            if opcode == mcap.DATA_END:
                break
            if opcode == mcap.MESSAGE:
                channel, _, stamp_ns, _ = mcap.MESSAGE_HEAD.unpack(
                    self._read(at + mcap.RECORD.size, mcap.MESSAGE_HEAD.size)
                )
                run.append((at, size, stamp_ns, channel))
            elif opcode == mcap.CHUNK:
                self._take_chunk(at, size, found, blocks)
            elif opcode in (mcap.SCHEMA, mcap.CHANNEL):
                found.take(opcode, self._read(at + mcap.RECORD.size, length), sure=False)
            at += size
        self.cut_off = not self._closed_whole
        runs = list(_runs(run))
        if at < end:
            runs = self._compare_with_end(at, end, found, blocks, runs)
        return found, blocks + runs

    def _head(self, at: int, end: int) -> tuple[int, int]:
        """Opcode and length of the record there; zeros where there can be none."""
        head = self._read(at, mcap.RECORD.size)
        if len(head) < mcap.RECORD.size:
            return 0, 0
        opcode, length = mcap.RECORD.unpack(head)
        fits = {
            mcap.DATA_END: length == 4,
            mcap.FOOTER: length == 20,
            mcap.MESSAGE: length >= mcap.MESSAGE_HEAD.size,
        }.get(opcode, True)
        known = 0 < opcode <= mcap.LAST or opcode >= mcap.PRIVATE
        return (opcode, length) if fits and known and at + mcap.RECORD.size + length <= end else (0, 0)

    def _begins(self, at: int) -> bool:
        """Whether a record begins there that a killed writer did not finish."""
        head = self._read(at, mcap.RECORD.size)
        if len(head) < mcap.RECORD.size:
            return not self._closed_whole
        opcode, length = mcap.RECORD.unpack(head)
        return not self._closed_whole and 0 < opcode <= mcap.LAST and length < mcap.LARGEST_CHUNK

    def _go_on_after(self, at: int, end: int) -> int:
        """Where records go on after a place where none begins; the end of the file where nothing is found."""
        again = self._find_chunk(at, end)
        if again < end or self._closed_whole:
            self._leave_out(
                at, f'everything up to byte {again}, from byte', mcap.DamagedError('no record begins there')
            )
        return again

    def _compare_with_end(
        self, at: int, end: int, found: mcap.Found, blocks: list[mcap.Block], runs: list[mcap.Block]
    ) -> list[mcap.Block]:
        """Compare what was found with the statistics at the end; returns the messages outside chunks to rely upon."""
        listed = None
        checksum = mcap.U32.unpack(self._read(at + mcap.RECORD.size, 4))[0]
        if runs and checksum and self._checksum(at) != checksum:
            raise mcap.DamagedError('the checksum of its data does not fit, and it has none of parts')
        with suppress(*mcap.BROKEN):
            for opcode, content in mcap.records(self._read(at, end - at)):
                if opcode in (mcap.SCHEMA, mcap.CHANNEL):
                    found.take(opcode, content, sure=False)
                elif opcode == mcap.STATISTICS:
                    listed = mcap.STATISTICS_HEAD.unpack_from(content)[0]
        counted = sum(sum(block.counts.values()) for block in (*blocks, *runs))
        if listed in (None, counted):
            return runs
        if runs and blocks:  # which may be something else of a chunk, whose kind is damaged
            for run in runs:
                self._leave_out(run.at, 'messages at byte', mcap.DamagedError('there are more than it lists'))
            return []
        if not self.damage:
            self._leave_out(0, 'something after byte', mcap.DamagedError(f'{counted} of {listed} messages are there'))
        return runs

    def _take_chunk(self, at: int, size: int, found: mcap.Found, blocks: list[mcap.Block]) -> None:
        try:
            content, sure = mcap.unpack_chunk(self._read(at + mcap.RECORD.size, size - mcap.RECORD.size))
            stamps, counts = [], Counter[int]()
            for stamp_ns, channel, _, _ in mcap.messages(content):
                stamps.append(stamp_ns)
                counts[channel] += 1
            announced = [each for each in mcap.records(content) if each[0] in (mcap.SCHEMA, mcap.CHANNEL)]
        except mcap.BROKEN as error:
            self._leave_out(at, 'chunk at byte', error)
            return
        for opcode, record in announced:
            found.take(opcode, record, sure=sure)
        key = (crc32(content), len(content))
        if key in self._seen:
            self._leave_out(at, 'chunk at byte', mcap.DamagedError('it is there twice'))
        elif stamps:
            self._seen.add(key)
            blocks.append(mcap.Block(at, size, min(stamps), max(stamps), counts, chunked=True))

    def _find_chunk(self, at: int, end: int) -> int:
        """Find the next whole chunk, by its checksum; the end of the data where there is none."""
        while at < end:
            block = self._read(at + 1, _BLOCK_BYTES + _LONGEST_MATCH)
            for match in _CHUNK_BEGINS.finditer(block):
                begins = at + 1 + match.start()
                length = mcap.RECORD.unpack_from(block, match.start())[1]
                if begins + mcap.RECORD.size + length <= end and self._is_chunk(begins, length):
                    return begins
            at += _BLOCK_BYTES
        return end

    def _is_chunk(self, at: int, length: int) -> bool:
        try:
            return mcap.unpack_chunk(self._read(at + mcap.RECORD.size, length))[1]
        except mcap.BROKEN:
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
            self._leave_out(
                1, 'something after byte', mcap.DamagedError(f'{lost} messages are of channels not described')
            )
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
                profiles = parse_qos(mcap.offered_profiles(channel.metadata))
            ext = ConnectionExtRosbag2('cdr', profiles)
            connections[number] = Connection(
                number, channel.topic, schema.name, definition, '', counts[number], ext, self
            )
        return connections


def _runs(messages: list[tuple[int, int, int, int]]) -> Iterator[mcap.Block]:
    """Messages that follow each other outside chunks, in blocks that are read at once."""
    begins = 0
    for number, (at, size, _, _) in enumerate(messages):
        if at + size - messages[begins][0] >= _RUN_BYTES or number == len(messages) - 1:
            run = messages[begins : number + 1]
            stamps = [stamp_ns for _, _, stamp_ns, _ in run]
            counts = Counter(channel for _, _, _, channel in run)
            yield mcap.Block(run[0][0], at + size - run[0][0], min(stamps), max(stamps), counts, chunked=False)
            begins = number + 1
