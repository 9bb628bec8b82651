"""A few of the frames of many recordings, evenly spread: what a camera sees, without its hours."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.choice import choose_image
from lnn_controller.data.frames import Frames
from lnn_controller.data.messages.types import COMPRESSED_IMAGE, IMAGE
from lnn_controller.data.messages.video import Frame, NoDecoderError
from lnn_controller.errors import InputError
from lnn_controller.policy.frame import fit_frame
from lnn_controller.policy.spec import ImageSpec

__all__ = ['sample_frames']


def sample_frames(bags: Sequence[str | Path], image: ImageSpec, most: int) -> NDArray[np.uint8]:
    """
    Take frames out of recordings, as many of each; commands are not looked at.

    :param bags: paths of the bags, at least one
    :param image: frame that the encoder takes
    :param most: frames in all, at least one a bag
    :returns: frames, (N, H, W, 3), N about ``most``, or all that there are
    :raises InputError: if a bag cannot be read, has no images or leaves the choice of their topic open, or none decodes
    """
    return np.stack([frame for bag in bags for frame in _frames(bag, image, max(1, most // len(bags)))])


def _frames(path: str | Path, image: ImageSpec, most: int) -> list[NDArray[np.uint8]]:
    with Bag(path) as bag:
        topic = choose_image(bag, None)[0]
        if topic is None:
            raise InputError(f'bag {bag.path} must have images. Topics there: {bag.describe_topics()}')
        step, taken, frames, first_error = -(-topic.count // most), 0, Frames(image.bits, image), ''
        found: list[NDArray[np.uint8]] = []

        def keep(ready: list[Frame]) -> None:
            nonlocal taken
            for frame in ready:
                if taken % step == 0:
                    found.append(fit_frame(frame.picture, image))
                taken += 1

        for number, message in enumerate(bag.messages([topic.name])):
            whole = message.msgtype in (IMAGE, COMPRESSED_IMAGE)  # a frame of video needs those before it
            if whole and number % step:
                continue
            try:
                ready = frames.take(message)
            except NoDecoderError:
                raise
            except InputError as error:
                first_error = first_error or str(error)
                continue
            if whole:
                found += [fit_frame(frame.picture, image) for frame in ready]
            else:
                keep(ready)
        keep(frames.rest())
        if not found:
            reason = first_error or frames.first_error or 'it has no messages'
            raise InputError(f'bag {bag.path}, topic {topic.name}: no frame decodes: {reason}')
        return found
