import array
import struct
import subprocess
import sys
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import picture
from rosbags.image.image import ENCODINGMAP

from lnn_controller.data.messages import build as m
from lnn_controller.data.messages.images import (
    bits_used,
    compressed_bits_used,
    compressed_from_cdr,
    decode_image,
    image_from_cdr,
    is_depth,
)
from lnn_controller.errors import InputError
from lnn_controller.policy import ImageSpec, fit_frame

H, W = 12, 16
RGB = picture(3)
BGR = RGB[..., ::-1]
ALPHA = np.dstack([RGB, np.full((H, W), 7, np.uint8)])
GREY = cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY)
WIDE = RGB.astype(np.uint16) * 257
FLOAT = RGB.astype(np.float32) / 255


def grey(levels):
    return np.repeat(levels[..., None], 3, axis=2)


def image(encoding, pixels, *, step=None, height=H, width=W, is_bigendian=0):
    pixels = np.ascontiguousarray(pixels)
    return m.typestore().types['sensor_msgs/msg/Image'](
        header=m.image_message(5, RGB).header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=pixels.nbytes // height if step is None else step,
        data=pixels.view(np.uint8).reshape(-1),
    )


def compressed(data, name='jpeg'):
    return m.typestore().types['sensor_msgs/msg/CompressedImage'](
        header=m.image_message(5, RGB).header, format=name, data=np.frombuffer(data, np.uint8)
    )


# Exact: what the encoding says, without interpolation.
EXACT = {
    'rgb8': (RGB, RGB),
    'bgr8': (BGR, RGB),
    'rgba8': (ALPHA, RGB),
    'bgra8': (ALPHA[..., [2, 1, 0, 3]], RGB),
    'mono8': (GREY, grey(GREY)),
    '8UC1': (GREY, grey(GREY)),
    '8UC3': (RGB, RGB),
    '8UC4': (ALPHA, RGB),
    'rgb16': (WIDE, RGB),
    'bgr16': (WIDE[..., ::-1], RGB),
    'rgba16': (np.dstack([WIDE, WIDE[..., 0]]), RGB),
    'bgra16': (np.dstack([WIDE[..., ::-1], WIDE[..., 0]]), RGB),
    'mono16': (WIDE[..., 0], grey(RGB[..., 0])),
    '16UC3': (WIDE, RGB),
    '32FC3': (FLOAT, RGB),
    '64FC1': (FLOAT[..., 0].astype(float), grey(RGB[..., 0])),
    '8SC1': (np.full((H, W), 127, np.int8), np.full((H, W, 3), 255, np.uint8)),
    '16SC3': (np.full((H, W, 3), -5, np.int16), np.zeros((H, W, 3), np.uint8)),
    '32SC1': (np.full((H, W), 2**31 - 1, np.int32), np.full((H, W, 3), 255, np.uint8)),
}
# Interpolated colours: OpenCV is the reference. OpenCV names a Bayer pattern by its second row and column.
INTERPOLATED = {
    'bayer_rggb8': cv2.COLOR_BAYER_BG2RGB,
    'bayer_bggr8': cv2.COLOR_BAYER_RG2RGB,
    'bayer_gbrg8': cv2.COLOR_BAYER_GR2RGB,
    'bayer_grbg8': cv2.COLOR_BAYER_GB2RGB,
    'yuv422': cv2.COLOR_YUV2RGB_UYVY,
    'uyvy': cv2.COLOR_YUV2RGB_UYVY,
    'yuv422_yuy2': cv2.COLOR_YUV2RGB_YUYV,
    'yuyv': cv2.COLOR_YUV2RGB_YUYV,
    'nv12': cv2.COLOR_YUV2RGB_NV12,
    'nv21': cv2.COLOR_YUV2RGB_NV21,
}


def both_ways(message):
    """Decode the message, and its bytes: the same picture must come out."""
    decoded = decode_image(message)
    from_bytes = compressed_from_cdr if hasattr(message, 'format') else image_from_cdr
    stamp, frame_id, view = from_bytes(bytes(m.serialize(message)))
    assert (stamp, frame_id) == (5, 'camera_optical_frame')
    np.testing.assert_array_equal(view, decoded)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    return decoded


