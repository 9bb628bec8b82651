"""Photometric augmentation of whole sequences, on uint8 frames: what makes a summer policy see in winter."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['Augment', 'cue_mask', 'mirror_commands', 'mirror_imu']

# One draw of Gaussian noise serves all frames, read from a random place each time: drawing it anew for every frame
# would cost more than the rest of the augmentation together.
_NOISE_BANK = 1 << 22
_SHAPES = (cv2.MORPH_OPEN, cv2.MORPH_CLOSE, cv2.MORPH_DILATE, cv2.MORPH_ERODE)
_SHAPE_ODDS = (0.25, 0.1, 0.1, 0.1, 0.45)
_NOISE = {'wide': 0.08, 'mild': 0.03, 'colour': 0.06, 'cue': 0.06}

# From where on a pixel is none of the cue, and all of it: in grey levels of colour, which earth and bark have few of,
# and in shares of the cue's own saturation, which the sky has little of.
_CUE_LEVELS, _CUE_SATURATION = (30.0, 60.0), (0.3, 0.6)
# A hue further from the cue's than this is another one, however strong.
_CUE_HUE_RAD = np.deg2rad(40.0)
# Colours in the plane across grey, in grey levels: red against the rest, green against blue.
_OPPONENT = np.array([[1, -0.5, -0.5], [0, 0.75**0.5, -(0.75**0.5)]], np.float32)
# How often all but the cue is painted anew; else the hues of the sequence are kept, as *colour* keeps them.
_PAINT_ODDS = 0.65
# Colours are painted anew by a table over red, green and blue: random at so many values of each, linear in between,
# and looked up for so many.
_NODES, _VALUES = 5, 32
_MOST_PATCHES = 5


class Augment:
    """
    Random colour and light, the same for all frames of one sequence (a season does not change within a second).

    *wide* mixes and permutes the colour channels, bends each by a gamma, inverts some, squeezes the contrast around a
    random grey, and adds noise; *mild* keeps to gain, offset and a little noise; *none* leaves the frames alone.

    Where what is sought is known by its colour, *wide* would take that away. *colour* changes light, contrast and
    saturation, and keeps every hue. *cue* does so to what has the cue's hue, and paints all the rest anew: each of its
    colours becomes any other, and some flat patches stand about, so that grass, trunk and sky look like snow, wall and
    road do, and nothing but the cue tells where to go. Some sequences are *colour* alone: the world as it is is to be
    driven in too.

    :param strength: ``wide``, ``mild``, ``colour``, ``cue`` or ``none``
    :param rng: source of randomness
    :param cue_colour: red, green and blue of the cue, 0–255; of use to ``cue`` alone
    """

    def __init__(self, strength: str, rng: np.random.Generator, cue_colour: Sequence[int] = (255, 0, 0)) -> None:
        self.strength = strength
        self.rng = rng
        self.cue_colour = cue_colour
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
        flat = np.ascontiguousarray(frames).reshape(-1, shape[2], 3)
        if self.strength == 'wide':
            changed = self._recolour(frames)
        elif self.strength == 'mild':
            changed = self._mild(flat)
        else:
            changed = self._colour(flat)
            if self.strength == 'cue' and self.rng.random() < _PAINT_ODDS:
                changed = _blend(self._paint(frames), changed, cue_mask(frames, self.cue_colour))
        return self._add_noise(changed, self.rng.uniform(0, _NOISE[self.strength])).reshape(shape)

    def look(self, seed: Sequence[int]) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
        """
        Return one change, to be made to a sequence a part at a time.

        :param seed: decides which change
        :returns: changes frames, rgb8, (U, H, W, 3), the same way whenever it is called
        """

        def change(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
            self.rng = np.random.default_rng(seed)
            return self(frames)

        return change

    def _recolour(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Change marks and colours as *wide* does, (U·H, W, 3)."""
        changed = np.ascontiguousarray(self._reshape_marks(frames))
        return self._wide(changed.reshape(-1, frames.shape[2], 3))

    def _paint(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give each colour another one, and let flat patches stand about, (U·H, W, 3)."""
        rng = self.rng
        # Rather extremes than greys: snow is white, a trunk before it black.
        table = rng.beta(0.6, 0.6, (_NODES, _NODES, _NODES, 3)).astype(np.float32)
        for axis in range(3):
            table = _stretched(table, axis)
        # Of the colours' own order of light and dark a share is kept, so that shapes stay what they are.
        own = np.stack(np.meshgrid(*[np.linspace(0, 1, _VALUES, dtype=np.float32)] * 3, indexing='ij'), -1)
        keep = np.float32(rng.uniform(0, 0.6))
        value = np.rint(255 * (keep * own + (1 - keep) * table)).astype(np.uint8).reshape(-1, 3)
        changed = np.ascontiguousarray(self._reshape_marks(frames))
        red, green, blue = (each.astype(np.int32) for each in np.moveaxis(changed >> 3, -1, 0))
        painted = value[(red * _VALUES + green) * _VALUES + blue]
        height, width = frames.shape[1:3]
        for _ in range(int(rng.integers(0, _MOST_PATCHES + 1))):
            top, left = int(rng.integers(height)), int(rng.integers(width))
            bottom, right = top + int(rng.integers(3, height // 2)), left + int(rng.integers(2, width // 3))
            painted[:, top:bottom, left:right] = rng.integers(0, 256, 3)
        return np.asarray(painted.reshape(-1, width, 3), np.uint8)

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

    def _colour(self, flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
        rng = self.rng
        saturation = rng.uniform(0.5, 1.3)
        mixing = saturation * np.eye(3) + (1 - saturation) / 3 + rng.normal(0, 0.04, (3, 3))
        mixed = cv2.transform(flat, mixing.astype(np.float32))
        # One gamma is the light's; the channels' own differ by little, as white balance does.
        gamma = np.exp(rng.uniform(np.log(0.55), np.log(1.8)) + rng.normal(0, 0.1, 3))
        contrast = rng.uniform(0.5, 1.0)
        value = contrast * np.linspace(0, 1, 256)[:, None] ** gamma + (1 - contrast) * rng.random()
        return _look_up(mixed, np.rint(255 * value))

    def _mild(self, flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
        gain = self.rng.uniform(0.7, 1.3, 3) * self.rng.uniform(0.8, 1.2)
        value = np.arange(256)[:, None] * gain + self.rng.uniform(-30, 30)
        return _look_up(flat, np.clip(np.rint(value), 0, 255))

    def _add_noise(self, flat: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
        start, bank = int(self.rng.integers(self._noise.size)), self._noise
        # The bank is read on as it lies, from the start again where it ends: to gather rows would cost as much as all.
        noise = bank[start : start + flat.size]
        while len(noise) < flat.size:
            noise = np.concatenate([noise, bank[: flat.size - len(noise)]])
        noise = noise.reshape(flat.shape)
        return np.asarray(cv2.addWeighted(flat, 1.0, noise, 255.0 * sigma, 0.0, dtype=cv2.CV_8U), np.uint8)


def cue_mask(frames: NDArray[np.uint8], cue_colour: Sequence[int]) -> NDArray[np.float32]:
    """
    Find what has the cue's hue, in whatever light.

    :param frames: rgb8, (U, H, W, 3)
    :param cue_colour: red, green and blue of the cue, 0–255, (3,); it has a hue
    :returns: from 0, something else, to 1, the cue, with soft edges, (U, H, W)
    """
    cue = _OPPONENT @ np.asarray(cue_colour, np.float32)
    levels = float(np.hypot(*cue))
    (cos, sin), shape = cue / levels, frames.shape[:-1]
    flat = np.ascontiguousarray(frames).reshape(-1, shape[2], 3)
    turned = np.array([[cos, sin], [-sin, cos]], np.float32) @ _OPPONENT
    along, across = (np.asarray(each, np.float32) for each in cv2.split(cv2.transform(flat.astype(np.float32), turned)))
    red, green, blue = cv2.split(flat)
    lightness = np.maximum(cv2.max(cv2.max(red, green), blue), 1).astype(np.float32)
    # Colour of the cue's hue. What lies beside it counts against it: a cone about grey, since the hue of what is nearly
    # grey is chance.
    strength = along - np.abs(across) / np.float32(np.tan(_CUE_HUE_RAD))
    saturation = strength / lightness / np.float32(levels / np.max(cue_colour))
    mask = (_ramp(strength, *_CUE_LEVELS) * _ramp(saturation, *_CUE_SATURATION)).reshape(shape)
    # A pixel at the edge of the cue is half cue and half of what lies behind it.
    grown = np.ones((2, 2), np.uint8)
    return np.stack([cv2.GaussianBlur(cv2.dilate(each, grown), (3, 3), 0) for each in mask]).astype(np.float32)


def _stretched(table: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """A table with as many values along an axis as are looked up, linear between those that it has."""
    at = np.linspace(0, table.shape[axis] - 1, _VALUES)
    low = np.minimum(at.astype(np.int64), table.shape[axis] - 2)
    share = np.expand_dims((at - low).astype(np.float32), [each for each in range(table.ndim) if each != axis])
    return np.asarray(table.take(low, axis) * (1 - share) + table.take(low + 1, axis) * share, np.float32)


def _ramp(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.float32]:
    """0 up to the one value, 1 from the other on."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)


def _blend(rest: NDArray[np.uint8], cue: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The one picture where the mask is 0, the other where it is 1."""
    share = mask.reshape(rest.shape[:2])
    return np.asarray(cv2.blendLinear(rest, cue, 1 - share, share), np.uint8)


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
