"""Read an MCAP file whose writer was killed: what is whole of it, as if it had been closed."""

import io
import struct
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ['CutOff', 'whole_bytes']

MAGIC = b'\x89MCAP0\r\n'
HEADER = struct.Struct('<BQ')  # opcode and length before every record (mcap.dev/spec)
# DataEnd without a checksum, then a footer that says there is no summary: readers scan the records instead.
END = HEADER.pack(0x0F, 4) + bytes(4) + HEADER.pack(0x02, 20) + bytes(20) + MAGIC


def whole_bytes(path: Path) -> int:
    """
    Measure how much of a file is whole records.

    :param path: an MCAP file that begins with its magic
    :returns: bytes up to the end of the last whole record of data; 0 where there is none
    :raises OSError: if it cannot be read
    """
    size, records = path.stat().st_size, 0
    with path.open('rb') as stream:
        end = stream.seek(len(MAGIC))
        while (header := stream.read(HEADER.size)) and len(header) == HEADER.size:
            opcode, length = HEADER.unpack(header)
            # Where the data ends, a writer was killed while it wrote the summary.
            if opcode in (0x00, 0x02, 0x0F) or end + HEADER.size + length > size:
                break
            end = stream.seek(end + HEADER.size + length)
            records += 1
    return end if records else 0


class CutOff:
    """
    A path that opens as what is whole of its file, with an end that readers ask for. The file stays as it is.

    :param path: of the file
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.whole = whole_bytes(path)

    def open(self, mode: str = 'rb') -> BinaryIO:
        """
        Open it.

        :param mode: ``'rb'``
        :returns: a stream for reading
        :raises ValueError: if the mode is another
        """
        if mode != 'rb':
            raise ValueError(f"a recovered file is for reading: mode 'rb'. Got {mode!r}")
        return io.BufferedReader(_Spliced(self._path, self.whole))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._path, name)

    def __str__(self) -> str:
        return str(self._path)


class _Spliced(io.RawIOBase):
    """The first bytes of a file, then :data:`END`."""

    def __init__(self, path: Path, whole: int) -> None:
        self._file = path.open('rb', buffering=0)
        self._whole, self._at = whole, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        start = {0: 0, 1: self._at, 2: self._whole + len(END)}[whence]
        if start + offset < 0:
            raise OSError('a stream has nothing before its start')
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer)
        if self._at < self._whole:
            self._file.seek(self._at)
            data = self._file.read(min(wanted, self._whole - self._at))
        else:
            start = self._at - self._whole
            data = END[start : start + wanted]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
