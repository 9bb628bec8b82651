"""Frames of a video file at given times, as JPEGs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.importers.drive import check_fetched
from lnn_controller.errors import InputError, how_to_install, short

__all__ = ['frames_of']

QUALITY = 95


def frames_of(file: Path, times_s: NDArray[np.float64], tolerance_s: float) -> Iterator[bytes]:
    """
    Decode a video, frame by frame, and take those that are wanted.

    :param file: the video
    :param times_s: when, rising, s
    :param tolerance_s: how far from that a frame's time may be, s
    :returns: an iterator over the frames as JPEGs, one for each time
    :raises InputError: if one is missing, the video is damaged, or PyAV is not installed
    """
    try:
        import av
    except ImportError:
        raise InputError(f'videos need PyAV. Install it: {how_to_install("video")}') from None
    wanted = iter(times_s.tolist())
    at_s = next(wanted, None)
    try:
        with av.open(str(file), format='mp4') as container:
            stream = container.streams.video[0]
            container.seek(max(0, int(times_s[0] / stream.time_base)), stream=stream)
            for frame in container.decode(stream):
                if at_s is None:
                    return
                if frame.time is None or frame.time < at_s - tolerance_s:
                    continue
                if frame.time > at_s + tolerance_s:
                    break
                yield _jpeg(frame)
                at_s = next(wanted, None)
    except (av.FFmpegError, IndexError) as error:
        check_fetched(file)
        raise InputError(f'{file} must be a video that can be decoded. Got: {short(str(error))}') from None
    if at_s is not None:
        raise InputError(f'{file}: the video must have a frame at {at_s:.3f} s. Got none within {tolerance_s:.3f} s')


def _jpeg(frame: Any) -> bytes:
    done, data = cv2.imencode('.jpg', frame.to_ndarray(format='bgr24'), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return data.tobytes()
