"""
Pictures out of messages: one decoder for what is live and what is recorded.

Two ways in, one result, an rgb8 array: :func:`decode_image` takes a message of rclpy or rosbags; the ``…_from_cdr``
functions view the bytes that a raw subscription or a bag gives, which for a large rgb8 image costs nothing per
pixel. OpenCV and rosbags' image part are loaded with the first picture that needs them: a robot whose camera sends
rgb8 stays some 20 MB smaller, and no process that drives loads rosbags' reader or writer.
"""

from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.messages.cdr import Cdr, imu_from_cdr, stamp_from_cdr
from lnn_controller.data.messages.image_headers import (
    MAX_PIXELS,
    PNG_HEAD,
    check_compressed,
    check_pixels,
    is_jpeg,
    is_wide_png,
)
from lnn_controller.errors import InputError
from lnn_controller.policy.frame import holds_frame
from lnn_controller.policy.spec import ImageSpec

__all__ = [
    'EVERY_BIT',
    'bits_used',
    'compressed_bits_used',
    'compressed_from_cdr',
    'decode_image',
    'image_from_cdr',
    'imu_from_cdr',
    'is_depth',
    'stamp_from_cdr',
]

EVERY_BIT = 16

# A matrix type names the number and kind of channels, not the colours: read as the colours it most often holds,
# in the order given (as rosbags-image and cv_bridge pass them through).
_MATRIX_COLOURS = {
    '8U': 'mono8', '8UC1': 'mono8', '8UC3': 'rgb8', '8UC4': 'rgba8',
    '16UC3': 'rgb16', '16UC4': 'rgba16',
}  # fmt: skip
# Distances in mm and in m (REP 118); a transport for depth names it in its format.
_DEPTH = ('16UC1', '16U', '32FC1', '32F')
_DEPTH_TRANSPORT = 'compressedDepth'
_NO_PICTURE = (
    'these are distances (REP 118), no picture: take the topic of the colour or grey camera; a camera whose grey '
    'values have 16 bits says mono16'
)
_PLANAR_420 = ('nv12', 'nv21')
_WITH_ALPHA = ('rgba16', 'bgra16')


class _Picture(NamedTuple):
    """A sensor_msgs/Image without its header."""

    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: NDArray[np.uint8]


class _Packed(NamedTuple):
    """A sensor_msgs/CompressedImage without its header."""

    format: str
    data: NDArray[np.uint8]


