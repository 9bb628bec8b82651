"""
The headers of a packet of H.264 or H.265 video, read before a decoder sees it.

A decoder that misses a packet goes on with what it has: the pictures that follow build on one that nobody saw.
H.264 numbers its reference pictures (ITU-T H.264, 7.4.3, ``frame_num``), so that a gap shows; of H.265 the decoder
reports one.
"""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ['H264', 'Hevc', 'PacketInfo', 'codec_of', 'is_video']

_START = b'\0\0\1'
# Of a unit's beginning all that is looked at lies within this; scaling lists may make a parameter set long.
_HEAD, _SETS_HEAD = 64, 1024
_WITH_CHROMA_FORMAT = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
_RECOVERY_POINT = 6
# How packets with a key frame begin. H.264: key frame, SEI, parameter set, delimiter. H.265, on its base layer:
# parameter sets, delimiter, SEI, key frame; as H.264 these would be nothing that begins a packet.
_H264_BEGINS = frozenset((5, 6, 7, 9))
_HEVC_BEGINS = frozenset((b'\x40\x01', b'\x42\x01', b'\x44\x01', b'\x46\x01', b'\x4e\x01', b'\x26\x01'))


class PacketInfo(NamedTuple):
    """
    A packet, by its headers.

    :param picture: whether it holds one, or parameter sets alone
    :param key: whether it can be decoded without any before it
    :param closed: whether nothing that comes after it builds on what came before it
    :param follows: whether all that it builds on came before it, as far as its numbers show
    """

    picture: bool
    key: bool
    closed: bool
    follows: bool


def is_video(data: bytes) -> bool:
    """
    Return whether bytes are H.264 or H.265 video with start codes (Annex B), whatever a message calls them.

    :param data: the first bytes suffice
    :returns: whether they begin as such a stream does
    """
    return data.startswith((_START, b'\0' + _START))


def codec_of(name: str, data: bytes) -> str:
    """
    Return the codec of a packet, by what its message calls it, else by its first unit.

    :param name: such as ``h264``, ``hevc_nvenc``, ``libx264;yuv420p;bgr8;bgr8`` or ``video``
    :param data: the packet
    :returns: ``h264`` or ``hevc``; any other codec that is named, by its name; empty where nothing shows it
    """
    named = name.partition(';')[0].strip().lower()
    if '264' in named or 'avc' in named:
        return 'h264'
    if '265' in named or 'hevc' in named:
        return 'hevc'
    if named not in ('', 'video'):
        return named
    first = next(_units(data), b'')
    if first[:2] in _HEVC_BEGINS:
        return 'hevc'
    return 'h264' if first[:1] and first[0] & 31 in _H264_BEGINS else ''


class H264:
    """Reads one stream of H.264; ``cycle`` pictures after one, its number comes again."""

    def __init__(self) -> None:
        self.cycle = 16
        self._numbered = False  # whether the parameter set with their layout was read, and gaps show in the numbers
        self._bits = 4
        self._planes = self._frames_only = False
        self._last = 0

    def look(self, data: bytes) -> PacketInfo:
        """
        Look at a packet, each in its turn.

        :param data: the packet
        :returns: what its headers hold
        """
        recovery = False
        for unit in _units(data):
            kind = unit[0] & 31
            if kind == 7:
                self._read_set(unit)
            elif kind == 6:
                recovery |= _recovery_point(unit)
            elif kind in (1, 5):
                follows = self._follows(unit, idr=kind == 5)
                return PacketInfo(True, kind == 5 or recovery, kind == 5, follows)
        return PacketInfo(False, False, False, True)

    def _follows(self, unit: bytes, *, idr: bool) -> bool:
        bits = _Bits(unit[1:_HEAD])
        first = bits.ue()
        bits.ue()
        bits.ue()
        if self._planes:
            bits.u(2)
        number = bits.u(self._bits)
        second = not self._frames_only and bits.u(1) and number == self._last
        follows = idr or not self._numbered or second or number == (self._last + 1) % self.cycle
        if unit[0] >> 5 & 3:  # a reference
            self._last = number
        return bool(follows) and not first

    def _read_set(self, unit: bytes) -> None:
        bits = _Bits(unit[1:_SETS_HEAD])
        profile = bits.u(8)
        bits.u(16)
        bits.ue()
        self._planes = False
        if profile in _WITH_CHROMA_FORMAT:
            chroma = bits.ue()
            self._planes = chroma == 3 and bool(bits.u(1))
            bits.ue()
            bits.ue()
            bits.u(1)
            if bits.u(1):
                for number in range(12 if chroma == 3 else 8):
                    if bits.u(1):
                        bits.scaling_list(16 if number < 6 else 64)
        self._bits = min(16, bits.ue() + 4)
        self.cycle = 1 << self._bits
        order = bits.ue()
        if order == 0:
            bits.ue()
        elif order == 1:
            bits.u(1)
            bits.ue()
            bits.ue()
            for _ in range(min(bits.ue(), 255)):
                bits.ue()
        bits.ue()
        self._numbered = not bits.u(1)  # else gaps are allowed, as where layers are left out
        bits.ue()
        bits.ue()
        self._frames_only = bool(bits.u(1))


class Hevc:
    """Reads one stream of H.265, whose decoder reports missing pictures; ``cycle`` as of :class:`H264`."""

    cycle = 16

    def look(self, data: bytes) -> PacketInfo:
        """
        Look at a packet.

        :param data: the packet
        :returns: what its headers hold
        """
        for unit in _units(data):
            kind = unit[0] >> 1 & 63
            if kind < 32:
                return PacketInfo(True, 16 <= kind <= 23, 16 <= kind <= 20, True)
        return PacketInfo(False, False, False, True)


class _Bits:
    """A cursor over the bits of a unit; beyond its end are ones, which end every number soon."""

    def __init__(self, data: bytes) -> None:
        plain = data.replace(b'\0\0\3', b'\0\0')  # the 3 keeps a start code from appearing inside
        self._value = int.from_bytes(plain, 'big')
        self._left = len(plain) * 8

    def u(self, count: int) -> int:
        """An unsigned number of so many bits."""
        self._left -= count
        if self._left < 0:
            return (1 << count) - 1
        return self._value >> self._left & (1 << count) - 1

    def ue(self) -> int:
        """An unsigned number in Exp-Golomb code."""
        zeros = 0
        while zeros < 32 and not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + (self.u(zeros) if zeros else 0)

    def scaling_list(self, size: int) -> None:
        """Pass a scaling list."""
        last = following = 8
        for _ in range(size):
            if following:
                code = self.ue()
                following = (last + (code + 1 >> 1 if code & 1 else -(code >> 1))) % 256
            last = following or last


def _units(data: bytes) -> Iterator[bytes]:
    """The units of a packet, each without its start code."""
    at = data.find(_START)
    while at >= 0:
        end = data.find(_START, at + 3)
        unit = data[at + 3 : end if end >= 0 else len(data)]
        if unit:
            yield unit
        at = end


def _recovery_point(unit: bytes) -> bool:
    """Whether supplemental information lets a decoder begin here."""
    at, left = 1, len(unit)
    while at + 2 < left:
        kind = size = 0
        while at < left and unit[at] == 255:
            kind, at = kind + 255, at + 1
        kind, at = kind + (unit[at] if at < left else 0), at + 1
        while at < left and unit[at] == 255:
            size, at = size + 255, at + 1
        size, at = size + (unit[at] if at < left else 0), at + 1
        if kind == _RECOVERY_POINT:
            return True
        at += size
    return False
