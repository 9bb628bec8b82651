"""One way, in training and on the robot, to make a camera's frame into the encoder's frame."""

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

__all__ = ['fit_frame', 'holds_frame', 'rows_kept']


def fit_frame(image: NDArray[np.uint8], spec: ImageSpec) -> NDArray[np.uint8]:
    """
    Crop and resize a frame to what the encoder takes.

    A frame that already fits is returned as it is, without a copy. One that is a view of OpenCV's order of colours
    (blue first in memory) is resized in that order; only the pixels that are left change their colours' places.

    :param image: rgb8 frame, (H, W, 3) uint8, H and W at least 1 px
    :param spec: the encoder's frame; its crop is taken from the incoming frame, before resizing
    :returns: contiguous frame, (spec.height, spec.width, 3) uint8
    :raises InputError: if the image is not a uint8 array of shape (H, W, 3) with at least one row left by the crop
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        shape, kind = getattr(image, 'shape', None), getattr(image, 'dtype', type(image).__name__)
        raise InputError(f'an image must be an rgb8 array of shape (height, width, 3), uint8. Got {shape}, {kind}')
    if image.strides[2] < 0:
        import cv2

        return np.asarray(cv2.cvtColor(fit_frame(image[..., ::-1], spec), cv2.COLOR_BGR2RGB), dtype=np.uint8)
    height = image.shape[0]
    if spec.crop_top or spec.crop_bottom:
        image = image[rows_kept(height, spec)]
    if image.shape[0] < 1 or image.shape[1] < 1:
        raise InputError(f'an image must keep a pixel after the crop. Got {height} rows, {image.shape[1]} columns')
    if image.shape[:2] != (spec.height, spec.width):
        # Imported here: a robot whose camera already has the encoder's size never loads it (about 20 MB).
        import cv2

        image = np.asarray(cv2.resize(image, (spec.width, spec.height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.ascontiguousarray(image)


def holds_frame(spec: ImageSpec, height: int, width: int) -> bool:
    """
    Return whether a picture has the pixels of the encoder's frame, so that it is only shrunk.

    :param spec: the encoder's frame and its crop
    :param height: of the picture, px
    :param width: of the picture, px
    :returns: whether it has, after the crop, in both directions
    """
    rows = rows_kept(height, spec)
    return rows.stop - rows.start >= spec.height and width >= spec.width


def rows_kept(height: int, spec: ImageSpec) -> slice:
    """
    Return which rows of a picture the crop leaves.

    :param height: of the picture, px
    :param spec: the encoder's frame and its crop
    :returns: those rows
    """
    return slice(round(height * spec.crop_top), height - round(height * spec.crop_bottom))
