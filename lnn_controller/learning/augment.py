"""Photometric augmentation of whole sequences, on uint8 frames: what makes a summer policy see in winter."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['Augment', 'mirror_commands', 'mirror_imu']

# One draw of Gaussian noise serves all frames, read from a random place each time: drawing it anew for every frame
# would cost more than the rest of the augmentation together.
_NOISE_BANK = 1 << 22
_SHAPES = (cv2.MORPH_OPEN, cv2.MORPH_CLOSE, cv2.MORPH_DILATE, cv2.MORPH_ERODE)
_SHAPE_ODDS = (0.25, 0.1, 0.1, 0.1, 0.45)


class Augment:
    """
    Random colour and light, the same for all frames of one sequence (a season does not change within a second).

    *wide* mixes and permutes the colour channels, bends each by a gamma, inverts some, squeezes the contrast around a
    random grey, and adds noise; *mild* keeps to gain, offset and a little noise; *none* leaves the frames alone.

    :param strength: ``wide``, ``mild`` or ``none``
    :param rng: source of randomness
    """

    def __init__(self, strength: str, rng: np.random.Generator) -> None:
        self.strength = strength
        self.rng = rng
        self._noise = rng.standard_normal(_NOISE_BANK if strength != 'none' else 0, dtype=np.float32)

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """
        Change one sequence.

        :param frames: rgb8, (U, H, W, 3)
        :returns: new frames of the same shape
        """
        if self.strength == 'none':
            return frames
        shape = frames.shape
        if self.strength == 'wide':
            frames = self._reshape_marks(frames)
        flat = np.ascontiguousarray(frames).reshape(-1, shape[2], 3)
        flat = self._wide(flat) if self.strength == 'wide' else self._mild(flat)
        return self._add_noise(flat, self.rng.uniform(0, 0.08 if self.strength == 'wide' else 0.03)).reshape(shape)

    def _reshape_marks(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """
        Wipe out or widen thin marks, blur: lane lines that are worn, wet or under snow.

        A grey-scale opening takes away what is bright and thinner than its kernel, a closing what is dark; a dilation
        lets bright ground grow over its border, an erosion dark ground.
        """
        rng = self.rng
        kind = rng.choice(len(_SHAPES) + 1, p=_SHAPE_ODDS)
        kernel = np.ones((int(rng.integers(1, 4)), int(rng.integers(3, 12))), np.uint8)
        blur = float(rng.uniform(0.5, 2.0)) if rng.random() < 0.3 else 0.0
        if kind == len(_SHAPES) and not blur:
            return frames
        result = np.empty_like(frames)
        for i, frame in enumerate(frames):
            changed = cv2.morphologyEx(frame, _SHAPES[kind], kernel) if kind < len(_SHAPES) else frame
            result[i] = cv2.GaussianBlur(changed, (0, 0), blur) if blur else changed
        return result

    def _wide(self, flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
        rng = self.rng
        permutation = np.eye(3)[rng.permutation(3)]
        keep = rng.random()
        mixing = keep * permutation + (1 - keep) * rng.dirichlet(np.ones(3), 3)
        mixed = cv2.transform(flat, mixing.astype(np.float32))
        # Gamma, inversion and contrast are functions of one channel value: one table of 256 for each channel.
        value = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.uniform(np.log(0.4), np.log(2.5), 3))
        value = np.where(rng.random(3) < 0.25, 1 - value, value)
        contrast = rng.uniform(0.3, 1.0)
        value = contrast * value + (1 - contrast) * rng.random()
        return _look_up(mixed, np.rint(255 * value))

    def _mild(self, flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
        gain = self.rng.uniform(0.7, 1.3, 3) * self.rng.uniform(0.8, 1.2)
        value = np.arange(256)[:, None] * gain + self.rng.uniform(-30, 30)
        return _look_up(flat, np.clip(np.rint(value), 0, 255))

    def _add_noise(self, flat: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
        start = int(self.rng.integers(self._noise.size))
        row = flat.shape[1] * 3
        # Rows wrap round the bank; each sequence starts somewhere else in it.
        index = (start + np.arange(flat.shape[0]) * row) % (self._noise.size - row)
        noise = np.lib.stride_tricks.sliding_window_view(self._noise, row)[index].reshape(flat.shape)
        return np.asarray(cv2.addWeighted(flat, 1.0, noise, 255.0 * sigma, 0.0, dtype=cv2.CV_8U), np.uint8)


def _look_up(flat: cv2.typing.MatLike, table: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Replace each value by its channel's entry in a table (256, 3)."""
    return np.asarray(cv2.LUT(flat, table.astype(np.uint8)[:, None, :]), np.uint8)


def mirror_imu(imu: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Mirror an IMU: roll and yaw rate and lateral acceleration change sign.

    :param imu: gyro and accelerometer, (…, 6)
    :returns: those of the mirrored world, (…, 6)
    """
    return imu * np.array([-1, 1, -1, 1, -1, 1], np.float32)


def mirror_commands(commands: NDArray[np.float32], channels: tuple[str, ...]) -> NDArray[np.float32]:
    """
    Mirror commands: what goes left goes right.

    :param commands: of the channels, (…, C)
    :param channels: names of the C channels
    :returns: those of the mirrored world, (…, C)
    """
    signs = [-1.0 if name in ('angular_z', 'linear_y') else 1.0 for name in channels]
    return commands * np.array(signs, np.float32)
