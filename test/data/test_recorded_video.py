"""Video in bags: each frame with the stamp of its own packet, and none that builds on a packet that is missing."""

import dataclasses
from fractions import Fraction

import av
import numpy as np
import pytest
from foreign_bags import foreign_types, write_foreign
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import MS

from lnn_controller.data import read_episode
from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.camera import camera_size
from lnn_controller.data.messages import build as m
from lnn_controller.data.messages.video import Packet, VideoDecoder
from lnn_controller.data.messages.video_packets import H264, Hevc, codec_of
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

FFMPEG, FOXGLOVE = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket', 'foxglove_msgs/msg/CompressedVideo'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
STORE = foreign_types(
    {
        FFMPEG: 'std_msgs/Header header\nint32 width\nint32 height\nstring encoding\nuint64 pts\nuint8 flags\n'
        'bool is_bigendian\nuint8[] data\n',
        FOXGLOVE: 'builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n',
    }
)
ENCODERS = {'h264': 'libx264', 'hevc': 'libx265'}
SIZE = (48, 64)
FRAMES, GROUP, LEVELS = 25, 10, 7
EVERY = 50 * MS


def encode(codec, *, frames=FRAMES, group=GROUP, reorder=0, size=SIZE, first=0, special=''):
    """Packets (number of the frame, bytes) in order of decoding; frame n is a grey of 20 + 7·n."""
    context = av.CodecContext.create(ENCODERS[codec], 'w')
    context.height, context.width = size
    context.pix_fmt, context.time_base = 'yuv420p', Fraction(1, 20)
    common = f'bframes={reorder}:keyint={group}:scenecut=0:b-adapt=0:open-gop=0'
    common += ':annexb=1' if codec == 'h264' else ':repeat-headers=1:log-level=none'
    params = 'x264-params' if codec == 'h264' else 'x265-params'
    context.options = {'preset': 'ultrafast', 'crf': '10', params: f'{common}:{special}' if special else common}
    packets = []
    for number in range(first, first + frames):
        frame = av.VideoFrame.from_ndarray(np.full((*size, 3), 20 + LEVELS * number, np.uint8), 'rgb24')
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    return [(packet.pts, bytes(packet)) for packet in packets]


def header(stamp):
    return m.twist_stamped_message(stamp, frame_id='camera').header


def packed(kind, number, data, codec):
    """The packet as a message of a kind, stamped as its frame."""
    stamp = (number + 1) * EVERY
    octets = np.frombuffer(data, np.uint8)
    if kind == 'ffmpeg':
        return STORE.types[FFMPEG](
            header=header(stamp), width=SIZE[1], height=SIZE[0], encoding=codec, pts=number, flags=0,
            is_bigendian=False, data=octets,
        )  # fmt: skip
    if kind == 'foxglove':
        return STORE.types[FOXGLOVE](timestamp=header(stamp).stamp, frame_id='camera', data=octets, format=codec)
    return STORE.types[COMPRESSED](header=header(stamp), format=codec, data=octets)


def write(path, packets, *, kind='ffmpeg', codec='h264', topic='/camera/ffmpeg'):
    """A bag of the packets, received in this order, and commands."""
    rows = []
    for place, (number, data) in enumerate(packets):
        rows.append((topic, (place + 2) * EVERY + MS, packed(kind, number, data, codec)))
    for stamp in range(EVERY, (FRAMES + 3) * EVERY, EVERY):
        rows.append(('/cmd_vel', stamp, m.twist_message(linear=(1, 0, 0))))
    return write_foreign(path, STORE, sorted(rows, key=lambda row: row[1]))


def read(path, size=SIZE):
    return read_episode(path, image=ImageSpec(*size))


