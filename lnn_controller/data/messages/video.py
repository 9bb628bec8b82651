"""Pictures out of video packets: each frame with its own packet's stamps, and none that builds on a missing one."""

import statistics
from collections import Counter, deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.messages.cdr import Cdr
from lnn_controller.data.messages.image_headers import MAX_PIXELS
from lnn_controller.data.messages.types import COMPRESSED_VIDEO, FFMPEG_PACKET
from lnn_controller.data.messages.video_packets import H264, Hevc, codec_of, is_video
from lnn_controller.errors import InputError, how_to_install

__all__ = ['Frame', 'NoDecoderError', 'Packet', 'VideoDecoder', 'packet_from_cdr']

_STREAMS: dict[str, type[H264] | type[Hevc]] = {'h264': H264, 'hevc': Hevc}
_GAPS = 15  # stamps that give the usual time between two
_LONGEST_SETS = 1 << 16


class Packet(NamedTuple):
    """
    A packet of video.

    :param stamp_ns: header stamp, ns
    :param codec: as its message calls it, or by its content; empty where neither shows it
    :param data: the packet
    """

    stamp_ns: int
    codec: str
    data: bytes


class Frame(NamedTuple):
    """
    A picture with its stamps.

    :param header_ns: header stamp of its message, ns
    :param received_ns: receive time of its message, ns
    :param picture: rgb8, (H, W, 3) uint8
    """

    header_ns: int
    received_ns: int
    picture: NDArray[np.uint8]


class NoDecoderError(InputError):
    """A recording holds video, and what decodes it is not installed."""


def packet_from_cdr(buffer: Any, msgtype: str) -> Packet | None:
    """
    Read a packet of video from its serialised message.

    :param buffer: CDR with its encapsulation header, bytes-like
    :param msgtype: of FFMPEGPacket, CompressedVideo or CompressedImage
    :returns: the packet; ``None`` for a CompressedImage that holds a still picture
    :raises InputError: if the bytes are not such a message
    """
    cdr = Cdr(buffer, msgtype)
    stamp_ns, _ = cdr.header()  # of CompressedVideo these two fields are no header, and the same
    if msgtype == FFMPEG_PACKET:
        cdr.numbers('ii')
        name = cdr.string()
        cdr.numbers('Q', align=8)
        cdr.numbers('BB', align=1)
        data = cdr.octets().tobytes()
    elif msgtype == COMPRESSED_VIDEO:
        data = cdr.octets().tobytes()
        name = cdr.string()
    else:
        name = cdr.string()
        view = cdr.octets()
        if not is_video(view[:4].tobytes()):
            return None
        data = view.tobytes()
        name = name if '26' in name or 'hevc' in name.lower() or 'avc' in name.lower() else ''
    cdr.end()
    return Packet(stamp_ns, codec_of(name, data), data)


