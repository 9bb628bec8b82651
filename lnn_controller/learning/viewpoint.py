"""Frames as if the camera stood aside and looked elsewhere, and the command that leads back: recoveries undriven."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lnn_controller.learning.config import TrainConfig

__all__ = ['Pose', 'Viewpoint', 'shortest_way', 'turn_back']

# Half of the windows stay as they were: the road as it was driven is to be driven too.
ODDS = 0.5
# The way back is not shorter than so many times the largest shift: slow robots turn no sharper.
SHORTEST_WAY = 4.0


@dataclass(frozen=True)
class Pose:
    """
    Where the camera is, by where it was.

    :param left_m: to the left, m
    :param turned_rad: turned to the left, rad
    """

    left_m: float
    turned_rad: float


def shortest_way(shift_m: float) -> float:
    """
    Tell within which way a robot comes back at the soonest.

    :param shift_m: by how much it may stand aside, m
    :returns: m
    """
    return max(SHORTEST_WAY * shift_m, 1e-3)


def turn_back(speed_m_s: float, left_m: float, turned_rad: float, recovery_s: float, shortest_m: float) -> float:
    """
    Tell how a robot turns back to its path: pure pursuit (Coulter 1992) of the point of it that it reaches in a time.

    :param speed_m_s: along it, m/s
    :param left_m: how far it stands to the left of it, m
    :param turned_rad: how far it is turned to the left of it, rad
    :param recovery_s: the time, s
    :param shortest_m: how far ahead the point is at least, m
    :returns: yaw rate other than the path's, rad/s
    """
    ahead = max(abs(speed_m_s) * recovery_s, shortest_m)
    return -2 * speed_m_s * (left_m + ahead * turned_rad) / ahead**2


class Viewpoint:
    """
    Changes of the viewpoint, drawn anew for each window.

    A window begins aside of where it was recorded, and turned. From there the robot comes back by pure pursuit of the
    recorded path, as a bicycle model does: command, yaw rate and every frame follow it. A frame is seen from elsewhere
    as by Bojarski et al. ("End to End Learning for Self-Driving Cars", 2016): whatever is below the horizon lies on
    flat ground, all else is infinitely far away; a homography for each.

    :param config: with ``viewpoint_shift`` and ``viewpoint_turn``, the camera, crops and outputs
    :param height: of the network's frames, px
    :param width: of the network's frames, px
    """

    def __init__(self, config: TrainConfig, height: int, width: int) -> None:
        self._shift_m, self._turn_rad = config.viewpoint_shift, math.radians(config.viewpoint_turn)
        self._recovery_s = config.recovery_s
        self._speed, self._turn = (config.outputs.index(name) for name in ('linear_x', 'angular_z'))
        across, down = (math.radians(each) for each in config.camera_fov)
        kept = 1 - config.crop_top - config.crop_bottom
        focal = np.array([width / 2 / math.tan(across / 2), height / kept / 2 / math.tan(down / 2)])
        # The camera's axis may lie outside of what the crop has left; pixels are counted by their centres.
        centre = np.array([width / 2, (0.5 - config.crop_top) * height / kept]) - 0.5
        self._horizon = (config.camera_horizon - config.crop_top) * height / kept - 0.5
        self._camera = np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]])
        pitch = math.atan((centre[1] - self._horizon) / focal[1])
        self._down = np.array([0, math.cos(pitch), math.sin(pitch)])
        self._camera_height_m = config.camera_height

    def start(self, rng: np.random.Generator) -> Pose | None:
        """
        Draw where a window begins.

        :param rng: source of randomness
        :returns: where, by the recorded path; ``None``: as it was recorded
        """
        if rng.random() >= ODDS:
            return None
        return Pose(*(rng.uniform(-most, most) for most in (self._shift_m, self._turn_rad)))

    def way_back(
        self, start: Pose, command: NDArray[np.float32], dt_s: NDArray[np.float32]
    ) -> tuple[list[Pose], NDArray[np.float32]]:
        """
        Come back to the recorded path.

        :param start: where, by the path
        :param command: recorded at each tick, (T, C)
        :param dt_s: since the previous tick, (T,)
        :returns: pose at each tick; the command there, (T, C)
        """
        left, turned = start.left_m, start.turned_rad
        poses, changed = [], command.copy()
        following = [*dt_s[1:].tolist(), 0.0]
        for tick, (speed, dt) in enumerate(zip(command[:, self._speed].tolist(), following, strict=True)):
            poses.append(Pose(left, turned))
            rate = turn_back(speed, left, turned, self._recovery_s, shortest_way(self._shift_m))
            changed[tick, self._turn] += rate
            left, turned = left + dt * speed * math.sin(turned), turned + dt * rate
        return poses, changed

    def seen(self, frame: NDArray[np.uint8], pose: Pose) -> NDArray[np.uint8]:
        """
        See a frame from elsewhere; where it shows nothing, its edge is drawn out.

        :param frame: rgb8, (H, W, 3)
        :param pose: of the camera, by where the frame was taken
        :returns: frame of the same shape
        """
        height, width = frame.shape[:2]
        split = min(max(math.ceil(self._horizon), 0), height)
        turn = self._turned(pose.turned_rad)
        # What is p in the old camera is turn (p - t) in the new one, which stands t = -left of it along its x axis.
        ground = np.eye(3) + np.outer([pose.left_m, 0, 0], self._down) / self._camera_height_m
        parts = ((turn, 0, split), (turn @ ground, split, height))
        rows = [self._warped(frame, how, low, high, width) for how, low, high in parts if low < high]
        return np.concatenate(rows)

    def _turned(self, angle_rad: float) -> NDArray[np.float64]:
        """Coordinates of the camera turned left about the vertical by those of the other, (3, 3)."""
        return np.asarray(cv2.Rodrigues(self._down * angle_rad)[0], np.float64)

    def _warped(
        self, frame: NDArray[np.uint8], how: NDArray[np.float64], low: int, high: int, width: int
    ) -> NDArray[np.uint8]:
        up = np.array([[1, 0, 0], [0, 1, -low], [0, 0, 1]])
        pixels = up @ self._camera @ how @ np.linalg.inv(self._camera)
        return np.asarray(
            cv2.warpPerspective(
                frame, pixels, (width, high - low), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            ),
            np.uint8,
        )
