"""Noise of a camera."""

import numpy as np
from numpy.typing import NDArray

__all__ = ['add_noise']


def add_noise(image: NDArray[np.uint8], sigma: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """
    Add Gaussian noise to each value of a picture.

    :param image: of any shape
    :param sigma: standard deviation, of 255
    :param rng: source of the noise
    :returns: a new picture, rounded and clipped
    """
    return np.clip(np.rint(image + rng.normal(0.0, sigma, image.shape)), 0, 255).astype(np.uint8)
