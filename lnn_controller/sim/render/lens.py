"""What the camera's lens and sensor make of a picture: glare, drops, what falls, blur, distortion, noise."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.sim.render.motion import Motion

__all__ = ['Lens', 'Optics']

Array = NDArray[np.float32]
Image = NDArray[np.uint8]

STREAM = 7  # of the world's seed: beside those of roads, trials, scenery and darkness
LAMPS_M = (-0.095, 0.095)  # of the car's body, left of the camera
LAMPS_AHEAD_M = 0.265
STILL = np.zeros(3)
GLARE_COLOUR = np.array((255.0, 236.0, 196.0), np.float32)


@dataclass(frozen=True)
class Optics:
    """What lies between the world and the bytes of a picture; without arguments nothing."""

    headlights_m: float = 0.0  # how far the headlights reach, the world's only light then; 0: they are off
    glare: float = 0.0  # of the sun in the lens, 1: white where it stands
    drops: int = 0  # on the glass
    rain: int = 0  # streaks before the camera
    snow: int = 0  # flakes before the camera
    distortion: float = 0.0  # barrel: what the picture's corners show lies further out by this share
    noise: float = 0.0  # standard deviation, grey levels
    exposure_s: float = 0.0  # for which each row sees, s
    readout_s: float = 0.0  # from the first row to the last: a rolling shutter, s
    shake_deg: float = 0.0  # amplitude of the mount's shaking, °


class Lens:
    """
    Optics of one camera: the same picture, step and motion give the same bits, however often it is asked.

    :param optics: what it does
    :param size: of the pictures: width, height, pixels
    :param fovy_deg: vertical field of view, °
    :param seed: of drops, flakes and noise, ≥ 0
    :param sun: unit vector towards the sun, (3,)
    :param ground_m: height of the camera above the ground, for headlights and motion, m
    :param step_s: of the physics, s
    """

    def __init__(
        self,
        optics: Optics,
        size: tuple[int, int],
        *,
        fovy_deg: float,
        seed: int,
        sun: NDArray[np.float64],
        ground_m: float,
        step_s: float,
    ) -> None:
        width, height = size
        self._optics, self._seed, self._sun, self._ground_m = optics, seed, sun, ground_m
        self._focal = height / 2 / math.tan(math.radians(fovy_deg) / 2)
        # Pixels' centres, right of and below the middle.
        self._x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2)[None, :]
        self._y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2)[:, None]
        self._straight = np.arange(width * height).reshape(height, width)
        if optics.distortion:
            self._straight = self._barrel(optics.distortion)
        self._drops = _Drops(optics.drops, size, self._straight, seed)
        self._motion = Motion(
            self._x,
            self._y,
            self._focal,
            ground_m=ground_m,
            seed=seed,
            exposure_s=optics.exposure_s,
            readout_s=optics.readout_s,
            shake_deg=optics.shake_deg,
            step_s=step_s,
        )

    def __call__(
        self,
        picture: Image,
        step: int,
        attitude: NDArray[np.float64],
        *,
        velocity: NDArray[np.float64] = STILL,
        turning: NDArray[np.float64] = STILL,
    ) -> Image:
        """
        Take a picture through the lens.

        :param picture: what is there, rgb8, (H, W, 3)
        :param step: of the physics, now: drops, flakes and noise are those of this step
        :param attitude: columns are the camera's right, up and back in the world, (3, 3)
        :param velocity: of the camera in the world, m/s, (3,)
        :param turning: its angular velocity in the world, rad/s, (3,)
        :returns: rgb8, (H, W, 3), a new array
        """
        optics = self._optics
        rng = np.random.default_rng([self._seed, STREAM, step])
        seen = picture.astype(np.float32)
        if optics.headlights_m:
            seen *= self._light(attitude)[..., None]
        if optics.exposure_s or optics.readout_s or optics.shake_deg:
            seen = self._motion(seen, step, attitude, velocity, turning)
        if optics.rain or optics.snow:
            cover = self._falling(rng)[..., None]
            seen += (np.float32(236.0) - seen) * cover
        if optics.glare:
            seen = self._dazzle(seen, attitude)
        if optics.drops or optics.distortion:
            seen = self._drops(seen, step)
        if optics.noise:
            seen += np.float32(optics.noise) * rng.standard_normal(seen.shape, np.float32)
        return np.asarray(np.rint(seen.clip(0.0, 255.0)), np.uint8)

    def _light(self, attitude: NDArray[np.float64]) -> Array:
        """How brightly two lamps beside the camera light what each pixel shows: the ground, or what stands on it."""
        reach = self._optics.headlights_m
        down = (self._y * attitude[2, 1] + self._focal * attitude[2, 2]) / np.hypot(self._focal, self._y)
        # A ray that does not meet the ground within reach shows something there: the low beam's cut-off dims it.
        far = np.minimum(self._ground_m / np.maximum(down, 1e-3), 2 * reach)
        cut_off = np.exp(np.minimum(down - 0.03, 0.0) / 0.05)
        light = np.zeros((self._y.size, self._x.size), np.float32)
        for left in LAMPS_M:
            aside = -self._x / self._focal * far - left
            ahead = far - LAMPS_AHEAD_M
            bearing = np.arctan2(aside, ahead)
            light += np.exp(-((bearing / 0.45) ** 2)) / (1.0 + (np.hypot(aside, ahead) / reach * 2.0) ** 4)
        return np.asarray(1.5 * light * cut_off, np.float32)

    def _dazzle(self, seen: Array, attitude: NDArray[np.float64]) -> Array:
        """The sun in the lens: a veil, its glint on the road, ghosts; and the exposure that gives way to it."""
        right, up, back = attitude.T @ self._sun
        towards = -back
        if towards < 0.05:
            return seen
        x, y = self._focal * right / towards, -self._focal * up / towards
        r = np.hypot(self._x - x, self._y - y)
        veil = 1.6 * np.exp(-r / 9.0) + 0.75 * np.exp(-r / 60.0)
        glint = 0.8 * np.exp(-(((self._x - x) / 14.0) ** 2)) * np.clip((self._y - y) / 12.0, 0.0, 1.0)
        for share, radius in ((-0.35, 5.0), (-0.8, 11.0), (0.45, 7.0)):
            veil = veil + 0.16 * np.clip(radius + 0.5 - np.hypot(self._x - share * x, self._y - share * y), 0.0, 1.0)
        strength = self._optics.glare * towards**2
        seen = seen * np.float32(1.0 / (1.0 + 1.6 * strength * math.exp(-abs(x) / 130.0)))
        return np.asarray(seen + strength * (veil + glint)[..., None] * GLARE_COLOUR, np.float32)

    def _falling(self, rng: np.random.Generator) -> Array:
        """How much of each pixel something that falls hides, 0…1: streaks of rain, flakes of snow."""
        height, width = self._y.size, self._x.size
        cover = np.zeros((height, width), np.float32)
        for count, lengths, slant, wide, alpha in (
            (self._optics.rain, (5, 16), 0.25, 1, (0.15, 0.5)),
            (self._optics.snow, (1, 6), 0.8, 3, (0.4, 0.95)),
        ):
            start = rng.uniform((0, 0), (height, width), (count, 2))
            length = rng.integers(*lengths, count, endpoint=True)
            size = rng.integers(1, wide, count, endpoint=True)
            share = rng.uniform(*alpha, count).astype(np.float32)
            along, beside = np.meshgrid(np.arange(lengths[1]), np.arange(wide), indexing='ij')
            rows = (start[:, 0, None, None] + along).astype(int)
            columns = (start[:, 1, None, None] + slant * along + beside).astype(int)
            there = (along < np.maximum(length, size)[:, None, None]) & (beside < size[:, None, None])
            there &= (rows < height) & (columns < width)
            np.maximum.at(
                cover, (rows[there], columns[there]), np.broadcast_to(share[:, None, None], there.shape)[there]
            )
        return cover

    def _barrel(self, share: float) -> NDArray[np.int64]:
        """Which pixel each shows, once distorted: the corners their own, the middle what is nearer to it."""
        height, width = self._y.size, self._x.size
        corner = (width / 2) ** 2 + (height / 2) ** 2
        scale = (1 + share * (self._x**2 + self._y**2) / corner) / (1 + share)
        rows = (self._y * scale + height / 2).astype(int).clip(0, height - 1)
        columns = (self._x * scale + width / 2).astype(int).clip(0, width - 1)
        return np.asarray(rows * width + columns)


class _Drops:
    """Drops on the glass: each shows what lies around it upside down and blurred, until another takes its place."""

    def __init__(self, count: int, size: tuple[int, int], straight: NDArray[np.int64], seed: int) -> None:
        self._size, self._straight, self._seed = size, straight, seed
        rng = np.random.default_rng([seed, STREAM])
        self._life = rng.integers(300, 1800, count)  # steps
        self._phase = rng.integers(0, 1800, count)
        self._turn: bytes | None = None
        self._sources = straight
        self._wet: NDArray[np.bool_] = np.zeros(straight.shape, np.bool_)

    def __call__(self, seen: Array, step: int) -> Array:
        turn = (step + self._phase) // self._life
        if turn.tobytes() != self._turn:
            self._lay(turn)
            self._turn = turn.tobytes()
        through = seen.reshape(-1, 3)[self._sources]
        if self._life.size:
            through[self._wet] = _blur(through)[self._wet] * np.float32(0.92)
        return through

    def _lay(self, turn: NDArray[np.int64]) -> None:
        width, height = self._size
        sources, wet = self._straight.copy(), np.zeros((height, width), np.bool_)
        for k, number in enumerate(turn):
            rng = np.random.default_rng([self._seed, STREAM, k, int(number)])
            row, column, radius = rng.uniform((0.0, 0.0, 4.0), (height, width, 15.0))
            top, bottom = max(0, int(row - radius)), min(height, int(row + radius) + 1)
            left, right = max(0, int(column - radius)), min(width, int(column + radius) + 1)
            dy = (np.arange(top, bottom) + 0.5 - row)[:, None]
            dx = (np.arange(left, right) + 0.5 - column)[None, :]
            inside = np.hypot(dy, 0.85 * dx) < 0.9 * radius
            from_row = np.clip(row - 2.0 * dy, 0, height - 1).astype(int)
            from_column = np.clip(column - 2.0 * dx, 0, width - 1).astype(int)
            box = np.s_[top:bottom, left:right]
            sources[box] = np.where(inside, self._straight[from_row, from_column], sources[box])
            wet[box] |= inside
        self._sources, self._wet = sources, wet


def _blur(seen: Array) -> Array:
    """The mean of 5 × 5 pixels."""
    height, width = seen.shape[:2]
    padded = np.pad(seen, ((2, 2), (2, 2), (0, 0)), mode='edge')
    down, mean = padded[:height].copy(), np.zeros_like(seen)
    for k in range(1, 5):
        down += padded[k : k + height]
    for k in range(5):
        mean += down[:, k : k + width]
    return np.asarray(mean * np.float32(0.04))
