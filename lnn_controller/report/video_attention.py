"""The camera's pictures with where the encoder looks laid over them."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from lnn_controller.policy import ImageSpec, Policy
from lnn_controller.policy.frame import rows_kept

__all__ = ['lay_over', 'with_attention']

GLOW = (251, 146, 60)
STRONGEST = 0.7  # how much of a picture the strongest attention covers


def lay_over(picture: NDArray[np.uint8], attention: NDArray[np.floating], image: ImageSpec) -> NDArray[np.uint8]:
    """
    Lay a map of attention over a picture, on the part of it that the policy sees.

    :param picture: rgb8, (H, W, 3), of any size
    :param attention: of the policy's frame, 0 … 1, (h, w)
    :param image: that frame
    :returns: a new picture, (H, W, 3)
    """
    height, width, _ = picture.shape
    rows = rows_kept(height, image)
    seen = cv2.resize(attention, (width, rows.stop - rows.start), interpolation=cv2.INTER_LINEAR)
    share = STRONGEST * seen[..., None]
    shown = picture.copy()
    shown[rows] = ((1.0 - share) * picture[rows] + share * np.array(GLOW)).astype(np.uint8)
    return shown


def with_attention(
    frames: Iterable[tuple[int, NDArray[np.uint8]]], policy: Policy
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """
    Lay the map of attention over pictures, on the part of them that the policy sees.

    :param frames: stamp (ns) and rgb8 picture (H, W, 3), of any size
    :param policy: whose encoder looks; without a map of attention the pictures stay as they are
    :returns: the same, with new pictures
    """
    for stamp_ns, picture in frames:
        if not policy.has_attention:
            yield stamp_ns, picture
            continue
        yield stamp_ns, lay_over(picture, policy.attention(policy.fit(picture)), policy.spec.image)