@pytest.mark.parametrize('encoding', EXACT)
def test_encoding(encoding):
    pixels, expected = EXACT[encoding]
    # rosbags-image scales 16 bits to 8 by truncation, so a level may come out one lower.
    tolerance = 1 if '16' in encoding else 0
    decoded = both_ways(image(encoding, pixels)).astype(int)
    np.testing.assert_allclose(decoded, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize('encoding', INTERPOLATED)
def test_interpolated_encoding(encoding):
    rng = np.random.default_rng(0)
    shape = {'b': (H, W), 'y': (H, W, 2), 'u': (H, W, 2), 'n': (H * 3 // 2, W)}[encoding[0]]
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    message = image(encoding, pixels, step=pixels.nbytes // shape[0])
    expected = cv2.cvtColor(pixels, INTERPOLATED[encoding])
    if encoding.startswith('bayer'):
        # The pattern's meaning, apart from OpenCV's names: a red filter's level is the picture's red there.
        row, column = {'rggb': (0, 0), 'bggr': (1, 1), 'gbrg': (1, 0), 'grbg': (0, 1)}[encoding[6:10]]
        inner = np.s_[2 + row : -2 : 2, 2 + column : -2 : 2]
        np.testing.assert_array_equal(both_ways(message)[inner][..., 0], pixels[inner])
    assert expected.shape == (H, W, 3)
    np.testing.assert_array_equal(both_ways(message), expected)


@pytest.mark.parametrize('encoding', [name for name in ENCODINGMAP if name.startswith('bayer') and '16' in name])
def test_bayer_of_16_bits(encoding):
    pixels = np.random.default_rng(0).integers(0, 256, (H, W), dtype=np.uint8)
    wide = both_ways(image(encoding, pixels.astype(np.uint16) * 257)).astype(int)
    narrow = both_ways(image(encoding.replace('16', '8'), pixels)).astype(int)
    np.testing.assert_allclose(wide, narrow, rtol=0, atol=1)


def test_all_encodings_of_rosbags_image_are_tried():
    tried = {*EXACT, *INTERPOLATED, *(name for name in ENCODINGMAP if name.startswith('bayer') and '16' in name)}
    assert set(ENCODINGMAP) <= tried


def test_nv12_with_the_chroma_rows_counted_in_height():
    pixels = np.random.default_rng(0).integers(0, 256, (H * 3 // 2, W), dtype=np.uint8)
    expected = cv2.cvtColor(pixels, cv2.COLOR_YUV2RGB_NV12)
    np.testing.assert_array_equal(both_ways(image('nv12', pixels, height=H * 3 // 2)), expected)


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'mono16', '32FC3'])
def test_row_padding_is_left_out(encoding):
    pixels, expected = EXACT[encoding]
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(H, -1)
    padded = np.hstack([rows, np.full((H, 8), 99, np.uint8)])
    decoded = both_ways(image(encoding, padded)).astype(int)
    np.testing.assert_allclose(decoded, expected, rtol=0, atol=encoding == 'mono16')


def test_big_endian_pixels():
    decoded = both_ways(image('mono16', WIDE[..., 0].astype('>u2'), is_bigendian=1)).astype(int)
    np.testing.assert_allclose(decoded, grey(RGB[..., 0]), rtol=0, atol=1)


def test_floats_that_are_no_numbers():
    levels = np.zeros((H, W), np.float64)
    levels[0, :5] = np.nan, np.inf, -np.inf, -3, 7
    assert both_ways(image('64FC1', levels))[0, :5, 1].tolist() == [0, 255, 0, 0, 255]


def test_rclpy_messages_decode_without_copy_and_alike():
    ros = pytest.importorskip('sensor_msgs.msg')
    message = ros.Image(height=H, width=W, encoding='rgb8', step=W * 3, data=array.array('B', RGB.tobytes()))
    decoded = decode_image(message)
    np.testing.assert_array_equal(decoded, RGB)
    assert np.shares_memory(decoded, np.frombuffer(message.data, np.uint8))
    message = ros.Image(height=H, width=W, encoding='bgr8', step=W * 3, data=array.array('B', BGR.tobytes()))
    np.testing.assert_array_equal(decode_image(message), RGB)
    png = array.array('B', cv2.imencode('.png', BGR)[1].tobytes())
    np.testing.assert_array_equal(decode_image(ros.CompressedImage(format='png', data=png)), RGB)


@pytest.mark.parametrize('name', ['png', 'rgb8; png compressed bgr8'])
def test_png_is_exact(name):
    np.testing.assert_array_equal(both_ways(compressed(cv2.imencode('.png', BGR)[1].tobytes(), name)), RGB)


def test_grey_and_wide_png():
    np.testing.assert_array_equal(both_ways(compressed(cv2.imencode('.png', GREY)[1].tobytes())), grey(GREY))
    decoded = both_ways(compressed(cv2.imencode('.png', WIDE[..., ::-1])[1].tobytes())).astype(int)
    np.testing.assert_allclose(decoded, RGB, rtol=0, atol=1)


def test_jpeg_has_the_colours_in_their_places():
    smooth = np.zeros((H, W, 3), np.uint8)
    smooth[..., 0], smooth[..., 1], smooth[..., 2] = 200, 100, 20
    data = cv2.imencode('.jpg', smooth[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    np.testing.assert_allclose(both_ways(compressed(data)).astype(int), smooth, rtol=0, atol=6)
    level = np.full((H, W), 90, np.uint8)
    np.testing.assert_allclose(
        both_ways(compressed(cv2.imencode('.jpg', level)[1].tobytes())).astype(int), grey(level), rtol=0, atol=3
    )


@pytest.mark.parametrize('encoding', ['', 'h264', 'RGB8', '8UC', '16FC1', 'compressed'])
def test_an_unknown_encoding_is_named_with_what_is_supported(encoding):
    with pytest.raises(InputError, match=rf"image of encoding '{encoding}', 16×12, .* supported are mono8, .*rgb8"):
        decode_image(image(encoding, RGB))


@pytest.mark.parametrize(
    'change',
    [
        {'height': 11, 'step': 48},
        {'height': 13, 'step': 48},
        {'width': 17, 'step': 48},
        {'step': 47},
        {'step': 0},
    ],
)
@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8'])
def test_data_that_do_not_fit_the_size_are_refused(encoding, change):
    message = image(encoding, RGB, **{'step': 48, **change})
    with pytest.raises(InputError, match=rf"image of encoding '{encoding}', .* bytes are needed, 576 bytes arrived"):
        decode_image(message)


def test_a_size_that_the_encoding_cannot_have_is_refused():
    with pytest.raises(InputError, match=r"encoding 'yuv422', 15×12, .* its size does not suit the encoding"):
        decode_image(image('yuv422', np.zeros((12, 15, 2), np.uint8), width=15))
    with pytest.raises(InputError, match=r"encoding '8UC2', .* 1, 3 or 4 channels make a picture"):
        decode_image(image('8UC2', np.zeros((H, W, 2), np.uint8)))
    with pytest.raises(InputError, match=r'encoding .8UC0.'):
        decode_image(image('8UC0', RGB))


def test_compressed_data_that_do_not_decode_are_named():
    jpeg = cv2.imencode('.jpg', BGR)[1].tobytes()
    png = cv2.imencode('.png', BGR)[1].tobytes()
    for data in (b'', b'abc', jpeg[:-2], jpeg[: len(jpeg) // 2], png[: len(png) // 2]):
        with pytest.raises(InputError, match=rf"format 'jpeg' and {len(data)} bytes does not decode: a whole JPEG"):
            decode_image(compressed(data))


def ten_bits(levels):
    """The same brightness in ten bits."""
    return (levels.astype(np.uint16) << 2) | (levels >> 6)


TEN_BITS = {
    'mono16': (ten_bits(GREY), grey(GREY)),
    'rgb16': (ten_bits(RGB), RGB),
    'bgr16': (ten_bits(BGR), RGB),
    'rgba16': (np.dstack([ten_bits(RGB), np.full((H, W), 65535, np.uint16)]), RGB),
    'bgra16': (np.dstack([ten_bits(BGR), np.full((H, W), 65535, np.uint16)]), RGB),
}


@pytest.mark.parametrize('encoding', TEN_BITS)
@pytest.mark.parametrize('is_bigendian', [0, 1])
def test_a_camera_of_ten_bits_is_as_bright_as_one_of_sixteen(encoding, is_bigendian):
    levels, expected = TEN_BITS[encoding]
    message = image(encoding, levels.astype('>u2' if is_bigendian else '<u2'), is_bigendian=is_bigendian)
    data = m.serialize(message)
    assert bits_used(data) == 10
    np.testing.assert_allclose(image_from_cdr(data, bits=10)[2].astype(int), expected, rtol=0, atol=1)
    assert image_from_cdr(data)[2].max() <= 3  # of 255, as if it had sixteen
    assert image_from_cdr(data, bits=8)[2].max() == 255  # beyond white is white
    np.testing.assert_array_equal(image_from_cdr(data, bits=16)[2], image_from_cdr(data)[2])


def test_a_bayer_pattern_of_ten_bits_has_the_colours_of_one_of_eight():
    pattern = np.random.default_rng(0).integers(0, 256, (H, W), dtype=np.uint8)
    data = m.serialize(image('bayer_rggb16', ten_bits(pattern)))
    assert bits_used(data) == 10
    narrow = decode_image(image('bayer_rggb8', pattern)).astype(int)
    np.testing.assert_allclose(image_from_cdr(data, bits=10)[2].astype(int), narrow, rtol=0, atol=1)


@pytest.mark.parametrize(
    ('pixels', 'expected'),
    [
        (ten_bits(GREY), grey(GREY)),
        (ten_bits(BGR), RGB),
        (np.dstack([ten_bits(BGR), np.full((H, W), 65535, np.uint16)]), RGB),
    ],
)
def test_a_png_of_ten_bits_is_as_bright_as_one_of_eight(pixels, expected):
    data = m.serialize(compressed(cv2.imencode('.png', pixels)[1].tobytes(), 'mono16; png compressed mono16'))
    assert compressed_bits_used(data) == 10
    np.testing.assert_allclose(compressed_from_cdr(data, bits=10)[2].astype(int), expected, rtol=0, atol=1)
    assert compressed_from_cdr(data)[2].max() <= 3
    assert compressed_from_cdr(data, bits=8)[2].max() == 255


def test_pngs_of_eight_bits_and_jpegs_use_every_bit():
    for suffix in ('.png', '.jpg'):
        data = m.serialize(compressed(cv2.imencode(suffix, BGR)[1].tobytes()))
        assert compressed_bits_used(data) == 16
        np.testing.assert_array_equal(compressed_from_cdr(data, bits=10)[2], compressed_from_cdr(data)[2])


@pytest.mark.parametrize(('encoding', 'kind'), [('16UC1', np.uint16), ('32FC1', np.float32)])
def test_depth_is_no_picture_and_refused_by_name(encoding, kind):
    message = image(encoding, np.full((H, W), 1500, kind))
    assert is_depth(m.serialize(message), compressed=False)
    told = (
        rf"'{encoding}'.* cannot be decoded: these are distances \(REP 118\), no picture: take the topic of the colour"
    )
    with pytest.raises(InputError, match=told):
        decode_image(message)
    png = cv2.imencode('.png', np.full((H, W), 1500, np.uint16))[1].tobytes()
    header = struct.pack('<iff', 0, 0.0, 0.0)
    for name, data in (
        (f'{encoding}; compressedDepth png', header + png),
        (f'{encoding}; compressedDepth', header + png),
        (f'{encoding}; png compressed', png),
    ):
        with pytest.raises(InputError, match=rf"{name}'.* these are distances \(REP 118\), no picture"):
            both_ways(compressed(data, name))
        assert is_depth(m.serialize(compressed(data, name)), compressed=True)
    for other in (image('mono16', np.full((H, W), 1500, np.uint16)), compressed(png, 'mono16; png compressed mono16')):
        assert not is_depth(m.serialize(other), compressed=hasattr(other, 'format'))


def test_other_images_use_every_bit():
    data = m.serialize(image('rgb8', RGB))
    assert bits_used(data) == 16
    np.testing.assert_array_equal(image_from_cdr(data, bits=10)[2], RGB)


def png_of(*chunks):
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body)) for kind, body in chunks
    )


def test_a_raw_image_has_a_size_that_is_borne():
    for width, height in ((0, 12), (16, 0), (2**32 - 1, 2**32 - 1), (4001, 4000)):
        with pytest.raises(InputError, match=rf"encoding 'rgb8', {width}×{height}, cannot be decoded: it"):
            decode_image(image('rgb8', RGB, width=width, height=height, step=2**32 - 1))
    assert decode_image(image('rgb8', RGB), W * H).shape == (H, W, 3)
    with pytest.raises(InputError, match=r'more than 0\.000191 megapixels'):
        decode_image(image('rgb8', RGB), W * H - 1)


def test_a_compressed_image_has_a_size_that_is_borne():
    jpeg, png = cv2.imencode('.jpg', BGR)[1].tobytes(), cv2.imencode('.png', BGR)[1].tobytes()
    size = jpeg.index(b'\xff\xc0') + 5
    large_jpeg = jpeg[:size] + struct.pack('>HH', 30000, 30000) + jpeg[size + 4 :]
    large_png = png[:16] + struct.pack('>II', 30000, 30000) + png[24:]
    for data in (large_jpeg, large_png):
        with pytest.raises(InputError, match='it is 30000×30000, more than 16 megapixels'):
            decode_image(compressed(data))
    for data in (jpeg, png):
        assert decode_image(compressed(data), W * H).shape == (H, W, 3)
        with pytest.raises(InputError, match='it is 16×12, more than'):
            decode_image(compressed(data), W * H - 1)


def test_a_png_says_no_more_than_it_has():
    png = cv2.imencode('.png', BGR)[1].tobytes()
    at = png.index(b'IDAT') - 4
    with pytest.raises(InputError, match='a chunk of 4294967280 bytes is announced'):
        decode_image(compressed(png[:at] + b'\xff\xff\xff\xf0' + png[at + 4 :]))
    header = struct.pack('>IIBBBBB', 4, 4, 8, 2, 0, 0, 0)
    with pytest.raises(InputError, match='IHDR'):
        decode_image(compressed(png_of((b'tEXt', b'a\0b' * 9), (b'IHDR', header), (b'IEND', b''))))
    with pytest.raises(InputError, match='more than one picture'):
        decode_image(compressed(png_of((b'IHDR', header), (b'acTL', b'\xff' * 8), (b'IEND', b''))))
    with pytest.raises(InputError, match='it is damaged'):
        decode_image(compressed(png_of((b'IHDR', header), (b'IEND', b''))))


def test_a_jpeg_with_fill_bytes_or_progressive_or_with_a_thumbnail_is_read():
    jpeg = cv2.imencode('.jpg', BGR)[1].tobytes()
    expected = decode_image(compressed(jpeg))
    filled = jpeg[:2] + b'\xff\xff\xff' + jpeg[2:]
    comment = b'\xff\xe1' + struct.pack('>H', len(jpeg) + 2) + jpeg  # a small JPEG inside, with its own size and end
    for data in (filled, jpeg[:2] + comment + jpeg[2:]):
        np.testing.assert_array_equal(decode_image(compressed(data)), expected)
    with pytest.raises(InputError, match='it was cut off'):
        decode_image(compressed((jpeg[:2] + comment + jpeg[2:])[:-20]))
    progressive = cv2.imencode('.jpg', BGR, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert decode_image(compressed(progressive)).shape == (H, W, 3)
    scan = progressive.index(b'\xff\xda')
    with pytest.raises(InputError, match='more than 64 scans'):
        decode_image(compressed(progressive[:scan] + progressive[scan:-2] * 64 + b'\xff\xd9'))


@pytest.mark.parametrize(('suffix', 'name'), [('.webp', 'WebP'), ('.tiff', 'TIFF'), ('.bmp', 'BMP')])
def test_another_kind_of_picture_is_refused_by_name(suffix, name):
    with pytest.raises(InputError, match=f'{name} arrived: have the camera publish JPEG or PNG'):
        decode_image(compressed(cv2.imencode(suffix, BGR)[1].tobytes()))
    with pytest.raises(InputError, match=r'H\.264 or H\.265 video arrived'):
        decode_image(compressed(b'\0\0\0\x01\x67', 'h264'))


@given(
    kind=st.sampled_from(['.jpg', '.png']),
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 400),
)
def test_damaged_pictures_decode_or_are_refused(kind, edits, cut):
    data = bytearray(cv2.imencode(kind, BGR)[1].tobytes())
    for at, value in edits:
        data[at % len(data)] = value
    try:
        decoded = decode_image(compressed(bytes(data[: len(data) - cut])), 10_000)
    except InputError:
        return
    assert decoded.dtype == np.uint8 and decoded.ndim == 3 and decoded.size <= 30_000


def scene(height, width):
    """Red grows to the right, green downwards, blue is in stripes."""
    y, x = np.mgrid[:height, :width]
    blue = 40.0 + 30.0 * np.sin(x / 9)
    return np.stack([220.0 * x / width, 220.0 * y / height, blue], -1).astype(np.uint8)


def jpeg_of(pixels):
    return cv2.imencode('.jpg', pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


CAR = ImageSpec(53, 200, crop_top=0.2)
AS_LARGE_AS_NEEDED = {
    (480, 640): (240, 320),
    (481, 641): (241, 321),
    (720, 1280): (180, 320),
    (1080, 1920): (135, 240),
    (480, 398): (480, 398),
    (132, 640): (66, 320),  # 66 rows, 53 after the crop
    (128, 640): (128, 640),  # half of it would be one row short
    (53, 200): (53, 200),
}


@pytest.mark.parametrize('size', AS_LARGE_AS_NEEDED)
def test_for_a_network_a_jpeg_is_decoded_no_larger_than_its_frame_needs(size):
    data = m.serialize(compressed(jpeg_of(scene(*size))))
    reduced = compressed_from_cdr(data, fit=CAR)[2]
    assert reduced.shape == (*AS_LARGE_AS_NEEDED[size], 3)
    frame, whole = (fit_frame(each, CAR) for each in (reduced, compressed_from_cdr(data)[2]))
    assert frame.flags.c_contiguous and frame.shape == whole.shape == (53, 200, 3)
    difference = np.abs(frame.astype(int) - whole)
    assert difference.mean() < 1.0 and difference.max() <= 5
    if reduced.shape[:2] == size:
        np.testing.assert_array_equal(frame, whole)


@settings(max_examples=30)
@given(
    height=st.integers(1, 300), width=st.integers(1, 300), rows=st.integers(1, 80), columns=st.integers(1, 80),
    crop=st.sampled_from([(0.0, 0.0), (0.25, 0.0), (0.4, 0.3)]),
)  # fmt: skip
def test_a_reduced_jpeg_keeps_the_pixels_of_the_frame(height, width, rows, columns, crop):
    spec = ImageSpec(rows, columns, crop_top=crop[0], crop_bottom=crop[1])
    reduced = compressed_from_cdr(m.serialize(compressed(jpeg_of(scene(height, width)))), fit=spec)[2]
    kept = len(reduced) - round(len(reduced) * crop[0]) - round(len(reduced) * crop[1])
    assert reduced.shape[:2] == (height, width) or (kept >= rows and reduced.shape[1] >= columns)


def test_a_jpeg_that_its_tags_turn_keeps_the_pixels_of_the_frame_too():
    turned = b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
    jpeg = jpeg_of(scene(480, 640))
    data = m.serialize(compressed(jpeg[:2] + b'\xff\xe1' + struct.pack('>H', len(turned) + 2) + turned + jpeg[2:]))
    assert compressed_from_cdr(data)[2].shape == (640, 480, 3)
    assert compressed_from_cdr(data, fit=ImageSpec(53, 200))[2].shape == (320, 240, 3)
    assert compressed_from_cdr(data, fit=ImageSpec(53, 300))[2].shape == (640, 480, 3)


def test_a_png_is_decoded_whole_for_a_network_too():
    pixels = scene(48, 64)
    wide = cv2.imencode('.png', pixels[..., ::-1].astype(np.uint16) * 4)[1].tobytes()
    for data, bits in ((cv2.imencode('.png', pixels[..., ::-1])[1].tobytes(), 16), (wide, 10)):
        data = m.serialize(compressed(data))
        whole = compressed_from_cdr(data, bits=bits)[2]
        np.testing.assert_array_equal(compressed_from_cdr(data, bits=bits, fit=ImageSpec(6, 8))[2], whole)


def test_what_follows_the_only_scan_of_a_jpeg_is_not_decoded():
    jpeg = jpeg_of(RGB)
    scan = jpeg.index(b'\xff\xda')
    again = compressed(jpeg[:scan] + jpeg[scan:-2] * 100 + b'\xff\xd9')
    np.testing.assert_array_equal(decode_image(again), decode_image(compressed(jpeg)))


def test_what_is_no_image_is_a_programming_error():
    with pytest.raises(TypeError, match=r'sensor_msgs/Image or CompressedImage is needed. Got SimpleNamespace'):
        decode_image(SimpleNamespace())


def test_decoding_loads_no_reader_or_writer():
    program = (
        'import sys, numpy as np\n'
        'from lnn_controller.data.messages.images import decode_image, image_from_cdr\n'
        "assert not any(name == 'cv2' or name.startswith('rosbags') for name in sys.modules), 'loaded early'\n"
        'class Message: height, width, encoding, is_bigendian, step = 1, 2, "bgr8", 0, 6\n'
        'message = Message(); message.data = np.arange(6, dtype=np.uint8)\n'
        'assert decode_image(message).tolist() == [[[2, 1, 0], [5, 4, 3]]]\n'
        "print(*sorted(name for name in sys.modules if name.startswith(('rosbags', 'torch', 'mujoco'))))\n"
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert 'rosbags.image' in loaded
    assert not [name for name in loaded if name.startswith(('rosbags.rosbag2', 'rosbags.highlevel', 'torch', 'mujoco'))]


# What a colour is in YUV (ITU-R BT.601, limited range), by its formula, not by a library's names.
YUV = {
    (255, 0, 0): (81, 90, 240),
    (0, 255, 0): (145, 54, 34),
    (0, 0, 255): (41, 240, 110),
    (255, 255, 255): (235, 128, 128),
}


@pytest.mark.parametrize('colour', YUV)
def test_each_order_of_colours_is_read_as_what_it_says(colour):
    red, green, blue = colour
    y, u, v = YUV[colour]

    def pixels(*values):
        return np.full((H, W, len(values)), values, np.uint8)

    def pairs(*values):
        return np.tile(np.array(values, np.uint8).reshape(2, 2), (H, W // 2, 1))

    def planar(first, second):
        chroma = np.tile(np.array([first, second], np.uint8), (H // 2, W // 2))
        return np.vstack([np.full((H, W), y, np.uint8), chroma])

    orders = {
        'rgb8': pixels(red, green, blue),
        'bgr8': pixels(blue, green, red),
        'rgba8': pixels(red, green, blue, 9),
        'bgra8': pixels(blue, green, red, 9),
        'yuyv': pairs(y, u, y, v),
        'yuv422_yuy2': pairs(y, u, y, v),
        'uyvy': pairs(u, y, v, y),
        'yuv422': pairs(u, y, v, y),
        'nv12': planar(u, v),
        'nv21': planar(v, u),
    }
    bayer = {'r': red, 'g': green, 'b': blue}
    for pattern in ('rggb', 'bggr', 'gbrg', 'grbg'):
        cells = np.array([bayer[each] for each in pattern], np.uint8).reshape(2, 2)
        orders[f'bayer_{pattern}8'] = np.tile(cells, (H // 2, W // 2))
    for encoding, data in orders.items():
        decoded = both_ways(image(encoding, data, step=data.nbytes // len(data)))
        np.testing.assert_allclose(decoded[1:-1, 1:-1].astype(int) - colour, 0, rtol=0, atol=3, err_msg=encoding)


@pytest.mark.parametrize('encoding', ['nv24', 'yuv444', 'i420', 'rgb565', 'mono12', 'bayer_rggb12', 'mjpeg', 'BGR8'])
def test_orders_that_are_not_read_are_refused_by_name(encoding):
    with pytest.raises(InputError, match=rf"image of encoding '{encoding}', 16×12, .* supported are mono8"):
        decode_image(image(encoding, RGB))