def decode_image(message: Any, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """
    Decode a sensor_msgs/Image or sensor_msgs/CompressedImage.

    Integers of 16 bits are scaled to 8; of matrix types (``16UC3``, ``32FC3``…), white is the type's largest value,
    1.0 for floats, and what is negative or not a number is black. Depth (``16UC1``, ``32FC1``) is refused. An rgb8
    image without row padding is viewed, not copied: it is valid as long as the message's data is not changed.

    :param message: the message, of rclpy or rosbags
    :param max_pixels: width × height at most: a larger image is refused before anything is made of it
    :returns: rgb8 picture, (H, W, 3) uint8
    :raises InputError: if the encoding is not supported, or the data are too large, do not fit size and step, or do
        not decode
    :raises TypeError: if ``message`` is neither
    """
    if hasattr(message, 'format'):
        return _unpack(_Packed(message.format, _octets(message.data)), max_pixels, EVERY_BIT)
    if hasattr(message, 'encoding'):
        return _rgb(
            _Picture(
                message.height,
                message.width,
                message.encoding,
                bool(message.is_bigendian),
                message.step,
                _octets(message.data),
            ),
            max_pixels,
        )
    raise TypeError(f'a sensor_msgs/Image or CompressedImage is needed. Got {type(message).__name__}')


def image_from_cdr(
    buffer: Any, max_pixels: int = MAX_PIXELS, bits: int = EVERY_BIT
) -> tuple[int, str, NDArray[np.uint8]]:
    """
    Decode the serialised bytes of a sensor_msgs/Image; rgb8 without row padding is viewed, not copied.

    :param buffer: CDR with its encapsulation header, bytes-like
    :param max_pixels: as :func:`decode_image`
    :param bits: that the values of a 16-bit image use: 2^bits − 1 is white
    :returns: header stamp, ns; header frame_id; rgb8 picture, (H, W, 3) uint8, read-only where it is a view
    :raises InputError: if the bytes are not such a message, or as :func:`decode_image`
    """
    stamp_ns, frame_id, picture = _picture_from_cdr(buffer)
    return stamp_ns, frame_id, _rgb(_white_at(picture, bits), max_pixels)


def bits_used(buffer: Any) -> int:
    """
    Count the bits that the values of a 16-bit image use.

    :param buffer: CDR of a sensor_msgs/Image with its encapsulation header, bytes-like
    :returns: bits of its largest value; 16 for every other encoding
    :raises InputError: if the bytes are not such a message
    """
    picture = _picture_from_cdr(buffer)[2]
    if not _is_wide(picture):
        return EVERY_BIT
    values = _values_16(picture)
    if picture.encoding in _WITH_ALPHA and values.size % 4 == 0 and picture.step == picture.width * 8:
        values = values.reshape(-1, 4)[:, :3]  # what is opaque is so in every bit
    return int(values.max(initial=0)).bit_length()


def compressed_bits_used(buffer: Any) -> int:
    """
    Count the bits that the values of a PNG of 16 bits use.

    :param buffer: CDR of a sensor_msgs/CompressedImage with its encapsulation header, bytes-like
    :returns: bits of its largest value; 16 for every other picture
    :raises InputError: if the bytes are not such a message, or the PNG does not decode
    """
    packed = _packed_from_cdr(buffer)[2]
    if not is_wide_png(packed.data[:PNG_HEAD].tobytes()):
        return EVERY_BIT
    return int(_wide(packed, MAX_PIXELS).max(initial=0)).bit_length()


def is_depth(buffer: Any, *, compressed: bool) -> bool:
    """
    Return whether an image holds distances.

    :param buffer: CDR of a sensor_msgs/Image or CompressedImage with its encapsulation header, bytes-like
    :param compressed: whether it is a CompressedImage
    :returns: whether its format or encoding is one of depth
    :raises InputError: if the bytes are not such a message
    """
    if compressed:
        return _is_depth_format(_packed_from_cdr(buffer)[2].format)
    return _picture_from_cdr(buffer)[2].encoding in _DEPTH


def _picture_from_cdr(buffer: Any) -> tuple[int, str, _Picture]:
    cdr = Cdr(buffer, 'sensor_msgs/Image')
    stamp_ns, frame_id = cdr.header()
    height, width = cdr.numbers('II')
    encoding = cdr.string()
    (is_bigendian,) = cdr.numbers('B', align=1)
    (step,) = cdr.numbers('I')
    data = cdr.octets()
    cdr.end()
    return stamp_ns, frame_id, _Picture(height, width, encoding, bool(is_bigendian), step, data)


def compressed_from_cdr(
    buffer: Any, max_pixels: int = MAX_PIXELS, bits: int = EVERY_BIT, fit: ImageSpec | None = None
) -> tuple[int, str, NDArray[np.uint8]]:
    """
    Decode the serialised bytes of a sensor_msgs/CompressedImage: JPEG or PNG.

    With ``fit`` the picture is only to be made into a network's frame: a JPEG is then decoded at a half, a quarter or
    an eighth of its size, the smallest that still has the frame's pixels after the crop, which leaves out most of the
    work; and the colours stay in OpenCV's order in memory, of which the array is a view.

    :param buffer: CDR with its encapsulation header, bytes-like
    :param max_pixels: as :func:`decode_image`
    :param bits: that the values of a PNG of 16 bits use: 2^bits − 1 is white
    :param fit: the frame that it is for; ``None``: the whole picture is wanted
    :returns: header stamp, ns; header frame_id; rgb8 picture, (H, W, 3) uint8
    :raises InputError: if the bytes are not such a message, or as :func:`decode_image`
    """
    stamp_ns, frame_id, packed = _packed_from_cdr(buffer)
    return stamp_ns, frame_id, _unpack(packed, max_pixels, bits, fit)


def _packed_from_cdr(buffer: Any) -> tuple[int, str, _Packed]:
    cdr = Cdr(buffer, 'sensor_msgs/CompressedImage')
    stamp_ns, frame_id = cdr.header()
    packed = _Packed(cdr.string(), cdr.octets())
    cdr.end()
    return stamp_ns, frame_id, packed


def _octets(data: Any) -> NDArray[np.uint8]:
    # rclpy gives array.array, rosbags an ndarray: both are viewed at no cost.
    return np.frombuffer(data, np.uint8)


def _is_depth_format(name: str) -> bool:
    return _DEPTH_TRANSPORT in name or name.partition(';')[0].strip() in _DEPTH


def _unpack(packed: _Packed, max_pixels: int, bits: int, fit: ImageSpec | None = None) -> NDArray[np.uint8]:
    import cv2

    if _is_depth_format(packed.format):
        raise InputError(f'compressed image of format {packed.format!r} cannot be decoded: {_NO_PICTURE}')
    if bits < EVERY_BIT and is_wide_png(packed.data[:PNG_HEAD].tobytes()):
        image: Any = _levels(_wide(packed, max_pixels), bits)
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image
    else:
        image = _decoded(packed, max_pixels, cv2.IMREAD_COLOR, fit)
    rgb: NDArray[np.uint8] = image[..., ::-1] if fit else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def _decoded(packed: _Packed, max_pixels: int, flags: int, fit: ImageSpec | None = None) -> Any:
    """A picture in OpenCV's order of colours; with ``fit`` a smaller one, if it is a JPEG that is large enough."""
    import cv2

    try:
        size = check_compressed(packed.data.tobytes(), max_pixels)
        if fit and is_jpeg(packed.data[:2].tobytes()):
            reduced = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
            for factor, smaller in reduced.items():
                if holds_frame(fit, *(-(-pixels // factor) for pixels in size)):
                    image = cv2.imdecode(packed.data, smaller)
                    # By its EXIF tags OpenCV turns a picture that was taken upright.
                    if image is not None and holds_frame(fit, *image.shape[:2]):
                        return image
        image = cv2.imdecode(packed.data, flags)
    except ValueError as error:
        raise _packed_wrongly(packed, str(error)) from None
    except cv2.error:
        image = None
    if image is None:
        raise _packed_wrongly(packed, 'it is damaged')
    return image


def _wide(packed: _Packed, max_pixels: int) -> NDArray[np.uint16]:
    """A PNG of 16 bits as it is: grey, (H, W), or the colours in OpenCV's order, (H, W, 3)."""
    import cv2

    return np.asarray(_decoded(packed, max_pixels, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH), np.uint16)


def _levels(values: NDArray[np.uint16], bits: int) -> NDArray[np.uint8]:
    most = 2**bits - 1
    levels: NDArray[np.uint8] = (np.minimum(values, most).astype(np.uint32) * 255 // most).astype(np.uint8)
    return levels


def _rgb(picture: _Picture, max_pixels: int) -> NDArray[np.uint8]:
    if picture.encoding in _DEPTH:
        raise _undecodable(picture, _NO_PICTURE)
    try:
        check_pixels(picture.width, picture.height, max_pixels)
    except ValueError as error:
        raise _undecodable(picture, str(error)) from None
    picture = picture._replace(encoding=_MATRIX_COLOURS.get(picture.encoding, picture.encoding))
    if picture.encoding == 'rgb8':
        picture = _without_row_padding(picture, 3)
        return picture.data.reshape(picture.height, picture.width, 3)
    import cv2
    from rosbags.image import ImageError, image_to_cvimage
    from rosbags.image.image import ENCODINGMAP, to_cvtype

    try:
        _, _, dtype, channels = to_cvtype(picture.encoding)
    except ImageError:
        supported = f'{", ".join(ENCODINGMAP)}, and 8U, 8S, 16U, 16S, 32S, 32F, 64F with C1, C3 or C4'
        raise _undecodable(picture, f'supported are {supported}') from None
    picture = _without_row_padding(picture, np.dtype(dtype).itemsize * channels)
    try:
        if picture.encoding in ENCODINGMAP:
            return np.ascontiguousarray(image_to_cvimage(cast(Any, picture), 'rgb8'), np.uint8)
        return _grade(image_to_cvimage(cast(Any, picture)), picture)
    except (ImageError, cv2.error) as err:
        reason = str(getattr(err, 'err', '') or err).strip()
        raise _undecodable(picture, f'its size does not suit the encoding ({reason})') from None


def _values_16(picture: _Picture) -> NDArray[np.uint16]:
    return picture.data.view('>u2' if picture.is_bigendian else '<u2')


def _is_wide(picture: _Picture) -> bool:
    return picture.encoding.endswith('16') and picture.data.size % 2 == 0


def _white_at(picture: _Picture, bits: int) -> _Picture:
    if bits == EVERY_BIT or not _is_wide(picture):
        return picture
    most = 2**bits - 1
    scaled = np.minimum(_values_16(picture), most).astype('<u4') * 65535 // most
    return picture._replace(data=scaled.astype('<u2').view(np.uint8), is_bigendian=False)


def _without_row_padding(picture: _Picture, pixel_bytes: int) -> _Picture:
    # rosbags-image ignores `step`; padded rows would come out skewed.
    height, width, step, data = picture.height, picture.width, picture.step, picture.data
    row = width * pixel_bytes
    if picture.encoding in _PLANAR_420 and data.size == step * (height * 3 // 2):
        height = height * 3 // 2  # drivers count the picture's rows, or (as OpenCV) those of the chroma plane too
    if not row or not height or step < row or data.size != step * height:
        reason = f'{height} rows of step {step} ≥ {row} bytes are needed, {data.size} bytes arrived'
        raise _undecodable(picture, reason)
    if step != row:
        data = np.ascontiguousarray(data.reshape(height, step)[:, :row]).reshape(-1)
    return picture._replace(height=height, step=row, data=data)


def _grade(image: NDArray[Any], picture: _Picture) -> NDArray[np.uint8]:
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels not in (1, 3, 4):
        raise _undecodable(picture, '1, 3 or 4 channels make a picture')
    full = 1.0 if image.dtype.kind == 'f' else float(np.iinfo(image.dtype).max)
    grey = np.clip(np.nan_to_num(image / full, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    levels = np.rint(grey * 255.0).astype(np.uint8)
    if channels == 1:
        return np.repeat(levels.reshape(*levels.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(levels[..., :3])


def _undecodable(picture: _Picture, reason: str) -> InputError:
    return InputError(
        f'image of encoding {picture.encoding!r}, {picture.width}×{picture.height}, cannot be decoded: {reason}'
    )


def _packed_wrongly(packed: _Packed, reason: str) -> InputError:
    return InputError(
        f'compressed image of format {packed.format!r} and {packed.data.size} bytes does not decode: '
        f'a whole JPEG or PNG is needed, {reason}'
    )