class VideoDecoder:
    """
    Decodes the packets of one stream of H.264 or H.265, one after the other.

    What comes before the first key frame, and what follows a packet that is missing or damaged until the next key
    frame, is left out: a decoder would make pictures of it that no camera saw. ``drops`` counts it by reason; each
    packet with a picture gives a frame or is counted once. ``first_error`` is the decoder's first message.

    :param max_pixels: larger frames are refused
    """

    def __init__(self, max_pixels: int = MAX_PIXELS) -> None:
        self.drops: Counter[str] = Counter()
        self.first_error = ''
        self._max_pixels = max_pixels
        self._codec = ''
        self._context: Any = None  # of PyAV
        self._waits = 'image_before_key_frame'
        self._leading_ns, self._leading_why = 0, ''
        self._sets = b''  # parameter sets that came in packets of their own
        self._pending: dict[int, tuple[int, int]] = {}  # stamps of what went in and has not come out, by number
        self._number = 0
        self._newest_ns = 0
        self._gaps: deque[int] = deque(maxlen=_GAPS)
        self._since_key = self._group_length = 0

    def feed(self, packet: Packet, received_ns: int) -> list[Frame]:
        """
        Decode the next packet.

        :param packet: the packet
        :param received_ns: its receive time, ns
        :returns: the frames that are ready now, in the order of being shown; they may be of packets before
        :raises InputError: if its codec is not supported, or its bytes are none
        """
        if not packet.codec and self._context is None:
            self.drops[self._waits] += 1
            return []
        self._begin(packet)
        info = self._stream.look(packet.data)
        if not info.picture:
            if not is_video(packet.data):
                self._lose()
                raise InputError(
                    f'{packet.codec} video is read with start codes (Annex B). Got a packet that begins otherwise'
                )
            self._sets = (self._sets + packet.data)[-_LONGEST_SETS:]
            return []
        frames: list[Frame] = []
        missed = self._missed(packet.stamp_ns) or not info.follows
        if info.key:
            self._group()
            # Of an open group, pictures that are shown before its key frame build on the group before it as well.
            opens = bool(self._waits) and not info.closed
            self._leading_ns, self._leading_why = (packet.stamp_ns, self._waits) if opens else (0, '')
            self._waits = ''
        elif missed and not self._waits:
            frames = self._lose()
        self._since_key += 1
        why = self._waits or (self._leading_why if packet.stamp_ns < self._leading_ns else '')
        if why:
            self.drops[why] += 1
            return frames
        return frames + self._decode(packet, received_ns)

    def finish(self) -> list[Frame]:
        """
        End the stream.

        :returns: the frames that were still to come
        """
        return self._emptied() if self._context else []

    def _begin(self, packet: Packet) -> None:
        """Take up the packet's codec."""
        if packet.codec in (self._codec, ''):
            return
        if packet.codec not in _STREAMS:
            raise InputError(f'video is read that is H.264 or H.265. Got {packet.codec!r}: convert the recording')
        if self._context is not None:
            raise InputError(f'a topic of video must keep its codec. Got {packet.codec} after {self._codec}')
        try:
            import av
        except ModuleNotFoundError:
            raise NoDecoderError(f'video in recordings needs PyAV. Install it: {how_to_install("video")}') from None
        self._codec, self._stream = packet.codec, _STREAMS[packet.codec]()
        context: Any = av.CodecContext.create(packet.codec, 'r')
        context.thread_count = 1
        # What is damaged is an error, not made up from its neighbours; and no packet asks for more memory than that.
        context.options = {'err_detect': 'explode', 'max_pixels': str(self._max_pixels)}
        self._context = context

    def _missed(self, stamp_ns: int) -> bool:
        """Whether as many packets are missing, by the stamps, as make the stream's own numbers fit again."""
        gap, newest = stamp_ns - self._newest_ns, self._newest_ns
        self._newest_ns = max(stamp_ns, newest)
        if not newest or gap <= 0:
            return False
        usual = statistics.median(self._gaps) if len(self._gaps) == _GAPS else None
        self._gaps.append(gap)
        cycle = min(self._stream.cycle, self._group_length or self._stream.cycle)
        return usual is not None and gap > (cycle + 0.5) * usual

    def _group(self) -> None:
        """A key frame begins another group of pictures."""
        if self._since_key and not self._waits:
            self._group_length = self._since_key
        self._since_key = 0

    def _decode(self, packet: Packet, received_ns: int) -> list[Frame]:
        import av

        self._number += 1
        # The decoder hands the number on to the frame that it makes of this packet, whenever that comes out.
        sent = av.Packet(self._sets + packet.data)
        sent.pts, self._sets = self._number, b''
        self._pending[self._number] = packet.stamp_ns, received_ns
        try:
            return self._shown(self._context.decode(sent))
        except (av.FFmpegError, ValueError) as error:
            self.first_error = self.first_error or f'a damaged packet of {self._codec} video: {error}'
            if self._pending.pop(self._number, None):
                self.drops['image_undecodable'] += 1
            return self._lose()

    def _lose(self) -> list[Frame]:
        """A packet is missing or damaged: what is whole comes out, and the next key frame begins anew."""
        self._waits = self._waits or 'image_after_lost_packet'
        return self._emptied() if self._context else []

    def _emptied(self) -> list[Frame]:
        import av

        frames: list[Frame] = []
        try:
            frames = self._shown(self._context.decode(None))
        except (av.FFmpegError, ValueError) as error:
            self.first_error = self.first_error or f'damaged {self._codec} video: {error}'
        self._context.flush_buffers()
        if self._pending:
            self.drops['image_undecodable'] += len(self._pending)
            self._pending.clear()
        return frames

    def _shown(self, decoded: list[Any]) -> list[Frame]:
        frames = []
        for each in decoded:
            stamps = self._pending.pop(each.pts, None) if each.pts is not None else None
            if stamps is not None and not each.is_corrupt:
                frames.append(Frame(*stamps, np.asarray(each.to_ndarray(format='rgb24'), np.uint8)))
            elif stamps is not None:
                self.drops['image_undecodable'] += 1
        return frames
