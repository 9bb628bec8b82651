"""Pictures out of a topic of images, whichever way they are packed: raw, as JPEG or PNG, or as video."""

from collections import Counter

from lnn_controller.data.bags.reader import Message
from lnn_controller.data.messages.images import EVERY_BIT, compressed_from_cdr, image_from_cdr
from lnn_controller.data.messages.types import IMAGE
from lnn_controller.data.messages.video import Frame, VideoDecoder, packet_from_cdr
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

__all__ = ['Frames']


class Frames:
    """
    Decodes the messages of one topic of images, one after the other.

    :param bits: that the values of a 16-bit image use
    :param fit: the network's frame that the pictures are for, as of :func:`.messages.images.compressed_from_cdr`
    """

    def __init__(self, bits: int = EVERY_BIT, fit: ImageSpec | None = None) -> None:
        self._bits, self._fit = bits, fit
        self._video = VideoDecoder()

    @property
    def drops(self) -> Counter[str]:
        """Packets of video that were left out, by reason (:data:`.drops.DROP_REASONS`)."""
        return self._video.drops

    @property
    def first_error(self) -> str:
        """What was wrong with the first damaged packet of video."""
        return self._video.first_error

    def take(self, message: Message) -> list[Frame]:
        """
        Decode the next message.

        :param message: of an image topic
        :returns: the frames that are ready now; of video, perhaps none yet, or those of messages before
        :raises NoDecoderError: if it is video, and what decodes that is not installed
        :raises InputError: if it does not decode
        """
        if message.msgtype == IMAGE:
            header_ns, _, picture = image_from_cdr(message.data, bits=self._bits)
            return [Frame(header_ns, message.stamp_ns, picture)]
        packet = packet_from_cdr(message.data, message.msgtype)
        if packet is not None:
            return self._video.feed(packet, message.stamp_ns)
        header_ns, _, picture = compressed_from_cdr(message.data, bits=self._bits, fit=self._fit)
        return [Frame(header_ns, message.stamp_ns, picture)]

    @staticmethod
    def is_still(message: Message) -> bool:
        """
        Tell a picture of its own from a packet of video, which builds on those before it.

        :param message: of an image topic
        :returns: whether :meth:`take` may be called on another thread, and before those of earlier messages return
        """
        try:
            return message.msgtype == IMAGE or packet_from_cdr(message.data, message.msgtype) is None
        except InputError:  # which take meets as well
            return True

    def rest(self) -> list[Frame]:
        """
        End the topic.

        :returns: the frames that were still to come
        """
        return self._video.finish()
