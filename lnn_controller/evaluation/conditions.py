"""What makes a trial harder for a policy than the world does: a bad camera, no memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.noise import add_noise
from lnn_controller.settings import check_settings, setting

__all__ = ['Conditions', 'WorseCamera']

STREAMS = (101, 102)  # of chance: beside those of the worlds and tasks of the same seed


@dataclass(frozen=True)
class Conditions:
    """
    Conditions of a trial; without arguments those of the world alone.

    :raises InputError: if a value is out of its range
    """

    image_noise: float = setting(
        0.0, 'Noise of the camera: standard deviation of each value of its pictures, of 255.', '', 0.0, 255.0
    )
    drop_frames: float = setting(0.0, 'Share of the frames that are lost, each by chance.', '', 0.0, below=1.0)
    memory: bool = setting(True, "The network's state goes from tick to tick; without, it is wiped before each.")

    def __post_init__(self) -> None:
        check_settings(self)


class WorseCamera:
    """
    A camera by the conditions; the same seed gives the same noise and the same losses.

    :param conditions: of the trial
    :param seed: of the world
    """

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self._conditions = conditions
        self._noise, self._loss = (np.random.default_rng([seed, stream]) for stream in STREAMS)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """
        Worsen a frame.

        :param image: rgb8, (H, W, 3)
        :returns: what arrives of it; ``None``: nothing
        """
        conditions = self._conditions
        lost = self._loss.random() < conditions.drop_frames
        if conditions.image_noise:
            image = add_noise(image, conditions.image_noise, self._noise)
        return None if lost else image
