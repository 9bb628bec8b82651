"""
The headers of a compressed image, read before a decoder sees it.

A decoder believes a header: a few hundred bytes can make it take gigabytes or minutes. So only JPEG and PNG are let
through, by their first bytes and whatever the message's ``format`` says, with their size and structure checked.
"""

import struct

__all__ = ['MAX_PIXELS', 'PNG_HEAD', 'check_compressed', 'check_pixels', 'is_jpeg', 'is_wide_png']

MAX_PIXELS = 16_000_000
PNG_HEAD = 25  # bytes up to the depth of its values
_JPEG, _PNG = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'
_OTHERS = (
    (b'GIF8', 'GIF'),
    (b'BM', 'BMP'),
    (b'II*\0', 'TIFF'),
    (b'MM\0*', 'TIFF'),
    (b'\0\0\0\x0cjP', 'JPEG 2000'),
    (b'\xff\x4f\xff\x51', 'JPEG 2000'),
    (b'\0\0\0\x01', 'H.264 or H.265 video'),
    (b'\0\0\x01', 'H.264 or H.265 video'),
    (b'v/1\x01', 'OpenEXR'),
)
# Start of frame: every C0–CF but the tables' and the reserved one.
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
_SEQUENTIAL = frozenset((0xC0, 0xC1))
_SCAN, _END = 0xDA, 0xD9
_LAST = b'\xff\xd9'
# Each scan of a progressive JPEG goes over the whole picture, and may be a few bytes: encoders make about ten.
_MAX_SCANS = 64
_MAX_CHUNKS = 65_536
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type


def check_compressed(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """
    Check that a compressed image is a whole JPEG or PNG of a bearable size.

    :param data: the image
    :param max_pixels: width × height at most
    :returns: height and width by its header, px
    :raises ValueError: if it is not; the message gives the reason
    """
    if is_jpeg(data):
        return _check_jpeg(data, max_pixels)
    if data.startswith(_PNG):
        return _check_png(data, max_pixels)
    raise ValueError(f'{_name(data)} arrived: have the camera publish JPEG or PNG, or convert the recording')


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """
    Check a picture's size.

    :param width: px
    :param height: px
    :param max_pixels: width × height at most
    :raises ValueError: if it is empty or larger
    """
    if not width or not height:
        raise ValueError(f'its size is {width}×{height}')
    if width * height > max_pixels:
        raise ValueError(f'it is {width}×{height}, more than {max_pixels / 1e6:g} megapixels')


def is_jpeg(data: bytes) -> bool:
    """
    Return whether a compressed image is a JPEG.

    :param data: its first two bytes suffice
    :returns: whether it is
    """
    return data.startswith(_JPEG)


def is_wide_png(data: bytes) -> bool:
    """
    Return whether a compressed image is a PNG of 16 bits.

    :param data: its first :data:`PNG_HEAD` bytes suffice
    :returns: whether it is
    """
    return data.startswith(_PNG) and data[24:25] == b'\x10'


def _name(data: bytes) -> str:
    if data[:4] == b'RIFF' and data[8:12] == b'WEBP':
        return 'WebP'
    if data[4:8] == b'ftyp':
        return 'AVIF, HEIF or MP4'
    return next((name for magic, name in _OTHERS if data.startswith(magic)), 'neither' if data else 'nothing')


def _check_jpeg(data: bytes, max_pixels: int) -> tuple[int, int]:
    marker, at, length = _segment(data, 2)
    while marker not in _SIZES:
        if marker == _SCAN:
            raise ValueError('its pixels begin before its size')
        marker, at, length = _segment(data, at + length)
    if length < 8:
        raise ValueError('it has no size')
    process, components = marker, data[at + 7]
    height, width = struct.unpack_from('>HH', data, at + 3)
    check_pixels(width, height, max_pixels)
    # Some versions of OpenCV fill up what was cut off with grey. A thumbnail before has an end mark of its own.
    if not data.endswith(_LAST) and data.rfind(_LAST) < at:
        raise ValueError('it was cut off: its end is missing')
    while marker != _SCAN:
        marker, at, length = _segment(data, at + length)
    # Whatever follows the only scan of a sequential JPEG is not decoded; the others' may be many.
    in_one = process in _SEQUENTIAL and data[at + 2 : at + 3] == bytes([components])
    if not in_one and data.count(b'\xff\xda', at) > _MAX_SCANS:
        raise ValueError(f'it has more than {_MAX_SCANS} scans')
    return height, width


def _segment(data: bytes, at: int) -> tuple[int, int, int]:
    """The next segment with a length: its marker, where its length stands, and that."""
    while True:
        at = data.find(b'\xff', at)  # decoders skip what is between two segments
        while at >= 0 and data[at + 1 : at + 2] == b'\xff':  # fill bytes
            at += 1
        if at < 0 or at + 2 > len(data):
            raise ValueError('it ends before its pixels')
        marker, at = data[at + 1], at + 2
        if marker == 0 or marker in _WITHOUT_LENGTH:
            continue
        if marker == _END:
            raise ValueError('it ends before its pixels')
        (length,) = struct.unpack_from('>H', data, at) if at + 2 <= len(data) else (0,)
        if length < 2 or at + length > len(data):
            raise ValueError('it ends inside its header')
        return marker, at, length


def _check_png(data: bytes, max_pixels: int) -> tuple[int, int]:
    length, kind = struct.unpack_from('>I4s', data, 8) if len(data) >= 33 else (0, b'')
    if (length, kind) != (13, b'IHDR'):
        raise ValueError('it does not begin with a header (IHDR)')
    width, height, depth, colours, compression, filtering, interlace = struct.unpack_from('>IIBBBBB', data, 16)
    if depth not in _DEPTHS.get(colours, ()) or compression or filtering or interlace > 1:
        raise ValueError('its header (IHDR) is none that PNG has')
    check_pixels(width, height, max_pixels)
    at = 33
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            raise ValueError('it was cut off: its end is missing')
        length, kind = struct.unpack_from('>I4s', data, at)
        if length > len(data) - at - 12:
            raise ValueError(f'it was cut off: a chunk of {length} bytes is announced, {len(data) - at - 12} are there')
        if kind == b'IEND':
            return height, width
        if kind in (b'IHDR', b'acTL'):
            raise ValueError(f'it holds more than one picture ({kind.decode()})')
        at += 12 + length
    raise ValueError(f'it has more than {_MAX_CHUNKS} chunks')