def numbers(episode):
    """Which frame each of an episode's is, by its grey; and by its stamp."""
    greys = episode.images.reshape(len(episode.images), -1).mean(1)
    assert np.ptp(episode.images.reshape(len(episode.images), -1), axis=1).max(initial=0) <= 4
    shown = np.rint((greys - 20) / LEVELS).astype(int)
    assert np.abs(greys - 20 - LEVELS * shown).max(initial=0) < LEVELS / 3
    return shown.tolist(), (episode.image_stamps_ns // EVERY - 1).tolist()


@pytest.mark.parametrize('reorder', [0, 2])
@pytest.mark.parametrize(
    ('kind', 'codec', 'called'),
    [
        ('ffmpeg', 'h264', 'h264;yuv420p;bgr8;bgr8'),
        ('ffmpeg', 'h264', 'libx264'),
        ('ffmpeg', 'hevc', 'hevc_nvenc'),
        ('foxglove', 'h264', 'h264'),
        ('foxglove', 'hevc', 'h265'),
        ('compressed', 'h264', 'h264'),
        ('compressed', 'hevc', 'h265'),
        ('compressed', 'h264', 'video'),
        ('compressed', 'hevc', 'video'),
        ('compressed', 'hevc', 'jpeg'),
    ],
)
def test_each_frame_has_its_packets_stamp(tmp_path, kind, codec, called, reorder):
    packets = encode(codec, reorder=reorder)
    assert ([number for number, _ in packets] == list(range(FRAMES))) == (reorder == 0)
    path = write(tmp_path / 'bag', packets, kind=kind, codec=called)
    episode = read(path)
    assert numbers(episode) == (list(range(FRAMES)), list(range(FRAMES)))
    assert episode.drops == {}
    assert camera_size(path) == SIZE


@pytest.mark.parametrize('codec', ['h264', 'hevc'])
@pytest.mark.parametrize('called', ['by name', 'video'])
def test_a_recording_that_begins_between_key_frames(tmp_path, codec, called):
    packets = encode(codec)[3:]
    path = write(tmp_path / 'bag', packets, kind='compressed', codec=codec if called == 'by name' else called)
    episode = read(path)
    assert numbers(episode) == (list(range(GROUP, FRAMES)),) * 2
    assert episode.drops == {'image_before_key_frame': GROUP - 3}


@pytest.mark.parametrize('reorder', [0, 2])
@pytest.mark.parametrize('codec', ['h264', 'hevc'])
@pytest.mark.parametrize('damage', ['lost', 'torn', 'zeros'])
def test_what_builds_on_a_packet_that_is_missing_or_damaged_is_left_out(tmp_path, codec, reorder, damage):
    packets = encode(codec, reorder=reorder)
    place = next(at for at, (number, _) in enumerate(packets) if number == GROUP + 6)
    number, data = packets[place]
    kept = packets[:place] + packets[place + 1 :]
    if damage != 'lost':
        kept.insert(place, (number, data[: len(data) // 3] if damage == 'torn' else data[:6] + bytes(len(data) - 6)))
    episode = read(write(tmp_path / 'bag', kept, codec=codec))
    shown, stamped = numbers(episode)
    assert shown == stamped
    # Whole groups before and after it are there; what of its own group came before it, too, as it is decoded.
    before = {each for each, _ in packets[:place]}
    assert set(shown) - {number} <= before | set(range(2 * GROUP, FRAMES))
    assert {*range(GROUP), *range(2 * GROUP, FRAMES)} <= set(shown)
    assert len(shown) + sum(episode.drops.values()) == len(kept)
    assert 'image_after_lost_packet' in episode.drops or 'image_undecodable' in episode.drops


@pytest.mark.parametrize(
    ('codec', 'reorder', 'special'),
    [
        ('h264', 0, 'slices=4'),
        ('h264', 0, 'intra-refresh=1'),
        ('h264', 0, 'interlaced=1'),
        ('h264', 2, 'aud=1'),
        ('h264', 3, 'open-gop=1'),
        ('h264', 7, 'b-pyramid=normal:ref=4'),
        ('hevc', 3, 'open-gop=1'),
        ('hevc', 3, 'aud=1'),
    ],
)
def test_whatever_an_encoder_makes_of_it(codec, reorder, special):
    packets = encode(codec, reorder=reorder, special=special)
    for kept in (packets, packets[4:], packets[:13] + packets[14:], packets[:10] + packets[14:]):
        decoder, shown = VideoDecoder(), []
        for number, data in kept:
            shown += decoder.feed(Packet((number + 1) * EVERY, codec, data), 0)
        shown += decoder.finish()
        stamped = [frame.header_ns // EVERY - 1 for frame in shown]
        assert [round((frame.picture.mean() - 20) / LEVELS) for frame in shown] == stamped
        assert len(shown) + sum(decoder.drops.values()) == len(kept)
        # x264's open groups let go of pictures of the group before: where it is missing, the decoder calls that damage.
        assert len(shown) >= (2 if (codec, special) == ('h264', 'open-gop=1') else 5)
        assert kept is not packets or stamped == list(range(FRAMES))


def test_a_lost_packet_that_nothing_builds_on_costs_itself_alone(tmp_path):
    packets = encode('h264', reorder=2)
    unread = [at for at, (_, data) in enumerate(packets) if not data.lstrip(b'\0')[1] >> 5 & 3]
    place, lost = unread[1], packets[unread[1]][0]
    episode = read(write(tmp_path / 'bag', packets[:place] + packets[place + 1 :]))
    assert numbers(episode) == ([number for number in range(FRAMES) if number != lost],) * 2
    assert episode.drops == {}


@pytest.mark.parametrize('codec', ['h264', 'hevc'])
def test_a_loss_that_brings_the_numbers_round_is_seen_by_the_stamps(codec):
    # Two groups of twenty, and of them exactly twenty packets are missing: each number follows on the one before.
    packets = encode(codec, frames=30, group=20)
    packets = packets[:20] + [(number + 20, data) for number, data in packets]
    packets = packets[:25] + packets[45:]
    decoder, shown = VideoDecoder(), []
    for number, data in packets:
        shown += decoder.feed(Packet((number + 1) * EVERY, codec, data), 0)
    shown += decoder.finish()
    assert [frame.header_ns // EVERY - 1 for frame in shown] == [*range(25)]
    assert decoder.drops == {'image_after_lost_packet': 5}


def test_another_size_from_some_key_frame_on(tmp_path):
    packets = encode('h264', frames=10) + encode('h264', frames=10, size=(32, 80), first=10)
    episode = read(write(tmp_path / 'bag', packets), size=(24, 32))
    assert numbers(episode) == (list(range(20)),) * 2


def test_parameter_sets_in_messages_of_their_own(tmp_path):
    rows = []
    for number, data in encode('h264'):
        at = max(data.rfind(start) for start in (b'\0\0\1\x65', b'\0\0\1\x41', b'\0\0\1\x61', b'\0\0\1\x01'))
        rows += [(number, data[:at]), (number, data[at:])] if at > 1 else [(number, data)]
    assert len(rows) > FRAMES
    episode = read(write(tmp_path / 'bag', rows, kind='compressed'))
    assert numbers(episode) == (list(range(FRAMES)),) * 2
    assert episode.drops == {}


def test_other_codecs_are_refused_by_name(tmp_path):
    for kind, called in (('ffmpeg', 'av1;yuv420p;bgr8;bgr8'), ('foxglove', 'vp9')):
        path = write(tmp_path / called[:3], [(0, b'\x12\0\x0a\x0b'), (1, b'\x12\0\x0a\x0b')], kind=kind, codec=called)
        with pytest.raises(InputError, match=rf"not one of its 2 .* H\.264 or H\.265\. Got '{called[:3]}'"):
            read(path)
    path = write(tmp_path / 'avcc', [(0, b'\0\0\0\x10\x65\x88')], codec='h264')
    with pytest.raises(InputError, match='start codes'):
        read(path)


def test_video_that_asks_for_more_memory_than_any_camera_has(tmp_path):
    packets = encode('h264', frames=2, size=(4096, 4096))
    with pytest.raises(InputError, match='not one of its 2 images can be decoded'):
        read(write(tmp_path / 'bag', packets))


def test_without_the_decoder_one_line_names_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / 'bag', encode('h264', frames=3))
    monkeypatch.setitem(__import__('sys').modules, 'av', None)
    for ask in (read, camera_size):
        with pytest.raises(InputError, match=r"needs PyAV\. Install it: .*pip install '\.\[video\]'"):
            ask(path)


def test_a_still_picture_needs_no_decoder_of_video(tmp_path, monkeypatch):
    import cv2

    monkeypatch.setitem(__import__('sys').modules, 'av', None)
    pictures = [(n, cv2.imencode('.png', np.full((*SIZE, 3), 20 + LEVELS * n, np.uint8))[1]) for n in range(FRAMES)]
    episode = read(write(tmp_path / 'bag', pictures, kind='compressed', codec='h264', topic='/image_raw/compressed'))
    assert numbers(episode) == (list(range(FRAMES)),) * 2


@pytest.mark.parametrize('codec', ['h264', 'hevc'])
@settings(max_examples=60)
@given(data=st.data())
@pytest.mark.slow
def test_whatever_arrives_ends_in_frames_that_are_whole_or_in_counts(codec, data):
    packets = PACKETS[codec]
    decoder, shown, fed = VideoDecoder(), [], 0
    for number, packet in packets:
        change = data.draw(st.sampled_from(['', '', '', 'cut', 'flip', 'lost', 'noise']))
        if change == 'lost':
            continue
        if change == 'cut':
            packet = packet[: data.draw(st.integers(5, len(packet)))]
        elif change == 'flip':
            at = data.draw(st.integers(0, len(packet) - 1))
            packet = packet[:at] + bytes([packet[at] ^ data.draw(st.integers(1, 255))]) + packet[at + 1 :]
        elif change == 'noise':
            packet = data.draw(st.binary(max_size=40))
        fed += 1
        try:
            shown += decoder.feed(Packet((number + 1) * EVERY, codec, packet), number)
        except InputError:
            continue
    shown += decoder.finish()
    assert all(frame.header_ns == (frame.received_ns + 1) * EVERY for frame in shown)
    assert len(shown) + sum(decoder.drops.values()) <= fed
    assert all(frame.picture.shape[2] == 3 for frame in shown)


PACKETS = {codec: encode(codec, reorder=2) for codec in ENCODERS}


@given(st.binary(max_size=200), st.sampled_from(['', 'video', 'h264', 'jpeg']))
def test_looking_at_a_packet_takes_any_bytes(data, name):
    for start in (b'', b'\0\0\1', b'\0\0\1\x67', b'\0\0\1\x06', b'\0\0\1\x41'):
        for stream in (H264(), Hevc()):
            stream.look(start + data)
            stream.look(start + data)
        codec_of(name, start + data)


def test_the_bag_lists_the_topic_as_one_of_images(tmp_path):
    path = write(tmp_path / 'bag', encode('h264', frames=3))
    with Bag(path) as bag:
        assert bag.choose('image').name == '/camera/ffmpeg'


def test_of_one_camera_raw_goes_before_stills_before_video_and_distances_are_no_camera(tmp_path):
    import cv2

    def drive(*kinds):
        rows = []
        for place, (number, data) in enumerate(encode('h264')):
            stamp = (number + 1) * EVERY
            grey = np.full((*SIZE, 3), number, np.uint8)
            png = cv2.imencode('.png', grey + np.uint8(100))[1]
            depth = dataclasses.replace(
                m.image_message(stamp, grey),
                encoding='16UC1',
                step=2 * SIZE[1],
                data=np.zeros(2 * SIZE[0] * SIZE[1], np.uint8),
            )
            made = {
                '/camera/image': m.image_message(stamp, grey),
                '/camera/image/compressed': packed('compressed', number, png, 'rgb8; png compressed rgb8'),
                '/camera/image/ffmpeg': packed('ffmpeg', number, data, 'h264'),
                '/depth/image': depth,
                '/depth/image/compressedDepth': packed('compressed', number, png, '16UC1; compressedDepth png'),
            }
            rows += [(f'/{kind}', (place + 2) * EVERY, made[f'/{kind}']) for kind in kinds]
            rows.append(('/cmd_vel', stamp, m.twist_message(linear=(1, 0, 0))))
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        return read(write_foreign(path, STORE, sorted(rows, key=lambda row: row[1])))

    camera = [f'camera/image{end}' for end in ('', '/compressed', '/ffmpeg')]
    depth = ['depth/image', 'depth/image/compressedDepth']
    for first, brightness in enumerate((0, 100, 20)):
        for others in ([], depth):
            episode = drive(*camera[first:], *others)
            assert episode.topics['image'] == f'/{camera[first]}'
            assert episode.images[0].mean() == pytest.approx(brightness, abs=2)
            named = [*camera[first + 1 :], *others]
            assert len(episode.notes) == bool(named)
            assert all(f'/{name} (' in episode.notes[0] for name in named)
    with pytest.raises(InputError, match=r'/depth/image: not one of its 25 images .* these are distances \(REP 118\)'):
        drive('depth/image')
